//! Names, plans and failover together, as the gateway uses them. Time is virtual.
#![expect(clippy::unwrap_used, reason = "tests")]

mod failover;
mod names;
mod plans;
mod properties;
mod seeds;
mod world;
