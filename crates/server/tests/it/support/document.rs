//! The document's schemas of answers, compiled once: tests call the same operations again and again.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use keyward_server::http::{operation::Operation, validation::Schema};
use serde_json::Value;

/// The schema of what an operation answers with this status.
pub(crate) fn schema(row: &'static Operation, status: u16, text: impl Fn() -> Value) -> Arc<Schema> {
    static COMPILED: Mutex<BTreeMap<(&str, u16), Arc<Schema>>> = Mutex::new(BTreeMap::new());
    let mut compiled = COMPILED.lock().unwrap();
    Arc::clone(compiled.entry((row.id, status)).or_insert_with(|| Arc::new(Schema::new(text()))))
}
