//! The members of a body whose form was checked.

use keyward_core::{model::limit::WantedLimit, time::Timestamp};
use serde_json::{Map, Value};

/// Members by their names.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'b>(Option<&'b Map<String, Value>>);

/// A whole number, in whichever form JSON has it: 600.0 is 600.
pub fn whole(value: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "the schema bounds every number")]
    value.as_i64().or_else(|| value.as_f64().filter(|number| number.fract() == 0.0).map(|number| number as i64))
}

impl<'b> Fields<'b> {
    /// Those of a body, or of an object in it.
    pub fn of(value: &'b Value) -> Self {
        Self(value.as_object())
    }

    /// The member, unless it is absent.
    pub fn get(self, name: &str) -> Option<&'b Value> {
        self.0?.get(name)
    }

    /// Text.
    pub fn text(self, name: &str) -> Option<&'b str> {
        self.get(name)?.as_str()
    }

    /// Text that the schema asks for.
    pub fn required(self, name: &str) -> String {
        self.text(name).unwrap_or_default().to_owned()
    }

    /// Text, owned.
    pub fn owned(self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// A list of texts.
    pub fn texts(self, name: &str) -> Vec<String> {
        let list = self.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        list.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    }

    /// A whole number.
    pub fn integer(self, name: &str) -> Option<i64> {
        self.get(name).and_then(whole)
    }

    /// A truth value, or what it is without one.
    pub fn flag(self, name: &str, default: bool) -> bool {
        self.get(name).and_then(Value::as_bool).unwrap_or(default)
    }

    /// A member that may be absent, null or something: nothing, a cleared value, a value.
    pub fn clearable<T>(self, name: &str, read: impl FnOnce(&'b Value) -> Option<T>) -> Option<Option<T>> {
        self.get(name).map(|value| if value.is_null() { None } else { read(value) })
    }

    /// A moment, in milliseconds.
    pub fn time(self, name: &str) -> Option<Timestamp> {
        self.integer(name).map(Timestamp)
    }

    /// An object, as it is.
    pub fn object(self, name: &str) -> Option<Value> {
        self.get(name).filter(|value| value.is_object()).cloned()
    }

    /// A list of limits.
    pub fn limits(self, name: &str) -> Option<Vec<WantedLimit>> {
        let list = self.get(name)?.as_array()?;
        let read = |item: &'b Value| {
            let fields = Fields::of(item);
            WantedLimit {
                name: fields.required("name"),
                limit: fields.integer("limit").unwrap_or(0),
                duration: fields.integer("duration").unwrap_or(0),
                auto_apply: fields.flag("autoApply", false),
            }
        };
        Some(list.iter().map(read).collect())
    }

    /// The page of a list that is asked for: the id it begins with, and how many there are on it.
    pub fn page(self, default: i64) -> (String, i64) {
        (self.owned("cursor").unwrap_or_default(), self.integer("limit").unwrap_or(default))
    }
}
