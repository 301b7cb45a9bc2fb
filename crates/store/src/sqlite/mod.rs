//! The SQLite store: one writing connection, and a short-lived reading one per question.

mod insert;
mod kinds;
mod migrate;
mod open;
mod summary;

pub use open::Check;

use crate::{
    StoreError,
    record::AttemptRecord,
    usage::{UsageQuery, UsageStore, UsageSummary},
};
use insert::Insert;
use kinds::Kinds;
use sqlx::{Connection, SqliteConnection};
use std::path::{Path, PathBuf};

/// The writing end of a SQLite ledger.
pub struct SqliteStore {
    path: PathBuf,
    connection: SqliteConnection,
    kinds: Kinds,
    insert: Insert,
}

impl SqliteStore {
    /// Opens or creates the database (mode 0600, its folder 0700) and brings its schema up to date.
    ///
    /// A damaged file is moved aside to `<name>.corrupt-N` and a fresh one takes its place; a file with a newer schema is
    /// refused. May wait up to five seconds for a lock.
    pub async fn open(path: &Path, check: Check) -> Result<Self, StoreError> {
        let connection = open::writer(path, check).await?;
        Ok(Self { path: path.into(), connection, kinds: Kinds::default(), insert: Insert::default() })
    }

    /// Closes the file, which folds the write-ahead log into it.
    pub async fn close(self) -> Result<(), StoreError> {
        Ok(self.connection.close().await?)
    }
}

impl UsageStore for SqliteStore {
    async fn append(&mut self, batch: &[AttemptRecord]) -> Result<u64, StoreError> {
        // SQLite would go on writing into a file that nobody can open any more.
        if !self.path.try_exists().unwrap_or(true) {
            return Err(StoreError::Missing(self.path.clone()));
        }
        let kinds = self.kinds.of(&mut self.connection, batch).await?;
        Ok(self.insert.run(&mut self.connection, batch, &kinds).await?)
    }

    async fn summarise(&self, query: &UsageQuery) -> Result<UsageSummary, StoreError> {
        summarise(&self.path, query).await
    }
}

/// Sums up the attempts in the database at `path`, without disturbing who writes to it.
pub async fn summarise(path: &Path, query: &UsageQuery) -> Result<UsageSummary, StoreError> {
    let mut connection = open::reader(path).await?;
    let summary = summary::run(&mut connection, query).await;
    connection.close().await?;
    summary
}

#[cfg(test)]
mod tests;
