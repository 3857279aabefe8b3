use serde_json::{Value, json};

use crate::support::TestApp;

on_both_engines!(pages_totals_and_ends, from_where_the_last_answer_ended, by_identifiers_and_with_fields, bad_queries);

fn identifiers(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|api| api["identifier"].as_str().unwrap().to_owned()).collect()
}

async fn several(t: &TestApp, count: usize) {
    for number in 0..count {
        t.api(&format!("https://{number}.example/"), &[]).await;
    }
}

async fn pages_totals_and_ends(t: TestApp) {
    several(&t, 4).await;
    let all = t.get("resource-servers").send().await.body;
    let all = identifiers(&all);
    assert_eq!(all[0], "https://keyward.test/api/v2/", "the Management API is the oldest");
    assert_eq!(all[1..], ["https://0.example/", "https://1.example/", "https://2.example/", "https://3.example/"]);
    let page = t.get("resource-servers?page=1&per_page=2&include_totals=true").send().await.body;
    assert_eq!((&page["start"], &page["limit"], &page["total"]), (&json!(2), &json!(2), &json!(5)));
    assert_eq!(identifiers(&page["resource_servers"]), all[2..4]);
    let bare = t.get("resource-servers?page=1&per_page=2&include_totals=false").send().await.body;
    assert_eq!(identifiers(&bare), all[2..4]);
    assert_eq!(t.get("resource-servers?page=3&per_page=2").send().await.body, json!([]), "past the end");
    let past = t.get("resource-servers?page=9&per_page=100&include_totals=true").send().await.body;
    assert_eq!(past, json!({ "start": 900, "limit": 100, "total": 5, "resource_servers": [] }));
    assert_eq!(t.get("resource-servers?include_totals=true").send().await.body["limit"], 50, "the default");
}

async fn from_where_the_last_answer_ended(t: TestApp) {
    several(&t, 4).await;
    let mut path = "resource-servers?take=2".to_owned();
    let mut seen = Vec::new();
    loop {
        let body = t.get(&path).send().await.body;
        assert_eq!(body.get("total"), None);
        seen.extend(identifiers(&body["resource_servers"]));
        let Some(next) = body.get("next") else { break };
        path = format!("resource-servers?take=2&include_totals=true&from={}", next.as_str().unwrap());
    }
    assert_eq!(seen, identifiers(&t.get("resource-servers").send().await.body));
    let bad = t.get("resource-servers?take=2&from=%F0%9F%98%80").send().await;
    assert_eq!((bad.status.as_u16(), &bad.body["errorCode"]), (400, &json!("invalid_query_string")));
}

async fn by_identifiers_and_with_fields(t: TestApp) {
    several(&t, 3).await;
    let some = "resource-servers?identifiers=https%3A%2F%2F2.example%2F&identifiers=https://0.example/&identifiers=x";
    let some = t.get(some).send().await.body;
    assert_eq!(identifiers(&some), ["https://0.example/", "https://2.example/"]);
    let chosen = t
        .get("resource-servers?fields=identifier&include_totals=true&identifiers=https://1.example/")
        .send()
        .await
        .body;
    assert_eq!(chosen["resource_servers"], json!([{ "identifier": "https://1.example/" }]));
    assert_eq!(chosen["total"], 1);
    let eleven: String = (0..11).map(|n| format!("identifiers={n}&")).collect();
    assert_eq!(t.get(&format!("resource-servers?{eleven}")).send().await.status, 400);
}

async fn bad_queries(t: TestApp) {
    let cases = [
        ("page=-1", "'Value -1 is less than minimum 0' on property page (Page, from 0)."),
        ("page=x", "'Expected type integer but found type string' on property page (Page, from 0)."),
        ("per_page=101", "'Value 101 is greater than maximum 100' on property per_page (APIs on a page)."),
        ("per_page=0", "'Value 0 is less than minimum 1' on property per_page (APIs on a page)."),
        (
            "include_totals=yes",
            "'Expected type boolean but found type string' on property include_totals (Whether the answer is an object with the total number).",
        ),
        ("color=red", "'Additional properties not allowed: color'."),
    ];
    for (query, detail) in cases {
        let reply = t.get(&format!("resource-servers?{query}")).send().await;
        assert_eq!(
            reply.body,
            json!({
                "statusCode": 400, "error": "Bad Request", "errorCode": "invalid_query_string",
                "message": format!("Query validation error: {detail}"),
            })
        );
    }
}
