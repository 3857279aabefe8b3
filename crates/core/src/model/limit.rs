//! Rate limits with a name, of keys and of identities; namespaces and their overrides.

use serde::{Deserialize, Serialize};

use super::WorkspaceNumber;

/// The shortest window, in milliseconds.
pub const DURATION_MIN: i64 = 1000;
/// The longest window of the standalone limiter, in milliseconds: 30 days.
pub const DURATION_MAX: i64 = 2_592_000_000;

/// A limit that a key or an identity has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedLimit {
    /// The identity on the wire (`rl_…`).
    pub id: String,
    /// Unique on its key or identity. The counter belongs to it.
    pub name: String,
    /// How much one window lets through.
    pub limit: i64,
    /// The window, in milliseconds.
    pub duration: i64,
    /// Whether every verification counts against it.
    #[serde(rename = "autoApply")]
    pub auto_apply: bool,
}

/// A limit that somebody wants; the same name stays the same limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedLimit {
    /// The name.
    pub name: String,
    /// How much one window lets through.
    pub limit: i64,
    /// The window, in milliseconds.
    pub duration: i64,
    /// Whether every verification counts against it.
    pub auto_apply: bool,
}

/// The limits that `wanted` asks for: a name that is there already keeps its id, and `new_id` makes those of the others.
pub fn replace(stored: &[NamedLimit], wanted: Vec<WantedLimit>, mut new_id: impl FnMut() -> String) -> Vec<NamedLimit> {
    let known = |name: &str| stored.iter().find(|limit| limit.name == name).map(|limit| limit.id.clone());
    wanted
        .into_iter()
        .map(|want| NamedLimit {
            id: known(&want.name).unwrap_or_else(&mut new_id),
            name: want.name,
            limit: want.limit,
            duration: want.duration,
            auto_apply: want.auto_apply,
        })
        .collect()
}

/// A namespace of the standalone limiter, with its overrides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// The row's number.
    pub number: i64,
    /// The workspace it belongs to.
    pub workspace: WorkspaceNumber,
    /// The identity on the wire (`rlns_…`).
    pub id: String,
    /// Unique in the workspace.
    pub name: String,
    /// In the order of their ids.
    pub overrides: Vec<Override>,
}

/// Another limit for some identifiers of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The identity on the wire (`rlor_…`).
    pub id: String,
    /// An identifier, or a pattern in which `*` stands for any run of characters.
    pub identifier: String,
    /// How much one window lets through; nothing when it is 0.
    pub limit: i64,
    /// The window, in milliseconds.
    pub duration: i64,
}

impl Namespace {
    /// The override for an identifier: the one with exactly this text, or else the longest pattern that fits, so that
    /// the answer does not depend on their order.
    pub fn override_for(&self, identifier: &str) -> Option<&Override> {
        let exact = self.overrides.iter().find(|over| over.identifier == identifier);
        let patterns = || self.overrides.iter().filter(|over| fits(&over.identifier, identifier));
        exact.or_else(|| {
            patterns().max_by_key(|over| (over.identifier.len(), std::cmp::Reverse(over.identifier.clone())))
        })
    }
}

/// Whether the pattern, in which `*` stands for any run of characters, fits the whole text.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(first) = parts.next() else { return false };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_texts() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*", "abc", true),
            ("a*", "ba", false),
            ("*@x.com", "joe@x.com", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("ab*ab", "ab", false),
            ("plain", "plain", true),
            ("plain", "plainer", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn the_exact_override_wins_and_then_the_longest_pattern() {
        let over = |identifier: &str| Override {
            id: format!("rlor_{identifier}"),
            identifier: identifier.to_owned(),
            limit: 1,
            duration: 1000,
        };
        let overrides = vec![over("*"), over("user_*"), over("user_1")];
        let namespace =
            Namespace { number: 1, workspace: WorkspaceNumber(1), id: "rlns_1".into(), name: "n".into(), overrides };
        assert_eq!(namespace.override_for("user_1").map(|o| o.identifier.as_str()), Some("user_1"));
        assert_eq!(namespace.override_for("user_2").map(|o| o.identifier.as_str()), Some("user_*"));
        assert_eq!(namespace.override_for("x").map(|o| o.identifier.as_str()), Some("*"));
    }

    #[test]
    fn a_limit_of_the_same_name_stays_the_same_limit() {
        let want = |name: &str, limit| WantedLimit { name: name.to_owned(), limit, duration: 1000, auto_apply: true };
        let mut count = 0;
        let mut id = || {
            count += 1;
            format!("rl_{count}")
        };
        let first = replace(&[], vec![want("a", 1), want("b", 1)], &mut id);
        let second = replace(&first, vec![want("c", 1), want("b", 5)], &mut id);
        assert_eq!(second.iter().map(|limit| limit.id.as_str()).collect::<Vec<_>>(), ["rl_3", "rl_2"]);
        assert_eq!(second[1].limit, 5);
    }
}
