//! The arrows of the architecture, read off the sources.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// No source below `folder` mentions any of `words`.
fn assert_never(folder: &str, words: &[&str]) {
    let sources = sources(&crates().join(folder));
    assert!(!sources.is_empty(), "{folder} has no sources");
    for (path, text) in sources {
        for word in words {
            assert!(!text.contains(word), "{} must not use `{word}`", path.display());
        }
    }
}

#[test]
fn arrows_point_from_http_over_service_and_store_to_core() {
    assert_never(
        "core/src",
        &["keyward_store", "keyward_server", "tokio", "rusqlite", "async fn", "std::fs", "std::net"],
    );
    assert_never("store/src", &["keyward_server", "hyper", "http::"]);
    assert_never("server/src/service", &["http::", "hyper", "matchit", "crate::cli"]);
    assert_never("server/src/http", &["keyward_store", ".store", "crate::cli", "crate::control"]);
}

/// What every layer may use knows none of them.
#[test]
fn the_program_itself_does_not_know_its_surfaces() {
    for file in ["app.rs", "config.rs", "keyring.rs", "lease.rs", "telemetry.rs", "ids.rs", "environment.rs"] {
        let text = fs::read_to_string(crates().join("server/src").join(file)).unwrap();
        assert!(!text.contains("crate::http") && !text.contains("crate::cli"), "{file}");
    }
}

#[test]
fn surfaces_do_not_import_each_other() {
    assert_never("server/src/http/management", &["http::oauth", "super::super::oauth"]);
    assert_never("server/src/http/oauth", &["http::management", "super::super::management"]);
}

#[test]
fn only_the_engine_folder_knows_which_engine_runs() {
    for (path, text) in sources(&crates().join("store/src")) {
        let inside = path.components().any(|part| part.as_os_str() == "engine");
        // Opening and committing are the two other places that must know, and neither holds a statement.
        let opens = path.ends_with("store/src/lib.rs") || path.ends_with("store/src/writer.rs");
        if !inside && !opens {
            for word in ["rusqlite", "tokio_postgres", "Tx::Sqlite", "Tx::Postgres", "Engine::"] {
                assert!(!text.contains(word), "{} must not know the engine (`{word}`)", path.display());
            }
        }
    }
    for (path, text) in sources(&crates().join("server/src")) {
        for word in ["rusqlite", "tokio_postgres", "Sql("] {
            assert!(!text.contains(word), "{} must not hold SQL (`{word}`)", path.display());
        }
    }
}

#[test]
fn files_tell_one_story_each() {
    for (path, text) in sources(&crates()) {
        if !path.components().any(|part| part.as_os_str() == "target") {
            let lines = text.lines().count();
            assert!(lines <= 400, "{} has {lines} lines: split it by noun, then by verb", path.display());
        }
    }
}
