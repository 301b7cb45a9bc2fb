//! What became of the rows.

use crate::{record::AttemptRecord, spill::Spill};
use std::sync::Arc;
use tokio::sync::watch;

/// Row counts since the start, and how the database is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerStats {
    /// Rows waiting in memory now.
    pub queued: u64,
    /// Rows that reached the database, replayed ones included; each attempt counts once.
    pub written: u64,
    /// Rows appended to the spill file.
    pub spilled: u64,
    /// Rows that reached the database from a spill file, perhaps of an earlier run.
    pub replayed: u64,
    /// Rows lost because neither database nor spill file could be written.
    pub dropped: u64,
    /// How the database is.
    pub database: DatabaseState,
}

/// How the ledger's database is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DatabaseState {
    /// Being opened for the first time.
    #[default]
    Opening,
    /// Takes rows.
    Ready,
    /// Cannot be used; tried again every few seconds.
    Unavailable {
        /// Why, for people.
        reason: Arc<str>,
    },
}

/// The counts, and the one place that spills, so that every row is counted.
pub(super) struct Tally {
    stats: watch::Sender<LedgerStats>,
    spill: Arc<Spill>,
}

impl Tally {
    pub(super) fn new(spill: Arc<Spill>) -> Self {
        Self { stats: watch::Sender::new(LedgerStats::default()), spill }
    }

    pub(super) fn now(&self) -> LedgerStats {
        self.stats.borrow().clone()
    }

    pub(super) fn watch(&self) -> watch::Receiver<LedgerStats> {
        self.stats.subscribe()
    }

    /// Puts rows into the spill file, or counts them as dropped.
    pub(super) fn spill(&self, rows: &[AttemptRecord]) {
        let count = rows.len() as u64;
        match self.spill.append(rows) {
            Ok(()) => self.stats.send_modify(|stats| stats.spilled += count),
            Err(error) => {
                if self.stats.borrow().dropped == 0 {
                    tracing::error!(%error, "ledger rows are being lost: neither database nor spill file can be written");
                }
                self.stats.send_modify(|stats| stats.dropped += count);
            }
        }
    }

    pub(super) fn wrote(&self, rows: u64) {
        self.stats.send_modify(|stats| stats.written += rows);
    }

    pub(super) fn replayed(&self, rows: u64) {
        self.stats.send_modify(|stats| {
            stats.written += rows;
            stats.replayed += rows;
        });
    }

    /// Returns whether this is a change.
    pub(super) fn database_is(&self, state: DatabaseState) -> bool {
        self.stats.send_if_modified(|stats| {
            let changed = stats.database != state;
            stats.database = state;
            changed
        })
    }
}
