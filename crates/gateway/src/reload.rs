//! Taking over a changed configuration without a restart.
//!
//! The files are looked at every two seconds (a `stat` each, which also sees mounts that send no events) and read anew
//! every five minutes whatever the stamps say; SIGHUP and `POST /api/admin/models/refresh` read at once. A broken
//! configuration keeps the last good one and shows in `/health` and `/status`.

use crate::{discovery::Which, server::Gateway, snapshot::Snapshot};
use rm_config::{Fingerprint, Settings, Sources, Warnings};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

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

    /// Watches the files and refreshes catalogues until dropped.
    pub(crate) async fn watch(self: Arc<Self>) {
        self.discover_now(Which::Missing).await;
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
                self.discover_now(Which::All).await;
            }
        }
    }
}
