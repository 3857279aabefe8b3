//! The net under every operation that root keys carry out: each row of the table is called with nobody's key, with keys
//! that lack something, and with one that has exactly enough.

use keyward_core::grants::Action;
use keyward_server::http::{
    operation::{Access, Guard, Masking, Operation},
    table::OPERATIONS,
};
use serde_json::{Value, json};

use crate::{
    support::{Reply, TestApp},
    unkey::{answers::refusal, examples::example},
};

on_both_engines!(
    nobody_is_answered,
    whoever_may_not_sees_what_the_row_says,
    whoever_lacks_one_permission_is_refused,
    exactly_enough_is_enough,
);

/// Which example of a row it is, so that no two rows or tests make things of one name.
fn nth(test: u64, row: &Operation) -> u64 {
    let place = OPERATIONS.iter().position(|other| other.id == row.id).unwrap();
    test * 1000 + u64::try_from(place).unwrap()
}

fn guarded() -> impl Iterator<Item = (&'static Operation, Guard)> {
    OPERATIONS.iter().filter_map(|row| match row.access {
        Access::RootKey(guard) => Some((row, guard)),
        _ => None,
    })
}

/// A verification says no in its own words; every other operation refuses.
fn is_refused(reply: &Reply) -> bool {
    reply.status == 403 || reply.status == 404 || reply.body["data"] == json!({ "valid": false, "code": "NOT_FOUND" })
}

/// What a caller learns of it, but for the request's id.
fn learnt(reply: &Reply) -> Value {
    let mut body = reply.body.clone();
    body["meta"] = Value::Null;
    json!([reply.status.as_u16(), body])
}

async fn root_key(t: &TestApp, actions: impl IntoIterator<Item = Action>) -> String {
    let texts: Vec<String> = actions.into_iter().map(Action::anywhere).collect();
    t.root_key_with(&texts.iter().map(String::as_str).collect::<Vec<_>>()).await
}

async fn nobody_is_answered(t: TestApp) {
    for (row, _) in guarded() {
        let body = example(&t, row.id, nth(1, row)).await.plain;
        let reply = t.v2(row.id, body.clone()).anonymous().send().await;
        assert_eq!((reply.status.as_u16(), &reply.body["error"]["errors"][0]["location"]), (400, &json!("security")));
        for header in ["Basic x", "Bearer", "Bearer ", "bearer x"] {
            let reply = t.v2(row.id, body.clone()).header("authorization", header).send().await;
            assert_eq!(refusal(&reply).1, "unkey/authentication/malformed", "{} {header}", row.id);
        }
        for token in ["nobody", &t.token] {
            let reply = t.v2_as(token, row.id, body.clone()).await;
            assert_eq!(refusal(&reply).1, "unkey/authentication/key_not_found", "{}", row.id);
        }
        // What is wrong with the body is said to anybody.
        for body in [json!(1), json!({ "colour": {} })] {
            let reply = t.v2_as("nobody", row.id, body).await;
            assert_eq!(reply.status, 400, "{}", row.id);
        }
    }
}

async fn whoever_may_not_sees_what_the_row_says(t: TestApp) {
    for (row, guard) in guarded() {
        let example = example(&t, row.id, nth(2, row)).await;
        // Everything that is not needed, and what is needed in forms that grant nothing here.
        let others = Action::ALL.iter().filter(|action| !guard.needs.contains(action)).map(|action| action.anywhere());
        // Whoever may see one API's verifications may ask, and gets that API's.
        let elsewhere = guard.needs.iter().filter(|action| **action != Action::ReadAnalytics).map(|a| a.on("other"));
        let foreign = guard.needs.iter().map(|action| format!("unkey:v1:ws_other:**#{}", action.verb()));
        let futile = elsewhere.chain(foreign);
        let texts: Vec<String> = others.chain(futile).collect();
        let stranger = t.root_key_with(&texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let there = t.v2_as(&stranger, row.id, example.plain.clone()).await;
        let Some(absent) = example.absent else {
            assert_eq!(there.status, 403, "{}: {}", row.id, there.body);
            continue;
        };
        let gone = t.v2_as(&stranger, row.id, absent.clone()).await;
        match guard.masking {
            Masking::First | Masking::FirstOn(_) => {
                assert_eq!((there.status.as_u16(), gone.status.as_u16()), (403, 403), "{}", row.id);
                assert_eq!(refusal(&there).1, "unkey/authorization/insufficient_permissions");
            }
            Masking::AfterLookup => {
                assert_eq!((there.status.as_u16(), gone.status.as_u16()), (403, 404), "{}", row.id);
                assert_eq!(refusal(&there).1, "unkey/authorization/insufficient_permissions");
            }
            Masking::Absent => {
                let truly_gone = t.v2(row.id, absent).send().await;
                assert!(is_refused(&there), "{}: {}", row.id, there.body);
                assert_eq!(learnt(&there), learnt(&truly_gone), "{}", row.id);
                assert_eq!(learnt(&gone), learnt(&truly_gone), "{}", row.id);
            }
        }
    }
}

async fn whoever_lacks_one_permission_is_refused(t: TestApp) {
    for (row, guard) in guarded() {
        let example = example(&t, row.id, nth(3, row)).await;
        let all: Vec<Action> = guard.needs.iter().chain(guard.may_need).copied().collect();
        for missing in &all {
            let root = root_key(&t, all.iter().copied().filter(|action| action != missing)).await;
            let body = if guard.needs.contains(missing) { &example.plain } else { &example.full };
            let reply = t.v2_as(&root, row.id, body.clone()).await;
            assert!(is_refused(&reply), "{} without {}: {}", row.id, missing.anywhere(), reply.body);
            if reply.status == 403 {
                assert!(refusal(&reply).2.contains(&missing.anywhere()), "{}: {}", row.id, reply.body);
            }
        }
    }
}

async fn exactly_enough_is_enough(t: TestApp) {
    for (row, guard) in guarded() {
        let first = example(&t, row.id, nth(4, row)).await;
        let root = root_key(&t, guard.needs.iter().copied()).await;
        let reply = t.v2_as(&root, row.id, first.plain).await;
        assert!(reply.status == 200 && !is_refused(&reply), "{}: {}", row.id, reply.body);
        let second = example(&t, row.id, nth(5, row)).await;
        let root = root_key(&t, guard.needs.iter().chain(guard.may_need).copied()).await;
        let reply = t.v2_as(&root, row.id, second.full).await;
        assert!(reply.status == 200 && !is_refused(&reply), "{}: {}", row.id, reply.body);
    }
}

/// What root keys need, for a person to read: a change of the policy is a change of this text.
#[test]
fn the_root_key_policy_reads_like_this() {
    let list = |actions: &[Action]| actions.iter().map(|action| action.anywhere()).collect::<Vec<_>>().join(" ");
    let line = |(row, guard): (&Operation, Guard)| {
        let masking = match guard.masking {
            Masking::First => "first".to_owned(),
            Masking::FirstOn(member) => format!("first, on {member}"),
            Masking::AfterLookup => "after lookup".to_owned(),
            Masking::Absent => "absent".to_owned(),
        };
        let more = if guard.may_need.is_empty() { String::new() } else { format!(" (+ {})", list(guard.may_need)) };
        format!("{} <- {}{more} [{masking}]", row.id, list(guard.needs))
    };
    let policy: Vec<_> = guarded().map(line).collect();
    insta::assert_snapshot!(policy.join("\n"), @r"
    permissions.createPermission <- rbac.*.create_permission [first]
    permissions.getPermission <- rbac.*.read_permission [first]
    permissions.listPermissions <- rbac.*.read_permission [first]
    permissions.updatePermission <- rbac.*.update_permission [first]
    permissions.deletePermission <- rbac.*.delete_permission [first]
    permissions.restorePermission <- rbac.*.create_permission rbac.*.add_permission_to_role rbac.*.add_permission_to_key [first]
    permissions.getImpact <- rbac.*.read_permission rbac.*.read_role api.*.read_key [first]
    permissions.createRole <- rbac.*.create_role (+ rbac.*.add_permission_to_role rbac.*.create_permission) [first]
    permissions.getRole <- rbac.*.read_role [first]
    permissions.listRoles <- rbac.*.read_role [first]
    permissions.deleteRole <- rbac.*.delete_role [first]
    permissions.restoreRole <- rbac.*.create_role rbac.*.add_role_to_key [first]
    permissions.getRoleImpact <- rbac.*.read_permission rbac.*.read_role api.*.read_key [first]
    permissions.setRolePermissions <- rbac.*.add_permission_to_role rbac.*.remove_permission_from_role (+ rbac.*.create_permission) [first]
    keys.createKey <- api.*.create_key (+ api.*.encrypt_key rbac.*.add_permission_to_key rbac.*.add_role_to_key rbac.*.create_permission) [absent]
    keys.getKey <- api.*.read_key (+ api.*.decrypt_key) [after lookup]
    keys.whoami <- api.*.read_key [absent]
    keys.verifyKey <- api.*.verify_key [absent]
    keys.updateKey <- api.*.update_key (+ rbac.*.add_permission_to_key rbac.*.add_role_to_key rbac.*.create_permission) [after lookup]
    keys.updateCredits <- api.*.update_key [after lookup]
    keys.deleteKey <- api.*.delete_key [after lookup]
    keys.rerollKey <- api.*.create_key (+ api.*.encrypt_key) [after lookup]
    keys.migrateKeys <- api.*.create_key (+ rbac.*.add_permission_to_key rbac.*.add_role_to_key rbac.*.create_permission rbac.*.create_role) [first, on apiId]
    keys.addPermissions <- api.*.update_key rbac.*.add_permission_to_key (+ rbac.*.create_permission) [after lookup]
    keys.removePermissions <- api.*.update_key rbac.*.remove_permission_from_key [after lookup]
    keys.setPermissions <- api.*.update_key rbac.*.add_permission_to_key rbac.*.remove_permission_from_key (+ rbac.*.create_permission) [after lookup]
    keys.addRoles <- api.*.update_key rbac.*.add_role_to_key [after lookup]
    keys.removeRoles <- api.*.update_key [after lookup]
    keys.setRoles <- api.*.update_key (+ rbac.*.add_role_to_key) [after lookup]
    apis.createApi <- api.*.create_api [first]
    apis.getApi <- api.*.read_api [first, on apiId]
    apis.updateApi <- api.*.update_api [first, on apiId]
    apis.deleteApi <- api.*.delete_api [first, on apiId]
    apis.listKeys <- api.*.read_key api.*.read_api (+ api.*.decrypt_key) [absent]
    identities.createIdentity <- identity.*.create_identity [first]
    identities.getIdentity <- identity.*.read_identity [after lookup]
    identities.listIdentities <- identity.*.read_identity [after lookup]
    identities.updateIdentity <- identity.*.update_identity [first]
    identities.deleteIdentity <- identity.*.delete_identity [first]
    ratelimit.limit <- ratelimit.*.limit (+ ratelimit.*.create_namespace) [after lookup]
    ratelimit.multiLimit <- ratelimit.*.limit (+ ratelimit.*.create_namespace) [after lookup]
    ratelimit.setOverride <- ratelimit.*.set_override [after lookup]
    ratelimit.getOverride <- ratelimit.*.read_override [absent]
    ratelimit.deleteOverride <- ratelimit.*.delete_override [after lookup]
    ratelimit.listOverrides <- ratelimit.*.read_override [after lookup]
    analytics.getVerifications <- api.*.read_analytics [after lookup]
    ");
}
