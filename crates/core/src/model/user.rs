//! Users. There may be any number of them, so they are never in the catalogue in memory.

use serde_json::{Map, Value};

use super::{WorkspaceNumber, connection::ConnectionNumber, role::folded};
use crate::time::Timestamp;

/// The most characters of a user's own part of an id (contract: users).
pub const ID_MAX: usize = 255;
/// The fewest characters of a password.
pub const PASSWORD_MIN: usize = 8;
/// The most characters of an email.
pub const EMAIL_MAX: usize = 320;
/// The most characters of a name (contract: users).
pub const NAME_MAX: usize = 300;
/// The most characters of a username.
pub const USERNAME_MAX: usize = 128;
/// The most bytes of all that is kept about a user, as JSON.
pub const FIELDS_MAX: usize = 1024 * 1024;
/// What the subject of an application's token ends with: no user may be mistaken for one.
pub const APPLICATION_ENDING: &str = "@clients";

/// The number of a user. Never used twice, so another user with the same id holds nothing of the first one's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserNumber(pub i64);

/// Somebody who signs in.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    /// The row's number.
    pub number: UserNumber,
    /// The workspace it belongs to.
    pub workspace: WorkspaceNumber,
    /// The connection it belongs to.
    pub connection: ConnectionNumber,
    /// The name of that connection, which never changes.
    pub connection_name: String,
    /// The identity on the wire (`auth0|…`).
    pub id: String,
    /// All that may be said about a user, as the wire shows it. The password is not among it.
    pub fields: Map<String, Value>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// What users can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserOrder {
    /// The time they were made.
    CreatedAt,
    /// The time they were changed last.
    UpdatedAt,
    /// The id.
    Id,
    /// The email.
    Email,
    /// The username.
    Username,
    /// The name, whatever the case.
    Name,
}

/// A user's place in an order; users at the same place follow each other by number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum UserPlace {
    /// A point in time.
    Time(i64),
    /// A text, by code point.
    Text(String),
}

impl User {
    /// The text of a field; empty if there is none.
    pub fn text(&self, name: &str) -> &str {
        self.fields.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Where the user stands in an order.
    pub fn place(&self, order: UserOrder) -> UserPlace {
        match order {
            UserOrder::CreatedAt => UserPlace::Time(self.created_at.0),
            UserOrder::UpdatedAt => UserPlace::Time(self.updated_at.0),
            UserOrder::Id => UserPlace::Text(self.id.clone()),
            UserOrder::Email => UserPlace::Text(folded(self.text("email"))),
            UserOrder::Username => UserPlace::Text(folded(self.text("username"))),
            UserOrder::Name => UserPlace::Text(folded(self.text("name"))),
        }
    }
}

/// Whether it can be an address at all; only mail that arrives says more.
pub fn is_email(text: &str) -> bool {
    let plain = !text.chars().any(|c| c.is_whitespace() || c.is_control());
    let parts = text.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    plain && parts && text.chars().count() <= EMAIL_MAX
}

/// Lays what was sent over what there is. A value replaces and null takes away; of meta data only the first level is
/// merged, and an empty object empties it. Empty meta data of an application is not there at all.
pub fn lay_over(fields: &mut Map<String, Value>, sent: Map<String, Value>) {
    for (name, value) in sent {
        match (name.as_str(), value) {
            ("user_metadata" | "app_metadata", value) => {
                let merged = merged(fields.get(&name), value);
                if merged.is_empty() && name == "app_metadata" {
                    fields.remove(&name);
                } else {
                    fields.insert(name, Value::Object(merged));
                }
            }
            (_, Value::Null) => {
                fields.remove(&name);
            }
            (_, value) => {
                fields.insert(name, value);
            }
        }
    }
}

fn merged(stored: Option<&Value>, sent: Value) -> Map<String, Value> {
    let Value::Object(sent) = sent else { return Map::new() };
    if sent.is_empty() {
        return Map::new();
    }
    let mut merged = stored.and_then(Value::as_object).cloned().unwrap_or_default();
    for (key, value) in sent {
        if value.is_null() {
            merged.remove(&key);
        } else {
            merged.insert(key, value);
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn addresses_have_two_parts_and_no_space() {
        for text in ["a@b", "a+b@c.example", "\"a@b\"@c.example", "ü@ö.example"] {
            assert!(is_email(text), "{text}");
        }
        for text in ["", "a", "@b", "a@", "a b@c", "a@b\n"] {
            assert!(!is_email(text), "{text}");
        }
    }

    #[test]
    fn metadata_merge_at_the_first_level_and_the_others_are_replaced() {
        let cases = [
            (json!({"name": "a"}), json!({"name": "b", "nickname": "c"}), json!({"name": "b", "nickname": "c"})),
            (json!({"name": "a", "nickname": "c"}), json!({"nickname": null}), json!({"name": "a"})),
            (
                json!({"user_metadata": {"a": {"x": 1}, "b": 2}}),
                json!({"user_metadata": {"a": {"y": 1}, "b": null, "c": 3}}),
                json!({"user_metadata": {"a": {"y": 1}, "c": 3}}),
            ),
            (json!({"user_metadata": {"a": 1}}), json!({"user_metadata": {}}), json!({"user_metadata": {}})),
            (json!({"user_metadata": {"a": 1}}), json!({"user_metadata": {"a": null}}), json!({"user_metadata": {}})),
            (json!({"app_metadata": {"a": 1}}), json!({"app_metadata": {}}), json!({})),
            (json!({"app_metadata": {"a": 1}}), json!({"app_metadata": null}), json!({})),
            (json!({}), json!({"app_metadata": {"a": 1, "b": null}}), json!({"app_metadata": {"a": 1}})),
        ];
        for (stored, sent, after) in cases {
            let mut fields = stored.as_object().cloned().unwrap_or_default();
            lay_over(&mut fields, sent.as_object().cloned().unwrap_or_default());
            assert_eq!(Value::Object(fields), after, "{sent} over {stored}");
        }
    }
}
