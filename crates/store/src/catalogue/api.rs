//! APIs.

use std::collections::HashMap;

use keyward_core::{
    model::{
        Revision, WorkspaceNumber,
        api::{Api, ApiNumber, ApiSettings, KeySettings},
        system_api::SystemApi,
    },
    snapshot,
    time::{Entropy, Timestamp},
};

use crate::{
    Error,
    engine::{Row, Sql, Tx, Value},
    sealing::MasterKey,
    writer::{Change, Kind, take_numbers},
};

const INSERT: Sql =
    Sql("INSERT INTO apis (number, workspace, id, identifier, name, system, settings, signing_secret, revision, \
     created_at, updated_at, key_settings) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11)");
const UPDATE: Sql = Sql(
    "UPDATE apis SET identifier = $3, name = $4, settings = $5, signing_secret = $6, revision = $7, updated_at = $8, \
     key_settings = $9 WHERE workspace = $1 AND number = $2",
);
const RENEW: Sql = Sql("UPDATE apis SET revision = $3 WHERE workspace = $1 AND number = $2 AND deleted_at IS NULL");
const TOMBSTONE: Sql =
    Sql("UPDATE apis SET deleted_at = $3, revision = $4 WHERE workspace = $1 AND number = $2 AND deleted_at IS NULL");
const FIND: Sql =
    Sql("SELECT number, workspace, id, identifier, name, system, settings, signing_secret, revision, created_at, \
     key_settings FROM apis WHERE workspace = $1 AND number = $2 AND deleted_at IS NULL");
const FIND_BY_IDENTIFIER: Sql =
    Sql("SELECT number, workspace, id, identifier, name, system, settings, signing_secret, revision, created_at, \
     key_settings FROM apis WHERE workspace = $1 AND identifier = $2 AND deleted_at IS NULL");
const FIND_SYSTEM: Sql =
    Sql("SELECT number, workspace, id, identifier, name, system, settings, signing_secret, revision, created_at, \
     key_settings FROM apis WHERE workspace = $1 AND system = $2 AND deleted_at IS NULL");
const ALL: Sql =
    Sql("SELECT number, workspace, id, identifier, name, system, settings, signing_secret, revision, created_at, \
     key_settings FROM apis WHERE deleted_at IS NULL ORDER BY number");
const CHANGED: Sql =
    Sql("SELECT number, workspace, id, identifier, name, system, settings, signing_secret, revision, created_at, \
     key_settings FROM apis WHERE deleted_at IS NULL AND number IN \
     (SELECT number FROM changes WHERE kind = 'api' AND revision > $1 AND revision <= $2) ORDER BY number");

fn place(id: &str) -> String {
    format!("apis/{id}/signing_secret")
}

/// A number for an API that is about to be made.
pub async fn next_number(change: &mut Change<'_>) -> Result<ApiNumber, Error> {
    take_numbers(change.tx(), "api", 1).await.map(ApiNumber)
}

/// Stores a new API.
pub async fn insert(
    change: &mut Change<'_>,
    api: &Api,
    (master, entropy): (&MasterKey, &dyn Entropy),
) -> Result<(), Error> {
    change.touch(Kind::Api, api.number.0);
    let values = [
        api.number.0.into(),
        api.workspace.0.into(),
        (&api.id).into(),
        (&api.identifier).into(),
        api.name.clone().into(),
        api.system.map(SystemApi::as_str).into(),
        settings(api)?,
        sealed(api, master, entropy)?,
        api.revision.0.into(),
        api.created_at.0.into(),
        key_settings(api)?,
    ];
    change.tx().query(INSERT, &values).await?;
    Ok(())
}

/// Stores what an API has become.
pub async fn update(
    change: &mut Change<'_>,
    api: &Api,
    (master, entropy): (&MasterKey, &dyn Entropy),
    now: Timestamp,
) -> Result<(), Error> {
    change.touch(Kind::Api, api.number.0);
    let values = [
        api.workspace.0.into(),
        api.number.0.into(),
        (&api.identifier).into(),
        api.name.clone().into(),
        settings(api)?,
        sealed(api, master, entropy)?,
        api.revision.0.into(),
        now.0.into(),
        key_settings(api)?,
    ];
    change.tx().query(UPDATE, &values).await?;
    Ok(())
}

/// Says that something about an API's permissions changed: its version is another one.
pub async fn renew(change: &mut Change<'_>, workspace: WorkspaceNumber, number: ApiNumber) -> Result<(), Error> {
    change.touch(Kind::Api, number.0);
    let revision = change.revision().0;
    change.tx().query(RENEW, &[workspace.0.into(), number.0.into(), revision.into()]).await?;
    Ok(())
}

/// Deletes an API. Its permissions and whatever names them stay where they are, inert. `now` is the time under the lock,
/// as with permissions.
pub async fn tombstone(change: &mut Change<'_>, api: &Api, now: Timestamp) -> Result<(), Error> {
    change.touch(Kind::Api, api.number.0);
    let revision = change.revision().0;
    let values = [api.workspace.0.into(), api.number.0.into(), now.0.into(), revision.into()];
    change.tx().query(TOMBSTONE, &values).await?;
    Ok(())
}

/// The API with this number, if it is not deleted.
pub async fn find(
    tx: &mut Tx<'_>,
    workspace: WorkspaceNumber,
    number: ApiNumber,
    master: &MasterKey,
) -> Result<Option<Api>, Error> {
    one(tx, FIND, &[workspace.0.into(), number.0.into()], master).await
}

/// The API with this identifier, if it is not deleted.
pub async fn find_by_identifier(
    tx: &mut Tx<'_>,
    workspace: WorkspaceNumber,
    identifier: &str,
    master: &MasterKey,
) -> Result<Option<Api>, Error> {
    one(tx, FIND_BY_IDENTIFIER, &[workspace.0.into(), identifier.into()], master).await
}

/// The program's own API of this kind, if it is there.
pub async fn find_system(
    tx: &mut Tx<'_>,
    workspace: WorkspaceNumber,
    system: SystemApi,
    master: &MasterKey,
) -> Result<Option<Api>, Error> {
    one(tx, FIND_SYSTEM, &[workspace.0.into(), system.as_str().into()], master).await
}

async fn one(tx: &mut Tx<'_>, sql: Sql, params: &[Value], master: &MasterKey) -> Result<Option<Api>, Error> {
    let row = tx.query(sql, params).await?.into_iter().next();
    row.map(|row| decode(row, master, &mut SettingsReader::default())).transpose()
}

pub(crate) async fn all(tx: &mut Tx<'_>, master: &MasterKey) -> Result<Vec<snapshot::Row>, Error> {
    rows(tx.query(ALL, &[]).await?, master)
}

pub(crate) async fn changed(
    tx: &mut Tx<'_>,
    (since, until): (i64, i64),
    master: &MasterKey,
) -> Result<Vec<snapshot::Row>, Error> {
    rows(tx.query(CHANGED, &[since.into(), until.into()]).await?, master)
}

fn rows(rows: Vec<Row>, master: &MasterKey) -> Result<Vec<snapshot::Row>, Error> {
    let mut reader = SettingsReader::default();
    let mut apis = Vec::with_capacity(rows.len());
    for row in rows {
        let api = decode(row, master, &mut reader)?;
        apis.push(snapshot::Row::Api(api.number, Some(Box::new(api))));
    }
    Ok(apis)
}

/// Reads settings. Most APIs have the same ones, and a start reads those of all.
#[derive(Default)]
struct SettingsReader(HashMap<String, ApiSettings>);

impl SettingsReader {
    fn read(&mut self, id: &str, text: String) -> Result<ApiSettings, Error> {
        if let Some(known) = self.0.get(&text) {
            return Ok(known.clone());
        }
        let settings: ApiSettings = serde_json::from_str(&text)
            .map_err(|error| Error::inconsistent("apis", format!("settings of {id}: {error}")))?;
        self.0.insert(text, settings.clone());
        Ok(settings)
    }
}

fn settings(api: &Api) -> Result<Value, Error> {
    serde_json::to_string(&api.settings).map(Value::from).map_err(|error| Error::Engine(Box::new(error)))
}

/// Nothing for what everybody starts with, so that most rows have nothing to read.
fn key_settings(api: &Api) -> Result<Value, Error> {
    if api.key_settings == KeySettings::default() {
        return Ok(Value::Null);
    }
    serde_json::to_string(&api.key_settings).map(Value::from).map_err(|error| Error::Engine(Box::new(error)))
}

fn sealed(api: &Api, master: &MasterKey, entropy: &dyn Entropy) -> Result<Value, Error> {
    let seal = |secret| master.seal(entropy, &place(&api.id), secret);
    Ok(api.signing_secret.as_ref().map(seal).transpose()?.into())
}

fn decode(row: Row, master: &MasterKey, reader: &mut SettingsReader) -> Result<Api, Error> {
    let mut row = row.of("apis");
    let number = ApiNumber(row.int()?);
    let workspace = WorkspaceNumber(row.int()?);
    let id = row.text()?;
    let identifier = row.text()?;
    let name = row.text_or_null()?;
    let system = row.text_or_null()?;
    let known = |word: String| SystemApi::parse(&word).ok_or_else(|| Error::inconsistent("apis", word));
    let system = system.map(known).transpose()?;
    let settings = reader.read(&id, row.text()?)?;
    let open = |sealed: Vec<u8>| master.open("apis", &place(&id), &sealed);
    let signing_secret = row.blob_or_null()?.map(open).transpose()?;
    let revision = Revision(row.int()?);
    let created_at = Timestamp(row.int()?);
    let read = |text: String| {
        serde_json::from_str(&text)
            .map_err(|error| Error::inconsistent("apis", format!("key settings of {id}: {error}")))
    };
    let key_settings = row.text_or_null()?.map_or_else(|| Ok(KeySettings::default()), read)?;
    Ok(Api {
        number,
        workspace,
        id,
        identifier,
        name,
        system,
        settings,
        key_settings,
        signing_secret,
        revision,
        created_at,
    })
}
