//! Whether a key may do what it is used for. The order of the checks lives here and nowhere else (contract: order of
//! checks); the windows of the limits and the credits, which have a state of their own, are asked for by the caller
//! after [`examine`] found nothing, limits first.

use core::net::IpAddr;

use smallvec::SmallVec;

use crate::{
    grants::{Action, Grants},
    model::{
        WorkspaceNumber,
        api::Api,
        identity::Identity,
        key::KnownKey,
        limit::{DURATION_MIN, NamedLimit},
        permission::{Permission, PermissionNumber},
        role::Role,
    },
    query::{Query, QueryError},
    snapshot::{ApiEntry, Snapshot},
    time::Timestamp,
    window::Limit,
};

/// What became of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The key may do it.
    Valid,
    /// There is no such key, or not for this caller.
    NotFound,
    /// Not from this address.
    Forbidden,
    /// The key does not hold what the query asks for.
    InsufficientPermissions,
    /// The key has not enough credits left.
    UsageExceeded,
    /// A limit is reached.
    RateLimited,
    /// The key is switched off.
    Disabled,
    /// The key's time is over.
    Expired,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Valid,
        Self::NotFound,
        Self::Forbidden,
        Self::InsufficientPermissions,
        Self::UsageExceeded,
        Self::RateLimited,
        Self::Disabled,
        Self::Expired,
    ];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "VALID",
            Self::NotFound => "NOT_FOUND",
            Self::Forbidden => "FORBIDDEN",
            Self::InsufficientPermissions => "INSUFFICIENT_PERMISSIONS",
            Self::UsageExceeded => "USAGE_EXCEEDED",
            Self::RateLimited => "RATE_LIMITED",
            Self::Disabled => "DISABLED",
            Self::Expired => "EXPIRED",
        }
    }
}

/// What a key holds at this moment: nothing that is deleted is among it.
#[derive(Debug, Default)]
pub struct Held<'s> {
    /// Directly and by roles, each value once, oldest first.
    pub permissions: SmallVec<[&'s Permission; 32]>,
    /// Its roles.
    pub roles: SmallVec<[&'s Role; 8]>,
}

impl<'s> Held<'s> {
    /// What the key holds in this state of the catalogue. A key of an API may hold that API's permissions and those of
    /// the catalogue API; whatever else a role has is not for it.
    pub fn of(snapshot: &'s Snapshot, key: &KnownKey) -> Self {
        let catalogue = snapshot.catalogue(key.workspace);
        let (mut permissions, mut roles) = (SmallVec::<[&Permission; 32]>::new(), SmallVec::<[&Role; 8]>::new());
        let mut take = |number: PermissionNumber| {
            if let Some(permission) = snapshot.permission(number)
                && (permission.api == key.api || Some(permission.api) == catalogue)
            {
                permissions.push(permission);
            }
        };
        key.permissions().for_each(&mut take);
        for number in key.roles() {
            let Some(role) = snapshot.role(number) else { continue };
            role.permissions.iter().copied().for_each(&mut take);
            roles.push(role);
        }
        // A key's own list is in order and has each once.
        if !roles.is_empty() {
            permissions.sort_unstable_by_key(|permission| permission.number);
            permissions.dedup_by_key(|permission| permission.number);
        }
        // Of two APIs' permissions with one value the key has that value once.
        let own = permissions.iter().filter(|permission| permission.api == key.api).count();
        if own > 0 && own < permissions.len() {
            for at in (1..permissions.len()).rev() {
                if permissions[..at].iter().any(|earlier| earlier.value == permissions[at].value) {
                    permissions.remove(at);
                }
            }
        }
        Self { permissions, roles }
    }
}

/// What is asked about a key that was found.
#[derive(Debug, Clone, Copy)]
pub struct Demand<'q> {
    /// Which permissions it must hold.
    pub permissions: Option<&'q str>,
    /// From where it is used.
    pub address: IpAddr,
    /// When.
    pub now: Timestamp,
}

/// The API of a key that this caller may verify. Whatever stands against it looks the same from outside: as if there
/// were no such key.
pub fn locate<'s>(
    snapshot: &'s Snapshot,
    workspace: WorkspaceNumber,
    key: &KnownKey,
    grants: &Grants,
) -> Option<&'s ApiEntry> {
    if key.workspace != workspace || key.deleted {
        return None;
    }
    let entry = snapshot.api_numbered(key.api)?;
    // Its id is only looked at if it matters: it is far from the processor.
    let may = grants.anywhere(Action::VerifyKey) || may(&entry.api, key.id(), grants, Action::VerifyKey);
    may.then_some(entry)
}

/// Whether these grants allow an action on a key: on all, on those of its API, or by a URN.
pub fn may(api: &Api, key_id: &str, grants: &Grants, action: Action) -> bool {
    if grants.anywhere(action) {
        return true;
    }
    let path = ["keyspaces", &api.key_space_id(), "keys", key_id];
    grants.on(action, &api.key_id()) || grants.urn(WorkspaceNumber::ID, &path, action.verb())
}

/// The first check that a key fails, but for limits and credits, and the permissions that it lacks; `has` says whether
/// it holds one, and is asked about each that is named.
///
/// # Errors
/// [`QueryError`] when the query can't be read, whatever else is wrong with the key.
pub fn examine<'q>(
    api: &Api,
    key: &KnownKey,
    mut has: impl FnMut(&str) -> bool,
    demand: &Demand<'q>,
) -> Result<Option<(Code, Vec<&'q str>)>, QueryError> {
    let satisfied = match demand.permissions {
        Some(text) => Query::evaluate_text(text, &mut has)?,
        None => true,
    };
    let allowed = &api.key_settings.ip_allow_list;
    let code = if !key.enabled {
        Code::Disabled
    } else if key.expires_at.is_some_and(|end| demand.now > end) {
        Code::Expired
    } else if !allowed.is_empty() && !allowed.iter().any(|known| known.to_canonical() == demand.address) {
        Code::Forbidden
    } else if satisfied {
        return Ok(None);
    } else {
        let text = demand.permissions.unwrap_or_default();
        let query = Query::parse(text)?;
        let missing = query.missing(&mut has);
        let missing = missing.into_iter().map(|term| place(text, term)).collect();
        return Ok(Some((Code::InsufficientPermissions, missing)));
    };
    Ok(Some((code, Vec::new())))
}

/// The term where it stands in the text it was read from.
fn place<'q>(text: &'q str, term: &str) -> &'q str {
    text.find(term).map_or("", |at| &text[at..at + term.len()])
}

/// A limit that a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedLimit<'q> {
    /// Its name.
    pub name: &'q str,
    /// What this use counts; 1 if nothing is said.
    pub cost: Option<i64>,
    /// With `duration`: a limit for this request alone.
    pub limit: Option<i64>,
    /// With `limit`: a limit for this request alone, in milliseconds.
    pub duration: Option<i64>,
}

/// A limit that is to be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitCheck<'q> {
    /// The identity on the wire; empty for one that only the request knows.
    pub id: &'q str,
    /// Its name.
    pub name: &'q str,
    /// How much one window lets through.
    pub limit: i64,
    /// The window, in milliseconds.
    pub duration: i64,
    /// Whether every verification counts against it.
    pub auto_apply: bool,
    /// What this use counts.
    pub cost: i64,
    /// Whether all keys of the identity share the counter.
    pub shared: bool,
}

impl LimitCheck<'_> {
    /// The limit as a counter knows it.
    pub fn window(&self) -> Limit {
        Limit { limit: self.limit, duration: self.duration }
    }
}

/// The limits of one verification: rarely more than a few.
pub type Checks<'q> = SmallVec<[LimitCheck<'q>; 2]>;

/// Why limits can't be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LimitError {
    /// Neither the key nor its identity has a limit of this name.
    Unknown(String),
    /// A limit for one request alone can't have these values.
    Values(String),
}

/// A configured limit as it is checked; `shared` if it is the identity's.
fn to_check((limit, shared): (&NamedLimit, bool), cost: i64) -> LimitCheck<'_> {
    LimitCheck {
        id: &limit.id,
        name: &limit.name,
        limit: limit.limit,
        duration: limit.duration,
        auto_apply: limit.auto_apply,
        cost,
        shared,
    }
}

/// The limits that a verification counts against: every one that applies by itself, and those that the request names.
/// Of two with one name the key's own counts, and one that the request brings along comes before both.
///
/// # Errors
/// [`LimitError`] for a name that is not known, or values that no window has.
pub fn limits<'q>(
    key: &'q KnownKey,
    identity: Option<&'q Identity>,
    asked: &[AskedLimit<'q>],
) -> Result<Checks<'q>, LimitError> {
    let own = key.limits();
    let shared = identity.map(|identity| identity.limits.as_slice()).unwrap_or_default();
    if own.is_empty() && shared.is_empty() && asked.is_empty() {
        return Ok(Checks::new());
    }
    if shared.is_empty() && asked.is_empty() {
        // Nearly always: the key's own limits, and nothing to weigh.
        return Ok(own.iter().filter(|limit| limit.auto_apply).map(|limit| to_check((limit, false), 1)).collect());
    }
    let shared = shared.iter().filter(|limit| !own.iter().any(|first| first.name == limit.name));
    let configured: SmallVec<[(&NamedLimit, bool); 4]> =
        own.iter().map(|limit| (limit, false)).chain(shared.map(|limit| (limit, true))).collect();
    let mut checks: Checks<'_> =
        configured.iter().filter(|(limit, _)| limit.auto_apply).map(|found| to_check(*found, 1)).collect();
    for ask in asked {
        let cost = ask.cost.unwrap_or(1);
        let next = match (ask.limit, ask.duration) {
            (Some(limit), Some(duration)) => {
                if limit < 1 || duration < DURATION_MIN {
                    return Err(LimitError::Values(ask.name.to_owned()));
                }
                LimitCheck { id: "", name: ask.name, limit, duration, auto_apply: false, cost, shared: false }
            }
            _ => match configured.iter().find(|(limit, _)| limit.name == ask.name) {
                Some(found) => to_check(*found, cost),
                None => return Err(LimitError::Unknown(ask.name.to_owned())),
            },
        };
        checks.retain(|earlier| earlier.name != next.name);
        checks.push(next);
    }
    Ok(checks)
}
