//! What a statement says, before it is known what its names mean.

use super::{
    AnalyticsError, DEPTH_MAX,
    table::{Table, Unit},
    value::Value,
};

/// A SELECT statement as written.
#[derive(Debug)]
pub(super) struct Select {
    pub(super) items: Vec<Item>,
    pub(super) table: Table,
    pub(super) filter: Option<Syntax>,
    pub(super) groups: Vec<Syntax>,
    pub(super) having: Option<Syntax>,
    pub(super) order: Vec<(Syntax, Direction)>,
    pub(super) limit: Option<usize>,
    pub(super) offset: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Ascending,
    Descending,
}

/// What a statement selects.
#[derive(Debug)]
pub(super) enum Item {
    /// `*`, and where it stands.
    All(usize),
    One {
        syntax: Syntax,
        /// What it is called in the result.
        name: String,
        /// Whether the statement gave it that name, so that other places can use it.
        aliased: bool,
    },
}

/// An expression.
#[derive(Debug)]
pub(super) struct Syntax {
    pub(super) kind: SyntaxKind,
    /// Where it begins, or where its operator stands.
    pub(super) at: usize,
    depth: usize,
}

#[derive(Debug)]
pub(super) enum SyntaxKind {
    Literal(Value<'static>),
    Name(String),
    Apply(Function, Vec<Syntax>),
    Aggregate(AggregateFunction, Vec<Syntax>),
}

impl Syntax {
    pub(super) fn literal(value: Value<'static>, at: usize) -> Self {
        Self { kind: SyntaxKind::Literal(value), at, depth: 1 }
    }

    pub(super) fn name(name: impl Into<String>, at: usize) -> Self {
        Self { kind: SyntaxKind::Name(name.into()), at, depth: 1 }
    }

    pub(super) fn apply(function: Function, arguments: Vec<Self>, at: usize) -> Result<Self, AnalyticsError> {
        let depth = depth_above(&arguments, at)?;
        Ok(Self { kind: SyntaxKind::Apply(function, arguments), at, depth })
    }

    pub(super) fn aggregate(
        function: AggregateFunction,
        arguments: Vec<Self>,
        at: usize,
    ) -> Result<Self, AnalyticsError> {
        let depth = depth_above(&arguments, at)?;
        Ok(Self { kind: SyntaxKind::Aggregate(function, arguments), at, depth })
    }

    /// One more of a chain of AND or OR. They lie side by side: however long the chain, it is not deep.
    pub(super) fn chain(mut self, function: Function, next: Self, at: usize) -> Result<Self, AnalyticsError> {
        match &mut self.kind {
            SyntaxKind::Apply(own, arguments) if *own == function => {
                self.depth = self.depth.max(depth_above(std::slice::from_ref(&next), at)?);
                arguments.push(next);
                Ok(self)
            }
            _ => Self::apply(function, vec![self, next], at),
        }
    }
}

/// The depth of what contains these.
fn depth_above(inner: &[Syntax], at: usize) -> Result<usize, AnalyticsError> {
    check_depth(inner.iter().map(|syntax| syntax.depth).max().unwrap_or(0) + 1, at)
}

/// The depth, if it is one that the recursion over expressions can bear.
pub(super) fn check_depth(depth: usize, at: usize) -> Result<usize, AnalyticsError> {
    if depth > DEPTH_MAX {
        return Err(AnalyticsError::query(format!("Expressions are nested more than {DEPTH_MAX} deep"), at));
    }
    Ok(depth)
}

/// What makes one value of others: operators and functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Negate,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
    Not,
    /// A value, then the literals it is looked for among.
    In,
    /// A value, the least, and the greatest.
    Between,
    Like,
    IsNull,
    Has,
    Lower,
    Upper,
    /// Conditions and values in turn, then the value for when none holds.
    Case,
    Round,
    StartOf(Unit),
    Now,
}

/// What makes one value of many rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AggregateFunction {
    Count,
    CountIf,
    Sum,
    SumIf,
    Average,
    Min,
    Max,
    Uniq,
}

/// What can be called by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Called {
    Function(Function),
    Aggregate(AggregateFunction),
}

/// The functions with their names, and the fewest and the most arguments they take.
const CALLED: [(&str, Called, usize, usize); 19] = [
    ("count", Called::Aggregate(AggregateFunction::Count), 0, 1),
    ("countIf", Called::Aggregate(AggregateFunction::CountIf), 1, 1),
    ("sum", Called::Aggregate(AggregateFunction::Sum), 1, 1),
    ("sumIf", Called::Aggregate(AggregateFunction::SumIf), 2, 2),
    ("avg", Called::Aggregate(AggregateFunction::Average), 1, 1),
    ("min", Called::Aggregate(AggregateFunction::Min), 1, 1),
    ("max", Called::Aggregate(AggregateFunction::Max), 1, 1),
    ("uniq", Called::Aggregate(AggregateFunction::Uniq), 1, 1),
    ("toStartOfMinute", Called::Function(Function::StartOf(Unit::Minute)), 1, 1),
    ("toStartOfHour", Called::Function(Function::StartOf(Unit::Hour)), 1, 1),
    ("toStartOfDay", Called::Function(Function::StartOf(Unit::Day)), 1, 1),
    ("toStartOfMonth", Called::Function(Function::StartOf(Unit::Month)), 1, 1),
    ("toDate", Called::Function(Function::StartOf(Unit::Day)), 1, 1),
    ("now", Called::Function(Function::Now), 0, 0),
    ("has", Called::Function(Function::Has), 2, 2),
    ("lower", Called::Function(Function::Lower), 1, 1),
    ("upper", Called::Function(Function::Upper), 1, 1),
    ("if", Called::Function(Function::Case), 3, 3),
    ("round", Called::Function(Function::Round), 1, 2),
];

impl Called {
    /// The function with its proper name and the numbers of arguments it takes, whatever case it is written in.
    pub(super) fn named(name: &str) -> Option<(&'static str, Self, std::ops::RangeInclusive<usize>)> {
        let (name, called, fewest, most) = CALLED.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name))?;
        Some((name, *called, *fewest..=*most))
    }

    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        CALLED.iter().map(|(name, ..)| *name)
    }
}
