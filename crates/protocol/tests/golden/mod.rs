//! The recorded streams, and one way to read them.

use rm_protocol::{
    Protocol, StreamError,
    ir::Transcript,
    sse::{Limits, Splitter},
};
use serde_json::Value;
use std::{fs, path::Path};

/// A recorded stream.
pub(crate) struct Golden {
    pub(crate) protocol: Protocol,
    pub(crate) file: String,
    pub(crate) bytes: Vec<u8>,
}

/// All recorded streams.
pub(crate) fn streams() -> Vec<Golden> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let manifest: Value = serde_json::from_slice(&fs::read(corpus.join("manifest.json")).unwrap()).unwrap();
    let protocol = |entry: &Value| match entry["protocol"].as_str() {
        Some("openai-chat") => Some(Protocol::Chat),
        Some("anthropic-messages") => Some(Protocol::Messages),
        _ => None,
    };
    let entries = manifest["files"].as_array().unwrap().iter().filter(|entry| entry["kind"] == "stream");
    let streams: Vec<Golden> = entries
        .filter_map(|entry| {
            let protocol = protocol(entry)?;
            let file = entry["file"].as_str().unwrap().to_owned();
            let bytes = fs::read(corpus.join(&file)).unwrap();
            Some(Golden { protocol, file, bytes })
        })
        .collect();
    for protocol in Protocol::ALL {
        assert!(streams.iter().any(|stream| stream.protocol == protocol), "no streams of {protocol:?}");
    }
    streams
}

/// Reads a stream that arrives in these chunks: its events, and how it ended.
pub(crate) fn read<'c>(
    protocol: Protocol,
    chunks: impl IntoIterator<Item = &'c [u8]>,
) -> (Transcript, Result<(), StreamError>) {
    let mut splitter = Splitter::new(Limits::default());
    let mut decoder = protocol.codec().stream_decoder();
    let mut events = Transcript::default();
    let whole = || {
        for chunk in chunks {
            splitter.push(chunk, |frame| decoder.frame(frame, &mut events))?;
        }
        splitter.end(|frame| decoder.frame(frame, &mut events))?;
        decoder.end(&mut events)
    };
    let ended = whole();
    (events, ended)
}
