//! The standalone limiter.

use serde_json::{Value, json};

use super::{lacks, pages, refusal, refused, text};
use crate::support::TestApp;

on_both_engines!(
    counted_within_a_window,
    a_window_slides,
    identifiers_and_durations_are_counted_apart,
    all_or_nothing,
    entries_of_one_counter_see_each_other,
    an_override_takes_the_place_of_the_limit,
    an_override_of_nothing_denies,
    patterns,
    set_deleted_and_set_again,
    overrides_in_pages,
    what_is_not_there,
    who_may_count,
    who_may_override,
);

const LIMIT: &str = "ratelimit.limit";
const MULTI: &str = "ratelimit.multiLimit";
const SET: &str = "ratelimit.setOverride";
const GET: &str = "ratelimit.getOverride";
const DELETE: &str = "ratelimit.deleteOverride";
const LIST: &str = "ratelimit.listOverrides";

/// When the tests' clock begins, which is when a window does.
const START: i64 = 1_767_225_600_000;

fn one(identifier: &str, limit: i64, cost: i64) -> Value {
    json!({ "namespace": "requests", "identifier": identifier, "limit": limit, "duration": 60_000, "cost": cost })
}

fn over(identifier: &str, limit: i64) -> Value {
    json!({ "namespace": "requests", "identifier": identifier, "limit": limit, "duration": 60_000 })
}

fn which(identifier: &str) -> Value {
    json!({ "namespace": "requests", "identifier": identifier })
}

fn no_namespace() -> super::Refusal {
    refused(404, "ratelimit_namespace_not_found", "This namespace does not exist.")
}

fn no_override() -> super::Refusal {
    refused(404, "ratelimit_override_not_found", "This override does not exist.")
}

/// Whether it passed, and what is left.
async fn take(t: &TestApp, body: Value) -> (bool, i64) {
    let data = t.v2_data(LIMIT, body).await;
    (data["success"].as_bool().unwrap(), data["remaining"].as_i64().unwrap())
}

async fn counted_within_a_window(t: TestApp) {
    let data =
        t.v2_data(LIMIT, json!({ "namespace": "requests", "identifier": "joe", "limit": 3, "duration": 60_000 })).await;
    assert_eq!(data, json!({ "success": true, "limit": 3, "remaining": 2, "reset": START + 60_000 }));
    assert_eq!(take(&t, one("joe", 3, 0)).await, (true, 2), "only asked");
    assert_eq!(take(&t, one("joe", 3, 3)).await, (false, 0), "what is denied uses nothing");
    assert_eq!(take(&t, one("joe", 3, 2)).await, (true, 0));
    assert_eq!(take(&t, one("joe", 3, 0)).await, (true, 0));
    assert_eq!(take(&t, one("joe", 3, 1)).await, (false, 0));
    assert_eq!(take(&t, one("joe", 4, 1)).await, (true, 0), "another limit goes on with what was used");
    let large = take(&t, one("ann", i64::MAX, i64::MAX)).await;
    assert_eq!(large, (true, 0));
    assert_eq!(take(&t, one("ann", i64::MAX, i64::MAX)).await, (false, 0));
}

async fn a_window_slides(t: TestApp) {
    assert_eq!(take(&t, one("joe", 10, 10)).await, (true, 0));
    t.clock.advance(60);
    assert_eq!(take(&t, one("joe", 10, 1)).await, (false, 0), "at its beginning all of the one before counts");
    t.clock.advance(30);
    let data = t.v2_data(LIMIT, one("joe", 10, 1)).await;
    assert_eq!((&data["success"], &data["remaining"]), (&json!(true), &json!(4)), "then half of it");
    assert_eq!(data["reset"], START + 120_000);
    t.clock.advance(120);
    assert_eq!(take(&t, one("joe", 10, 10)).await, (true, 0), "and then nothing");
}

async fn identifiers_and_durations_are_counted_apart(t: TestApp) {
    assert_eq!(take(&t, one("joe", 1, 1)).await, (true, 0));
    assert_eq!(take(&t, one("Joe", 1, 1)).await, (true, 0));
    assert_eq!(take(&t, one("jo\n\te ü", 1, 1)).await, (true, 0));
    let mut longer = one("joe", 1, 1);
    longer["duration"] = 61_000.into();
    assert_eq!(take(&t, longer).await, (true, 0));
    let mut elsewhere = one("joe", 1, 1);
    elsewhere["namespace"] = "other".into();
    assert_eq!(take(&t, elsewhere).await, (true, 0));
    assert_eq!(take(&t, one("joe", 1, 1)).await, (false, 0));
    let long = "ü".repeat(512);
    assert_eq!(take(&t, one(&long, 1, 1)).await, (true, 0));
    // A namespace has an id, too.
    t.v2_data(SET, over("joe", 5)).await;
    let entries = t.entries("sapi").await;
    let id = text(&entries[0]["details"]["after"]["namespaceId"]);
    assert!(id.starts_with("rlns_"), "{id}");
    let mut by_id = one("joe", 1, 1);
    by_id["namespace"] = id.into();
    assert_eq!(take(&t, by_id).await, (true, 3), "the same counter, and the override");
}

async fn all_or_nothing(t: TestApp) {
    let mut other = one("joe", 5, 2);
    other["namespace"] = "other".into();
    let data = t.v2_data(MULTI, json!([one("joe", 5, 1), other, one("ann", 1, 2)])).await;
    assert_eq!(
        data,
        json!({ "passed": false, "limits": [
            { "namespace": "requests", "identifier": "joe", "limit": 5, "remaining": 5, "reset": START + 60_000,
                "passed": true },
            { "namespace": "other", "identifier": "joe", "limit": 5, "remaining": 5, "reset": START + 60_000,
                "passed": true },
            { "namespace": "requests", "identifier": "ann", "limit": 1, "remaining": 0, "reset": START + 60_000,
                "passed": false },
        ] })
    );
    assert_eq!(take(&t, one("joe", 5, 0)).await, (true, 5), "no counter moved");
    let data = t.v2_data(MULTI, json!([one("joe", 5, 1), one("ann", 1, 1)])).await;
    assert_eq!((&data["passed"], &data["limits"][0]["remaining"]), (&json!(true), &json!(4)));
    assert_eq!(take(&t, one("ann", 1, 1)).await, (false, 0));
}

async fn entries_of_one_counter_see_each_other(t: TestApp) {
    let data = t.v2_data(MULTI, json!([one("joe", 5, 2), one("joe", 5, 2)])).await;
    assert_eq!((&data["limits"][0]["remaining"], &data["limits"][1]["remaining"]), (&json!(3), &json!(1)));
    let data = t.v2_data(MULTI, json!([one("joe", 5, 1), one("joe", 5, 1)])).await;
    assert_eq!(data["passed"], false);
    assert_eq!((&data["limits"][0]["passed"], &data["limits"][1]["passed"]), (&json!(true), &json!(false)));
    assert_eq!(take(&t, one("joe", 5, 1)).await, (true, 0));
    let many: Vec<Value> = (0..100).map(|n| one(&format!("user {n}"), 1, 1)).collect();
    assert_eq!(t.v2_data(MULTI, json!(many)).await["passed"], true);
}

async fn an_override_takes_the_place_of_the_limit(t: TestApp) {
    assert_eq!(take(&t, one("joe", 1, 1)).await, (true, 0));
    let id = text(&t.v2_data(SET, over("joe", 3)).await["overrideId"]);
    assert!(id.starts_with("rlor_"), "{id}");
    let data = t.v2_data(LIMIT, one("joe", 1, 1)).await;
    assert_eq!(data, json!({ "success": true, "limit": 3, "remaining": 1, "reset": START + 60_000, "overrideId": id }));
    let data = t.v2_data(MULTI, json!([one("joe", 1, 1), one("ann", 1, 1)])).await;
    assert_eq!((&data["limits"][0]["overrideId"], data["limits"][1].get("overrideId")), (&json!(id), None));
    assert_eq!(t.v2_data(SET, over("joe", 4)).await["overrideId"], id, "it stays the same one");
    let shown = t.v2_data(GET, which("joe")).await;
    assert_eq!(shown, json!({ "overrideId": id, "identifier": "joe", "limit": 4, "duration": 60_000 }));
    assert_eq!(take(&t, one("joe", 1, 1)).await, (true, 0), "at once");
}

async fn an_override_of_nothing_denies(t: TestApp) {
    t.v2_data(LIMIT, one("joe", 5, 0)).await;
    t.v2_data(SET, over("joe", 0)).await;
    let data = t.v2_data(LIMIT, one("joe", 5, 1)).await;
    assert_eq!((&data["success"], &data["limit"], &data["remaining"]), (&json!(false), &json!(0), &json!(0)));
    assert_eq!(take(&t, one("joe", 5, 0)).await, (false, 0));
    let data = t.v2_data(MULTI, json!([one("joe", 5, 1), one("ann", 5, 1)])).await;
    assert_eq!((&data["passed"], &data["limits"][1]["remaining"]), (&json!(false), &json!(5)));
}

async fn patterns(t: TestApp) {
    t.v2_data(LIMIT, one("x", 5, 0)).await;
    for (pattern, limit) in [("*", 1), ("*@example.com", 2), ("joe@*", 3), ("joe@example.com", 4)] {
        t.v2_data(SET, over(pattern, limit)).await;
    }
    for (identifier, expected) in
        [("joe@example.com", 4), ("ann@example.com", 2), ("joe@else.com", 3), ("anybody", 1), ("@example.com.", 1)]
    {
        assert_eq!(t.v2_data(LIMIT, one(identifier, 9, 0)).await["limit"], expected, "{identifier}");
        assert_eq!(t.v2_data(GET, which(identifier)).await["limit"], expected, "{identifier}");
    }
    // Only the override with exactly this text is deleted.
    assert_eq!(refusal(t.v2(DELETE, which("ann@example.com"))).await, no_override());
    t.v2_data(DELETE, which("*@example.com")).await;
    assert_eq!(t.v2_data(GET, which("ann@example.com")).await["limit"], 1);
}

async fn set_deleted_and_set_again(t: TestApp) {
    t.v2_data(LIMIT, one("joe", 5, 0)).await;
    t.v2_data(SET, over("joe", 2)).await;
    assert_eq!(t.v2_data(DELETE, which("joe")).await, json!({}));
    let data = t.v2_data(LIMIT, one("joe", 5, 0)).await;
    assert_eq!((&data["limit"], data.get("overrideId")), (&json!(5), None));
    for operation in [GET, DELETE] {
        assert_eq!(refusal(t.v2(operation, which("joe"))).await, no_override());
    }
    let again = t.v2_data(SET, over("joe", 3)).await["overrideId"].clone();
    let data = t.v2_data(LIMIT, one("joe", 5, 0)).await;
    assert_eq!((&data["limit"], &data["overrideId"]), (&json!(3), &again));
}

async fn overrides_in_pages(t: TestApp) {
    t.v2_data(LIMIT, one("x", 5, 0)).await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(text(&t.v2_data(SET, over(&format!("user {n}"), n)).await["overrideId"]));
    }
    ids.sort_unstable();
    let found = pages(&t, LIST, json!({ "namespace": "requests" })).await;
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(found.concat().iter().map(|item| text(&item["overrideId"])).collect::<Vec<_>>(), ids);
    for n in 5..55 {
        t.v2_data(SET, over(&format!("user {n}"), n)).await;
    }
    let page = t.v2(LIST, json!({ "namespace": "requests" })).send().await.body;
    assert_eq!((page["data"].as_array().unwrap().len(), &page["pagination"]["hasMore"]), (50, &json!(true)));
}

async fn what_is_not_there(t: TestApp) {
    assert_eq!(refusal(t.v2(SET, over("joe", 1))).await, no_namespace());
    assert_eq!(refusal(t.v2(GET, which("joe"))).await, no_namespace());
    assert_eq!(refusal(t.v2(DELETE, which("joe"))).await, no_namespace());
    assert_eq!(refusal(t.v2(LIST, json!({ "namespace": "requests" }))).await, no_namespace());
    t.v2_data(LIMIT, one("joe", 1, 0)).await;
    assert_eq!(refusal(t.v2(GET, which("joe"))).await, no_override());
    assert_eq!(t.v2_data(LIST, json!({ "namespace": "requests" })).await, json!([]));
    for body in [
        json!([]),
        json!([one("joe", 0, 1)]),
        json!((0..101).map(|_| one("joe", 1, 1)).collect::<Vec<_>>()),
        one("joe", 1, 1),
    ] {
        assert_eq!(refusal(t.v2(MULTI, body)).await.0, 400);
    }
}

async fn who_may_count(t: TestApp) {
    let only_make = t.root_key_with(&["ratelimit.*.create_namespace"]).await;
    assert_eq!(refusal(t.v2(LIMIT, one("joe", 1, 1)).bearer(&only_make)).await, lacks("ratelimit.*.limit"));
    let only_count = t.root_key_with(&["ratelimit.*.limit"]).await;
    let refusals = refusal(t.v2(LIMIT, one("joe", 1, 1)).bearer(&only_count)).await;
    assert_eq!(refusals, lacks("ratelimit.*.create_namespace"));
    assert_eq!(refusal(t.v2(LIST, json!({ "namespace": "requests" }))).await, no_namespace(), "none was made");
    let both = t.root_key_with(&["ratelimit.*.limit", "ratelimit.*.create_namespace"]).await;
    assert_eq!(t.v2(LIMIT, one("joe", 5, 1)).bearer(&both).send().await.status, 200);
    assert_eq!(t.v2(LIMIT, one("joe", 5, 1)).bearer(&only_count).send().await.status, 200);
    let entry = &t.entries("sapi").await;
    let made = entry.iter().find(|entry| entry["description"] == "ratelimitNamespace.create").unwrap();
    let id = text(&made["details"]["after"][0]["id"]);
    let refusals = refusal(t.v2(LIMIT, one("joe", 5, 1)).bearer(&only_make)).await;
    let expected = format!("Missing one of these permissions: ratelimit.*.limit or ratelimit.{id}.limit");
    assert_eq!(refusals, refused(403, "insufficient_permissions", &expected));
    let here = t.root_key_with(&[&format!("ratelimit.{id}.limit")]).await;
    assert_eq!(t.v2(LIMIT, one("joe", 5, 1)).bearer(&here).send().await.status, 200);
    // Of several namespaces, all must be allowed, and nothing is counted otherwise.
    let mut other = one("joe", 5, 1);
    other["namespace"] = "other".into();
    t.v2_data(LIMIT, other.clone()).await;
    assert_eq!(refusal(t.v2(MULTI, json!([one("joe", 5, 1), other])).bearer(&here)).await.0, 403);
    assert_eq!(take(&t, one("joe", 5, 0)).await, (true, 2));
}

async fn who_may_override(t: TestApp) {
    t.v2_data(LIMIT, one("joe", 5, 1)).await;
    t.v2_data(SET, over("joe", 1)).await;
    let id = text(&t.entries("sapi").await[0]["details"]["after"]["namespaceId"]);
    let nobody = t.root_key_with(&["ratelimit.*.limit", "ratelimit.x.set_override"]).await;
    for (operation, body, action) in [
        (SET, over("joe", 2), "set_override"),
        (LIST, json!({ "namespace": "requests" }), "read_override"),
        (DELETE, which("joe"), "delete_override"),
    ] {
        let expected = format!("Missing one of these permissions: ratelimit.*.{action} or ratelimit.{id}.{action}");
        let refusals = refusal(t.v2(operation, body.clone()).bearer(&nobody)).await;
        assert_eq!(refusals, refused(403, "insufficient_permissions", &expected));
        let mut absent = body.clone();
        absent["namespace"] = "absent".into();
        assert_eq!(refusal(t.v2(operation, absent).bearer(&nobody)).await, no_namespace());
        assert_eq!(t.v2_data(GET, which("joe")).await["limit"], if operation == SET { 1 } else { 2 });
        let here = t.root_key_with(&[&format!("ratelimit.{id}.{action}")]).await;
        assert_eq!(t.v2(operation, body).bearer(&here).send().await.status, 200, "{operation}");
    }
    // An override that one may not read looks absent.
    t.v2_data(SET, over("joe", 1)).await;
    assert_eq!(refusal(t.v2(GET, which("joe")).bearer(&nobody)).await, no_override());
    let urn =
        t.root_key_with(&[&format!("unkey:v1:ws_default:ratelimits/namespaces/{id}/overrides/*#read_override")]).await;
    assert_eq!(t.v2(GET, which("joe")).bearer(&urn).send().await.status, 200);
}
