//! `keyward demo`: everything on one screen, gone when it ends.

use std::sync::Arc;

use anyhow::{Context, anyhow};
use keyward_core::{
    access::{ManagementScope, ManagementScopes},
    model::{
        WorkspaceNumber,
        client_grant::SubjectType,
        log::{Actor, Origin},
        permission::{PermissionValue, Wanted},
    },
};
use serde_json::{Map, json};

use super::{
    print,
    start::{explain, start},
};
use crate::{
    app::{App, Call},
    config::Config,
    http::tls::AUTHORITY,
    service::{
        administrator,
        api::{self, ApiFields},
        client::{self, ClientFields},
        client_grant::{self, GrantFields, NewGrant},
        key::{self, WantedKey},
        root_key::{self, WantedRootKey},
        setup::FirstClient,
        token,
    },
    telemetry::log_to_standard_error,
};

/// The API that the printed application gets tokens of.
const PAYMENTS: &str = "https://payments.example/";
/// How long the printed token is good for.
const TOKEN_LIFE: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

pub(super) async fn run() -> anyhow::Result<()> {
    let directory = tempfile::Builder::new().prefix("keyward-demo-").tempdir().context("no temporary directory")?;
    // Nothing from outside: a setting for the real thing must not turn the demo into it.
    let flags = vec![("store", "data_dir", directory.path().display().to_string())];
    let config = Config::load(None, [], flags).map_err(|problems| anyhow!(problems))?;
    log_to_standard_error("warn");
    let running = start(&config, "demo").await?;
    let api = seed(&running.app).await?;
    let token = token::issue(&running.app, ManagementScope::ALL, TOKEN_LIFE).await.map_err(explain)?;
    let keys = seed_keys(&running.app, &api).await?;
    let machine = seed_client(&running.app).await?;
    let link = administrator::first(&running.app).await.map_err(explain)?.context("the demo's store is not empty")?;
    let first = running.addresses.first().cloned().unwrap_or_default();
    let console = format!("{first}/sign-in/{}", link.expose_text().unwrap_or_default());
    let authority = directory.path().join(AUTHORITY).display().to_string();
    let screen =
        screen(&running.app.public_url, &running.addresses, &authority, (&api, &token, &keys, &machine), &console);
    running.serve(|| print(&screen)).await
}

/// What the demo does, it does in its own name.
fn call(app: &Arc<App>, action: (&'static str, u16)) -> Call {
    Call {
        app: Arc::clone(app),
        workspace: WorkspaceNumber::FIRST,
        actor: Arc::new(Actor { client_id: Some("keyward-demo".to_owned()), ..Actor::default() }),
        origin: Arc::new(Origin { request_id: "demo".to_owned(), ..Origin::default() }),
        now: app.clock.now(),
        action,
        scopes: ManagementScopes::default(),
        root_key: None,
        repeatable: None,
        session: None,
    }
}

/// Two APIs to look at; returns the id of the one that the printed commands change.
async fn seed(app: &Arc<App>) -> anyhow::Result<String> {
    let call = call(app, ("Create a resource server", 201));
    let apis = [
        ("Blog", "https://blog.example/", [("read:posts", "Read posts"), ("write:posts", "Write and change posts")]),
        ("Payments", PAYMENTS, [("read:refunds", "See refunds"), ("create:refunds", "Refund a payment")]),
    ];
    let mut first = None;
    for (name, identifier, permissions) in apis {
        let mut wanted = Vec::new();
        for (value, description) in permissions {
            let value = PermissionValue::stored(value.to_owned());
            wanted.push(Wanted { value, description: Some(description.to_owned()) });
        }
        let mut settings = Map::new();
        settings.insert("enforce_policies".to_owned(), json!(true));
        let fields =
            ApiFields { name: Some(name.to_owned()), settings, signing_secret: None, permissions: Some(wanted) };
        let entry = api::create(&call, identifier.to_owned(), fields).await.map_err(explain)?;
        first.get_or_insert(entry.api.id);
    }
    Ok(first.unwrap_or_default())
}

/// An application that may ask for tokens of the payments.
async fn seed_client(app: &Arc<App>) -> anyhow::Result<FirstClient> {
    let wanted = ClientFields { name: Some("Refunds".to_owned()), ..ClientFields::default() };
    let (made, secret) = client::create(&call(app, ("Create a client", 201)), wanted).await.map_err(explain)?;
    let new =
        NewGrant { client_id: Some(made.id.clone()), audience: PAYMENTS.to_owned(), subject_type: SubjectType::Client };
    let scope = ["read:refunds", "create:refunds"].map(str::to_owned).to_vec();
    let fields = GrantFields { scope: Some(Some(scope)), ..GrantFields::default() };
    client_grant::create(&call(app, ("Create client grant", 201)), new, fields).await.map_err(explain)?;
    Ok(FirstClient { id: made.id, secret: secret.context("the application has no secret")? })
}

/// What the printed commands about keys need.
struct Keys {
    root: String,
    key: String,
}

/// A root key, and a key of the first API that may read posts.
async fn seed_keys(app: &Arc<App>, api: &str) -> anyhow::Result<Keys> {
    let wanted = WantedRootKey { name: "demo".to_owned(), permissions: vec!["*".to_owned()], expires_at: None };
    let made = root_key::create(&call(app, ("rootkey.create", 200)), wanted).await.map_err(explain)?;
    let call = Call { root_key: Some(Arc::new(made.key)), ..call(app, ("key.create", 200)) };
    let wanted = WantedKey {
        api: format!("api_{api}"),
        prefix: Some("blog".to_owned()),
        name: Some("A key of the Blog API".to_owned()),
        permissions: vec!["read:posts".to_owned()],
        enabled: true,
        ..WantedKey::default()
    };
    let key = key::create(&call, wanted).await.map_err(explain)?;
    Ok(Keys { root: made.text, key: key.text })
}

fn screen(
    url: &str,
    addresses: &[String],
    authority: &str,
    (api, token, keys, machine): (&str, &str, &Keys, &FirstClient),
    console: &str,
) -> String {
    let server = format!("{url}api/v2/resource-servers/{api}");
    format!(
        "\
Keyward is running on {addresses}.
Everything is temporary: stop it with Ctrl+C and it is gone.

Open the console (the link signs in once):

{console}

Or paste this first (the token is good for a day):

export KEYWARD_CA='{authority}'
export KEYWARD_TOKEN='{token}'
export KEYWARD_ROOT_KEY='{root}'
export KEYWARD_KEY='{key}'
export KEYWARD_CLIENT_ID='{client_id}'
export KEYWARD_CLIENT_SECRET='{client_secret}'

Verify an API key that may read posts; delete the permission; verify it again; undo the deletion:

curl --cacert \"$KEYWARD_CA\" -H \"Authorization: Bearer $KEYWARD_ROOT_KEY\" -H 'Content-Type: application/json' '{url}v2/keys.verifyKey' -d '{{\"key\":\"'\"$KEYWARD_KEY\"'\",\"permissions\":\"read:posts\"}}'
curl --cacert \"$KEYWARD_CA\" -H \"Authorization: Bearer $KEYWARD_ROOT_KEY\" -H 'Content-Type: application/json' '{url}v2/permissions.deletePermission' -d '{{\"permission\":\"read:posts\"}}'
curl --cacert \"$KEYWARD_CA\" -H \"Authorization: Bearer $KEYWARD_ROOT_KEY\" -H 'Content-Type: application/json' '{url}v2/keys.verifyKey' -d '{{\"key\":\"'\"$KEYWARD_KEY\"'\",\"permissions\":\"read:posts\"}}'
curl --cacert \"$KEYWARD_CA\" -H \"Authorization: Bearer $KEYWARD_ROOT_KEY\" -H 'Content-Type: application/json' '{url}v2/permissions.restorePermission' -d '{{\"permission\":\"read:posts\"}}'

Get an access token as an application that may see refunds and make them; ask for no more than seeing them:

curl --cacert \"$KEYWARD_CA\" '{url}oauth/token' -d grant_type=client_credentials -d \"client_id=$KEYWARD_CLIENT_ID\" -d \"client_secret=$KEYWARD_CLIENT_SECRET\" -d audience={PAYMENTS}
curl --cacert \"$KEYWARD_CA\" '{url}oauth/token' -d grant_type=client_credentials -d \"client_id=$KEYWARD_CLIENT_ID\" -d \"client_secret=$KEYWARD_CLIENT_SECRET\" -d audience={PAYMENTS} -d scope=read:refunds

See an API and its permissions:

curl --cacert \"$KEYWARD_CA\" -H \"Authorization: Bearer $KEYWARD_TOKEN\" '{server}'

Add a permission, rename it (it stays the same permission), delete it:

curl --cacert \"$KEYWARD_CA\" -H \"Authorization: Bearer $KEYWARD_TOKEN\" -H 'Content-Type: application/json' -X POST '{server}/scopes' -d '{{\"value\":\"publish:posts\",\"description\":\"Publish posts\"}}'
curl --cacert \"$KEYWARD_CA\" -H \"Authorization: Bearer $KEYWARD_TOKEN\" -H 'Content-Type: application/json' -X PATCH '{server}/scopes/publish:posts' -d '{{\"value\":\"release:posts\"}}'
curl --cacert \"$KEYWARD_CA\" -H \"Authorization: Bearer $KEYWARD_TOKEN\" -X DELETE '{server}/scopes/release:posts'

Replace the whole list, as the Auth0 documentation does it:

curl --cacert \"$KEYWARD_CA\" -H \"Authorization: Bearer $KEYWARD_TOKEN\" -H 'Content-Type: application/json' -X PATCH '{server}' -d '{{\"scopes\":[{{\"value\":\"read:posts\",\"description\":\"Read posts\"}}]}}'

See who did what, with before and after:

curl --cacert \"$KEYWARD_CA\" -H \"Authorization: Bearer $KEYWARD_TOKEN\" '{url}api/v2/logs'

ready {addresses}",
        addresses = addresses.join(" "),
        root = keys.root,
        key = keys.key,
        client_id = machine.id,
        client_secret = machine.secret.expose_text().unwrap_or_default(),
    )
}
