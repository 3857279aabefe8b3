//! What expressions are worth. Nothing here fails: what has no value is null, as is most of what null goes into.

use std::cmp::Ordering;

use super::{Verification, bind::Expr, syntax::Function, table::Column, value::Value};

/// What an expression is about.
#[derive(Clone, Copy)]
pub(super) enum Scope<'a> {
    /// A record, as one of the row whose time is `time`.
    Record {
        record: &'a Verification<'a>,
        time: i64,
    },
    /// A row of several records: the values of [`Column::PER`].
    Row(&'a [Value<'static>]),
    Group {
        keys: &'a [Value<'static>],
        aggregates: &'a [Value<'static>],
    },
    /// Nothing, for what is the same everywhere.
    Nothing,
}

/// What an expression is worth in a scope at a time.
#[derive(Clone, Copy)]
pub(super) struct Evaluation<'a> {
    pub(super) scope: Scope<'a>,
    pub(super) now: i64,
}

impl<'a> Evaluation<'a> {
    /// Whether all of these hold.
    pub(super) fn all_hold(&self, conditions: &[Expr]) -> bool {
        conditions.iter().all(|condition| self.value(condition).holds() == Some(true))
    }

    /// What an expression is worth.
    pub(super) fn value<'b>(&self, expr: &'b Expr) -> Value<'b>
    where
        'a: 'b,
    {
        match (expr, self.scope) {
            (Expr::Literal(value), _) => value.borrow(),
            (Expr::Apply(function, arguments), _) => self.apply(*function, arguments),
            (Expr::Column(column), Scope::Record { record, time }) => column.of(record, time),
            (Expr::Column(column), Scope::Row(values)) => {
                let place = Column::PER.iter().position(|known| known == column);
                place.and_then(|place| values.get(place)).map_or(Value::Null, Value::borrow)
            }
            (Expr::Key(key), Scope::Group { keys, .. }) => keys[*key].borrow(),
            (Expr::Aggregate(aggregate), Scope::Group { aggregates, .. }) => aggregates[*aggregate].borrow(),
            // Binding lets no expression be about what is not there.
            (Expr::Column(_) | Expr::Key(_) | Expr::Aggregate(_), _) => Value::Null,
        }
    }

    fn apply<'b>(&self, function: Function, arguments: &'b [Expr]) -> Value<'b>
    where
        'a: 'b,
    {
        let value = |index: usize| arguments.get(index).map_or(Value::Null, |argument| self.value(argument));
        let compared = |is: fn(Ordering) -> bool| Value::condition(value(0).compare(&value(1)).map(is));
        match function {
            Function::Add => arithmetic(&value(0), &value(1), i64::checked_add, |left, right| left + right),
            Function::Subtract => arithmetic(&value(0), &value(1), i64::checked_sub, |left, right| left - right),
            Function::Multiply => arithmetic(&value(0), &value(1), i64::checked_mul, |left, right| left * right),
            // A division by 0 makes a float that is not finite, and such a float is null.
            Function::Divide => arithmetic(&value(0), &value(1), |_, _| None, |left, right| left / right),
            Function::Modulo => arithmetic(&value(0), &value(1), remainder, |left, right| left % right),
            Function::Negate => arithmetic(&Value::Int(0), &value(0), i64::checked_sub, |left, right| left - right),
            Function::Equal => compared(Ordering::is_eq),
            Function::NotEqual => compared(Ordering::is_ne),
            Function::Less => compared(Ordering::is_lt),
            Function::LessOrEqual => compared(Ordering::is_le),
            Function::Greater => compared(Ordering::is_gt),
            Function::GreaterOrEqual => compared(Ordering::is_ge),
            Function::And => self.until(arguments, false),
            Function::Or => self.until(arguments, true),
            Function::Not => Value::condition(value(0).holds().map(|holds| !holds)),
            Function::In => member(&value(0), &arguments[1..]),
            Function::Between => {
                let tested = value(0);
                let above = tested.compare(&value(1)).map(Ordering::is_ge);
                let below = tested.compare(&value(2)).map(Ordering::is_le);
                Value::condition(match (above, below) {
                    (Some(false), _) | (_, Some(false)) => Some(false),
                    (Some(true), Some(true)) => Some(true),
                    _ => None,
                })
            }
            Function::Like => match (value(0), value(1)) {
                (Value::Text(text), Value::Text(pattern)) => Value::condition(Some(is_like(&text, &pattern))),
                _ => Value::Null,
            },
            Function::IsNull => Value::condition(Some(value(0).is_null())),
            Function::Has => self.has(&arguments[0], &value(1)),
            Function::Lower => text(value(0), str::to_ascii_lowercase),
            Function::Upper => text(value(0), str::to_ascii_uppercase),
            Function::Case => self.case(arguments),
            Function::Round => round(&value(0), arguments.get(1).map(|digits| self.value(digits)).as_ref()),
            Function::StartOf(unit) => match value(0) {
                Value::Int(time) => Value::Int(unit.start(time)),
                Value::Float(time) => Value::Int(unit.start(time as i64)),
                Value::Text(_) | Value::List(_) | Value::Null => Value::Null,
            },
            Function::Now => Value::Int(self.now),
        }
    }

    /// Goes through conditions until one is as wanted: AND looks for a false one, OR for a true one.
    fn until(&self, conditions: &[Expr], wanted: bool) -> Value<'static> {
        let mut unknown = false;
        for condition in conditions {
            match self.value(condition).holds() {
                Some(holds) if holds == wanted => return Value::condition(Some(wanted)),
                Some(_) => {}
                None => unknown = true,
            }
        }
        Value::condition((!unknown).then_some(!wanted))
    }

    fn has(&self, list: &Expr, text: &Value<'_>) -> Value<'static> {
        let Value::Text(text) = text else { return Value::Null };
        // By far the most frequent case, without making a list first.
        if let (Expr::Column(Column::Tags), Scope::Record { record, .. }) = (list, self.scope) {
            return Value::condition(Some(record.tags.contains(&&**text)));
        }
        match self.value(list) {
            Value::List(list) => Value::condition(Some(list.iter().any(|entry| **entry == **text))),
            _ => Value::Null,
        }
    }

    fn case<'b>(&self, arguments: &'b [Expr]) -> Value<'b>
    where
        'a: 'b,
    {
        for pair in arguments.chunks(2) {
            match pair {
                [condition, value] if self.value(condition).holds() == Some(true) => return self.value(value),
                [otherwise] => return self.value(otherwise),
                _ => {}
            }
        }
        Value::Null
    }
}

/// Whole numbers stay whole unless the result has no place in one.
fn arithmetic(
    left: &Value<'_>,
    right: &Value<'_>,
    ints: fn(i64, i64) -> Option<i64>,
    floats: fn(f64, f64) -> f64,
) -> Value<'static> {
    if let (Value::Int(left), Value::Int(right)) = (left, right)
        && let Some(result) = ints(*left, *right)
    {
        return Value::Int(result);
    }
    match (left.as_float(), right.as_float()) {
        (Some(left), Some(right)) => Value::float(floats(left, right)),
        _ => Value::Null,
    }
}

/// Wrapping only matters for the least number and -1, where the remainder is 0.
fn remainder(left: i64, right: i64) -> Option<i64> {
    (right != 0).then(|| left.wrapping_rem(right))
}

/// Whether a value is among literals in their order.
fn member(value: &Value<'_>, list: &[Expr]) -> Value<'static> {
    if value.is_null() {
        return Value::Null;
    }
    let found = list.binary_search_by(|member| match member {
        Expr::Literal(member) => member.cmp(value),
        _ => Ordering::Less,
    });
    Value::condition(Some(found.is_ok()))
}

fn text(value: Value<'_>, change: fn(&str) -> String) -> Value<'_> {
    match value {
        Value::Text(text) => Value::Text(change(&text).into()),
        _ => Value::Null,
    }
}

/// Rounds to so many decimal digits; what lies in the middle goes to the even one.
fn round(value: &Value<'_>, digits: Option<&Value<'_>>) -> Value<'static> {
    let digits = match digits {
        None => 0,
        Some(Value::Int(digits)) => i32::try_from(*digits.clamp(&-400, &400)).unwrap_or(0),
        Some(_) => return Value::Null,
    };
    match value {
        Value::Int(number) if digits >= 0 => Value::Int(*number),
        _ => {
            let Some(number) = value.as_float() else { return Value::Null };
            let scale = 10_f64.powi(digits.abs());
            let rounded = if digits < 0 {
                (number / scale).round_ties_even() * scale
            } else {
                (number * scale).round_ties_even() / scale
            };
            match value {
                _ if scale.is_infinite() && digits < 0 => Value::Int(0),
                // So many digits that it has no others.
                _ if !rounded.is_finite() => Value::float(number),
                Value::Int(_) => Value::Int(rounded as i64),
                _ => Value::float(rounded),
            }
        }
    }
}

/// Whether a text is like a pattern, in which `%` stands for anything and `_` for one character.
///
/// Every `%` first stands for nothing and for more only if what follows does not fit; those before it never have to be
/// tried again.
fn is_like(text: &str, pattern: &str) -> bool {
    let (text, pattern) = (text.as_bytes(), pattern.as_bytes());
    let (mut at, mut next) = (0, 0);
    let mut retry = None;
    while at < text.len() {
        let escaped = pattern.get(next) == Some(&b'\\') && pattern.get(next + 1).is_some();
        match pattern.get(next + usize::from(escaped)) {
            Some(b'%') if !escaped => {
                next += 1;
                retry = Some((at, next));
            }
            Some(b'_') if !escaped => {
                at += character_length(&text[at..]);
                next += 1;
            }
            Some(byte) if *byte == text[at] => {
                at += 1;
                next += 1 + usize::from(escaped);
            }
            _ => {
                let Some((from, behind)) = retry else { return false };
                at = from + character_length(&text[from..]);
                next = behind;
                retry = Some((at, next));
            }
        }
    }
    pattern[next..].iter().all(|byte| *byte == b'%')
}

/// How many bytes the first character has.
fn character_length(text: &[u8]) -> usize {
    1 + text.iter().skip(1).take_while(|byte| (0x80..0xc0).contains(*byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_texts() {
        for (text, pattern) in [
            ("", ""),
            ("", "%%"),
            ("abc", "a%"),
            ("abc", "%c"),
            ("abcabd", "%ab_"),
            ("aüb", "a_b"),
            ("ü", "_"),
            ("50%", "50\\%"),
            ("a\\", "a\\"),
            ("xaab", "%a%b"),
        ] {
            assert!(is_like(text, pattern), "{text} {pattern}");
        }
        for (text, pattern) in [("abc", "b%"), ("abc", "ABC"), ("ab", "_"), ("505", "50\\%"), ("", "_"), ("a", "a_")] {
            assert!(!is_like(text, pattern), "{text} {pattern}");
        }
    }

    #[test]
    fn rounding_knows_both_directions() {
        let round = |value, digits| round(&value, Some(&Value::Int(digits)));
        assert_eq!(round(Value::Float(2.125), 2), Value::Float(2.12));
        assert_eq!(round(Value::Float(2.5), 0), Value::Float(2.0));
        assert_eq!(round(Value::Int(1_250), -2), Value::Int(1_200));
        assert_eq!(round(Value::Int(7), i64::MAX), Value::Int(7));
        assert_eq!(round(Value::Float(7.5), i64::MAX), Value::Float(7.5));
        assert_eq!(round(Value::Float(7.5), i64::MIN), Value::Int(0));
    }
}
