//! An upstream that does what it is told, for tests, for the demo provider and for a first look.
//!
//! - [`Upstream`] listens on a loopback port, answers from a script of [`Reply`]s and remembers what it received.
//! - [`Reply`] is one answer together with everything that may go wrong while it is sent.
//! - [`Answer`] is what a model says, independent of the protocol; [`chat`] and [`messages`] write it down.
//! - [`Ask`] is a request as a script wants to see it: the model, the last words, the tools, the pictures.
//! - [`Client`] is the other side: a plain HTTP/1.1 client that shows how an answer really ended.
//! - [`demo`], [`agent`] and [`sdk`] are finished scripts.
//!
//! Everything runs over real sockets, so paused clocks do not work here: wait for events ([`Gate`],
//! [`Log::received`], [`Log::client_gone`]), not for time.

pub mod agent;
mod answer;
mod ask;
mod body;
pub mod chat;
mod client;
pub mod demo;
mod gate;
mod log;
mod media;
pub mod messages;
mod patience;
mod plausible;
mod play;
mod reply;
pub mod sdk;
mod server;
pub mod side;
mod upstream;
mod wire;

pub use answer::{Answer, Part, SIGNATURE, Stop, Usage};
pub use ask::{Ask, Operation, Protocol, Tool, ToolChoice, UsageChunk};
pub use client::{Client, Event, Response};
pub use gate::Gate;
pub use log::{Ending, Gone, Log};
pub use media::Media;
pub use reply::Reply;
pub use upstream::{Upstream, refused_address};
pub use wire::Received;
