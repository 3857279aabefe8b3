//! How what was typed differs from what is there, line by line.

/// A line of a difference.
pub(super) struct Line {
    pub(super) text: String,
    pub(super) is_same: bool,
    pub(super) is_added: bool,
}

/// How fields differ: of each its name, what it was and what it became.
pub(super) fn difference(fields: &[(&str, &str, &str)]) -> Vec<Line> {
    let mut lines = Vec::new();
    for (name, before, after) in fields {
        let line = |text: &str, is_same, is_added| Line { text: format!("{name}: {text}"), is_same, is_added };
        if before == after {
            lines.push(line(before, true, false));
        } else {
            lines.extend([line(before, false, false), line(after, false, true)]);
        }
    }
    lines
}
