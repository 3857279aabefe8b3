//! Query strings: text in, values of the kinds that the operation's row names out.

use keyward_core::problem::{Invalid, Part};
use serde_json::{Map, Value, json};

use super::{
    operation::{Parameter, ParameterKind},
    validation::Schema,
};

/// The parameter that names fields of the answer, of these.
pub const fn fields(known: &'static [&'static str]) -> Parameter {
    Parameter {
        name: "fields",
        kind: ParameterKind::Fields(known),
        description: "Comma-separated list of fields to include or exclude (depending on include_fields)",
    }
}

/// The parameter that says what becomes of the named fields.
pub const INCLUDE_FIELDS: Parameter = Parameter {
    name: "include_fields",
    kind: ParameterKind::Boolean,
    description: "Whether the named fields are included (true, the default) or excluded",
};

/// The schema of a query string with these parameters.
pub fn schema(parameters: &[Parameter]) -> Value {
    let properties: Map<String, Value> =
        parameters.iter().map(|parameter| (parameter.name.to_owned(), property(parameter))).collect();
    json!({ "type": "object", "additionalProperties": false, "properties": properties })
}

/// The schema of one parameter.
pub fn property(parameter: &Parameter) -> Value {
    let mut schema = match parameter.kind {
        ParameterKind::Integer(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        ParameterKind::Boolean => json!({ "type": "boolean" }),
        ParameterKind::Text(longest) => json!({ "type": "string", "maxLength": longest }),
        ParameterKind::Choice(words) => json!({ "type": "string", "enum": words }),
        ParameterKind::Repeated(most) => json!({ "type": "array", "items": {"type": "string"}, "maxItems": most }),
        ParameterKind::Fields(_) => json!({ "type": "string" }),
    };
    schema["description"] = parameter.description.into();
    schema
}

/// Reads a query string. What does not read as its kind stays text, which the schema then refuses.
///
/// # Errors
/// [`Invalid`] for a list of fields with an unknown name, which the original refuses in words of its own.
pub fn parse(parameters: &[Parameter], text: &str) -> Result<Map<String, Value>, Invalid> {
    let mut values = Map::new();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        let parameter = parameters.iter().find(|parameter| parameter.name == name);
        let read = match parameter.map(|parameter| parameter.kind) {
            Some(ParameterKind::Integer(..)) => {
                value.parse::<i64>().map_or_else(|_| Value::from(value.as_ref()), Value::from)
            }
            Some(ParameterKind::Boolean) => {
                value.parse::<bool>().map_or_else(|_| Value::from(value.as_ref()), Value::from)
            }
            Some(ParameterKind::Repeated(_)) => {
                let list = values.entry(name.as_ref()).or_insert_with(|| json!([]));
                if let Some(list) = list.as_array_mut() {
                    list.push(value.as_ref().into());
                }
                continue;
            }
            Some(ParameterKind::Fields(known)) => {
                check_fields(parameters, &name, &value, known)?;
                value.as_ref().into()
            }
            Some(ParameterKind::Text(_) | ParameterKind::Choice(_)) | None => value.as_ref().into(),
        };
        values.insert(name.into_owned(), read);
    }
    Ok(values)
}

/// Leaves out what no parameter is for, and what is none of its kind. A page is shown without it: who follows a link that
/// somebody else wrote is not to be blamed for it.
pub fn retain_known(schema: &Schema, values: &mut Map<String, Value>) {
    values.retain(|name, value| schema.is_valid(&json!({ name: value })));
}

fn check_fields(parameters: &[Parameter], name: &str, given: &str, known: &[&str]) -> Result<(), Invalid> {
    if given.split(',').all(|field| known.contains(&field.trim())) {
        return Ok(());
    }
    let detail = format!(
        "String '{given}' does not match pattern. Must be a comma separated list of the following values: {}",
        known.join(",")
    );
    let description = parameters.iter().find(|p| p.name == name).map(|p| p.description.to_owned());
    Err(Invalid { part: Part::Query, detail, property: Some(name.to_owned()), description })
}

/// The number of this parameter, or what it is without one.
pub fn integer(query: &Map<String, Value>, name: &str, default: i64) -> i64 {
    query.get(name).and_then(Value::as_i64).unwrap_or(default)
}

/// The truth value of this parameter, or what it is without one.
pub fn boolean(query: &Map<String, Value>, name: &str, default: bool) -> bool {
    query.get(name).and_then(Value::as_bool).unwrap_or(default)
}

/// The text of this parameter.
pub fn text<'q>(query: &'q Map<String, Value>, name: &str) -> Option<&'q str> {
    query.get(name).and_then(Value::as_str)
}

/// Keeps the fields that `fields` and `include_fields` ask for.
pub fn select_fields(query: &Map<String, Value>, object: &mut Map<String, Value>) {
    let Some(fields) = text(query, "fields") else { return };
    let named: Vec<&str> = fields.split(',').map(str::trim).collect();
    let include = boolean(query, "include_fields", true);
    object.retain(|key, _| named.contains(&key.as_str()) == include);
}
