//! The task that owns the database connection: writes batches, replays spill files, and opens the database again and
//! again while it cannot be used.

use super::tally::{DatabaseState, Tally};
use crate::{
    StoreError, UsageStore,
    record::AttemptRecord,
    spill::{Spill, SpillReader},
    sqlite::{Check, SqliteStore},
};
use std::{io, path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot},
    task::spawn_blocking,
    time::{Instant, sleep_until},
};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Rows of a spill file per transaction: some milliseconds, so that fresh batches need not wait long.
const REPLAY_ROWS: usize = 512;

/// A batch to store. `stored` is answered when it is in the database and dropped when it is not.
pub(super) struct Job {
    pub(super) rows: Arc<[AttemptRecord]>,
    pub(super) stored: oneshot::Sender<()>,
}

pub(super) struct Database {
    path: PathBuf,
    spill: Arc<Spill>,
    tally: Arc<Tally>,
    state: State,
    /// The spill file being replayed; only while `Ready`.
    replay: Option<SpillReader>,
    /// How long to stay away after the next failure.
    pause: Duration,
    check: Check,
}

enum State {
    Ready(SqliteStore),
    Down { until: Instant },
}

impl Database {
    pub(super) fn new(path: PathBuf, spill: Arc<Spill>, tally: Arc<Tally>) -> Self {
        let state = State::Down { until: Instant::now() };
        Self { path, spill, tally, state, replay: None, pause: FIRST_PAUSE, check: Check::IfUnclean }
    }

    /// Serves until `jobs` ends, then closes the file.
    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        self.open().await;
        loop {
            tokio::select! {
                biased;
                job = jobs.recv() => match job {
                    Some(job) => self.write(job).await,
                    None => break,
                },
                () = self.own_work() => self.work().await,
            }
        }
        if let State::Ready(store) = self.state {
            log_failure("closing the ledger database failed", store.close().await);
        }
    }

    /// Waits until there is something to do besides jobs.
    async fn own_work(&self) {
        match &self.state {
            State::Down { until } => sleep_until(*until).await,
            State::Ready(_) if self.replay.is_some() => {}
            State::Ready(_) => self.spill.grew.notified().await,
        }
    }

    async fn work(&mut self) {
        match &self.state {
            State::Down { .. } => self.open().await,
            State::Ready(_) => match self.replay.take() {
                Some(reader) => self.replay_some(reader).await,
                None => self.start_replay().await,
            },
        }
    }

    async fn open(&mut self) {
        match SqliteStore::open(&self.path, self.check).await {
            Ok(store) => {
                self.check = Check::Never;
                self.state = State::Ready(store);
                if self.tally.database_is(DatabaseState::Ready) {
                    tracing::debug!("the ledger database is ready");
                }
                // There may be spill files of an earlier run.
                self.spill.grew.notify_one();
            }
            Err(error) => self.stay_away(&error),
        }
    }

    async fn write(&mut self, job: Job) {
        let State::Ready(store) = &mut self.state else { return };
        match store.append(&job.rows).await {
            Ok(new) => {
                self.pause = FIRST_PAUSE;
                self.tally.wrote(new);
                // Nobody may be waiting any more: then the rows are in the spill file too.
                let _ = job.stored.send(());
            }
            Err(error) => self.give_up(error).await,
        }
    }

    async fn start_replay(&mut self) {
        let spill = Arc::clone(&self.spill);
        let opened = blocking(move || spill.take_oldest()?.map(crate::spill::SpillFile::read).transpose()).await;
        match opened {
            Ok(reader) => self.replay = reader,
            Err(error) => tracing::warn!(%error, "the ledger's spill files cannot be read"),
        }
    }

    /// Stores the next rows of the file, or removes it at its end.
    async fn replay_some(&mut self, mut reader: SpillReader) {
        let read = blocking(move || reader.next_rows(REPLAY_ROWS).map(|rows| (rows, reader))).await;
        match read {
            Ok((rows, reader)) if rows.is_empty() => {
                log_failure("a replayed spill file cannot be removed", blocking(move || reader.finish()).await);
                self.spill.grew.notify_one();
            }
            Ok((rows, reader)) => self.replay_rows(&rows, reader).await,
            Err(error) => tracing::warn!(%error, "a spill file of the ledger cannot be read"),
        }
    }

    async fn replay_rows(&mut self, rows: &[AttemptRecord], reader: SpillReader) {
        let State::Ready(store) = &mut self.state else { return };
        match store.append(rows).await {
            Ok(new) => {
                self.pause = FIRST_PAUSE;
                self.tally.replayed(new);
                self.replay = Some(reader);
            }
            // The file stays and is replayed from its start once the database is back.
            Err(error) => self.give_up(error).await,
        }
    }

    /// Leaves a database that failed.
    async fn give_up(&mut self, error: StoreError) {
        if matches!(error, StoreError::Corrupt(_)) {
            self.check = Check::Always;
        }
        self.replay = None;
        let down = State::Down { until: Instant::now() };
        if let State::Ready(store) = std::mem::replace(&mut self.state, down) {
            log_failure("closing the failed ledger database failed too", store.close().await);
        }
        self.stay_away(&error);
    }

    fn stay_away(&mut self, error: &StoreError) {
        self.state = State::Down { until: Instant::now() + self.pause };
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        let reason = with_causes(error);
        if self.tally.database_is(DatabaseState::Unavailable { reason: reason.as_str().into() }) {
            tracing::warn!(reason, "the ledger database cannot be used; rows go to the spill file");
        }
    }
}

/// Runs file work off the runtime's threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}

fn log_failure<E: std::error::Error>(what: &str, result: Result<(), E>) {
    if let Err(error) = result {
        tracing::warn!(error = with_causes(&error), "{what}");
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
