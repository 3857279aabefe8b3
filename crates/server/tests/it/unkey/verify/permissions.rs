//! Queries over what a key holds.

use serde_json::{Value, json};

use crate::{support::TestApp, unkey::answers::said};

on_both_engines!(
    queries_are_answered_as_the_grammar_says,
    what_can_not_be_read_is_said_with_its_place,
    what_is_missing_is_named,
    a_refused_query_costs_nothing,
    a_value_with_a_quote_is_no_other_one,
    one_value_of_two_apis_is_held_once,
    what_is_changed_counts_at_once,
);

async fn holder(t: &TestApp, permissions: Value) -> String {
    let api = t.key_api("payments").await;
    t.key(json!({ "apiId": api, "permissions": permissions })).await.1
}

async fn queries_are_answered_as_the_grammar_says(t: TestApp) {
    let key = holder(&t, json!(["a", "documents.*", "x:y", "And.1", "with-dash"])).await;
    for query in [
        "a",
        "a AND documents.*",
        "a and x:y",
        "no OR a AND x:y",
        "a AND x:y or no",
        "(no oR a) aNd documents.*",
        "And.1",
        "\t( ( a ) )\r\n",
        "with-dash AND (no OR (no OR a))",
    ] {
        assert_eq!(t.verify(&key, Some(query)).await["code"], "VALID", "{query}");
    }
    for query in ["A", "documents.read", "*", "(a OR no) AND no", "no AND (a OR a)", "a/b", "X:Y", "no", "and.1"] {
        assert_eq!(t.verify(&key, Some(query)).await["code"], "INSUFFICIENT_PERMISSIONS", "{query}");
    }
    // The longest query that the schema lets through.
    let long = format!("a{}", " OR a".repeat(199));
    assert_eq!(t.verify(&key, Some(&long)).await["code"], "VALID");
    assert_eq!(t.verify(&key, Some(&format!("{}a{}", "(".repeat(499), ")".repeat(499)))).await["code"], "VALID");
}

async fn what_can_not_be_read_is_said_with_its_place(t: TestApp) {
    let key = holder(&t, json!(["permission_1"])).await;
    let term = "Expected a permission identifier or opening parenthesis.";
    for (query, detail) in [
        ("permission_1 AND", format!("Unexpected end of query. {term}")),
        (
            "(permission_1 AND permission_2",
            "Missing closing parenthesis ')' at position 30. Every opening parenthesis must have a matching closing \
             parenthesis."
                .to_owned(),
        ),
        (
            "permission_1 AND ()",
            "Empty parentheses found at position 18. Parentheses must contain at least one permission or expression."
                .to_owned(),
        ),
        ("AND permission_1", format!("Unexpected token 'AND' at position 0. {term}")),
        (
            "a b",
            "Unexpected token 'b' at position 2. The query appears to have extra content after a valid expression."
                .to_owned(),
        ),
        (" \t ", "Unexpected end of input. Please provide a valid permission query.".to_owned()),
        (
            "a AND $",
            "Unexpected character '$' at position 6. A permission identifier consists of letters, digits, and the \
             characters . _ - * : /"
                .to_owned(),
        ),
    ] {
        let expected = said(400, "user/bad_request/permissions_query_syntax_error", &detail);
        let body = json!({ "key": key, "permissions": query });
        let reply = t.v2("keys.verifyKey", body.clone()).send().await;
        assert_eq!(crate::unkey::answers::refusal(&reply), expected, "{query}");
        assert_eq!(reply.body["error"]["errors"], json!([]));
        let unknown = json!({ "key": "unknown", "permissions": query });
        let short = json!({ "valid": false, "code": "NOT_FOUND" });
        assert_eq!(t.v2_data("keys.verifyKey", unknown).await, short, "{query} for a key that is not there");
    }
    // Whatever is held already, the rest of the query is read.
    assert_eq!(t.v2_refused("keys.verifyKey", json!({ "key": key, "permissions": "permission_1 OR (" })).await.0, 400);
}

async fn what_is_missing_is_named(t: TestApp) {
    let key = holder(&t, json!(["a"])).await;
    for (query, missing) in [
        ("b", json!(["b"])),
        ("b AND a AND c AND b", json!(["b", "c"])),
        ("(b AND c) OR d", json!(["d"])),
        ("A", json!(["A"])),
    ] {
        let verdict = t.verify(&key, Some(query)).await;
        assert_eq!(verdict["missingPermissions"], missing, "{query}");
    }
    assert_eq!(t.verify(&key, Some("a")).await.get("missingPermissions"), None);
}

async fn a_refused_query_costs_nothing(t: TestApp) {
    let api = t.key_api("payments").await;
    let limit = json!({ "name": "requests", "limit": 1, "duration": 60_000, "autoApply": true });
    let (_, key) =
        t.key(json!({ "apiId": api, "permissions": ["a"], "credits": {"remaining": 1}, "ratelimits": [limit] })).await;
    for _ in 0..3 {
        let refused = t.verify(&key, Some("b")).await;
        assert_eq!(refused["code"], "INSUFFICIENT_PERMISSIONS");
        assert_eq!((&refused["credits"], refused.get("ratelimits")), (&json!(1), None));
    }
    let verdict = t.verify(&key, Some("a")).await;
    assert_eq!((&verdict["code"], &verdict["credits"]), (&json!("VALID"), &json!(0)));
    assert_eq!(verdict["ratelimits"][0]["remaining"], 0);
}

/// A value is compared as a whole, whatever stands in it: here one that ends like another one, after a quote.
async fn a_value_with_a_quote_is_no_other_one(t: TestApp) {
    let id = t.api("https://quotes.example/", &["foo\"read", "x\",\"write", "\\\"list"]).await;
    let (_, key) = t.key(json!({ "apiId": format!("api_{id}"), "roles": [], "externalId": "owner" })).await;
    let view = std::sync::Arc::clone(&t.app.view());
    let api = view.snapshot.key_api(keyward_core::model::WorkspaceNumber::FIRST, &format!("api_{id}")).unwrap();
    let ids: Vec<String> = api.permissions.iter().map(|permission| permission.id.clone()).collect();
    let owner = t.v2_data("keys.whoami", json!({ "key": key })).await["keyId"].clone();
    t.v2_data("keys.addPermissions", json!({ "keyId": owner, "permissions": ids })).await;
    // The first one reads the key, the next ones remember it.
    for _ in 0..2 {
        for query in ["read", "write", "list", "foo"] {
            let verdict = t.verify(&key, Some(query)).await;
            assert_eq!(verdict["code"], "INSUFFICIENT_PERMISSIONS", "{query}: {verdict}");
            assert_eq!(verdict["permissions"], json!(["foo\"read", "x\",\"write", "\\\"list"]));
        }
    }
}

async fn one_value_of_two_apis_is_held_once(t: TestApp) {
    let id = t.api("https://both.example/", &["files.read", "a.b"]).await;
    let made = t.v2_data("permissions.createPermission", json!({ "name": "x", "slug": "files.read" })).await;
    let (key_id, key) = t
        .key(json!({ "apiId": format!("api_{id}"), "permissions": ["files.read", made["permissionId"], "a.b"] }))
        .await;
    assert_eq!(t.verify(&key, None).await["permissions"], json!(["files.read", "a.b"]), "oldest first");
    assert_eq!(t.shown(&key_id).await["permissions"], json!(["a.b", "files.read"]));
    t.v2_data("permissions.deletePermission", json!({ "permission": made["permissionId"] })).await;
    assert_eq!(t.verify(&key, Some("files.read")).await["code"], "VALID", "it holds the other one");
}

async fn what_is_changed_counts_at_once(t: TestApp) {
    let api = t.key_api("payments").await;
    let role = t.v2_data("permissions.createRole", json!({ "name": "reader", "permissions": ["role.read"] })).await;
    let (id, key) = t.key(json!({ "apiId": api, "permissions": ["own.read"], "roles": ["reader"] })).await;
    let holds = async |slug: &str| t.verify(&key, Some(slug)).await["code"] == "VALID";
    assert!(holds("own.read").await && holds("role.read").await);
    let empty = json!({ "roleId": role["roleId"], "permissions": ["role.write"] });
    t.v2_data("permissions.setRolePermissions", empty).await;
    assert!(!holds("role.read").await && holds("role.write").await);
    t.v2_data("permissions.updatePermission", json!({ "permission": "own.read", "slug": "own.see" })).await;
    assert!(!holds("own.read").await && holds("own.see").await, "a renamed permission is the same one");
    t.v2_data("permissions.deletePermission", json!({ "permission": "own.see" })).await;
    assert!(!holds("own.see").await);
    t.v2_data("permissions.createPermission", json!({ "name": "again", "slug": "own.see" })).await;
    assert!(!holds("own.see").await, "a slug that is used again gives nothing back");
    t.v2_data("permissions.deletePermission", json!({ "permission": "own.see" })).await;
    t.v2_data("permissions.deleteRole", json!({ "role": "reader" })).await;
    assert!(!holds("role.write").await);
    t.v2_data("permissions.restoreRole", json!({ "role": role["roleId"] })).await;
    assert!(holds("role.write").await);
    t.v2_data("keys.setRoles", json!({ "keyId": id, "roles": [] })).await;
    assert!(!holds("role.write").await);
}
