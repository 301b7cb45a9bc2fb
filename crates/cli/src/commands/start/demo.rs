//! `--demo`: the scripted upstream inside this process, as three providers.
//!
//! One upstream under three names: `demo` speaks both protocols, so each client reaches it as it speaks; `demo-chat` and
//! `demo-messages` speak one each, so a client of the other is translated. The priority list begins with a model that
//! fails every other time, so that `router-maestro` shows failover.

use crate::failure::Failure;
use rm_config::{
    Addition,
    sections::providers::{ModelEntry, Models, Options, ProviderEntry},
};

/// The list that `router-maestro` goes through, unless the operator has one.
pub(super) const PRIORITIES: [&str; 2] = ["demo/flaky", "demo/hello"];

/// The demo's models: (id, what it shows).
#[cfg(feature = "demo")]
pub(super) fn models() -> Vec<(&'static str, &'static str)> {
    rm_testkit::demo::MODELS.iter().map(|model| (model.id, model.about)).collect()
}

/// There are none in this build.
#[cfg(not(feature = "demo"))]
pub(super) fn models() -> Vec<(&'static str, &'static str)> {
    Vec::new()
}

/// The running upstream; ends when dropped.
#[cfg(feature = "demo")]
pub(super) type Upstream = rm_testkit::demo::Demo;

/// There is none in this build.
#[cfg(not(feature = "demo"))]
pub(super) type Upstream = std::convert::Infallible;

/// Starts the upstream on a free loopback port.
///
/// # Errors
/// There is no free port, or no demo in this build.
#[cfg(feature = "demo")]
pub(super) async fn start() -> Result<Upstream, Failure> {
    rm_testkit::demo::start().await.map_err(|error| Failure::runtime(format!("cannot start the demo: {error}")))
}

#[cfg(not(feature = "demo"))]
#[expect(clippy::unused_async, reason = "as the one above")]
pub(super) async fn start() -> Result<Upstream, Failure> {
    Err(Failure::usage("this build holds no demo; build with the feature `demo`"))
}

/// Where the upstream is.
#[cfg(feature = "demo")]
pub(super) fn base_url(upstream: &Upstream) -> String {
    upstream.base_url()
}

#[cfg(not(feature = "demo"))]
pub(super) fn base_url(upstream: &Upstream) -> String {
    match *upstream {}
}

/// What the demo adds to the configuration.
pub(super) fn addition(base_url: &str) -> Addition {
    let provider = |id: &str, kind: &str, protocols: &[&str], name: &str| {
        let model = |(id, about): (&str, &str)| {
            let name = Some(format!("Demo: {about}"));
            (id.to_owned(), ModelEntry { name, ..ModelEntry::default() })
        };
        let entry = ProviderEntry {
            kind: Some(kind.to_owned()),
            name: Some(name.to_owned()),
            base_url: Some(base_url.to_owned()),
            protocols: Some(protocols.iter().map(|&protocol| protocol.to_owned()).collect()),
            models: Models(models().into_iter().map(model).collect()),
            options: Options { allow_unauthenticated: true, ..Options::default() },
            ..ProviderEntry::default()
        };
        (id.to_owned(), entry)
    };
    Addition {
        source: "--demo".to_owned(),
        providers: vec![
            provider("demo", "openai-compatible", &["chat", "messages"], "Demo, both protocols"),
            provider("demo-chat", "openai-compatible", &["chat"], "Demo, Chat Completions only"),
            provider("demo-messages", "anthropic", &["messages"], "Demo, Messages only"),
        ],
        priorities: PRIORITIES.map(str::to_owned).into(),
    }
}
