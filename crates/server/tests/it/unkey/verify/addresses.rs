//! From where keys may be used.

use serde_json::json;

use crate::{
    support::{Place, Settings, TestApp, postgres::fresh_schema},
    unkey::answers::invalid,
};

on_both_engines!(a_list_of_addresses_is_kept_to, only_addresses_are_on_the_list);

/// The code of a verification that came with this header.
async fn from(t: &TestApp, key: &str, forwarded: Option<&str>) -> String {
    // Both lanes look at the address.
    let mut codes = Vec::new();
    for body in [json!({ "key": key }), json!({ "key": key, "ratelimits": [] })] {
        let call = t.v2("keys.verifyKey", body);
        let call = match forwarded {
            Some(value) => call.header("x-forwarded-for", value),
            None => call,
        };
        codes.push(call.send().await.body["data"]["code"].as_str().unwrap().to_owned());
    }
    assert_eq!(codes[0], codes[1], "{forwarded:?}");
    codes.remove(0)
}

async fn a_list_of_addresses_is_kept_to(t: TestApp) {
    let api = t.key_api("payments").await;
    let (_, key) = t.key(json!({ "apiId": api })).await;
    let list = async |addresses: &[&str]| {
        t.v2_data("apis.updateApi", json!({ "apiId": api, "ipAllowList": addresses })).await;
    };
    assert_eq!(from(&t, &key, None).await, "VALID");
    list(&["203.0.113.9", "2001:db8::1"]).await;
    assert_eq!(from(&t, &key, None).await, "FORBIDDEN");
    assert_eq!(from(&t, &key, Some("203.0.113.9")).await, "FORBIDDEN", "nobody vouches for that header");
    list(&["203.0.113.9", "192.0.2.1"]).await;
    assert_eq!(from(&t, &key, None).await, "VALID");
    assert_eq!(from(&t, &key, Some("198.51.100.7")).await, "VALID", "it is not read at all");
    list(&["::ffff:192.0.2.1"]).await;
    assert_eq!(from(&t, &key, None).await, "VALID", "the same address in another form");
    list(&[]).await;
    assert_eq!(from(&t, &key, None).await, "VALID");
}

async fn only_addresses_are_on_the_list(t: TestApp) {
    let api = t.key_api("payments").await;
    for text in ["192.0.2.0/24", "localhost", "192.0.2", "1.2.3.4:80", " 1.2.3.4"] {
        let body = json!({ "apiId": api, "ipAllowList": ["192.0.2.1", text] });
        let detail = format!("`ipAllowList` takes addresses as 192.0.2.1 or 2001:db8::1, and not '{text}'.");
        assert_eq!(t.v2_refused("apis.updateApi", body).await, invalid(&detail));
    }
    let (_, key) = t.key(json!({ "apiId": api })).await;
    assert_eq!(t.code(&key).await, "VALID");
}

fn behind_a_proxy() -> Settings {
    let proxies = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
    Settings { trusted_proxies: proxies.to_vec(), ..Settings::default() }
}

async fn a_trusted_proxy_names_the_address(t: TestApp) {
    let api = t.key_api("payments").await;
    let (_, key) = t.key(json!({ "apiId": api })).await;
    t.v2_data("apis.updateApi", json!({ "apiId": api, "ipAllowList": ["203.0.113.9", "2001:db8::1"] })).await;
    for (forwarded, code) in [
        (None, "FORBIDDEN"),
        (Some("203.0.113.9"), "VALID"),
        (Some("2001:0db8:0::0001"), "VALID"),
        (Some("198.51.100.7"), "FORBIDDEN"),
        (Some("198.51.100.7, 203.0.113.9"), "VALID"),
        (Some("203.0.113.9, 198.51.100.7"), "FORBIDDEN"),
        (Some("203.0.113.9, 192.0.2.2"), "VALID"),
        (Some("203.0.113.9, 192.0.2.2, 192.0.2.1"), "VALID"),
        (Some("203.0.113.9, nonsense"), "FORBIDDEN"),
        (Some("203.0.113.9:4711"), "VALID"),
        (Some(""), "FORBIDDEN"),
    ] {
        assert_eq!(from(&t, &key, forwarded).await, code, "{forwarded:?}");
    }
}

#[tokio::test]
async fn a_trusted_proxy_names_the_address_on_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let place = Place::Directory(directory.path().join("data"));
    a_trusted_proxy_names_the_address(TestApp::on(place, behind_a_proxy()).await).await;
}

#[tokio::test]
async fn a_trusted_proxy_names_the_address_on_postgres() {
    let Some(url) = fresh_schema().await else { return };
    a_trusted_proxy_names_the_address(TestApp::on(Place::Database(url), behind_a_proxy()).await).await;
}
