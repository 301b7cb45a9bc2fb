//! Taking over a changed configuration without a restart.
//!
//! The files are looked at every two seconds (a `stat` each, which also sees mounts that send no events) and read anew
//! every five minutes whatever the stamps say; SIGHUP and `POST /api/admin/models/refresh` read at once. A broken
//! configuration keeps the last good one and shows in `/health` and `/status`.

use crate::{server::Gateway, snapshot::Snapshot};
use rm_config::{Fingerprint, Settings, Sources, Warnings};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Settings of `server.yaml` that are read once, when the server starts.
const AT_START: [&str; 9] = [
    "/listen",
    "/auth",
    "/limits/connections",
    "/limits/inFlight",
    "/limits/queue",
    "/limits/queueWait",
    "/timeouts/connect",
    "/timeouts/tls",
    "/logs/level",
];

const LOOK: Duration = Duration::from_secs(2);
const READ: Duration = Duration::from_mins(5);

/// What was read last, and how.
#[derive(Debug)]
pub(crate) struct Reload {
    sources: Sources,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    settings: Arc<Settings>,
    warnings: Vec<String>,
    stamp: Fingerprint,
    problem: Option<String>,
}

impl Reload {
    pub(crate) fn new(sources: Sources, settings: Settings, warnings: &Warnings) -> Self {
        let stamp = Fingerprint::of(&settings.files);
        let state = State { settings: Arc::new(settings), warnings: texts(warnings), stamp, problem: None };
        Self { sources, state: Mutex::new(state) }
    }

    /// Why the configuration on disk is not the one that runs.
    pub(crate) fn problem(&self) -> Option<String> {
        self.state().problem.clone()
    }

    /// Where the configuration comes from.
    pub(crate) fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The settings that run.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.state().settings.clone()
    }

    pub(crate) fn warnings(&self) -> Vec<String> {
        self.state().warnings.clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a file changed since the last reading.
    fn changed(&self) -> bool {
        let (files, stamp) = {
            let state = self.state();
            (state.settings.clone(), state.stamp.clone())
        };
        Fingerprint::of(&files.files) != stamp
    }

    /// Reads everything anew.
    ///
    /// # Errors
    /// Every problem as text; the settings that run are kept.
    fn read(&self) -> Result<(), String> {
        // The stamp is taken before reading: a write in between is seen at the next look.
        let before = Fingerprint::of(&self.settings().files);
        match rm_config::load(&self.sources) {
            Ok((settings, warnings)) => {
                let same_files = settings.files == self.settings().files;
                let stamp = if same_files { before } else { Fingerprint::of(&settings.files) };
                let warnings = texts(&warnings);
                for setting in waiting_for_restart(&self.settings(), &settings) {
                    tracing::warn!("{setting} was changed: that takes effect when the server is restarted");
                }
                *self.state() = State { settings: Arc::new(settings), warnings, stamp, problem: None };
                Ok(())
            }
            Err(problems) => {
                let text = problems.to_string();
                let mut state = self.state();
                state.stamp = before;
                state.problem = Some(text.clone());
                Err(text)
            }
        }
    }
}

/// What differs and is read only at the start, as `limits.queue`.
fn waiting_for_restart(before: &Settings, after: &Settings) -> Vec<String> {
    let written = |settings: &Settings| serde_json::to_value(&settings.server).unwrap_or_default();
    let (old, new) = (written(before), written(after));
    let changed = AT_START.into_iter().filter(|at| old.pointer(at) != new.pointer(at));
    let mut names: Vec<String> = changed.map(|at| at.trim_start_matches('/').replace('/', ".")).collect();
    let local = |settings: &Settings| {
        let context = settings.contexts.contexts.get("local")?;
        context.api_key.as_ref().map(|key| key.expose().to_owned())
    };
    // A key that appears is the one that this server made and wrote there.
    if local(before).is_some_and(|key| local(after).is_none_or(|now| now != key)) {
        names.push("contexts.local.api_key".into());
    }
    names
}

fn texts(warnings: &Warnings) -> Vec<String> {
    warnings.iter().map(ToString::to_string).collect()
}

impl Gateway {
    /// Makes a snapshot of the settings that run and of what is discovered, and lets new requests see it.
    pub(crate) fn rebuild(&self) {
        let _one = self.rebuilding.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.snapshot();
        let settings = self.reload.settings();
        let warnings = self.reload.warnings();
        let next = Snapshot::new(&settings, warnings, &self.discovery, Some(&before), before.generation + 1);
        self.snapshot.store(Arc::new(next));
    }

    /// Reads the configuration anew and takes it over.
    ///
    /// # Errors
    /// Every problem as text; the last good configuration goes on.
    pub(crate) async fn reload_now(self: &Arc<Self>) -> Result<(), String> {
        let gateway = self.clone();
        // Files are read beside the requests, not between them.
        let read = tokio::task::spawn_blocking(move || gateway.reload.read()).await;
        match read.unwrap_or_else(|error| Err(error.to_string())) {
            Ok(()) => {
                self.rebuild();
                tracing::info!(generation = self.snapshot().generation, "configuration taken over");
                Ok(())
            }
            Err(problem) => {
                tracing::error!("the changed configuration is broken, the last good one goes on: {problem}");
                Err(problem)
            }
        }
    }

    /// Watches the files and refreshes catalogues until dropped. Looking at the files never waits for an upstream.
    pub(crate) async fn watch(self: Arc<Self>) {
        let first = self.clone();
        tokio::spawn(async move { first.discover().await });
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut last = Instant::now();
        loop {
            look.tick().await;
            let due = last.elapsed() >= READ;
            let gateway = self.clone();
            let changed = tokio::task::spawn_blocking(move || gateway.reload.changed()).await.unwrap_or(false);
            if due || changed {
                last = Instant::now();
                // Told in the log and shown in `/health`.
                let _ = self.reload_now().await;
                // A provider may have got another address or key: all catalogues are asked for anew.
                let gateway = self.clone();
                tokio::spawn(async move { gateway.discover_all().await });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rm_config::{Env, PathFlags, Paths};
    use serde_json::json;

    #[test]
    fn changed_settings_that_are_read_at_the_start_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let flags = PathFlags { config_dir: Some(folder.path().into()), data_dir: Some(folder.path().into()) };
        let sources = Sources::new(Paths::find(flags, &Env::default()).unwrap(), Env::default());
        let load = |server: serde_json::Value, key: Option<&str>| {
            std::fs::write(folder.path().join("server.json"), server.to_string()).unwrap();
            let local = key.map_or_else(|| json!({}), |key| json!({ "local": { "api_key": key } }));
            std::fs::write(folder.path().join("contexts.json"), json!({ "contexts": local }).to_string()).unwrap();
            rm_config::load(&sources).unwrap().0
        };
        let before = load(json!({}), None);
        let live = load(json!({ "limits": { "body": "1KiB" }, "timeouts": { "request": "1s" } }), Some("sk-a"));
        assert_eq!(waiting_for_restart(&before, &live), [""; 0], "a key that appears is the server's own");
        let fixed =
            json!({ "listen": { "port": 1 }, "limits": { "queue": 1, "inFlight": 1 }, "logs": { "level": "debug" } });
        let after = load(fixed, Some("sk-b"));
        let named = waiting_for_restart(&live, &after);
        assert_eq!(named, ["listen", "limits.inFlight", "limits.queue", "logs.level", "contexts.local.api_key"]);
    }
}
