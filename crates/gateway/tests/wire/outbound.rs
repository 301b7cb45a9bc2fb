//! What a client can make the server send, and what an upstream can make it say (R30-R34).

use crate::{
    raw::{error_at, exchange, head},
    world::{World, chat_body, messages_body},
};
use rm_testkit::{Answer, Reply, Upstream, chat, messages};
use serde_json::json;

#[tokio::test]
async fn nothing_in_a_request_chooses_the_upstream_its_path_or_its_credentials() {
    let (upstream, other) = (Upstream::start().await, Upstream::start().await);
    let world = World::new().chat("up", &upstream).messages("native", &upstream).start();
    let elsewhere = other.base_url();
    for (path, mut body) in [
        ("/v1/chat/completions", chat_body("up/m", false)),
        ("/v1/messages", messages_body("native/m", false)),
        ("/v1/chat/completions", chat_body("native/m", false)),
        ("/v1/messages", messages_body("up/m", false)),
    ] {
        for key in [
            "base_url",
            "baseURL",
            "api_base",
            "api_key",
            "apiKey",
            "url",
            "endpoint",
            "extra_headers",
            "proxy",
            "litellm_params",
        ] {
            body[key] = json!({ "base_url": elsewhere, "api_base": elsewhere, "api_key": "sk-mine", "Authorization": "Bearer sk-mine" });
        }
        body["metadata"] = json!({ "user_id": "u", "base_url": elsewhere });
        let text = body.to_string();
        let fields = [
            "x-forwarded-host: evil.example",
            "x-forwarded-proto: gopher",
            "x-original-url: http://evil.example/",
            "forwarded: host=evil.example",
            "x-base-url: http://evil.example/",
            "proxy-authorization: Basic eDp5",
            "authorization: Bearer sk-mine",
            "x-goog-api-key: sk-mine",
            "api-key: sk-mine",
            "openai-organization: mine",
            "cookie: a=b",
            "connection: close, x-secret-hop",
            "x-secret-hop: 1",
            "te: trailers",
            "keep-alive: timeout=5",
            "accept-encoding: gzip, br, zstd",
            &format!("content-length: {}", text.len()),
        ];
        upstream.clear();
        let line = format!("POST {path}?key=sk-mine&api-version=1&beta=true");
        let bytes = [head(&line, &fields), text.into_bytes()].concat();
        let answer = exchange(&world, &bytes).await.1.unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let sent = &upstream.requests()[0];
        assert!(matches!(sent.path(), "/v1/chat/completions" | "/v1/messages"), "{}", sent.target);
        assert!(!sent.target.contains("sk-mine"), "{}", sent.target);
        assert_eq!(sent.header("host"), Some(&*upstream.address().to_string()));
        let told: Vec<_> = sent
            .headers
            .iter()
            .filter(|(_, value)| value.contains("sk-mine") || value.contains("evil.example"))
            .collect();
        assert!(told.is_empty(), "{told:?}");
        for gone in
            ["cookie", "x-secret-hop", "te", "keep-alive", "proxy-authorization", "forwarded", "x-forwarded-host"]
        {
            assert_eq!(sent.header(gone), None, "{path}: {gone}");
        }
        assert!(
            matches!(sent.header("accept-encoding"), None | Some("identity")),
            "{:?}",
            sent.header("accept-encoding")
        );
        assert_eq!(sent.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("content-length")).count(), 1);
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let (upstream, other) = (Upstream::start().await, Upstream::start().await);
    let world = World::new().chat("up", &upstream).messages("native", &upstream).start();
    for status in [301, 302, 303, 307, 308] {
        for path in ["/v1/chat/completions", "/v1/messages"] {
            for provider in ["up", "native"] {
                upstream.always(Reply::status(status).header("location", &format!("{}{path}", other.base_url())));
                let answer = world.post(path, &chat_body(&format!("{provider}/m"), false)).await;
                assert!(answer.status == 502 || answer.status == 400, "{status}: {}", answer.text());
                assert_eq!(answer.header("location"), None);
            }
        }
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn only_harmless_headers_of_an_upstream_reach_the_client() {
    let upstream = Upstream::start().await;
    let world = World::new().chat("up", &upstream).messages("native", &upstream).start();
    let answer = Answer::text("Hello!");
    for (path, model, reply) in [
        ("/v1/chat/completions", "up/m", chat::reply(&answer)),
        ("/v1/messages", "native/m", messages::reply(&answer)),
        ("/v1/messages", "up/m", chat::reply(&answer)),
        ("/v1/chat/completions", "up/m", chat::error(400, "no")),
    ] {
        let reply = [
            ("set-cookie", "a=b"),
            ("access-control-allow-origin", "*"),
            ("access-control-allow-credentials", "true"),
            ("www-authenticate", "Basic"),
            ("proxy-authenticate", "Basic"),
            ("location", "http://evil.example/"),
            ("refresh", "0;url=http://evil.example/"),
            ("server", "evil"),
            ("via", "1.1 evil"),
            ("alt-svc", "h3=\":443\""),
            ("strict-transport-security", "max-age=1"),
            ("x-router-model", "evil/m"),
            ("x-secret-hop", "1"),
            ("content-disposition", "attachment"),
            ("content-security-policy", "default-src *"),
        ]
        .into_iter()
        .fold(reply, |reply, (name, value)| reply.header(name, value));
        upstream.script([reply]);
        let got = world.post(path, &messages_body(model, false)).await;
        for (name, value) in &got.headers {
            let harmless = name == "content-type"
                || name == "content-length"
                || name == "date"
                || name == "x-content-type-options"
                || name.starts_with("x-r");
            assert!(harmless && !value.contains("evil"), "{path} {model}: {name}: {value}");
        }
    }
}

#[tokio::test]
async fn native_mounts_never_translate() {
    let upstream = Upstream::start().await;
    let list = json!({ "priorities": ["up/m", "native/m"] });
    let world = World::new().chat("up", &upstream).messages("native", &upstream).priorities(list).start();
    for (path, own, foreign) in [
        ("/anthropic/v1/messages", "native/m", "up/m"),
        ("/openai/v1/chat/completions", "up/m", "native/m"),
        ("/openai/chat/completions", "up/m", "native/m"),
    ] {
        upstream.clear();
        let answer = world.post(path, &messages_body(foreign, false)).await;
        assert!((400..500).contains(&answer.status), "{path}: {} {}", answer.status, answer.text());
        error_at(path, &answer);
        assert_eq!(upstream.requests().len(), 0, "{path}");
        for model in [own, "router-maestro"] {
            let answer = world.post(path, &messages_body(model, false)).await;
            assert_eq!(
                (answer.status, answer.header("x-router-model")),
                (200, Some(own)),
                "{path} {model}: {}",
                answer.text()
            );
            assert_eq!(answer.header("x-router-lane"), Some("bytes"));
        }
    }
}
