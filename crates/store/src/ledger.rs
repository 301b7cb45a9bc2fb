//! The way of a row from the request to the disk.
//!
//! `record` puts the row into a bounded queue. Every 50 ms the *gatherer* takes what has come together and hands it to the
//! *database* task, which stores it in one transaction. If the database does not confirm within a moment (locked, slow,
//! damaged, gone) the gatherer appends the batch to the spill file instead and goes on; should the database finish after
//! all, the replay finds the rows already there. So no row older than 100 ms lives in memory only, whatever the
//! database does, and the queue is always being emptied.
//!
//! A full queue (10,000 rows within 50 ms, or a starved runtime) makes `record` append to the spill file itself: one
//! short write into the page cache. Rows are dropped, and counted, only when the spill file cannot be written either.

mod database;
mod gather;
mod tally;

pub use tally::{DatabaseState, LedgerStats};

use crate::{
    StoreError,
    record::AttemptRecord,
    spill::Spill,
    sqlite,
    usage::{UsageQuery, UsageSummary},
};
use database::Database;
use gather::Gatherer;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tally::Tally;
use tokio::{
    sync::{Mutex, Notify, mpsc, watch},
    task::JoinHandle,
    time::timeout,
};

/// Rows that may wait in memory.
const QUEUE_ROWS: usize = 10_000;
/// How long a closing ledger may take to write what it holds.
const CLOSE_WITHIN: Duration = Duration::from_secs(8);

/// The ledger of attempts. Clones share one queue and one database.
#[derive(Clone)]
pub struct Ledger {
    queue: mpsc::Sender<AttemptRecord>,
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    tally: Arc<Tally>,
    /// Wakes the gatherer before its time.
    hurry: Arc<Notify>,
    closing: watch::Sender<bool>,
    tasks: Mutex<Option<JoinHandle<()>>>,
}

impl Ledger {
    /// Starts the ledger that keeps its rows in the SQLite file `path` and spills beside it. Returns at once: a missing,
    /// locked or damaged database is dealt with in the background and shows in [`Ledger::stats`].
    ///
    /// Must be called within a tokio runtime.
    pub fn open(path: &Path) -> Self {
        let (queue, rows) = mpsc::channel(QUEUE_ROWS);
        let (jobs, work) = mpsc::channel(1);
        let (closing, closed) = watch::channel(false);
        let spill = Arc::new(Spill::new(path.parent().map(Path::to_path_buf).unwrap_or_default()));
        let tally = Arc::new(Tally::new(Arc::clone(&spill)));
        let hurry = Arc::new(Notify::new());
        let database = Database::new(path.into(), spill, Arc::clone(&tally));
        let gatherer = Gatherer { rows, hurry: Arc::clone(&hurry), closed, jobs, tally: Arc::clone(&tally) };
        let tasks = tokio::spawn(async move {
            tokio::join!(gatherer.run(), database.run(work));
        });
        let shared = Shared { path: path.into(), tally, hurry, closing, tasks: Mutex::new(Some(tasks)) };
        Self { queue, shared: Arc::new(shared) }
    }

    /// Records one attempt. Neither waits nor fails.
    pub fn record(&self, row: AttemptRecord) {
        match self.queue.try_send(row) {
            Ok(()) if self.queue.capacity() < QUEUE_ROWS / 2 => self.shared.hurry.notify_one(),
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(row) | mpsc::error::TrySendError::Closed(row)) => {
                self.shared.tally.spill(&[row]);
            }
        }
    }

    /// Counts since the start.
    pub fn stats(&self) -> LedgerStats {
        let queued = self.queue.max_capacity() - self.queue.capacity();
        LedgerStats { queued: queued as u64, ..self.shared.tally.now() }
    }

    /// The counts as they change, except for `queued`, which is always 0 here.
    pub fn watch(&self) -> watch::Receiver<LedgerStats> {
        self.shared.tally.watch()
    }

    /// Sums up what is in the database; rows of the last 100 ms may be missing.
    pub async fn summarise(&self, query: &UsageQuery) -> Result<UsageSummary, StoreError> {
        sqlite::summarise(&self.shared.path, query).await
    }

    /// Writes everything recorded so far to the database, or to the spill file if that does not answer, and closes the
    /// database. Takes eight seconds at most. Rows recorded later go to the spill file.
    pub async fn close(&self) {
        self.shared.closing.send_replace(true);
        let Some(tasks) = self.shared.tasks.lock().await.take() else { return };
        if timeout(CLOSE_WITHIN, tasks).await.is_err() {
            tracing::warn!("the ledger database did not close in time; the next start will check it");
        }
    }
}

#[cfg(test)]
mod tests;
