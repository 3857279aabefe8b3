//! The subset of Lucene's query language that the audit log answers: `field:value`, `field:"a value"` and
//! `date:[from TO until]`, joined by AND or by white space.

use keyward_core::{
    model::log::LogFilter,
    problem::{Invalid, Part},
    time::Timestamp,
};

/// Reads a query.
///
/// # Errors
/// [`Invalid`], which says what is not understood and what is.
pub fn parse(text: &str) -> Result<LogFilter, Invalid> {
    let mut filter = LogFilter::default();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("AND ") {
            rest = after.trim_start();
            continue;
        }
        let (field, after) = rest.split_once(':').ok_or_else(|| unknown(rest))?;
        let (value, after) = take_value(after).ok_or_else(|| unknown(rest))?;
        set(&mut filter, field.trim(), value)?;
        rest = after.trim_start();
    }
    Ok(filter)
}

fn take_value(text: &str) -> Option<(&str, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        return quoted.split_once('"');
    }
    if text.starts_with('[') {
        let end = text.find(']')? + 1;
        return Some(text.split_at(end));
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

fn set(filter: &mut LogFilter, field: &str, value: &str) -> Result<(), Invalid> {
    let slot = match field {
        "type" => &mut filter.kind,
        "client_id" => &mut filter.client_id,
        "user_id" => &mut filter.subject,
        "ip" => &mut filter.ip,
        "description" => &mut filter.description,
        "log_id" | "_id" => &mut filter.log_id,
        "date" => return set_dates(filter, value),
        _ => return Err(unknown(field)),
    };
    if value.contains('*') {
        return Err(unknown(value));
    }
    *slot = Some(value.to_owned());
    Ok(())
}

fn set_dates(filter: &mut LogFilter, value: &str) -> Result<(), Invalid> {
    let range =
        value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).and_then(|rest| rest.split_once(" TO "));
    let (since, until) = range.ok_or_else(|| unknown(value))?;
    filter.since = point(since, "00:00:00.000")?;
    filter.until = point(until, "23:59:59.999")?;
    Ok(())
}

/// A point in time, or the edge of a day, or `*` for none.
fn point(text: &str, edge: &str) -> Result<Option<Timestamp>, Invalid> {
    let text = text.trim();
    if text == "*" {
        return Ok(None);
    }
    let whole = if text.contains('T') { text.to_owned() } else { format!("{text}T{edge}Z") };
    let time: jiff::Timestamp = whole.parse().map_err(|_| unknown(text))?;
    Ok(Some(Timestamp(time.as_millisecond())))
}

fn unknown(text: &str) -> Invalid {
    let detail = format!(
        "`{text}` is not understood: use type, client_id, user_id, ip, description or log_id with a value without `*`, \
         or date:[2026-01-01 TO *], joined by AND"
    );
    Invalid::property(Part::Query, "q", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_joined_and_quoted_values_keep_their_spaces() {
        let filter = parse("type:sapi AND description:\"Create a resource server\" client_id:abc").expect("a query");
        assert_eq!(filter.kind.as_deref(), Some("sapi"));
        assert_eq!(filter.description.as_deref(), Some("Create a resource server"));
        assert_eq!(filter.client_id.as_deref(), Some("abc"));
    }

    #[test]
    fn dates_are_days_or_points() {
        let filter = parse("date:[2023-11-14 TO 2023-11-14T22:13:20Z]").expect("a query");
        assert_eq!(filter.since, Some(Timestamp(1_699_920_000_000)));
        assert_eq!(filter.until, Some(Timestamp(1_700_000_000_000)));
        assert_eq!(parse("date:[* TO *]").expect("a query"), LogFilter::default());
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for text in ["type", "type:", "color:red", "type:s*", "date:yesterday", "date:[x TO y]", "description:\"open"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
