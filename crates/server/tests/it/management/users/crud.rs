use keyward_core::access::ManagementScope;
use serde_json::{Value, json};

use super::{CONNECTION, PASSWORD, create, no_user, refusal, user, wanted};
use crate::support::{Place, TestApp};

on_both_engines!(
    what_a_new_user_is_like,
    ids_emails_and_usernames_are_unique,
    what_is_refused,
    changes,
    metadata_merge,
    only_the_applications_metadata,
    gone_means_gone,
    paths_are_decoded,
    passwords_stay_inside,
    fields_are_chosen,
);

async fn what_a_new_user_is_like(t: TestApp) {
    let made = create(&t, wanted("Jane.Doe@Example.COM")).await;
    let own = made["user_id"].as_str().unwrap().strip_prefix("auth0|").unwrap();
    assert!(own.len() == 24 && own.bytes().all(|byte| byte.is_ascii_hexdigit()), "{own}");
    let picture = made["picture"].as_str().unwrap();
    assert!(picture.starts_with("https://www.gravatar.com/avatar/"), "{picture}");
    assert_eq!(
        made,
        json!({
            "email": "jane.doe@example.com", "name": "jane.doe@example.com", "nickname": "jane.doe",
            "email_verified": false, "picture": picture, "user_id": format!("auth0|{own}"),
            "identities": [{"connection": CONNECTION, "user_id": own, "provider": "auth0", "isSocial": false}],
            "created_at": "2026-01-01T00:00:00.000Z", "updated_at": "2026-01-01T00:00:00.000Z",
        })
    );
    assert_eq!(t.get(&format!("users/auth0%7C{own}")).send().await.body, made);
    let given = json!({
        "connection": CONNECTION, "email": "b@example.com", "password": PASSWORD, "user_id": "abc|1", "name": "B",
        "given_name": "Be", "family_name": "Bee", "nickname": "bb", "picture": "https://b.example/p.png",
        "email_verified": true, "verify_email": false, "blocked": true, "phone_number": "+15551234",
        "phone_verified": true, "user_metadata": {"a": {"b": [1]}}, "app_metadata": {"c": null, "d": 1},
    });
    let made = create(&t, given.clone()).await;
    assert_eq!(made["user_id"], "auth0|abc|1");
    assert_eq!(made["identities"][0]["user_id"], "abc|1");
    assert_eq!(made["app_metadata"], json!({ "d": 1 }));
    for name in
        ["name", "given_name", "family_name", "nickname", "picture", "email_verified", "blocked", "user_metadata"]
    {
        assert_eq!(made[name], given[name], "{name}");
    }
    assert_eq!((made.get("password"), made.get("connection"), made.get("verify_email")), (None, None, None));
}

async fn ids_emails_and_usernames_are_unique(t: TestApp) {
    let connection = t.get("connections").send().await.body[0]["id"].as_str().unwrap().to_owned();
    user(&t, "one").await;
    let taken = |reply: crate::support::Reply| {
        let body = json!({
            "statusCode": 409, "error": "Conflict", "message": "The user already exists.", "errorCode": "auth0_idp_error",
        });
        assert_eq!(reply.body, body);
    };
    taken(t.post("users", wanted("ONE@example.com")).send().await);
    let mut same_id = wanted("other@example.com");
    same_id["user_id"] = "one".into();
    taken(t.post("users", same_id).send().await);
    let two = user(&t, "two").await;
    taken(t.patch(&format!("users/{two}"), json!({ "email": "One@example.com" })).send().await);
    t.patch(&format!("connections/{connection}"), json!({ "options": {"requires_username": true} })).send().await;
    let mut named = wanted("three@example.com");
    let missing = t.post("users", named.clone()).send().await;
    assert_eq!(refusal(&missing).1, "Payload validation error: 'Missing required property: username'.");
    named["username"] = "Three".into();
    create(&t, named.clone()).await;
    named["email"] = "four@example.com".into();
    named["username"] = "three".into();
    taken(t.post("users", named).send().await);
    assert_eq!(t.get("users?include_totals=true").send().await.body["total"], 3);
}

async fn what_is_refused(t: TestApp) {
    let with = |name: &str, value: Value| {
        let mut body = wanted("a@example.com");
        body[name] = value;
        body
    };
    let without = |name: &str| {
        let mut body = wanted("a@example.com");
        body.as_object_mut().unwrap().remove(name);
        body
    };
    let cases = [
        (with("connection", json!("other")), "Connection does not exist.", "invalid_body"),
        (with("username", json!("a")), "Cannot set username for connection without requires_username.", "invalid_body"),
        (with("password", json!("sevench")), "PasswordStrengthError: Password is too weak", "auth0_idp_error"),
        (without("connection"), "Payload validation error: 'Missing required property: connection'.", "invalid_body"),
        (without("password"), "Payload validation error: 'Missing required property: password'.", "invalid_body"),
        (without("email"), "Payload validation error: 'Missing required property: email'.", "invalid_body"),
        (with("x", json!(1)), "Payload validation error: 'Additional properties not allowed: x'.", "invalid_body"),
        (
            with("email", json!("nobody")),
            "Payload validation error: 'Object didn't pass validation for format email: nobody' on property email.",
            "invalid_body",
        ),
        (
            with("picture", json!("no uri")),
            "Payload validation error: 'Object didn't pass validation for format uri: no uri' on property picture.",
            "invalid_body",
        ),
        (
            with("user_id", json!("app@clients")),
            "Payload validation error: 'A user's id can't end with @clients, as those of applications do' on property user_id.",
            "invalid_body",
        ),
        (
            with("blocked", json!("yes")),
            "Payload validation error: 'Expected type boolean but found type string' on property blocked (Whether this user was blocked by an administrator).",
            "invalid_body",
        ),
    ];
    for (body, message, code) in cases {
        let reply = t.post("users", body).send().await;
        assert_eq!(
            reply.body,
            json!({ "statusCode": 400, "error": "Bad Request", "message": message, "errorCode": code })
        );
    }
    for (name, value) in [
        ("user_id", json!("a b")),
        ("user_id", json!("x".repeat(256))),
        ("user_id", json!("")),
        ("name", json!("n".repeat(301))),
        ("given_name", json!("n".repeat(151))),
        ("phone_number", json!("5551234")),
        ("user_metadata", json!([])),
        ("user_metadata", json!({ "a": "\u{0}" })),
        ("app_metadata", json!({ "\u{0}": 1 })),
    ] {
        assert_eq!(t.post("users", with(name, value)).send().await.status, 400, "{name}");
    }
    assert_eq!(t.get("users").send().await.body, json!([]), "nothing was made");
}

async fn patched(t: &TestApp, path: &str, body: Value) -> Value {
    let reply = t.patch(path, body).send().await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

async fn changes(t: TestApp) {
    let path = format!("users/{}", user(&t, "one").await);
    let before = t.get(&path).send().await.body;
    t.clock.advance(60);
    assert_eq!(patched(&t, &path, json!({})).await, before, "nothing sent changes nothing");
    assert_eq!(patched(&t, &path, json!({ "name": before["name"] })).await, before);
    let set = json!({
        "name": "One", "given_name": "O", "blocked": true, "connection": CONNECTION, "client_id": "x",
        "verify_email": true, "verify_phone_number": false,
    });
    let after = patched(&t, &path, set).await;
    assert_eq!((&after["name"], &after["given_name"], &after["blocked"]), (&json!("One"), &json!("O"), &json!(true)));
    assert_eq!(after["updated_at"], "2026-01-01T00:01:00.000Z");
    assert_eq!(after["created_at"], before["created_at"]);
    assert_eq!(after["email"], before["email"], "what is not sent stays");
    let after = patched(&t, &path, json!({ "given_name": null, "picture": null, "blocked": false })).await;
    assert_eq!((after.get("given_name"), after.get("picture")), (None, None));
    // Another address is not verified, unless somebody says so.
    patched(&t, &path, json!({ "email_verified": true })).await;
    assert_eq!(patched(&t, &path, json!({ "email": "ONE@example.com" })).await["email_verified"], true);
    let other = patched(&t, &path, json!({ "email": "Other@example.com" })).await;
    assert_eq!((&other["email"], &other["email_verified"]), (&json!("other@example.com"), &json!(false)));
    let said = patched(&t, &path, json!({ "email": "third@example.com", "email_verified": true })).await;
    assert_eq!(said["email_verified"], true);
    for (body, message) in [
        (json!({ "connection": "other" }), "Connection does not exist."),
        (json!({ "username": "x" }), "Cannot set username for connection without requires_username."),
        (json!({ "password": "short" }), "PasswordStrengthError: Password is too weak"),
        (json!({ "user_id": "x" }), "Payload validation error: 'Additional properties not allowed: user_id'."),
    ] {
        assert_eq!(refusal(&t.patch(&path, body).send().await), (400, message));
    }
    assert_eq!(t.get(&path).send().await.body, said, "a refusal changes nothing");
    assert_eq!(t.patch("users/auth0%7Cnobody", json!({ "name": "x" })).send().await.body, no_user());
}

async fn metadata_merge(t: TestApp) {
    let path = format!("users/{}", user(&t, "one").await);
    let steps = [
        (json!({ "user_metadata": {"a": {"x": 1}, "b": 2} }), json!({"a": {"x": 1}, "b": 2})),
        (json!({ "user_metadata": {"a": {"y": 1}, "c": 3} }), json!({"a": {"y": 1}, "b": 2, "c": 3})),
        (json!({ "user_metadata": {"b": null} }), json!({"a": {"y": 1}, "c": 3})),
        (json!({ "user_metadata": {} }), json!({})),
    ];
    for (sent, kept) in steps {
        assert_eq!(patched(&t, &path, sent).await["user_metadata"], kept);
        assert_eq!(t.get(&path).send().await.body["user_metadata"], kept);
    }
    assert_eq!(
        patched(&t, &path, json!({ "app_metadata": {"a": 1, "b": 2} })).await["app_metadata"],
        json!({"a": 1, "b": 2})
    );
    assert_eq!(patched(&t, &path, json!({ "app_metadata": {"a": null} })).await["app_metadata"], json!({"b": 2}));
    assert_eq!(patched(&t, &path, json!({ "app_metadata": {} })).await.get("app_metadata"), None);
    // It can't grow without an end, however it is sent.
    let mut refused = None;
    for part in 0..3 {
        let mut metadata = json!({});
        metadata[format!("part{part}")] = "x".repeat(500_000).into();
        let reply = t.patch(&path, json!({ "user_metadata": metadata })).send().await;
        refused = refused.or((reply.status == 400).then_some(part));
    }
    assert_eq!(refused, Some(2));
}

async fn only_the_applications_metadata(t: TestApp) {
    let path = format!("users/{}", user(&t, "one").await);
    let token = t.token_with(&[ManagementScope::UpdateUsersAppMetadata]).await;
    let reply = t.patch(&path, json!({ "app_metadata": {"plan": "gold"} })).bearer(&token).send().await;
    assert_eq!((reply.status.as_u16(), &reply.body["app_metadata"]["plan"]), (200, &json!("gold")));
    let before = t.get(&path).send().await.body;
    for body in [
        json!({ "user_metadata": {"a": 1} }),
        json!({ "app_metadata": {"plan": "none"}, "blocked": true }),
        json!({ "password": PASSWORD }),
    ] {
        let reply = t.patch(&path, body.clone()).bearer(&token).send().await;
        assert_eq!(refusal(&reply), (403, "Insufficient scope, expected any of: update:users"), "{body}");
        let unknown = t.patch("users/auth0%7Cnobody", body).bearer(&token).send().await;
        assert_eq!(unknown.status, 403, "and it does not tell who exists");
    }
    assert_eq!(t.get(&path).send().await.body, before);
}

async fn gone_means_gone(t: TestApp) {
    let id = user(&t, "one").await;
    let path = format!("users/{id}");
    let reply = t.delete(&path).json(json!({})).send().await;
    assert_eq!((reply.status.as_u16(), reply.bytes.len()), (204, 0));
    assert_eq!(t.get(&path).send().await.body, no_user());
    assert_eq!(t.get("users?include_totals=true").send().await.body["total"], 0);
    for missing in [path.as_str(), "users/auth0%7Cnever", "users/x", "users/%00"] {
        assert_eq!(t.delete(missing).send().await.status, 204, "{missing}");
        assert_eq!(t.get(missing).send().await.body, no_user(), "{missing}");
    }
    assert_eq!(user(&t, "one").await, id, "the id and the email are free again");
}

async fn paths_are_decoded(t: TestApp) {
    user(&t, "one").await;
    for path in ["users/auth0%7Cone", "users/auth0%257Cone", "users/auth0%257cone"] {
        assert_eq!(t.get(path).send().await.body["user_id"], "auth0|one", "{path}");
    }
    // What is there under the text itself comes first.
    let mut odd = wanted("odd@example.com");
    odd["user_id"] = "x%7Cy".into();
    create(&t, odd).await;
    assert_eq!(t.get("users/auth0%7Cx%257Cy").send().await.body["user_id"], "auth0|x%7Cy");
}

async fn passwords_stay_inside(t: TestApp) {
    let path = format!("users/{}", user(&t, "one").await);
    let stored = async |t: &TestApp| -> String {
        match &t.place {
            Place::Directory(directory) => {
                let store = rusqlite::Connection::open(directory.join("keyward.db")).unwrap();
                store.query_row("SELECT password FROM users", [], |row| row.get(0)).unwrap()
            }
            Place::Database(url) => {
                let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
                tokio::spawn(connection);
                client.query_one("SELECT password FROM users", &[]).await.unwrap().get(0)
            }
        }
    };
    let first = stored(&t).await;
    assert!(first.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{first}");
    let answer = patched(&t, &path, json!({ "name": "One" })).await;
    assert_eq!(stored(&t).await, first, "another name is not another password");
    let second = "another good password";
    let changed = patched(&t, &path, json!({ "password": second })).await;
    let hash = stored(&t).await;
    assert_ne!(hash, first);
    t.post("users", json!({ "connection": CONNECTION, "password": PASSWORD, "email": 1 })).send().await;
    let shown = [answer, changed, t.get("logs?per_page=100").send().await.body, t.get("users").send().await.body];
    for text in shown.map(|value| value.to_string()) {
        for secret in [PASSWORD, second, first.as_str(), hash.as_str()] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    let entry = &t.entries("sapi").await[0];
    assert_eq!(entry["details"]["after"], json!({ "password": "[changed]" }));
    assert_eq!(entry["details"]["request"]["body"], json!({ "password": "[redacted]" }));
}

async fn fields_are_chosen(t: TestApp) {
    let id = user(&t, "one").await;
    let some = t.get(&format!("users/{id}?fields=user_id,email")).send().await.body;
    assert_eq!(some, json!({ "user_id": "auth0|one", "email": "one@example.com" }));
    let others = t.get(&format!("users/{id}?fields=user_id,email&include_fields=false")).send().await.body;
    assert_eq!((others.get("user_id"), others["name"].as_str()), (None, Some("one@example.com")));
    let reply = t.get(&format!("users/{id}?fields=user_id,password")).send().await;
    assert_eq!((reply.status.as_u16(), &reply.body["errorCode"]), (400, &json!("invalid_query_string")));
    let text = reply.body["message"].as_str().unwrap();
    assert!(text.contains("Must be a comma separated list of the following values: user_id,email"), "{text}");
}
