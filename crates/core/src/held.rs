//! What a user holds: directly, and by roles. The one place that says so.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    model::{
        api::ApiNumber,
        permission::{Permission, PermissionNumber},
        role::{Role, RoleNumber},
    },
    snapshot::{ApiEntry, Snapshot},
};

/// A permission that somebody holds, and why.
#[derive(Debug, Clone)]
pub struct Held<'s> {
    /// The permission.
    pub permission: &'s Arc<Permission>,
    /// The API it belongs to.
    pub api: &'s Arc<ApiEntry>,
    /// Whether it is held directly.
    pub direct: bool,
    /// The roles that give it, in the order of their names.
    pub roles: Vec<&'s Arc<Role>>,
}

/// The permissions of one API that somebody with these roles and these permissions holds, by code point and each once.
/// What is deleted is not held.
pub fn held<'s>(
    snapshot: &'s Snapshot,
    api: ApiNumber,
    roles: &[RoleNumber],
    direct: &[PermissionNumber],
) -> Vec<&'s Permission> {
    let by_roles = roles.iter().filter_map(|role| snapshot.role(*role)).flat_map(|role| &role.permissions);
    let all = by_roles.chain(direct).filter_map(|number| snapshot.permission(*number));
    let mut list: Vec<&Permission> = all.map(AsRef::as_ref).filter(|permission| permission.api == api).collect();
    list.sort_by(|a, b| a.value.cmp(&b.value).then(a.number.cmp(&b.number)));
    list.dedup_by_key(|permission| permission.number);
    list
}

/// The same of all APIs, with the reasons: in the order of the values, then of the APIs' identifiers.
pub fn with_sources<'s>(snapshot: &'s Snapshot, roles: &[RoleNumber], direct: &[PermissionNumber]) -> Vec<Held<'s>> {
    let mut found: BTreeMap<PermissionNumber, Held<'s>> = BTreeMap::new();
    let entry = |number: PermissionNumber| {
        let permission = snapshot.permission(number)?;
        let api = snapshot.api_numbered(permission.api)?;
        Some(Held { permission, api, direct: false, roles: Vec::new() })
    };
    for number in direct {
        if let Some(held) = entry(*number) {
            found.insert(*number, Held { direct: true, ..held });
        }
    }
    for role in named(snapshot, roles) {
        for number in &role.permissions {
            let Some(held) = entry(*number) else { continue };
            found.entry(*number).or_insert(held).roles.push(role);
        }
    }
    let mut list: Vec<Held<'s>> = found.into_values().collect();
    list.sort_by(|a, b| {
        let key = |held: &Held<'s>| (held.permission.value.clone(), held.api.api.identifier.clone());
        key(a).cmp(&key(b))
    });
    list
}

/// Those of the roles that are not deleted, in the order of their names.
pub fn named<'s>(snapshot: &'s Snapshot, roles: &[RoleNumber]) -> Vec<&'s Arc<Role>> {
    let mut list: Vec<&Arc<Role>> = roles.iter().filter_map(|role| snapshot.role(*role)).collect();
    list.sort_by(|a, b| a.name.cmp(&b.name).then(a.number.cmp(&b.number)));
    list.dedup_by_key(|role| role.number);
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{
            Revision, WorkspaceNumber,
            api::{Api, ApiSettings, KeySettings},
            permission::PermissionValue,
        },
        snapshot::{Changes, Row},
        time::Timestamp,
    };

    fn api(number: i64) -> Row {
        let api = Api {
            number: ApiNumber(number),
            workspace: WorkspaceNumber::FIRST,
            id: format!("{number:024x}"),
            identifier: format!("https://{number}.example/"),
            name: None,
            system: None,
            settings: ApiSettings::default(),
            key_settings: KeySettings::default(),
            signing_secret: None,
            revision: Revision(1),
            created_at: Timestamp(0),
        };
        Row::Api(api.number, Some(Box::new(api)))
    }

    fn permission(number: i64, api: i64, value: &str) -> Row {
        let permission = Permission {
            number: PermissionNumber(number),
            id: format!("perm_{number}"),
            api: ApiNumber(api),
            value: PermissionValue::stored(value.to_owned()),
            name: None,
            description: None,
            position: number,
            created_at: Timestamp(0),
        };
        Row::Permission(permission.number, Some(Box::new(permission)))
    }

    fn role(number: i64, name: &str, permissions: &[i64]) -> Row {
        let role = Role {
            number: RoleNumber(number),
            workspace: WorkspaceNumber::FIRST,
            id: format!("{number}"),
            name: name.to_owned(),
            description: None,
            permissions: permissions.iter().copied().map(PermissionNumber).collect(),
            created_at: Timestamp(0),
        };
        Row::Role(role.number, Some(Box::new(role)))
    }

    /// An API, roles, what is held directly, and what is held of the API.
    type Case = (i64, &'static [i64], &'static [i64], &'static [&'static str]);

    fn snapshot() -> Snapshot {
        let rows = vec![
            api(1),
            api(2),
            permission(1, 1, "p:10"),
            permission(2, 1, "p:2"),
            permission(3, 1, "Z"),
            permission(4, 2, "p:10"),
            role(1, "b", &[1, 2, 9]),
            role(2, "a", &[2, 4]),
        ];
        Snapshot::default().apply(Changes { revision: Revision(1), rows })
    }

    #[test]
    fn what_is_held_is_direct_or_by_a_role_in_code_point_order_and_once() {
        let cases: [Case; 9] = [
            (1, &[], &[], &[]),
            (1, &[], &[2, 1, 3], &["Z", "p:10", "p:2"]),
            (1, &[1], &[], &["p:10", "p:2"]),
            (1, &[1, 2], &[2], &["p:10", "p:2"]),
            (1, &[2], &[], &["p:2"]),
            (2, &[2], &[1, 2], &["p:10"]),
            (2, &[1], &[1], &[]),
            (1, &[7], &[9], &[]),
            (3, &[1, 2], &[1, 2, 3, 4], &[]),
        ];
        let snapshot = snapshot();
        for (api, roles, direct, wanted) in cases {
            let roles: Vec<_> = roles.iter().copied().map(RoleNumber).collect();
            let direct: Vec<_> = direct.iter().copied().map(PermissionNumber).collect();
            let found = held(&snapshot, ApiNumber(api), &roles, &direct);
            assert_eq!(
                found.iter().map(|p| p.value.as_str()).collect::<Vec<_>>(),
                wanted,
                "{api} {roles:?} {direct:?}"
            );
            // With reasons or without: the same is held.
            let reasons = with_sources(&snapshot, &roles, &direct);
            let of_api = reasons.iter().filter(|held| held.permission.api == ApiNumber(api));
            assert_eq!(of_api.map(|held| held.permission.value.as_str()).collect::<Vec<_>>(), wanted);
        }
    }

    #[test]
    fn what_is_deleted_is_not_held_and_comes_back_with_its_number() {
        let (roles, direct) = ([RoleNumber(1)], [PermissionNumber(3)]);
        let values = |snapshot: &Snapshot| -> Vec<String> {
            held(snapshot, ApiNumber(1), &roles, &direct).iter().map(|p| p.value.to_string()).collect()
        };
        let first = snapshot();
        let gone = vec![Row::Role(RoleNumber(1), None), Row::Permission(PermissionNumber(3), None)];
        let second = first.apply(Changes { revision: Revision(2), rows: gone });
        assert_eq!(values(&second), [""; 0]);
        // Another one with the same value is another one.
        let again = second.apply(Changes { revision: Revision(3), rows: vec![permission(5, 1, "Z")] });
        assert_eq!(values(&again), [""; 0]);
        let rows = vec![role(1, "b", &[1]), permission(3, 1, "Z")];
        let restored = second.apply(Changes { revision: Revision(3), rows });
        assert_eq!(values(&restored), ["Z", "p:10"]);
    }

    #[test]
    fn reasons_are_all_named() {
        let snapshot = snapshot();
        let roles = [RoleNumber(1), RoleNumber(2)];
        let list = with_sources(&snapshot, &roles, &[PermissionNumber(2)]);
        let shown: Vec<_> = list
            .iter()
            .map(|held| {
                let roles: Vec<_> = held.roles.iter().map(|role| role.name.as_str()).collect();
                (held.permission.value.as_str(), held.api.api.number.0, held.direct, roles)
            })
            .collect();
        assert_eq!(
            shown,
            [("p:10", 1, false, vec!["b"]), ("p:10", 2, false, vec!["a"]), ("p:2", 1, true, vec!["a", "b"])]
        );
    }
}
