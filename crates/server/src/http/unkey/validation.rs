//! A body against its schema, and the refusal in the words of the original's validator (contract: schema validation).

use jsonschema::{
    ValidationError,
    error::{TypeKind, ValidationErrorKind},
};
use keyward_core::{
    Problem,
    problem::{Part, Unfit},
};
use serde_json::Value;

use crate::http::{
    operation::Operation,
    validation::{Schema, refuse_null_characters},
};

/// The most characters of a value that a refusal repeats.
const ECHO: usize = 200;
const FIX: &str = "Ensure that the object being submitted, matches the schema correctly";

fn unfit(row: &Operation, message: String, location: &str, fix: Option<&'static str>) -> Problem {
    let summary = format!("POST request body for '{}' failed to validate schema", row.path);
    Problem::Unfit(Unfit { summary, error: Some((message, location.to_owned())), fix })
}

/// The body as JSON that fits its schema.
///
/// # Errors
/// [`Problem::Unfit`] with the first thing that is wrong with it.
pub fn parse(row: &Operation, schema: &Schema, bytes: &[u8]) -> Result<Value, Problem> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        let message = format!("The request body cannot be decoded: {error}");
        unfit(row, message, "requestBody", Some(FIX))
    })?;
    // First, so that no refusal repeats them.
    refuse_null_characters(Part::Body, &value)
        .map_err(|invalid| unfit(row, invalid.detail, &invalid.property.unwrap_or_default(), None))?;
    if schema.is_valid(&value) {
        return Ok(value);
    }
    let errors: Vec<ValidationError<'_>> = schema.errors(&value).collect();
    let Some(first) = errors.first() else { return Ok(value) };
    let location = first.schema_path().as_str().to_owned();
    let message = match first.kind() {
        // The validator names one missing property at a time, the original all of them.
        ValidationErrorKind::Required { .. } => {
            let missing = errors.iter().filter(|error| error.schema_path().as_str() == location);
            let names = missing.filter_map(|error| match error.kind() {
                ValidationErrorKind::Required { property } => property.as_str().map(str::to_owned),
                _ => None,
            });
            named(names.collect(), ("missing property", "missing properties"), "")
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            named(unexpected.clone(), ("additional properties", "additional properties"), " not allowed")
        }
        _ => message(first),
    };
    Err(unfit(row, message, &location, None))
}

/// Names in quotes, after a word for one or several.
fn named(mut names: Vec<String>, (one, several): (&str, &str), end: &str) -> String {
    names.dedup();
    let quoted: Vec<String> = names.iter().map(|name| format!("'{}'", shortened(name))).collect();
    format!("{} {}{end}", if names.len() == 1 { one } else { several }, quoted.join(", "))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(ECHO) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn message(error: &ValidationError<'_>) -> String {
    let instance = error.instance();
    let characters = instance.as_str().map_or(0, |text| text.chars().count());
    let items = instance.as_array().map_or(0, Vec::len);
    let members = instance.as_object().map_or(0, serde_json::Map::len);
    match error.kind() {
        ValidationErrorKind::MinLength { limit } => format!("minLength: got {characters}, want {limit}"),
        ValidationErrorKind::MaxLength { limit } => format!("maxLength: got {characters}, want {limit}"),
        ValidationErrorKind::MinItems { limit } => format!("minItems: got {items}, want {limit}"),
        ValidationErrorKind::MaxItems { limit } => format!("maxItems: got {items}, want {limit}"),
        ValidationErrorKind::MinProperties { limit } => format!("minProperties: got {members}, want {limit}"),
        ValidationErrorKind::MaxProperties { limit } => format!("maxProperties: got {members}, want {limit}"),
        ValidationErrorKind::Minimum { limit } => format!("minimum: got {instance}, want {limit}"),
        ValidationErrorKind::Maximum { limit } => format!("maximum: got {instance}, want {limit}"),
        ValidationErrorKind::Pattern { pattern } => {
            format!("'{}' does not match pattern '{pattern}'", shortened(instance.as_str().unwrap_or_default()))
        }
        ValidationErrorKind::Enum { options } => {
            let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
            let quoted = options.iter().map(|option| match option.as_str() {
                Some(text) => format!("'{text}'"),
                None => option.to_string(),
            });
            format!("value must be one of {}", quoted.collect::<Vec<_>>().join(", "))
        }
        ValidationErrorKind::Type { kind } => {
            let wanted = match kind {
                TypeKind::Single(kind) => kind.to_string(),
                TypeKind::Multiple(kinds) => kinds.iter().map(|kind| kind.to_string()).collect::<Vec<_>>().join(" or "),
            };
            format!("got {}, want {wanted}", type_of(instance))
        }
        other => format!("does not satisfy {}", other.keyword()),
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
