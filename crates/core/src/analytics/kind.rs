//! The kinds of values, known before a statement runs, so that a comparison that can't hold is refused.

use super::syntax::{AggregateFunction, Function};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Also times, intervals, and conditions.
    Number,
    Text,
    List,
    /// Fits everywhere.
    Null,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Text => "a text",
            Self::List => "a list",
            Self::Null => "null",
        }
    }

    /// The kind of what is of the one or the other.
    fn or(self, other: Self) -> Result<Self, String> {
        match (self, other) {
            (Self::Null, kind) | (kind, Self::Null) => Ok(kind),
            (one, two) if one == two => Ok(one),
            (one, two) => Err(format!("{} and {} don't go together", capital(one.name()), two.name())),
        }
    }

    fn expect(self, expected: Self) -> Result<(), String> {
        if self == expected || self == Self::Null {
            return Ok(());
        }
        Err(format!("{} stands where {} is needed", capital(self.name()), expected.name()))
    }

    /// Sees to it that this can be a condition, which is a number.
    pub(super) fn expect_condition(self) -> Result<(), String> {
        self.expect(Self::Number).map_err(|_| format!("{} stands where a condition is needed", capital(self.name())))
    }
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

/// The kind of what a function makes of such arguments.
pub(super) fn of_function(function: Function, arguments: &[Kind]) -> Result<Kind, String> {
    match function {
        Function::Now => {}
        Function::Add
        | Function::Subtract
        | Function::Multiply
        | Function::Divide
        | Function::Modulo
        | Function::Negate
        | Function::Round
        | Function::StartOf(_) => arguments.iter().try_for_each(|kind| kind.expect(Kind::Number))?,
        Function::And | Function::Or | Function::Not => {
            arguments.iter().try_for_each(|kind| kind.expect_condition())?;
        }
        Function::Equal
        | Function::NotEqual
        | Function::Less
        | Function::LessOrEqual
        | Function::Greater
        | Function::GreaterOrEqual
        | Function::In
        | Function::Between => {
            let kind = arguments.iter().try_fold(Kind::Null, |kind, next| kind.or(*next))?;
            if kind == Kind::List {
                return Err("Lists can't be compared; use has()".to_owned());
            }
        }
        Function::Like => arguments.iter().try_for_each(|kind| kind.expect(Kind::Text))?,
        Function::IsNull => {}
        Function::Has => {
            arguments[0].expect(Kind::List)?;
            arguments[1].expect(Kind::Text)?;
        }
        Function::Lower | Function::Upper => {
            arguments[0].expect(Kind::Text)?;
            return Ok(Kind::Text);
        }
        Function::Case => {
            let mut kind = Kind::Null;
            for pair in arguments.chunks(2) {
                if let [condition, _] = pair {
                    condition.expect_condition()?;
                }
                // The last one is alone.
                kind = kind.or(pair[pair.len() - 1])?;
            }
            return Ok(kind);
        }
    }
    Ok(Kind::Number)
}

/// The kind of what an aggregate function makes of such arguments.
pub(super) fn of_aggregate(function: AggregateFunction, arguments: &[Kind]) -> Result<Kind, String> {
    match (function, arguments) {
        (AggregateFunction::CountIf, [condition]) => condition.expect_condition()?,
        (AggregateFunction::Sum | AggregateFunction::Average, [number]) => number.expect(Kind::Number)?,
        (AggregateFunction::SumIf, [number, condition]) => {
            number.expect(Kind::Number)?;
            condition.expect_condition()?;
        }
        (AggregateFunction::Min | AggregateFunction::Max, [kind]) => {
            if *kind == Kind::List {
                return Err("Lists can't be compared".to_owned());
            }
            return Ok(*kind);
        }
        _ => {}
    }
    Ok(Kind::Number)
}
