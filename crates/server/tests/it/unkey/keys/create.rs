//! `keys.createKey`.

use serde_json::{Value, json};

use crate::{
    support::{Place, TestApp},
    unkey::answers::{each, invalid, refusal, said},
};

on_both_engines!(
    what_is_asked_for_is_what_the_key_is,
    the_text_has_the_prefix_and_length_that_were_asked_for,
    an_api_has_a_prefix_and_length_for_its_keys,
    what_has_the_wrong_form_is_named,
    what_makes_no_sense_is_refused,
    an_api_that_is_gone_gets_no_key,
    roles_are_named_by_name_or_id,
    permissions_are_named_by_slug_or_id_in_any_case,
    a_missing_role_leaves_nothing_behind,
    a_key_may_be_born_expired_or_disabled,
    the_text_is_kept_only_if_it_was_asked_for_and_sealed,
);

async fn what_is_asked_for_is_what_the_key_is(t: TestApp) {
    let api = t.key_api("payments").await;
    t.v2_data("permissions.createRole", json!({ "name": "reader", "permissions": ["documents.read"] })).await;
    let end = 1_800_000_000_000_i64;
    let limit = json!({ "name": "requests", "limit": 10, "duration": 60_000, "autoApply": true });
    let (id, text) = t
        .key(json!({
            "apiId": api, "prefix": "prod", "name": "Günther's key", "byteLength": 32, "externalId": "user_1",
            "meta": {"plan": "pro", "nested": {"a": [1, null]}}, "roles": ["reader"], "permissions": ["files.write"],
            "expires": end, "credits": {"remaining": 5, "refill": {"interval": "monthly", "amount": 9, "refillDay": 15}},
            "ratelimits": [limit], "enabled": true,
        }))
        .await;
    let shown = t.shown(&id).await;
    assert!(id.starts_with("key_") && text.starts_with("prod_"), "{id}");
    let identity = t.v2_data("identities.getIdentity", json!({ "identity": "user_1" })).await;
    let limit_id = shown["ratelimits"][0]["id"].clone();
    assert!(limit_id.as_str().unwrap().starts_with("rl_"));
    assert_eq!(
        shown,
        json!({
            "keyId": id, "start": &text[..9], "name": "Günther's key", "enabled": true, "expires": end,
            "createdAt": 1_767_225_600_000_i64, "meta": {"plan": "pro", "nested": {"a": [1, null]}},
            "identity": {"id": identity["id"], "externalId": "user_1"},
            "roles": ["reader"], "permissions": ["documents.read", "files.write"],
            "credits": {"remaining": 5, "refill": {"interval": "monthly", "amount": 9, "refillDay": 15}},
            "ratelimits": [
                {"id": limit_id, "name": "requests", "limit": 10, "duration": 60_000, "autoApply": true},
            ],
        })
    );
    let again = t.key(json!({ "apiId": api, "externalId": "user_1" })).await.0;
    assert_eq!(t.shown(&again).await["identity"]["id"], identity["id"], "the identity is there once");
    let least = t.key(json!({ "apiId": api })).await.0;
    let shown = t.shown(&least).await;
    let members: std::collections::BTreeSet<&str> = shown.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["createdAt", "enabled", "keyId", "start"].into(), "what is empty is left out");
    let unlimited = t.key(json!({ "apiId": api, "credits": {"remaining": null} })).await.0;
    assert_eq!(t.shown(&unlimited).await["credits"], Value::Null);
}

/// How many characters follow the prefix.
fn random_part(text: &str, prefix: &str) -> usize {
    text.strip_prefix(prefix).unwrap().len()
}

async fn the_text_has_the_prefix_and_length_that_were_asked_for(t: TestApp) {
    let api = t.key_api("payments").await;
    // Base58 of 16 bytes has at most 22 digits, and ours adds a tag of six.
    for (body, prefix, bytes) in [
        (json!({}), "", 16),
        (json!({ "prefix": "my_app" }), "my_app_", 16),
        (json!({ "prefix": "a", "byteLength": 16 }), "a_", 16),
        (json!({ "prefix": "_", "byteLength": 64 }), "__", 64),
        (json!({ "prefix": "sixteen_letters_", "byteLength": 255 }), "sixteen_letters__", 255),
    ] {
        let mut body = body;
        body["apiId"] = api.clone().into();
        let (id, text) = t.key(body).await;
        assert!(text.starts_with(prefix), "{text}");
        let (random, most) = (random_part(&text, prefix), bytes * 138 / 100 + 1 + 6);
        assert!(random <= most && random + 4 >= most, "{random} of {most}");
        assert_eq!(t.shown(&id).await["start"], text[..prefix.len() + 4]);
        assert_eq!(t.code(&text).await, "VALID");
        assert!(text[prefix.len()..].chars().all(|c| c.is_ascii_alphanumeric() && !"0OIl".contains(c)), "{text}");
    }
}

async fn an_api_has_a_prefix_and_length_for_its_keys(t: TestApp) {
    let api = t.key_api("payments").await;
    t.v2_data("apis.updateApi", json!({ "apiId": api, "defaultPrefix": "pay", "defaultBytes": 32 })).await;
    let (_, text) = t.key(json!({ "apiId": api })).await;
    assert!(text.starts_with("pay_") && random_part(&text, "pay_") > 40, "{text}");
    let (_, text) = t.key(json!({ "apiId": api, "prefix": "own", "byteLength": 16 })).await;
    assert!(text.starts_with("own_") && random_part(&text, "own_") < 30, "{text}");
    t.v2_data("apis.updateApi", json!({ "apiId": api, "defaultPrefix": null, "defaultBytes": null })).await;
    let (_, text) = t.key(json!({ "apiId": api })).await;
    assert!(!text.contains('_') && text.len() < 30, "{text}");
}

async fn what_has_the_wrong_form_is_named(t: TestApp) {
    let api = t.key_api("payments").await;
    let limit = |name: &str, limit: i64, duration: i64| json!({ "ratelimits": [{"name": name, "limit": limit, "duration": duration, "autoApply": false}] });
    let many = |count: usize| (0..count).map(|n| format!("name{n}")).collect::<Vec<_>>();
    let properties: serde_json::Map<String, Value> = many(101).into_iter().map(|name| (name, 1.into())).collect();
    let limits: Vec<Value> =
        many(51).iter().map(|n| json!({ "name": n, "limit": 1, "duration": 1000, "autoApply": false })).collect();
    let cases = [
        (json!({ "prefix": "" }), "minLength: got 0, want 1", "/properties/prefix/minLength"),
        (json!({ "prefix": "seventeen_letters" }), "maxLength: got 17, want 16", "/properties/prefix/maxLength"),
        (json!({ "prefix": "a-b" }), "'a-b' does not match pattern '^[a-zA-Z0-9_]+$'", "/properties/prefix/pattern"),
        (json!({ "byteLength": 15 }), "minimum: got 15, want 16", "/properties/byteLength/minimum"),
        (json!({ "byteLength": 256 }), "maximum: got 256, want 255", "/properties/byteLength/maximum"),
        (json!({ "byteLength": "16" }), "got string, want integer", "/properties/byteLength/type"),
        (json!({ "name": "" }), "minLength: got 0, want 1", "/properties/name/minLength"),
        (json!({ "name": "ü".repeat(256) }), "maxLength: got 256, want 255", "/properties/name/maxLength"),
        (
            json!({ "externalId": "a b" }),
            "'a b' does not match pattern '^[a-zA-Z0-9_.-]+$'",
            "/properties/externalId/pattern",
        ),
        (json!({ "meta": properties }), "maxProperties: got 101, want 100", "/properties/meta/maxProperties"),
        (json!({ "meta": [] }), "got array, want object", "/properties/meta/type"),
        (json!({ "roles": many(101) }), "maxItems: got 101, want 100", "/properties/roles/maxItems"),
        (json!({ "roles": [""] }), "minLength: got 0, want 1", "/properties/roles/items/minLength"),
        (json!({ "permissions": many(1001) }), "maxItems: got 1001, want 1000", "/properties/permissions/maxItems"),
        (
            json!({ "permissions": ["a b"] }),
            r"'a b' does not match pattern '^[a-zA-Z0-9_:\-\.\*]+$'",
            "/properties/permissions/items/pattern",
        ),
        (json!({ "expires": -1 }), "minimum: got -1, want 0", "/properties/expires/minimum"),
        (
            json!({ "expires": 4_102_444_800_001_i64 }),
            "maximum: got 4102444800001, want 4102444800000",
            "/properties/expires/maximum",
        ),
        (json!({ "credits": {} }), "missing property 'remaining'", "/properties/credits/required"),
        (
            json!({ "credits": {"remaining": -1} }),
            "minimum: got -1, want 0",
            "/properties/credits/properties/remaining/minimum",
        ),
        (
            json!({ "credits": {"remaining": 1, "refill": {"interval": "hourly", "amount": 1}} }),
            "value must be one of 'daily', 'monthly'",
            "/properties/credits/properties/refill/properties/interval/enum",
        ),
        (
            json!({ "credits": {"remaining": 1, "refill": {"interval": "daily", "amount": 0}} }),
            "minimum: got 0, want 1",
            "/properties/credits/properties/refill/properties/amount/minimum",
        ),
        (
            json!({ "credits": {"remaining": 1, "refill": {"interval": "monthly", "amount": 1, "refillDay": 32}} }),
            "maximum: got 32, want 31",
            "/properties/credits/properties/refill/properties/refillDay/maximum",
        ),
        (json!({ "ratelimits": limits }), "maxItems: got 51, want 50", "/properties/ratelimits/maxItems"),
        (limit("ab", 1, 1000), "minLength: got 2, want 3", "/properties/ratelimits/items/properties/name/minLength"),
        (limit("abc", 0, 1000), "minimum: got 0, want 1", "/properties/ratelimits/items/properties/limit/minimum"),
        (
            limit("abc", 1, 999),
            "minimum: got 999, want 1000",
            "/properties/ratelimits/items/properties/duration/minimum",
        ),
        (
            json!({ "ratelimits": [{"name": "abc"}] }),
            "missing properties 'limit', 'duration', 'autoApply'",
            "/properties/ratelimits/items/required",
        ),
        (json!({ "colour": 1 }), "additional properties 'colour' not allowed", "/additionalProperties"),
    ];
    for (change, message, location) in cases {
        let mut body = json!({ "apiId": api });
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let reply = t.v2("keys.createKey", body).send().await;
        assert_eq!(refusal(&reply), invalid("POST request body for '/v2/keys.createKey' failed to validate schema"));
        assert_eq!(reply.body["error"]["errors"], json!([{ "message": message, "location": location }]));
    }
    let listed = t.v2_data("apis.listKeys", json!({ "apiId": api })).await;
    assert_eq!(listed, json!([]));
    // What the items of limits have besides is not looked at.
    let limit = json!({ "name": "abc", "limit": 1, "duration": 1000, "autoApply": false, "colour": 1 });
    t.key(json!({ "apiId": api, "ratelimits": [limit] })).await;
}

async fn what_makes_no_sense_is_refused(t: TestApp) {
    let api = t.key_api("payments").await;
    let limit = json!({ "name": "twice", "limit": 1, "duration": 1000, "autoApply": false });
    let cases = [
        (
            json!({ "credits": {"remaining": null, "refill": {"interval": "daily", "amount": 1}} }),
            "`credits.remaining` must be provided when `credits.refill` is set.",
        ),
        (
            json!({ "credits": {"remaining": 1, "refill": {"interval": "monthly", "amount": 1}} }),
            "`refillDay` must be provided when the refill interval is `monthly`.",
        ),
        (json!({ "ratelimits": [limit, limit] }), "Ratelimit with name 'twice' is already defined in the request"),
        (
            json!({ "meta": {"a": "x".repeat(65_530)} }),
            "Metadata is too large: it must be at most 65536 bytes, but is 65538 bytes.",
        ),
    ];
    for (change, detail) in cases {
        let mut body = json!({ "apiId": api, "externalId": "nobody", "permissions": ["not.made"] });
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        assert_eq!(t.v2_refused("keys.createKey", body).await, invalid(detail));
    }
    assert_eq!(t.v2_data("apis.listKeys", json!({ "apiId": api })).await, json!([]));
    assert_eq!(t.v2_data("identities.listIdentities", json!({})).await, json!([]));
    assert_eq!(t.v2_data("permissions.listPermissions", json!({ "search": "not.made" })).await, json!([]));
    let (id, _) = t
        .key(json!({
            "apiId": api, "meta": {"a": "x".repeat(65_528)},
            "credits": {"remaining": 1, "refill": {"interval": "daily", "amount": 1, "refillDay": 3}},
        }))
        .await;
    let shown = t.shown(&id).await;
    assert_eq!(shown["credits"], json!({ "remaining": 1, "refill": {"interval": "daily", "amount": 1} }));
    assert_eq!(shown["meta"]["a"].as_str().unwrap().len(), 65_528);
}

async fn an_api_that_is_gone_gets_no_key(t: TestApp) {
    let absent = said(404, "unkey/data/api_not_found", "The specified API was not found.");
    let api = t.key_api("payments").await;
    let other = t.key_api("other").await;
    t.v2_data("apis.deleteApi", json!({ "apiId": api })).await;
    for id in [api.as_str(), "api_nothing", "nothing"] {
        assert_eq!(t.v2_refused("keys.createKey", json!({ "apiId": id })).await, absent, "{id}");
    }
    let stranger = t.root_key_with(&["api.api_other.create_key", "api.*.read_api", "apis.*.create_key"]).await;
    let reply = t.v2_as(&stranger, "keys.createKey", json!({ "apiId": other })).await;
    assert_eq!(refusal(&reply), absent, "whoever may not, sees nothing");
}

async fn roles_are_named_by_name_or_id(t: TestApp) {
    let api = t.key_api("payments").await;
    let role = t.v2_data("permissions.createRole", json!({ "name": "Über Admin", "permissions": ["a.b"] })).await;
    let id = role["roleId"].as_str().unwrap().to_owned();
    for roles in [json!(["Über Admin"]), json!([id]), json!(["ÜBER ADMIN", "über admin", id])] {
        let (key, text) = t.key(json!({ "apiId": api, "roles": roles })).await;
        let shown = t.shown(&key).await;
        assert_eq!((&shown["roles"], &shown["permissions"]), (&json!(["Über Admin"]), &json!(["a.b"])), "{roles}");
        assert_eq!(t.verify(&text, Some("a.b")).await["code"], "VALID");
    }
}

async fn permissions_are_named_by_slug_or_id_in_any_case(t: TestApp) {
    let api = t.key_api("payments").await;
    let made = t.v2_data("permissions.createPermission", json!({ "name": "Read", "slug": "Documents.Read" })).await;
    let id = made["permissionId"].as_str().unwrap();
    let named = json!(["documents.read", "DOCUMENTS.READ", "Documents.Read", id, "fresh.one", "Fresh.One", "*"]);
    let (key, text) = t.key(json!({ "apiId": api, "permissions": named })).await;
    assert_eq!(t.shown(&key).await["permissions"], json!(["*", "Documents.Read", "fresh.one"]));
    assert_eq!(t.verify(&text, Some("Documents.Read AND fresh.one AND *")).await["code"], "VALID");
    assert_eq!(t.verify(&text, Some("documents.read")).await["code"], "INSUFFICIENT_PERMISSIONS", "case counts");
    let all = t.v2_data("permissions.listPermissions", json!({})).await;
    let mut slugs = each(&all, "slug");
    slugs.sort();
    assert_eq!(slugs, ["*", "Documents.Read", "fresh.one"]);
    let fresh = t.v2_data("permissions.getPermission", json!({ "permission": "FRESH.ONE" })).await;
    assert_eq!(fresh["name"], "fresh.one", "made on the way, it is called what it is");
    // What looks like an id and is none is a slug like any other.
    let (key, _) = t.key(json!({ "apiId": api, "permissions": ["perm_123456789"] })).await;
    assert_eq!(t.shown(&key).await["permissions"], json!(["perm_123456789"]));
}

async fn a_missing_role_leaves_nothing_behind(t: TestApp) {
    let api = t.key_api("payments").await;
    t.v2_data("permissions.createRole", json!({ "name": "there" })).await;
    let body = json!({
        "apiId": api, "roles": ["there", "not there"], "permissions": ["fresh.one"], "externalId": "user_1",
    });
    let missing = said(404, "unkey/data/role_not_found", "Role 'not there' was not found.");
    assert_eq!(t.v2_refused("keys.createKey", body).await, missing);
    assert_eq!(t.v2_data("apis.listKeys", json!({ "apiId": api })).await, json!([]));
    assert_eq!(t.v2_data("permissions.listPermissions", json!({})).await, json!([]));
    assert_eq!(t.v2_data("identities.listIdentities", json!({})).await, json!([]));
}

async fn a_key_may_be_born_expired_or_disabled(t: TestApp) {
    let api = t.key_api("payments").await;
    for end in [0, 1, 1_767_225_599_999_i64] {
        let (id, text) = t.key(json!({ "apiId": api, "expires": end })).await;
        assert_eq!(t.code(&text).await, "EXPIRED", "{end}");
        // A member that is zero is left out, like every other that is empty.
        assert_eq!(t.shown(&id).await.get("expires"), Some(&json!(end)).filter(|_| end > 0));
    }
    let (_, text) = t.key(json!({ "apiId": api, "expires": 1_767_225_600_000_i64 })).await;
    assert_eq!(t.code(&text).await, "VALID", "it ends after that moment");
    let (_, text) = t.key(json!({ "apiId": api, "enabled": false, "expires": 0 })).await;
    assert_eq!(t.code(&text).await, "DISABLED");
}

/// What the store has of a key's text.
async fn sealed(t: &TestApp, id: &str) -> Option<Vec<u8>> {
    match &t.place {
        Place::Directory(path) => {
            let store = rusqlite::Connection::open(path.join("keyward.db")).unwrap();
            store.query_row("SELECT sealed FROM keys WHERE id = ?1", [id], |row| row.get(0)).unwrap()
        }
        Place::Database(url) => {
            let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client.query_one("SELECT sealed FROM keys WHERE id = $1", &[&id]).await.unwrap().get(0)
        }
    }
}

async fn the_text_is_kept_only_if_it_was_asked_for_and_sealed(t: TestApp) {
    let api = t.key_api("payments").await;
    let (kept, text) = t.key(json!({ "apiId": api, "recoverable": true, "prefix": "plain" })).await;
    let at_rest = sealed(&t, &kept).await.unwrap();
    let random = text.strip_prefix("plain_").unwrap().as_bytes();
    assert!(at_rest.len() > text.len() && !at_rest.windows(random.len()).any(|part| part == random));
    let (not_kept, _) = t.key(json!({ "apiId": api })).await;
    assert_eq!(sealed(&t, &not_kept).await, None);
    let decrypted = t.v2_data("keys.getKey", json!({ "keyId": kept, "decrypt": true })).await;
    assert_eq!(decrypted["plaintext"], text);
    let asked = json!({ "apiId": api, "recoverable": true });
    let may_not = t.root_key_with(&["api.*.create_key"]).await;
    let reply = t.v2_as(&may_not, "keys.createKey", asked.clone()).await;
    assert_eq!(reply.status, 403);
    let detail = refusal(&reply).2;
    let named = format!("Missing one of these permissions: api.*.encrypt_key or api.{api}.encrypt_key");
    assert!(detail.starts_with(&named), "{detail}");
    for permission in ["api.*.encrypt_key".to_owned(), format!("api.{api}.encrypt_key")] {
        let may = t.root_key_with(&["api.*.create_key", &permission]).await;
        assert_eq!(t.v2_as(&may, "keys.createKey", asked.clone()).await.status, 200, "{permission}");
    }
    t.v2_data("keys.deleteKey", json!({ "keyId": kept })).await;
    assert_eq!(sealed(&t, &kept).await, None, "a deleted key can't be shown again");
}
