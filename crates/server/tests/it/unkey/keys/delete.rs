//! `keys.deleteKey`.

use serde_json::json;

use crate::{
    support::{Place, TestApp},
    unkey::answers::said,
};

on_both_engines!(a_deleted_key_is_gone_at_once, for_good_nothing_of_it_is_left);

async fn a_deleted_key_is_gone_at_once(t: TestApp) {
    let api = t.key_api("payments").await;
    let absent = said(404, "unkey/data/key_not_found", "We could not find the requested key.");
    for permanent in [None, Some(false), Some(true)] {
        let (id, text) = t.key(json!({ "apiId": api, "permissions": ["a.b"], "credits": {"remaining": 5} })).await;
        assert_eq!(t.code(&text).await, "VALID");
        let mut body = json!({ "keyId": id });
        if let Some(permanent) = permanent {
            body["permanent"] = permanent.into();
        }
        assert_eq!(t.v2_data("keys.deleteKey", body).await, json!({}));
        assert_eq!(t.verify(&text, None).await, json!({ "valid": false, "code": "NOT_FOUND" }));
        assert_eq!(t.verify(&text, Some("a b")).await["code"], "NOT_FOUND", "its query is not looked at");
        for permanent in [false, true] {
            let again = json!({ "keyId": id, "permanent": permanent });
            assert_eq!(t.v2_refused("keys.deleteKey", again).await, absent);
        }
        assert_eq!(t.v2_refused("keys.getKey", json!({ "keyId": id })).await, absent);
        assert_eq!(t.v2_refused("keys.whoami", json!({ "key": text })).await, absent);
    }
    assert_eq!(t.v2_data("apis.listKeys", json!({ "apiId": api })).await, json!([]));
    let entries = t.entries("sapi").await;
    let deleted = |permanent: bool| {
        let fits = |entry: &&serde_json::Value| {
            entry["description"] == "key.delete" && entry["details"]["before"]["permanent"] == permanent
        };
        entries.iter().filter(fits).count()
    };
    assert_eq!((deleted(false), deleted(true)), (2, 1), "{entries:?}");
}

/// How many rows there are in which something of the key may be.
async fn rows(t: &TestApp, id: &str) -> (i64, i64, i64) {
    let queries = [
        "SELECT count(*) FROM key_permissions WHERE key = (SELECT number FROM keys WHERE id = 'ID')",
        "SELECT count(*) FROM key_roles WHERE key = (SELECT number FROM keys WHERE id = 'ID')",
        "SELECT count(*) FROM keys WHERE id = 'ID' AND (name IS NOT NULL OR meta IS NOT NULL OR sealed IS NOT NULL)",
    ];
    let mut counts = [0; 3];
    for (count, query) in counts.iter_mut().zip(queries) {
        let query = query.replace("ID", id);
        *count = match &t.place {
            Place::Directory(path) => {
                let store = rusqlite::Connection::open(path.join("keyward.db")).unwrap();
                store.query_row(&query, [], |row| row.get(0)).unwrap()
            }
            Place::Database(url) => {
                let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
                tokio::spawn(connection);
                client.query_one(&query, &[]).await.unwrap().get(0)
            }
        };
    }
    counts.into()
}

async fn for_good_nothing_of_it_is_left(t: TestApp) {
    let api = t.key_api("payments").await;
    t.v2_data("permissions.createRole", json!({ "name": "reader" })).await;
    let (id, _) = t
        .key(json!({
            "apiId": api, "name": "n", "meta": {"a": 1}, "recoverable": true, "roles": ["reader"],
            "permissions": ["a.b"],
        }))
        .await;
    assert_eq!(rows(&t, &id).await, (1, 1, 1));
    t.v2_data("keys.deleteKey", json!({ "keyId": id, "permanent": true })).await;
    assert_eq!(rows(&t, &id).await, (0, 0, 0));
}
