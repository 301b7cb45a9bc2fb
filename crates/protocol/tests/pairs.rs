//! Every example of the corpus in every protocol: what a target gets and what is lost on the way, as snapshots.
//!
//! Names are `<example>__to_<protocol>`; bodies are pretty-printed, long base64 is cut. After a wanted change run the test
//! with `INSTA_UPDATE=always` and read the difference.
#![expect(clippy::unwrap_used, reason = "tests")]

use rm_protocol::{
    Dialect, ErrorStatus, ErrorView, Protocol, Str, StreamError, StreamStart, Target,
    ir::Names,
    sse::{Limits, Splitter},
};
use serde_json::Value;
use std::{fmt::Write as _, fs, path::Path};

/// One entry of the corpus.
struct Example {
    file: String,
    protocol: Protocol,
    kind: String,
    status: u16,
    content: String,
}

fn examples(kind: &str) -> Vec<Example> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let manifest: Value = serde_json::from_str(&fs::read_to_string(folder.join("manifest.json")).unwrap()).unwrap();
    let entries = manifest["files"].as_array().unwrap().iter().filter_map(|entry| {
        let protocol = match entry["protocol"].as_str()? {
            "openai-chat" => Protocol::Chat,
            "anthropic-messages" => Protocol::Messages,
            _ => return None,
        };
        let file = entry["file"].as_str()?.to_owned();
        let content = fs::read_to_string(folder.join(&file)).ok()?;
        let status = entry["http_status"].as_u64().unwrap_or(200) as u16;
        Some(Example { file, protocol, kind: entry["kind"].as_str()?.to_owned(), status, content })
    });
    entries.filter(|example| example.kind == kind).collect()
}

/// The upstream model of the snapshots: one of the newest, so that most of each protocol is used.
fn model(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Chat => "gpt-5.5",
        Protocol::Messages => "claude-sonnet-5",
    }
}

fn start() -> StreamStart {
    StreamStart {
        model: Str::from_static("demo/model"),
        id: Str::from_static("0001"),
        created: 1_767_225_600,
        include_usage: true,
        input_estimate: 7,
        owner: Str::from_static("demo:model"),
        names: Names::default(),
    }
}

fn snapshot(example: &Example, target: Protocol, content: &str) {
    let stem = example.file.rsplit_once('.').map_or(&*example.file, |(stem, _)| stem);
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "snapshots"}, {
        insta::assert_snapshot!(format!("{stem}__to_{}", target.name()), shortened(content));
    });
}

/// Base64 runs of more than 80 characters keep their beginning.
fn shortened(text: &str) -> String {
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '-' | '_');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find(is_base64) {
        let (before, run) = rest.split_at(begin);
        let (run, after) = run.split_at(run.find(|c| !is_base64(c)).unwrap_or(run.len()));
        out.push_str(before);
        match run.len() {
            81.. => write!(out, "{}…({} characters)", &run[..16], run.len()).unwrap(),
            _ => out.push_str(run),
        }
        rest = after;
    }
    out + rest
}

fn pretty(json: &[u8]) -> String {
    let value: Value = serde_json::from_slice(json).unwrap();
    serde_json::to_string_pretty(&value).unwrap()
}

fn request_to(example: &Example, to: Protocol) -> String {
    let request = match example.protocol.codec().decode(&Str::from(example.content.as_str())) {
        Ok(request) => request,
        Err(fault) => return format!("refused: {fault}\n"),
    };
    let dialect = Dialect { anthropic: true, ..Dialect::default() };
    let target = Target { model: model(to), owner: "demo:model", dialect };
    match to.codec().encode(&request, &target) {
        Ok(encoded) => {
            format!("{}\n\nlosses:\n{}\nnames: {:?}\n", pretty(&encoded.body), encoded.losses, encoded.names)
        }
        Err(refusal) => format!("cannot be carried: {refusal}\n"),
    }
}

fn response_to(example: &Example, to: Protocol) -> String {
    match example.protocol.codec().decode_response(&Str::from(example.content.as_str())) {
        Ok(response) => pretty(&to.codec().encode_response(&response, &start())),
        Err(fault) => format!("refused: {fault}\n"),
    }
}

fn stream_to(example: &Example, to: Protocol) -> String {
    let mut decoder = example.protocol.codec().stream_decoder();
    let mut encoder = to.codec().stream_encoder(start());
    let mut splitter = Splitter::new(Limits::default());
    let mut run = || -> Result<(), StreamError> {
        splitter.push(example.content.as_bytes(), |frame| decoder.frame(frame, &mut *encoder))?;
        splitter.end(|frame| decoder.frame(frame, &mut *encoder))?;
        decoder.end(&mut *encoder)
    };
    if let Err(error) = run() {
        encoder.fail(&ErrorView::new(rm_protocol::ErrorKind::Upstream, "upstream_error", error.to_string()));
    }
    let bytes = encoder.out().split();
    format!("{}\nlosses:\n{}", String::from_utf8_lossy(&bytes), encoder.losses())
}

fn error_to(example: &Example, to: Protocol) -> String {
    let Some(told) = example.protocol.codec().decode_error(example.content.as_bytes()) else {
        return "not an error of this protocol\n".to_owned();
    };
    let status = ErrorStatus::or_bad_gateway(http::StatusCode::from_u16(example.status).unwrap());
    let view = ErrorView { status, ..ErrorView::new(told.kind, "upstream_error", told.message.clone()) };
    let view = ErrorView { upstream: Some(told), ..view };
    pretty(&to.codec().error_body(&view))
}

fn every_pair(kind: &str, carry: fn(&Example, Protocol) -> String) {
    let examples = examples(kind);
    assert!(!examples.is_empty());
    for example in &examples {
        for target in Protocol::ALL {
            snapshot(example, target, &carry(example, target));
        }
    }
}

#[test]
fn every_request_in_every_protocol() {
    every_pair("request", request_to);
}

#[test]
fn every_answer_in_every_protocol() {
    every_pair("response", response_to);
}

#[test]
fn every_stream_in_every_protocol() {
    every_pair("stream", stream_to);
}

#[test]
fn every_error_in_every_protocol() {
    every_pair("error", error_to);
}
