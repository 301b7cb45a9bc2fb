//! The server: accepts connections, admits callers, routes requests and carries answers.
//!
//! ```text
//! listen ─► server ─► ingress ─► generate ─► pipeline ─► lane ─► reply
//!            paths     head, key   plan        attempts    bytes or translated
//! ```
//!
//! [`Server::bind`] and [`Server::run`] are the door; everything else is reached over HTTP.

mod admin;
mod app;
mod conn;
mod count;
mod discovery;
mod generate;
mod ingress;
mod lane;
mod listen;
mod models;
mod pipeline;
mod reload;
mod reply;
mod run;
mod server;
mod snapshot;
mod status;
mod transport;
mod unwind;
mod workers;

pub use run::{Handle, Server, Start, StartError};
