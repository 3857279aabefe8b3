//! What a token may carry: the one place that decides it (contract: computing the granted scope).
//!
//! Everything is looked up in one state of the catalogue, so a permission that is deleted, or that a grant or a role
//! has lost, is not in the next token.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    model::{
        api::{Api, ClientPolicy, TokenDialect, UserPolicy},
        client::Client,
        client_grant::{ClientGrant, SubjectType},
        permission::{Permission, PermissionNumber, RESERVED},
    },
    snapshot::{ApiEntry, Snapshot},
};

#[cfg(test)]
mod tests;

/// What a token carries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Granted {
    /// The `scope` claim's values, in the order of the API's list; what identifies a user comes first.
    pub scope: Vec<String>,
    /// The `permissions` claim, if the API wants one.
    pub permissions: Option<Vec<String>>,
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The application may not ask for tokens of this API.
    NotAuthorized,
    /// The application may not ask for these scopes.
    Scopes(Vec<String>),
}

/// What a machine gets that asks for itself: all that it was granted if it asks for nothing, and else what it asks for.
///
/// # Errors
/// [`Refused`] when it has no grant for the API, or asks for more than that.
pub fn for_client<T: AsRef<str>>(
    snapshot: &Snapshot,
    client: &Client,
    entry: &ApiEntry,
    asked: &[T],
) -> Result<Granted, Refused> {
    if entry.api.settings.subject_type_authorization.client.policy == ClientPolicy::DenyAll {
        return Err(Refused::NotAuthorized);
    }
    let grant = grant_of(snapshot, client, &entry.api, SubjectType::Client).ok_or(Refused::NotAuthorized)?;
    let ceiling = ceiling(entry, grant);
    let asked = || asked.iter().map(AsRef::as_ref);
    let lacks = |scope: &&str| !ceiling.iter().any(|one| one.value.as_str() == *scope);
    let lacking: Vec<String> = asked().filter(lacks).map(str::to_owned).collect();
    if !lacking.is_empty() {
        return Err(Refused::Scopes(lacking));
    }
    let wanted =
        |permission: &&Arc<Permission>| asked().len() == 0 || asked().any(|scope| scope == permission.value.as_str());
    let scope: Vec<String> = ceiling.into_iter().filter(wanted).map(|one| one.value.as_str().to_owned()).collect();
    // For an application there is no role to ask: it holds what it was granted.
    let permissions = carries_permissions(&entry.api).then(|| sorted(scope.iter().cloned()));
    Ok(Granted { scope, permissions })
}

/// A user, as far as it matters for a token.
#[derive(Debug, Clone, Default)]
pub struct Assignments {
    /// What the user holds, of this API and others, directly and by roles. Deleted ones may be among it.
    pub permissions: BTreeSet<PermissionNumber>,
}

/// What an application gets that asks on behalf of a user. What the API does not define, or the user does not hold
/// where that counts, is left out; losing all of it is no refusal.
///
/// # Errors
/// [`Refused::NotAuthorized`] when the application may not act for users at this API.
pub fn for_user(
    snapshot: &Snapshot,
    client: &Client,
    entry: &ApiEntry,
    user: &Assignments,
    asked: &[String],
) -> Result<Granted, Refused> {
    let policy = entry.api.settings.subject_type_authorization.user.policy;
    let free = policy == UserPolicy::AllowAll && client.settings.is_first_party;
    let mut offered: Vec<&Arc<Permission>> = if free {
        entry.permissions.iter().filter(|permission| is_defined(permission)).collect()
    } else if policy == UserPolicy::DenyAll {
        return Err(Refused::NotAuthorized);
    } else {
        ceiling(entry, grant_of(snapshot, client, &entry.api, SubjectType::User).ok_or(Refused::NotAuthorized)?)
    };
    let enforced = entry.api.settings.enforce_policies == Some(true);
    if enforced {
        offered.retain(|permission| user.permissions.contains(&permission.number));
    }
    let offline = entry.api.settings.allow_offline_access && client.settings.allows("refresh_token");
    let identity = RESERVED
        .iter()
        .filter(|name| asked.iter().any(|scope| scope == *name))
        .filter(|name| **name != "offline_access" || offline);
    let mut scope: Vec<String> = identity.map(|name| (*name).to_owned()).collect();
    let wanted = offered.into_iter().map(|permission| permission.value.as_str());
    scope.extend(wanted.filter(|value| asked.iter().any(|scope| scope == value)).map(str::to_owned));
    let permissions = carries_permissions(&entry.api).then(|| {
        let held = entry.permissions.iter().filter(|permission| user.permissions.contains(&permission.number));
        sorted(held.map(|permission| permission.value.as_str().to_owned()))
    });
    Ok(Granted { scope, permissions })
}

/// The application's own grant, or else, for one of a third party, the one of all those. One's own replaces that.
fn grant_of<'s>(
    snapshot: &'s Snapshot,
    client: &Client,
    api: &Api,
    subject_type: SubjectType,
) -> Option<&'s Arc<ClientGrant>> {
    let own = snapshot.client_grant_of(Some(client.number), api.number, subject_type);
    own.or_else(|| {
        if client.settings.is_first_party {
            return None;
        }
        snapshot.client_grant_of(None, api.number, subject_type)
    })
}

/// What a grant covers of what the API defines now, in the API's order.
fn ceiling<'s>(entry: &'s ApiEntry, grant: &ClientGrant) -> Vec<&'s Arc<Permission>> {
    let mut granted: Vec<PermissionNumber> = grant.scopes().iter().filter_map(|scope| scope.permission).collect();
    granted.sort_unstable();
    let covered = entry.permissions.iter().filter(|permission| is_defined(permission));
    covered.filter(|permission| grant.covers_all() || granted.binary_search(&permission.number).is_ok()).collect()
}

/// A name that means identity data is never an API's permission, even if an old row says so.
fn is_defined(permission: &Permission) -> bool {
    !RESERVED.contains(&permission.value.as_str())
}

/// Whether the API's tokens list permissions (contract: the `permissions` claim).
fn carries_permissions(api: &Api) -> bool {
    let dialect = api.settings.token_dialect.unwrap_or(TokenDialect::AccessToken);
    api.settings.enforce_policies == Some(true)
        && matches!(dialect, TokenDialect::AccessTokenAuthz | TokenDialect::Rfc9068ProfileAuthz)
}

fn sorted(values: impl Iterator<Item = String>) -> Vec<String> {
    let mut list: Vec<String> = values.collect();
    list.sort_unstable();
    list
}
