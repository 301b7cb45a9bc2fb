//! `--detach`: the server in a process of its own, in a session of its own, with its output in a log file.
//!
//! What can be wrong is found here first, so that it is told on this terminal. A key that was given goes over in the
//! environment, never on the command line (R81); one that must be made is made here, so that it can be shown.

use super::{Banner, Prepared, demo};
use crate::{
    args::Start,
    client::Client,
    commands::config::warn,
    contexts::{KEY_VARIABLE, LOCAL, Target},
    failure::Failure,
    show::put,
    state::{self, State},
    surroundings::Surroundings,
};
use secrecy::ExposeSecret;
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long a server may take until it is ready.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(25);

/// Starts the server in the background and waits until it is ready.
///
/// # Errors
/// The configuration is broken, or the server ended before it was ready.
pub(super) fn run(start: &Start, around: &Surroundings) -> Result<(), Failure> {
    // The address is the child's to know; everything else is the same.
    let addition = start.options.demo.then(|| demo::addition("http://127.0.0.1:1/v1"));
    let prepared = Prepared::load(start, around, addition)?;
    let path = around.log_file();
    let cannot = |error: io::Error| Failure::runtime(format!("{}: cannot be written: {error}", path.display()));
    let log = open_log(&path).map_err(cannot)?;
    let before = log.metadata().map_err(cannot)?.len();
    let mut child = spawn(start, around, log).map_err(|error| Failure::runtime(format!("cannot start: {error}")))?;
    let state = wait(&mut child, around, &path, before)?;
    warn(&prepared.warnings);
    put(&Banner::new(state.address, &prepared, around, start).text())?;
    put(&format!("\nIt runs in the background (pid {}, log {}).", state.pid, path.display()))
}

fn open_log(path: &Path) -> io::Result<File> {
    if let Some(dir) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

fn spawn(start: &Start, around: &Surroundings, log: File) -> io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--config-dir").arg(&around.paths.config_dir).arg("--data-dir").arg(&around.paths.data_dir);
    if let Some(file) = &around.config_file {
        command.arg("--config").arg(file);
    }
    command.args(["server", "start", "--detached"]).args(start.options.arguments());
    if let Some(key) = &start.api_key {
        command.env(KEY_VARIABLE, key.expose_secret());
    }
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()
}

/// Waits until the child answers; its own record tells where.
fn wait(child: &mut Child, around: &Surroundings, log: &Path, before: u64) -> Result<State, Failure> {
    let since = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(Failure::runtime)? {
            let why = last_line(log, before).unwrap_or_else(|| format!("the server ended at once ({status})"));
            return Err(if status.code() == Some(2) { Failure::usage(why) } else { Failure::runtime(why) });
        }
        let own = |state: &State| u32::try_from(state.pid) == Ok(child.id());
        if let Some(state) = state::running(&around.state_file()).filter(own) {
            let target = Target { name: LOCAL.to_owned(), endpoint: state.endpoint(), key: None };
            if Client::new(target).get("/readyz").is_ok() {
                return Ok(state);
            }
        }
        if since.elapsed() >= PATIENCE {
            // It is ours, and nobody waits for it any more.
            let _ = child.kill();
            let _ = child.wait();
            let why = format!("the server was not ready within {} s; see {}", PATIENCE.as_secs(), log.display());
            return Err(Failure::runtime(why));
        }
        std::thread::sleep(LOOK);
    }
}

/// The last line that the child wrote.
fn last_line(log: &Path, before: u64) -> Option<String> {
    let mut file = fs::File::open(log).ok()?;
    file.seek(SeekFrom::Start(before)).ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
    Some(line.strip_prefix("error: ").unwrap_or(line).to_owned())
}
