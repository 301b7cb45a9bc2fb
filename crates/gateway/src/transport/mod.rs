//! The only door to upstreams.
//!
//! Redirects are never followed (a 3xx is an answer like any other), proxies of the environment are not used, answers are
//! asked for without encoding. A request on a reused connection that the upstream closed or reset without a byte of an answer
//! is sent once more: idle connections end at any time, and the peer had most likely never read it (R40). The ledger's row
//! stands for both.

mod connect;
mod segments;

pub(crate) use segments::Segments;

use connect::{Connector, Uses};
use http::{Request, Response, request::Parts};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, Error},
    rt::{TokioExecutor, TokioTimer},
};
use std::{cell::Cell, io, sync::Arc, time::Duration};
use thiserror::Error as ThisError;

/// Why no answer head came.
#[derive(Debug, ThisError)]
pub(crate) enum TransportError {
    /// No connection: nothing was sent.
    #[error("could not connect: {0}")]
    Connect(String),
    /// The connection broke, or what came was no HTTP, after the request may have been sent.
    #[error("the connection broke before an answer: {0}")]
    Broken(String),
}

thread_local! {
    /// Which of the pools this thread uses. A pooled connection is driven by the runtime that made it; a thread that borrowed
    /// another's would pay two wake-ups for every exchange.
    static SEAT: Cell<usize> = const { Cell::new(0) };
}

/// Gives this thread the pool `seat`.
pub(crate) fn take_seat(seat: usize) {
    SEAT.set(seat);
}

/// The pooled clients, one for each worker thread.
#[derive(Clone)]
pub(crate) struct Transport {
    clients: Arc<[Client<Connector, Segments>]>,
}

impl Transport {
    /// `connect` and `tls` bound the two halves of making a connection; `seats` is the number of worker threads.
    ///
    /// # Errors
    /// The system's certificate store cannot be read.
    pub(crate) fn new(connect: Duration, tls: Duration, seats: usize) -> io::Result<Self> {
        let connector = Connector::new(connect, tls)?;
        let client = || {
            Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(Duration::from_secs(30))
                .pool_max_idle_per_host(64)
                .http1_max_headers(512)
                .http1_max_buf_size(64 << 10)
                .build(connector.clone())
        };
        Ok(Self { clients: std::iter::repeat_with(client).take(seats.max(1)).collect() })
    }

    /// Sends one request and waits for the head of its answer. The caller bounds the wait. `head` makes the head, a second
    /// time only for a second send.
    pub(crate) async fn send(
        &self,
        head: impl Fn() -> Parts,
        body: &Segments,
    ) -> Result<Response<Incoming>, TransportError> {
        match self.once(head(), body.clone()).await {
            Err(error) if was_idle_too_long(&error) => self.once(head(), body.clone()).await,
            result => result,
        }
        .map_err(|error| describe(&error))
    }

    async fn once(&self, head: Parts, body: Segments) -> Result<Response<Incoming>, Error> {
        // Never empty, see `new`.
        let client = &self.clients[SEAT.get().min(self.clients.len() - 1)];
        let response = client.request(Request::from_parts(head, body)).await?;
        if let Some(uses) = response.extensions().get::<Uses>() {
            uses.count();
        }
        Ok(response)
    }
}

/// Whether a connection that had carried requests before ended without a byte of an answer.
fn was_idle_too_long(error: &Error) -> bool {
    let mut extras = http::Extensions::new();
    if let Some(connected) = error.connect_info() {
        connected.get_extras(&mut extras);
    }
    extras.get::<Uses>().is_some_and(|uses| uses.seen() > 0) && causes(error).any(ended_silently)
}

fn causes<'a>(error: &'a Error) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(std::error::Error::source(error), |cause| cause.source())
}

fn ended_silently(cause: &(dyn std::error::Error + 'static)) -> bool {
    let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
    cause.downcast_ref::<hyper::Error>().is_some_and(|error| error.is_incomplete_message() || error.is_canceled())
        || matches!(kind, Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe))
}

fn describe(error: &Error) -> TransportError {
    let text = causes(error).last().map_or_else(|| error.to_string(), ToString::to_string);
    if error.is_connect() { TransportError::Connect(text) } else { TransportError::Broken(text) }
}
