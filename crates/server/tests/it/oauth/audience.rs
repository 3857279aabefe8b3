//! Which API a token is for, where the request does not say so in so many words.

use serde_json::{Value, json};

use super::{Machine, read};
use crate::support::{PUBLIC_URL, Reply, TestApp};

on_both_engines!(the_default_is_for_requests_that_name_none, resource_is_read_where_it_is_wanted, some_names_mean_none);

const ONE: &str = "https://one.example/";
const TWO: &str = "https://two.example/";

/// Two APIs, and an application that may ask for tokens of both.
async fn world(t: &TestApp) -> Machine {
    let machine = t.machine().await;
    for audience in [ONE, TWO] {
        t.api(audience, &["a"]).await;
        t.grant(&machine, audience, &["a"]).await;
    }
    machine
}

async fn set(t: &TestApp, body: Value) {
    assert_eq!(t.patch("tenants/settings", body).send().await.status, 200);
}

async fn ask(t: &TestApp, machine: &Machine, changes: &[(&str, &str)]) -> Reply {
    let mut body = json!({
        "grant_type": "client_credentials", "client_id": machine.id, "client_secret": machine.secret,
    });
    for (name, value) in changes {
        body[*name] = (*value).into();
    }
    t.ask(body).await
}

/// The audience of the token that is issued, or what is wrong.
async fn audience(t: &TestApp, machine: &Machine, changes: &[(&str, &str)]) -> String {
    let reply = ask(t, machine, changes).await;
    match reply.body["access_token"].as_str() {
        Some(token) => read(token).1["aud"].as_str().unwrap().to_owned(),
        None => {
            assert_eq!(reply.status, 403);
            reply.body["error_description"].as_str().unwrap().to_owned()
        }
    }
}

const NONE: &str = "Non-global clients are not allowed access to APIv1";

async fn the_default_is_for_requests_that_name_none(t: TestApp) {
    let machine = world(&t).await;
    assert_eq!(audience(&t, &machine, &[]).await, NONE);
    set(&t, json!({ "default_audience": ONE })).await;
    assert_eq!(audience(&t, &machine, &[]).await, ONE, "from the answer on");
    assert_eq!(audience(&t, &machine, &[("audience", "")]).await, ONE, "an empty one is none");
    assert_eq!(audience(&t, &machine, &[("audience", TWO)]).await, TWO);
    let issued = &t.entries("seccft").await[1];
    assert_eq!(issued["audience"], ONE, "the entry says for what it was");
    set(&t, json!({ "default_audience": "https://none.example/" })).await;
    assert_eq!(audience(&t, &machine, &[]).await, "Service not found: https://none.example/");
    set(&t, json!({ "default_audience": "" })).await;
    assert_eq!(audience(&t, &machine, &[]).await, NONE);
}

async fn resource_is_read_where_it_is_wanted(t: TestApp) {
    let machine = world(&t).await;
    assert_eq!(audience(&t, &machine, &[("resource", TWO)]).await, NONE);
    set(&t, json!({ "default_audience": ONE })).await;
    assert_eq!(audience(&t, &machine, &[("resource", TWO)]).await, ONE, "it is not read");
    set(&t, json!({ "resource_parameter_profile": "compatibility" })).await;
    assert_eq!(audience(&t, &machine, &[("resource", TWO)]).await, TWO, "before the default");
    assert_eq!(audience(&t, &machine, &[("resource", TWO), ("audience", ONE)]).await, ONE, "after the audience");
    assert_eq!(audience(&t, &machine, &[("resource", "")]).await, ONE);
    assert_eq!(audience(&t, &machine, &[("resource", "x")]).await, "Service not found: x");
    set(&t, json!({ "resource_parameter_profile": null })).await;
    assert_eq!(audience(&t, &machine, &[("resource", TWO)]).await, ONE);
}

async fn some_names_mean_none(t: TestApp) {
    let machine = world(&t).await;
    set(&t, json!({ "default_audience": ONE })).await;
    let userinfo = format!("{PUBLIC_URL}userinfo");
    for name in [userinfo.as_str(), "keyward.test"] {
        let refused = ask(&t, &machine, &[("audience", name)]).await;
        assert_eq!((refused.status.as_u16(), refused.body["error"].as_str().unwrap()), (403, "access_denied"));
        assert_eq!(refused.body["error_description"], NONE, "{name}: not the default either");
    }
    let other = format!("{userinfo}/");
    assert_eq!(audience(&t, &machine, &[("audience", &other)]).await, format!("Service not found: {other}"));
    set(&t, json!({ "default_audience": userinfo })).await;
    assert_eq!(audience(&t, &machine, &[]).await, NONE);
}
