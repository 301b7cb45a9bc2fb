//! Whole runs of the command: real processes, real sockets, directories of their own.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod config;
mod demo;
mod help;
mod lifecycle;
mod models;
mod start;
mod world;
