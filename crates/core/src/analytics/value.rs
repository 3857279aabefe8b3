//! Values, and the order of values.

use std::{
    borrow::Cow,
    cmp::Ordering,
    hash::{Hash, Hasher},
    sync::Arc,
};

/// A value while a statement runs. Floats are finite.
#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    Int(i64),
    Float(f64),
    Text(Cow<'a, str>),
    List(Arc<[Box<str>]>),
    Null,
}

impl Value<'_> {
    /// Null for what no JSON number can be.
    pub(super) fn float(number: f64) -> Self {
        // Adding 0 makes of -0 an ordinary 0.
        if number.is_finite() { Value::Float(number + 0.0) } else { Value::Null }
    }

    pub(super) fn condition(holds: Option<bool>) -> Self {
        holds.map_or(Value::Null, |holds| Value::Int(i64::from(holds)))
    }

    /// The nearest there is to this number.
    pub(super) fn wide(number: i128) -> Self {
        i64::try_from(number).map_or_else(|_| Value::float(number as f64), Value::Int)
    }

    pub(super) fn list(texts: &[&str]) -> Self {
        Value::List(texts.iter().map(|text| Box::from(*text)).collect())
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Whether it is true as a condition; `None` if that is unknown.
    pub(super) fn holds(&self) -> Option<bool> {
        match self {
            Value::Int(number) => Some(*number != 0),
            Value::Float(number) => Some(*number != 0.0),
            Value::Text(_) | Value::List(_) | Value::Null => None,
        }
    }

    pub(super) fn as_float(&self) -> Option<f64> {
        match self {
            Value::Int(number) => Some(*number as f64),
            Value::Float(number) => Some(*number),
            Value::Text(_) | Value::List(_) | Value::Null => None,
        }
    }

    /// The same value, without copying its text.
    pub(super) fn borrow(&self) -> Value<'_> {
        match self {
            Value::Int(number) => Value::Int(*number),
            Value::Float(number) => Value::Float(*number),
            Value::Text(text) => Value::Text(Cow::Borrowed(text)),
            Value::List(list) => Value::List(Arc::clone(list)),
            Value::Null => Value::Null,
        }
    }

    /// The same value, to be kept.
    pub(super) fn keep(self) -> Value<'static> {
        match self {
            Value::Int(number) => Value::Int(number),
            Value::Float(number) => Value::Float(number),
            Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Value::List(list) => Value::List(list),
            Value::Null => Value::Null,
        }
    }

    /// About what it costs to keep it.
    pub(super) fn bytes(&self) -> usize {
        let text = match self {
            Value::Text(text) => text.len(),
            Value::List(list) => list.iter().map(|text| text.len() + size_of::<Box<str>>()).sum(),
            Value::Int(_) | Value::Float(_) | Value::Null => 0,
        };
        size_of::<Self>() + text
    }

    /// How it compares; `None` if either is null or they are of different kinds.
    pub(super) fn compare(&self, other: &Value<'_>) -> Option<Ordering> {
        let comparable = !self.is_null() && !other.is_null() && self.rank() == other.rank();
        comparable.then(|| self.cmp(other))
    }

    fn rank(&self) -> u8 {
        match self {
            Value::Int(_) | Value::Float(_) => 0,
            Value::Text(_) => 1,
            Value::List(_) => 2,
            Value::Null => 3,
        }
    }

    pub(super) fn into_json(self) -> serde_json::Value {
        match self {
            Value::Int(number) => number.into(),
            Value::Float(number) => match whole(number) {
                // Exactly representable in every client, so it is written as the integer that it is.
                Some(whole) if whole.unsigned_abs() <= 1 << 53 => whole.into(),
                _ => number.into(),
            },
            Value::Text(text) => text.into_owned().into(),
            Value::List(list) => list.iter().map(|text| serde_json::Value::from(&**text)).collect(),
            Value::Null => serde_json::Value::Null,
        }
    }
}

/// The integer that a float is, if it is one.
fn whole(number: f64) -> Option<i64> {
    // Both bounds are floats: 2⁶³ is the first that is too large.
    let bound = -(i64::MIN as f64);
    (number.fract() == 0.0 && (-bound..bound).contains(&number)).then_some(number as i64)
}

/// Compares exactly. If it went through floats, the order would not be transitive, and sorting relies on that.
fn compare_mixed(int: i64, float: f64) -> Ordering {
    match whole(float.floor()) {
        Some(floor) if floor == int && float.fract() != 0.0 => Ordering::Less,
        Some(floor) => int.cmp(&floor),
        None if float < 0.0 => Ordering::Greater,
        None => Ordering::Less,
    }
}

/// A total order: numbers, texts, lists, and null at the end.
impl Ord for Value<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Value::Int(left), Value::Int(right)) => left.cmp(right),
            (Value::Float(left), Value::Float(right)) => left.total_cmp(right),
            (Value::Int(left), Value::Float(right)) => compare_mixed(*left, *right),
            (Value::Float(left), Value::Int(right)) => compare_mixed(*right, *left).reverse(),
            (Value::Text(left), Value::Text(right)) => left.cmp(right),
            (Value::List(left), Value::List(right)) => left.cmp(right),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Value<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value<'_> {}

impl Hash for Value<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.rank().hash(state);
        match self {
            Value::Int(number) => number.hash(state),
            Value::Float(number) => match whole(*number) {
                Some(whole) => whole.hash(state),
                None => number.to_bits().hash(state),
            },
            Value::Text(text) => text.hash(state),
            Value::List(list) => list.hash(state),
            Value::Null => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number() -> impl Strategy<Value = Value<'static>> {
        let near = prop::sample::select(vec![0_i64, 1, -1, 1 << 53, i64::MAX - 2, i64::MIN + 2]);
        (near, -2_i64..3, -2_i32..3, any::<bool>()).prop_map(|(near, int, half, is_int)| match is_int {
            true => Value::Int(near.saturating_add(int)),
            false => Value::float(near as f64 + f64::from(half) / 2.0),
        })
    }

    proptest! {
        #[test]
        fn numbers_have_a_total_order(a in number(), b in number(), c in number()) {
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            if a <= b && b <= c {
                prop_assert!(a <= c);
            }
            let hash = |value: &Value<'_>| {
                let mut hasher = std::hash::DefaultHasher::new();
                value.hash(&mut hasher);
                hasher.finish()
            };
            if a == b {
                prop_assert_eq!(hash(&a), hash(&b));
            }
        }
    }
}
