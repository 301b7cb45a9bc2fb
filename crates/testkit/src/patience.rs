//! How long a test waits for an event before it fails and says for what it waited.

use std::future::Future;
use std::time::Duration;

/// Generous: only a test that fails waits this long.
const PATIENCE: Duration = Duration::from_secs(20);

/// The result of `wait`, or a test failure that names `what`.
#[expect(clippy::panic, reason = "a test that waits in vain must fail and say for what")]
pub(crate) async fn within<T>(what: impl FnOnce() -> String, wait: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(PATIENCE, wait).await;
    outcome.unwrap_or_else(|elapsed| panic!("waited in vain for {}: {elapsed}", what()))
}
