//! Every Messages example with an expectation gives exactly that value, however the stream is cut.
#![expect(clippy::unwrap_used, clippy::panic, clippy::default_trait_access, reason = "tests")]

mod messages_support;

use messages_support::{corpus, expectation, manifest, of_response, read_stream};
use rm_protocol::{Codec, ErrorKind, Str, messages::Messages};
use serde_json::Value;

fn expected(kind: &str) -> Vec<(String, Value)> {
    let ours = manifest().into_iter().filter(|entry| {
        entry["protocol"] == "anthropic-messages" && entry["kind"] == kind && entry.get("expect").is_some()
    });
    ours.map(|entry| (entry["file"].as_str().unwrap().to_owned(), entry["expect"].clone())).collect()
}

#[test]
fn every_whole_answer_says_what_the_manifest_expects() {
    let cases = expected("response");
    assert!(cases.len() >= 13);
    for (file, expect) in cases {
        let response = Messages.decode_response(&Str::from(corpus(&file))).unwrap();
        assert_eq!(expectation(&of_response(&response), &Ok(())), expect, "{file}");
    }
}

#[test]
fn every_stream_says_what_the_manifest_expects_wherever_it_is_cut() {
    let cases = expected("stream");
    assert!(cases.len() >= 14);
    for (file, expect) in cases {
        let stream = corpus(&file);
        let bytes = stream.as_bytes();
        let whole = read_stream(&Messages, &[bytes]);
        assert_eq!(expectation(&whole.0, &whole.1), expect, "{file}");
        for at in (0..bytes.len()).step_by(7) {
            assert_eq!(read_stream(&Messages, &[&bytes[..at], &bytes[at..]]), whole, "{file} cut at {at}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(read_stream(&Messages, &single), whole, "{file} byte by byte");
    }
}

#[test]
fn a_stream_that_stops_at_any_byte_before_its_last_event_is_an_error() {
    for (file, expect) in expected("stream") {
        if expect["stop"] == "truncated" || expect["stop"] == "error" {
            continue;
        }
        let stream = corpus(&file);
        let complete = stream.find("event: message_delta").unwrap();
        for at in 0..complete {
            let (said, result) = read_stream(&Messages, &[&stream.as_bytes()[..at]]);
            assert!(result.is_err() && !said.ended, "{file} cut at {at}");
        }
    }
}

#[test]
fn error_bodies_are_read_with_their_kind_and_message() {
    for (file, kind) in [
        ("400-extra-inputs", ErrorKind::BadRequest),
        ("400-invalid", ErrorKind::BadRequest),
        ("400-missing-thinking", ErrorKind::BadRequest),
        ("400-prompt-too-long", ErrorKind::ContextTooLong),
        ("401", ErrorKind::Auth),
        ("429", ErrorKind::RateLimit),
        ("529", ErrorKind::Overloaded),
    ] {
        let body = corpus(&format!("anthropic.error.{file}.json"));
        let told = Messages.decode_error(body.as_bytes()).unwrap();
        let json: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(told.kind, kind, "{file}");
        assert_eq!(told.message, json["error"]["message"], "{file}");
        assert_eq!(told.kind_word.as_deref(), json["error"]["type"].as_str(), "{file}");
    }
}
