//! Forms of what exists: what they show, what was typed, and what somebody else changed in between.

use serde_json::Value;

use super::difference::Line;

/// From this many entries on, a list that is the same on both sides is only counted.
const REPEATED: usize = 6;

/// What stands in the fields of a form, by their names. A field with several entries has one in each line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields(Vec<(&'static str, String)>);

impl Fields {
    /// These fields.
    pub(super) fn new(fields: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        Self(fields.into_iter().map(|(name, text)| (name, text.trim().to_owned())).collect())
    }

    /// The text in a field; empty when there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, text)| text.as_str()).unwrap_or_default()
    }

    /// Whether one of a field's entries is this one.
    pub(super) fn has(&self, name: &str, entry: &str) -> bool {
        self.get(name).lines().any(|line| line == entry)
    }

    /// Whether a field that is on or off is on.
    pub(super) fn is_on(&self, name: &str) -> bool {
        !self.get(name).is_empty()
    }

    /// All of them, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &(&'static str, String)> {
        self.0.iter()
    }

    /// Puts a text into a field that is there.
    pub(super) fn set(&mut self, name: &str, text: &str) {
        if let Some((_, old)) = self.0.iter_mut().find(|(known, _)| *known == name) {
            text.clone_into(old);
        }
    }

    /// What a body says of the fields that these are, each name with this before it.
    fn read(&self, body: &Value, prefix: &str) -> Self {
        let fields = self.0.iter().map(|(name, _)| {
            let text = match body.get(format!("{prefix}{name}")) {
                Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n"),
                other => other.and_then(Value::as_str).unwrap_or_default().to_owned(),
            };
            (*name, text)
        });
        Self::new(fields)
    }
}

/// The entries of a list as a field has them: each once, in one order whoever sends them.
pub(super) fn entries<'e>(list: impl IntoIterator<Item = &'e str>) -> String {
    let mut list: Vec<&str> = list.into_iter().filter(|entry| !entry.is_empty()).collect();
    list.sort_unstable();
    list.dedup();
    list.join("\n")
}

/// A form of something that exists.
#[derive(Debug, Clone, Default)]
pub(super) struct Edited {
    /// What it is now.
    pub(super) now: Fields,
    /// What stands in the form.
    pub(super) typed: Fields,
    /// What the form showed before it was typed over, if that is something else by now.
    seen: Option<Fields>,
    /// What is wrong, by fields; that of none concerns the whole.
    errors: Vec<(&'static str, String)>,
}

impl Edited {
    /// The form as it is shown first.
    pub(super) fn of(now: Fields) -> Self {
        Self { typed: now.clone(), now, ..Self::default() }
    }

    /// The form as it was sent. Fields of these names are lists.
    pub(super) fn sent(body: &Value, now: Fields, lists: &[&str]) -> Self {
        let read = |prefix| {
            let mut fields = now.read(body, prefix);
            for name in lists {
                let sorted = entries(fields.get(name).lines());
                fields.set(name, &sorted);
            }
            fields
        };
        let (typed, seen) = (read(""), read("seen_"));
        Self { seen: Some(seen).filter(|seen| *seen != now), now, typed, errors: Vec::new() }
    }

    /// Whether it is what was typed already.
    pub(super) fn is_unchanged(&self) -> bool {
        self.typed == self.now
    }

    /// Whether it is something else by now than what the form showed.
    pub(super) fn is_stale(&self) -> bool {
        self.seen.is_some()
    }

    /// Whether a field holds something else now than what it is.
    pub(super) fn differs(&self, name: &str) -> bool {
        self.typed.get(name) != self.now.get(name)
    }

    /// Says what is wrong with a field, or with the whole.
    pub(super) fn refuse(&mut self, name: &'static str, text: impl Into<String>) {
        self.errors.push((name, text.into()));
    }

    /// What is wrong with a field.
    pub(super) fn error(&self, name: &str) -> Option<&str> {
        self.errors.iter().find(|(known, _)| *known == name).map(|(_, text)| text.as_str())
    }

    /// Whether anything is wrong.
    pub(super) fn is_refused(&self) -> bool {
        !self.errors.is_empty()
    }

    /// What somebody else changed since the form was shown.
    pub(super) fn theirs(&self) -> Vec<Line> {
        self.seen.as_ref().map(|seen| difference(seen, &self.now)).unwrap_or_default()
    }

    /// What was typed, against what the form showed.
    pub(super) fn yours(&self) -> Vec<Line> {
        self.seen.as_ref().map(|seen| difference(seen, &self.typed)).unwrap_or_default()
    }
}

fn difference(before: &Fields, after: &Fields) -> Vec<Line> {
    let mut lines = Vec::new();
    for (name, old) in before.iter() {
        let (new, label) = (after.get(name), name.replace('_', " "));
        let line = |text: &str, is_same, is_added| Line { text: format!("{label}: {text}"), is_same, is_added };
        if old == new && old.is_empty() {
            continue;
        }
        if old == new {
            let count = old.lines().count();
            let whole = if count < REPEATED { old.lines().collect::<Vec<_>>().join(", ") } else { format!("{count}") };
            lines.push(line(&whole, true, false));
            continue;
        }
        lines.extend(old.lines().filter(|entry| !after.has(name, entry)).map(|entry| line(entry, false, false)));
        lines.extend(new.lines().filter(|entry| !before.has(name, entry)).map(|entry| line(entry, false, true)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> Fields {
        Fields::new([("name", "Blog".to_owned()), ("scope", "a\nb".to_owned())])
    }

    fn shown(lines: &[Line]) -> Vec<String> {
        let sign = |line: &Line| {
            if line.is_same {
                " "
            } else if line.is_added {
                "+"
            } else {
                "-"
            }
        };
        lines.iter().map(|line| format!("{}{}", sign(line), line.text)).collect()
    }

    #[test]
    fn what_was_sent_is_compared_with_what_was_seen_and_with_what_is() {
        let seen = json!({ "name": "Blog", "scope": ["b", "a"], "seen_name": "Blog", "seen_scope": ["a", "b"] });
        let form = Edited::sent(&seen, now(), &["scope"]);
        assert!(form.is_unchanged() && !form.is_stale());
        let other = json!({ "name": "Log", "scope": "c", "seen_name": "Blog", "seen_scope": "a\nb" });
        let form = Edited::sent(&other, now(), &["scope"]);
        assert!(!form.is_unchanged() && !form.is_stale() && form.differs("scope"));
        let old = json!({ "name": "Log", "scope": ["a", "c"], "seen_name": "Blog", "seen_scope": "a" });
        let form = Edited::sent(&old, now(), &["scope"]);
        assert!(form.is_stale());
        assert_eq!(shown(&form.theirs()), [" name: Blog", "+scope: b"]);
        assert_eq!(shown(&form.yours()), ["-name: Blog", "+name: Log", "+scope: c"]);
    }

    #[test]
    fn a_form_that_does_not_say_what_it_showed_is_stale() {
        assert!(Edited::sent(&json!({ "name": "Log" }), now(), &["scope"]).is_stale());
    }
}
