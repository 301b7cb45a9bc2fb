//! Every recorded Chat answer means what its manifest says.
#![expect(clippy::panic, reason = "tests")]

use rm_protocol::{
    BadResponse, Protocol, Str, StreamError,
    ir::{CallKind, Event, EventSink, PartKind, StopReason, Usage},
    sse::{Limits, Splitter},
};
use serde_json::{Map, Value, json};
use std::{fs, path::Path};

/// An answer in the manifest's words.
#[derive(Default)]
struct Seen {
    text: String,
    thinking: String,
    refusal: String,
    signature: Option<String>,
    calls: Vec<(String, CallKind, String)>,
    stop: &'static str,
    error: Option<String>,
    usage: Option<Usage>,
    opaque: Vec<String>,
}

impl EventSink for Seen {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Text(text) => self.text.push_str(text),
            Event::Reasoning(text) => self.thinking.push_str(text),
            Event::Refusal(text) => self.refusal.push_str(text),
            Event::Signature(data) => self.signature = Some((*data).to_owned()),
            Event::CallStart { key, name, kind, .. } => {
                assert_eq!(*key as usize, self.calls.len());
                self.calls.push(((*name).to_owned(), *kind, String::new()));
            }
            Event::CallDelta { key, arguments } => self.calls[*key as usize].2.push_str(arguments),
            Event::Usage(usage) => self.usage.get_or_insert_default().merge(usage),
            Event::Stop(reason) => self.stop = word(reason),
            Event::Opaque { what } => self.opaque.push((*what).to_owned()),
            Event::Start { .. }
            | Event::Redacted(_)
            | Event::Break
            | Event::CallEnd { .. }
            | Event::Citation { .. }
            | Event::Ping
            | Event::End => {}
        }
    }
}

fn word(reason: &StopReason) -> &'static str {
    match reason {
        StopReason::End => "end",
        StopReason::StopSequence(_) => "stop_sequence",
        StopReason::Length | StopReason::ContextFull => "length",
        StopReason::ToolCalls => "tool",
        StopReason::Filtered => "filter",
        StopReason::Refusal => "refusal",
        StopReason::Paused => "pause",
    }
}

impl Seen {
    fn stream(bytes: &[u8]) -> Self {
        let mut seen = Self::default();
        let mut decoder = Protocol::Chat.codec().stream_decoder();
        let mut splitter = Splitter::new(Limits::default());
        let ended = splitter
            .push(bytes, |frame| decoder.frame(frame, &mut seen))
            .and_then(|()| splitter.end(|frame| decoder.frame(frame, &mut seen)))
            .and_then(|()| decoder.end(&mut seen));
        match ended {
            Ok(()) => {}
            Err(StreamError::Truncated) => seen.stop = "truncated",
            Err(StreamError::Upstream(error)) => {
                seen.stop = "error";
                seen.error = error.kind_word;
            }
            Err(fault @ StreamError::Malformed(_)) => panic!("{fault}"),
        }
        seen
    }

    fn response(text: &str) -> Result<Self, BadResponse> {
        let response = Protocol::Chat.codec().decode_response(&Str::from(text))?;
        let mut seen = Self { usage: response.usage, stop: word(&response.stop), ..Self::default() };
        for part in &response.parts {
            match &part.kind {
                PartKind::Text(text) => seen.text.push_str(text),
                PartKind::Refusal(text) => seen.refusal.push_str(text),
                PartKind::Reasoning(reasoning) => {
                    seen.thinking.push_str(&reasoning.text);
                    seen.signature = reasoning.signature.as_deref().map(str::to_owned);
                }
                PartKind::ToolCall(call) => {
                    seen.calls.push((call.name.to_string(), call.kind, call.arguments.to_string()));
                }
                other => panic!("unexpected {other:?}"),
            }
        }
        Ok(seen)
    }

    fn value(&self) -> Value {
        let mut value = Map::new();
        let mut set = |key: &str, of: Value| value.insert(key.to_owned(), of);
        set("text", json!(self.text));
        set("thinking", json!(self.thinking));
        set("stop", json!(self.stop));
        let mut tools = Vec::new();
        for (name, kind, arguments) in &self.calls {
            match (kind, serde_json::from_str::<Value>(arguments)) {
                (CallKind::Function, Ok(args)) => tools.push(json!({ "name": name, "args": args })),
                (CallKind::Function, Err(_)) => _ = set("raw_args", json!(arguments)),
                (CallKind::Custom, _) => _ = set("custom", json!([[name, arguments]])),
            }
        }
        set("tools", json!(tools));
        if let Some(usage) = &self.usage {
            let (input, output) = (usage.input, usage.output);
            set(
                "usage",
                json!({ "input_total": input, "cache_read": usage.cache_read, "cache_write": usage.cache_write,
                        "output_total": output, "reasoning": usage.reasoning }),
            );
        }
        if !self.refusal.is_empty() {
            set("refusal", json!(self.refusal));
        }
        if let Some(signature) = &self.signature {
            set("signature", json!(signature));
        }
        if let Some(error) = &self.error {
            set("error", json!(error));
        }
        Value::Object(value)
    }
}

#[test]
fn every_recorded_answer_and_stream_gives_exactly_what_the_manifest_expects() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let manifest: Value = serde_json::from_slice(&fs::read(corpus.join("manifest.json")).unwrap()).unwrap();
    let mut checked = 0;
    for entry in manifest["files"].as_array().unwrap() {
        let (Some("openai-chat"), Value::Object(expect)) = (entry["protocol"].as_str(), &entry["expect"]) else {
            continue;
        };
        let file = entry["file"].as_str().unwrap();
        let bytes = fs::read(corpus.join(file)).unwrap();
        let seen = match entry["kind"].as_str() {
            Some("stream") => Seen::stream(&bytes),
            Some("response") => Seen::response(std::str::from_utf8(&bytes).unwrap()).unwrap(),
            _ => continue,
        };
        let mut expect = expect.clone();
        // An alternative answer is left out, and that is said.
        let alternative = expect.remove("choice1").is_some();
        assert_eq!(seen.value(), Value::Object(expect), "{file}");
        assert_eq!(seen.opaque.len(), usize::from(alternative), "{file}");
        checked += 1;
    }
    assert!(checked >= 28, "only {checked} files were checked");
}
