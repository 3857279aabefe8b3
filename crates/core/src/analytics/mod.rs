//! A small, safe subset of SQL over records of verifications.
//!
//! A statement is parsed and bound to one table once; then it runs over records that somebody else reads, one at a
//! time, in bounded memory. `parse` makes a tree of what was written, `bind` a plan of it, and `run` carries it out.
//!
//! Every time is a number of milliseconds since 1970, in all tables and in all results; an interval is such a number
//! too. Conditions are the numbers 0 and 1.

mod aggregate;
mod bind;
mod evaluate;
mod expression;
mod kind;
mod parse;
#[cfg(test)]
mod properties;
mod range;
mod run;
mod syntax;
mod table;
#[cfg(test)]
mod tests;
mod token;
mod value;

use std::fmt;

pub use run::Run;

/// The longest statement that is read, in bytes.
pub const STATEMENT_MAX: usize = 64 * 1024;

/// How deep expressions may be nested, aliases included.
const DEPTH_MAX: usize = 100;

/// One verification, as it was recorded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verification<'a> {
    /// The request it was made in.
    pub request_id: &'a str,
    /// When, in milliseconds since 1970.
    pub time: i64,
    /// The key's workspace.
    pub workspace_id: &'a str,
    /// The key's key space.
    pub key_space_id: &'a str,
    /// The key's identity, or nothing.
    pub identity_id: &'a str,
    /// What the workspace calls that identity, or nothing.
    pub external_id: &'a str,
    /// The key.
    pub key_id: &'a str,
    /// Where it was verified.
    pub region: &'a str,
    /// The code that was answered.
    pub outcome: &'a str,
    /// What the caller gave along.
    pub tags: &'a [&'a str],
    /// The credits that it used.
    pub spent_credits: i64,
    /// How long it took, in milliseconds.
    pub latency: f64,
}

/// What a statement may use and return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most rows that are returned.
    pub rows: usize,
    /// About how many bytes may be kept at a time: of groups, of rows, and of the result.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rows: 10_000, bytes: 64 * 1024 * 1024 }
    }
}

/// Why a statement is refused. The texts are for whoever wrote it; positions are bytes from its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnalyticsError {
    /// It is wrong, or uses what is not supported.
    Query {
        /// What is wrong.
        message: String,
        /// Where.
        position: usize,
    },
    /// There is no such table.
    Table {
        /// The name that was given.
        name: String,
        /// Where.
        position: usize,
    },
    /// There is no such function.
    Function {
        /// The name that was given.
        name: String,
        /// Where.
        position: usize,
    },
    /// It is not a SELECT statement.
    QueryType {
        /// The word it begins with.
        statement: String,
        /// Where.
        position: usize,
    },
    /// The result has more rows than may be returned.
    TooManyRows,
    /// More has to be kept than may be.
    TooMuchMemory,
}

impl AnalyticsError {
    /// The last part of the error's type on the wire.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Query { .. } => "invalid_analytics_query",
            Self::Table { .. } => "invalid_analytics_table",
            Self::Function { .. } => "invalid_analytics_function",
            Self::QueryType { .. } => "invalid_analytics_query_type",
            Self::TooManyRows => "query_rows_limit_exceeded",
            Self::TooMuchMemory => "query_memory_limit_exceeded",
        }
    }

    fn query(message: impl Into<String>, position: usize) -> Self {
        Self::Query { message: message.into(), position }
    }

    fn unsupported(feature: &str, position: usize) -> Self {
        Self::query(format!("Not supported: {feature}"), position)
    }
}

impl fmt::Display for AnalyticsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query { message, position } => write!(f, "{message} (at position {position})."),
            Self::Table { name, position } => {
                let names: Vec<_> = table::Table::ALL.iter().map(|(name, _)| *name).collect();
                write!(f, "No table '{name}' (at position {position}). The tables are {}.", names.join(", "))
            }
            Self::Function { name, position } => write!(
                f,
                "The function '{name}' is not supported (at position {position}). The functions are {}.",
                syntax::Called::names().collect::<Vec<_>>().join(", ")
            ),
            Self::QueryType { statement, position } => {
                write!(f, "Only SELECT statements are allowed, not '{statement}' (at position {position}).")
            }
            Self::TooManyRows => {
                write!(f, "The query returns too many rows. Add a LIMIT, or conditions that fewer rows meet.")
            }
            Self::TooMuchMemory => {
                write!(f, "The query needs too much memory. Add conditions, or group by fewer values.")
            }
        }
    }
}

impl std::error::Error for AnalyticsError {}

/// A statement that can run.
#[derive(Debug)]
pub struct Statement {
    plan: bind::Plan,
}

impl Statement {
    /// The statement, if it is right and uses only what is supported.
    ///
    /// # Errors
    /// Says what is wrong or not supported, and where.
    pub fn parse(text: &str) -> Result<Self, AnalyticsError> {
        Ok(Self { plan: bind::plan(parse::select(text)?)? })
    }

    /// The earliest and the latest time a record can have that the statement looks at, as far as its conditions say.
    /// Both are included. Records outside may be given to it or not; the result is the same.
    pub fn time_range(&self, now: i64) -> (Option<i64>, Option<i64>) {
        range::of(&self.plan, now)
    }

    /// Begins to run. Rows and groups without an order come as the records that make them were added.
    pub fn run(&self, now: i64, limits: Limits) -> Run<'_> {
        Run::new(&self.plan, now, limits)
    }
}
