//! What to try: from a model's name to an ordered list of candidates, and the machine that walks it.
//!
//! Everything here is a pure function or a small state machine: no I/O, no clock, no randomness of its own. `now` and the
//! random generator are arguments, so the same inputs always give the same plan and the same steps.
//!
//! - [`spec`]: what the operator configured, as plain data.
//! - [`RouteTable`]: the same, ready to be asked; names are found in `resolve.rs`.
//! - [`Plan`]: what one request may try, in order.
//! - [`Failover`]: which candidate when; repeats, failover, back-off, deadline.
//! - [`RetryBudget`]: keeps repeats from making an outage worse.

mod attempt;
mod failover;
mod listing;
mod models;
mod no_route;
mod plan;
mod resolve;
mod retry_budget;
pub mod spec;
mod table;

pub use attempt::{Attempt, CostState, Ended, Failure, Verdict};
pub use failover::{Failover, FailoverPolicy, GiveUp, Step, WhyGaveUp};
pub use listing::{Listed, ListedKind};
pub use no_route::NoRoute;
pub use plan::{Ask, Candidate, Plan, Rejected, WhyRejected};
pub use resolve::{Resolved, Source};
pub use retry_budget::{RetryBudget, RetryBudgetPolicy};
pub use spec::{AccountRoute, Fallback, ListedModel, ProviderRoute, RouteSpec, Strategy};
pub use table::RouteTable;
