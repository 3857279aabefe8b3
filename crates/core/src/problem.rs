//! The one error of the whole system: what was wrong, in terms that no wire protocol owns.
//!
//! Each surface renders it in its own words. What a caller may see and what only the log may see are different
//! fields; a cause never reaches a caller.

use std::{error::Error, fmt};

use crate::{
    access::ManagementScope,
    model::{Revision, administrator::AdministratorRole, root_key::RootKeyRefusal},
};

/// The cause of a failure that is not the caller's, for the log.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Why a request was not carried out. Nothing has changed when one is returned, except with [`Problem::Uncertain`].
#[derive(Debug)]
pub enum Problem {
    /// Part of the request is not what the operation accepts.
    Invalid(Invalid),
    /// The caller did not prove who it is.
    Unauthenticated(Unauthenticated),
    /// The caller is known and may not do this; any one of these scopes would have done.
    Forbidden(&'static [ManagementScope]),
    /// The same; all scopes of any one of these sets would have done.
    ForbiddenSets(&'static [&'static [ManagementScope]]),
    /// The caller's root key is not accepted.
    RootKey(RootKeyRefusal),
    /// The root key is known and may not do this; any one of these permissions would have done.
    Insufficient(Vec<String>),
    /// The body does not fit its schema, in the words of the keys' API.
    Unfit(Unfit),
    /// The query of permissions can't be read.
    Query(String),
    /// The query of usage can't be carried out: the reason's code, and a text.
    Analytics(&'static str, String),
    /// There is no token (RFC 6749 §5.2).
    Token(TokenRefusal),
    /// The console does not let somebody do this.
    Console(ConsoleRefusal),
    /// A grant names scopes that its API does not have, and has to have.
    Subset,
    /// What is named exists and is of a kind that can't be used for this.
    WrongKind(&'static str),
    /// Something must be otherwise first.
    Precondition(String),
    /// The object is protected against deletion.
    Protected(&'static str),
    /// A credential in the body has not the form that such a one has.
    Malformed(&'static str),
    /// What the request names does not exist, or not for this caller.
    NotFound(Missing),
    /// The request contradicts something that exists.
    Conflict(Conflict),
    /// The caller's version of the object is not the current one.
    Stale {
        /// What the caller said it had seen.
        sent: String,
        /// The version there is now.
        current: Revision,
    },
    /// The object belongs to the program itself and can't be changed in this way.
    System(&'static str),
    /// A connection does not take this user.
    User(UserRefusal),
    /// The configured number of such objects is reached.
    Limit(&'static str),
    /// The request is longer than this many bytes.
    TooLarge(usize),
    /// The body is not in a form this operation reads.
    UnsupportedMediaType(String),
    /// It cannot be done now; trying again later may work. The text says what is wrong.
    Unavailable(&'static str, Option<Cause>),
    /// It may have been done, and it can't be said whether. The text says what to do.
    Uncertain(&'static str, Option<Cause>),
    /// The request's body did not come in time.
    Slow,
    /// A defect of ours, or a store whose content contradicts itself.
    Internal(Cause),
}

/// Why there is no token (contract: error catalogue for the token endpoint).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenRefusal {
    /// The request is not one.
    Request(String),
    /// A parameter is not there.
    Missing(&'static str),
    /// No such grant is offered.
    UnknownGrant(String),
    /// The client may not use this grant.
    GrantNotAllowed(String),
    /// The client is not known, or did not prove who it is; whether it tried in the `Authorization` header.
    Client {
        /// Whether it did.
        in_header: bool,
    },
    /// Nobody says who asks.
    NoClient,
    /// The client does not say for which API.
    NoAudience,
    /// There is no such API.
    UnknownAudience(String),
    /// The client may not ask for tokens of this API.
    NotAuthorized(String),
    /// The scopes are not a list of scopes.
    BadScope,
    /// The client may not ask for these scopes.
    Scopes(Vec<String>),
    /// The client or its address failed too often.
    TooMany(TooMany),
    /// The endpoint has other methods, which these are.
    Method(String),
}

/// Why the console does not let somebody do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsoleRefusal {
    /// Nobody is signed in, or the session has ended.
    SignedOut,
    /// The link was used, or has ended, or never was one.
    Link,
    /// There is no administrator with this address and password.
    Password,
    /// The address or the administrator failed too often.
    TooMany(TooMany),
    /// It takes an administrator with this role.
    Role(AdministratorRole),
    /// The request does not come from a page of the console.
    Forged,
    /// What was typed can't be taken: which field, and why.
    Field(&'static str, String),
}

/// Who failed too often has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany {
    /// How many failures are let pass.
    pub limit: u32,
    /// For how many seconds.
    pub seconds: u64,
    /// Until when, in seconds since 1970.
    pub reset: i64,
}

/// Which part of a request was refused, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The part of the request.
    pub part: Part,
    /// What is wrong with it, without a full stop.
    pub detail: String,
    /// The path of the offending property (`scopes[3].value`), if one can be named.
    pub property: Option<String>,
    /// What the property is for, if its schema says so.
    pub description: Option<String>,
}

/// How a body does not fit its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// The whole in one sentence.
    pub summary: String,
    /// What is wrong, and the path of the schema's keyword that says so; none when there is nothing to point at.
    pub error: Option<(String, String)>,
    /// What to do about it, if that can be said.
    pub fix: Option<&'static str>,
}

impl Invalid {
    /// The refusal of one property.
    pub fn property(part: Part, property: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { part, detail: detail.into(), property: Some(property.into()), description: None }
    }

    /// The refusal of a part as a whole.
    pub fn whole(part: Part, detail: impl Into<String>) -> Self {
        Self { part, detail: detail.into(), property: None, description: None }
    }
}

/// The parts of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The body.
    Body,
    /// The query string.
    Query,
    /// The path.
    Path,
    /// The query string, which asks for more than offset paging reaches.
    Paging,
}

/// Why a caller is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unauthenticated {
    /// No credential was sent.
    Missing,
    /// A credential was sent in a form that is not one.
    Malformed,
    /// The credential is not for us, not from us, or unreadable.
    Invalid,
    /// The signature does not fit.
    Signature,
    /// The credential's time is over.
    Expired,
}

/// Why a connection does not take a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserRefusal {
    /// There is no connection of this name.
    Connection,
    /// The connection's users have no usernames.
    Username,
    /// The password can be guessed.
    WeakPassword,
    /// The user has as many permissions as a user may have.
    Permissions,
}

/// What does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// No operation has this path.
    Route,
    /// An API.
    Api,
    /// An application.
    Client,
    /// What an application may ask for.
    ClientGrant,
    /// A public key of an application.
    Credential,
    /// A permission of an API: the API's identifier, the permission's value.
    Permission(String, String),
    /// An entry of the audit log.
    LogEntry,
    /// A key that signs tokens.
    SigningKey,
    /// An API of the keys' API; whether the request is about something else that belongs to it.
    KeyApi {
        /// Whether it is about something else.
        specified: bool,
    },
    /// A key; whether the request is about something else that belongs to it.
    Key {
        /// Whether it is about something else.
        specified: bool,
    },
    /// A permission of the workspace.
    WorkspacePermission,
    /// A permission with this slug.
    Slug(String),
    /// A role.
    Role,
    /// A role with this name.
    RoleNamed(String),
    /// An identity.
    Identity,
    /// A namespace of the limiter.
    Namespace,
    /// An override of a limit.
    Override,
    /// A migration of keys.
    KeyMigration,
    /// A user.
    User,
    /// One of several users.
    Users,
    /// A connection.
    Connection,
    /// An administrator.
    Administrator,
}

/// What is there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conflict {
    /// Another API has the identifier.
    ApiIdentifier,
    /// The application has a grant for this API and subject type.
    ClientGrant,
    /// The application has a public key with this `kid`.
    Kid(String),
    /// The identifier is kept for an API of the program's own.
    ReservedIdentifier,
    /// The API has a permission with this value: the API's identifier, the permission's value.
    PermissionValue(String, String),
    /// The workspace has a permission with this slug.
    Slug(String),
    /// Several permissions have this slug: their ids.
    AmbiguousSlug(String, Vec<String>),
    /// The permission belongs to an API that the key is not for: the slug, the permission's id, the API's id.
    ForeignSlug(String, String, String),
    /// The workspace has a role with this name.
    RoleName(String),
    /// There is a user with this id, or the connection has one with this email or username.
    User,
    /// There is a connection with this name.
    ConnectionName,
    /// The workspace has an identity with this external id.
    ExternalId(String),
    /// Another request was made under the same idempotency key.
    IdempotencyKey,
    /// Another administrator has this address.
    Administrator(String),
}

impl Problem {
    /// A defect or a contradiction, with its cause for the log.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::Internal(cause.into())
    }

    /// Whether the fault is on our side.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Unavailable(..) | Self::Uncertain(..) | Self::Internal(_))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(invalid) => write!(f, "invalid request: {}", invalid.detail),
            Self::Unauthenticated(reason) => write!(f, "unauthenticated: {reason:?}"),
            Self::Forbidden(_) | Self::ForbiddenSets(_) | Self::Insufficient(_) => f.write_str("forbidden"),
            Self::RootKey(reason) => write!(f, "root key: {reason:?}"),
            Self::Unfit(unfit) => write!(f, "invalid request: {} {:?}", unfit.summary, unfit.error),
            Self::Query(text) => write!(f, "permission query: {text}"),
            Self::Analytics(code, text) => write!(f, "{code}: {text}"),
            Self::Console(refusal) => write!(f, "console: {refusal:?}"),
            Self::Subset => f.write_str("scope must be a subset of resource server scopes"),
            Self::Token(refusal) => write!(f, "no token: {refusal:?}"),
            Self::Precondition(text) => f.write_str(text),
            Self::WrongKind(text) | Self::Protected(text) | Self::Malformed(text) => f.write_str(text),
            Self::NotFound(missing) => write!(f, "not found: {missing:?}"),
            Self::Conflict(conflict) => write!(f, "conflict: {conflict:?}"),
            Self::Stale { sent, current } => write!(f, "version {sent} was sent, {} is current", current.0),
            Self::User(refusal) => write!(f, "user: {refusal:?}"),
            Self::System(text) | Self::Limit(text) => f.write_str(text),
            Self::TooLarge(limit) => write!(f, "longer than {limit} bytes"),
            Self::UnsupportedMediaType(given) => write!(f, "unsupported media type `{given}`"),
            Self::Unavailable(text, _) => write!(f, "unavailable: {text}"),
            Self::Uncertain(text, _) => write!(f, "uncertain: {text}"),
            Self::Slow => f.write_str("the body did not come in time"),
            Self::Internal(_) => f.write_str("internal error"),
        }
    }
}

impl Error for Problem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unavailable(_, Some(cause)) | Self::Uncertain(_, Some(cause)) | Self::Internal(cause) => {
                Some(cause.as_ref())
            }
            _ => None,
        }
    }
}
