//! What verifications were made, by a query; and whether the program is alive.

use serde_json::{Value, json};

use super::{envelope, fields::Fields};
use crate::{
    http::operation::{Handled, Request},
    service::usage,
};

/// Carries out a query over verifications.
pub fn get_verifications(request: Request) -> Handled {
    Box::pin(async move {
        let rows = usage::query(&request.call, Fields::of(&request.body).required("query")).await?;
        Ok(envelope::data(&request, Value::Array(rows.into_iter().map(Value::Object).collect())))
    })
}

/// The program runs.
pub fn liveness(request: Request) -> Handled {
    Box::pin(async move { Ok(envelope::data(&request, json!({ "message": "we're cooking" }))) })
}
