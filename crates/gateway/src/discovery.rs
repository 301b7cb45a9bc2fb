//! The models of providers whose configuration names none: asked of the upstream, kept when it fails.
//!
//! A missing catalogue is fetched again on the next list or the next unknown name, at most once every two seconds, and a
//! request waits three seconds for it at most. It is refreshed every five minutes. What was known is kept when a fetch
//! fails: a failed catalogue is no reason to say that a model does not exist.

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
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// Between two fetches.
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
    /// Held while a fetch runs; its time is when the last one began.
    fetching: tokio::sync::Mutex<Option<Instant>>,
}

impl Discovery {
    /// The models of a provider, when they have been discovered.
    pub(crate) fn models(&self, provider: &ProviderId) -> Option<Arc<Vec<ModelListing>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(provider).cloned()
    }

    /// Whether a provider that should be asked has not answered yet.
    pub(crate) fn missing(&self, snapshot: &Snapshot) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        snapshot.providers.iter().any(|provider| provider.open && !known.contains_key(&provider.id))
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
                    let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                    changed |= known.insert(id, models.clone()).as_ref() != Some(&models);
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

impl Gateway {
    /// Asks the providers whose catalogue is missing, unless that was just done; waits a little for the result. What does
    /// not come in time arrives later.
    pub(crate) async fn discover(self: &Arc<Self>) {
        let gateway = self.clone();
        let fetch = tokio::spawn(async move { gateway.discover_now(Which::Missing).await });
        // Elapsed: the fetch goes on by itself.
        let _ = tokio::time::timeout(PATIENCE, fetch).await;
    }

    /// Asks providers for their models and shows what came in a new snapshot. One fetch at a time.
    pub(crate) async fn discover_now(self: &Arc<Self>, which: Which) {
        let mut last = self.discovery.fetching.lock().await;
        let recent = last.is_some_and(|at| at.elapsed() < PAUSE);
        if which == Which::Missing && recent {
            return;
        }
        let snapshot = self.snapshot();
        let wanted = snapshot
            .providers
            .iter()
            .filter(|provider| provider.open && (which == Which::All || self.discovery.models(&provider.id).is_none()));
        let wanted: Vec<_> =
            wanted.filter_map(|provider| Some((provider.id.clone(), provider.account(0)?.clone()))).collect();
        if wanted.is_empty() {
            return;
        }
        *last = Some(Instant::now());
        if self.discovery.fetch(&self.transport, wanted).await {
            self.rebuild();
        }
    }
}

/// Which catalogues to fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// Those that never came.
    Missing,
    /// All of them.
    All,
}
