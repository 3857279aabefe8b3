//! What a root key may do: permission tuples, their wildcard form, and URN grants (contract: root-key permissions).

use std::{collections::HashSet, fmt};

/// Makes the actions from one list, so that none of them can be left out anywhere.
macro_rules! actions {
    ($($name:ident = $kind:literal, $action:literal;)*) => {
        /// Something that a root key may be allowed to do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Action {
            $(
                #[doc = concat!("`", $kind, ".*.", $action, "`")]
                $name,
            )*
        }

        impl Action {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The kind of thing it is done to.
            pub const fn kind(self) -> &'static str {
                match self { $(Self::$name => $kind,)* }
            }

            /// What is done to it.
            pub const fn verb(self) -> &'static str {
                match self { $(Self::$name => $action,)* }
            }
        }
    };
}

actions! {
    CreateApi = "api", "create_api";
    ReadApi = "api", "read_api";
    UpdateApi = "api", "update_api";
    DeleteApi = "api", "delete_api";
    CreateKey = "api", "create_key";
    ReadKey = "api", "read_key";
    UpdateKey = "api", "update_key";
    DeleteKey = "api", "delete_key";
    VerifyKey = "api", "verify_key";
    EncryptKey = "api", "encrypt_key";
    DecryptKey = "api", "decrypt_key";
    ReadAnalytics = "api", "read_analytics";
    CreatePermission = "rbac", "create_permission";
    ReadPermission = "rbac", "read_permission";
    UpdatePermission = "rbac", "update_permission";
    DeletePermission = "rbac", "delete_permission";
    CreateRole = "rbac", "create_role";
    ReadRole = "rbac", "read_role";
    UpdateRole = "rbac", "update_role";
    DeleteRole = "rbac", "delete_role";
    AddPermissionToRole = "rbac", "add_permission_to_role";
    RemovePermissionFromRole = "rbac", "remove_permission_from_role";
    AddPermissionToKey = "rbac", "add_permission_to_key";
    RemovePermissionFromKey = "rbac", "remove_permission_from_key";
    AddRoleToKey = "rbac", "add_role_to_key";
    RemoveRoleFromKey = "rbac", "remove_role_from_key";
    CreateIdentity = "identity", "create_identity";
    ReadIdentity = "identity", "read_identity";
    UpdateIdentity = "identity", "update_identity";
    DeleteIdentity = "identity", "delete_identity";
    Limit = "ratelimit", "limit";
    CreateNamespace = "ratelimit", "create_namespace";
    SetOverride = "ratelimit", "set_override";
    ReadOverride = "ratelimit", "read_override";
    DeleteOverride = "ratelimit", "delete_override";
}

// A set has a bit for each action; one without a bit of its own would grant another.
const _: () = assert!(Action::ALL.len() <= u64::BITS as usize);

impl Action {
    /// The tuple that allows it on everything of its kind.
    pub fn anywhere(self) -> String {
        self.on("*")
    }

    /// The tuple that allows it on one thing.
    pub fn on(self, id: &str) -> String {
        format!("{}.{id}.{}", self.kind(), self.verb())
    }

    /// Whether it changes nothing, and shows no secret.
    pub fn is_read(self) -> bool {
        self.verb().starts_with("read_")
    }

    const fn bit(self) -> u64 {
        1 << self as u32
    }
}

/// Everything that one root key was granted. Texts that grant nothing are kept, and shown as they were given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grants {
    texts: Vec<String>,
    anywhere: u64,
    tuples: HashSet<String>,
    urns: Vec<Urn>,
}

/// Why a text can't be granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantError(String);

impl fmt::Display for GrantError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a permission of root keys: write kind.id.action (as api.*.create_key), a URN \
             (unkey:v1:<workspace>:<path>#<action>), or * for everything",
            self.0
        )
    }
}

impl std::error::Error for GrantError {}

impl Grants {
    /// What these texts grant together, in a workspace. `*` stands for everything.
    ///
    /// # Errors
    /// [`GrantError`] for a text that has none of the three forms. A tuple that nothing asks for is no error: it was a
    /// permission once, or will be.
    pub fn parse(texts: &[String], workspace: &str) -> Result<Self, GrantError> {
        let mut grants = Self::default();
        for text in texts {
            let whole = if text == "*" { format!("unkey:v1:{workspace}:**#*") } else { text.clone() };
            if let Some(urn) = Urn::parse(&whole) {
                grants.urns.push(urn);
            } else {
                let parts: Vec<&str> = whole.split('.').collect();
                if parts.len() != 3 || parts.iter().any(|part| part.is_empty()) || whole.starts_with("unkey:") {
                    return Err(GrantError(text.clone()));
                }
                grants.tuples.insert(whole.clone());
            }
            grants.texts.push(whole);
        }
        // Most checks are for everything of a kind, and need not look at any text then.
        for action in Action::ALL {
            let everything = grants.urns.iter().any(|urn| urn.workspace == workspace && urn.is_everything());
            if everything || grants.tuples.contains(&action.anywhere()) {
                grants.anywhere |= action.bit();
            }
        }
        Ok(grants)
    }

    /// What these actions allow together, each on everything of its kind.
    pub fn of(actions: impl IntoIterator<Item = Action>) -> Self {
        let mut grants = Self::default();
        for action in actions {
            grants.texts.push(action.anywhere());
            grants.tuples.insert(action.anywhere());
            grants.anywhere |= action.bit();
        }
        grants
    }

    /// The texts, as they are stored and shown.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Whether the action is allowed on everything of its kind.
    pub const fn anywhere(&self, action: Action) -> bool {
        self.anywhere & action.bit() != 0
    }

    /// Whether the action is allowed on the thing with this id.
    pub fn on(&self, action: Action, id: &str) -> bool {
        self.anywhere(action) || (!self.tuples.is_empty() && self.tuples.contains(&action.on(id)))
    }

    /// Whether a URN grant allows what `action` says on this path of the workspace.
    pub fn urn(&self, workspace: &str, path: &[&str], action: &str) -> bool {
        self.urns.iter().any(|urn| urn.workspace == workspace && urn.matches(path, action))
    }

    /// The ids on which the action is allowed one by one.
    pub fn ids(&self, action: Action) -> impl Iterator<Item = &str> {
        self.tuples.iter().filter_map(move |tuple| {
            let rest = tuple.strip_prefix(action.kind())?.strip_prefix('.')?;
            rest.strip_suffix(action.verb())?.strip_suffix('.')
        })
    }
}

/// `unkey:v1:<workspace>:<path>#<action>`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Urn {
    workspace: String,
    path: Vec<String>,
    action: String,
}

impl Urn {
    fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("unkey:v1:")?;
        let (workspace, rest) = rest.split_once(':')?;
        let (path, action) = rest.rsplit_once('#')?;
        if workspace.is_empty() || path.is_empty() || action.is_empty() {
            return None;
        }
        let path = path.split('/').map(str::to_owned).collect();
        Some(Self { workspace: workspace.to_owned(), path, action: action.to_owned() })
    }

    fn is_everything(&self) -> bool {
        self.path == ["**"] && self.action == "*"
    }

    /// A `*` stands for one segment; `**` at the end for the path before it and everything below. Any action only goes
    /// together with that.
    fn matches(&self, path: &[&str], action: &str) -> bool {
        let (base, deep) = match self.path.split_last() {
            Some((last, base)) if last == "**" => (base, true),
            _ => (self.path.as_slice(), false),
        };
        let long_enough = if deep { path.len() >= base.len() } else { path.len() == base.len() };
        let fits = base.iter().zip(path).all(|(pattern, segment)| pattern == "*" || pattern == segment);
        long_enough && fits && (self.action == action || (deep && self.action == "*"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(texts: &[&str]) -> Grants {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        Grants::parse(&texts, "ws_default").expect("a test's grants are valid")
    }

    #[test]
    fn a_tuple_allows_what_it_says_and_nothing_else() {
        let some = grants(&["api.*.create_key", "api.api_1.read_key", "apis.*.delete_key", "api.*.nothing"]);
        assert!(some.anywhere(Action::CreateKey) && some.on(Action::CreateKey, "api_9"));
        assert!(some.on(Action::ReadKey, "api_1") && !some.on(Action::ReadKey, "api_2"));
        assert!(!some.anywhere(Action::ReadKey));
        assert!(!some.on(Action::DeleteKey, "api_1"), "only `api` is a kind");
        assert_eq!(some.ids(Action::ReadKey).collect::<Vec<_>>(), ["api_1"]);
    }

    #[test]
    fn a_star_allows_everything_in_its_own_workspace() {
        let all = grants(&["*"]);
        assert!(Action::ALL.iter().all(|action| all.anywhere(*action)));
        assert_eq!(all.texts(), ["unkey:v1:ws_default:**#*"]);
        let foreign = grants(&["unkey:v1:ws_other:**#*"]);
        assert!(Action::ALL.iter().all(|action| !foreign.anywhere(*action)));
        assert!(!foreign.urn("ws_default", &["keyspaces", "ks_1"], "create_key"));
    }

    #[test]
    fn actions_allow_themselves_and_nothing_else() {
        let reads = Grants::of(Action::ALL.iter().copied().filter(|action| action.is_read()));
        for action in Action::ALL {
            assert_eq!(reads.on(*action, "any"), action.verb().starts_with("read_"), "{action:?}");
        }
        assert!(!reads.anywhere(Action::DecryptKey) && !reads.anywhere(Action::VerifyKey));
        assert!(!reads.urn("ws_default", &["keyspaces", "a"], "read_keyspace"));
        assert_eq!(Grants::parse(reads.texts(), "ws_default"), Ok(reads));
    }

    #[test]
    fn urns_match_segment_by_segment() {
        let ws = "ws_default";
        let one = grants(&["unkey:v1:ws_default:keyspaces/*/keys/*#update_key"]);
        assert!(one.urn(ws, &["keyspaces", "a", "keys", "k"], "update_key"));
        assert!(!one.urn(ws, &["keyspaces", "a", "keys", "k"], "delete_key"));
        assert!(!one.urn(ws, &["keyspaces", "a"], "update_key"));
        let deep = grants(&["unkey:v1:ws_default:keyspaces/ks_1/**#*"]);
        assert!(deep.urn(ws, &["keyspaces", "ks_1"], "create_key"));
        assert!(deep.urn(ws, &["keyspaces", "ks_1", "keys", "k"], "anything"));
        assert!(!deep.urn(ws, &["keyspaces", "ks_2", "keys", "k"], "anything"));
        let star = grants(&["unkey:v1:ws_default:keyspaces/ks_1#*"]);
        assert!(!star.urn(ws, &["keyspaces", "ks_1"], "create_key"), "any action needs a deep path");
    }

    #[test]
    fn what_has_no_form_is_refused() {
        for text in ["", "api", "api.create_key", "a.b.c.d", "api..create_key", "unkey:v1:ws:keyspaces"] {
            assert!(Grants::parse(&[text.to_owned()], "ws_default").is_err(), "{text}");
        }
    }
}
