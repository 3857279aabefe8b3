//! The contract's matrix, and what must never be in a token.

use serde_json::json;

use super::*;
use crate::{
    model::{
        Revision, WorkspaceNumber,
        api::{ApiNumber, ApiSettings, KeySettings},
        client::{ClientNumber, ClientSettings},
        client_grant::{ClientGrantNumber, ClientGrantSettings, GrantedScope},
        permission::PermissionValue,
    },
    snapshot::{Changes, Row},
    time::Timestamp,
};

const API: ApiNumber = ApiNumber(1);
const CLIENT: ClientNumber = ClientNumber(1);

/// An API with A, B and C, an application, and whatever grants there are.
struct World {
    settings: ApiSettings,
    first_party: bool,
    permissions: Vec<(i64, &'static str)>,
    grants: Vec<ClientGrant>,
}

impl Default for World {
    fn default() -> Self {
        let permissions = vec![(1, "A"), (2, "B"), (3, "C")];
        Self { settings: ApiSettings::default(), first_party: true, permissions, grants: Vec::new() }
    }
}

fn grant(subject_type: SubjectType, scopes: &[(&str, Option<i64>)]) -> ClientGrant {
    let scope = |(value, number): &(&str, Option<i64>)| GrantedScope {
        value: (*value).to_owned(),
        permission: number.map(PermissionNumber),
    };
    ClientGrant {
        number: ClientGrantNumber(1),
        workspace: WorkspaceNumber::FIRST,
        id: "cgr_1".to_owned(),
        client: Some(CLIENT),
        api: API,
        subject_type,
        scope: Some(scopes.iter().map(scope).collect()),
        settings: ClientGrantSettings::default(),
        revision: Revision(1),
        created_at: Timestamp(0),
    }
}

fn machine() -> ClientGrant {
    grant(SubjectType::Client, &[("A", Some(1)), ("B", Some(2))])
}

impl World {
    fn rbac(enforced: bool, dialect: &str) -> Self {
        let fields = json!({ "enforce_policies": enforced, "token_dialect": dialect });
        let settings = ApiSettings::default().with(fields.as_object().expect("an object")).expect("valid");
        Self { settings, grants: vec![machine()], ..Self::default() }
    }

    fn snapshot(&self) -> Snapshot {
        let api = Api {
            number: API,
            workspace: WorkspaceNumber::FIRST,
            id: "1".to_owned(),
            identifier: "https://api/".to_owned(),
            name: None,
            system: None,
            settings: self.settings.clone(),
            key_settings: KeySettings::default(),
            signing_secret: None,
            revision: Revision(1),
            created_at: Timestamp(0),
        };
        let mut rows = vec![Row::Api(API, Some(Box::new(api)))];
        for (number, value) in &self.permissions {
            let permission = Permission {
                number: PermissionNumber(*number),
                id: format!("perm_{number}"),
                api: API,
                value: PermissionValue::stored((*value).to_owned()),
                name: None,
                description: None,
                position: *number,
                created_at: Timestamp(0),
            };
            rows.push(Row::Permission(permission.number, Some(Box::new(permission))));
        }
        for grant in &self.grants {
            rows.push(Row::ClientGrant(grant.number, Some(Box::new(grant.clone()))));
        }
        Snapshot::default().apply(Changes { revision: Revision(1), rows })
    }

    fn client(&self) -> Client {
        Client {
            number: CLIENT,
            workspace: WorkspaceNumber::FIRST,
            id: "client".to_owned(),
            name: "client".to_owned(),
            settings: ClientSettings { is_first_party: self.first_party, ..ClientSettings::of_new(None) },
            secret: None,
            credentials: vec![],
            revision: Revision(1),
            created_at: Timestamp(0),
        }
    }

    fn machine(&self, asked: &str) -> Result<Granted, Refused> {
        let snapshot = self.snapshot();
        let entry = snapshot.api_numbered(API).expect("it is there");
        for_client(&snapshot, &self.client(), entry, &words(asked))
    }

    fn user(&self, holds: &[i64], asked: &str) -> Result<Granted, Refused> {
        let snapshot = self.snapshot();
        let entry = snapshot.api_numbered(API).expect("it is there");
        let user = Assignments { permissions: holds.iter().map(|number| PermissionNumber(*number)).collect() };
        for_user(&snapshot, &self.client(), entry, &user, &words(asked))
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn granted(scope: &str, permissions: Option<&str>) -> Result<Granted, Refused> {
    Ok(Granted { scope: words(scope), permissions: permissions.map(words) })
}

/// Contract §2.7: the API has A, B and C, the user holds A and B, the application was granted A and B.
#[test]
fn the_matrix() {
    let (plain, authz) = ("access_token", "access_token_authz");
    for (plain, authz) in [(plain, authz), ("rfc9068_profile", "rfc9068_profile_authz")] {
        for (enforced, dialect, user_scope, permissions, machine_permissions) in [
            (false, plain, "A C", None, None),
            (false, authz, "A C", None, None),
            (true, plain, "A", None, None),
            (true, authz, "A", Some("A B"), Some("A")),
        ] {
            let world = World::rbac(enforced, dialect);
            let row = format!("{enforced} {dialect}");
            assert_eq!(world.user(&[1, 2], "A C"), granted(user_scope, permissions), "{row}");
            assert_eq!(world.machine("A"), granted("A", machine_permissions), "{row}");
        }
        let world = World::rbac(true, authz);
        assert_eq!(world.user(&[], "A C"), granted("", Some("")), "a user who holds nothing");
        assert_eq!(world.user(&[1, 2], ""), granted("", Some("A B")), "nothing is asked for");
        assert_eq!(world.machine(""), granted("A B", Some("A B")), "a machine that asks for nothing gets all");
    }
}

#[test]
fn a_machine_that_asks_for_more_is_refused_with_what_it_lacks() {
    let world = World::rbac(true, "access_token");
    assert_eq!(world.machine("A C D"), Err(Refused::Scopes(words("C D"))));
    assert_eq!(world.machine("openid A"), Err(Refused::Scopes(words("openid"))));
    let none = World::default();
    assert_eq!(none.machine("A"), Err(Refused::NotAuthorized));
    let closed = json!({"subject_type_authorization": {"client": {"policy": "deny_all"}}});
    let settings = ApiSettings::default().with(closed.as_object().expect("an object")).expect("valid");
    assert_eq!(
        World { settings, grants: vec![machine()], ..World::default() }.machine("A"),
        Err(Refused::NotAuthorized)
    );
}

#[test]
fn what_was_deleted_is_in_no_token_and_its_name_used_again_brings_nothing_back() {
    let mut world = World::rbac(true, "access_token_authz");
    world.permissions = vec![(4, "A"), (2, "B"), (3, "C")];
    assert_eq!(world.machine(""), granted("B", Some("B")));
    assert_eq!(world.machine("A"), Err(Refused::Scopes(words("A"))));
    assert_eq!(world.user(&[1, 2], "A B"), granted("B", Some("B")));
}

#[test]
fn a_grant_of_everything_follows_the_api_and_an_unknown_name_gives_nothing() {
    let mut all = grant(SubjectType::Client, &[]);
    all.settings.allow_all_scopes = Some(true);
    assert_eq!(World { grants: vec![all], ..World::default() }.machine(""), granted("A B C", None));
    let unknown = grant(SubjectType::Client, &[("A", None), ("B", Some(2))]);
    assert_eq!(World { grants: vec![unknown], ..World::default() }.machine(""), granted("B", None));
    let empty = grant(SubjectType::Client, &[]);
    assert_eq!(World { grants: vec![empty], ..World::default() }.machine(""), granted("", None));
}

#[test]
fn who_may_act_for_users() {
    let policy = |word: &str| {
        let fields = json!({"subject_type_authorization": {"user": {"policy": word}}});
        ApiSettings::default().with(fields.as_object().expect("an object")).expect("valid")
    };
    let for_users = || vec![grant(SubjectType::User, &[("B", Some(2))])];
    for (word, first_party, grants, expected) in [
        ("allow_all", true, vec![], granted("A B", None)),
        ("allow_all", true, for_users(), granted("A B", None)),
        ("allow_all", false, vec![], Err(Refused::NotAuthorized)),
        ("allow_all", false, for_users(), granted("B", None)),
        ("require_client_grant", true, vec![], Err(Refused::NotAuthorized)),
        ("require_client_grant", true, for_users(), granted("B", None)),
        ("require_client_grant", true, vec![machine()], Err(Refused::NotAuthorized)),
        ("require_client_grant", false, for_users(), granted("B", None)),
        ("deny_all", true, for_users(), Err(Refused::NotAuthorized)),
        ("deny_all", false, for_users(), Err(Refused::NotAuthorized)),
    ] {
        let row = format!("{word}, first party: {first_party}, {} grants", grants.len());
        let world = World { settings: policy(word), first_party, grants, ..World::default() };
        assert_eq!(world.user(&[], "A B"), expected, "{row}");
    }
}

#[test]
fn a_grant_of_all_third_parties_is_for_those_without_their_own() {
    let everybodys = || ClientGrant { client: None, number: ClientGrantNumber(2), ..machine() };
    let own = || grant(SubjectType::Client, &[("B", Some(2))]);
    let third = |grants| World { first_party: false, grants, ..World::default() };
    assert_eq!(third(vec![everybodys()]).machine(""), granted("A B", None));
    assert_eq!(third(vec![everybodys(), own()]).machine(""), granted("B", None), "one's own replaces it");
    let first = World { grants: vec![everybodys()], ..World::default() };
    assert_eq!(first.machine(""), Err(Refused::NotAuthorized), "the owner's applications are not third parties");
}

#[test]
fn names_of_identity_data_are_no_permissions() {
    let mut world = World { permissions: vec![(1, "openid"), (2, "B")], ..World::default() };
    world.grants = vec![grant(SubjectType::Client, &[("openid", Some(1)), ("B", Some(2))])];
    assert_eq!(world.machine(""), granted("B", None), "also if an old row says so");
    assert_eq!(world.user(&[], "B openid offline_access email"), granted("email openid B", None));
    world.settings.allow_offline_access = true;
    assert_eq!(world.user(&[], "offline_access"), granted("offline_access", None));
}
