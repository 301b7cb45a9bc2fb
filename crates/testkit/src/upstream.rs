//! The scripted upstream as tests hold it.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::answer::Answer;
use crate::ask::{Ask, Operation};
use crate::log::Log;
use crate::reply::Reply;
use crate::server::{self, Running, Service};
use crate::side;
use crate::wire::{Limits, Received};

/// Large enough for every test; the demo has narrower ones.
const LIMITS: Limits = Limits {
    head_bytes: 1024 * 1024,
    body_bytes: 1024 * 1024 * 1024,
    idle: Duration::from_hours(1),
    connections: 16 * 1024,
};

/// An upstream on a loopback port that answers as scripted and records what it receives. Stops when dropped.
///
/// A request is answered by the first of these that has something to say: a route set with [`Upstream::route`]; for
/// chat completions and messages the next reply of the script, then the handler; what [`side::answer`] says to model
/// lists and token counts; 404. Without a handler, models say "Hello!".
///
/// Dereferences to its [`Log`], so `upstream.received(2).await` waits for the second request.
#[derive(Debug)]
pub struct Upstream {
    running: Running,
    behaviour: Arc<Mutex<Behaviour>>,
    log: Log,
}

type Handler = Arc<dyn Fn(&Received) -> Reply + Send + Sync>;

struct Behaviour {
    routes: Vec<(String, Reply)>,
    script: VecDeque<Reply>,
    handler: Handler,
    /// When set, decides on everything but routes.
    everything: Option<Handler>,
    models: Vec<String>,
}

impl std::fmt::Debug for Behaviour {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { routes, script, handler: _, everything: _, models } = self;
        f.debug_struct("Behaviour").field("routes", routes).field("script", script).field("models", models).finish()
    }
}

impl Upstream {
    /// Starts on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When there is no free port.
    #[expect(clippy::expect_used, reason = "without a loopback port no test can go on")]
    pub async fn start() -> Self {
        Self::listen(0).await.expect("a free loopback port")
    }

    /// Starts on this port of 127.0.0.1; 0 picks a free one. Fails when the port is taken.
    pub async fn listen(port: u16) -> io::Result<Self> {
        let behaviour = Arc::new(Mutex::new(Behaviour {
            routes: Vec::new(),
            script: VecDeque::new(),
            handler: Arc::new(says_hello),
            everything: None,
            models: vec!["scripted-model".to_owned()],
        }));
        let log = Log::default();
        let shared = Arc::clone(&behaviour);
        let service = Service {
            answer: Box::new(move |request| answer(&shared, request)),
            log: Some(log.clone()),
            limits: LIMITS,
        };
        let running = server::start(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), service).await?;
        Ok(Self { running, behaviour, log })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.running.address
    }

    /// Its URL without a path: `http://127.0.0.1:PORT`. Paths work with and without `/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Its URL with the path that OpenAI clients expect: `http://127.0.0.1:PORT/v1`.
    pub fn v1_url(&self) -> String {
        format!("{}/v1", self.base_url())
    }

    /// Adds replies for the next chat completions and messages, one for each request.
    pub fn script(&self, replies: impl IntoIterator<Item = Reply>) -> &Self {
        self.behaviour().script.extend(replies);
        self
    }

    /// Answers chat completions and messages when the script is empty.
    pub fn handler(&self, handler: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> &Self {
        self.behaviour().handler = Arc::new(handler);
        self
    }

    /// Answers every request that has no route, model lists and token counts included. The script is left alone.
    pub fn handle_all(&self, handler: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> &Self {
        self.behaviour().everything = Some(Arc::new(handler));
        self
    }

    /// Answers every chat completion and message alike when the script is empty.
    pub fn always(&self, reply: Reply) -> &Self {
        self.handler(move |_| reply.clone())
    }

    /// Answers every request whose path ends like this, whatever the script says. The latest call wins.
    pub fn route(&self, path_end: &str, reply: Reply) -> &Self {
        self.behaviour().routes.insert(0, (path_end.to_owned(), reply));
        self
    }

    /// The ids of its model list.
    pub fn models(&self, ids: &[&str]) -> &Self {
        self.behaviour().models = ids.iter().map(|&id| id.to_owned()).collect();
        self
    }

    /// Its record, for those who outlive it.
    pub fn log(&self) -> &Log {
        &self.log
    }

    fn behaviour(&self) -> MutexGuard<'_, Behaviour> {
        lock(&self.behaviour)
    }
}

impl Deref for Upstream {
    type Target = Log;

    fn deref(&self) -> &Log {
        &self.log
    }
}

/// A loopback address where nobody listens, so that connecting is refused.
pub async fn refused_address() -> io::Result<SocketAddr> {
    tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()
}

fn lock(behaviour: &Mutex<Behaviour>) -> MutexGuard<'_, Behaviour> {
    // A test that failed elsewhere says enough; this one may go on.
    behaviour.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(behaviour: &Mutex<Behaviour>, request: &Received) -> Reply {
    let mut current = lock(behaviour);
    if let Some((_, reply)) = current.routes.iter().find(|(end, _)| request.path().ends_with(end)) {
        return reply.clone();
    }
    if let Some(everything) = current.everything.clone() {
        // A handler is the test's own code and may well script this upstream.
        drop(current);
        return everything(request);
    }
    if Operation::of(request).protocol().is_none() {
        let models: Vec<&str> = current.models.iter().map(String::as_str).collect();
        return side::answer(request, &models);
    }
    if let Some(reply) = current.script.pop_front() {
        return reply;
    }
    let handler = Arc::clone(&current.handler);
    drop(current);
    handler(request)
}

fn says_hello(request: &Received) -> Reply {
    match Ask::read(request) {
        Ok(ask) => ask.reply(&Answer::pieces(&["Hel", "lo!"])),
        Err(refusal) => *refusal,
    }
}
