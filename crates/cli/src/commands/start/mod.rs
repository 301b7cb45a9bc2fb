//! `server start`: loads everything, listens, says so, and serves until it is asked to end.

mod banner;
mod demo;
mod detach;
mod prepared;
mod signals;

use crate::{
    args::Start,
    commands::config::warn,
    failure::Failure,
    logging,
    show::put,
    state::{Registration, State},
    surroundings::Surroundings,
};
use banner::Banner;
use prepared::Prepared;
use rm_config::KeyOrigin;
use rm_gateway::{Server, StartError};
use rustix::process::{Resource, Rlimit, setrlimit, setsid};
use signals::Signals;
use std::{
    fs::DirBuilder,
    net::SocketAddr,
    os::unix::fs::DirBuilderExt,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::sync::oneshot;

/// Runs the server here until it has ended, or in the background until it is ready.
///
/// # Errors
/// The configuration is broken, or the server cannot listen.
pub(super) fn run(start: &Start, around: &Surroundings) -> Result<(), Failure> {
    if start.detach {
        return detach::run(start, around);
    }
    if start.detached {
        // Refused only to the leader of a session, which is as good.
        let _ = setsid();
    }
    without_core_dumps();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::runtime(format!("cannot start threads: {error}")))?;
    let ended = runtime.block_on(serve(start, around));
    runtime.shutdown_background();
    ended
}

async fn serve(start: &Start, around: &Surroundings) -> Result<(), Failure> {
    // Lives to the end: running answers may still come from it while the server drains.
    let demo = if start.options.demo { Some(demo::start().await?) } else { None };
    let addition = demo.as_ref().map(|upstream| demo::addition(&demo::base_url(upstream)));
    let prepared = Prepared::load(start, around, addition)?;
    logging::start(prepared.settings.server.logs.level);
    let signals = Signals::listen().map_err(|error| Failure::runtime(format!("cannot wait for signals: {error}")))?;
    make_private(around)?;
    let server = Server::bind(rm_gateway::Start {
        sources: prepared.sources.clone(),
        settings: prepared.settings.clone(),
        warnings: prepared.warnings.clone(),
        key: prepared.key.as_ref().map(|key| key.key.clone()),
        ledger: around.paths.data_dir.join("stats.db"),
    })
    .map_err(|error| match error {
        StartError::Open(_) => Failure::usage(error),
        StartError::InUse(_) | StartError::Listen { .. } | StartError::Certificates(_) => Failure::runtime(error),
    })?;

    let state = state(server.address(), start, &prepared, around);
    let registration = match Registration::write(&around.state_file(), &state) {
        Ok(registration) => Some(Arc::new(registration)),
        Err(error) => {
            tracing::warn!("`server stop` and `status` will not find this server: {error}");
            None
        }
    };
    warn(&prepared.warnings);
    if start.detached {
        // Whoever started it prints the rest.
        tracing::info!("listening on {}", server.address());
    } else {
        // The output may be closed by now; it serves all the same.
        let _ = put(&Banner::new(server.address(), &prepared, around, start).text());
    }

    let (ask, asked) = oneshot::channel();
    tokio::spawn(signals.watch(server.handle(), ask, registration.clone()));
    server
        .run(async {
            // An error means that nobody can ask any more.
            let _ = asked.await;
        })
        .await;
    if let Some(registration) = registration {
        registration.remove();
    }
    Ok(())
}

fn state(address: SocketAddr, start: &Start, prepared: &Prepared, around: &Surroundings) -> State {
    let origin = prepared.key.as_ref().map(|key| key.origin);
    State {
        pid: i32::try_from(std::process::id()).unwrap_or_default(),
        address,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        drain_seconds: prepared.settings.server.timeouts.drain.as_secs(),
        directory: std::env::current_dir().unwrap_or_default(),
        config_dir: around.paths.config_dir.clone(),
        config_file: around.config_file.clone(),
        key_given: matches!(origin, Some(KeyOrigin::Flag | KeyOrigin::Env)),
        options: start.options.clone(),
    }
}

/// Makes the data directory, for its owner only.
fn make_private(around: &Surroundings) -> Result<(), Failure> {
    let dir = &around.paths.data_dir;
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| {
        Failure::runtime(format!("{}: cannot make the directory: {error}; choose one with --data-dir", dir.display()))
    })
}

/// A core dump would hold keys and prompts (R81).
fn without_core_dumps() {
    // Lowering a limit is always allowed.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}
