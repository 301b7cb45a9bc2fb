//! Writing a batch with one hand-over to the connection's thread.
//!
//! A hand-over costs as much CPU as storing dozens of rows, and so does parsing a long statement. So there are a few
//! prepared statements with room for many rows each, and a batch uses the smallest that holds it; room that is left stays
//! unbound, which SQLite reads as NULL, and is skipped. Parameters are anonymous because SQLite looks up named ones by a
//! linear search.

use crate::record::AttemptRecord;
use sqlx::{Arguments, AssertSqlSafe, Connection, SqliteConnection, error::BoxDynError, sqlite::SqliteArguments};
use std::sync::Arc;

const COLUMNS: usize = 11;
/// Rows for which the statements have room. The longest stays well under SQLite's 32,766 parameters.
const ROOM: [usize; 4] = [4, 16, 64, LONGEST];
const LONGEST: usize = 256;

/// The statements, shortest first.
pub(super) struct Insert {
    statements: [(usize, Arc<str>); ROOM.len()],
}

impl Default for Insert {
    fn default() -> Self {
        Self { statements: ROOM.map(|rows| (rows, statement(rows))) }
    }
}

impl Insert {
    /// Stores the batch, whose rows are of these kinds, as one transaction; returns how many rows were new.
    pub(super) async fn run(
        &self,
        connection: &mut SqliteConnection,
        batch: &[AttemptRecord],
        kinds: &[i64],
    ) -> Result<u64, sqlx::Error> {
        if batch.len() <= LONGEST {
            // A single statement is a transaction of its own.
            return self.piece(connection, batch, kinds).await;
        }
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let mut new = 0;
        for (rows, kinds) in batch.chunks(LONGEST).zip(kinds.chunks(LONGEST)) {
            new += self.piece(&mut transaction, rows, kinds).await?;
        }
        transaction.commit().await?;
        Ok(new)
    }

    /// At most [`LONGEST`] rows.
    async fn piece(
        &self,
        connection: &mut SqliteConnection,
        rows: &[AttemptRecord],
        kinds: &[i64],
    ) -> Result<u64, sqlx::Error> {
        let Some((_, sql)) = self.statements.iter().find(|(room, _)| rows.len() <= *room) else { return Ok(0) };
        let arguments = arguments(rows, kinds).map_err(sqlx::Error::Encode)?;
        let done = sqlx::query_with(AssertSqlSafe(Arc::clone(sql)), arguments).execute(connection).await?;
        Ok(done.rows_affected())
    }
}

fn statement(rows: usize) -> Arc<str> {
    let row = format!("({})", ["?"; COLUMNS].join(","));
    let values = vec![row.as_str(); rows].join(",");
    include_str!("../../sql/insert_attempts.sql").replace("(:rows)", &format!("(VALUES {values})")).into()
}

fn arguments(rows: &[AttemptRecord], kinds: &[i64]) -> Result<SqliteArguments, BoxDynError> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(rows.len() * COLUMNS, 0);
    for (row, kind) in rows.iter().zip(kinds) {
        bind(&mut arguments, row, *kind)?;
    }
    Ok(arguments)
}

/// In the order of `insert_attempts.sql`.
fn bind(to: &mut SqliteArguments, row: &AttemptRecord, kind: i64) -> Result<(), BoxDynError> {
    to.add(row.at_ms)?;
    to.add(Arc::clone(&row.request_id))?;
    to.add(row.attempt)?;
    to.add(kind)?;
    to.add(row.ending.first_event_ms)?;
    to.add(row.ending.total_ms)?;
    to.add(row.tokens.input)?;
    to.add(row.tokens.cache_read)?;
    to.add(row.tokens.cache_write)?;
    to.add(row.tokens.output)?;
    to.add(row.tokens.reasoning)
}
