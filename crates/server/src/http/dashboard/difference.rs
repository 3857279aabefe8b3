//! How what was typed, or done, differs from what was there.

/// A line of a difference.
pub(super) struct Line {
    pub(super) text: String,
    pub(super) is_same: bool,
    pub(super) is_added: bool,
}
