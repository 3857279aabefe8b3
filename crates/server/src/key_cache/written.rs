//! JSON as answers have it, piece by piece.

use serde::Serialize;

/// A member of an object, behind a comma.
pub(super) fn member(out: &mut String, name: &str, value: &(impl Serialize + ?Sized)) {
    out.extend([",\"", name, "\":"]);
    json(out, value);
}

/// A value.
pub(super) fn json(out: &mut String, value: &(impl Serialize + ?Sized)) {
    // Texts and numbers always serialize.
    out.push_str(&serde_json::to_string(value).unwrap_or_default());
}

/// A list of texts, if there are any; `each` is told where every one begins, behind its quote.
pub(super) fn list<'t>(
    out: &mut String,
    name: &str,
    texts: impl Iterator<Item = &'t str>,
    mut each: impl FnMut(usize, &'t str),
) {
    let mut texts = texts.peekable();
    if texts.peek().is_none() {
        return;
    }
    out.extend([",\"", name, "\":"]);
    for (at, text) in texts.enumerate() {
        out.push(if at == 0 { '[' } else { ',' });
        each(out.len() + 1, text);
        json(out, text);
    }
    out.push(']');
}
