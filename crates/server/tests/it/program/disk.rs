//! A full and a read-only disk. The disk is a small one in memory, mounted where only the program under test sees it,
//! which needs the right to mount: as root, or in a user namespace of one's own.

use std::{path::Path, process::Command};

use serde_json::{Value, json};

use crate::support::process::{self, PROGRAM, Process, start};

/// `keyward serve` whose data directory is a disk of this size.
fn serve_on_small_disk(directory: &Path, size: &str) -> Process {
    std::fs::create_dir_all(directory).unwrap();
    let script = format!(
        "mount -t tmpfs -o size={size} none '{0}' && exec '{PROGRAM}' serve --data-dir '{0}/data' --http 127.0.0.1:0 --https '' \
         --public-url http://disk.test",
        directory.display()
    );
    let mut command = Command::new("unshare");
    command.args(unshare()).args(["sh", "-c", &script]);
    start(command)
}

/// Whether this user may mount; some systems leave that to root.
fn may_mount() -> bool {
    let may = Command::new("unshare").args(unshare()).arg("true").status().is_ok_and(|status| status.success());
    if !may {
        crate::support::skipped("this user may not mount a disk of its own");
    }
    may
}

/// What `unshare` needs to let this user mount.
fn unshare() -> &'static [&'static str] {
    let root = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0;
    if root { &["--mount"] } else { &["--user", "--map-root-user", "--mount"] }
}

/// The data directory as the program sees it.
fn inside(server: &Process, directory: &Path) -> std::path::PathBuf {
    Path::new(&format!("/proc/{}/root{}", server.id(), directory.display())).to_owned()
}

struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Client {
    fn of(server: &Process, directory: &Path) -> Self {
        let data = inside(server, directory).join("data");
        Self { http: reqwest::Client::new(), url: server.http.clone(), token: process::token(&data, &[]) }
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let call = self.http.post(format!("{}/api/v2/{path}", self.url)).bearer_auth(&self.token);
        process::json(call.json(&body).send().await.unwrap()).await
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let call = self.http.get(format!("{}/api/v2/{path}", self.url)).bearer_auth(&self.token);
        process::json(call.send().await.unwrap()).await
    }
}

#[tokio::test]
async fn a_full_disk_is_said_and_space_that_returns_is_used() {
    if !may_mount() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let server = serve_on_small_disk(directory.path(), "24m");
    let client = Client::of(&server, directory.path());
    let (status, api) = client.post("resource-servers", json!({ "identifier": "full" })).await;
    assert_eq!(status, 201);
    let scopes = format!("resource-servers/{}/scopes", api["id"].as_str().unwrap());
    // Something else fills the disk to the last byte.
    let filler = inside(&server, directory.path()).join("filler");
    let mut file = std::fs::File::create(&filler).unwrap();
    while std::io::Write::write(&mut file, &[1; 4096]).is_ok_and(|written| written > 0) {}
    drop(file);
    let mut answered = Vec::new();
    let mut refused = None;
    for number in 0..5000 {
        let (status, body) =
            client.post(&scopes, json!({ "value": format!("p{number}"), "description": "d".repeat(400) })).await;
        if status != 201 {
            refused = Some((status, body));
            break;
        }
        answered.push(format!("p{number}"));
    }
    let (status, body) = refused.expect("the disk was full");
    assert_eq!(status, 503, "{body}");
    let text = body["message"].as_str().unwrap();
    assert!(text.contains("the disk that holds the data is full; free some space and try again"), "{text}");
    assert_eq!(client.post(&scopes, json!({ "value": "still-full" })).await.0, 503);
    assert_eq!(client.get("resource-servers").await.0, 200, "reading goes on");
    std::fs::remove_file(&filler).unwrap();
    assert_eq!(client.post(&scopes, json!({ "value": "space-again" })).await.0, 201);
    answered.push("space-again".to_owned());
    let (_, api) = client.get("resource-servers/full").await;
    let there: Vec<_> = api["scopes"].as_array().unwrap().iter().map(|s| s["value"].as_str().unwrap()).collect();
    assert_eq!(there, answered, "every answered change and no other");
    server.kill();
}

#[test]
fn a_read_only_directory_is_said_at_the_start() {
    if !may_mount() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    assert!(process::serve(&directory.path().join("data"), &[]).stop().0);
    let script = format!(
        "mount --bind '{0}' '{0}' && mount -o remount,bind,ro '{0}' && \
         exec '{PROGRAM}' serve --data-dir '{0}/data' --http 127.0.0.1:0 --https ''",
        directory.path().display()
    );
    let output = Command::new("unshare").args(unshare()).args(["sh", "-c", &script]).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && errors.lines().count() == 1, "{errors}");
    assert!(errors.starts_with("keyward: the data directory") && errors.contains("Read-only file system"), "{errors}");
}
