//! Which permission each management operation needs: the permissions of the system API itself.

/// Makes the scopes from one list, so that none of them can be left out anywhere.
macro_rules! management_scopes {
    ($($(#[$document:meta])* $name:ident = $value:literal, $description:literal;)*) => {
        /// A permission of the Management API. The system API lists exactly these, so a token can name no other.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ManagementScope {
            $($(#[$document])* $name,)*
        }

        impl ManagementScope {
            /// All of them, in the order in which the system API lists them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The permission's value, as tokens carry it.
            pub const fn value(self) -> &'static str {
                match self { $(Self::$name => $value,)* }
            }

            /// What the permission is for, as the system API describes it.
            pub const fn description(self) -> &'static str {
                match self { $(Self::$name => $description,)* }
            }
        }
    };
}

management_scopes! {
    /// See APIs and their permissions.
    ReadResourceServers = "read:resource_servers", "Read Resource Servers";
    /// Change APIs; add, change and remove their permissions.
    UpdateResourceServers = "update:resource_servers", "Update Resource Servers";
    /// Delete APIs.
    DeleteResourceServers = "delete:resource_servers", "Delete Resource Servers";
    /// Create APIs.
    CreateResourceServers = "create:resource_servers", "Create Resource Servers";
    /// See users.
    ReadUsers = "read:users", "Read Users";
    /// Change users and what they hold.
    UpdateUsers = "update:users", "Update Users";
    /// Delete users.
    DeleteUsers = "delete:users", "Delete Users";
    /// Create users.
    CreateUsers = "create:users", "Create Users";
    /// Change what an application keeps about users, and nothing else of them.
    UpdateUsersAppMetadata = "update:users_app_metadata", "Update Users App Metadata";
    /// See which permissions users have in effect.
    ReadUserEffectivePermissions = "read:user_effective_permissions", "Read User Effective Permissions";
    /// See which roles give a user a permission.
    ReadUserPermissionSourceRoles = "read:user_permission_source_roles", "Read User Permission Source Roles";
    /// See which roles users have in effect.
    ReadUserEffectiveRoles = "read:user_effective_roles", "Read User Effective Roles";
    /// See who has a role.
    ReadRoleMembers = "read:role_members", "Read Role Members";
    /// Give roles to users.
    CreateRoleMembers = "create:role_members", "Create Role Members";
    /// Take roles away from users.
    DeleteRoleMembers = "delete:role_members", "Delete Role Members";
    /// See connections.
    ReadConnections = "read:connections", "Read Connections";
    /// Change connections.
    UpdateConnections = "update:connections", "Update Connections";
    /// Delete connections with all of their users.
    DeleteConnections = "delete:connections", "Delete Connections";
    /// Create connections.
    CreateConnections = "create:connections", "Create Connections";
    /// Read the audit log.
    ReadLogs = "read:logs", "Read Logs";
    /// See applications, but for their secrets.
    ReadClients = "read:clients", "Read Applications";
    /// Change applications, but for their secrets.
    UpdateClients = "update:clients", "Update Applications";
    /// Delete applications.
    DeleteClients = "delete:clients", "Delete Applications";
    /// Create applications.
    CreateClients = "create:clients", "Create Applications";
    /// See applications with their secrets.
    ReadClientKeys = "read:client_keys", "Read Application Keys";
    /// Give applications other secrets.
    UpdateClientKeys = "update:client_keys", "Update Application Keys";
    /// See which applications there are, and no more of them than what they are called.
    ReadClientSummary = "read:client_summary", "Read Application Summaries";
    /// See the public keys of applications.
    ReadClientCredentials = "read:client_credentials", "Read Application Credentials";
    /// Change when public keys of applications expire.
    UpdateClientCredentials = "update:client_credentials", "Update Application Credentials";
    /// Delete public keys of applications.
    DeleteClientCredentials = "delete:client_credentials", "Delete Application Credentials";
    /// Give applications public keys.
    CreateClientCredentials = "create:client_credentials", "Create Application Credentials";
    /// See what applications may ask for.
    ReadClientGrants = "read:client_grants", "Read Client Grants";
    /// Let applications ask for more or less. Whoever may do this may let themselves do everything.
    UpdateClientGrants = "update:client_grants", "Update Client Grants";
    /// Let applications ask for nothing of an API any more.
    DeleteClientGrants = "delete:client_grants", "Delete Client Grants";
    /// Let applications ask for tokens of an API. Whoever may do this may let themselves do everything.
    CreateClientGrants = "create:client_grants", "Create Client Grants";
    /// See roles and what they give.
    ReadRoles = "read:roles", "Read Roles";
    /// Change roles and what they give.
    UpdateRoles = "update:roles", "Update Roles";
    /// Delete roles.
    DeleteRoles = "delete:roles", "Delete Roles";
    /// Create roles.
    CreateRoles = "create:roles", "Create Roles";
    /// See what is set for the tenant as a whole.
    ReadTenantSettings = "read:tenant_settings", "Read Tenant Settings";
    /// Change what is set for the tenant as a whole.
    UpdateTenantSettings = "update:tenant_settings", "Update Tenant Settings";
    /// See what users have let applications do.
    ReadGrants = "read:grants", "Read Grants";
    /// Take away what users have let applications do.
    DeleteGrants = "delete:grants", "Delete Grants";
    /// See the credentials of users' devices.
    ReadDeviceCredentials = "read:device_credentials", "Read Device Credentials";
    /// Delete credentials of users' devices.
    DeleteDeviceCredentials = "delete:device_credentials", "Delete Device Credentials";
    /// See the public halves of the signing keys.
    ReadSigningKeys = "read:signing_keys", "Read Signing Keys";
    /// Rotate the signing keys, together with the next one.
    CreateSigningKeys = "create:signing_keys", "Create Signing Keys";
    /// Rotate the signing keys, and revoke one.
    UpdateSigningKeys = "update:signing_keys", "Update Signing Keys";
    /// Read what was revoked of an API, and nothing else: for the API itself.
    ReadRevocations = "read:revocations", "Read Revocations";
}

impl ManagementScope {
    /// The scope with this value, if there is one.
    pub fn parse(value: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|scope| scope.value() == value)
    }
}

// A set has a bit for each scope; one without a bit of its own would grant another.
const _: () = assert!(ManagementScope::ALL.len() <= u128::BITS as usize);

/// The management scopes of one credential, as a set of bits: a check is one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ManagementScopes(u128);

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
