//! Permission queries, as a caller sends them with a key to verify: `documents.read AND (billing.view OR admin)`.
//!
//! A query is checked and evaluated in one pass over its text. It needs no tree and no stack, so it takes no memory
//! and may be nested as deeply as its length allows.

use std::fmt;

/// A query whose syntax is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    text: Box<str>,
}

/// What is wrong with a query. Positions are bytes from its beginning; the texts are part of the wire contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryError {
    /// Nothing but blanks.
    Empty,
    /// It ends where a term has to follow.
    End,
    /// Something else stands where a term has to.
    NotATerm {
        /// What stands there.
        token: String,
        /// Where.
        position: usize,
    },
    /// Parentheses around nothing.
    EmptyParentheses {
        /// Where the closing one stands.
        position: usize,
    },
    /// An opening parenthesis has no counterpart.
    MissingParenthesis {
        /// Where it should have stood at the latest.
        position: usize,
    },
    /// Something follows the complete query.
    Extra {
        /// What follows.
        token: String,
        /// Where.
        position: usize,
    },
    /// No query has such a character.
    Character {
        /// The character.
        character: char,
        /// Where.
        position: usize,
    },
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const TERM: &str = "Expected a permission identifier or opening parenthesis.";
        match self {
            Self::Empty => write!(f, "Unexpected end of input. Please provide a valid permission query."),
            Self::End => write!(f, "Unexpected end of query. {TERM}"),
            Self::NotATerm { token, position } => {
                write!(f, "Unexpected token '{token}' at position {position}. {TERM}")
            }
            Self::EmptyParentheses { position } => write!(
                f,
                "Empty parentheses found at position {position}. Parentheses must contain at least one permission or \
                 expression."
            ),
            Self::MissingParenthesis { position } => write!(
                f,
                "Missing closing parenthesis ')' at position {position}. Every opening parenthesis must have a \
                 matching closing parenthesis."
            ),
            Self::Extra { token, position } => write!(
                f,
                "Unexpected token '{token}' at position {position}. The query appears to have extra content after a \
                 valid expression."
            ),
            Self::Character { character, position } => write!(
                f,
                "Unexpected character '{}' at position {position}. A permission identifier consists of letters, \
                 digits, and the characters . _ - * : /",
                character.escape_debug()
            ),
        }
    }
}

impl std::error::Error for QueryError {}

impl Query {
    /// The query, if its syntax is right.
    ///
    /// # Errors
    /// Says what is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        Parts::of(text).try_for_each(|part| part.map(|_| ()))?;
        Ok(Self { text: text.into() })
    }

    /// The text that was parsed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the query is true, when a term is true if `has` says so. It is asked about each term, from left to right:
    /// whoever asks may want to know which of them are true.
    pub fn holds(&self, has: impl FnMut(&str) -> bool) -> bool {
        // The syntax was checked, so this can't fail.
        Self::evaluate_text(&self.text, has).unwrap_or(false)
    }

    /// Parses and evaluates in one go, without any allocation. A wrong syntax is found wherever it is. `has` is asked
    /// about each term.
    ///
    /// # Errors
    /// Says what is wrong, and where.
    pub fn evaluate_text(text: &str, mut has: impl FnMut(&str) -> bool) -> Result<bool, QueryError> {
        // The innermost parentheses that matter: an alternative before this one is true, and this one is so far.
        //
        // Whatever is around them needs no memory. Parentheses matter only where no alternative before was true and
        // the present one is so far (everything else is certain without them), and that is what a new pair starts with.
        let (mut any, mut all) = (false, true);
        let mut skipped = 0_usize;
        for part in Parts::of(text) {
            match part? {
                Part::Term(term) => {
                    let holds = has(term);
                    all = all && (any || skipped > 0 || holds);
                }
                Part::Open if skipped > 0 || any || !all => skipped += 1,
                Part::Close if skipped > 0 => skipped -= 1,
                _ if skipped > 0 => {}
                Part::Open | Part::And => {}
                Part::Close => (any, all) = (false, any || all),
                Part::Or => (any, all) = (any || all, true),
            }
        }
        Ok(any || all)
    }

    /// The terms that are not true and would make the query true if they were; none if it is true. Each stands once,
    /// in the order of the query.
    ///
    /// Of several alternatives it is the one with the fewest such terms, and the first of those.
    pub fn missing(&self, mut has: impl FnMut(&str) -> bool) -> Vec<&str> {
        /// What parentheses lack: the best alternative before this one, and this one so far.
        #[derive(Default)]
        struct Level<'q> {
            best: Option<Vec<&'q str>>,
            here: Vec<&'q str>,
        }
        impl<'q> Level<'q> {
            fn end_alternative(&mut self) {
                let here = std::mem::take(&mut self.here);
                if self.best.as_ref().is_none_or(|best| here.len() < best.len()) {
                    self.best = Some(here);
                }
            }

            fn add(&mut self, term: &'q str) {
                if !self.here.contains(&term) {
                    self.here.push(term);
                }
            }

            fn finish(mut self) -> Vec<&'q str> {
                self.end_alternative();
                self.best.unwrap_or_default()
            }
        }

        let mut around: Vec<Level<'_>> = Vec::new();
        let mut level = Level::default();
        for part in Parts::of(&self.text).flatten() {
            match part {
                Part::Open => around.push(std::mem::take(&mut level)),
                Part::Close => {
                    let inner = std::mem::replace(&mut level, around.pop().unwrap_or_default());
                    for term in inner.finish() {
                        level.add(term);
                    }
                }
                Part::And => {}
                Part::Or => level.end_alternative(),
                Part::Term(term) => {
                    if !has(term) {
                        level.add(term);
                    }
                }
            }
        }
        level.finish()
    }
}

/// A part of a query that stands where it may.
#[derive(Debug, Clone, Copy)]
enum Part<'q> {
    Term(&'q str),
    And,
    Or,
    Open,
    Close,
}

/// Reads a query part by part and sees to the syntax.
struct Parts<'q> {
    text: &'q str,
    position: usize,
    /// How many parentheses are open.
    depth: usize,
    before: Before,
}

/// What stands before the next part.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Open,
    Operator,
    /// A term, or a closing parenthesis.
    Operand,
    /// The end or an error: nothing follows.
    Done,
}

/// Whether a permission identifier may have this character.
fn is_term(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'*' | b':' | b'/')
}

impl<'q> Parts<'q> {
    fn of(text: &'q str) -> Self {
        Self { text, position: 0, depth: 0, before: Before::Nothing }
    }

    /// The next token and where it begins; an empty one at the end.
    fn token(&mut self) -> Result<(&'q str, usize), QueryError> {
        let bytes = self.text.as_bytes();
        let blanks = bytes[self.position..].iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
        let start = self.position + blanks.count();
        let length = match bytes.get(start) {
            None => 0,
            Some(b'(' | b')') => 1,
            Some(_) => bytes[start..].iter().take_while(|byte| is_term(**byte)).count(),
        };
        self.position = start + length;
        // Only single-byte characters were passed, so this is the beginning of one.
        match self.text[start..].chars().next() {
            Some(character) if length == 0 => Err(QueryError::Character { character, position: start }),
            _ => Ok((&self.text[start..self.position], start)),
        }
    }

    fn part(&mut self) -> Result<Option<Part<'q>>, QueryError> {
        let (token, position) = self.token()?;
        let part = match token {
            "" => return self.end(position).map_or(Ok(None), Err),
            "(" => Part::Open,
            ")" => Part::Close,
            _ if token.eq_ignore_ascii_case("and") => Part::And,
            _ if token.eq_ignore_ascii_case("or") => Part::Or,
            _ => Part::Term(token),
        };
        let operand = self.before == Before::Operand;
        self.before = match part {
            Part::Term(_) if !operand => Before::Operand,
            Part::Open if !operand => {
                self.depth += 1;
                Before::Open
            }
            Part::And | Part::Or if operand => Before::Operator,
            Part::Close if operand && self.depth > 0 => {
                self.depth -= 1;
                Before::Operand
            }
            Part::Close if self.before == Before::Open => return Err(QueryError::EmptyParentheses { position }),
            _ if !operand => return Err(QueryError::NotATerm { token: token.to_owned(), position }),
            _ if self.depth > 0 => return Err(QueryError::MissingParenthesis { position }),
            _ => return Err(QueryError::Extra { token: token.to_owned(), position }),
        };
        Ok(Some(part))
    }

    /// What is wrong with ending here.
    fn end(&self, position: usize) -> Option<QueryError> {
        match self.before {
            Before::Nothing => Some(QueryError::Empty),
            Before::Open | Before::Operator => Some(QueryError::End),
            Before::Operand if self.depth > 0 => Some(QueryError::MissingParenthesis { position }),
            Before::Operand | Before::Done => None,
        }
    }
}

impl<'q> Iterator for Parts<'q> {
    type Item = Result<Part<'q>, QueryError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.before == Before::Done {
            return None;
        }
        let part = self.part().transpose();
        if !matches!(part, Some(Ok(_))) {
            self.before = Before::Done;
        }
        part
    }
}

#[cfg(test)]
mod tests;
