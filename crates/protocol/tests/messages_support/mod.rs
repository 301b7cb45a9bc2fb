//! What the tests of this protocol share.
#![expect(dead_code, reason = "each test file uses some of it")]

use rm_protocol::{
    Codec, Dialect, ErrorKind, ErrorView, Str, StreamError, StreamStart, Target,
    ir::{Event, EventSink, PartKind, Request, Response, StopReason, Transcript, Usage},
    messages::Messages,
    sse::{Limits, Splitter},
};
use serde_json::{Value, json};
use std::{fs, path::PathBuf};

pub(crate) fn corpus(file: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn manifest() -> Vec<Value> {
    let manifest: Value = serde_json::from_str(&corpus("manifest.json")).unwrap();
    manifest["files"].as_array().unwrap().clone()
}

/// Files of one kind whose name begins with `prefix`.
pub(crate) fn examples(prefix: &str) -> Vec<String> {
    let names = manifest().into_iter().map(|entry| entry["file"].as_str().unwrap().to_owned());
    names.filter(|name| name.starts_with(prefix)).collect()
}

pub(crate) const OWNER: &str = "anthropic:claude";

pub(crate) fn target(model: &str) -> Target<'_> {
    Target { model, owner: OWNER, dialect: Dialect { anthropic: true, ..Dialect::default() } }
}

pub(crate) fn decode(body: &Value) -> Request {
    Messages.decode(&Str::from(body.to_string())).unwrap()
}

/// Encodes for a Messages upstream; the body as JSON and the losses as lines.
pub(crate) fn encoded(request: &Request, target: &Target<'_>) -> (Value, String) {
    let encoded = Messages.encode(request, target).unwrap();
    (serde_json::from_slice(&encoded.body).unwrap(), encoded.losses.to_string())
}

pub(crate) fn start() -> StreamStart {
    StreamStart {
        model: Str::from_static("demo/model"),
        id: Str::from_static("abc"),
        created: 1_767_225_600,
        include_usage: true,
        input_estimate: 7,
        owner: Str::from_static("demo:model"),
        names: Default::default(),
    }
}

/// Everything an answer says.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Said {
    pub(crate) lines: String,
    pub(crate) text: String,
    pub(crate) thinking: String,
    pub(crate) tools: Vec<(u32, String, String)>,
    pub(crate) signature: Option<String>,
    pub(crate) redacted: Vec<String>,
    pub(crate) refusal: String,
    pub(crate) stop: Option<StopReason>,
    pub(crate) usage: Option<Usage>,
    pub(crate) ended: bool,
}

impl EventSink for Said {
    fn event(&mut self, event: &Event<'_>) {
        let mut transcript = Transcript::default();
        transcript.event(event);
        self.lines.push_str(&transcript.0);
        match event {
            Event::Text(text) => self.text.push_str(text),
            Event::Reasoning(text) => self.thinking.push_str(text),
            Event::Refusal(text) => self.refusal.push_str(text),
            Event::Signature(data) => self.signature = Some((*data).to_owned()),
            Event::Redacted(data) => self.redacted.push((*data).to_owned()),
            Event::CallStart { key, name, .. } => self.tools.push((*key, (*name).to_owned(), String::new())),
            Event::CallDelta { key, arguments } => {
                self.tools.iter_mut().find(|(k, ..)| k == key).unwrap().2.push_str(arguments);
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Stop(stop) => self.stop = Some(stop.clone()),
            Event::End => {
                assert!(!self.ended, "one end");
                self.ended = true;
            }
            _ => {}
        }
    }
}

/// Reads a stream that comes in these chunks.
pub(crate) fn read_stream(codec: &dyn Codec, chunks: &[&[u8]]) -> (Said, Result<(), StreamError>) {
    let mut said = Said::default();
    let mut decoder = codec.stream_decoder();
    let mut splitter = Splitter::new(Limits::default());
    let mut run = || {
        for chunk in chunks {
            splitter.push(chunk, |frame| decoder.frame(frame, &mut said))?;
        }
        splitter.end(|frame| decoder.frame(frame, &mut said))?;
        decoder.end(&mut said)
    };
    let result = run();
    (said, result)
}

/// What a whole answer says.
pub(crate) fn of_response(response: &Response) -> Said {
    let mut said = Said { stop: Some(response.stop.clone()), usage: response.usage, ended: true, ..Said::default() };
    for part in &response.parts {
        match &part.kind {
            PartKind::Text(text) => said.text.push_str(text),
            PartKind::Refusal(text) => said.refusal.push_str(text),
            PartKind::ToolCall(call) => {
                said.tools.push((said.tools.len() as u32, call.name.to_string(), call.arguments.to_string()));
            }
            PartKind::Reasoning(reasoning) => {
                said.thinking.push_str(&reasoning.text);
                if let Some(signature) = &reasoning.signature {
                    said.signature = Some(signature.to_string());
                }
                said.redacted.extend(reasoning.redacted.iter().map(ToString::to_string));
            }
            _ => {}
        }
    }
    said
}

/// The value in the manifest's words.
pub(crate) fn expectation(said: &Said, result: &Result<(), StreamError>) -> Value {
    let arguments = |text: &str| -> Value { serde_json::from_str(if text.is_empty() { "{}" } else { text }).unwrap() };
    let tools: Vec<Value> =
        said.tools.iter().map(|(_, name, text)| json!({"name": name, "args": arguments(text)})).collect();
    let mut out = json!({"text": said.text, "thinking": said.thinking, "tools": tools});
    let members = out.as_object_mut().unwrap();
    let stop = match (result, &said.stop) {
        (Err(StreamError::Truncated), _) => "truncated",
        (Err(StreamError::Upstream(error)), _) => {
            members.insert("error".into(), error.kind_word.clone().into());
            "error"
        }
        (Err(error), _) => panic!("{error}"),
        (Ok(()), None) => panic!("no stop reason"),
        (Ok(()), Some(stop)) => match stop {
            StopReason::End => "end",
            StopReason::ToolCalls => "tool",
            StopReason::Length => "length",
            StopReason::Filtered => "filter",
            StopReason::Refusal => "refusal",
            StopReason::StopSequence(text) => {
                members.insert("stop_sequence".into(), text.as_deref().into());
                "stop_sequence"
            }
            StopReason::Paused => "pause",
            StopReason::ContextFull => "context",
        },
    };
    members.insert("stop".into(), stop.into());
    if let (Ok(()), Some(usage)) = (result, said.usage) {
        let usage = json!({
            "input_total": usage.input, "cache_read": usage.cache_read, "cache_write": usage.cache_write,
            "output_total": usage.output, "reasoning": usage.reasoning,
        });
        members.insert("usage".into(), usage);
    }
    if let Some(signature) = &said.signature {
        members.insert("signature".into(), signature.clone().into());
    }
    if !said.redacted.is_empty() {
        members.insert("redacted".into(), said.redacted.clone().into());
    }
    out
}

/// The bytes a Messages client gets for these events.
pub(crate) fn written(events: &[Event<'_>]) -> String {
    written_for(start(), events)
}

pub(crate) fn written_for(start: StreamStart, events: &[Event<'_>]) -> String {
    let mut encoder = Messages.stream_encoder(start);
    for event in events {
        encoder.event(event);
    }
    String::from_utf8(encoder.out().to_vec()).unwrap()
}

/// The same, one line per event: its name and what it carries.
pub(crate) fn outline(stream: &str) -> String {
    let mut out = String::new();
    for event in stream.split_terminator("\n\n") {
        let (name, data) = event.strip_prefix("event: ").unwrap().split_once("\ndata: ").unwrap();
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["type"], name);
        let index = &data["index"];
        let line = match name {
            "message_start" => format!("message_start {}", data["message"]["usage"]),
            "content_block_start" => format!("start {index} {}", data["content_block"]),
            "content_block_delta" => format!("delta {index} {}", data["delta"]),
            "content_block_stop" => format!("stop {index}"),
            "message_delta" => format!("message_delta {} {}", data["delta"]["stop_reason"], data["usage"]),
            "error" => format!("error {}", data["error"]),
            other => other.to_owned(),
        };
        out.push_str(&line);
        out.push('\n');
    }
    out
}

pub(crate) fn view(message: &str) -> ErrorView {
    ErrorView::new(ErrorKind::Upstream, "upstream_error", message)
}
