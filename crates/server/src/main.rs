//! The program `keyward`.

use std::process::ExitCode;

use clap::Parser;
use keyward_server::cli::{Cli, run};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write;
            // Nothing is left to do when standard error is closed.
            let _ = writeln!(std::io::stderr(), "keyward: {error:#}");
            ExitCode::FAILURE
        }
    }
}
