//! What keys may do, told by the rules alone: no cache, no store, nothing of the program.

use std::collections::BTreeSet;

/// An API; its place in the list is its name here.
#[derive(Debug)]
pub(super) struct Api {
    pub(super) id: String,
    pub(super) deleted: bool,
}

/// A permission of an API, or of the catalogue.
#[derive(Debug)]
pub(super) struct Permission {
    pub(super) id: String,
    pub(super) slug: String,
    pub(super) api: Option<usize>,
    pub(super) deleted: bool,
}

#[derive(Debug)]
pub(super) struct Role {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) permissions: BTreeSet<usize>,
    pub(super) deleted: bool,
}

#[derive(Debug)]
pub(super) struct Identity {
    pub(super) external_id: String,
    pub(super) deleted: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) text: String,
    pub(super) api: usize,
    pub(super) permissions: BTreeSet<usize>,
    pub(super) roles: BTreeSet<usize>,
    pub(super) identity: Option<usize>,
    pub(super) enabled: bool,
    pub(super) ends: Option<i64>,
    pub(super) deleted: bool,
}

/// What slugs stand for: permissions that there are, and slugs that nobody has.
pub(super) type Meant = (BTreeSet<usize>, Vec<String>);

#[derive(Debug, Default)]
pub(super) struct Oracle {
    pub(super) apis: Vec<Api>,
    pub(super) permissions: Vec<Permission>,
    pub(super) roles: Vec<Role>,
    pub(super) identities: Vec<Identity>,
    pub(super) keys: Vec<Key>,
}

/// What is asked of a key.
#[derive(Debug)]
pub(super) enum Query<'s> {
    Nothing,
    Has(&'s str),
    Both(&'s str, &'s str),
    Either(&'s str, &'s str),
}

impl Query<'_> {
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Has(one) => Some((*one).to_owned()),
            Self::Both(one, other) => Some(format!("{one} AND {other}")),
            Self::Either(one, other) => Some(format!("{one} OR {other}")),
        }
    }
}

impl Oracle {
    /// A deleted API takes its permissions with it.
    pub(super) fn lives(&self, permission: usize) -> bool {
        let permission = &self.permissions[permission];
        !permission.deleted && permission.api.is_none_or(|api| !self.apis[api].deleted)
    }

    /// The live permission of this API, or of the catalogue, with this slug.
    pub(super) fn of(&self, api: Option<usize>, slug: &str) -> Option<usize> {
        let is_it = |at: &usize| {
            let permission = &self.permissions[*at];
            permission.api == api && permission.slug == slug && self.lives(*at)
        };
        (0..self.permissions.len()).find(is_it)
    }

    /// What a slug means: the key's own API comes first, then the catalogue, then the only one there is. Several are
    /// refused, and so is one that the key may not hold.
    fn meant(&self, slug: &str, own: Option<usize>) -> Result<Option<usize>, ()> {
        if let Some(found) = own.and_then(|api| self.of(Some(api), slug)).or_else(|| self.of(None, slug)) {
            return Ok(Some(found));
        }
        let others: Vec<usize> = (0..self.apis.len()).filter_map(|api| self.of(Some(api), slug)).collect();
        match others.as_slice() {
            [] => Ok(None),
            [only] if own.is_none() => Ok(Some(*only)),
            _ => Err(()),
        }
    }

    /// What slugs mean; nothing if the whole call is refused.
    pub(super) fn resolve(&self, slugs: &[String], own: Option<usize>) -> Option<Meant> {
        let (mut known, mut new) = (BTreeSet::new(), Vec::new());
        for slug in slugs {
            match self.meant(slug, own).ok()? {
                Some(permission) => drop(known.insert(permission)),
                None => new.push(slug.clone()),
            }
        }
        Some((known, new))
    }

    /// The permission that a call about one permission means.
    pub(super) fn named(&self, slug: &str) -> Option<usize> {
        self.meant(slug, None).ok().flatten()
    }

    /// The live role with this name.
    pub(super) fn role(&self, name: &str) -> Option<usize> {
        self.roles.iter().position(|role| role.name == name && !role.deleted)
    }

    /// Keys that management calls still know.
    pub(super) fn live_keys(&self) -> Vec<usize> {
        let lives = |at: &usize| !self.keys[*at].deleted && !self.apis[self.keys[*at].api].deleted;
        (0..self.keys.len()).filter(lives).collect()
    }

    /// The names of the roles that a key shows.
    pub(super) fn roles_of(&self, key: &Key) -> BTreeSet<String> {
        let live = key.roles.iter().map(|role| &self.roles[*role]).filter(|role| !role.deleted);
        live.map(|role| role.name.clone()).collect()
    }

    /// The slugs that a key holds, directly and by roles, each once.
    pub(super) fn slugs_of(&self, key: &Key) -> Vec<String> {
        let roles = key.roles.iter().map(|role| &self.roles[*role]).filter(|role| !role.deleted);
        let held: BTreeSet<usize> =
            key.permissions.iter().chain(roles.flat_map(|role| &role.permissions)).copied().collect();
        let for_it = |at: &usize| {
            self.lives(*at) && (self.permissions[*at].api.is_none() || self.permissions[*at].api == Some(key.api))
        };
        let slugs: BTreeSet<String> =
            held.into_iter().filter(for_it).map(|at| self.permissions[at].slug.clone()).collect();
        slugs.into_iter().collect()
    }

    /// The owner that a key shows.
    pub(super) fn owner_of(&self, key: &Key) -> Option<&str> {
        let identity = &self.identities[key.identity?];
        (!identity.deleted).then_some(&*identity.external_id)
    }

    /// What a verification says.
    pub(super) fn code(&self, key: &Key, query: &Query<'_>, now: i64) -> &'static str {
        let held = self.slugs_of(key);
        let has = |slug: &str| held.iter().any(|known| known == slug);
        let satisfied = match query {
            Query::Nothing => true,
            Query::Has(one) => has(one),
            Query::Both(one, other) => has(one) && has(other),
            Query::Either(one, other) => has(one) || has(other),
        };
        if key.deleted || self.apis[key.api].deleted {
            "NOT_FOUND"
        } else if !key.enabled {
            "DISABLED"
        } else if key.ends.is_some_and(|end| now > end) {
            "EXPIRED"
        } else if satisfied {
            "VALID"
        } else {
            "INSUFFICIENT_PERMISSIONS"
        }
    }
}
