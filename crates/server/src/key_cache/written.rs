//! JSON as answers have it, piece by piece.

use serde::Serialize;

/// Pieces of JSON as they are.
pub(super) fn raw<const N: usize>(out: &mut Vec<u8>, pieces: [&str; N]) {
    pieces.iter().for_each(|piece| out.extend_from_slice(piece.as_bytes()));
}

/// A member of an object, behind a comma.
pub(super) fn member(out: &mut Vec<u8>, name: &str, value: &(impl Serialize + ?Sized)) {
    raw(out, [",\"", name, "\":"]);
    json(out, value);
}

/// A value.
pub(super) fn json(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    // Texts and numbers always serialize, and memory takes them.
    let _ = serde_json::to_writer(out, value);
}

/// A list of texts, if there are any; `each` is told where every one begins, behind its quote.
pub(super) fn list<'t>(
    out: &mut Vec<u8>,
    name: &str,
    texts: impl Iterator<Item = &'t str>,
    mut each: impl FnMut(usize, &'t str),
) {
    let mut texts = texts.peekable();
    if texts.peek().is_none() {
        return;
    }
    raw(out, [",\"", name, "\":"]);
    for (at, text) in texts.enumerate() {
        out.push(if at == 0 { b'[' } else { b',' });
        each(out.len() + 1, text);
        json(out, text);
    }
    out.push(b']');
}
