//! What a program answered, held against its document.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use http::{HeaderMap, Method, StatusCode};
use keyward_server::http::{
    openapi,
    operation::{Operation, Shape},
    table::OPERATIONS,
    validation::Schema,
};
use serde_json::Value;

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) bytes: Vec<u8>,
}

/// The row that a request reaches.
pub(crate) fn row(method: &Method, path: &str) -> Option<&'static Operation> {
    rows(path).find(|row| row.method == *method)
}

/// The rows of a path.
pub(crate) fn rows(path: &str) -> impl Iterator<Item = &'static Operation> {
    let path = path.split('?').next().unwrap();
    OPERATIONS.iter().filter(move |row| {
        let (row_parts, parts): (Vec<_>, Vec<_>) = (row.path.split('/').collect(), path.split('/').collect());
        let fits = |(row, part): (&&str, &&str)| row.starts_with('{') || row == part;
        row_parts.len() == parts.len() && row_parts.iter().zip(&parts).all(fits)
    })
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Every answer of every test is one that the document promises.
    pub(super) fn check_against_document(&self, method: &Method, path: &str) {
        let Some(row) = row(method, path) else {
            // Some paths tell other methods more.
            let known = rows(path).next().is_some();
            let told = known && (self.status == 405 || (method == Method::OPTIONS && self.status == 204));
            assert!(self.status == 404 || told, "{method} {path} is not in the table and answered {}", self.status);
            assert_eq!(told, !self.header("allow").is_empty(), "{method} {path}");
            return;
        };
        let status = self.status.as_u16();
        // Compiled once: the same operations are called again and again.
        static COMPILED: Mutex<BTreeMap<(&str, u16), Arc<Schema>>> = Mutex::new(BTreeMap::new());
        let compiled = |schema: &dyn Fn() -> Value| {
            let mut all = COMPILED.lock().unwrap();
            Arc::clone(all.entry((row.id, status)).or_insert_with(|| Arc::new(Schema::new(schema()))))
        };
        let schema = match row.success {
            (success, Shape::Json(schema)) if success == status => Some(compiled(&schema)),
            (success, _) if success == status => None,
            _ => {
                assert!(openapi::refusals(row).contains(&status), "{method} {path} answered {status}, undocumented");
                openapi::has_body(status).then(|| compiled(&|| openapi::error_schema(row.surface())))
            }
        };
        if let Some(schema) = schema {
            let checked = schema.check(keyward_core::problem::Part::Body, &self.body);
            assert!(checked.is_ok(), "{method} {path} {status}: {checked:?} in {}", self.body);
        }
    }
}
