//! The models of providers whose configuration names none: asked of the upstream, kept when it fails.
//!
//! A missing catalogue is fetched again on the next list or the next unknown name, and a request waits three seconds for it
//! at most. It is refreshed every five minutes. What was known is kept when a fetch fails: a failed catalogue is no reason
//! to say that a model does not exist.
//!
//! One fetch runs at a time, in a task of its own, and who needs one while it runs waits for that one. Missing catalogues
//! are asked for again two seconds after its end at the earliest, so a provider that hangs costs no queue of fetches.

use crate::{
    pipeline::attempt::collect,
    server::Gateway,
    snapshot::{Account, Snapshot},
    transport::{Segments, Transport},
};
use rm_catalog::ProviderId;
use rm_providers::ModelListing;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{sync::watch, task::JoinSet};

/// From the end of one fetch to the next for what is missing.
const PAUSE: Duration = Duration::from_secs(2);
/// How long a request waits for a fetch.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long one upstream may take.
const FETCH: Duration = Duration::from_secs(10);
/// Size of a model list at most.
const LONGEST: u64 = 16 << 20;

/// What was discovered so far. Outlives snapshots.
#[derive(Debug, Default)]
pub(crate) struct Discovery {
    known: Mutex<HashMap<ProviderId, Arc<Vec<ModelListing>>>>,
    fetches: Mutex<Fetches>,
}

#[derive(Debug, Default)]
struct Fetches {
    running: Option<Running>,
    /// When the last one ended.
    ended: Option<Instant>,
}

/// A fetch that runs.
#[derive(Clone, Debug)]
struct Running {
    which: Which,
    began: Instant,
    /// Nothing is ever sent: it closes with the end of the fetch.
    end: watch::Receiver<()>,
}

impl Running {
    async fn ended(mut self) {
        // The error is the end.
        let _ = self.end.changed().await;
    }
}

/// Which catalogues to fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    /// Those that never came.
    Missing,
    /// All of them.
    All,
}

impl Discovery {
    /// The models of a provider, when they have been discovered.
    pub(crate) fn models(&self, provider: &ProviderId) -> Option<Arc<Vec<ModelListing>>> {
        self.known().get(provider).cloned()
    }

    /// Whether a provider that should be asked has not answered yet.
    pub(crate) fn missing(&self, snapshot: &Snapshot) -> bool {
        let known = self.known();
        snapshot.providers.iter().any(|provider| provider.open && !known.contains_key(&provider.id))
    }

    fn known(&self) -> MutexGuard<'_, HashMap<ProviderId, Arc<Vec<ModelListing>>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fetches(&self) -> MutexGuard<'_, Fetches> {
        self.fetches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of a snapshot's providers that a fetch asks.
    fn wanted(&self, snapshot: &Snapshot, which: Which) -> Vec<(ProviderId, Arc<Account>)> {
        let open = snapshot.providers.iter().filter(|provider| provider.open);
        let wanted = open.filter(|provider| which == Which::All || self.models(&provider.id).is_none());
        wanted.filter_map(|provider| Some((provider.id.clone(), provider.account(0)?.clone()))).collect()
    }

    /// Asks `which` providers; true when anything changed.
    async fn fetch(&self, transport: &Transport, which: Vec<(ProviderId, Arc<Account>)>) -> bool {
        let mut running = JoinSet::new();
        for (id, account) in which {
            let transport = transport.clone();
            running.spawn(async move {
                let models = tokio::time::timeout(FETCH, ask(&transport, &account)).await;
                (id, models.unwrap_or_else(|_| Err("no answer in time".into())))
            });
        }
        let mut changed = false;
        while let Some(Ok((id, result))) = running.join_next().await {
            match result {
                Ok(models) => {
                    let models = Arc::new(models);
                    changed |= self.known().insert(id, models.clone()).as_ref() != Some(&models);
                }
                Err(why) => tracing::debug!(provider = %id, "could not list its models: {why}"),
            }
        }
        changed
    }
}

async fn ask(transport: &Transport, account: &Account) -> Result<Vec<ModelListing>, String> {
    let response = transport
        .send(|| account.endpoint.models_request(), &Segments::default())
        .await
        .map_err(|error| error.to_string())?;
    if !response.status().is_success() {
        return Err(format!("it answered {}", response.status()));
    }
    let body = collect(response.into_body(), LONGEST, FETCH).await.map_err(|_| "its answer broke off".to_owned())?;
    account.endpoint.parse_models(&body).map_err(|error| error.to_string())
}

/// A fetch on its way. However it ends, the next one may begin and who waits for it goes on.
struct Fetch {
    gateway: Arc<Gateway>,
    /// Closed after `drop` below has run.
    _end: watch::Sender<()>,
}

impl Fetch {
    async fn run(self, wanted: Vec<(ProviderId, Arc<Account>)>) {
        if self.gateway.discovery.fetch(&self.gateway.transport, wanted).await {
            self.gateway.rebuild();
        }
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        *self.gateway.discovery.fetches() = Fetches { running: None, ended: Some(Instant::now()) };
    }
}

impl Gateway {
    /// Has the providers asked whose catalogue is missing, and waits a little for the result. What does not come in time
    /// arrives later.
    pub(crate) async fn discover(self: &Arc<Self>) {
        if let Some(running) = self.join_or_begin(Which::Missing) {
            // Elapsed: the fetch goes on by itself.
            let _ = tokio::time::timeout(PATIENCE, running.ended()).await;
        }
    }

    /// Asks all providers for their models: a fetch that began earlier may have asked with an older configuration.
    pub(crate) async fn discover_all(self: &Arc<Self>) {
        let asked = Instant::now();
        while let Some(running) = self.join_or_begin(Which::All) {
            let enough = running.which == Which::All && running.began >= asked;
            running.ended().await;
            if enough {
                return;
            }
        }
    }

    /// The fetch that runs, or one that begins now; `None` when there is nobody to ask, or no reason to ask again already.
    fn join_or_begin(self: &Arc<Self>, which: Which) -> Option<Running> {
        let mut fetches = self.discovery.fetches();
        if let Some(running) = &fetches.running {
            return Some(running.clone());
        }
        if which == Which::Missing && fetches.ended.is_some_and(|at| at.elapsed() < PAUSE) {
            return None;
        }
        let wanted = self.discovery.wanted(&self.snapshot(), which);
        if wanted.is_empty() {
            return None;
        }
        let (sender, end) = watch::channel(());
        let running = Running { which, began: Instant::now(), end };
        fetches.running = Some(running.clone());
        drop(fetches);
        tokio::spawn(Fetch { gateway: self.clone(), _end: sender }.run(wanted));
        Some(running)
    }
}
