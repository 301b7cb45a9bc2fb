//! What each file may hold. Doc comments become the schema's descriptions.

pub mod combined;
pub mod contexts;
pub mod priorities;
pub mod providers;
pub mod secret;
pub mod server;
