//! What is set for the tenant as a whole.

use serde_json::{Value, json};

use crate::support::{Settings, TestApp};

on_both_engines!(
    a_new_tenant_has_defaults,
    a_change_is_laid_over_what_is_there,
    fields_are_chosen,
    bad_input_is_refused,
    a_change_is_audited_and_none_is_not_one,
    what_is_set_outlives_a_restart,
);

const PATH: &str = "tenants/settings";

async fn patched(t: &TestApp, body: Value) -> Value {
    let reply = t.patch(PATH, body).send().await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

fn defaults() -> Value {
    json!({
        "default_audience": "", "default_directory": "", "resource_parameter_profile": "audience",
        "flags": {"use_scope_descriptions_for_consent": false, "revoke_refresh_token_grant": false},
        "enabled_locales": ["en"], "session_lifetime": 168, "idle_session_lifetime": 72,
    })
}

async fn a_new_tenant_has_defaults(t: TestApp) {
    let reply = t.get(PATH).send().await;
    assert_eq!((reply.status.as_u16(), reply.body), (200, defaults()));
}

async fn a_change_is_laid_over_what_is_there(t: TestApp) {
    let set = json!({
        "friendly_name": "Example", "support_email": "help@example.com", "default_audience": "https://api.example/",
        "session_lifetime": 1.5, "enabled_locales": ["de", "en"], "allowed_logout_urls": ["https://a.example/"],
        "flags": {"use_scope_descriptions_for_consent": true, "enable_apis_section": true},
        "error_page": {"html": "<b>x</b>", "show_log_link": false}, "session_cookie": {"mode": "persistent"},
        "resource_parameter_profile": "compatibility", "default_directory": "people",
        "default_redirection_uri": "https://a.example/", "oidc_logout": {"rp_logout_end_session_endpoint_discovery": true},
    });
    let mut wanted = defaults();
    for (name, value) in set.as_object().unwrap() {
        wanted[name] = value.clone();
    }
    wanted["flags"]["revoke_refresh_token_grant"] = false.into();
    assert_eq!(patched(&t, set).await, wanted, "all of it, and the flags that were not sent");
    let one = patched(&t, json!({ "flags": {"use_scope_descriptions_for_consent": false} })).await;
    wanted["flags"]["use_scope_descriptions_for_consent"] = false.into();
    assert_eq!(one, wanted, "flags are merged by key");
    let cleared = patched(&t, json!({ "error_page": null, "session_lifetime": null, "default_audience": "" })).await;
    wanted.as_object_mut().unwrap().remove("error_page");
    wanted["session_lifetime"] = 168.into();
    wanted["default_audience"] = "".into();
    assert_eq!(cleared, wanted, "null brings a default back");
    assert_eq!(t.get(PATH).send().await.body, wanted);
}

async fn fields_are_chosen(t: TestApp) {
    let chosen = t.get(&format!("{PATH}?fields=flags,default_audience,picture_url")).send().await;
    assert_eq!(
        chosen.body,
        json!({ "flags": defaults()["flags"], "default_audience": "" }),
        "what nobody set has no field"
    );
    let others = t.get(&format!("{PATH}?fields=flags&include_fields=false")).send().await;
    let mut wanted = defaults();
    wanted.as_object_mut().unwrap().remove("flags");
    assert_eq!(others.body, wanted);
    let unknown = t.get(&format!("{PATH}?fields=color")).send().await;
    assert_eq!((unknown.status.as_u16(), &unknown.body["errorCode"]), (400, &json!("invalid_query_string")));
}

async fn bad_input_is_refused(t: TestApp) {
    let refused = |body: Value| async { t.patch(PATH, body).send().await };
    for (body, detail) in [
        (json!({}), "'Too few properties defined (0), minimum 1'."),
        (json!({ "color": 1 }), "'Additional properties not allowed: color'."),
        (json!({ "default_audience": 7 }), "'Expected type null,string but found type integer' on property"),
        (json!({ "default_audience": "x".repeat(601) }), "'String is too long (601 chars), maximum 600' on property"),
        (json!({ "resource_parameter_profile": "both" }), "'No enum match for: both' on property"),
        (json!({ "enabled_locales": [] }), "'Array is too short (0), minimum 1' on property enabled_locales"),
        (json!({ "flags": {"revoke_refresh_token_grant": "yes"} }), "'Expected type boolean but found type string'"),
        (json!({ "flags": null }), "'Expected type object but found type null' on property flags"),
        (json!({ "session_lifetime": 0 }), "'Value 0 is less than minimum 1' on property session_lifetime"),
        (
            json!({ "default_redirection_uri": "http://a/" }),
            "'String does not match pattern ^(https://.+)?$: http://a/'",
        ),
        (json!({ "support_email": "nobody" }), "'String does not match pattern"),
        (json!({ "error_page": [] }), "'Expected type"),
        (json!({ "friendly_name": "a\u{0}" }), "'String has a null character' on property friendly_name"),
    ] {
        let reply = refused(body.clone()).await;
        assert_eq!((reply.status.as_u16(), &reply.body["errorCode"]), (400, &json!("invalid_body")), "{body}");
        let text = reply.body["message"].as_str().unwrap();
        assert!(text.starts_with(&format!("Payload validation error: {detail}")), "{body}: {text}");
    }
    assert_eq!(t.get(PATH).send().await.body, defaults(), "nothing of it was done");
    assert_eq!(t.call(http::Method::POST, PATH).json(json!({})).send().await.status, 404);
}

async fn a_change_is_audited_and_none_is_not_one(t: TestApp) {
    patched(&t, json!({ "friendly_name": "A", "default_audience": "x" })).await;
    let revision = t.app.revision();
    patched(&t, json!({ "friendly_name": "A", "flags": {} })).await;
    assert_eq!(t.app.revision(), revision, "no change has a number");
    patched(&t, json!({ "friendly_name": "B", "default_audience": null })).await;
    assert!(t.app.revision() > revision);
    let entry = &t.entries("sapi").await[0];
    assert_eq!(entry["description"], "Update tenant settings");
    assert_eq!(entry["details"]["before"], json!({ "friendly_name": "A", "default_audience": "x" }));
    assert_eq!(entry["details"]["after"], json!({ "friendly_name": "B", "default_audience": "" }));
    assert_eq!(t.patch(PATH, json!({ "color": 1 })).send().await.status, 400);
    assert_eq!(t.entries("fapi").await[0]["description"], "Update tenant settings");
}

async fn what_is_set_outlives_a_restart(t: TestApp) {
    let set = patched(&t, json!({ "friendly_name": "A", "flags": {"enable_apis_section": true} })).await;
    let t = t.restart(Settings { seed: 8, ..Settings::default() }).await;
    assert_eq!(t.get(PATH).send().await.body, set);
}
