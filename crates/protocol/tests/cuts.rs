//! Chunk borders mean nothing.
#![expect(clippy::unwrap_used, reason = "tests")]

mod golden;

use golden::{read, streams};

#[test]
fn every_golden_stream_cut_at_every_byte_gives_the_same_events() {
    for stream in streams() {
        let bytes = stream.bytes.as_slice();
        let (events, ended) = read(stream.protocol, [bytes]);
        for at in 0..=bytes.len() {
            let (cut_events, cut_ended) = read(stream.protocol, [&bytes[..at], &bytes[at..]]);
            assert_eq!(cut_events.0, events.0, "{} cut at {at}", stream.file);
            assert_eq!(cut_ended, ended, "{} cut at {at}", stream.file);
        }
    }
}

#[test]
fn every_golden_stream_byte_by_byte_gives_the_same_events() {
    for stream in streams() {
        let (events, ended) = read(stream.protocol, [stream.bytes.as_slice()]);
        let (single_events, single_ended) = read(stream.protocol, stream.bytes.chunks(1));
        assert_eq!((single_events.0, single_ended), (events.0, ended), "{}", stream.file);
    }
}
