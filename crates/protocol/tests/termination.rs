//! An answer ends exactly once, and never before it is whole.
#![expect(clippy::unwrap_used, reason = "tests")]

mod golden;

use golden::{read, streams};

/// The events without those that a cut may take away from an answer that is whole: counts and signs of life.
fn said(events: &str) -> Vec<&str> {
    events.lines().filter(|line| !line.starts_with("usage ") && *line != "ping").collect()
}

fn count(events: &str, line: impl Fn(&str) -> bool) -> usize {
    events.lines().filter(|one| line(one)).count()
}

#[test]
fn a_stream_that_is_cut_off_never_ends_cleanly_unless_all_was_said() {
    for stream in streams() {
        let (whole, ended) = read(stream.protocol, [stream.bytes.as_slice()]);
        for at in 0..stream.bytes.len() {
            let (cut, cut_ended) = read(stream.protocol, [&stream.bytes[..at]]);
            if cut_ended.is_ok() {
                assert_eq!(ended, Ok(()), "{} cut at {at} ends better than the whole", stream.file);
                assert_eq!(said(&cut.0), said(&whole.0), "{} cut at {at}", stream.file);
            } else {
                assert_eq!(count(&cut.0, |line| line == "done"), 0, "{} cut at {at}", stream.file);
            }
        }
    }
}

#[test]
fn a_clean_end_is_the_last_event_and_comes_once_and_every_started_call_has_ended() {
    for stream in streams() {
        let (events, ended) = read(stream.protocol, [stream.bytes.as_slice()]);
        let done = count(&events.0, |line| line == "done");
        assert_eq!(done, usize::from(ended.is_ok()), "{}", stream.file);
        assert_eq!(count(&events.0, |line| line.starts_with("start ")), 1, "{}", stream.file);
        if ended.is_ok() {
            assert_eq!(events.0.lines().last(), Some("done"), "{}", stream.file);
            let started = count(&events.0, |line| line.starts_with("tool_call ") || line.starts_with("custom_call "));
            assert_eq!(count(&events.0, |line| line.starts_with("end ")), started, "{}", stream.file);
            assert!(count(&events.0, |line| line.starts_with("stop ")) >= 1, "{}", stream.file);
        }
    }
}

#[test]
fn what_comes_after_the_end_is_ignored() {
    for stream in streams() {
        let (events, ended) = read(stream.protocol, [stream.bytes.as_slice()]);
        if ended.is_ok() {
            let junk: &[u8] = b"data: {\"not\": what\n\nevent: nonsense\ndata: [1\n\n";
            let (more, more_ended) = read(stream.protocol, [stream.bytes.as_slice(), junk]);
            assert_eq!((more.0, more_ended), (events.0, Ok(())), "{}", stream.file);
        }
    }
}
