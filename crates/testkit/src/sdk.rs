//! The script for suites that drive a gateway with real SDKs: the model's name says what happens.
//!
//! | model | answer |
//! |---|---|
//! | `text`, `stream` | [`TEXT`], word by word when streamed |
//! | `tool` | a call of the offered tool, then a text with its result |
//! | `parallel-tools` | two calls of the offered tool (`city` Oslo and Bergen), then a text with both results |
//! | `thinking` | [`THOUGHT`], signed on Messages, then [`CONCLUSION`] |
//! | `image` | media type and decoded length of each picture or document: `image/png 70 bytes` |
//! | `json-schema` | `{"city":"Oslo","pop":717710}`; 400 if no schema with these two properties arrived |
//! | `e400` … `e529` | this status with its native error; 429 with `retry-after: 1` |
//! | `e-stream` | 200, then at once an error event (not streamed: an error body in a 200) |
//! | `e-mid` | some text, then an error event (not streamed: 500) |
//! | `cut` | FIN in the middle of the body |

use serde_json::{Value, json};

use crate::answer::{Answer, Usage};
use crate::ask::{Ask, Operation, Protocol};
use crate::plausible;
use crate::reply::Reply;
use crate::wire::Received;
use crate::{chat, messages, side};

/// What `text` and `stream` say.
pub const TEXT: &str = "Hello from the scripted upstream.";
/// What `thinking` thinks.
pub const THOUGHT: &str = "Six times seven should do.";
/// What `thinking` says then.
pub const CONCLUSION: &str = "It is forty-two.";

/// The models of the list.
pub const MODELS: [&str; 20] = [
    "text",
    "stream",
    "tool",
    "parallel-tools",
    "thinking",
    "image",
    "json-schema",
    "e400",
    "e401",
    "e403",
    "e404",
    "e413",
    "e422",
    "e429",
    "e500",
    "e503",
    "e529",
    "e-stream",
    "e-mid",
    "cut",
];

/// Message of the errors that come by status.
const ERROR_MESSAGE: &str = "scripted error";
/// Message of the errors inside a stream.
const OVERLOADED: &str = "Overloaded";

/// The script.
pub fn handler() -> impl Fn(&Received) -> Reply + Send + Sync + 'static {
    |request| {
        if Operation::of(request).protocol().is_none() {
            return side::answer(request, &MODELS);
        }
        match Ask::read(request) {
            Ok(ask) => answer(&ask),
            Err(refusal) => *refusal,
        }
    }
}

fn answer(ask: &Ask) -> Reply {
    let turn = ask.messages().len();
    match ask.model.as_str() {
        "text" | "stream" => ask.reply(&Answer::words(TEXT)),
        "tool" => ask.reply(&tool(ask).turn(turn)),
        "parallel-tools" => ask.reply(&parallel_tools(ask).turn(turn)),
        "thinking" => {
            let usage = Usage { reasoning: 7, ..Usage::new(12, 12) };
            ask.reply(&Answer::thinking(THOUGHT).and_words(CONCLUSION).usage(usage))
        }
        "image" => ask.reply(&Answer::text(&media(ask))),
        "json-schema" => json_schema(ask),
        "e-stream" => error_in_200(ask),
        "e-mid" => error_after_text(ask),
        "cut" => {
            let whole = ask.reply(&Answer::words(TEXT));
            let middle = whole.body_len() / 2;
            whole.cut_at(middle)
        }
        other => match other.strip_prefix('e').and_then(|status| status.parse().ok()) {
            Some(429) => ask.error(429, ERROR_MESSAGE).header("retry-after", "1"),
            Some(status @ 400..=599) => ask.error(status, ERROR_MESSAGE),
            Some(_) | None => ask.error(404, &format!("the script has no model {other}")),
        },
    }
}

fn tool(ask: &Ask) -> Answer {
    match (report(ask), ask.tool()) {
        (Some(report), _) => report,
        (None, Some(tool)) => Answer::tool(&tool.name, &plausible::arguments(&tool.schema)),
        (None, None) => Answer::text("no tool was offered"),
    }
}

fn parallel_tools(ask: &Ask) -> Answer {
    match (report(ask), ask.tool()) {
        (Some(report), _) => report,
        (None, Some(tool)) => {
            Answer::tool(&tool.name, &json!({"city": "Oslo"})).and_tool(&tool.name, &json!({"city": "Bergen"}))
        }
        (None, None) => Answer::text("no tool was offered"),
    }
}

fn report(ask: &Ask) -> Option<Answer> {
    let results = ask.tool_results();
    (!results.is_empty()).then(|| Answer::words(&format!("The tools answered: {}", results.join(" and "))))
}

fn media(ask: &Ask) -> String {
    let seen: Vec<String> = ask.media().iter().map(ToString::to_string).collect();
    if seen.is_empty() { "no picture arrived".to_owned() } else { seen.join(", ") }
}

fn json_schema(ask: &Ask) -> Reply {
    let fits = |schema: &Value| {
        let properties = &schema["properties"];
        properties["city"]["type"] == "string" && properties["pop"]["type"] == "integer"
    };
    if ask.output_schema().is_some_and(fits) {
        ask.reply(&Answer::pieces(&["{\"city\":\"Oslo\",", "\"pop\":717710}"]))
    } else {
        ask.error(400, "no schema with city and pop arrived")
    }
}

fn error_in_200(ask: &Ask) -> Reply {
    match (ask.protocol, ask.stream) {
        (Protocol::Chat, true) => Reply::sse(chat::error_event(OVERLOADED)),
        (Protocol::Messages, true) => Reply::sse(messages::error_event(529, OVERLOADED)),
        (_, false) => ask.error(529, OVERLOADED).with_status(200),
    }
}

fn error_after_text(ask: &Ask) -> Reply {
    let begun = Answer::words(TEXT);
    // All but the events that end the answer.
    let (mut frames, ending, error) = match (ask.protocol, ask.stream) {
        (_, false) => return ask.error(500, ERROR_MESSAGE),
        (Protocol::Chat, true) => (chat::frames(&begun, ask.usage_chunk), 3, chat::error_event(OVERLOADED)),
        (Protocol::Messages, true) => (messages::frames(&begun), 3, messages::error_event(529, OVERLOADED)),
    };
    frames.truncate(frames.len().saturating_sub(ending));
    frames.push(error);
    Reply::frames(frames)
}
