//! The provider behind `server start --demo`: five models that need no key, no network and no money.
//!
//! They speak Chat Completions and Messages on one loopback port, streamed or not, and show one thing each: plain text,
//! a tool call, thinking, failover after an error, and a slow stream. Nothing is recorded, and bodies, connections and
//! waiting times are bounded, since this runs inside a user's server.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::answer::{Answer, Usage};
use crate::ask::{Ask, Operation};
use crate::plausible;
use crate::reply::Reply;
use crate::server::{self, Running, Service};
use crate::side;
use crate::wire::{Limits, Received};

/// A demo model and what it shows.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// Its id.
    pub id: &'static str,
    /// What it is for, as a lower-case phrase.
    pub about: &'static str,
}

/// All demo models, in the order of the model list.
pub const MODELS: [Model; 5] = [
    Model { id: "hello", about: "answers in text and quotes you" },
    Model { id: "tools", about: "calls the first tool that you offer, then reports the result" },
    Model { id: "thinker", about: "thinks visibly, then answers" },
    Model { id: "flaky", about: "fails every other time with 503" },
    Model { id: "slow", about: "streams word by word, ten words a second" },
];

const LIMITS: Limits =
    Limits { head_bytes: 64 * 1024, body_bytes: 32 * 1024 * 1024, idle: Duration::from_mins(2), connections: 256 };

/// Time between the words of `slow`.
const SLOW_GAP: Duration = Duration::from_millis(100);

/// Characters of the user's text that are quoted.
const QUOTE_CHARS: usize = 80;

/// The running demo upstream; stops when dropped.
#[derive(Debug)]
pub struct Demo {
    running: Running,
}

impl Demo {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.running.address
    }

    /// The base URL for both protocols: `http://127.0.0.1:PORT/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address())
    }
}

/// Starts the demo on a free port of 127.0.0.1. Fails when there is none.
pub async fn start() -> io::Result<Demo> {
    let service = Service { answer: Box::new(handler()), log: None, limits: LIMITS };
    let running = server::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), service).await?;
    Ok(Demo { running })
}

/// The demo's behaviour, for use in an [`Upstream`](crate::Upstream). Counts the failures of `flaky` by itself.
pub fn handler() -> impl Fn(&Received) -> Reply + Send + Sync + 'static {
    let flaky_requests = AtomicU64::new(0);
    move |request| answer(request, &flaky_requests)
}

fn answer(request: &Received, flaky_requests: &AtomicU64) -> Reply {
    if Operation::of(request).protocol().is_none() {
        return side::answer(request, &MODELS.map(|model| model.id));
    }
    let ask = match Ask::read(request) {
        Ok(ask) => ask,
        Err(refusal) => return *refusal,
    };
    match ask.model.as_str() {
        "hello" => reply(&ask, Answer::words(&hello(&ask))),
        "tools" => reply(&ask, tools(&ask)),
        "thinker" => reply(&ask, thinker(&ask)),
        "flaky" if flaky_requests.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) => {
            ask.error(503, "the demo model flaky fails every other time, and this was such a time")
        }
        "flaky" => reply(&ask, Answer::words("This is the demo model flaky: it failed before and now answers.")),
        "slow" => reply(&ask, Answer::words(&slow(&ask))).delay_between(SLOW_GAP),
        other => ask.error(404, &format!("the demo has no model {other}")),
    }
}

fn reply(ask: &Ask, answer: Answer) -> Reply {
    let output = (answer.visible().len() as u64).div_ceil(4).max(1);
    ask.reply(&answer.usage(Usage::new(ask.prompt_tokens(), output)).turn(ask.messages().len()))
}

fn hello(ask: &Ask) -> String {
    match quote(ask.last_words()) {
        Some(quote) => format!("Hello from the Router-Maestro demo! No real model is behind this. You said: {quote}"),
        None => "Hello from the Router-Maestro demo! No real model is behind this.".to_owned(),
    }
}

fn tools(ask: &Ask) -> Answer {
    let results = ask.tool_results();
    if !results.is_empty() {
        let quotes: Vec<String> = results.iter().filter_map(|result| quote(result)).collect();
        return Answer::words(&format!("The demo got this from the tool: {}", quotes.join(", ")));
    }
    match ask.tool() {
        Some(tool) => Answer::words("The demo calls a tool.").and_tool(&tool.name, &plausible::arguments(&tool.schema)),
        None => Answer::words("This is the demo model tools: offer it a tool and it will call it."),
    }
}

fn thinker(ask: &Ask) -> Answer {
    let thought = match quote(ask.last_words()) {
        Some(quote) => format!("The user says {quote}. This is a demo, so a short answer will do."),
        None => "The user says nothing. This is a demo, so a short answer will do.".to_owned(),
    };
    Answer::thinking(&thought).and_words("This is the demo model thinker: it thought first and answers now.")
}

fn slow(ask: &Ask) -> String {
    format!("This text comes one word at a time, so that you can watch the stream. {}", hello(ask))
}

/// The beginning of a text in quotation marks; none of an empty text.
fn quote(text: &str) -> Option<String> {
    let text = text.trim();
    let short: String = text.chars().take(QUOTE_CHARS).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    (!short.is_empty()).then(|| format!("“{short}{more}”"))
}
