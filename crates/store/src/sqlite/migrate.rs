//! Bringing a database up to the newest schema.
//!
//! `PRAGMA user_version` counts the migrations that ran. All missing ones run in one immediate transaction, which also
//! makes the second of two processes that start together wait and then find nothing to do. There is no way back: a
//! database from a later version is refused, never changed.

use crate::StoreError;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

/// Never edited once released; a change is a new file.
const MIGRATIONS: [&str; 1] = [include_str!("../../migrations/0001_attempts.sql")];

pub(super) async fn run(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    if pending(version(connection).await?)?.is_empty() {
        return Ok(());
    }
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    for migration in pending(version(&mut transaction).await?)? {
        sqlx::raw_sql(*migration).execute(&mut *transaction).await?;
    }
    let mark = format!("PRAGMA user_version = {}", MIGRATIONS.len());
    sqlx::raw_sql(AssertSqlSafe(mark)).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(())
}

async fn version(connection: &mut SqliteConnection) -> Result<u32, sqlx::Error> {
    sqlx::query_scalar("PRAGMA user_version").fetch_one(connection).await
}

/// The migrations that a database at `version` lacks.
fn pending(version: u32) -> Result<&'static [&'static str], StoreError> {
    let newer = StoreError::Newer { found: version, known: MIGRATIONS.len() as u32 };
    const { &MIGRATIONS }.get(version as usize..).ok_or(newer)
}
