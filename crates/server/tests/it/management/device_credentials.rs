//! Credentials of users' devices: there are none.

use serde_json::json;

use crate::support::TestApp;

on_both_engines!(there_are_none, what_is_not_there_is_deleted_already);

async fn there_are_none(t: TestApp) {
    for query in ["", "?user_id=auth0%7Cx&client_id=y&type=public_key", "?type=rotating_refresh_token&fields=id"] {
        let reply = t.get(&format!("device-credentials{query}")).send().await;
        assert_eq!((reply.status.as_u16(), reply.body), (200, json!([])), "{query}");
    }
    let totals = t.get("device-credentials?include_totals=true&page=2&per_page=10").send().await;
    assert_eq!(totals.body, json!({ "start": 20, "limit": 10, "total": 0, "device_credentials": [] }));
    let refused = t.get("device-credentials?type=password").send().await;
    assert_eq!(
        refused.body["message"],
        "Query validation error: 'No enum match for: password' on property type (Only those of this kind)."
    );
    for query in ["?fields=secret", "?page=-1", "?color=1"] {
        let refused = t.get(&format!("device-credentials{query}")).send().await;
        assert_eq!((refused.status.as_u16(), &refused.body["errorCode"]), (400, &json!("invalid_query_string")));
    }
    let made = t.post("device-credentials", json!({ "device_name": "x", "type": "public_key" })).send().await;
    assert_eq!(made.status, 404, "nothing makes any");
}

async fn what_is_not_there_is_deleted_already(t: TestApp) {
    let revision = t.app.revision();
    for id in ["dcr_1", "dcr_1", "%00"] {
        let reply = t.delete(&format!("device-credentials/{id}")).send().await;
        assert_eq!((reply.status.as_u16(), reply.bytes.len()), (204, 0), "{id}");
    }
    assert_eq!(t.app.revision(), revision);
}
