//! A generate request, read and written.

mod decode;
mod encode;
mod history;
mod models;
mod options;
mod results;
mod tools;

pub(super) use decode::decode;
pub(super) use encode::encode;
