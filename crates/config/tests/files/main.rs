//! From files, environment and flags to settings or problems.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod load;
mod problems;
mod schemas;
mod world;
