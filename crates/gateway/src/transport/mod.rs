//! The only door to upstreams.
//!
//! Redirects are never followed (a 3xx is an answer like any other), proxies of the environment are not used, answers are
//! asked for without encoding. A request on a reused connection that the upstream had closed is sent once more on a fresh
//! one: nothing of an answer had come, and idle connections end at any time (R40).

mod connect;
mod segments;

pub(crate) use segments::Segments;

use connect::{Connector, Uses};
use http::{Request, Response, request::Parts};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, Error, connect::capture_connection},
    rt::{TokioExecutor, TokioTimer},
};
use std::{io, time::Duration};
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

/// The pooled client.
#[derive(Clone)]
pub(crate) struct Transport {
    client: Client<Connector, Segments>,
}

impl Transport {
    /// `connect` and `tls` bound the two halves of making a connection.
    ///
    /// # Errors
    /// The system's certificate store cannot be read.
    pub(crate) fn new(connect: Duration, tls: Duration) -> io::Result<Self> {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(64)
            .http1_max_headers(512)
            .http1_max_buf_size(64 << 10)
            .build(Connector::new(connect, tls)?);
        Ok(Self { client })
    }

    /// Sends one request and waits for the head of its answer. The caller bounds the wait.
    pub(crate) async fn send(&self, head: &Parts, body: &Segments) -> Result<Response<Incoming>, TransportError> {
        match self.once(head, body).await {
            Err((error, reused)) if reused && !error.is_connect() => {
                self.once(head, body).await.map_err(|(error, _)| describe(&error))
            }
            result => result.map_err(|(error, _)| describe(&error)),
        }
    }

    async fn once(&self, head: &Parts, body: &Segments) -> Result<Response<Incoming>, (Error, bool)> {
        let mut request = Request::from_parts(head.clone(), body.clone());
        let captured = capture_connection(&mut request);
        let result = self.client.request(request).await;
        let mut reused = false;
        if let Some(connected) = captured.connection_metadata().as_ref() {
            let mut extras = http::Extensions::new();
            connected.get_extras(&mut extras);
            reused = extras.get::<Uses>().is_some_and(|uses| uses.count() > 0);
        }
        result.map_err(|error| (error, reused))
    }
}

fn describe(error: &Error) -> TransportError {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = cause.to_string();
        source = cause.source();
    }
    if error.is_connect() { TransportError::Connect(text) } else { TransportError::Broken(text) }
}
