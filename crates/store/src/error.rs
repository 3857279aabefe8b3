//! What can go wrong between a request and the disk.

use keyward_core::Problem;

/// The cause of an engine's failure.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why something was not read or written. Nothing was changed, except with [`Error::Uncertain`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule above the store refused; the command was rolled back.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// It can't be done now. The text is for the caller.
    #[error("{0}")]
    Unavailable(&'static str, #[source] Option<Cause>),
    /// A change may have been made or not. The text is for the caller.
    #[error("{0}")]
    Uncertain(&'static str, #[source] Option<Cause>),
    /// The store holds something that cannot be.
    #[error("inconsistent store: {table}: {detail}")]
    Inconsistent {
        /// Where.
        table: &'static str,
        /// What.
        detail: String,
    },
    /// The schema is newer than this program.
    #[error("the store has schema {found}, this program knows up to {known}: start the newer program")]
    NewerSchema {
        /// In the store.
        found: i64,
        /// In the program.
        known: i64,
    },
    /// Another process has the data directory.
    #[error("{0}")]
    Held(String),
    /// The engine refused a statement, which is a defect of ours.
    #[error("the database refused a statement")]
    Engine(#[source] Cause),
}

impl Error {
    /// A row that can't be.
    pub fn inconsistent(table: &'static str, detail: impl Into<String>) -> Self {
        Self::Inconsistent { table, detail: detail.into() }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Refused(Box::new(problem))
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(problem) => *problem,
            Error::Unavailable(text, cause) => Self::Unavailable(text, cause),
            Error::Uncertain(text, cause) => Self::Uncertain(text, cause),
            other => Self::internal(other),
        }
    }
}
