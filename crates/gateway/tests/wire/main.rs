//! The server over real sockets against the scripted upstream: no fake clock, no fixed port, no sleep.

#![expect(clippy::unwrap_used, reason = "tests")]

mod raw;
mod world;

mod auth;
mod byte_lane;
mod cancel;
mod failover;
mod faults;
mod framing;
mod input;
mod ledger;
mod lifecycle;
mod models;
mod mutations;
mod outbound;
mod secrets;
mod timeouts;
