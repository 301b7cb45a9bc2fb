use super::*;
use crate::conformance::{row, rows};
use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};
use std::fs;
use tempfile::TempDir;

/// Far longer than anything here takes; a test that needs it has failed.
const PATIENCE: Duration = Duration::from_mins(1);

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("ledger.db")
    }

    fn open(&self) -> Ledger {
        Ledger::open(&self.path())
    }

    async fn attempts(&self) -> i64 {
        sqlite::summarise(&self.path(), &UsageQuery::ALL).await.unwrap().attempts()
    }

    fn spill_files(&self) -> usize {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        entries.filter(|entry| entry.as_ref().unwrap().file_name().to_str().unwrap().contains("spill")).count()
    }

    /// Another program that is writing to the database.
    async fn lock(&self) -> SqliteConnection {
        let mut other = SqliteConnectOptions::new().filename(self.path()).connect().await.unwrap();
        sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
        other
    }
}

async fn until(ledger: &Ledger, reached: impl FnMut(&LedgerStats) -> bool) {
    let mut stats = ledger.watch();
    let waited = timeout(PATIENCE, stats.wait_for(reached)).await;
    assert!(waited.is_ok(), "{:?}", ledger.stats());
}

fn record(ledger: &Ledger, rows: Vec<AttemptRecord>) {
    for row in rows {
        ledger.record(row);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_a_burst_larger_than_the_queue_is_stored_once() {
    let place = Place::new();
    let ledger = place.open();
    record(&ledger, rows(0..20_000));
    until(&ledger, |stats| stats.written == 20_000).await;
    assert_eq!(place.attempts().await, 20_000);
    assert_eq!(ledger.stats().dropped, 0);
}

#[tokio::test]
async fn rows_reach_the_database_without_being_asked_for() {
    let place = Place::new();
    let ledger = place.open();
    until(&ledger, |stats| stats.database == DatabaseState::Ready).await;
    ledger.record(row(1));
    assert_eq!(ledger.stats().queued, 1);
    until(&ledger, |stats| stats.written == 1).await;
    assert_eq!(ledger.stats().queued, 0);
}

#[tokio::test]
async fn while_the_database_is_locked_rows_spill_and_afterwards_each_is_stored_once() {
    let place = Place::new();
    let ledger = place.open();
    until(&ledger, |stats| stats.database == DatabaseState::Ready).await;
    let other = place.lock().await;
    record(&ledger, rows(0..300));
    until(&ledger, |stats| stats.spilled == 300).await;
    record(&ledger, rows(300..400));
    until(&ledger, |stats| stats.spilled == 400).await;
    drop(other);
    until(&ledger, |stats| stats.written == 400).await;
    record(&ledger, rows(400..401));
    until(&ledger, |stats| stats.written == 401).await;
    assert_eq!(place.attempts().await, 401);
    ledger.close().await;
    assert_eq!(ledger.stats().dropped, 0);
}

#[tokio::test]
async fn rows_that_were_written_survive_a_kill() {
    let (place, copy) = (Place::new(), Place::new());
    let ledger = place.open();
    record(&ledger, rows(0..100));
    until(&ledger, |stats| stats.written == 100).await;
    // What the operating system would keep if the process ended right now.
    for name in ["ledger.db", "ledger.db-wal"] {
        fs::copy(place.folder.path().join(name), copy.folder.path().join(name)).unwrap();
    }
    let after = copy.open();
    after.record(row(100));
    until(&after, |stats| stats.written == 1).await;
    assert_eq!(copy.attempts().await, 101);
}

#[tokio::test]
async fn what_a_dead_process_spilled_is_replayed_exactly_once() {
    let place = Place::new();
    let dead = Spill::new(place.folder.path().into());
    dead.append(&rows(0..700)).unwrap();
    drop(dead);
    let ledger = place.open();
    until(&ledger, |stats| stats.replayed == 700).await;
    ledger.close().await;

    let dead = Spill::new(place.folder.path().into());
    dead.append(&rows(600..800)).unwrap();
    drop(dead);
    let ledger = place.open();
    until(&ledger, |stats| stats.replayed == 100).await;
    ledger.close().await;
    assert_eq!(place.attempts().await, 800);
}

#[tokio::test]
async fn replayed_files_are_removed() {
    let place = Place::new();
    Spill::new(place.folder.path().into()).append(&rows(0..5)).unwrap();
    let ledger = place.open();
    until(&ledger, |stats| stats.replayed == 5).await;
    // Only one thing is done at a time: a later row is written after the file is gone, or beside the last step of that.
    ledger.record(row(5));
    until(&ledger, |stats| stats.written == 6).await;
    ledger.close().await;
    assert_eq!(place.spill_files(), 0);
}

#[tokio::test]
async fn a_damaged_database_neither_prevents_the_start_nor_loses_a_row() {
    let place = Place::new();
    fs::write(place.path(), "no database at all ".repeat(500)).unwrap();
    let ledger = place.open();
    record(&ledger, rows(0..10));
    until(&ledger, |stats| stats.written == 10).await;
    assert_eq!(place.attempts().await, 10);
}

#[tokio::test]
async fn a_database_of_a_later_version_is_not_touched_and_rows_wait_beside_it() {
    let place = Place::new();
    let mut newer = SqliteConnectOptions::new().filename(place.path()).create_if_missing(true).connect().await.unwrap();
    sqlx::raw_sql("PRAGMA user_version = 99").execute(&mut newer).await.unwrap();
    let ledger = place.open();
    ledger.record(row(1));
    until(&ledger, |stats| stats.spilled == 1).await;
    assert!(matches!(ledger.stats().database, DatabaseState::Unavailable { .. }));
    ledger.close().await;
    assert_eq!(place.spill_files(), 1);
}

#[tokio::test]
async fn rows_are_dropped_and_counted_only_when_nothing_can_be_written() {
    let place = Place::new();
    let file = place.folder.path().join("file");
    fs::write(&file, "").unwrap();
    let ledger = Ledger::open(&file.join("ledger.db"));
    record(&ledger, rows(0..3));
    until(&ledger, |stats| stats.dropped == 3).await;
    fs::remove_file(&file).unwrap();
    ledger.record(row(3));
    until(&ledger, |stats| stats.written == 1).await;
    assert_eq!(ledger.stats().dropped, 3);
}

#[tokio::test]
async fn a_database_removed_while_running_is_made_anew() {
    let place = Place::new();
    let ledger = place.open();
    ledger.record(row(0));
    until(&ledger, |stats| stats.written == 1).await;
    for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        fs::remove_file(place.folder.path().join(name)).unwrap();
    }
    ledger.record(row(1));
    until(&ledger, |stats| stats.written == 2).await;
    assert_eq!(place.attempts().await, 1);
}

#[tokio::test]
async fn closing_stores_what_is_queued_and_later_rows_wait_in_a_file() {
    let place = Place::new();
    let ledger = place.open();
    until(&ledger, |stats| stats.database == DatabaseState::Ready).await;
    record(&ledger, rows(0..50));
    ledger.close().await;
    assert_eq!((ledger.stats().written, place.attempts().await), (50, 50));
    ledger.record(row(50));
    assert_eq!((ledger.stats().spilled, place.spill_files()), (1, 1));
}

#[tokio::test]
async fn closing_a_locked_ledger_is_bounded_and_loses_nothing() {
    let place = Place::new();
    let ledger = place.open();
    until(&ledger, |stats| stats.database == DatabaseState::Ready).await;
    let other = place.lock().await;
    record(&ledger, rows(0..5));
    timeout(PATIENCE, ledger.close()).await.unwrap();
    drop((ledger, other));
    let next = place.open();
    until(&next, |stats| stats.written == 5).await;
    assert_eq!(place.attempts().await, 5);
}

#[tokio::test]
async fn two_ledgers_share_one_database() {
    let place = Place::new();
    let (one, two) = (place.open(), place.open());
    record(&one, rows(0..100));
    record(&two, rows(100..150));
    until(&one, |stats| stats.written == 100).await;
    until(&two, |stats| stats.written == 50).await;
    assert_eq!(place.attempts().await, 150);
}
