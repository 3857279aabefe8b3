//! `analytics.getVerifications`, and whether the server is there at all.

use serde_json::{Value, json};

use super::shared::{closed, envelope, list, open, string};

/// A question about past verifications.
pub fn get_verifications() -> Value {
    open(&["query"], json!({"query": string("One SELECT statement")}))
}

/// The rows that answer it, with whatever columns the statement selects.
pub fn get_verifications_answer() -> Value {
    envelope(list(json!({"type": "object", "additionalProperties": true}), "Rows"))
}

/// That the server is there.
pub fn liveness_answer() -> Value {
    envelope(closed(&["message"], json!({"message": string("A word to whoever asks")})))
}
