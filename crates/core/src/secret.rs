//! Values that must never be seen by chance.

use std::{borrow::Cow, fmt};

use zeroize::Zeroizing;

/// Bytes that are wiped when dropped and that neither `Debug` nor `Display` shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes themselves. Whoever calls this answers for where they go.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as text, or `None` when they are not UTF-8.
    pub fn expose_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text.into_bytes())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// What stands in the place of a credential.
pub const HIDDEN: &str = "[redacted]";

/// A text without the credentials in it: tokens and assertions (JWTs), which their form gives away, texts with a private
/// key, and what the caller knows for a secret. The text is looked at whole, by its words, and by its runs of the
/// letters that JWTs are made of.
pub fn without_credentials<'t>(text: &'t str, is_secret: &dyn Fn(&str) -> bool) -> Cow<'t, str> {
    if text.contains("PRIVATE KEY-----") || is_secret(text) {
        return Cow::Borrowed(HIDDEN);
    }
    let is_found = |part: &&str| is_jwt(part) || is_secret(part);
    let runs = text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')));
    let found: Vec<&str> = text.split(' ').chain(runs).filter(is_found).collect();
    found.into_iter().fold(Cow::Borrowed(text), |text, found| Cow::Owned(text.replace(found, HIDDEN)))
}

/// Whether a text is a JWT, signed or encrypted: its header is a JSON object, in base64.
fn is_jwt(text: &str) -> bool {
    text.starts_with("eyJ") && matches!(text.split('.').count(), 3 | 5)
}

#[cfg(test)]
mod tests {
    use super::{Secret, without_credentials};

    #[test]
    fn credentials_are_hidden_wherever_they_stand() {
        let hidden = |text: &str| without_credentials(text, &|part| part == "a secret" || part == "s~1").into_owned();
        for (text, left) in [
            ("", ""),
            ("read:x", "read:x"),
            ("eyJh.eyJp.c2ln", "[redacted]"),
            ("a eyJh.eyJp.c2ln,eyJh.k.i.c.t b", "a [redacted],[redacted] b"),
            ("https://a.example/?t=eyJh.eyJp.c2ln&u", "https://a.example/?t=[redacted]&u"),
            ("eyJh.eyJp", "eyJh.eyJp"),
            ("www.example.com", "www.example.com"),
            ("a secret", "[redacted]"),
            ("x s~1 y", "x [redacted] y"),
            ("-----BEGIN PRIVATE KEY-----\nMIIE", "[redacted]"),
        ] {
            assert_eq!(hidden(text), left, "{text}");
        }
    }

    #[test]
    fn debug_shows_nothing() {
        let secret = Secret::from("correct horse".to_owned());
        assert_eq!(format!("{secret:?}"), "[secret]");
        assert_eq!(secret.expose_text(), Some("correct horse"));
    }
}
