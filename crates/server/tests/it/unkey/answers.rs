//! What calls of the keys' API answer, in short forms that tests compare.

use serde_json::Value;

use crate::support::{Reply, TestApp};

/// A refusal: its status, the end of its type, its detail.
pub(crate) type Refusal = (u16, String, String);

/// What a refused call said.
pub(crate) fn refusal(reply: &Reply) -> Refusal {
    let error = &reply.body["error"];
    let kind = error["type"].as_str().unwrap_or_default().replace("https://unkey.com/docs/errors/", "");
    assert_eq!(error["status"], reply.status.as_u16(), "{}", reply.body);
    (reply.status.as_u16(), kind, error["detail"].as_str().unwrap_or_default().to_owned())
}

/// A refusal as it is expected.
pub(crate) fn said(status: u16, kind: &str, detail: &str) -> Refusal {
    (status, kind.to_owned(), detail.to_owned())
}

/// A refusal for something that the handler found wrong with the body.
pub(crate) fn invalid(detail: &str) -> Refusal {
    said(400, "unkey/application/invalid_input", detail)
}

impl TestApp {
    /// How a call is refused that may do everything.
    pub(crate) async fn v2_refused(&self, operation: &str, body: Value) -> Refusal {
        refusal(&self.v2(operation, body).send().await)
    }

    /// What a call with another root key answers.
    pub(crate) async fn v2_as(&self, root_key: &str, operation: &str, body: Value) -> Reply {
        self.v2(operation, body).bearer(root_key).send().await
    }

    /// The code of a verification without a query.
    pub(crate) async fn code(&self, key: &str) -> String {
        self.verify(key, None).await["code"].as_str().unwrap().to_owned()
    }

    /// What `keys.getKey` shows.
    pub(crate) async fn shown(&self, key_id: &str) -> Value {
        self.v2_data("keys.getKey", serde_json::json!({ "keyId": key_id })).await
    }
}

/// The members of this name of each thing in a list.
pub(crate) fn each(list: &Value, name: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|item| item[name].as_str().unwrap().to_owned()).collect()
}
