use super::*;
use crate::{
    model::{
        api::{ApiSettings, KeySettings},
        permission::PermissionValue,
    },
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
        revision: Revision(number),
        created_at: Timestamp(0),
    };
    Row::Api(ApiNumber(number), Some(Box::new(api)))
}

fn permission(number: i64, position: i64) -> Row {
    let permission = Permission {
        number: PermissionNumber(number),
        id: format!("perm_{number}"),
        api: ApiNumber(1),
        value: PermissionValue::stored(format!("p{number}")),
        name: None,
        description: None,
        position,
        created_at: Timestamp(0),
    };
    Row::Permission(PermissionNumber(number), Some(Box::new(permission)))
}

fn values(snapshot: &Snapshot) -> Vec<&str> {
    let entry = snapshot.api_numbered(ApiNumber(1)).expect("the API is there");
    entry.permissions.iter().map(|p| p.value.as_str()).collect()
}

#[test]
fn permissions_keep_the_order_of_their_places_and_the_old_state_stays() {
    let rows = vec![api(1), permission(1, 5), permission(2, 3), permission(3, 9)];
    let first = Snapshot::default().apply(Changes { revision: Revision(1), rows });
    assert_eq!(values(&first), ["p2", "p1", "p3"]);
    let rows = vec![permission(3, 1), Row::Permission(PermissionNumber(1), None), permission(2, 4)];
    let second = first.apply(Changes { revision: Revision(2), rows });
    assert_eq!(values(&second), ["p3", "p2"]);
    assert_eq!(values(&first), ["p2", "p1", "p3"]);
    assert!(second.permission(PermissionNumber(1)).is_none());
}

#[test]
fn a_deleted_api_takes_its_permissions_out_of_memory() {
    let rows = vec![api(1), api(2), permission(1, 1)];
    let snapshot = Snapshot::default().apply(Changes { revision: Revision(1), rows });
    let next = snapshot.apply(Changes { revision: Revision(2), rows: vec![Row::Api(ApiNumber(1), None)] });
    assert!(next.permission(PermissionNumber(1)).is_none());
    assert!(next.api(WorkspaceNumber::FIRST, "https://1.example/").is_none());
    assert_eq!(next.apis(WorkspaceNumber::FIRST).count(), 1);
    let late = next.apply(Changes { revision: Revision(3), rows: vec![permission(1, 1)] });
    assert!(late.permission(PermissionNumber(1)).is_none(), "a row of a deleted API stays out");
}
