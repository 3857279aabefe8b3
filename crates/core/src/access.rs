//! Which permission each management operation needs: the permissions of the system API itself.

/// A permission of the Management API. The system API lists exactly these, so a token can name no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ManagementScope {
    /// See APIs and their permissions.
    ReadResourceServers,
    /// Create APIs.
    CreateResourceServers,
    /// Change APIs; add, change and remove their permissions.
    UpdateResourceServers,
    /// Delete APIs.
    DeleteResourceServers,
    /// Read the audit log.
    ReadLogs,
}

impl ManagementScope {
    /// All of them, in the order in which the system API lists them.
    pub const ALL: &[Self] = &[
        Self::ReadResourceServers,
        Self::UpdateResourceServers,
        Self::DeleteResourceServers,
        Self::CreateResourceServers,
        Self::ReadLogs,
    ];

    /// The permission's value, as tokens carry it.
    pub const fn value(self) -> &'static str {
        match self {
            Self::ReadResourceServers => "read:resource_servers",
            Self::CreateResourceServers => "create:resource_servers",
            Self::UpdateResourceServers => "update:resource_servers",
            Self::DeleteResourceServers => "delete:resource_servers",
            Self::ReadLogs => "read:logs",
        }
    }

    /// What the permission is for, as the system API describes it.
    pub const fn description(self) -> &'static str {
        match self {
            Self::ReadResourceServers => "Read Resource Servers",
            Self::CreateResourceServers => "Create Resource Servers",
            Self::UpdateResourceServers => "Update Resource Servers",
            Self::DeleteResourceServers => "Delete Resource Servers",
            Self::ReadLogs => "Read Logs",
        }
    }

    /// The scope with this value, if there is one.
    pub fn parse(value: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|scope| scope.value() == value)
    }
}

/// The management scopes of one credential, as a set of bits: a check costs one instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ManagementScopes(u32);

impl ManagementScopes {
    /// The known scopes among the given values. An unknown one grants nothing.
    pub fn from_values<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        values.into_iter().filter_map(ManagementScope::parse).fold(Self::default(), Self::with)
    }

    /// The same set and one more.
    #[must_use]
    pub const fn with(self, scope: ManagementScope) -> Self {
        Self(self.0 | 1 << scope as u32)
    }

    /// Whether the scope is in the set.
    pub const fn contains(self, scope: ManagementScope) -> bool {
        self.0 & (1 << scope as u32) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::{ManagementScope, ManagementScopes};

    #[test]
    fn every_scope_is_listed_once_and_found_by_its_value() {
        for scope in ManagementScope::ALL {
            assert_eq!(ManagementScope::parse(scope.value()), Some(*scope));
            assert_eq!(ManagementScope::ALL.iter().filter(|other| *other == scope).count(), 1);
        }
    }

    #[test]
    fn an_unknown_value_grants_nothing() {
        let scopes = ManagementScopes::from_values(["read:logs", "read:everything"]);
        assert!(scopes.contains(ManagementScope::ReadLogs));
        assert_eq!(scopes, ManagementScopes::default().with(ManagementScope::ReadLogs));
    }
}
