//! Summing up, with a limit on the time it takes.

use crate::{
    StoreError,
    usage::{UsageLine, UsageQuery, UsageSummary},
};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use std::time::{Duration, Instant};

/// The longest a statement may run.
const LIMIT: Duration = Duration::from_secs(5);
/// How many steps of SQLite's machine pass between two looks at the clock: well under a millisecond.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;

pub(super) async fn run(connection: &mut SqliteConnection, query: &UsageQuery) -> Result<UsageSummary, StoreError> {
    run_within(LIMIT, connection, query).await
}

async fn run_within(
    limit: Duration,
    connection: &mut SqliteConnection,
    query: &UsageQuery,
) -> Result<UsageSummary, StoreError> {
    let started = Instant::now();
    connection.lock_handle().await?.set_progress_handler(STEPS_BETWEEN_LOOKS, move || started.elapsed() < limit);
    let rows = sqlx::query(include_str!("../../sql/summarise_attempts.sql"))
        .bind(query.from_ms)
        .bind(query.until_ms)
        .bind(query.utc_offset_ms)
        .bind(UsageSummary::MAX_LINES)
        .fetch_all(connection)
        .await?;
    let lines = rows.iter().map(line).collect::<Result<_, _>>()?;
    Ok(UsageSummary { lines })
}

fn line(row: &SqliteRow) -> Result<UsageLine, sqlx::Error> {
    Ok(UsageLine {
        day: row.try_get("day")?,
        provider: row.try_get("provider")?,
        model: row.try_get("model")?,
        attempts: row.try_get("attempts")?,
        ok: row.try_get("ok")?,
        input_tokens: row.try_get("input_tokens")?,
        cache_read_tokens: row.try_get("cache_read_tokens")?,
        cache_write_tokens: row.try_get("cache_write_tokens")?,
        output_tokens: row.try_get("output_tokens")?,
        reasoning_tokens: row.try_get("reasoning_tokens")?,
        total_ms: row.try_get("total_ms")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        UsageStore,
        conformance::rows,
        sqlite::{Check, SqliteStore, open},
    };

    #[tokio::test]
    async fn a_statement_that_takes_too_long_is_interrupted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        SqliteStore::open(&path, Check::IfUnclean).await.unwrap().append(&rows(0..2_000)).await.unwrap();
        let mut connection = open::reader(&path).await.unwrap();
        let summary = run_within(Duration::ZERO, &mut connection, &UsageQuery::ALL).await;
        assert!(matches!(summary, Err(StoreError::TimedOut)), "{summary:?}");
    }
}
