//! Identities.

use serde_json::{Map, Value, json};

use super::{each, lacks, pages, refusal, refused, text};
use crate::support::TestApp;

on_both_engines!(
    made_and_shown_by_either_id,
    what_is_refused,
    listed_and_searched,
    changed_where_something_is_said,
    limits_keep_their_ids,
    deleted_and_its_keys_go_on,
    keys_share_its_limits,
    who_may_do_what,
);

const CREATE: &str = "identities.createIdentity";
const GET: &str = "identities.getIdentity";
const UPDATE: &str = "identities.updateIdentity";
const DELETE: &str = "identities.deleteIdentity";

fn no_identity() -> super::Refusal {
    refused(404, "identity_not_found", "This identity does not exist.")
}

fn limit(name: &str, limit: i64) -> Value {
    json!({ "name": name, "limit": limit, "duration": 60_000, "autoApply": true })
}

async fn identity(t: &TestApp, external_id: &str) -> String {
    text(&t.v2_data(CREATE, json!({ "externalId": external_id })).await["identityId"])
}

async fn made_and_shown_by_either_id(t: TestApp) {
    let body = json!({
        "externalId": "user_1.a-B", "meta": {"plan": "pro", "deep": {"list": [1, null, "x"]}},
        "ratelimits": [limit("requests", 5)], "unknown": "is let pass",
    });
    let id = text(&t.v2_data(CREATE, body).await["identityId"]);
    assert!(id.starts_with("id_"), "{id}");
    for named in [id.as_str(), "user_1.a-B"] {
        let shown = t.v2_data(GET, json!({ "identity": named })).await;
        let rl = shown["ratelimits"][0]["id"].clone();
        assert!(text(&rl).starts_with("rl_"));
        let mut expected = limit("requests", 5);
        expected["id"] = rl;
        assert_eq!(
            shown,
            json!({
                "id": id, "externalId": "user_1.a-B", "meta": {"plan": "pro", "deep": {"list": [1, null, "x"]}},
                "ratelimits": [expected],
            })
        );
    }
    let plain = t.v2_data(CREATE, json!({ "externalId": "plain", "meta": {}, "ratelimits": [] })).await;
    let shown = t.v2_data(GET, json!({ "identity": "plain" })).await;
    assert_eq!(shown, json!({ "id": plain["identityId"], "externalId": "plain" }), "what is empty is left out");
    for absent in ["nobody", "PLAIN", "id_000000000"] {
        assert_eq!(refusal(t.v2(GET, json!({ "identity": absent }))).await, no_identity(), "{absent}");
    }
}

async fn what_is_refused(t: TestApp) {
    let id = identity(&t, "joe").await;
    let detail = "Identity with externalId 'joe' already exists in this workspace.";
    let again = refusal(t.v2(CREATE, json!({ "externalId": "joe" }))).await;
    assert_eq!(again, refused(409, "identity_already_exists", detail));
    let twice = json!([limit("requests", 5), limit("requests", 6)]);
    let detail = "Ratelimit with name 'requests' is already defined in the request";
    let refusals = refusal(t.v2(UPDATE, json!({ "identity": id, "ratelimits": twice, "meta": {"a": 1} }))).await;
    assert_eq!(refusals, refused(400, "invalid_input", detail));
    assert_eq!(refusal(t.v2(CREATE, json!({ "externalId": "ann", "ratelimits": twice }))).await.0, 400);
    let large = json!({ "text": "x".repeat(1024 * 1024) });
    for call in [
        t.v2(CREATE, json!({ "externalId": "ann", "meta": large })),
        t.v2(UPDATE, json!({ "identity": id, "meta": large })),
    ] {
        let (status, kind, detail) = refusal(call).await;
        assert_eq!((status, kind.as_str()), (400, "invalid_input"));
        assert!(detail.starts_with("Metadata is too large: it must be at most 1.0 MB, but is "), "{detail}");
    }
    let many: Map<String, Value> = (0..101).map(|n| (format!("p{n}"), n.into())).collect();
    assert_eq!(refusal(t.v2(CREATE, json!({ "externalId": "ann", "meta": many }))).await.0, 400);
    for external in ["", "a b", "ü", &"x".repeat(256)] {
        assert_eq!(refusal(t.v2(CREATE, json!({ "externalId": external }))).await.0, 400, "{external}");
    }
    assert_eq!(refusal(t.v2(UPDATE, json!({ "identity": id, "unknown": 1 }))).await.0, 400);
    assert_eq!(t.v2_data(GET, json!({ "identity": id })).await, json!({ "id": id, "externalId": "joe" }));
    assert_eq!(refusal(t.v2(GET, json!({ "identity": "ann" }))).await, no_identity(), "nothing was made");
    let exact = json!({ "text": "x".repeat(1024 * 1024 - 11) });
    assert_eq!(t.v2(UPDATE, json!({ "identity": id, "meta": exact })).send().await.status, 200, "up to the limit");
}

async fn listed_and_searched(t: TestApp) {
    let list = "identities.listIdentities";
    assert_eq!(t.v2_data(list, json!({})).await, json!([]));
    let mut ids = Vec::new();
    for external in ["a_b", "axb", "Third", "fourth", "fifth"] {
        ids.push(identity(&t, external).await);
    }
    ids.sort_unstable();
    let found = pages(&t, list, json!({})).await;
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(found.concat().iter().map(|item| text(&item["id"])).collect::<Vec<_>>(), ids);
    for (search, expected) in [
        ("a_b", vec!["a_b"]),
        ("%", vec![]),
        ("~", vec![]),
        ("\\", vec![]),
        ("THIRD", vec!["Third"]),
        (" fif ", vec!["fifth"]),
    ] {
        assert_eq!(each(&t.v2_data(list, json!({ "search": search })).await, "externalId"), expected, "{search}");
    }
    assert_eq!(t.v2_data(list, json!({ "search": " " })).await.as_array().unwrap().len(), 5);
    let by_id = t.v2_data(list, json!({ "search": ids[3] })).await;
    assert_eq!(each(&by_id, "id"), [ids[3].as_str()]);
    t.v2_data("identities.getIdentity", json!({ "identity": "Third" })).await;
    assert_eq!(t.v2(DELETE, json!({ "identity": "Third" })).send().await.status, 200);
    assert_eq!(t.v2_data(list, json!({ "search": "third" })).await, json!([]));
    let past = t.v2(list, json!({ "cursor": "~" })).send().await.body;
    assert_eq!((&past["data"], &past["pagination"]), (&json!([]), &json!({ "hasMore": false })));
}

async fn changed_where_something_is_said(t: TestApp) {
    let api = t.key_api("payments").await;
    let body = json!({ "externalId": "joe", "meta": {"a": 1}, "ratelimits": [limit("requests", 5)] });
    let id = text(&t.v2_data(CREATE, body).await["identityId"]);
    let (_, key) = t.key(json!({ "apiId": api, "externalId": "joe" })).await;
    assert_eq!(t.verify(&key, None).await["identity"]["meta"], json!({ "a": 1 }));
    let changed = t.v2_data(UPDATE, json!({ "identity": "joe", "meta": {"b": 2} })).await;
    assert_eq!((&changed["meta"], changed["ratelimits"].as_array().map(Vec::len)), (&json!({ "b": 2 }), Some(1)));
    assert_eq!(t.verify(&key, None).await["identity"]["meta"], json!({ "b": 2 }), "at once");
    let changed = t.v2_data(UPDATE, json!({ "identity": id, "ratelimits": [] })).await;
    assert_eq!(
        changed,
        json!({ "id": id, "externalId": "joe", "meta": {"b": 2} }),
        "what is stored, not what was sent"
    );
    let cleared = t.v2_data(UPDATE, json!({ "identity": id, "meta": {} })).await;
    assert_eq!(cleared, json!({ "id": id, "externalId": "joe" }));
    assert_eq!(t.verify(&key, None).await["identity"], json!({ "id": id, "externalId": "joe" }));
    assert_eq!(refusal(t.v2(UPDATE, json!({ "identity": "ann", "meta": {} }))).await, no_identity());
}

async fn limits_keep_their_ids(t: TestApp) {
    let body = json!({ "externalId": "joe", "ratelimits": [limit("first", 1), limit("second", 2)] });
    t.v2_data(CREATE, body).await;
    let before = t.v2_data(GET, json!({ "identity": "joe" })).await["ratelimits"].clone();
    let wanted = json!([limit("second", 20), limit("third", 30)]);
    let after = t.v2_data(UPDATE, json!({ "identity": "joe", "ratelimits": wanted })).await["ratelimits"].clone();
    let named = |list: &Value, name: &str| {
        list.as_array().unwrap().iter().find(|limit| limit["name"] == name).cloned().unwrap_or_default()
    };
    assert_eq!(named(&after, "second")["id"], named(&before, "second")["id"]);
    assert_eq!(named(&after, "second")["limit"], 20);
    assert_ne!(named(&after, "third")["id"], named(&before, "first")["id"]);
    assert_eq!(named(&after, "first"), Value::Null);
}

async fn deleted_and_its_keys_go_on(t: TestApp) {
    let api = t.key_api("payments").await;
    let id =
        text(&t.v2_data(CREATE, json!({ "externalId": "joe", "ratelimits": [limit("all", 1)] })).await["identityId"]);
    let (key_id, key) = t.key(json!({ "apiId": api, "externalId": "joe" })).await;
    assert_eq!(t.verify(&key, None).await["code"], "VALID");
    assert_eq!(t.verify(&key, None).await["code"], "RATE_LIMITED");
    let reply = t.v2(DELETE, json!({ "identity": "joe" })).send().await;
    assert_eq!((reply.status.as_u16(), reply.body.as_object().unwrap().len()), (200, 1), "no data: {}", reply.body);
    let verdict = t.verify(&key, None).await;
    assert_eq!((&verdict["code"], verdict.get("identity")), (&json!("VALID"), None), "without its limits");
    assert_eq!(t.v2_data("keys.getKey", json!({ "keyId": key_id })).await.get("identity"), None);
    let again = t.v2(DELETE, json!({ "identity": id })).header("accept", "application/json").send().await;
    assert_eq!((again.status.as_u16(), again.header("content-type")), (404, "application/problem+json"));
    // The external id is free, and stands for somebody else.
    let other = identity(&t, "joe").await;
    assert_ne!(other, id);
    assert_eq!(t.verify(&key, None).await.get("identity"), None);
    let (_, new) = t.key(json!({ "apiId": api, "externalId": "joe" })).await;
    assert_eq!(t.verify(&new, None).await["identity"]["id"], other);
}

async fn keys_share_its_limits(t: TestApp) {
    let api = t.key_api("payments").await;
    t.v2_data(CREATE, json!({ "externalId": "joe", "ratelimits": [limit("all", 3)] })).await;
    let (_, first) = t.key(json!({ "apiId": api, "externalId": "joe" })).await;
    let (_, second) = t.key(json!({ "apiId": api, "externalId": "joe" })).await;
    let (_, other) = t.key(json!({ "apiId": api, "externalId": "ann" })).await;
    for key in [&first, &second, &first] {
        assert_eq!(t.verify(key, None).await["code"], "VALID");
    }
    assert_eq!(t.verify(&second, None).await["code"], "RATE_LIMITED");
    assert_eq!(t.verify(&other, None).await["code"], "VALID");
    t.v2_data(UPDATE, json!({ "identity": "joe", "ratelimits": [limit("all", 4)] })).await;
    assert_eq!(t.verify(&second, None).await["code"], "VALID", "another limit goes on with what was used");
    assert_eq!(t.verify(&first, None).await["code"], "RATE_LIMITED");
}

async fn who_may_do_what(t: TestApp) {
    let joe = identity(&t, "joe").await;
    let nobody = t.root_key_with(&["api.*.read_api"]).await;
    for (operation, body, needed) in [
        (CREATE, json!({ "externalId": "ann" }), "identity.*.create_identity"),
        (UPDATE, json!({ "identity": "joe", "meta": {"a": 1} }), "identity.*.update_identity"),
        (UPDATE, json!({ "identity": "absent", "meta": {"a": 1} }), "identity.*.update_identity"),
        (DELETE, json!({ "identity": "joe" }), "identity.*.delete_identity"),
        (DELETE, json!({ "identity": "absent" }), "identity.*.delete_identity"),
    ] {
        assert_eq!(refusal(t.v2(operation, body).bearer(&nobody)).await, lacks(needed));
    }
    // Looked up first, and then forbidden.
    let read = format!("Missing one of these permissions: identity.*.read_identity or identity.{joe}.read_identity");
    let get = |named: &str| json!({ "identity": named });
    let refusals = refusal(t.v2(GET, get("joe")).bearer(&nobody)).await;
    assert_eq!(refusals, refused(403, "insufficient_permissions", &read));
    assert_eq!(refusal(t.v2(GET, get("absent")).bearer(&nobody)).await, no_identity());
    let his = t.root_key_with(&[&format!("identity.{joe}.read_identity")]).await;
    assert_eq!(t.v2(GET, get("joe")).bearer(&his).send().await.status, 200);
    assert_eq!(t.v2("identities.listIdentities", json!({})).bearer(&his).send().await.status, 200);
    let by_external = t.root_key_with(&["identity.joe.read_identity"]).await;
    assert_eq!(refusal(t.v2(GET, get("joe")).bearer(&by_external)).await.0, 403);
    identity(&t, "ann").await;
    let list = refusal(t.v2("identities.listIdentities", json!({})).bearer(&his)).await;
    assert_eq!((list.0, list.1.as_str()), (403, "insufficient_permissions"), "one of the page is not his");
    let empty = t.v2("identities.listIdentities", json!({ "search": "zzz" })).bearer(&nobody).send().await;
    assert_eq!((empty.status.as_u16(), &empty.body["data"]), (200, &json!([])));
}
