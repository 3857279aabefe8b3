//! The list of roles.

use serde_json::{Value, json};

use super::role;
use crate::support::TestApp;

on_both_engines!(
    pages_totals_and_ends,
    from_where_the_last_answer_ended,
    in_the_order_of_names,
    by_a_part_of_the_name,
    by_type_and_owner,
    bad_queries
);

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|role| role["name"].as_str().unwrap()).collect()
}

async fn pages_totals_and_ends(t: TestApp) {
    let none = t.get("roles?include_totals=true").send().await.body;
    assert_eq!(none, json!({ "start": 0, "limit": 50, "total": 0, "roles": [] }));
    for name in ["e", "d", "c", "b", "a"] {
        role(&t, name).await;
    }
    let page = t.get("roles?page=1&per_page=2&include_totals=true").send().await.body;
    assert_eq!((&page["start"], &page["limit"], &page["total"]), (&json!(2), &json!(2), &json!(5)));
    assert_eq!(names(&page["roles"]), ["c", "d"]);
    let bare = t.get("roles?page=1&per_page=2&include_totals=false").send().await.body;
    assert_eq!(bare, page["roles"]);
    assert_eq!(names(&t.get("roles?page=2&per_page=2").send().await.body), ["e"]);
    assert_eq!(t.get("roles?page=3&per_page=2").send().await.body, json!([]), "past the end");
    let past = t.get("roles?page=9&per_page=100&include_totals=true").send().await.body;
    assert_eq!(past, json!({ "start": 900, "limit": 100, "total": 5, "roles": [] }));
}

async fn from_where_the_last_answer_ended(t: TestApp) {
    for name in ["e", "d", "c", "b", "a"] {
        role(&t, name).await;
    }
    for (filter, wanted) in [("", &["a", "b", "c", "d", "e"][..]), ("name_filter=c&", &["c"])] {
        let (mut seen, mut query) = (Vec::new(), format!("{filter}take=2&include_totals=true"));
        loop {
            let part = t.get(&format!("roles?{query}")).send().await.body;
            assert!(part.get("total").is_none() && part["roles"].as_array().unwrap().len() <= 2);
            seen.extend(names(&part["roles"]).into_iter().map(str::to_owned));
            let Some(next) = part.get("next") else { break };
            query = format!("{filter}take=2&from={}", next.as_str().unwrap());
        }
        assert_eq!(seen, wanted);
    }
    // A cursor is a place, not a role: it is good although the role that it stands behind is gone.
    let first = t.get("roles?take=1").send().await.body;
    let id = first["roles"][0]["id"].as_str().unwrap();
    assert_eq!(t.delete(&format!("roles/{id}")).send().await.status, 200);
    let rest = t.get(&format!("roles?from={}", first["next"].as_str().unwrap())).send().await.body;
    assert_eq!(names(&rest["roles"]), ["b", "c", "d", "e"]);
}

async fn in_the_order_of_names(t: TestApp) {
    for name in ["b", "a2", "a10", "\u{e4}", "A"] {
        role(&t, name).await;
    }
    assert_eq!(names(&t.get("roles").send().await.body), ["A", "a10", "a2", "b", "\u{e4}"]);
}

async fn by_a_part_of_the_name(t: TestApp) {
    for name in ["a_b", "axb", "50%", "Third", "\u{dc}ber"] {
        role(&t, name).await;
    }
    for (filter, expected) in [
        ("a_b", vec!["a_b"]),
        ("%25", vec!["50%"]),
        ("THIRD", vec!["Third"]),
        ("hir", vec!["Third"]),
        ("%C3%BCB", vec!["\u{dc}ber"]),
        ("b", vec!["a_b", "axb", "\u{dc}ber"]),
        ("this+role+does+not+exist", vec![]),
        ("", vec!["50%", "Third", "a_b", "axb", "\u{dc}ber"]),
    ] {
        let found = t.get(&format!("roles?name_filter={filter}&include_totals=true")).send().await.body;
        assert_eq!(names(&found["roles"]), expected, "{filter}");
        assert_eq!(found["total"], expected.len(), "{filter}");
    }
}

async fn by_type_and_owner(t: TestApp) {
    role(&t, "a").await;
    for (query, count) in [
        ("type=tenant", 1),
        ("type=organization", 0),
        ("type=other", 0),
        ("owner_id=org_1", 0),
        ("type=organization&owner_id=org_1", 0),
        ("per_page=100&page=0&type=tenant", 1),
    ] {
        let found = t.get(&format!("roles?{query}")).send().await;
        assert_eq!((found.status.as_u16(), names(&found.body).len()), (200, count), "{query}");
    }
}

async fn bad_queries(t: TestApp) {
    for (query, detail) in [
        ("page=-1", "'Value -1 is less than minimum 0' on property page (Page, from 0)."),
        ("page=x", "'Expected type integer but found type string' on property page (Page, from 0)."),
        ("per_page=101", "'Value 101 is greater than maximum 100' on property per_page (Roles on a page)."),
        ("per_page=0", "'Value 0 is less than minimum 1' on property per_page (Roles on a page)."),
        (
            "take=0",
            "'Value 0 is less than minimum 1' on property take (How many stand in an answer that can be gone on from).",
        ),
    ] {
        let expected = json!({
            "statusCode": 400, "error": "Bad Request", "errorCode": "invalid_query_string",
            "message": format!("Query validation error: {detail}"),
        });
        assert_eq!(t.get(&format!("roles?{query}")).send().await.body, expected);
    }
    assert_eq!(t.get(&format!("roles?name_filter={}", "x".repeat(501))).send().await.status, 400);
    assert_eq!(t.get("roles?name_filter=%00").send().await.status, 400);
}
