//! The life of a generate request: plan, attempts, answer.

pub(crate) mod attempt;
pub(crate) mod call;
pub(crate) mod fault;
mod prepare;
pub(crate) mod record;
mod respond;
mod run;

pub(crate) use respond::{Search, StreamBody, StreamSetting, respond};
pub(crate) use run::{Outcome, run};
