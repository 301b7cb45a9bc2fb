//! What the fuzz targets check.

use rm_protocol::{
    Dialect, Protocol, Str, StreamStart, Target,
    codec::StreamDecoder,
    error::{ErrorKind, ErrorView},
    ir::{Event, EventSink, Names, Transcript},
    sse::{Limits, Splitter},
};

/// A request body in `protocol`: it decodes or is refused; what decodes encodes to itself as JSON, and to every other
/// protocol without a panic and as JSON.
pub fn request(protocol: Protocol, data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let body = Str::from(text);
    let codec = protocol.codec();
    let head = codec.head(&body);
    if let Ok(head) = &head {
        let target = target("m");
        let edited = codec.patches(head, &target).apply(&body.clone().into_bytes()).concat();
        is_json(&edited, "a patched body is JSON");
    }
    let Ok(request) = codec.decode(&body) else { return };
    if let Err(error) = &head {
        // The head keeps limits (depth, keys, numbers) that decoding leaves to it.
        assert!(error.message.contains("more than"), "what decodes has a head: {error}");
    }
    for other in Protocol::ALL {
        if let Ok(encoded) = other.codec().encode(&request, &target("gpt-4.1")) {
            is_json(&encoded.body, "an encoded body is JSON");
        }
    }
}

/// An answer in `protocol`: it decodes or is refused; what decodes is written for every client as JSON.
pub fn response(protocol: Protocol, data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = protocol.codec().decode_error(data);
    let Ok(response) = protocol.codec().decode_response(&Str::from(text)) else { return };
    for client in Protocol::ALL {
        let bytes = client.codec().encode_response(&response, &start());
        is_json(&bytes, "an answer is JSON");
    }
}

/// A stream in `protocol`, whole and cut in two: the same events; written for every client without a panic, with the
/// upstream's end or an error as the last event.
pub fn stream(protocol: Protocol, data: &[u8]) {
    let Some((&at, data)) = data.split_first() else { return };
    let at = usize::from(at).min(data.len());
    let (whole, cut) = (transcript(protocol, &[data]), transcript(protocol, &[&data[..at], &data[at..]]));
    assert_eq!(whole, cut, "cutting the stream changes nothing");
    for client in Protocol::ALL {
        let mut encoder = client.codec().stream_encoder(start());
        let ok = feed(protocol, &[data], encoder.as_mut());
        if ok.is_err() {
            encoder.fail(&ErrorView::new(ErrorKind::Upstream, "upstream_cut", "cut"));
        }
        let out = encoder.out().split().freeze();
        check_output(client, &out);
    }
}

/// Checks the syntax alone: numbers may be larger than any type.
fn is_json(text: &[u8], what: &str) {
    serde_json::from_slice::<&serde_json::value::RawValue>(text).expect(what);
}

fn check_output(client: Protocol, out: &[u8]) {
    let mut splitter = Splitter::new(Limits::default());
    let pushed = splitter.push(out, |frame| {
        if !frame.data.is_empty() && frame.data != "[DONE]" {
            is_json(frame.data.as_bytes(), "an event is JSON");
        }
        Ok(())
    });
    pushed.expect("what we write can be split");
    let mut log = Transcript::default();
    let _ = feed(client, &[out], &mut log);
}

fn transcript(protocol: Protocol, chunks: &[&[u8]]) -> (String, Result<(), String>) {
    let mut log = Transcript::default();
    let result = feed(protocol, chunks, &mut log);
    (log.0, result)
}

fn feed<S: EventSink + ?Sized>(protocol: Protocol, chunks: &[&[u8]], to: &mut S) -> Result<(), String> {
    struct Forward<'a, S: EventSink + ?Sized>(&'a mut S);
    impl<S: EventSink + ?Sized> EventSink for Forward<'_, S> {
        fn event(&mut self, event: &Event<'_>) {
            self.0.event(event);
        }
    }
    let mut to = Forward(to);
    let mut decoder: Box<dyn StreamDecoder> = protocol.codec().stream_decoder();
    let mut splitter = Splitter::new(Limits::default());
    for chunk in chunks {
        splitter.push(chunk, |frame| decoder.frame(frame, &mut to)).map_err(|e| e.to_string())?;
    }
    splitter.end(|frame| decoder.frame(frame, &mut to)).map_err(|e| e.to_string())?;
    decoder.end(&mut to).map_err(|e| e.to_string())
}

fn target(model: &str) -> Target<'_> {
    Target { model, owner: "p:m", dialect: Dialect::default() }
}

fn start() -> StreamStart {
    StreamStart {
        model: Str::from_static("p/m"),
        id: Str::from_static("0"),
        created: 0,
        include_usage: true,
        input_estimate: 1,
        owner: Str::from_static("p:m"),
        names: Names::default(),
    }
}


/// Any bytes as a stream of events: cutting changes nothing, and the events' bytes join to the stream.
pub fn sse(data: &[u8]) {
    let Some((&at, data)) = data.split_first() else { return };
    let at = usize::from(at).min(data.len());
    let split = |chunks: &[&[u8]]| {
        let (mut events, mut raw) = (Vec::new(), Vec::new());
        let mut splitter = Splitter::new(Limits::default());
        let mut take = |frame: &rm_protocol::sse::Frame<'_>| {
            raw.extend_from_slice(frame.raw);
            if !(frame.data.is_empty() && frame.event.is_empty()) {
                events.push((frame.event.to_owned(), frame.data.to_string()));
            }
            Ok(())
        };
        let mut result = Ok(());
        for chunk in chunks {
            result = result.and_then(|()| splitter.push(chunk, &mut take));
        }
        let result = result.and_then(|()| splitter.end(&mut take));
        (events, raw, result.is_ok())
    };
    let (whole, cut) = (split(&[data]), split(&[&data[..at], &data[at..]]));
    assert_eq!((&whole.0, whole.2), (&cut.0, cut.2));
    if whole.2 {
        assert_eq!(whole.1, data);
        assert_eq!(cut.1, data);
    }
}

/// Any text as a JSON object: what serde_json reads as one is accepted (within the limits), and what is accepted is JSON.
pub fn json_scan(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let ours = rm_protocol::json::scan::object(text, |_| Ok::<(), rm_protocol::json::ScanError>(()));
    let theirs = serde_json::from_str::<&serde_json::value::RawValue>(text);
    match &ours {
        Ok(_) => assert!(theirs.is_ok_and(|raw| raw.get().starts_with('{')), "accepted what is no object"),
        Err(error) if error.what.contains("more than") => {}
        Err(error) => assert!(!theirs.is_ok_and(|raw| raw.get().starts_with('{')), "refused an object: {error}"),
    }
}
