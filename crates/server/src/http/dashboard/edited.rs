//! Forms of what exists: what they show, what was typed, and what somebody else changed in between.

use serde_json::Value;

use super::difference::Line;

/// From this many entries on, a list that is the same on both sides is only counted.
const REPEATED: usize = 6;

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A text.
    Text,
    /// `yes` or nothing.
    Switch,
    /// Entries, one in each line, each once and in order.
    List,
}

/// A field of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    name: &'static str,
    /// What the page calls it.
    label: &'static str,
    kind: Kind,
    text: String,
}

impl Field {
    fn holding(&self, text: &str) -> Self {
        let text = match self.kind {
            Kind::Text => text.trim().to_owned(),
            Kind::Switch if text.is_empty() => String::new(),
            Kind::Switch => YES.to_owned(),
            Kind::List => entries(text.lines()),
        };
        Self { text, ..*self }
    }
}

/// What a switch sends that is on.
const YES: &str = "yes";

/// A field with this text.
pub(super) fn text(name: &'static str, label: &'static str, text: &str) -> Field {
    Field { name, label, kind: Kind::Text, text: text.trim().to_owned() }
}

/// A field of one line with this text, as a browser sends it: without line breaks, which it takes out.
pub(super) fn one_line(name: &'static str, label: &'static str, held: &str) -> Field {
    text(name, label, &held.replace(['\r', '\n'], ""))
}

/// A field that is on or off.
pub(super) fn switch(name: &'static str, label: &'static str, is_on: bool) -> Field {
    Field { name, label, kind: Kind::Switch, text: if is_on { YES } else { "" }.to_owned() }
}

/// A field with these entries.
pub(super) fn list<'e>(name: &'static str, label: &'static str, of: impl IntoIterator<Item = &'e str>) -> Field {
    Field { name, label, kind: Kind::List, text: entries(of) }
}

/// The fields of a form, with what stands in them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields(Vec<Field>);

impl Fields {
    /// These fields.
    pub(super) fn new(fields: impl IntoIterator<Item = Field>) -> Self {
        Self(fields.into_iter().collect())
    }

    /// The text in a field; empty when there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|field| field.name == name).map(|field| field.text.as_str()).unwrap_or_default()
    }

    /// Whether one of a field's entries is this one.
    pub(super) fn has(&self, name: &str, entry: &str) -> bool {
        self.get(name).lines().any(|line| line == entry)
    }

    /// Whether a field that is on or off is on.
    pub(super) fn is_on(&self, name: &str) -> bool {
        !self.get(name).is_empty()
    }

    /// The name and the text of each, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|field| (field.name, field.text.as_str()))
    }

    /// Puts a text into a field that is there.
    pub(super) fn set(&mut self, name: &str, text: &str) {
        if let Some(field) = self.0.iter_mut().find(|field| field.name == name) {
            *field = field.holding(text);
        }
    }

    /// What a body says of the fields that these are, each name with this before it.
    fn read(&self, body: &Value, prefix: &str) -> Self {
        let sent = |field: &Field| match body.get(format!("{prefix}{}", field.name)) {
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n"),
            other => other.and_then(Value::as_str).unwrap_or_default().to_owned(),
        };
        Self(self.0.iter().map(|field| field.holding(&sent(field))).collect())
    }
}

/// The entries of a list as a field has them: each once, in one order whoever sends them.
fn entries<'e>(list: impl IntoIterator<Item = &'e str>) -> String {
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

    /// The form as it was sent.
    pub(super) fn sent(body: &Value, now: Fields) -> Self {
        let (typed, seen) = (now.read(body, ""), now.read(body, "seen_"));
        Self { seen: Some(seen).filter(|seen| *seen != now), now, typed, errors: Vec::new() }
    }

    /// The form as it was sent, when somebody else was quicker. What they changed may be nothing that it shows, or not be
    /// read yet: then it says so in words.
    pub(super) fn overtaken(body: &Value, now: Fields) -> Self {
        let mut form = Self::sent(body, now);
        if !form.is_stale() {
            form.refuse(
                "",
                "Somebody else changed this at the same moment. Nothing of yours was saved: save it again.",
            );
        }
        form
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
    let pairs = before.0.iter().zip(&after.0);
    pairs.flat_map(|(old, new)| if old == new { same(old) } else { changed(old, new) }).collect()
}

/// A field that is the same on both sides; nothing, if nothing stands in it.
fn same(field: &Field) -> Vec<Line> {
    let count = field.text.lines().count();
    let text = match field.kind {
        Kind::Text if field.text.is_empty() => return Vec::new(),
        Kind::Text => field.text.clone(),
        Kind::Switch => yes_or_no(&field.text).to_owned(),
        Kind::List if count == 0 => return Vec::new(),
        Kind::List if count < REPEATED => field.text.lines().collect::<Vec<_>>().join(", "),
        Kind::List => count.to_string(),
    };
    vec![line(field, &text, true, false)]
}

fn changed(old: &Field, new: &Field) -> Vec<Line> {
    let gone = |text: &str| line(old, text, false, false);
    let come = |text: &str| line(old, text, false, true);
    match old.kind {
        Kind::Text => {
            let filled = |field: &Field| Some(field.text.clone()).filter(|text| !text.is_empty());
            filled(old).iter().map(|text| gone(text)).chain(filled(new).iter().map(|text| come(text))).collect()
        }
        Kind::Switch => vec![gone(yes_or_no(&old.text)), come(yes_or_no(&new.text))],
        Kind::List => {
            let lacks = |field: &Field, entry: &str| field.text.lines().all(|known| known != entry);
            let lost = old.text.lines().filter(|entry| lacks(new, entry)).map(gone);
            lost.chain(new.text.lines().filter(|entry| lacks(old, entry)).map(come)).collect()
        }
    }
}

fn line(field: &Field, text: &str, is_same: bool, is_added: bool) -> Line {
    Line { text: format!("{}: {text}", field.label), is_same, is_added }
}

fn yes_or_no(text: &str) -> &'static str {
    if text.is_empty() { "no" } else { YES }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> Fields {
        Fields::new([
            text("name", "name", " Blog "),
            switch("open", "open to all", true),
            list("scope", "scope", ["b", "a"]),
        ])
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
        let seen = json!({
            "name": "Blog", "open": "on", "scope": ["b", "a"], "seen_name": "Blog", "seen_open": "yes", "seen_scope": "b\na",
        });
        let form = Edited::sent(&seen, now());
        assert!(form.is_unchanged() && !form.is_stale());
        let mut other = seen.clone();
        (other["name"], other["scope"]) = ("Log".into(), "c".into());
        let form = Edited::sent(&other, now());
        assert!(!form.is_unchanged() && !form.is_stale() && form.differs("scope"));
        let old = json!({
            "name": "Log", "scope": ["a", "c"], "seen_name": "Blog", "seen_open": "yes", "seen_scope": "a",
        });
        let form = Edited::sent(&old, now());
        assert!(form.is_stale());
        assert_eq!(shown(&form.theirs()), [" name: Blog", " open to all: yes", "+scope: b"]);
        assert_eq!(
            shown(&form.yours()),
            ["-name: Blog", "+name: Log", "-open to all: yes", "+open to all: no", "+scope: c"]
        );
    }

    #[test]
    fn a_text_of_several_lines_is_one_text() {
        let now = Fields::new([text("description", "description", "two\n\nlines")]);
        let old = json!({ "description": "lines\ntwo", "seen_description": "lines\n\ntwo" });
        let form = Edited::sent(&old, now);
        assert_eq!(shown(&form.theirs()), ["-description: lines\n\ntwo", "+description: two\n\nlines"]);
        assert_eq!(shown(&form.yours()), ["-description: lines\n\ntwo", "+description: lines\ntwo"]);
    }

    #[test]
    fn a_form_that_does_not_say_what_it_showed_is_stale() {
        assert!(Edited::sent(&json!({ "name": "Log" }), now()).is_stale());
    }

    #[test]
    fn whoever_was_overtaken_is_told_so_in_any_case() {
        let form = Edited::overtaken(&json!({ "name": "Log" }), now());
        assert!(form.is_stale() && !form.is_refused(), "what is another is shown");
        let seen = json!({ "name": "Log", "seen_name": "Blog", "seen_open": "yes", "seen_scope": "a\nb" });
        let form = Edited::overtaken(&seen, now());
        assert!(!form.is_stale() && form.error("").is_some(), "nothing that is shown is another");
    }
}
