//! The running server's own record, `state/server.json` in the data directory: how `stop`, `status` and `restart` find it.
//!
//! The server holds a lock on the record for as long as it lives. A record without a lock is left over from a server that
//! was killed, and its process id may belong to anybody by now: it counts as no server at all.

use crate::args::StartOptions;
use rm_config::FileError;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, TryLockError},
    io::{self, Read},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How often a lock is looked at.
const LOOK: Duration = Duration::from_millis(25);

/// What a running server says about itself. Holds no secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) pid: i32,
    /// Where it really listens.
    pub(crate) address: SocketAddr,
    pub(crate) version: String,
    /// Seconds since 1970.
    pub(crate) started: u64,
    /// How long it lets running answers finish, in seconds.
    pub(crate) drain_seconds: u64,
    /// The directory it was started in.
    pub(crate) directory: PathBuf,
    pub(crate) config_dir: PathBuf,
    pub(crate) config_file: Option<PathBuf>,
    /// Its key was given on the command line or in the environment, and is not in `contexts.json`.
    pub(crate) key_given: bool,
    pub(crate) options: StartOptions,
}

impl State {
    /// An address under which this machine reaches it.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", reachable(self.address))
    }
}

/// An address under which this machine reaches a server that listens there.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// The record of this very process; dropped last of all, since its lock says that the process lives.
#[derive(Debug)]
pub(crate) struct Registration {
    path: PathBuf,
    pid: i32,
    _lock: File,
}

impl Registration {
    /// Writes the record and locks it.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) fn write(path: &Path, state: &State) -> Result<Self, FileError> {
        let io = |source| FileError::Io { path: path.to_owned(), action: "write", source };
        let text = serde_json::to_string_pretty(state).map_err(|error| io(error.into()))?;
        rm_config::write_atomic(path, text.as_bytes())?;
        let lock = File::open(path).map_err(io)?;
        lock.lock().map_err(io)?;
        Ok(Self { path: path.to_owned(), pid: state.pid, _lock: lock })
    }

    /// Takes the record away, unless another server's stands there by now.
    pub(crate) fn remove(&self) {
        if read(&self.path).is_ok_and(|state| state.pid == self.pid) {
            // What is left over counts as no server once the lock is gone.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A server that runs, by its record.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) state: State,
    record: File,
}

impl Running {
    /// The server of this record, if it lives.
    pub(crate) fn find(path: &Path) -> Option<Self> {
        let mut record = File::open(path).ok()?;
        if !is_locked(&record) {
            return None;
        }
        let state = parse(&mut record).ok()?;
        Some(Self { state, record })
    }

    /// Waits until its process has ended; false when it still lives after `patience`.
    pub(crate) fn ended_within(&self, patience: Duration) -> bool {
        let since = Instant::now();
        while is_locked(&self.record) {
            if since.elapsed() >= patience {
                return false;
            }
            std::thread::sleep(LOOK);
        }
        true
    }
}

/// What the running server says about itself; `None` when none runs.
pub(crate) fn running(path: &Path) -> Option<State> {
    Running::find(path).map(|running| running.state)
}

fn read(path: &Path) -> io::Result<State> {
    parse(&mut File::open(path)?)
}

fn parse(file: &mut File) -> io::Result<State> {
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    serde_json::from_str(&text).map_err(io::Error::from)
}

/// Whether a living process holds the lock. Looking does not get in the way of others who look.
fn is_locked(record: &File) -> bool {
    match record.try_lock_shared() {
        Ok(()) => {
            // Held for no longer than the look takes.
            let _ = record.unlock();
            false
        }
        Err(TryLockError::WouldBlock) => true,
        Err(TryLockError::Error(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        State {
            pid: 4711,
            address: "0.0.0.0:8123".parse().unwrap(),
            version: "1".into(),
            started: 0,
            drain_seconds: 25,
            directory: "/".into(),
            config_dir: "/".into(),
            config_file: None,
            key_given: false,
            options: StartOptions::default(),
        }
    }

    #[test]
    fn a_record_counts_only_while_its_server_holds_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state/server.json");
        assert!(running(&path).is_none());
        let registration = Registration::write(&path, &state()).unwrap();
        let found = Running::find(&path).unwrap();
        assert_eq!(found.state.endpoint(), "http://127.0.0.1:8123");
        assert!(!found.ended_within(Duration::ZERO));
        drop(registration);
        assert!(found.ended_within(Duration::ZERO));
        assert!(path.exists() && running(&path).is_none(), "left over, as after a kill");
    }

    #[test]
    fn a_server_removes_its_own_record_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("server.json");
        let first = Registration::write(&path, &state()).unwrap();
        let second = Registration::write(&path, &State { pid: 4712, ..state() }).unwrap();
        first.remove();
        assert_eq!(running(&path).unwrap().pid, 4712);
        second.remove();
        assert!(!path.exists());
    }
}
