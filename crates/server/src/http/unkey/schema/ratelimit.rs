//! `ratelimit.*`: the limiter by itself, without keys.

use serde_json::{Value, json};

use super::shared::{
    at_least, closed, cursor, empty_envelope, envelope, flag, integer, list, list_envelope, string, text, time, with,
};

/// The longest window: 30 days.
const DURATION_MAX: i64 = 2_592_000_000;

fn namespace() -> Value {
    text(1, 512, "Name or id of the namespace")
}

fn which_override(description: &str) -> Value {
    closed(&["namespace", "identifier"], json!({"namespace": namespace(), "identifier": text(1, 512, description)}))
}

fn override_data() -> Value {
    closed(
        &["overrideId", "identifier", "limit", "duration"],
        json!({
            "overrideId": string("Id of the override"),
            "identifier": string("Whom it is for; an asterisk stands for anything"),
            "limit": at_least(0, "Cost admitted within one window; 0 admits nothing"),
            "duration": at_least(1000, "Length of the window in milliseconds"),
        }),
    )
}

/// Something that is about to happen, and how often it may.
pub fn limit() -> Value {
    closed(
        &["namespace", "identifier", "limit", "duration"],
        json!({
            "namespace": text(1, 512, "Name or id of the namespace; a name that is new creates one"),
            "identifier": text(1, 512, "Who or what is counted"),
            "limit": at_least(1, "Cost admitted within one window"),
            "duration": integer(1000, DURATION_MAX, "Length of the window in milliseconds"),
            "cost": with(at_least(0, "How much this call counts; 0 only looks"), "default", 1),
        }),
    )
}

/// Whether it may happen.
pub fn limit_answer() -> Value {
    envelope(closed(
        &["success", "limit", "remaining", "reset"],
        json!({
            "success": flag("Whether the call is admitted"),
            "limit": at_least(0, "The limit that applied"),
            "remaining": at_least(0, "Cost still admitted"),
            "reset": time("When the current window ends"),
            "overrideId": string("Id of the override that applied, if one did"),
        }),
    ))
}

/// Several limits that must all admit, or none is counted.
pub fn multi_limit() -> Value {
    with(with(list(limit(), "What is to be checked, together"), "minItems", 1), "maxItems", 100)
}

/// Whether all of them admit, and what each says.
pub fn multi_limit_answer() -> Value {
    let check = closed(
        &["namespace", "identifier", "limit", "remaining", "reset", "passed"],
        json!({
            "namespace": string("Namespace as it was sent"),
            "identifier": string("Identifier as it was sent"),
            "limit": at_least(0, "The limit that applied"),
            "remaining": at_least(0, "Cost still admitted"),
            "reset": time("When the current window ends"),
            "passed": flag("Whether this limit admits"),
            "overrideId": string("Id of the override that applied, if one did"),
        }),
    );
    envelope(closed(
        &["passed", "limits"],
        json!({
            "passed": flag("Whether all limits admit"),
            "limits": list(check, "Each of them, in the order of the request"),
        }),
    ))
}

/// A limit of its own for some identifiers of a namespace.
pub fn set_override() -> Value {
    closed(
        &["namespace", "identifier", "limit", "duration"],
        json!({
            "namespace": namespace(),
            "identifier": text(1, 512, "Whom it is for; an asterisk stands for anything"),
            "limit": at_least(0, "Cost admitted within one window; 0 admits nothing"),
            "duration": at_least(1000, "Length of the window in milliseconds"),
        }),
    )
}

/// The id of the override, which stays when it is set again.
pub fn set_override_answer() -> Value {
    envelope(closed(&["overrideId"], json!({"overrideId": string("Id of the override")})))
}

/// Which override is read.
pub fn get_override() -> Value {
    which_override("Whom the override is for, or someone whom one with an asterisk covers")
}

/// The override that was asked for.
pub fn get_override_answer() -> Value {
    envelope(override_data())
}

/// Which override is deleted.
pub fn delete_override() -> Value {
    which_override("Whom the override is for, letter for letter")
}

/// That the override is gone.
pub fn delete_override_answer() -> Value {
    empty_envelope()
}

/// Which page of the overrides of a namespace is read.
pub fn list_overrides() -> Value {
    let rows = super::shared::limit(50);
    closed(&["namespace"], json!({"namespace": namespace(), "limit": rows, "cursor": cursor()}))
}

/// One page of the overrides.
pub fn list_overrides_answer() -> Value {
    list_envelope(override_data())
}
