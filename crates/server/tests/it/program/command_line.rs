use crate::support::{
    postgres::fresh_schema,
    process::{self, run, serve},
};

#[tokio::test]
async fn token_prints_a_token_and_nothing_else_with_and_without_a_server() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let path = data.to_str().unwrap();
    let (good, output, errors) = run(&["token", "--data-dir", path]);
    assert!(!good && output.is_empty());
    assert_eq!(
        errors,
        format!("keyward: there is no store in `{path}`: start `keyward serve --data-dir {path}` once first\n")
    );
    let server = serve(&data, &["--public-url", "https://api.example/base"]);
    let url = format!("{}/api/v2/resource-servers", server.http);
    let client = reqwest::Client::new();
    let status = async |token: &str| client.get(&url).bearer_auth(token).send().await.unwrap().status().as_u16();
    let from_running = process::token(&data, &[]);
    assert_eq!(from_running.split('.').count(), 3);
    assert_eq!(status(&from_running).await, 200);
    assert_eq!(status(&process::token(&data, &["--scope", "read:logs", "--ttl", "1h"])).await, 403);
    let (good, _, errors) = run(&["token", "--data-dir", path, "--scope", "read:everything"]);
    assert!(!good);
    assert_eq!(errors, "keyward: there is no management scope `read:everything`\n");
    assert!(server.stop().0);
    let from_store = process::token(&data, &["--scope", "read:resource_servers"]);
    let server = serve(&data, &["--public-url", "https://api.example/base"]);
    let url = format!("{}/api/v2/resource-servers", server.http);
    let reply = client.get(&url).bearer_auth(&from_store).send().await.unwrap();
    assert_eq!(reply.status(), 200, "the stopped store knew the public URL");
    let (_, body) = process::json(client.get(&url).bearer_auth(&from_running).send().await.unwrap()).await;
    assert_eq!(body[0]["identifier"], "https://api.example/base/api/v2/");
}

#[test]
fn a_second_server_is_told_who_holds_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path(), &[]);
    let path = directory.path().to_str().unwrap();
    // The same addresses too: what it must hear is who holds the directory.
    let address = server.http.strip_prefix("http://").unwrap();
    let (good, output, errors) = run(&["serve", "--data-dir", path, "--http", address, "--https", ""]);
    assert!(!good && output.is_empty());
    let holder = format!("is in use by `keyward serve`, process {}: stop that first", server.id());
    assert!(
        errors.contains(&holder) && errors.lines().filter(|line| line.starts_with("keyward:")).count() == 1,
        "{errors}"
    );
}

#[test]
fn every_refusal_to_start_is_one_clear_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let occupied = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = occupied.local_addr().unwrap().to_string();
    let config = directory.path().join("k.toml");
    std::fs::write(&config, "[listen]\nhtpp = \"x\"\n").unwrap();
    let free = ["--http", "127.0.0.1:0", "--https", ""];
    let with = |more: &[&str]| run(&[&["serve", "--data-dir", path], more].concat());
    let nowhere = "postgres://nobody@127.0.0.1:1/none";
    let cases = [
        (with(&["--http", &address, "--https", ""]), format!("can't listen on {address}")),
        (with(&[&free[..], &["--database-url", nowhere]].concat()), "the database can't be reached".to_owned()),
        (
            with(&[&free[..], &["--database-url", "nonsense"]].concat()),
            "--database-url is not a PostgreSQL URL".to_owned(),
        ),
        (
            with(&[&free[..], &["--config", config.to_str().unwrap()]].concat()),
            "there is no setting listen.htpp".to_owned(),
        ),
        (
            with(&[&free[..], &["--config", "/nothing/here.toml"]].concat()),
            "`/nothing/here.toml` can't be read".to_owned(),
        ),
        (with(&["--http", "", "--https", ""]), "http and https are both empty".to_owned()),
        (
            with(&["--http", "", "--https", "127.0.0.1:0", "--tls-cert", "/no/cert", "--tls-key", "/no/key"]),
            "`/no/cert` can't be used".to_owned(),
        ),
        (with(&["--http", "nowhere", "--https", ""]), "can't listen on nowhere".to_owned()),
    ];
    for ((good, output, errors), wanted) in cases {
        assert!(!good && output.is_empty(), "{wanted}");
        let lines: Vec<_> = errors.lines().collect();
        assert!(
            lines.len() == 1 && lines[0].starts_with("keyward: ") && lines[0].contains(&wanted),
            "{wanted}: {errors}"
        );
    }
}

#[test]
fn a_foreign_or_missing_master_key_stops_the_start() {
    let directory = tempfile::tempdir().unwrap();
    assert!(serve(directory.path(), &[]).stop().0);
    let path = directory.path().to_str().unwrap();
    let arguments = ["serve", "--data-dir", path, "--http", "127.0.0.1:0", "--https", ""];
    let key = directory.path().join("master.key");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&key).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600, "for its owner only");
    std::fs::write(&key, "ab".repeat(32)).unwrap();
    let (good, _, errors) = run(&arguments);
    assert!(!good && errors.contains("is this the store's own master key?"), "{errors}");
    std::fs::write(&key, "short").unwrap();
    let (good, _, errors) = run(&arguments);
    assert!(!good && errors.contains("does not hold a master key: it must be 64 hexadecimal digits"), "{errors}");
    std::fs::remove_file(&key).unwrap();
    let (good, _, errors) = run(&arguments);
    assert!(!good && errors.contains("is missing: secrets in the store can't be read without it"), "{errors}");
    assert!(!key.exists(), "a new key would make the old secrets unreadable for good");
}

/// A first start that ended between making the store and keeping its key left a store without secrets.
#[test]
fn a_first_start_that_was_cut_off_is_begun_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let nowhere = directory.path().join("nowhere/master.key");
    let cut_off = std::process::Command::new(process::PROGRAM)
        .args(["serve", "--data-dir", path, "--http", "127.0.0.1:0", "--https", ""])
        .env("KEYWARD_STORE__MASTER_KEY_FILE", &nowhere)
        .output()
        .unwrap();
    let errors = String::from_utf8(cut_off.stderr).unwrap();
    assert!(!cut_off.status.success() && errors.contains("can't be written"), "{errors}");
    assert!(directory.path().join("keyward.db").exists());
    assert!(serve(directory.path(), &[]).stop().0);
}

#[test]
fn a_store_of_a_newer_program_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    assert!(serve(directory.path(), &[]).stop().0);
    let store = rusqlite::Connection::open(directory.path().join("keyward.db")).unwrap();
    store.execute_batch("INSERT INTO migrations (version, name, applied_at) VALUES (1000, 'later', 0)").unwrap();
    drop(store);
    let path = directory.path().to_str().unwrap();
    let (good, _, errors) = run(&["serve", "--data-dir", path, "--http", "127.0.0.1:0", "--https", ""]);
    assert!(!good && errors.contains("the store has schema 1000, this program knows up to"), "{errors}");
}

#[tokio::test]
async fn serve_on_a_database_that_was_there_before() {
    let Some(url) = fresh_schema().await else { return };
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path(), &["--database-url", &url]);
    let token = process::token(directory.path(), &["--database-url", &url]);
    let path = |server: &process::Process| format!("{}/api/v2/resource-servers", server.http);
    let client = reqwest::Client::new();
    let body = serde_json::json!({ "identifier": "https://a.example/" });
    assert_eq!(client.post(path(&server)).bearer_auth(&token).json(&body).send().await.unwrap().status(), 201);
    assert!(server.stop().0);
    let again = serve(directory.path(), &["--database-url", &url]);
    let token = process::token(directory.path(), &["--database-url", &url]);
    let (_, list) = process::json(client.get(path(&again)).bearer_auth(&token).send().await.unwrap()).await;
    assert_eq!(list[1]["identifier"], "https://a.example/");
}

/// `keyward root-key` with these arguments; what it prints must be all that it says.
fn root_key(path: &str, arguments: &[&str]) -> String {
    let (good, output, errors) = run(&[&["root-key"], arguments, &["--data-dir", path]].concat());
    assert!(good && errors.is_empty(), "{arguments:?}: {errors}");
    output
}

#[tokio::test]
async fn root_keys_are_made_listed_and_revoked_with_and_without_a_server() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let (good, output, errors) = run(&["root-key", "list", "--data-dir", path]);
    assert!(!good && output.is_empty());
    assert_eq!(
        errors,
        format!("keyward: there is no store in `{path}`: start `keyward serve --data-dir {path}` once first\n")
    );
    let client = reqwest::Client::new();
    let status = async |server: &process::Process, key: &str| {
        let call = client.post(format!("{}/v2/permissions.listRoles", server.http)).bearer_auth(key);
        call.json(&serde_json::json!({})).send().await.unwrap().status().as_u16()
    };
    let create = |name: &str, more: &[&str]| {
        let text = root_key(path, &[&["create", "--name", name], more].concat());
        let key = text.strip_suffix('\n').unwrap().to_owned();
        assert!(key.starts_with("root_") && !key.contains(char::is_whitespace), "the key and nothing else");
        key
    };
    let list = || -> Vec<serde_json::Value> { serde_json::from_str(&root_key(path, &["list", "--json"])).unwrap() };
    let id = |name: &str| {
        let found = list().into_iter().find(|key| key["name"] == name).unwrap();
        found["id"].as_str().unwrap().to_owned()
    };
    let server = serve(directory.path(), &[]);
    assert!(list().is_empty() && root_key(path, &["list"]).is_empty());
    let all = create("everything", &["--permission", "*"]);
    let other = create("some", &["--permission", "api.*.create_key", "--permission", "api.*.read_key", "--ttl", "1h"]);
    assert_eq!((status(&server, &all).await, status(&server, &other).await), (200, 403));
    let lines = root_key(path, &["list"]);
    let lines: Vec<&str> = lines.lines().collect();
    let begins = format!("{}  {}…  some  api.*.create_key api.*.read_key", id("some"), &other[..9]);
    assert_eq!(lines.iter().filter(|line| **line == begins).count(), 1, "{lines:?}");
    let shown = list().into_iter().find(|key| key["name"] == "some").unwrap();
    let millis = |name: &str| shown[name].as_i64().unwrap();
    // Its end is counted from when the program was told, and then it is made.
    let lifetime = millis("expires") - millis("createdAt");
    assert!((3_540_000..=3_600_000).contains(&lifetime), "{lifetime}");
    assert!(!root_key(path, &["list", "--json"]).contains(&other), "a key is shown once");
    assert!(root_key(path, &["revoke", &id("everything")]).is_empty());
    assert_eq!(status(&server, &all).await, 401, "at once");
    assert!(server.stop().0);
    // The same without a server: what was done is there when one starts.
    assert_eq!(list().len(), 1);
    let later = create("later", &["--permission", "rbac.*.read_role"]);
    let gone = create("gone", &["--permission", "*"]);
    root_key(path, &["revoke", &id("gone")]);
    let (good, _, errors) = run(&["root-key", "revoke", "key_nothing", "--data-dir", path]);
    assert!(!good);
    assert_eq!(errors, "keyward: there is no root key `key_nothing`; `keyward root-key list` shows them\n");
    let server = serve(directory.path(), &[]);
    let found = [status(&server, &later).await, status(&server, &other).await, status(&server, &gone).await];
    assert_eq!(found, [200, 403, 401]);
    let (good, output, errors) = run(&["key-migration", "create", "--name", "old keys", "--data-dir", path]);
    assert!(good && output.starts_with("mig_") && output.trim().len() > 8, "{errors}");
}

#[test]
fn a_root_key_that_makes_no_sense_is_refused_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    assert!(serve(directory.path(), &[]).stop().0);
    for (arguments, wanted) in [
        (&["create", "--name", "x"][..], "a root key without a permission can do nothing: give --permission"),
        (&["create", "--name", "x", "--permission", "create_key"], "`create_key` is not a permission of root keys"),
        (&["create", "--name", "x", "--permission", "*", "--ttl", "0s"], "`0s` is not a time"),
        (&["create", "--name", "x", "--permission", "*", "--ttl", "soon"], "write a number and s, m, h or d"),
        (&["create", "--permission", "*"], "--name"),
        (&["revoke"], "<ID>"),
    ] {
        let (good, output, errors) = run(&[&["root-key"], arguments, &["--data-dir", path]].concat());
        assert!(!good && output.is_empty() && errors.contains(wanted), "{arguments:?}: {errors}");
    }
    let arguments = ["key-migration", "create", "--name", "x", "--algorithm", "md5", "--data-dir", path];
    let (good, output, errors) = run(&arguments);
    assert!(!good && output.is_empty() && errors.contains("there is no algorithm `md5`"), "{errors}");
    assert_eq!(root_key(path, &["list", "--json"]), "[]\n");
}

#[test]
fn help_is_there_for_every_command() {
    for arguments in [
        &["--help"][..],
        &["demo", "--help"],
        &["serve", "--help"],
        &["token", "--help"],
        &["root-key", "--help"],
        &["root-key", "create", "--help"],
        &["root-key", "list", "--help"],
        &["root-key", "revoke", "--help"],
        &["key-migration", "create", "--help"],
        &["--version"],
    ] {
        let (good, output, _) = run(arguments);
        assert!(good && !output.is_empty(), "{arguments:?}");
    }
    let (good, _, errors) = run(&["token", "--ttl", "soon"]);
    assert!(!good && errors.contains("write a number and s, m, h or d"), "{errors}");
}
