use serde_json::{Value as Json, json};

use super::*;

const MINUTE: i64 = 60_000;
pub(super) const DAY: i64 = 86_400_000;
/// 2024-03-01T00:00:00Z.
const MARCH: i64 = 19_783 * DAY;
pub(super) const NOW: i64 = MARCH + DAY;

pub(super) fn verification(time: i64, key_id: &'static str, outcome: &'static str) -> Verification<'static> {
    Verification {
        request_id: "req_1",
        time,
        workspace_id: "ws_1",
        key_space_id: "ks_1",
        identity_id: "",
        external_id: "o'neil",
        key_id,
        region: "eu",
        outcome,
        tags: &["a", "b"],
        spent_credits: 2,
        latency: 1.5,
    }
}

pub(super) fn records() -> Vec<Verification<'static>> {
    vec![
        verification(MARCH - 1, "key_1", "VALID"),
        verification(MARCH, "key_1", "VALID"),
        verification(MARCH + 1, "key_1", "RATE_LIMITED"),
        Verification { tags: &[], latency: 4.0, ..verification(MARCH + MINUTE, "key_2", "VALID") },
        Verification { spent_credits: 0, ..verification(MARCH + DAY, "key_2", "VALID") },
    ]
}

pub(super) fn run_over(statement: &Statement, records: &[Verification<'_>]) -> Result<Json, AnalyticsError> {
    let mut run = statement.run(NOW, Limits::default());
    for record in records {
        run.add(record)?;
    }
    Ok(run.finish()?.into_iter().map(Json::Object).collect())
}

fn run(text: &str) -> Json {
    let statement = Statement::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    run_over(&statement, &records()).expect("no limit is exceeded")
}

/// The only value of the only row.
fn value(expression: &str) -> Json {
    let rows = run(&format!("SELECT {expression} AS x FROM key_verifications_v1 LIMIT 1 OFFSET 3"));
    rows[0]["x"].clone()
}

fn error(text: &str) -> AnalyticsError {
    Statement::parse(text).map(|_| text).expect_err("it is refused")
}

#[test]
fn rows_are_selected_ordered_and_cut() {
    let rows = run("select key_id, time AS t from key_verifications_v1 where outcome = 'VALID'
         order by key_id desc, t -- the newest last
         limit 2 offset 1;");
    assert_eq!(rows, json!([{"key_id": "key_2", "t": MARCH + DAY}, {"key_id": "key_1", "t": MARCH - 1}]));
    let row = &run("SELECT * FROM key_verifications_v1 LIMIT 1")[0];
    assert_eq!(row.as_object().expect("a row").len(), 12);
    assert_eq!(row["tags"], json!(["a", "b"]));
    assert_eq!(row["latency"], json!(1.5));
    assert_eq!(run("SELECT time FROM key_verifications_v1 OFFSET 4"), json!([{"time": MARCH + DAY}]));
}

#[test]
fn rows_are_grouped() {
    let rows =
        run("SELECT toStartOfDay(time) AS day, COUNT(*), countIf(outcome = 'VALID') AS valid, valid / count() AS rate
         FROM key_verifications_v1 GROUP BY day HAVING count(*) > 1 ORDER BY 2 DESC");
    assert_eq!(rows, json!([{"day": MARCH, "count()": 3, "valid": 2, "rate": 2.0 / 3.0}]));
    let rows =
        run("SELECT SUM(spent_credits), uniq(key_id) AS keys, count(DISTINCT outcome) AS outcomes, avg(latency),
         MIN(time) AS first, max(outcome), sumIf(spent_credits, has(tags, 'a')) AS s FROM key_verifications_v1");
    assert_eq!(
        rows,
        json!([{"sum(spent_credits)": 8, "keys": 2, "outcomes": 2, "avg(latency)": 2, "first": MARCH - 1,
            "max(outcome)": "VALID", "s": 6}])
    );
    let rows =
        run("SELECT count() AS n, sum(latency) AS s, avg(latency) AS a, min(time) AS m FROM key_verifications_v1
         WHERE key_id = 'none'");
    assert_eq!(rows, json!([{"n": 0, "s": 0, "a": null, "m": null}]));
    assert_eq!(run("SELECT count() FROM key_verifications_v1 WHERE 0 GROUP BY key_id"), json!([]));
    // An alias that hides a column does so in GROUP BY, but not in WHERE.
    let rows = run("SELECT toDate(time) AS time, count() AS count FROM key_verifications_per_minute_v1
         WHERE time > toDate(time) GROUP BY time ORDER BY count DESC");
    assert_eq!(rows, json!([{"time": MARCH - DAY, "count": 1}, {"time": MARCH, "count": 1}]));
}

#[test]
fn spans_have_a_row_for_what_is_equal() {
    let rows = run("SELECT time, key_id, outcome, count, spent_credits FROM key_verifications_per_day_v1");
    assert_eq!(
        rows,
        json!([
            {"time": MARCH - DAY, "key_id": "key_1", "outcome": "VALID", "count": 1, "spent_credits": 2},
            {"time": MARCH, "key_id": "key_1", "outcome": "VALID", "count": 1, "spent_credits": 2},
            {"time": MARCH, "key_id": "key_1", "outcome": "RATE_LIMITED", "count": 1, "spent_credits": 2},
            {"time": MARCH, "key_id": "key_2", "outcome": "VALID", "count": 1, "spent_credits": 2},
            {"time": MARCH + DAY, "key_id": "key_2", "outcome": "VALID", "count": 1, "spent_credits": 0},
        ])
    );
    let rows = run("SELECT time, sum(count) AS n, count() AS row_count FROM key_verifications_per_month_v1
         WHERE spent_credits < 9 AND outcome LIKE 'VAL%' AND key_id IN ('key_2', 'key_1') GROUP BY 1 ORDER BY time");
    assert_eq!(
        rows,
        json!([{"time": MARCH - 29 * DAY, "n": 1, "row_count": 1}, {"time": MARCH, "n": 3, "row_count": 3}])
    );
    let statement = Statement::parse("SELECT sum(count) FROM key_verifications_per_hour_v1 WHERE outcome = 'VALID'");
    assert!(statement.expect("it is right").plan.rows.is_none(), "a sum of sums needs no rows in between");
}

#[test]
fn expressions_have_values() {
    let cases = [
        ("1 + 2 * 3 - -4", json!(11)),
        ("(1 + 2) * 3 % 5", json!(4)),
        ("7 / 2", json!(3.5)),
        ("8 / 2", json!(4)),
        ("1 / 0", json!(null)),
        ("1 % 0", json!(null)),
        ("0.5 % 0", json!(null)),
        ("9223372036854775807 + 1 > 0", json!(1)),
        ("NOT 1 = 2 AND 2 <> 3 OR 0", json!(1)),
        ("NULL AND 0", json!(0)),
        ("NULL OR 0", json!(null)),
        ("NOT NULL IS NULL", json!(0)),
        ("null = null", json!(null)),
        ("5 BETWEEN 1 AND 5 AND 5 NOT BETWEEN 6 AND 7", json!(1)),
        ("3 IN (5, 3.0, -1) AND 4 NOT IN (1) AND '3' IN ('1', '3')", json!(1)),
        ("outcome LIKE '%AL_D' AND outcome NOT LIKE 'val%'", json!(1)),
        ("external_id = 'o''neil' AND external_id = 'o\\'neil'", json!(1)),
        ("has(tags, 'a')", json!(0)),
        ("tags", json!([])),
        ("CASE WHEN latency > 9 THEN 'slow' WHEN latency > 3 THEN 'fair' ELSE 'fast' END", json!("fair")),
        ("CASE WHEN 0 THEN 1 END", json!(null)),
        ("IF(latency > 9, 1, 2)", json!(2)),
        ("upper(lower(outcome))", json!("VALID")),
        ("round(2.345, 1)", json!(2.3)),
        ("round(1e300 * 1e300)", json!(null)),
        ("now() - INTERVAL 1 DAY", json!(MARCH)),
        ("toStartOfHour(time + interval 90 minute)", json!(MARCH + 60 * MINUTE)),
        ("toStartOfMonth(time - 61 * 1000)", json!(MARCH - 29 * DAY)),
        ("identity_id IS NOT NULL", json!(1)),
        ("`key_id`", json!("key_2")),
    ];
    for (expression, expected) in cases {
        assert_eq!(value(expression), expected, "{expression}");
    }
}

#[test]
fn what_is_not_supported_is_named_with_its_place() {
    let cases = [
        ("", "The query is empty (at position 0)."),
        ("SELECT 1", "The query ends where FROM should follow (at position 8)."),
        ("SELECT a.time FROM key_verifications_v1", "Not supported: names with a dot (at position 8)."),
        ("SELECT DISTINCT 1", "Not supported: SELECT DISTINCT: use GROUP BY (at position 7)."),
        ("WITH x AS (SELECT 1) SELECT 1", "Not supported: WITH (at position 0)."),
        ("SELECT (SELECT 1)", "Not supported: subqueries (at position 8)."),
        ("SELECT 1 FROM (SELECT 1)", "Not supported: subqueries (at position 14)."),
        ("SELECT 1 FROM key_verifications_v1 JOIN b", "Not supported: joins (at position 35)."),
        ("SELECT 1 FROM key_verifications_v1 a", "Not supported: another name for the table (at position 35)."),
        ("SELECT 1 FROM key_verifications_v1 UNION ALL SELECT 1", "Not supported: UNION (at position 35)."),
        ("SELECT 1 FROM key_verifications_v1; SELECT 1", "Not supported: more than one statement (at position 36)."),
        ("SELECT 1 FROM key_verifications_v1 SETTINGS a = 1", "Not supported: SETTINGS (at position 35)."),
        ("SELECT count() OVER () FROM key_verifications_v1", "Not supported: window functions (at position 15)."),
        ("SELECT [1] FROM key_verifications_v1", "Not supported: the character '[' (at position 7)."),
        ("SELECT 'a", "A quote does not end (at position 7)."),
        ("SELECT /* a", "The comment does not end (at position 7)."),
        ("SELECT time >= '2024' FROM key_verifications_v1", "A number and a text don't go together (at position 12)."),
        (
            "SELECT time FROM key_verifications_v1 WHERE region",
            "A text stands where a condition is needed (at position 44).",
        ),
        (
            "SELECT key_id, count() FROM key_verifications_v1",
            "'key_id' must be in GROUP BY or in an aggregate function (at position 7).",
        ),
        (
            "SELECT sum(sum(time)) FROM key_verifications_v1",
            "No aggregate function can stand in another one (at position 11).",
        ),
        (
            "SELECT 1 AS a, 2 AS a FROM key_verifications_v1",
            "Two columns are named 'a'; give one another name with AS (at position 15).",
        ),
        (
            "SELECT latency FROM key_verifications_per_day_v1",
            "No column 'latency'; the table has time, workspace_id, key_space_id, identity_id, external_id, key_id, \
             outcome, tags, count, spent_credits (at position 7).",
        ),
    ];
    for (text, expected) in cases {
        let error = error(text);
        assert_eq!((error.to_string().as_str(), error.code()), (expected, "invalid_analytics_query"), "{text}");
    }
}

#[test]
fn errors_have_the_codes_of_the_contract() {
    let table = error("SELECT 1 FROM system.users");
    assert_eq!(table.code(), "invalid_analytics_table");
    assert!(table.to_string().starts_with("No table 'system.users' (at position 14)."));
    let function = error("SELECT sleep(3) FROM key_verifications_v1");
    assert_eq!(function.code(), "invalid_analytics_function");
    assert!(function.to_string().starts_with("The function 'sleep' is not supported (at position 7)."));
    assert_eq!(error("DROP TABLE key_verifications_v1").code(), "invalid_analytics_query_type");
    let all = Statement::parse("SELECT * FROM key_verifications_v1").expect("it is right");
    let mut run = all.run(NOW, Limits { rows: 1, ..Limits::default() });
    assert_eq!(run.add(&records()[0]), Ok(()));
    assert_eq!(run.add(&records()[0]).map_err(|error| error.code()), Err("query_rows_limit_exceeded"));
    for text in ["SELECT * FROM key_verifications_v1", "SELECT uniq(time) FROM key_verifications_v1"] {
        let statement = Statement::parse(text).expect("it is right");
        let mut run = statement.run(NOW, Limits { bytes: 1000, ..Limits::default() });
        let added: Result<Vec<()>, _> = (0..100).map(|time| run.add(&verification(time, "k", "VALID"))).collect();
        assert_eq!(added.map_err(|error| error.code()), Err("query_memory_limit_exceeded"));
    }
}

#[test]
fn only_what_can_be_returned_is_kept() {
    let statement = Statement::parse("SELECT time AS t FROM key_verifications_v1 ORDER BY t DESC LIMIT 3 OFFSET 1");
    let statement = statement.expect("it is right");
    let mut run = statement.run(NOW, Limits { rows: 3, bytes: 600 * 200 });
    for time in 0..20_000 {
        run.add(&verification(time * 7 % 20_000, "k", "VALID")).expect("the rows fit");
    }
    let rows: Vec<_> = run.finish().expect("the rows fit").into_iter().map(Json::Object).collect();
    assert_eq!(Json::from(rows), json!([{"t": 19_998}, {"t": 19_997}, {"t": 19_996}]));
    let statement = Statement::parse("SELECT time FROM key_verifications_v1 LIMIT 1").expect("it is right");
    let mut run = statement.run(NOW, Limits::default());
    assert!(!run.is_complete());
    run.add(&records()[0]).expect("the row fits");
    assert!(run.is_complete());
}

#[test]
fn depth_and_size_are_bounded() {
    for (open, close) in [("(", ")"), ("- ", ""), ("NOT ", ""), ("round(", ")"), ("CASE WHEN 1 THEN ", " END")] {
        let nested =
            |depth: usize| format!("SELECT {}1{} FROM key_verifications_v1", open.repeat(depth), close.repeat(depth));
        assert!(Statement::parse(&nested(95)).is_ok(), "{open}");
        assert!(error(&nested(2_000)).to_string().contains("nested"), "{open}");
    }
    let chain = vec!["key_id = 'a'"; 2_000].join(" OR ");
    assert!(Statement::parse(&format!("SELECT 1 FROM key_verifications_v1 WHERE {chain}")).is_ok());
    let sum = vec!["1"; 1_000].join("+");
    assert!(error(&format!("SELECT {sum} FROM key_verifications_v1")).to_string().contains("nested"));
    let doubling: Vec<_> = (1..60).map(|n| format!("a{}+a{} AS a{n}", n - 1, n - 1)).collect();
    let text = format!("SELECT 1 AS a0, {} FROM key_verifications_v1", doubling.join(","));
    assert!(error(&text).to_string().contains("too complex"));
    assert!(error(&" ".repeat(STATEMENT_MAX + 1)).to_string().contains("longer"));
}

#[test]
fn times_are_narrowed_by_what_has_to_hold() {
    let range = |table: &str, condition: &str| {
        let text = format!("SELECT count() FROM key_verifications_{table} WHERE {condition}");
        Statement::parse(&text).expect("it is right").time_range(NOW)
    };
    assert_eq!(range("v1", "time >= now() - INTERVAL 1 DAY AND time < 5.5 + 0.5"), (Some(MARCH), Some(6)));
    assert_eq!(range("v1", "(5 < time AND key_id = 'a') AND 9 >= time"), (Some(6), Some(9)));
    assert_eq!(range("v1", "time BETWEEN 3 AND 8 AND time = 4"), (Some(4), Some(4)));
    assert_eq!(range("v1", "time >= 3 OR time < 5"), (None, None));
    assert_eq!(range("v1", "toStartOfHour(time) <= 0 AND NOT time < 5"), (None, Some(60 * MINUTE - 1)));
    assert_eq!(range("per_minute_v1", "time > 0 AND time <= 120000"), (Some(1), Some(3 * MINUTE - 1)));
}
