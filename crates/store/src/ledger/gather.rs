//! Collecting rows into batches.
//!
//! A sleeping gatherer costs nothing per row: it waits for the first row, then lets the clock run while others queue up
//! without waking anybody.

use super::{database::Job, tally::Tally};
use crate::record::AttemptRecord;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    task::spawn_blocking,
    time::{sleep, timeout},
};

/// How long rows may come together. With [`PATIENCE`] it makes up the 100 ms that a killed process may lose.
const GATHER: Duration = Duration::from_millis(50);
/// How long the database may take before the batch is spilled as well.
const PATIENCE: Duration = Duration::from_millis(40);

/// Takes rows from the queue and sees to it that each batch is on disk somewhere.
pub(super) struct Gatherer {
    pub(super) rows: mpsc::Receiver<AttemptRecord>,
    pub(super) hurry: Arc<Notify>,
    pub(super) closed: watch::Receiver<bool>,
    pub(super) jobs: mpsc::Sender<Job>,
    pub(super) tally: Arc<Tally>,
}

impl Gatherer {
    /// Ends when the ledger is closed or its last clone is gone, and everything queued is on disk.
    pub(super) async fn run(mut self) {
        while let Some(first) = self.first().await {
            if !self.rows.is_closed() {
                self.let_rows_gather().await;
            }
            let mut batch = vec![first];
            while let Ok(row) = self.rows.try_recv() {
                batch.push(row);
            }
            self.store(batch.into()).await;
        }
    }

    /// Waits for a row; after the close, takes what is left.
    async fn first(&mut self) -> Option<AttemptRecord> {
        if !self.rows.is_closed() {
            tokio::select! {
                row = self.rows.recv() => return row,
                _ = self.closed.wait_for(|closed| *closed) => self.rows.close(),
            }
        }
        self.rows.recv().await
    }

    async fn let_rows_gather(&mut self) {
        tokio::select! {
            () = sleep(GATHER) => {}
            () = self.hurry.notified() => {}
            _ = self.closed.wait_for(|closed| *closed) => self.rows.close(),
        }
    }

    async fn store(&self, batch: Arc<[AttemptRecord]>) {
        let (stored, answer) = oneshot::channel();
        let job = Job { rows: Arc::clone(&batch), stored };
        if self.jobs.try_send(job).is_ok() && matches!(timeout(PATIENCE, answer).await, Ok(Ok(()))) {
            return;
        }
        let tally = Arc::clone(&self.tally);
        // Fails only if the runtime is being torn down.
        drop(spawn_blocking(move || tally.spill(&batch)).await);
    }
}
