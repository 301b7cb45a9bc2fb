//! `server stop`: asks the server to end, and waits for it.

use crate::{
    failure::Failure,
    show::put,
    state::{Running, State},
    surroundings::Surroundings,
};
use rustix::process::{Pid, Signal, kill_process};
use std::time::Duration;

/// Beyond the drain time: the last events, the last rows.
const GRACE: Duration = Duration::from_secs(5);

/// Ends the server and says so.
///
/// # Errors
/// None runs, or it does not end in time.
pub(super) fn run(around: &Surroundings) -> Result<(), Failure> {
    match stop(around)? {
        Some(state) => put(&format!("Stopped the server at {} (pid {}).", state.endpoint(), state.pid)),
        None => {
            Err(Failure::runtime("no server runs on this data directory; `router-maestro server start` starts one"))
        }
    }
}

/// Ends the server; `None` when none runs.
///
/// # Errors
/// It may not be ended, or does not end in time.
pub(super) fn stop(around: &Surroundings) -> Result<Option<State>, Failure> {
    let Some(running) = Running::find(&around.state_file()) else { return Ok(None) };
    let State { pid, drain_seconds, .. } = running.state;
    let process = Pid::from_raw(pid).ok_or_else(|| Failure::runtime("the server's record names no process"))?;
    let signalled = kill_process(process, Signal::TERM);
    let patience = Duration::from_secs(drain_seconds).saturating_add(GRACE);
    if running.ended_within(if signalled.is_ok() { patience } else { Duration::ZERO }) {
        return Ok(Some(running.state));
    }
    Err(match signalled {
        Err(error) => Failure::runtime(format!("cannot signal the server (pid {pid}): {error}")),
        Ok(()) => Failure::runtime(format!(
            "the server (pid {pid}) still runs after {} s; `router-maestro server stop` once more ends it at once",
            patience.as_secs()
        )),
    })
}
