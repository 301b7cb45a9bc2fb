//! What an upstream received, in order, and how each answer ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::patience::within;
use crate::wire::Received;

/// How sending one answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Still being sent, or held back.
    Running,
    /// Sent as scripted; a scripted cut or reset counts too.
    Played,
    /// The client closed its side (or half-closed it) or reset the connection before the end.
    ClientGone(Instant),
}

/// A client that left before its answer was complete.
#[derive(Clone, Copy, Debug)]
pub struct Gone {
    /// Which request, counted from 0.
    pub request: usize,
    /// When the upstream noticed.
    pub at: Instant,
    /// Body bytes of the answer that had been written by then.
    pub sent_bytes: u64,
}

/// A growing record of requests. Clones are the same record.
#[derive(Clone, Debug, Default)]
pub struct Log {
    entries: Arc<watch::Sender<Entries>>,
}

#[derive(Debug, Default)]
struct Entries {
    records: Vec<Record>,
    accepted: u64,
    open: u64,
}

#[derive(Debug)]
struct Record {
    request: Received,
    ending: Ending,
    sent_bytes: Arc<AtomicU64>,
}

impl Log {
    /// Every request so far.
    pub fn requests(&self) -> Vec<Received> {
        self.entries.borrow().records.iter().map(|record| record.request.clone()).collect()
    }

    /// How the answers to [`Log::requests`] ended, in the same order.
    pub fn endings(&self) -> Vec<Ending> {
        self.entries.borrow().records.iter().map(|record| record.ending).collect()
    }

    /// Body bytes written so far for one request, counted from 0; zero for a request that never came.
    pub fn sent_bytes(&self, request: usize) -> u64 {
        self.entries.borrow().records.get(request).map_or(0, |record| record.sent_bytes.load(Ordering::Relaxed))
    }

    /// Forgets the requests. Answers still being sent are not recorded any more.
    pub fn clear(&self) {
        self.entries.send_modify(|entries| entries.records.clear());
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> u64 {
        self.entries.borrow().accepted
    }

    /// Waits for `count` requests and returns them all.
    pub async fn received(&self, count: usize) -> Vec<Received> {
        self.wait(format!("request {count}"), |entries| entries.records.len() >= count).await;
        self.requests()
    }

    /// Waits until `count` answers have ended, one way or the other.
    pub async fn ended(&self, count: usize) -> Vec<Ending> {
        let ended = |entries: &Entries| entries.records.iter().filter(|r| r.ending != Ending::Running).count() >= count;
        self.wait(format!("the end of answer {count}"), ended).await;
        self.endings()
    }

    /// Waits for the first client that left before the end of its answer.
    pub async fn client_gone(&self) -> Gone {
        self.clients_gone(1).await[0]
    }

    /// Waits until `count` clients left before the end of their answer; at least `count` entries.
    pub async fn clients_gone(&self, count: usize) -> Vec<Gone> {
        self.wait(format!("client {count} to leave"), |entries| entries.gone().len() >= count).await;
        self.entries.borrow().gone()
    }

    /// Waits until no connection is open.
    pub async fn disconnected(&self) {
        self.wait("all connections to close".to_owned(), |entries| entries.open == 0).await;
    }

    /// The requests as JSON: `[{method, path, headers: [[name, value]], body, connection}]`.
    pub fn to_json(&self) -> Value {
        let entries = self.entries.borrow();
        let requests = entries.records.iter().map(|record| {
            let request = &record.request;
            json!({
                "method": request.method,
                "path": request.target,
                "headers": request.headers,
                "body": request.text(),
                "connection": request.connection,
            })
        });
        Value::Array(requests.collect())
    }

    pub(crate) fn begin(&self, request: Received) -> Pending {
        let sent_bytes = Arc::new(AtomicU64::new(0));
        let record = Record { request, ending: Ending::Running, sent_bytes: Arc::clone(&sent_bytes) };
        self.entries.send_modify(|entries| entries.records.push(record));
        Pending { log: self.clone(), sent_bytes }
    }

    pub(crate) fn connected(&self) -> Connected {
        self.entries.send_modify(|entries| {
            entries.accepted += 1;
            entries.open += 1;
        });
        Connected { log: self.clone() }
    }

    async fn wait(&self, what: String, until: impl FnMut(&Entries) -> bool) {
        let mut entries = self.entries.subscribe();
        // The sender lives in `self`, so the wait cannot fail.
        drop(within(|| what, entries.wait_for(until)).await);
    }
}

impl Entries {
    fn gone(&self) -> Vec<Gone> {
        let gone = self.records.iter().enumerate().filter_map(|(request, record)| match record.ending {
            Ending::ClientGone(at) => Some(Gone { request, at, sent_bytes: record.sent_bytes.load(Ordering::Relaxed) }),
            Ending::Running | Ending::Played => None,
        });
        gone.collect()
    }
}

/// An answer being sent.
pub(crate) struct Pending {
    log: Log,
    pub(crate) sent_bytes: Arc<AtomicU64>,
}

impl Pending {
    pub(crate) fn end(self, ending: Ending) {
        self.log.entries.send_modify(|entries| {
            // Found by identity, since `clear` may have moved the records.
            let mine = entries.records.iter_mut().find(|record| Arc::ptr_eq(&record.sent_bytes, &self.sent_bytes));
            if let Some(record) = mine {
                record.ending = ending;
            }
        });
    }
}

/// An open connection; counted until dropped.
pub(crate) struct Connected {
    log: Log,
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.log.entries.send_modify(|entries| entries.open -= 1);
    }
}
