//! The testkit under test: every fault really happens on the wire, every script speaks both protocols.
#![expect(clippy::unwrap_used, reason = "tests")]

mod binary;
mod content;
mod demo;
mod faults;
mod recording;
mod scripts;
mod support;
