//! What an operation is. One row makes the route, the authorization check, the validation, the document and the
//! metrics, so that none of them can be forgotten.

use std::{pin::Pin, sync::Arc};

use http::Method;
use keyward_core::{
    Problem,
    access::{ManagementScope, ManagementScopes},
    grants::Action,
    model::administrator::AdministratorRole,
};
use serde_json::{Map, Value};

use super::{
    answer::{Answer, Rendered},
    attempt::AtOnce,
    incoming::Incoming,
};
use crate::app::{Call, View};

/// One operation of one wire protocol.
#[derive(Debug)]
pub struct Operation {
    /// Its name in the document and in the metrics.
    pub id: &'static str,
    /// The method.
    pub method: Method,
    /// The path, with `{names}` for its variable segments.
    pub path: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// Who may call it.
    pub access: Access,
    /// What the query string may hold.
    pub query: &'static [Parameter],
    /// The schema of the body, if there is one.
    pub body: Option<fn() -> Value>,
    /// Brings the body into the form that the schema describes.
    pub prepare: Option<fn(&mut Value)>,
    /// The status and schema of success.
    pub success: (u16, Shape),
    /// The statuses of refusals that are its own; those that every operation has are added. With them stand answers
    /// without a body that are no refusals: 304, or 204 for what is gone already.
    pub refusals: &'static [u16],
    /// What the audit log calls it, if it changes something.
    pub audit: Option<&'static str>,
    /// Carries it out.
    pub handler: Handler,
    /// Carries it out at once, if nothing has to be waited for and nothing is wrong with the request: the way of
    /// operations that are called all the time. What it returns is what the handler would have answered.
    pub at_once: Option<AtOnce>,
}

/// What a handler returns.
pub type Handled = Pin<Box<dyn Future<Output = Result<Answer, Problem>> + Send>>;

/// A function that carries an operation out.
pub type Handler = fn(Request) -> Handled;

/// Who may call an operation.
#[derive(Debug, Clone, Copy)]
pub enum Access {
    /// Everybody, for this reason.
    Public(&'static str),
    /// Whoever has a management token with one of these scopes.
    AnyOf(&'static [ManagementScope]),
    /// An application, which proves who it is in the request itself, in this way. The handler sees to it.
    Client(&'static str),
    /// Whoever has a management token with all scopes of one of these sets.
    AnySet(&'static [&'static [ManagementScope]]),
    /// Whoever has a root key that may do this.
    RootKey(Guard),
    /// Somebody who is signed in to the console with this role or one that may more.
    Administrator(AdministratorRole),
    /// Whoever comes to the console, for this reason.
    Visitor(&'static str),
}

impl Access {
    /// Whether a token with these scopes is enough. Nothing else is asked of a token.
    ///
    /// # Errors
    /// Which scopes would have been.
    pub fn admit(self, scopes: ManagementScopes) -> Result<(), Problem> {
        match self {
            Self::AnyOf(accepted) if !accepted.iter().any(|scope| scopes.contains(*scope)) => {
                Err(Problem::Forbidden(accepted))
            }
            Self::AnySet(sets) if !sets.iter().any(|set| set.iter().all(|scope| scopes.contains(*scope))) => {
                Err(Problem::ForbiddenSets(sets))
            }
            _ => Ok(()),
        }
    }
}

/// What a root key needs for an operation.
#[derive(Debug, Clone, Copy)]
pub struct Guard {
    /// All of these, whatever is asked for.
    pub needs: &'static [Action],
    /// These as well, depending on what is asked for.
    pub may_need: &'static [Action],
    /// What a root key without them sees.
    pub masking: Masking,
}

/// What a root key sees that may not do something (contract: existence masking).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Masking {
    /// That it may not, before anything is looked up.
    First,
    /// The same; the body's member of this name has the id for which a permission would do as well.
    FirstOn(&'static str),
    /// That it may not, once what it asks for was found. The handler sees to it.
    AfterLookup,
    /// That there is no such thing. The handler sees to it.
    Absent,
}

/// The wire protocols: each has its own words for what is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// Auth0's words, and what belongs to none.
    Management,
    /// Unkey's words.
    Keys,
    /// The words of RFC 6749.
    OAuth,
    /// Pages for people.
    Console,
}

/// The form of an answer's body.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// No body.
    Empty,
    /// JSON of this schema.
    Json(fn() -> Value),
    /// Text of this media type.
    Text(&'static str),
}

/// A parameter of the query string.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Its kind.
    pub kind: ParameterKind,
    /// What it is for.
    pub description: &'static str,
}

/// The kinds of parameters.
#[derive(Debug, Clone, Copy)]
pub enum ParameterKind {
    /// A whole number, at least and at most.
    Integer(i64, i64),
    /// `true` or `false`.
    Boolean,
    /// Text of at most so many characters.
    Text(u64),
    /// One of these.
    Choice(&'static [&'static str]),
    /// May be repeated at most so many times.
    Repeated(u64),
    /// Names of the answer's fields, separated by commas.
    Fields(&'static [&'static str]),
}

/// A request as a handler gets it: the caller is known and may call the operation, the query and the body have the
/// form that the row describes.
pub struct Request {
    /// The program and who asks.
    pub call: Call,
    /// The state of the catalogue that this request sees.
    pub view: Arc<View>,
    /// The variable segments of the path, as sent.
    pub segments: Vec<String>,
    /// The query string.
    pub query: Map<String, Value>,
    /// The body; null when the operation has none.
    pub body: Value,
    /// The request as it came in.
    pub incoming: Arc<Incoming>,
    /// Bodies of answers that were rendered before.
    pub rendered: Arc<Rendered>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The body may hold secrets.
        write!(f, "Request({:?})", self.incoming)
    }
}

impl Operation {
    /// The protocol it belongs to.
    pub fn surface(&self) -> Surface {
        if matches!(self.access, Access::Administrator(_) | Access::Visitor(_)) {
            return Surface::Console;
        }
        if self.path.starts_with("/v2/") {
            return Surface::Keys;
        }
        if self.path.starts_with("/oauth/") { Surface::OAuth } else { Surface::Management }
    }

    /// The names of the path's variable segments, in order.
    pub fn segments(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }
}
