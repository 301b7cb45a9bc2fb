//! Model lists, discovery, and token counts.

use crate::{
    raw::{chat_error, eventually, exchange, head, messages_error},
    world::{KEY, Running, World, messages_body},
};
use rm_testkit::{Gate, Reply, Response, Upstream, chat};
use serde_json::{Value, json};

async fn anthropic(world: &Running, path: &str) -> Response {
    exchange(world, &head(&format!("GET {path}"), &["anthropic-version: 2023-06-01"])).await.1.unwrap()
}

fn ids(list: &Value) -> Vec<String> {
    list["data"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}

async fn listed(world: &Running) -> Vec<String> {
    ids(&world.get("/v1/models").await.json())
}

fn open(upstream: &Upstream) -> Value {
    json!({ "type": "openai-compatible", "baseURL": upstream.v1_url(), "apiKey": "k" })
}

#[tokio::test]
async fn the_list_has_the_shape_of_the_mount_or_of_the_clients_version_header() {
    let upstream = Upstream::start().await;
    let world = World::new().chat("up", &upstream).start();
    for path in ["/v1/models", "/models", "/openai/v1/models", "/api/openai/v1/models"] {
        let list = world.get(path).await.json();
        assert_eq!(list["object"], "list", "{path}");
        assert_eq!(ids(&list), ["auto", "up/m", "up/n"], "{path}");
        let model = &list["data"][1];
        assert_eq!((&model["object"], &model["owned_by"]), (&json!("model"), &json!("up")));
        assert!(model["created"].is_u64() && model["name"].is_string());
    }
    for (path, versioned) in
        [("/v1/models", true), ("/anthropic/v1/models", false), ("/api/anthropic/v1/models", false)]
    {
        let list = if versioned { anthropic(&world, path).await } else { world.get(path).await }.json();
        assert_eq!(ids(&list), ["auto", "up/m", "up/n"], "{path}");
        assert_eq!(
            (&list["has_more"], &list["first_id"], &list["last_id"]),
            (&json!(false), &json!("auto"), &json!("up/n"))
        );
        let model = &list["data"][1];
        assert_eq!(model["type"], "model");
        assert!(model["display_name"].is_string() && model["created_at"].is_string());
    }
}

#[tokio::test]
async fn pages_follow_one_another_in_both_directions() {
    let upstream = Upstream::start().await;
    let models: Vec<String> = (0..30).map(|n| format!("m{n:02}:x")).collect();
    let entry = json!({ "type": "openai-compatible", "baseURL": upstream.v1_url(), "apiKey": "k", "models": models });
    let world = World::new().provider("up", entry).start();
    let page = async |query: &str| anthropic(&world, &format!("/v1/models{query}")).await.json();
    let first = page("").await;
    assert_eq!((ids(&first).len(), &first["has_more"]), (20, &json!(true)));
    let all = ids(&page("?limit=1000").await);
    assert_eq!(all.len(), 31);

    let mut seen = ids(&page("?limit=7").await);
    loop {
        let last = seen.last().unwrap().replace('/', "%2F").replace(':', "%3A");
        let next = page(&format!("?limit=7&after_id={last}")).await;
        seen.extend(ids(&next));
        if next["has_more"] == false {
            break;
        }
    }
    assert_eq!(seen, all);
    let before = page(&format!("?limit=2&before_id={}", all[9])).await;
    assert_eq!(ids(&before), all[7..9]);
    for query in ["?limit=0", "?limit=1001", "?limit=x", "?limit=-1", "?after_id=nobody", "?before_id=%zz"] {
        let answer = anthropic(&world, &format!("/v1/models{query}")).await;
        assert_eq!((answer.status, &*messages_error(&answer)), (400, "invalid_page"), "{query}");
    }
}

#[tokio::test]
async fn one_model_is_shown_by_its_name_with_the_slash_raw_or_escaped() {
    let upstream = Upstream::start().await;
    let world = World::new().chat("up", &upstream).start();
    for path in [
        "/v1/models/up/m",
        "/v1/models/up%2Fm",
        "/v1/models/up%2fm",
        "/models/up/m",
        "/v1/models/m",
        "/v1/v1/models/up/m",
    ] {
        let answer = world.get(path).await;
        assert_eq!((answer.status, &answer.json()["id"]), (200, &json!("up/m")), "{path}");
        let answer = anthropic(&world, path).await;
        assert_eq!((answer.status, &answer.json()["type"]), (200, &json!("model")), "{path}");
    }
    assert_eq!(world.get("/v1/models/auto").await.status, 200);
    for path in ["/v1/models/up/nothing", "/v1/models/nobody/m", "/v1/models/nothing"] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
        chat_error(&answer);
        let answer = anthropic(&world, path).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
        messages_error(&answer);
    }
}

#[tokio::test]
async fn a_server_without_providers_lists_nothing_and_says_what_is_missing() {
    let world = World::new().start();
    assert_eq!(listed(&world).await, [""; 0]);
    let answer = world.chat("auto").await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    chat_error(&answer);
}

#[tokio::test]
async fn a_provider_without_models_is_asked_for_them() {
    let upstream = Upstream::start().await;
    upstream.models(&["x-1", "y/z"]);
    let world = World::new().provider("open", open(&upstream)).start();
    assert_eq!(listed(&world).await, ["auto", "open/x-1", "open/y/z"]);
    assert_eq!(world.chat("x-1").await.header("x-router-model"), Some("open/x-1"));
    assert_eq!(world.chat("open/y/z").await.status, 200);
    upstream.models(&["w"]);
    assert_eq!(world.post("/api/admin/models/refresh", &json!({})).await.status, 200);
    assert_eq!(listed(&world).await, ["auto", "open/w"]);
}

#[tokio::test]
async fn a_key_of_the_environment_is_sent_to_the_upstream() {
    let upstream = Upstream::start().await;
    let entry =
        json!({ "type": "openai-compatible", "baseURL": upstream.v1_url(), "apiKeyEnv": "UP_KEY", "models": ["m"] });
    let world = World::new().env("UP_KEY", "sk-of-the-environment").provider("up", entry).start();
    assert_eq!(world.chat("up/m").await.status, 200);
    assert_eq!(upstream.requests()[0].header("authorization"), Some("Bearer sk-of-the-environment"));
}

#[tokio::test]
async fn a_failed_catalogue_never_hides_a_pinned_model_and_comes_later() {
    let upstream = Upstream::start().await;
    upstream.route("/models", chat::error(500, "no list today"));
    let fixed = Upstream::start().await;
    let world = World::new().provider("open", open(&upstream)).chat("fixed", &fixed).start();
    assert!(listed(&world).await.iter().all(|id| !id.starts_with("open/")));
    assert_eq!(world.chat("open/anything").await.status, 200);
    assert_eq!(world.get("/v1/models/open/anything").await.status, 200);
    upstream
        .models(&["x"])
        .route("/models", Reply::json(200, &json!({ "object": "list", "data": [{ "id": "x", "object": "model" }] })));
    eventually("the list", async || listed(&world).await.contains(&"open/x".to_owned())).await;
    // And once known it stays, whatever becomes of the list.
    upstream.route("/models", chat::error(500, "no list today"));
    world.post("/api/admin/models/refresh", &json!({})).await;
    assert!(listed(&world).await.contains(&"open/x".to_owned()));
}

#[tokio::test]
async fn a_catalogue_that_hangs_or_is_nonsense_holds_nobody_up() {
    let (upstream, nonsense, fixed) = (Upstream::start().await, Upstream::start().await, Upstream::start().await);
    upstream.route("/models", Reply::hang());
    nonsense.route("/models", Reply::status(200).body("<html>"));
    let world =
        World::new().provider("open", open(&upstream)).provider("odd", open(&nonsense)).chat("fixed", &fixed).start();
    assert_eq!(world.chat("open/anything").await.status, 200);
    assert_eq!(world.chat("odd/anything").await.status, 200);
    assert_eq!(listed(&world).await, ["auto", "fixed/m", "fixed/n"]);
}

#[tokio::test]
async fn requests_join_the_fetch_of_a_slow_catalogue_and_queue_none_of_their_own() {
    let upstream = Upstream::start().await;
    let gate = Gate::new();
    upstream.route("/models", Reply::status(200).body("<html>").gate_at(0, &gate));
    let world = World::new().provider("open", open(&upstream)).start();
    assert_eq!(lists_at_once(&world, 10).await, [200; 10]);
    // Their patience is over. The fetch ends, and none of them has left another one behind it.
    gate.open();
    assert_eq!(lists_at_once(&world, 10).await, [200; 10]);
    assert_eq!(upstream.requests().len(), 1);
}

/// The statuses of `count` model lists asked for at once.
async fn lists_at_once(world: &Running, count: usize) -> Vec<u16> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = world.client().await;
        client.get("/v1/models", &[("x-api-key", KEY)]).await.unwrap();
        clients.push(client);
    }
    let mut statuses = Vec::new();
    for mut client in clients {
        statuses.push(client.response().await.unwrap().status);
    }
    statuses
}

#[tokio::test]
async fn aliases_are_listed_and_the_priority_list_itself_is_not() {
    let upstream = Upstream::start().await;
    let list = json!({ "priorities": ["up/n"], "aliases": { "fast": "up/m" } });
    let world = World::new().chat("up", &upstream).priorities(list).start();
    let names = listed(&world).await;
    assert!(names.contains(&"fast".to_owned()) && names.contains(&"auto".to_owned()), "{names:?}");
    assert!(!names.contains(&"router-maestro".to_owned()));
    assert_eq!(world.chat("fast").await.header("x-router-model"), Some("up/m"));
    assert_eq!(world.chat("router-maestro").await.header("x-router-model"), Some("up/n"));
}

#[tokio::test]
async fn tokens_are_counted_upstream_when_it_can_and_estimated_otherwise() {
    let (native, other) = (Upstream::start().await, Upstream::start().await);
    let world = World::new().messages("native", &native).chat("other", &other).start();
    for path in ["/v1/messages/count_tokens", "/anthropic/v1/count_tokens"] {
        native.clear();
        native.route("/count_tokens", Reply::json(200, &json!({ "input_tokens": 4711 })));
        let answer = world.post(path, &messages_body("native/m", false)).await;
        assert_eq!((answer.status, answer.json()), (200, json!({ "input_tokens": 4711 })));
        assert_eq!(answer.header("x-router-count"), None);
        assert_eq!(native.requests()[0].json()["model"], "m");
        native.route("/count_tokens", Reply::json(500, &json!({})));
        let answer = world.post(path, &messages_body("native/m", false)).await;
        assert_eq!((answer.status, answer.header("x-router-count")), (200, Some("estimate")));
        assert!(answer.json()["input_tokens"].as_u64().unwrap() > 0);
    }
    let answer = world.post("/v1/messages/count_tokens", &messages_body("other/m", false)).await;
    assert_eq!((answer.status, answer.header("x-router-count")), (200, Some("estimate")));
    assert_eq!(other.requests().len(), 0, "nobody is asked");
    let answer = world.post("/v1/messages/count_tokens", &messages_body("nobody/m", false)).await;
    assert_eq!(answer.status, 404);
    messages_error(&answer);
    let answer = world.post_text("/v1/messages/count_tokens", r#"{"model":"other/m","messages":5}"#).await;
    assert_eq!(answer.status, 400);
    messages_error(&answer);
}
