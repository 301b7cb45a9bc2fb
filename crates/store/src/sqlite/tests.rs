use super::*;
use crate::conformance::{self, row, rows};
use crate::record::{Ending, Outcome};
use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};
use std::{fs, os::unix::fs::PermissionsExt};
use tempfile::TempDir;
use tokio::task::JoinSet;

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data").join("ledger.db");
    (folder, path)
}

async fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, Check::IfUnclean).await.unwrap()
}

/// What another program would see.
async fn execute(path: &Path, sql: &'static str) {
    let mut connection = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn sqlite_keeps_the_promises_of_a_usage_store() {
    let (_folder, path) = place();
    conformance::usage_store(open(&path).await).await;
}

#[tokio::test]
async fn every_column_holds_what_was_recorded() {
    let (_folder, path) = place();
    open(&path).await.append(&[row(7)]).await.unwrap();
    let mut connection = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    let columns = "request_id, attempt, at_ms, client_protocol, upstream_protocol, lane, streamed, requested_model, provider, \
        account, model, upstream_model, outcome, status, ifnull(error_code, '-'), cost, first_event_ms, total_ms, usage_known, \
        input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens";
    let sql = sqlx::AssertSqlSafe(format!("SELECT concat_ws(' ', {columns}) FROM attempts"));
    let stored: String = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
    assert_eq!(
        stored,
        "019900000007 1 7000 messages chat translated 1 sonnet openai default gpt-5 gpt-5-2025-08-07 ok 200 - certain 20 100 \
         1 10 4 2 5 3"
    );
}

#[tokio::test]
async fn what_attempts_have_in_common_is_stored_once() {
    let (_folder, path) = place();
    let mut failed = row(2);
    failed.ending =
        Ending { outcome: Outcome::Failed, status: None, error_code: Some("timeout".into()), ..failed.ending };
    for _ in 0..2 {
        let mut store = open(&path).await;
        store.append(&[row(0), row(1), failed.clone()]).await.unwrap();
        store.close().await.unwrap();
    }
    let mut connection = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    let kinds: i64 = sqlx::query_scalar("SELECT count(*) FROM kinds").fetch_one(&mut connection).await.unwrap();
    assert_eq!(kinds, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_together_migrate_once() {
    let (_folder, path) = place();
    let mut starts = JoinSet::new();
    for number in 0..8 {
        let path = path.clone();
        starts.spawn(async move { open(&path).await.append(&[row(number)]).await.unwrap() });
    }
    assert_eq!(starts.join_all().await, [1; 8]);
    assert_eq!(summarise(&path, &UsageQuery::ALL).await.unwrap().attempts(), 8);
}

#[tokio::test]
async fn a_database_of_a_later_version_is_refused_and_left_alone() {
    let (_folder, path) = place();
    open(&path).await.close().await.unwrap();
    execute(&path, "PRAGMA user_version = 99").await;
    let before = fs::read(&path).unwrap();
    let refused = SqliteStore::open(&path, Check::Always).await;
    assert!(matches!(refused.err(), Some(StoreError::Newer { found: 99, known: 1 })));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_moved_aside() {
    let (_folder, path) = place();
    fs::create_dir(path.parent().unwrap()).unwrap();
    let text = "these are not the rows you are looking for. ".repeat(100);
    fs::write(&path, &text).unwrap();
    assert_eq!(open(&path).await.append(&[row(1)]).await.unwrap(), 1);
    assert_eq!(fs::read_to_string(path.with_file_name("ledger.db.corrupt-1")).unwrap(), text);
}

#[tokio::test]
async fn damage_inside_the_file_is_found_after_an_unclean_end() {
    let (_folder, path) = place();
    let mut store = open(&path).await;
    store.append(&rows(0..500)).await.unwrap();
    store.close().await.unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0xee);
    fs::write(&path, bytes).unwrap();
    fs::write(path.with_file_name("ledger.db-wal"), "left behind").unwrap();
    assert_eq!(open(&path).await.append(&rows(0..3)).await.unwrap(), 3);
    assert!(path.with_file_name("ledger.db.corrupt-1").exists());
}

#[tokio::test]
async fn nobody_else_may_read_the_ledger() {
    let (_folder, path) = place();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    open(&path).await.close().await.unwrap();
    assert_eq!((mode(path.parent().unwrap()), mode(&path)), (0o700, 0o600));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let _store = open(&path).await;
    assert_eq!((mode(&path), mode(&path.with_file_name("ledger.db-wal"))), (0o600, 0o600));
}

#[tokio::test]
async fn a_database_that_was_removed_is_noticed() {
    let (_folder, path) = place();
    let mut store = open(&path).await;
    fs::remove_file(&path).unwrap();
    assert!(matches!(store.append(&[row(1)]).await, Err(StoreError::Missing(_))));
}
