//! A gateway of one's own for each test: its files in a temporary folder, its upstreams scripted.

use rm_config::{Env, PathFlags, Paths, Sources};
use rm_gateway::{Handle, Server, Start};
use rm_testkit::{Client, Response, Upstream};
use serde_json::{Map, Value, json};
use std::{net::SocketAddr, path::PathBuf};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};

/// The key of every test server.
pub(crate) const KEY: &str = "sk-test-key";

/// What a test server is made of.
#[derive(Default)]
pub(crate) struct World {
    providers: Map<String, Value>,
    priorities: Value,
    server: Value,
    env: Vec<(String, String)>,
}

/// A running server.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) handle: Handle,
    folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
    done: Option<JoinHandle<()>>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A Chat upstream with one key.
    pub(crate) fn chat(self, name: &str, upstream: &Upstream) -> Self {
        self.provider(name, json!({ "type": "openai-compatible", "baseURL": upstream.v1_url(), "apiKey": format!("sk-up-{name}"), "models": ["m", "n"] }))
    }

    /// A Messages upstream with one key.
    pub(crate) fn messages(self, name: &str, upstream: &Upstream) -> Self {
        self.provider(name, json!({ "type": "anthropic", "baseURL": upstream.v1_url(), "apiKey": format!("sk-up-{name}"), "models": ["m", "n"] }))
    }

    /// Any provider.
    pub(crate) fn provider(mut self, name: &str, entry: Value) -> Self {
        self.providers.insert(name.into(), entry);
        self
    }

    /// The content of `priorities.json`.
    pub(crate) fn priorities(mut self, value: Value) -> Self {
        self.priorities = value;
        self
    }

    /// The content of `server.yaml`.
    pub(crate) fn server(mut self, value: Value) -> Self {
        self.server = value;
        self
    }

    /// One variable of the environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Starts it.
    pub(crate) fn start(self) -> Running {
        let (start, folder) = self.prepare(0);
        let server = Server::bind(start).unwrap();
        let (address, handle) = (server.address(), server.handle());
        let (stop, stopped) = oneshot::channel::<()>();
        let done = tokio::spawn(server.run(async move {
            let _ = stopped.await;
        }));
        Running { address, handle, folder, stop: Some(stop), done: Some(done) }
    }

    /// Writes its files and reads them; port 0 is any.
    pub(crate) fn prepare(self, port: u16) -> (Start, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config");
        std::fs::create_dir(&config).unwrap();
        let write = |name: &str, value: &Value| {
            if !value.is_null() {
                std::fs::write(config.join(name), value.to_string()).unwrap();
            }
        };
        write("providers.json", &json!({ "providers": self.providers }));
        write("priorities.json", &self.priorities);
        write("server.json", &self.server);
        let flags = PathFlags { config_dir: Some(config), data_dir: Some(folder.path().join("data")) };
        let env = Env::new(self.env);
        let paths = Paths::find(flags, &env).unwrap();
        let mut sources = Sources::new(paths, env);
        sources.flags.push(("listen.port".into(), port.to_string()));
        let (settings, warnings) = rm_config::load(&sources).unwrap();
        let key = settings.server.auth.required.then(|| KEY.into());
        let ledger = folder.path().join("data").join("stats.db");
        (Start { sources, settings, warnings, key, ledger }, folder)
    }
}

impl Running {
    /// A connection of its own.
    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address).await.unwrap()
    }

    /// Posts with the key and reads the whole answer.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response {
        self.post_text(path, &body.to_string()).await
    }

    /// Posts text as it is.
    pub(crate) async fn post_text(&self, path: &str, body: &str) -> Response {
        let mut client = self.client().await;
        client.post_with(path, &[("x-api-key", KEY)], body.as_bytes()).await.unwrap();
        client.response().await.unwrap()
    }

    /// Gets with the key.
    pub(crate) async fn get(&self, path: &str) -> Response {
        let mut client = self.client().await;
        client.get(path, &[("x-api-key", KEY)]).await.unwrap();
        client.response().await.unwrap()
    }

    /// A chat request for `model`.
    pub(crate) async fn chat(&self, model: &str) -> Response {
        self.post("/v1/chat/completions", &chat_body(model, false)).await
    }

    /// A streamed chat request for `model`.
    pub(crate) async fn chat_stream(&self, model: &str) -> Response {
        self.post("/v1/chat/completions", &chat_body(model, true)).await
    }

    /// A Messages request for `model`.
    pub(crate) async fn messages(&self, model: &str) -> Response {
        self.post("/v1/messages", &messages_body(model, false)).await
    }

    /// A streamed Messages request for `model`.
    pub(crate) async fn messages_stream(&self, model: &str) -> Response {
        self.post("/v1/messages", &messages_body(model, true)).await
    }

    /// A file of its configuration.
    pub(crate) fn config_file(&self, name: &str) -> PathBuf {
        self.folder.path().join("config").join(name)
    }

    /// Asks it to stop; `stopped` waits for the end.
    pub(crate) fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    /// Waits until it has ended: answers finished, rows written.
    pub(crate) async fn stopped(mut self) -> TempDir {
        self.stop();
        if let Some(done) = self.done.take() {
            done.await.unwrap();
        }
        self.folder
    }
}

pub(crate) fn chat_body(model: &str, stream: bool) -> Value {
    json!({ "model": model, "stream": stream, "messages": [{ "role": "user", "content": "Hi" }] })
}

pub(crate) fn messages_body(model: &str, stream: bool) -> Value {
    json!({ "model": model, "stream": stream, "max_tokens": 100, "messages": [{ "role": "user", "content": "Hi" }] })
}
