//! Applications (contract: clients).

use keyward_core::access::ManagementScope as Scope;
use serde_json::{Value, json};

use crate::support::{Settings, TestApp};

on_both_engines!(
    the_least_that_can_be_sent,
    kinds_have_their_defaults,
    a_change_replaces_what_is_sent,
    what_is_wrong_is_said,
    secrets_are_for_those_who_may_see_them,
    what_tokens_are_checked_with_is_for_those_who_may_see_keys,
    a_summary_is_no_more_than_a_summary,
    lists_in_all_their_forms,
    one_stands_for_all,
    by_what_their_grants_say,
    a_deleted_one_is_gone_with_its_grants,
    what_changed_is_in_the_audit_log,
    saving_without_an_edit_changes_nothing,
);

async fn make(t: &TestApp, body: Value) -> Value {
    let reply = t.post("clients", body).send().await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply.body
}

fn path(client: &Value) -> String {
    format!("clients/{}", client["client_id"].as_str().unwrap())
}

async fn the_least_that_can_be_sent(t: TestApp) {
    let made = make(&t, json!({ "name": "x" })).await;
    let (id, secret) = (made["client_id"].as_str().unwrap(), made["client_secret"].as_str().unwrap());
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
    assert_eq!(secret.len(), 64);
    let wanted = json!({
        "client_id": id, "client_secret": secret, "name": "x", "tenant": "default", "global": false,
        "is_token_endpoint_ip_header_trusted": false, "is_first_party": true, "sso_disabled": false,
        "cross_origin_auth": false, "cross_origin_authentication": false, "oidc_conformant": false,
        "refresh_token": {
            "expiration_type": "non-expiring", "leeway": 0, "infinite_token_lifetime": true,
            "infinite_idle_token_lifetime": true, "token_lifetime": 2_592_000, "idle_token_lifetime": 1_296_000,
            "rotation_type": "non-rotating",
        },
        "jwt_configuration": {"lifetime_in_seconds": 36000, "secret_encoded": false},
        "grant_types": ["authorization_code", "implicit", "refresh_token", "client_credentials"],
        "custom_login_page_on": true, "callback_url_template": false, "encrypted": true,
        "signing_keys": made["signing_keys"],
    });
    assert_eq!(made, wanted);
    let mut shown = t.get(&path(&made)).send().await.body;
    shown["encrypted"] = true.into();
    assert_eq!(shown, wanted, "the same, but for that");
}

async fn kinds_have_their_defaults(t: TestApp) {
    let grants = async |kind: &str| make(&t, json!({ "name": "x", "app_type": kind })).await["grant_types"].clone();
    assert_eq!(grants("spa").await, json!(["authorization_code", "implicit", "refresh_token"]));
    assert_eq!(grants("express_configuration").await, json!(["authorization_code", "client_credentials"]));
    assert_eq!(grants("resource_server").await, json!([]));
    let third = make(&t, json!({ "name": "x", "is_first_party": false })).await;
    let id = third["client_id"].as_str().unwrap();
    assert!(id.starts_with("tpc_") && id.len() == 26, "{id}");
    let refused = t.patch(&path(&third), json!({ "is_first_party": true })).send().await;
    assert_eq!(refused.status, 400, "whose it is stays as it is");
}

async fn a_change_replaces_what_is_sent(t: TestApp) {
    let body = json!({
        "name": "x", "description": "d", "callbacks": ["https://a/"], "client_metadata": {"a": "1"},
        "jwt_configuration": {"alg": "RS256"}, "logo_uri": "https://a/logo",
    });
    let made = make(&t, body).await;
    assert_eq!(
        made["jwt_configuration"],
        json!({"lifetime_in_seconds": 36000, "secret_encoded": false, "alg": "RS256"})
    );
    let change = json!({
        "name": "y", "description": null, "callbacks": [], "client_metadata": {"a": null, "b": "2"},
        "refresh_token": {"rotation_type": "rotating", "expiration_type": "expiring"},
    });
    let reply = t.patch(&path(&made), change).send().await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let changed = reply.body;
    assert_eq!((&changed["name"], &changed["callbacks"]), (&json!("y"), &json!([])));
    assert!(changed.get("description").is_none());
    assert_eq!(changed["client_metadata"], json!({ "b": "2" }));
    assert_eq!(changed["logo_uri"], "https://a/logo", "what is not sent stays");
    assert_eq!(changed["refresh_token"]["infinite_token_lifetime"], false, "what ends is not infinite");
    assert_eq!(changed["client_secret"], made["client_secret"]);
    let none = t.patch(&path(&made), json!({ "token_endpoint_auth_method": "none" })).send().await.body;
    assert!(none.get("client_secret").is_none(), "who can keep no secret has none");
    let again = t.patch(&path(&made), json!({ "token_endpoint_auth_method": "client_secret_post" })).send().await.body;
    assert!(again["client_secret"].is_string() && again["client_secret"] != made["client_secret"], "another one");
}

async fn what_is_wrong_is_said(t: TestApp) {
    let made = make(&t, json!({ "name": "x" })).await;
    for (body, text) in [
        (json!({}), "'Missing required property: name'"),
        (json!({ "name": "" }), "'String is too short (0 chars), minimum 1' on property name"),
        (json!({ "name": "<x>" }), "'String does not match pattern"),
        (json!({ "name": "x", "client_id": "mine" }), "'Additional properties not allowed: client_id'"),
        (json!({ "name": "x", "app_type": "toaster" }), "'No enum match for: toaster' on property app_type"),
        (json!({ "name": "x", "client_secret": "short" }), "'String is too short (5 chars), minimum 16'"),
        (json!({ "name": "x", "description": "d".repeat(141) }), "'String is too long (141 chars), maximum 140'"),
    ] {
        let reply = t.post("clients", body.clone()).send().await;
        assert_eq!((reply.status.as_u16(), &reply.body["errorCode"]), (400, &json!("invalid_body")), "{body}");
        assert!(reply.body["message"].as_str().unwrap().contains(text), "{body}: {}", reply.body);
    }
    for name in ["client_id", "tenant", "global", "signing_keys", "callback_url_template"] {
        let reply = t.patch(&path(&made), json!({ name: "x" })).send().await;
        let text = format!("Payload validation error: 'Additional properties not allowed: {name}'.");
        assert_eq!(reply.body["message"], text);
    }
    let absent = json!({
        "statusCode": 404, "error": "Not Found", "message": "The client does not exist", "errorCode": "inexistent_client",
    });
    assert_eq!(t.get("clients/nobody").send().await.body, absent);
    assert_eq!(t.patch("clients/nobody", json!({ "name": "x" })).send().await.body, absent);
    assert_eq!(t.post("clients/nobody/rotate-secret", json!({})).send().await.body, absent);
    let reply = t.get("clients?fields=name,password").send().await;
    assert_eq!((reply.status.as_u16(), &reply.body["errorCode"]), (400, &json!("invalid_query_string")));
}

async fn secrets_are_for_those_who_may_see_them(t: TestApp) {
    let made = make(&t, json!({ "name": "x" })).await;
    let token = |scopes: &'static [Scope]| t.token_with(scopes);
    let seen = async |scopes: &'static [Scope], path: &str| {
        let reply = t.get(path).bearer(&token(scopes).await).send().await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body.to_string().contains(made["client_secret"].as_str().unwrap())
    };
    let one = path(&made);
    for (scopes, visible) in [
        (&[Scope::ReadClients][..], false),
        (&[Scope::ReadClientSummary], false),
        (&[Scope::ReadClientKeys], true),
        (&[Scope::ReadClients, Scope::ReadClientKeys], true),
    ] {
        assert_eq!(seen(scopes, &one).await, visible, "{scopes:?}");
        assert_eq!(seen(scopes, "clients").await, visible, "{scopes:?}");
    }
    assert!(!seen(&[Scope::ReadClientKeys], &format!("{one}?fields=name")).await);
    let shown = t.entries("mgmt_api_read").await;
    assert_eq!(shown.len(), 4, "each time that secrets were shown");
    let mine = json!({ "client_secret": "a secret of my own, long enough" });
    let refused = t.patch(&one, mine.clone()).bearer(&token(&[Scope::UpdateClients]).await).send().await;
    assert_eq!(refused.status, 403, "that takes another scope: {}", refused.body);
    let both = &[Scope::UpdateClients, Scope::UpdateClientKeys];
    let reply = t.patch(&one, mine.clone()).bearer(&token(both).await).send().await;
    assert_eq!(reply.status, 200);
    assert!(!reply.body.to_string().contains("of my own"), "it is not shown to who may not read it");
    assert_eq!(t.get(&one).send().await.body["client_secret"], mine["client_secret"]);
}

async fn what_tokens_are_checked_with_is_for_those_who_may_see_keys(t: TestApp) {
    let made = make(&t, json!({ "name": "x" })).await;
    let current = async || {
        let keys = t.get("keys/signing").send().await.body;
        let current = keys.as_array().unwrap().iter().find(|key| key["current"] == true).unwrap().clone();
        json!([{ "cert": current["cert"], "pkcs7": current["pkcs7"], "subject": "deprecated" }])
    };
    assert_eq!(made["signing_keys"], current().await);
    for (scopes, sees) in [
        (&[Scope::ReadClients][..], false),
        (&[Scope::ReadClientSummary], false),
        (&[Scope::ReadClientKeys], true),
        (&[Scope::ReadClients, Scope::ReadClientCredentials], true),
    ] {
        let token = t.token_with(scopes).await;
        let shown = t.get(&path(&made)).bearer(&token).send().await.body;
        assert_eq!(shown.get("signing_keys").is_some(), sees, "{scopes:?}");
    }
    assert_eq!(t.post("keys/signing/rotate", json!({})).send().await.status, 201);
    let shown = t.get(&path(&made)).send().await.body;
    assert_eq!(shown["signing_keys"], current().await);
    assert_ne!(shown["signing_keys"], made["signing_keys"]);
    let refused = t.patch(&path(&made), json!({ "signing_keys": [] })).send().await;
    assert_eq!(refused.status, 400, "nobody changes them here");
}

async fn a_summary_is_no_more_than_a_summary(t: TestApp) {
    let body = json!({ "name": "x", "description": "d", "app_type": "spa", "callbacks": ["https://a/"] });
    let made = make(&t, body).await;
    let token = t.token_with(&[Scope::ReadClientSummary]).await;
    let shown = t.get(&path(&made)).bearer(&token).send().await.body;
    assert_eq!(shown, json!({ "client_id": made["client_id"], "name": "x", "description": "d", "app_type": "spa" }));
}

async fn lists_in_all_their_forms(t: TestApp) {
    for number in 0..5 {
        let kind = if number % 2 == 0 { "spa" } else { "non_interactive" };
        make(&t, json!({ "name": format!("c{number}"), "app_type": kind, "is_first_party": number != 4 })).await;
    }
    let names = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    let get = async |query: &str| t.get(&format!("clients?{query}")).send().await.body;
    assert_eq!(names(&get("").await), ["All Applications", "c0", "c1", "c2", "c3", "c4"], "oldest first");
    assert_eq!(names(&get("is_global=true").await), ["All Applications"]);
    let get = async |query: &str| t.get(&format!("clients?is_global=false&{query}")).send().await.body;
    assert_eq!(names(&get("").await), ["c0", "c1", "c2", "c3", "c4"]);
    assert_eq!(names(&get("app_type=spa,native").await), ["c0", "c2", "c4"]);
    assert_eq!(names(&get("is_first_party=false").await), ["c4"]);
    assert_eq!(names(&get("page=1&per_page=2").await), ["c2", "c3"]);
    let paged = get("page=1&per_page=2&include_totals=true").await;
    assert_eq!((&paged["start"], &paged["limit"], &paged["total"]), (&json!(2), &json!(2), &json!(5)));
    assert_eq!(get("fields=name&per_page=1").await, json!([{ "name": "c0" }]));
    let (mut all, mut query) = (Vec::new(), "take=2".to_owned());
    loop {
        let part = get(&query).await;
        all.extend(names(&part["clients"]));
        let Some(next) = part["next"].as_str() else { break };
        query = format!("take=2&from={next}");
    }
    assert_eq!(all, ["c0", "c1", "c2", "c3", "c4"]);
    assert_eq!(t.get("clients?from=%21").send().await.status, 400);
}

async fn one_stands_for_all(t: TestApp) {
    let found = t.get("clients?is_global=true&include_totals=true").send().await.body;
    assert_eq!(found["total"], 1);
    let global = &found["clients"][0];
    assert_eq!((&global["name"], &global["global"]), (&json!("All Applications"), &json!(true)));
    assert_eq!(global["client_id"].as_str().unwrap().len(), 32);
    let one = path(global);
    assert_eq!(t.get(&one).send().await.body, *global);
    let page = json!({ "custom_login_page": "<html></html>", "custom_login_page_on": true });
    let changed = t.patch(&one, page).send().await;
    assert_eq!((changed.status.as_u16(), &changed.body["custom_login_page"]), (200, &json!("<html></html>")));
    assert!(changed.body.get("client_secret").is_none(), "{}", changed.body);
    // It gets no tokens, whatever is tried.
    for (name, value) in [
        ("client_secret", json!("a secret of my own, long enough")),
        ("grant_types", json!(["client_credentials"])),
        ("token_endpoint_auth_method", json!("none")),
        ("client_authentication_methods", json!({ "private_key_jwt": { "credentials": [{ "id": "cred_1" }] } })),
    ] {
        let refused = t.patch(&one, json!({ name: value })).send().await;
        let text = format!("Payload validation error: 'The global client gets no tokens' on property {name}.");
        assert_eq!((refused.status.as_u16(), &refused.body["message"]), (400, &json!(text)));
    }
    assert_eq!(t.patch(&one, json!({ "token_endpoint_auth_method": null })).send().await.status, 200);
    assert_eq!(t.post(&format!("{one}/rotate-secret"), json!({})).send().await.status, 400);
    t.api("https://api.example/", &["a"]).await;
    let grant = json!({ "client_id": global["client_id"], "audience": "https://api.example/", "scope": ["a"] });
    assert_eq!(t.post("client-grants", grant).send().await.status, 201);
    for secret in ["", "client_secret="] {
        let form = format!(
            "grant_type=client_credentials&client_id={}&audience=https://api.example/&{secret}",
            global["client_id"].as_str().unwrap()
        );
        let asked = t.call(http::Method::POST, "/oauth/token").anonymous().body(form);
        let asked = asked.header("content-type", "application/x-www-form-urlencoded").send().await;
        assert_eq!(asked.body["error"], "access_denied", "{}", asked.body);
    }
    assert_eq!(
        t.delete(&one).send().await.body,
        json!({
            "statusCode": 400, "error": "Bad Request", "message": "Global client cannot be deleted.",
            "errorCode": "operation_not_supported",
        })
    );
    let kept = t.get(&one).send().await.body;
    assert!(kept.get("client_secret").is_none() && kept["grant_types"] == json!([]), "{kept}");
    // Another start finds it.
    let revision = t.app.revision();
    let t = t.restart(Settings { seed: 8, ..Settings::default() }).await;
    assert_eq!(t.get("clients").send().await.body, json!([kept]));
    assert_eq!(t.app.revision(), revision);
}

async fn by_what_their_grants_say(t: TestApp) {
    t.api("https://api.example/", &["a"]).await;
    for (name, any) in [("any", Some(true)), ("named", Some(false)), ("unsaid", None)] {
        let made = make(&t, json!({ "name": name })).await;
        let mut grant = json!({ "client_id": made["client_id"], "audience": "https://api.example/", "scope": ["a"] });
        if let Some(any) = any {
            grant["allow_any_organization"] = any.into();
        }
        assert_eq!(t.post("client-grants", grant).send().await.status, 201);
    }
    // That of all third parties is nobody's in particular.
    let of_all = json!({
        "default_for": "third_party_clients", "audience": "https://api.example/", "allow_any_organization": true,
    });
    assert_eq!(t.post("client-grants", of_all).send().await.status, 201);
    let get = async |query: &str| t.get(&format!("clients?{query}&fields=name")).send().await.body;
    let any = "q=client_grant.allow_any_organization:true";
    assert_eq!(get(any).await, json!([{ "name": "any" }]));
    assert_eq!(get(&format!("{any}&take=50")).await, json!({ "clients": [{ "name": "any" }] }));
    let organization = "q=client_grant.organization_id%3Aorg_JC81qAq0i8CjdaxY&take=50";
    assert_eq!(get(organization).await, json!({ "clients": [] }), "there are no organizations");
    assert_eq!(get("external_client_id=https://app.example/client.json").await, json!([]), "none is of that kind");
    for bad in [
        "q=",
        "q=name:any",
        "q=client_grant.organization_id:",
        "q=client_grant.allow_any_organization:false",
        "q=client_grant.allow_any_organization:true AND name:any",
        "q=client_grant.allow_any_organization:true&app_type=spa",
        "q=client_grant.allow_any_organization:true&is_global=false",
    ] {
        let reply = t.get(&format!("clients?{}", bad.replace(' ', "+"))).send().await;
        assert_eq!((reply.status.as_u16(), &reply.body["errorCode"]), (400, &json!("invalid_query_string")), "{bad}");
        assert!(reply.body["message"].as_str().unwrap().contains("on property q"), "{bad}: {}", reply.body);
    }
}

async fn a_deleted_one_is_gone_with_its_grants(t: TestApp) {
    t.api("https://api.example/", &["a"]).await;
    let made = make(&t, json!({ "name": "x" })).await;
    let grant = json!({ "client_id": made["client_id"], "audience": "https://api.example/", "scope": ["a"] });
    let grant = t.post("client-grants", grant).send().await.body["id"].clone();
    for _ in 0..2 {
        assert_eq!(t.delete(&path(&made)).send().await.status, 204, "also when it is gone");
    }
    assert_eq!(t.get(&path(&made)).send().await.status, 404);
    assert_eq!(t.get(&format!("client-grants/{}", grant.as_str().unwrap())).send().await.status, 404);
    assert_eq!(t.get("client-grants").send().await.body, json!([]));
    let entries = t.entries("sapi").await;
    let entry = entries.iter().find(|entry| entry["description"] == "Delete a client").unwrap();
    assert_eq!(entry["details"]["before"]["client_grants"]["grants"][0]["id"], grant);
}

async fn what_changed_is_in_the_audit_log(t: TestApp) {
    let made = make(&t, json!({ "name": "x", "client_secret": "a secret of my own, long enough" })).await;
    t.patch(&path(&made), json!({ "name": "y", "client_secret": "another secret of my own, as long" })).send().await;
    let rotated = t.post(&format!("{}/rotate-secret", path(&made)), json!({})).send().await.body;
    let entries = t.entries("sapi").await;
    let find = |text: &str| entries.iter().find(|entry| entry["description"] == text).unwrap();
    let change = &find("Update a client")["details"];
    assert_eq!(change["before"], json!({ "name": "x", "client_secret": "[changed]" }));
    assert_eq!(change["after"], json!({ "name": "y", "client_secret": "[changed]" }));
    assert_eq!(find("Rotate a client secret")["details"]["after"]["client_secret"], "[changed]");
    let all = json!(entries).to_string();
    for secret in ["a secret of my own", "another secret", rotated["client_secret"].as_str().unwrap()] {
        assert!(!all.contains(secret));
    }
}

async fn saving_without_an_edit_changes_nothing(t: TestApp) {
    let made = make(&t, json!({ "name": "x", "callbacks": ["https://a/"] })).await;
    let revision = t.app.revision();
    let same = json!({ "name": "x", "callbacks": ["https://a/"], "grant_types": made["grant_types"] });
    assert_eq!(t.patch(&path(&made), same).send().await.status, 200);
    assert_eq!(t.app.revision(), revision);
}
