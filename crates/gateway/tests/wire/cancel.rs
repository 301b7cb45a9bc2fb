//! A client that goes away takes its upstream with it (R43); one that does not read stops it (R44).

use crate::{
    ledger::rows,
    world::{KEY, Running, World, chat_body, messages_body},
};
use rm_testkit::{Answer, Client, Gate, Reply, Upstream, chat, messages};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How soon an upstream must be let go.
const SOON: Duration = Duration::from_secs(1);

/// Who speaks what: the client's protocol and the upstream's.
#[derive(Clone, Copy, Debug)]
struct Pair {
    chat: bool,
    native: bool,
}

const PAIRS: [Pair; 4] = [
    Pair { chat: true, native: false },
    Pair { chat: false, native: true },
    Pair { chat: true, native: true },
    Pair { chat: false, native: false },
];

impl Pair {
    fn world(self, upstream: &Upstream) -> World {
        if self.native { World::new().messages("up", upstream) } else { World::new().chat("up", upstream) }
    }

    /// Sends a request and leaves the answer unread.
    async fn begin(self, world: &Running, stream: bool) -> Client {
        if self.chat {
            begin(world, "/v1/chat/completions", &chat_body("up/m", stream)).await
        } else {
            begin(world, "/v1/messages", &messages_body("up/m", stream)).await
        }
    }

    fn reply(self, stream: bool) -> Reply {
        let answer = Answer::pieces(&["one ", "two ", "three"]);
        match (self.native, stream) {
            (true, true) => messages::stream(&answer),
            (true, false) => messages::reply(&answer),
            (false, true) => chat::stream(&answer),
            (false, false) => chat::reply(&answer),
        }
    }
}

async fn begin(world: &Running, path: &str, body: &Value) -> Client {
    let mut client = world.client().await;
    client.post_with(path, &[("x-api-key", KEY)], body.to_string().as_bytes()).await.unwrap();
    client
}

/// Drops the client of the upstream's latest request and waits for the upstream to see it.
async fn leave(client: Client, upstream: &Upstream, what: &str) {
    let request = upstream.requests().len() - 1;
    let left = Instant::now();
    drop(client);
    let mut count = 1;
    let gone = loop {
        let gone = upstream.clients_gone(count).await;
        if let Some(gone) = gone.iter().find(|gone| gone.request == request) {
            break *gone;
        }
        count = gone.len() + 1;
    };
    let took = gone.at.saturating_duration_since(left);
    assert!(took < SOON, "{what}: {took:?}");
}

/// Stops the server; every attempt must have been written down as cancelled.
async fn all_cancelled(world: Running, count: usize, what: &str) {
    let folder = world.stopped().await;
    let rows = rows(folder.path()).await;
    assert_eq!(rows.len(), count, "{what}");
    for row in rows {
        assert_eq!((&*row.outcome, row.code.as_deref()), ("cancelled", Some("client_gone")), "{what}: {row:?}");
        assert_ne!(row.cost, "none", "{what}: it may have worked on it");
    }
}

#[tokio::test]
async fn whatever_a_stream_waits_for_its_upstream_goes_with_the_client() {
    for pair in PAIRS {
        let upstream = Upstream::start().await;
        let world = pair.world(&upstream).start();
        let whole = pair.reply(true);
        let almost = whole.body_len() - 1;
        let silent = [("the head", Reply::hang()), ("the first event", whole.clone().hang_at(0))];
        let mut count = 0;
        for (phase, reply) in silent {
            upstream.script([reply]);
            let client = pair.begin(&world, true).await;
            count += 1;
            upstream.received(count).await;
            leave(client, &upstream, &format!("{pair:?} waiting for {phase}")).await;
        }
        let flowing = [
            ("more", whole.clone().hang_at(almost)),
            ("the next piece", whole.clone().split_every(16).delay_between(Duration::from_millis(5))),
        ];
        for (phase, reply) in flowing {
            upstream.script([reply]);
            let mut client = pair.begin(&world, true).await;
            count += 1;
            assert_eq!(client.head().await.unwrap().0, 200);
            client.event().await.unwrap();
            leave(client, &upstream, &format!("{pair:?} waiting for {phase}")).await;
        }
        all_cancelled(world, count, &format!("{pair:?}")).await;
    }
}

#[tokio::test]
async fn an_answer_that_is_not_streamed_is_given_up_as_well() {
    for pair in PAIRS {
        let upstream = Upstream::start().await;
        let world = pair.world(&upstream).start();
        for (count, reply) in
            [Reply::hang(), pair.reply(false).hang_at(0), pair.reply(false).hang_at(20)].into_iter().enumerate()
        {
            upstream.script([reply]);
            let client = pair.begin(&world, false).await;
            upstream.received(count + 1).await;
            leave(client, &upstream, &format!("{pair:?} {count}")).await;
        }
        all_cancelled(world, 3, &format!("{pair:?}")).await;
    }
}

#[tokio::test]
async fn after_an_early_head_the_search_ends_with_the_client() {
    for pair in PAIRS {
        let upstream = Upstream::start().await;
        let world = pair.world(&upstream).server(json!({ "timeouts": { "holdHead": "20ms" } })).start();
        upstream.always(Reply::hang());
        let mut client = pair.begin(&world, true).await;
        assert_eq!(client.head().await.unwrap().0, 200);
        leave(client, &upstream, &format!("{pair:?}")).await;
        all_cancelled(world, 1, &format!("{pair:?}")).await;
    }
}

#[tokio::test]
async fn nothing_is_repeated_for_a_client_that_left_during_the_back_off() {
    let upstream = Upstream::start().await;
    let entry = json!({ "type": "openai-compatible", "baseURL": upstream.v1_url(), "apiKey": "k", "models": ["m"], "maxRetries": 3 });
    let server = json!({
        "resilience": { "backoff": { "min": "60s", "max": "60s" } },
        "limits": { "inFlight": 1, "queue": 1, "queueWait": "15s" },
    });
    let world = World::new().provider("up", entry).server(server).start();
    upstream.script([chat::error(500, "no")]);
    let client = begin(&world, "/v1/chat/completions", &chat_body("up/m", true)).await;
    upstream.ended(1).await;
    let left = Instant::now();
    drop(client);
    assert_eq!(world.chat("up/m").await.status, 200, "the one place is free again");
    assert!(left.elapsed() < SOON * 5);
    assert_eq!(upstream.requests().len(), 2);
}

#[tokio::test]
async fn a_client_that_left_the_queue_is_never_served() {
    let upstream = Upstream::start().await;
    let server = json!({ "limits": { "inFlight": 1, "queue": 4, "queueWait": "15s" } });
    let world = World::new().chat("up", &upstream).server(server).start();
    let gate = Gate::new();
    upstream.script([chat::text("Hello!").gate_head(&gate)]);
    let mut first = begin(&world, "/v1/chat/completions", &chat_body("up/m", false)).await;
    gate.reached().await;
    drop(begin(&world, "/v1/chat/completions", &chat_body("up/m", false)).await);
    let mut third = begin(&world, "/v1/chat/completions", &chat_body("up/n", false)).await;
    assert_eq!(world.get("/livez").await.status, 200);
    gate.open();
    assert_eq!(first.response().await.unwrap().status, 200);
    assert_eq!(third.response().await.unwrap().status, 200);
    let asked: Vec<Value> = upstream.requests().iter().map(|request| request.json()["model"].clone()).collect();
    assert_eq!(asked, ["m", "n"]);
}

#[tokio::test]
async fn a_count_is_given_up_with_its_client() {
    let upstream = Upstream::start().await;
    upstream.route("/count_tokens", Reply::hang());
    let world = World::new().messages("up", &upstream).start();
    let client = begin(&world, "/v1/messages/count_tokens", &messages_body("up/m", false)).await;
    upstream.received(1).await;
    leave(client, &upstream, "counting").await;
}

/// One piece of an answer that has no end.
const MORE: &str = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"and so on and so on and so on and so on and so on\"}}\n\n";

#[tokio::test]
async fn a_client_that_does_not_read_stops_the_upstream_and_is_dropped_at_last() {
    for chat in [false, true] {
        let upstream = Upstream::start().await;
        let start = messages::frames(&Answer::text("one")).into_iter().take(2);
        upstream.always(Reply::frames(start).fill(MORE, 1 << 30));
        let world =
            World::new().messages("up", &upstream).server(json!({ "timeouts": { "clientWrite": "300ms" } })).start();
        let pair = Pair { chat, native: true };
        let client = pair.begin(&world, true).await;
        let gone = upstream.client_gone().await;
        assert!(gone.sent_bytes < 64 << 20, "{} bytes were taken for nobody", gone.sent_bytes);
        drop(client);
        all_cancelled(world, 1, &format!("{pair:?}")).await;
    }
}
