use proptest::prelude::*;

use super::*;

fn detail(text: &str) -> String {
    let error = Query::parse(text).expect_err("the query is wrong");
    assert_eq!(Query::evaluate_text(text, |_| true), Err(error.clone()));
    error.to_string()
}

fn query(text: &str) -> Query {
    Query::parse(text).expect("the query is right")
}

#[test]
fn errors_have_the_texts_of_the_contract() {
    const TERM: &str = "Expected a permission identifier or opening parenthesis.";
    const PAIR: &str = "Every opening parenthesis must have a matching closing parenthesis.";
    const EXTRA: &str = "The query appears to have extra content after a valid expression.";
    const NOTHING: &str = "Parentheses must contain at least one permission or expression.";
    const BLANK: &str = "Unexpected end of input. Please provide a valid permission query.";
    const IDENTIFIER: &str = "A permission identifier consists of letters, digits, and the characters . _ - * : /";
    let cases = [
        ("permission_1 AND", format!("Unexpected end of query. {TERM}")),
        ("(", format!("Unexpected end of query. {TERM}")),
        ("(permission_1 AND permission_2", format!("Missing closing parenthesis ')' at position 30. {PAIR}")),
        ("(a b)", format!("Missing closing parenthesis ')' at position 3. {PAIR}")),
        ("permission_1 AND ()", format!("Empty parentheses found at position 18. {NOTHING}")),
        ("AND permission_1", format!("Unexpected token 'AND' at position 0. {TERM}")),
        ("a or )", format!("Unexpected token ')' at position 5. {TERM}")),
        ("a b", format!("Unexpected token 'b' at position 2. {EXTRA}")),
        ("a (b)", format!("Unexpected token '(' at position 2. {EXTRA}")),
        ("a)", format!("Unexpected token ')' at position 1. {EXTRA}")),
        (" \t\r\n", BLANK.to_owned()),
        ("", BLANK.to_owned()),
        ("$", format!("Unexpected character '$' at position 0. {IDENTIFIER}")),
        ("a AND ü", format!("Unexpected character 'ü' at position 6. {IDENTIFIER}")),
        ("(aé)", format!("Unexpected character 'é' at position 2. {IDENTIFIER}")),
        ("a\u{b}b", format!("Unexpected character '\\u{{b}}' at position 1. {IDENTIFIER}")),
    ];
    for (text, expected) in cases {
        assert_eq!(detail(text), expected, "{text}");
    }
}

#[test]
fn and_binds_tighter_and_terms_match_exactly() {
    let has = |term: &str| ["a", "documents.*", "And.1"].contains(&term);
    for text in ["a OR x AND x", "x AND x or a", "(x oR a) aNd documents.*", "And.1", "\n( ( a ) )\t", "a OR (x)"] {
        assert!(query(text).holds(has), "{text}");
    }
    for text in ["A", "documents.read", "(a OR x) AND x", "x AND (a OR a)", "a/b", "android"] {
        assert!(!query(text).holds(has), "{text}");
    }
}

#[test]
fn each_term_is_asked_about() {
    let mut asked = Vec::new();
    query("a OR b AND (c OR d)").holds(|term| {
        asked.push(term.to_owned());
        term == "a"
    });
    assert_eq!(asked, ["a", "b", "c", "d"], "also once the answer is certain");
    assert!(Query::evaluate_text("a OR (b c)", |_| true).is_err(), "what is skipped is still checked");
}

#[test]
fn missing_names_the_shortest_way() {
    let has = |term: &str| term == "a";
    let cases: [(&str, &[&str]); 6] = [
        ("a", &[]),
        ("b AND a AND c AND b", &["b", "c"]),
        ("b OR c", &["b"]),
        ("(b AND c) OR d", &["d"]),
        ("(b OR a) AND (c AND d OR e AND a)", &["e"]),
        ("b AND c OR a", &[]),
    ];
    for (text, expected) in cases {
        assert_eq!(query(text).missing(has), expected, "{text}");
    }
}

#[test]
fn depth_costs_nothing() {
    let depth = 500_000;
    let text = format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(query(&text).holds(|_| true));
    assert_eq!(query(&text).missing(|_| false), ["a"]);
    assert_eq!(Query::parse(&"(".repeat(1000)), Err(QueryError::End));
}

/// The grammar once more, the plain way.
fn oracle(tokens: &[&str], has: &mut dyn FnMut(&str) -> bool) -> Option<bool> {
    fn any(rest: &mut &[&str], has: &mut dyn FnMut(&str) -> bool) -> Option<bool> {
        let mut value = all(rest, has)?;
        while let Some(("OR", after)) = rest.split_first().map(|(first, after)| (*first, after)) {
            *rest = after;
            value |= all(rest, has)?;
        }
        Some(value)
    }
    fn all(rest: &mut &[&str], has: &mut dyn FnMut(&str) -> bool) -> Option<bool> {
        let mut value = one(rest, has)?;
        while let Some(("AND", after)) = rest.split_first().map(|(first, after)| (*first, after)) {
            *rest = after;
            value &= one(rest, has)?;
        }
        Some(value)
    }
    fn one(rest: &mut &[&str], has: &mut dyn FnMut(&str) -> bool) -> Option<bool> {
        let (first, after) = rest.split_first()?;
        *rest = after;
        match *first {
            "(" => {
                let value = any(rest, has)?;
                let (close, after) = rest.split_first()?;
                *rest = after;
                (*close == ")").then_some(value)
            }
            "AND" | "OR" | ")" | "ß" => None,
            term => Some(has(term)),
        }
    }
    let mut rest = tokens;
    let value = any(&mut rest, has)?;
    rest.is_empty().then_some(value)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]
    #[test]
    fn both_ways_answer_and_ask_as_the_grammar_does(
        tokens in prop::collection::vec(
            prop::sample::select(vec!["a", "b", "c", "a", "b", "(", ")", "AND", "OR", "AND", "OR", "ß"]), 0..14),
    ) {
        let text = tokens.join(" ");
        let granted = |term: &str| term == "a";
        let mut expected_asked = Vec::new();
        let expected = oracle(&tokens, &mut |term| { expected_asked.push(term.to_owned()); granted(term) });
        let mut asked = Vec::new();
        let value = Query::evaluate_text(&text, |term| { asked.push(term.to_owned()); granted(term) });
        prop_assert_eq!(value.clone().ok(), expected);
        let parsed = Query::parse(&text);
        prop_assert_eq!(value, parsed.as_ref().map(|query| query.holds(granted)).map_err(Clone::clone));
        if let Ok(query) = parsed {
            prop_assert_eq!(asked, expected_asked);
            let missing = query.missing(granted);
            prop_assert_eq!(missing.is_empty(), query.holds(granted));
            prop_assert!(query.holds(|term| granted(term) || missing.contains(&term)));
        }
    }

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        let _ = Query::parse(&text);
    }
}
