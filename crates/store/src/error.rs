//! Why a store could not do what it was asked.

use std::{io, path::PathBuf};
use thiserror::Error;

/// Why a store could not do what it was asked. None of these ever reaches a client: rows wait in the spill file.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another connection holds the database for longer than the busy timeout.
    #[error("the database stayed locked")]
    Busy(#[source] sqlx::Error),
    /// The file is not a database, or its structure is damaged.
    #[error("the database is damaged: {0}")]
    Corrupt(String),
    /// The file was removed while it was open.
    #[error("{0} is gone")]
    Missing(PathBuf),
    /// A later version of this program wrote the database; it is left alone.
    #[error("the database has schema {found}, this program knows up to {known}")]
    Newer {
        /// The schema in the file.
        found: u32,
        /// The newest schema this program can read.
        known: u32,
    },
    /// A statement ran into its time limit.
    #[error("the statement took longer than its limit")]
    TimedOut,
    /// The file system refused.
    #[error("{path}")]
    File {
        /// What was touched.
        path: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// Anything else the database says.
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
}

impl StoreError {
    /// For `map_err` on file operations.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}

impl From<sqlx::Error> for StoreError {
    /// Sorts by SQLite's primary result code (<https://www.sqlite.org/rescode.html>).
    fn from(error: sqlx::Error) -> Self {
        const BUSY: i32 = 5;
        const LOCKED: i32 = 6;
        const INTERRUPT: i32 = 9;
        const CORRUPT: i32 = 11;
        const NOT_A_DATABASE: i32 = 26;
        let extended = error.as_database_error().and_then(|cause| cause.code()?.parse::<i32>().ok());
        match extended.map(|code| code & 0xff) {
            Some(BUSY | LOCKED) => Self::Busy(error),
            Some(INTERRUPT) => Self::TimedOut,
            Some(CORRUPT | NOT_A_DATABASE) => Self::Corrupt(error.to_string()),
            _ => Self::Database(error),
        }
    }
}
