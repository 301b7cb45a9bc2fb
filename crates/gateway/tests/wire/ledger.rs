//! One row per attempt, whatever became of it.

use crate::world::{Running, World, chat_body};
use rm_testkit::{Answer, Reply, Upstream, Usage, chat, messages};
use serde_json::json;
use sqlx::{ConnectOptions, Row as _, sqlite::SqliteConnectOptions};
use std::path::Path;

/// One attempt as it was written down.
#[derive(Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) request_id: String,
    pub(crate) attempt: i64,
    /// `provider/model`.
    pub(crate) target: String,
    pub(crate) lane: String,
    pub(crate) outcome: String,
    pub(crate) status: Option<i64>,
    pub(crate) code: Option<String>,
    pub(crate) cost: String,
    /// Input, cache read, cache write, output, reasoning.
    pub(crate) tokens: [i64; 5],
}

/// The rows of a server that has stopped, in order.
pub(crate) async fn rows(folder: &Path) -> Vec<Row> {
    let file = folder.join("data").join("stats.db");
    let mut database = SqliteConnectOptions::new().filename(file).read_only(true).connect().await.unwrap();
    let found = sqlx::query("SELECT * FROM attempts ORDER BY at_ms, attempt").fetch_all(&mut database).await.unwrap();
    let row = |row: &sqlx::sqlite::SqliteRow| {
        let token = |class: &str| row.get::<i64, _>(&*format!("{class}_tokens"));
        Row {
            request_id: row.get("request_id"),
            attempt: row.get("attempt"),
            target: format!("{}/{}", row.get::<String, _>("provider"), row.get::<String, _>("model")),
            lane: row.get("lane"),
            outcome: row.get("outcome"),
            status: row.get("status"),
            code: row.get("error_code"),
            cost: row.get("cost"),
            tokens: ["input", "cache_read", "cache_write", "output", "reasoning"].map(token),
        }
    };
    found.iter().map(row).collect()
}

/// Each row as `target outcome status`.
async fn told(world: Running) -> Vec<String> {
    let folder = world.stopped().await;
    let rows = rows(folder.path()).await;
    rows.iter().map(|row| format!("{} {} {}", row.target, row.outcome, row.status.unwrap_or_default())).collect()
}

#[tokio::test]
async fn usage_is_kept_by_class_in_both_lanes_streamed_and_not() {
    let answer =
        Answer::text("Hello!").usage(Usage { input: 100, cache_read: 30, cache_write: 20, output: 40, reasoning: 10 });
    for native in [false, true] {
        let upstream = Upstream::start().await;
        let world = if native { World::new().messages("up", &upstream) } else { World::new().chat("up", &upstream) };
        let world = world.start();
        let mut ids = Vec::new();
        for chat in [true, false] {
            for stream in [false, true] {
                upstream.script([match (native, stream) {
                    (true, true) => messages::stream(&answer),
                    (true, false) => messages::reply(&answer),
                    (false, true) => chat::stream(&answer),
                    (false, false) => chat::reply(&answer),
                }]);
                let got = match (chat, stream) {
                    (true, true) => world.chat_stream("up/m").await,
                    (true, false) => world.chat("up/m").await,
                    (false, true) => world.messages_stream("up/m").await,
                    (false, false) => world.messages("up/m").await,
                };
                assert_eq!((got.status, got.complete), (200, true), "{}", got.text());
                ids.push(got.header("x-request-id").unwrap().to_owned());
            }
        }
        let folder = world.stopped().await;
        let rows = rows(folder.path()).await;
        assert_eq!(rows.len(), 4);
        for (index, row) in rows.iter().enumerate() {
            assert!(ids.contains(&row.request_id));
            assert_eq!((row.attempt, &*row.target, &*row.outcome, row.status), (1, "up/m", "ok", Some(200)), "{row:?}");
            assert_eq!((row.code.as_deref(), &*row.cost), (None, "certain"), "{row:?}");
            assert_eq!(row.lane, if native == (index >= 2) { "bytes" } else { "translated" }, "{row:?}");
            assert_eq!(row.tokens, [150, 30, 20, 40, 10], "native {native}: {row:?}");
        }
    }
}

#[tokio::test]
async fn each_attempt_of_a_failover_has_its_row() {
    let (a, b, c) = (Upstream::start().await, Upstream::start().await, Upstream::start().await);
    a.always(chat::error(429, "slow down"));
    b.always(Reply::reset());
    let list = json!({ "priorities": ["a/m", "b/m", "c/m"] });
    let world = World::new().chat("a", &a).chat("b", &b).chat("c", &c).priorities(list).start();
    let got = world.chat("router-maestro").await;
    let id = got.header("x-request-id").unwrap().to_owned();
    let folder = world.stopped().await;
    let rows = rows(folder.path()).await;
    assert!(rows.iter().all(|row| row.request_id == id));
    let told: Vec<_> =
        rows.iter().map(|row| (row.attempt, &*row.target, &*row.outcome, row.code.as_deref(), row.status)).collect();
    assert_eq!(
        told,
        [
            (1, "a/m", "failed", Some("upstream_rate_limit"), Some(429)),
            (2, "b/m", "failed", Some("upstream_reset"), None),
            (3, "c/m", "ok", None, Some(200)),
        ]
    );
    assert_eq!((&*rows[1].cost, &*rows[2].cost), ("possible", "certain"));
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_written_down_as_truncated() {
    let up = Upstream::start().await;
    let world = World::new().messages("up", &up).start();
    for chat in [false, true] {
        let stream = messages::stream(&Answer::pieces(&["one ", "two"]));
        up.script([stream.clone().cut_at(stream.body_len() - 1)]);
        let got = if chat { world.chat_stream("up/m").await } else { world.messages_stream("up/m").await };
        assert!(got.events().last().unwrap().data.contains("\"error\""), "{}", got.text());
    }
    assert_eq!(told(world).await, ["up/m truncated 200"; 2]);
}

#[tokio::test]
async fn what_never_reached_an_upstream_has_no_row() {
    let up = Upstream::start().await;
    let world = World::new().chat("up", &up).start();
    assert_eq!(world.chat("nobody/m").await.status, 404);
    assert_eq!(world.post_text("/v1/chat/completions", "{").await.status, 400);
    assert_eq!(world.post("/v1/nothing", &chat_body("up/m", false)).await.status, 404);
    assert_eq!(world.chat("up/m").await.status, 200);
    assert_eq!(told(world).await, ["up/m ok 200"]);
}
