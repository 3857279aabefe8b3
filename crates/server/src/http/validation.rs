//! A value against its schema, and the refusal in the words of the original's validator (contract: validation messages).

use jsonschema::{
    ValidationError, Validator,
    error::{TypeKind, ValidationErrorKind},
};
use keyward_core::{
    problem::{Invalid, Part},
    secret::without_credentials,
};
use serde_json::Value;

/// The most characters of a value that a refusal repeats.
const ECHO: usize = 200;

/// A schema, ready for use.
#[derive(Debug)]
pub struct Schema {
    document: Value,
    validator: Validator,
}

impl Schema {
    /// Compiles a schema of ours.
    ///
    /// # Panics
    /// When the schema is not one, which a test of the operation table finds.
    pub fn new(document: Value) -> Self {
        let validator = jsonschema::options()
            .build(&document)
            .unwrap_or_else(|error| unreachable!("a schema of ours is invalid: {error}"));
        Self { document, validator }
    }

    /// Whether the value fits.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(&self, part: Part, value: &Value) -> Result<(), Invalid> {
        if self.validator.is_valid(value) {
            return refuse_null_characters(part, value);
        }
        // Only this names all properties that are too many at once.
        let Some(error) = self.validator.iter_errors(value).next() else { return Ok(()) };
        let property = place(error.instance_path().as_str());
        let description = property.as_ref().and_then(|_| self.description(error.schema_path().as_str()));
        Err(Invalid { part, detail: detail(&error), property, description })
    }

    /// Everything that is wrong with a value, in the words of whoever reads it.
    pub fn errors<'i>(&'i self, value: &'i Value) -> impl Iterator<Item = ValidationError<'i>> {
        self.validator.iter_errors(value)
    }

    /// Whether the value fits.
    pub fn is_valid(&self, value: &Value) -> bool {
        self.validator.is_valid(value)
    }

    /// What the schema says about the property whose keyword refused.
    fn description(&self, keyword: &str) -> Option<String> {
        let (property, _) = keyword.rsplit_once('/')?;
        Some(self.document.pointer(property)?.get("description")?.as_str()?.to_owned())
    }
}

/// `/scopes/3/value` as `scopes[3].value`.
fn place(pointer: &str) -> Option<String> {
    let mut path = String::new();
    for part in pointer.split('/').skip(1) {
        if part.bytes().all(|byte| byte.is_ascii_digit()) {
            path = format!("{path}[{part}]");
        } else {
            let separator = if path.is_empty() { "" } else { "." };
            path = format!("{path}{separator}{}", part.replace("~1", "/").replace("~0", "~"));
        }
    }
    (!path.is_empty()).then_some(path)
}

fn detail(error: &ValidationError<'_>) -> String {
    let instance = error.instance();
    let text = instance.as_str().map_or_else(|| instance.to_string(), str::to_owned);
    let characters = text.chars().count();
    let text = shortened(&without_credentials(&text, &|_| false));
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            // The original names them last to first.
            let names: Vec<_> = unexpected.iter().rev().map(String::as_str).collect();
            format!("Additional properties not allowed: {}", shortened(&names.join(",")))
        }
        ValidationErrorKind::Required { property } => {
            format!("Missing required property: {}", property.as_str().unwrap_or_default())
        }
        ValidationErrorKind::Type { kind } => {
            let wanted = match kind {
                TypeKind::Single(kind) => kind.to_string(),
                TypeKind::Multiple(kinds) => kinds.iter().map(|kind| kind.to_string()).collect::<Vec<_>>().join(","),
            };
            format!("Expected type {wanted} but found type {}", type_of(instance))
        }
        ValidationErrorKind::Enum { .. } => format!("No enum match for: {text}"),
        ValidationErrorKind::MinLength { limit } => {
            format!("String is too short ({characters} chars), minimum {limit}")
        }
        ValidationErrorKind::MaxLength { limit } => format!("String is too long ({characters} chars), maximum {limit}"),
        ValidationErrorKind::Minimum { limit } => format!("Value {text} is less than minimum {limit}"),
        ValidationErrorKind::Maximum { limit } => format!("Value {text} is greater than maximum {limit}"),
        ValidationErrorKind::Pattern { pattern } => format!("String does not match pattern {pattern}: {text}"),
        ValidationErrorKind::MinItems { limit } => {
            format!("Array is too short ({}), minimum {limit}", length(instance))
        }
        ValidationErrorKind::MaxItems { limit } => format!("Array is too long ({}), maximum {limit}", length(instance)),
        ValidationErrorKind::MinProperties { limit } => {
            format!("Too few properties defined ({}), minimum {limit}", length(instance))
        }
        ValidationErrorKind::Format { format } => format!("Object didn't pass validation for format {format}: {text}"),
        other => format!("Value does not satisfy `{}`", other.keyword()),
    }
}

/// What a refusal repeats of what was sent.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(ECHO) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn length(value: &Value) -> usize {
    value.as_array().map(Vec::len).or_else(|| value.as_object().map(serde_json::Map::len)).unwrap_or(0)
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// One of the engines can't store the null character, so no text may hold one.
pub(super) fn refuse_null_characters(part: Part, value: &Value) -> Result<(), Invalid> {
    fn find(value: &Value, path: &mut Vec<String>) -> bool {
        match value {
            Value::String(text) => text.contains('\0'),
            Value::Array(items) => items.iter().enumerate().any(|(index, item)| step(item, index.to_string(), path)),
            Value::Object(fields) => {
                fields.iter().any(|(name, field)| name.contains('\0') || step(field, name.clone(), path))
            }
            _ => false,
        }
    }
    fn step(value: &Value, name: String, path: &mut Vec<String>) -> bool {
        path.push(name);
        let found = find(value, path);
        if !found {
            path.pop();
        }
        found
    }
    let mut path = Vec::new();
    if !find(value, &mut path) {
        return Ok(());
    }
    let property = place(&format!("/{}", path.join("/")));
    Err(Invalid { part, detail: "String has a null character".to_owned(), property, description: None })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(value: &Value) -> (String, Option<String>, Option<String>) {
        let schema = Schema::new(json!({
            "type": "object", "additionalProperties": false, "required": ["name"],
            "properties": {
                "name": {"type": "string", "minLength": 1, "maxLength": 3, "pattern": "^[^<>]+$", "description": "The name"},
                "kind": {"type": "string", "enum": ["a", "b"]},
                "size": {"type": ["integer", "null"], "minimum": 0, "maximum": 10},
                "list": {"type": "array", "items": {"type": "object", "required": ["value"], "additionalProperties": false,
                    "properties": {"value": {"type": "string"}}}},
            },
        }));
        let invalid = schema.check(Part::Body, value).expect_err("the value is wrong");
        (invalid.detail, invalid.property, invalid.description)
    }

    #[test]
    fn refusals_speak_like_the_original() {
        let some = |text: &str| Some(text.to_owned());
        let cases = [
            (json!({}), "Missing required property: name", None, None),
            (json!({"name": "a", "x": 1, "y": 2}), "Additional properties not allowed: y,x", None, None),
            (json!({"name": 7}), "Expected type string but found type integer", some("name"), some("The name")),
            (json!({"name": ""}), "String is too short (0 chars), minimum 1", some("name"), some("The name")),
            (json!({"name": "üüüü"}), "String is too long (4 chars), maximum 3", some("name"), some("The name")),
            (json!({"name": "<b>"}), "String does not match pattern ^[^<>]+$: <b>", some("name"), some("The name")),
            (json!({"name": "a", "kind": "c"}), "No enum match for: c", some("kind"), None),
            (json!({"name": "a", "kind": "eyJ.e.s"}), "No enum match for: [redacted]", some("kind"), None),
            (json!({"name": "a", "size": 11}), "Value 11 is greater than maximum 10", some("size"), None),
            (json!({"name": "a", "size": -1}), "Value -1 is less than minimum 0", some("size"), None),
            (
                json!({"name": "a", "list": [{"value": "x"}, {}]}),
                "Missing required property: value",
                some("list[1]"),
                None,
            ),
            (
                json!({"name": "a", "list": [{"value": "x\u{0}"}]}),
                "String has a null character",
                some("list[0].value"),
                None,
            ),
            (json!([]), "Expected type object but found type array", None, None),
        ];
        for (value, detail, property, description) in cases {
            assert_eq!(refusal(&value), (detail.to_owned(), property, description), "{value}");
        }
    }
}
