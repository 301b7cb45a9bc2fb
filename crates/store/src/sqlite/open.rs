//! Opening the file: modes, journal, health, schema; and what to do with a damaged one.
//!
//! SQLite removes the write-ahead log when the last connection closes, so finding one means that the last run did not end
//! cleanly (or that somebody else is at work): then the structure is checked first. A damaged file is moved aside, not
//! deleted and not repaired, and an empty one takes its place: the gateway must keep recording without anybody's help.

use super::migrate;
use crate::StoreError;
use sqlx::{
    ConnectOptions, Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};
use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::{sleep, timeout};

/// How long to wait for another connection's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Larger files are not checked on an unclean start: it would take seconds.
const CHECK_UP_TO_BYTES: u64 = 256 << 20;

/// When to check the structure of the file before using it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Not at all: it was fine when this process opened it first.
    Never,
    /// Only after an unclean end.
    IfUnclean,
    /// In any case, e.g. because a statement met damage.
    Always,
}

/// A connection for writing to a healthy, migrated database.
pub(super) async fn writer(path: &Path, check: Check) -> Result<SqliteConnection, StoreError> {
    match open(path, check).await {
        Err(StoreError::Corrupt(damage)) => {
            quarantine(path, &damage).await?;
            open(path, Check::Never).await
        }
        other => other,
    }
}

/// A connection that only reads.
pub(super) async fn reader(path: &Path) -> Result<SqliteConnection, StoreError> {
    Ok(options(path).read_only(true).connect().await?)
}

async fn open(path: &Path, check: Check) -> Result<SqliteConnection, StoreError> {
    prepare_file(path)?;
    let check = match check {
        Check::Never => false,
        Check::IfUnclean => is_unclean(path),
        Check::Always => true,
    };
    let mut connection = options(path).connect().await?;
    match make_ready(&mut connection, check).await {
        Ok(()) => Ok(connection),
        Err(error) => {
            // The reason is known already; a failing close adds nothing.
            drop(connection.close().await);
            Err(error)
        }
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .synchronous(SqliteSynchronous::Normal)
        .disable_statement_logging()
}

async fn make_ready(connection: &mut SqliteConnection, check: bool) -> Result<(), StoreError> {
    if check {
        check_structure(connection).await?;
    }
    timeout(BUSY_TIMEOUT, use_write_ahead_log(connection)).await.map_err(|_| StoreError::TimedOut)??;
    migrate::run(connection).await
}

/// Fails with [`StoreError::Corrupt`] and the first finding.
async fn check_structure(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let finding: String = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(connection).await?;
    if finding == "ok" { Ok(()) } else { Err(StoreError::Corrupt(finding)) }
}

/// The switch needs the file alone and does not heed the busy timeout, so it is tried until it works.
async fn use_write_ahead_log(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    loop {
        match sqlx::query("PRAGMA journal_mode = WAL").execute(&mut *connection).await.map_err(StoreError::from) {
            Err(StoreError::Busy(_)) => sleep(Duration::from_millis(20)).await,
            other => return other.map(drop),
        }
    }
}

/// Creates folder and file with modes that keep others out, or corrects the file's mode.
///
/// A file that exists is never opened here: closing it would drop the locks that SQLite holds on it in this process.
fn prepare_file(path: &Path) -> Result<(), StoreError> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(StoreError::file(folder))?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => keep_others_out(path).map_err(StoreError::file(path)),
        other => other.map(drop).map_err(StoreError::file(path)),
    }
}

fn keep_others_out(path: &Path) -> io::Result<()> {
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o777 == 0o600 { Ok(()) } else { fs::set_permissions(path, Permissions::from_mode(0o600)) }
}

fn is_unclean(path: &Path) -> bool {
    let size_bytes = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
    size_bytes(&with_suffix(path, "-wal")) > 0 && size_bytes(path) <= CHECK_UP_TO_BYTES
}

/// Moves a damaged database aside, unless another process has just done so.
async fn quarantine(path: &Path, damage: &str) -> Result<(), StoreError> {
    let lock_path = with_suffix(path, ".lock");
    let lock = File::create(&lock_path).map_err(StoreError::file(&lock_path))?;
    lock.try_lock().map_err(|error| StoreError::File { path: lock_path, source: error.into() })?;
    match open(path, Check::Always).await {
        Ok(healthy) => return Ok(healthy.close().await?),
        Err(StoreError::Corrupt(_)) => {}
        Err(error) => return Err(error),
    }
    let aside = unused_name(path);
    tracing::error!(damage, kept = %aside.display(), "the ledger database is damaged; it was moved aside, a new one begins");
    for suffix in ["-wal", "-shm", ""] {
        match fs::rename(with_suffix(path, suffix), with_suffix(&aside, suffix)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(StoreError::file(path)(error)),
            _ => {}
        }
    }
    Ok(())
}

fn unused_name(path: &Path) -> PathBuf {
    let mut number = 1_u32;
    loop {
        let name = with_suffix(path, &format!(".corrupt-{number}"));
        if !name.exists() {
            return name;
        }
        number += 1;
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
