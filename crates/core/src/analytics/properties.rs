use proptest::prelude::*;

use super::{
    tests::{DAY, NOW, records, run_over, verification},
    *,
};

fn soup() -> impl Strategy<Value = String> {
    let words = "SELECT FROM WHERE GROUP BY HAVING ORDER LIMIT OFFSET AS AND OR NOT IN BETWEEN LIKE IS NULL CASE WHEN \
         THEN ELSE END ASC DESC ( ) , * + - / % = != < >= . ; ' ` \" -- /* count( countIf( sum( sumIf( avg( min( \
         uniq( has( if( round( lower( now() toStartOfMonth( DISTINCT INTERVAL DAY 0 1 -1 2.5 1e308 \
         9223372036854775807 'a' '%a_' time key_id tags count spent_credits latency outcome x key_verifications_v1 \
         key_verifications_per_day_v1 JOIN UNION ü";
    let words: Vec<&str> = words.split_whitespace().collect();
    prop::collection::vec(prop::sample::select(words), 0..25).prop_map(|words| words.join(" "))
}

/// What is worth a number in any row of any table, and in any group.
const OF_ROWS: &str = "time spent_credits has(tags,'a') (outcome_LIKE_'%A_') (lower(key_id)_IN_('key_1'))";
const OF_GROUPS: &str = "count() sum(time) sumIf(time*time,1) avg(spent_credits/0) min(time) max(-time) uniq(tags) \
     (max(outcome)='VALID')";

/// Expressions that are worth a number.
fn expression(leaves: &'static str) -> impl Strategy<Value = String> {
    let spaced = |text: &str| text.split_whitespace().map(|word| word.replace('_', " ")).collect::<Vec<_>>();
    let constants = "0 1 (-3) 2.5 9223372036854775807 1e308 NULL now()".split_whitespace().map(str::to_owned);
    let leaves = leaves.split_whitespace().map(|leaf| leaf.replace("_LIKE_", " LIKE ").replace("_IN_", " IN "));
    let forms = spaced(
        "(#+#) (#-#) (#*#) (#/#) (#%#) (-_#) (#=#) (#<#) (#<>#) (#_AND_#) (#_OR_#) (NOT_#) (#_IN_(1,-2.5)) \
         (#_BETWEEN_#_AND_#) (#_IS_NULL) if(#,#,#) CASE_WHEN_#_THEN_#_END round(#,#) toStartOfDay(#) toStartOfMonth(#)",
    );
    let leaf = prop::sample::select(leaves.chain(constants).collect::<Vec<_>>());
    leaf.prop_recursive(4, 20, 3, move |inner| {
        let form = prop::sample::select(forms.clone());
        (form, prop::collection::vec(inner, 3))
            .prop_map(|(form, inner)| inner.iter().fold(form, |form, inner| form.replacen('#', inner, 1)))
    })
}

/// Comparisons of times.
fn condition() -> impl Strategy<Value = String> {
    let bound = prop::sample::select(vec!["0", "60000", "86400000", "now() / 2", "100000.5", "3 * 60000"]);
    let time = prop::sample::select(vec!["time", "toStartOfMinute(time)", "toDate(time)"]);
    let operator = prop::sample::select(vec!["<", "<=", "=", ">=", ">"]);
    (time, operator, bound, any::<bool>()).prop_map(|(time, operator, bound, turned)| match turned {
        true => format!("{bound} {operator} {time}"),
        false => format!("{time} {operator} {bound}"),
    })
}

fn stored() -> impl Strategy<Value = Vec<Verification<'static>>> {
    let keys = prop::sample::select(vec!["key_1", "key_2"]);
    let outcomes = prop::sample::select(vec!["VALID", "RATE_LIMITED"]);
    let times = prop_oneof![0_i64..300_000, 0..3 * DAY, Just(60_000), Just(DAY)];
    let record = (times, keys, outcomes).prop_map(|(time, key_id, outcome)| verification(time, key_id, outcome));
    prop::collection::vec(record, 0..12)
}

fn table() -> impl Strategy<Value = &'static str> {
    prop::sample::select(table::Table::ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn nothing_panics_on_tokens(items in soup(), rest in soup(), table in table(), whole in soup()) {
        let selected = format!("SELECT {items} FROM {table} {rest}");
        for text in [whole, selected, format!("SELECT 1 FROM {table} WHERE {items}")] {
            if let Ok(statement) = Statement::parse(&text) {
                statement.time_range(NOW);
                let _ = run_over(&statement, &records());
            }
        }
    }

    #[test]
    fn every_expression_has_a_value(
        item in expression(OF_ROWS), filter in expression(OF_ROWS), group in expression(OF_GROUPS), table in table(),
    ) {
        for text in [
            format!("SELECT {item} AS a, time FROM {table} ORDER BY 0 + {filter} DESC, a"),
            format!("SELECT {group} AS a FROM {table} WHERE {filter} HAVING a OR count()"),
            format!("SELECT {item} AS a, a * {group} AS b FROM {table} WHERE {filter} GROUP BY a ORDER BY b, 1 DESC"),
        ] {
            let statement = Statement::parse(&text);
            prop_assert!(statement.is_ok(), "{}: {:?}", text, statement.err());
            run_over(&statement.unwrap(), &records()).expect("no limit is exceeded");
        }
    }

    #[test]
    fn nothing_panics_on_bytes(bytes in prop::collection::vec(any::<u8>(), 0..40), text in any::<String>()) {
        let bytes = String::from_utf8_lossy(&bytes).into_owned();
        for text in [bytes, format!("SELECT {text} FROM key_verifications_v1"), text] {
            let _ = Statement::parse(&text);
        }
    }

    #[test]
    fn records_out_of_range_make_no_difference(
        records in stored(), table in table(), one in condition(), two in condition(),
    ) {
        let text = format!("SELECT time, count(), sum(spent_credits) FROM {table} WHERE {one} AND {two} GROUP BY time");
        let statement = Statement::parse(&text).expect("it is right");
        let (earliest, latest) = statement.time_range(NOW);
        let inside = |time: i64| earliest.is_none_or(|e| e <= time) && latest.is_none_or(|l| time <= l);
        let some: Vec<_> = records.iter().copied().filter(|record| inside(record.time)).collect();
        prop_assert_eq!(run_over(&statement, &some), run_over(&statement, &records));
    }

    #[test]
    fn rows_in_between_make_no_difference_where_they_are_left_out(
        records in stored(), key in prop::sample::select(vec!["key_id", "outcome", "time", "key_id = 'key_1'"]),
        unit in prop::sample::select(vec!["minute", "hour", "day", "month"]), filter in condition(),
    ) {
        let text = format!(
            "SELECT {key} AS k, sum(count) AS n, sum(spent_credits) AS s, sumIf(count, outcome = 'VALID') AS v,
             uniq(key_id) AS u, min(time) AS first, max(outcome) AS o
             FROM key_verifications_per_{unit}_v1 WHERE {filter} GROUP BY k HAVING n > 1"
        );
        let mut statement = Statement::parse(&text).expect("it is right");
        prop_assert!(statement.plan.rows.is_none());
        let direct = run_over(&statement, &records);
        statement.plan.rows = Some(bind::rows_of_spans());
        prop_assert_eq!(run_over(&statement, &records), direct);
    }
}
