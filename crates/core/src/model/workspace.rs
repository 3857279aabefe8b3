//! A workspace, called a tenant on the wire of the Management API, and what is set for it as a whole (contract: tenant
//! settings).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Revision, WorkspaceNumber};

/// The most characters a friendly name may have.
pub const FRIENDLY_NAME_MAX: usize = 255;
/// The most characters a default audience may have: as many as an identifier of an API.
pub const AUDIENCE_MAX: usize = 600;

/// A workspace.
#[derive(Debug, Clone, PartialEq)]
pub struct Workspace {
    /// The row's number.
    pub number: WorkspaceNumber,
    /// What is set for it as a whole.
    pub settings: WorkspaceSettings,
    /// The change that last touched its settings.
    pub revision: Revision,
}

/// Which parameter of a request may name the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceParameterProfile {
    /// `audience` alone.
    #[default]
    Audience,
    /// `resource` (RFC 8707), too, where there is no `audience`.
    Compatibility,
}

/// What can be on or off.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkspaceFlags {
    /// Whether users are shown the descriptions of permissions instead of their values.
    pub use_scope_descriptions_for_consent: bool,
    /// Whether revoking a refresh token takes the user's consent away with it.
    pub revoke_refresh_token_grant: bool,
    /// What is kept and shown, and has no effect here.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// What is set for a workspace as a whole.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkspaceSettings {
    /// The identifier of the API that a request is for that names none; empty for none.
    pub default_audience: String,
    /// The connection that passwords are checked against where none is named; empty for none.
    pub default_directory: String,
    /// Which parameter of a request may name the API.
    pub resource_parameter_profile: ResourceParameterProfile,
    /// What can be on or off.
    pub flags: WorkspaceFlags,
    /// What is kept and shown, and has no effect here.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl WorkspaceSettings {
    /// These settings with `fields` laid over them: a field sent replaces the one there is, null brings its default
    /// back, and flags are merged by key.
    ///
    /// # Errors
    /// A text when a field can't have such a value; the schema that came before should have said so.
    pub fn with(&self, fields: &Map<String, Value>) -> Result<Self, String> {
        let mut whole = serde_json::to_value(self).map_err(|error| error.to_string())?;
        let object = whole.as_object_mut().ok_or("not an object")?;
        for (name, value) in fields {
            match (value, object.get_mut(name)) {
                (Value::Null, _) => {
                    object.remove(name);
                }
                (Value::Object(sent), Some(Value::Object(stored))) if name == "flags" => stored.extend(sent.clone()),
                _ => {
                    object.insert(name.clone(), value.clone());
                }
            }
        }
        serde_json::from_value(whole).map_err(|error| error.to_string())
    }

    /// What people call the workspace; empty for nothing.
    pub fn friendly_name(&self) -> &str {
        self.other.get("friendly_name").and_then(Value::as_str).unwrap_or_default()
    }

    /// All that is set, and the defaults of what is always shown.
    pub fn describe(&self) -> Map<String, Value> {
        let mut fields = match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        for (name, default) in
            [("enabled_locales", json!(["en"])), ("session_lifetime", json!(168)), ("idle_session_lifetime", json!(72))]
        {
            fields.entry(name).or_insert(default);
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(value: &Value) -> Map<String, Value> {
        value.as_object().expect("a test gives an object").clone()
    }

    #[test]
    fn nothing_stored_is_a_new_workspace() {
        assert_eq!(serde_json::from_str::<WorkspaceSettings>("{}").expect("reads"), WorkspaceSettings::default());
    }

    #[test]
    fn flags_are_merged_by_key_and_null_brings_defaults_back() {
        let one = WorkspaceSettings::default()
            .with(&fields(&json!({
                "default_audience": "a", "session_lifetime": 1, "resource_parameter_profile": "compatibility",
                "flags": {"revoke_refresh_token_grant": true, "enable_apis_section": true},
            })))
            .expect("valid");
        let two = one.with(&fields(&json!({ "flags": {"enable_apis_section": false} }))).expect("valid");
        assert!(two.flags.revoke_refresh_token_grant && !two.flags.use_scope_descriptions_for_consent);
        assert_eq!(two.flags.other["enable_apis_section"], false);
        assert_eq!((two.describe()["session_lifetime"].clone(), two.default_audience.as_str()), (json!(1), "a"));
        let nulls = json!({ "default_audience": null, "session_lifetime": null, "resource_parameter_profile": null });
        let three = two.with(&fields(&nulls)).expect("valid");
        assert_eq!(three.resource_parameter_profile, ResourceParameterProfile::Audience);
        assert_eq!((three.describe()["session_lifetime"].clone(), three.default_audience.as_str()), (json!(168), ""));
        assert_eq!(three.flags, two.flags, "what is not sent stays");
    }

    #[test]
    fn settings_survive_the_store() {
        let sent = json!({ "friendly_name": "A", "flags": {"x": true}, "resource_parameter_profile": "compatibility" });
        let settings = WorkspaceSettings::default().with(&fields(&sent)).expect("valid");
        let text = serde_json::to_string(&settings).expect("serializes");
        assert_eq!(serde_json::from_str::<WorkspaceSettings>(&text).expect("reads back"), settings);
    }
}
