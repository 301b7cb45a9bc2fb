//! What happened: one row per attempt, kept in SQLite.
//!
//! The request path calls [`Ledger::record`], which never waits and never fails; everything slow happens behind it.
//!
//! Adding a backend: a folder that implements [`UsageStore`] with its own migrations, one test that hands it to
//! `conformance`, and a variant where `ledger/database.rs` opens the store. SQL lives in `sql/` and `migrations/`.

#[cfg(test)]
mod conformance;
mod error;
pub mod ledger;
pub mod record;
mod spill;
pub mod sqlite;
pub mod usage;

pub use error::StoreError;
pub use ledger::{DatabaseState, Ledger, LedgerStats};
pub use record::{AttemptRecord, Call, CostState, Ending, Lane, Outcome, Target, Tokens};
pub use usage::{UsageLine, UsageQuery, UsageStore, UsageSummary};
