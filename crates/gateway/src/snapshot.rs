//! The running form of one configuration. A request sees one snapshot from start to end; a reload makes another.

use crate::{
    discovery::Discovery,
    ingress::{body::BodyLimits, check::HeadLimits},
};
use http::HeaderValue;
use rm_catalog::{AccountName, ProviderId, ProviderKind};
use rm_config::{ProviderSettings, Settings};
use rm_protocol::sse;
use rm_providers::Endpoint;
use rm_routing::{
    AccountRoute, FailoverPolicy, Fallback, ListedModel, ProviderRoute, RetryBudget, RetryBudgetPolicy, RouteSpec,
    RouteTable, Strategy,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Everything a request needs of the configuration.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// Counts up with each reload.
    pub(crate) generation: u64,
    pub(crate) table: RouteTable,
    /// In the order of [`RouteTable::providers`].
    pub(crate) providers: Vec<Provider>,
    pub(crate) tuning: Tuning,
    /// What is odd about the configuration.
    pub(crate) warnings: Vec<String>,
}

/// One provider.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) id: ProviderId,
    pub(crate) kind: ProviderKind,
    /// Where it is configured, for people.
    pub(crate) origin: String,
    /// Its models are asked of it.
    pub(crate) open: bool,
    /// How many models are known.
    pub(crate) models: usize,
    pub(crate) accounts: Vec<Arc<Account>>,
    /// Overrides `timeouts.upstreamHead`.
    pub(crate) timeout: Option<Duration>,
    budget: Option<Budget>,
}

/// One account.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) provider: ProviderId,
    pub(crate) name: AccountName,
    pub(crate) endpoint: Arc<Endpoint>,
    /// The values of `x-router-provider` and `x-router-account`; none where no header can hold the name.
    pub(crate) names: [Option<HeaderValue>; 2],
}

/// A provider's retry budget; outlives snapshots that do not change its policy.
#[derive(Clone, Debug)]
struct Budget {
    policy: RetryBudgetPolicy,
    left: Arc<Mutex<RetryBudget>>,
}

impl Budget {
    fn new(policy: RetryBudgetPolicy) -> Self {
        Self { policy, left: Arc::new(Mutex::new(RetryBudget::new(policy))) }
    }

    fn left(&self) -> MutexGuard<'_, RetryBudget> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Limits and times of `server.yaml`, in the form the pipeline uses.
#[derive(Clone, Debug)]
pub(crate) struct Tuning {
    pub(crate) head: HeadLimits,
    pub(crate) body: BodyLimits,
    pub(crate) admin_body: BodyLimits,
    pub(crate) json_depth: usize,
    /// Bytes of a whole answer.
    pub(crate) upstream_body: u64,
    pub(crate) sse: sse::Limits,
    pub(crate) timeouts: Timeouts,
    pub(crate) failover: FailoverPolicy,
}

/// Times of `server.yaml`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    pub(crate) client_head: Duration,
    pub(crate) client_write: Duration,
    pub(crate) upstream_head: Duration,
    pub(crate) first_event: Duration,
    pub(crate) stream_idle: Duration,
    pub(crate) request: Duration,
    pub(crate) hold_head: Duration,
    pub(crate) keep_alive: Duration,
    pub(crate) drain: Duration,
}

impl Snapshot {
    /// Compiles settings and what was discovered. State that outlives reloads is taken from `before`.
    pub(crate) fn new(
        settings: &Settings,
        warnings: Vec<String>,
        discovery: &Discovery,
        before: Option<&Self>,
        generation: u64,
    ) -> Self {
        let budgets: HashMap<&ProviderId, &Budget> =
            before.into_iter().flat_map(|b| &b.providers).filter_map(|p| Some((&p.id, p.budget.as_ref()?))).collect();
        let retry = &settings.server.resilience.retry_budget;
        let policy = RetryBudgetPolicy { percent: retry.percent, per_second: retry.per_second };
        let mut providers = Vec::with_capacity(settings.providers.len());
        let mut routes = Vec::with_capacity(settings.providers.len());
        for spec in &settings.providers {
            let route = route(spec, discovery);
            let budget = retry.enabled.then(|| {
                let kept = budgets.get(&spec.id).filter(|budget| budget.policy == policy);
                kept.map_or_else(|| Budget::new(policy), |budget| (*budget).clone())
            });
            providers.push(Provider::new(spec, &route, budget));
            routes.push(route);
        }
        let spec = RouteSpec {
            providers: routes,
            priorities: settings.priorities.clone(),
            fallback: Fallback { strategy: strategy(settings), max_retries: settings.fallback.max_retries },
            aliases: settings.aliases.iter().map(|(name, target)| (name.to_owned(), target.clone())).collect(),
        };
        Self { generation, table: RouteTable::new(spec), providers, tuning: Tuning::new(settings), warnings }
    }

    pub(crate) fn provider(&self, index: usize) -> Option<&Provider> {
        self.providers.get(index)
    }
}

fn strategy(settings: &Settings) -> Strategy {
    match settings.fallback.strategy {
        rm_config::Strategy::Priority => Strategy::Priority,
        rm_config::Strategy::SameModel => Strategy::SameModel,
        rm_config::Strategy::None => Strategy::None,
    }
}

fn route(spec: &ProviderSettings, discovery: &Discovery) -> ProviderRoute {
    let open = spec.models.is_empty();
    let named = |id: &str, name: &Option<String>| ListedModel {
        id: id.to_owned(),
        name: name.clone().unwrap_or_else(|| id.to_owned()),
    };
    let models = if open {
        let known = discovery.models(&spec.id);
        known.iter().flat_map(|models| models.iter()).map(|m| named(&m.id, &m.display_name)).collect()
    } else {
        spec.models.iter().map(|m| named(&m.id, &m.display_name)).collect()
    };
    let accounts = spec.accounts.iter();
    ProviderRoute {
        id: spec.id.clone(),
        protocols: spec.protocols.clone(),
        models,
        open,
        mapping: spec.model_mapping.iter().cloned().collect(),
        accounts: accounts
            .map(|account| AccountRoute {
                name: account.name.clone(),
                priority: account.priority,
                weight: account.weight,
            })
            .collect(),
        max_retries: spec.max_retries,
    }
}

impl Provider {
    fn new(spec: &ProviderSettings, route: &ProviderRoute, budget: Option<Budget>) -> Self {
        let account = |account: &rm_config::AccountSettings| {
            Arc::new(Account {
                provider: spec.id.clone(),
                name: account.name.clone(),
                endpoint: account.endpoint.clone(),
                names: [spec.id.as_str().parse().ok(), account.name.as_str().parse().ok()],
            })
        };
        Self {
            id: spec.id.clone(),
            kind: spec.kind,
            origin: spec.origin.to_string(),
            open: route.open,
            models: route.models.len(),
            accounts: spec.accounts.iter().map(account).collect(),
            timeout: spec.timeout,
            budget,
        }
    }

    pub(crate) fn account(&self, index: usize) -> Option<&Arc<Account>> {
        self.accounts.get(index)
    }

    /// Counts a request's first call here.
    pub(crate) fn budget_request(&self, first: bool) {
        if let (true, Some(budget)) = (first, &self.budget) {
            budget.left().request();
        }
    }

    /// May a call be repeated here?
    pub(crate) fn budget_repeat(&self, now: Instant) -> bool {
        self.budget.as_ref().is_none_or(|budget| budget.left().repeat(now))
    }
}

impl Tuning {
    fn new(settings: &Settings) -> Self {
        let (limits, times) = (&settings.server.limits, &settings.server.timeouts);
        let resilience = &settings.server.resilience;
        let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        let body = |size| BodyLimits { size, idle: times.client_body_idle, total: times.client_body };
        Self {
            head: HeadLimits { head: limits.head, fields: limits.head_fields as usize, uri: limits.uri },
            body: body(limits.body),
            admin_body: body(limits.admin_body),
            json_depth: limits.json_depth as usize,
            upstream_body: limits.upstream_body,
            sse: sse::Limits { line: size(limits.sse_line), event: size(limits.sse_event) },
            timeouts: Timeouts {
                client_head: times.client_head,
                client_write: times.client_write,
                upstream_head: times.upstream_head,
                first_event: times.first_event,
                stream_idle: times.stream_idle,
                request: times.request,
                hold_head: times.hold_head,
                keep_alive: times.keep_alive,
                drain: times.drain,
            },
            failover: FailoverPolicy {
                max_upstream_calls: resilience.max_upstream_calls,
                backoff_min: resilience.backoff.min,
                backoff_max: resilience.backoff.max,
                retry_after_max: resilience.retry_after_max,
            },
        }
    }
}
