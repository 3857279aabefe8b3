//! Connections: where users come from.

use serde_json::{Map, Value};

use super::WorkspaceNumber;
use crate::time::Timestamp;

/// The connection there is from the first start on.
pub const DATABASE: &str = "Username-Password-Authentication";
/// The strategy of a connection whose users and passwords are in our store.
pub const STRATEGY: &str = "auth0";
/// What the ids of such a connection's users begin with, before the bar.
pub const PROVIDER: &str = "auth0";

/// The most characters a name may have.
pub const NAME_MAX: usize = 128;

/// The number of a connection. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionNumber(pub i64);

/// Where users come from: a database with passwords.
#[derive(Debug, Clone, PartialEq)]
pub struct Connection {
    /// The row's number.
    pub number: ConnectionNumber,
    /// The workspace it belongs to.
    pub workspace: WorkspaceNumber,
    /// The identity on the wire (`con_…`).
    pub id: String,
    /// Unique in the workspace; never changes.
    pub name: String,
    /// What may be changed about it, as the wire shows it.
    pub settings: Map<String, Value>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Connection {
    /// What a new connection is like.
    pub fn default_settings(name: &str) -> Map<String, Value> {
        let mut settings = Map::new();
        settings.insert("options".to_owned(), Value::Object(Map::new()));
        settings.insert("realms".to_owned(), Value::Array(vec![name.into()]));
        settings.insert("is_domain_connection".to_owned(), false.into());
        settings
    }

    /// Replaces each of these settings whole; null clears it.
    pub fn set(&mut self, settings: Map<String, Value>) {
        let defaults = Self::default_settings(&self.name);
        for (name, value) in settings {
            match (value, defaults.get(&name)) {
                (Value::Null, Some(default)) => {
                    self.settings.insert(name, default.clone());
                }
                (Value::Null, None) => {
                    self.settings.remove(&name);
                }
                (value, _) => {
                    self.settings.insert(name, value);
                }
            }
        }
    }

    /// Whether its users have usernames.
    pub fn has_usernames(&self) -> bool {
        self.settings.get("options").and_then(|options| options.get("requires_username")) == Some(&Value::Bool(true))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_replaced_whole_and_null_clears() {
        let mut connection = Connection {
            number: ConnectionNumber(1),
            workspace: WorkspaceNumber::FIRST,
            id: "con_1".to_owned(),
            name: "db".to_owned(),
            settings: Connection::default_settings("db"),
            created_at: Timestamp(0),
        };
        let set = |connection: &mut Connection, value: Value| {
            connection.set(value.as_object().cloned().unwrap_or_default());
        };
        set(&mut connection, json!({ "options": {"requires_username": true, "a": 1}, "display_name": "Staff" }));
        assert!(connection.has_usernames());
        set(&mut connection, json!({ "options": {"b": 2}, "display_name": null, "realms": null }));
        assert_eq!(
            Value::Object(connection.settings.clone()),
            json!({ "options": {"b": 2}, "realms": ["db"], "is_domain_connection": false })
        );
        assert!(!connection.has_usernames());
    }
}
