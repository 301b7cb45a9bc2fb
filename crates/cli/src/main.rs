//! The `router-maestro` command: runs the server, talks to a running one, and checks what it is configured with.
//!
//! ```text
//! args ─► commands ─► server start        the gateway in this process, or detached
//!                   ─► everything else    client ─► the server of a context
//!                   ─► config             the files on this machine
//! ```
//!
//! Exit status: 0 done, 1 failed while running, 2 wrong usage or configuration.

mod args;
mod client;
mod commands;
mod contexts;
mod failure;
mod logging;
mod show;
mod state;
mod surroundings;

use clap::Parser;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = args::Cli::parse();
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
