//! One binary for all integration tests; its folders mirror URLs. Every test runs on both engines.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]
#![expect(clippy::print_stderr, reason = "what is skipped is said aloud")]

/// Runs each test on SQLite and on PostgreSQL.
macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test] async fn $name() {
                super::$name(crate::support::TestApp::sqlite().await).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test] async fn $name() {
                if let Some(app) = crate::support::TestApp::postgres().await {
                    super::$name(app).await;
                }
            })*
        }
    };
}

mod architecture;
mod authentication;
mod catalogue;
mod console;
mod discovery;
mod key_secrets;
mod management;
mod oauth;
mod operations;
mod program;
mod recordings;
mod root_key_operations;
mod secrets;
mod statements;
mod support;
mod unkey;
