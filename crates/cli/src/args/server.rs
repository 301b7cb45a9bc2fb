//! `server …` and `serve`.

use super::Output;
use clap::{Args, Subcommand};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;

/// Examples of `server start`.
pub(super) const START_EXAMPLES: &str = "\
Examples:
  router-maestro server start --demo                 models without key, network or money
  OPENAI_API_KEY=… router-maestro server start       a vendor's variable is all it takes
  router-maestro server start --port 9000 --detach   in the background; `server stop` ends it
  ROUTER_MAESTRO_API_KEY=… router-maestro server start --host 0.0.0.0

Without a key of yours, one is made on the first start; `server show-key` prints it.
SIGTERM lets running answers finish, a second one ends at once, SIGHUP reads the configuration anew.";

/// `server …`.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  router-maestro server start --demo
  router-maestro server stop")]
pub(crate) enum ServerCommand {
    /// Run the server here, or in the background with --detach
    #[command(after_help = START_EXAMPLES)]
    Start(Start),
    /// End this machine's server once its running answers are finished
    #[command(after_help = "\
Examples:
  router-maestro server stop

A second `server stop` meanwhile ends it at once.")]
    Stop,
    /// End this machine's server and start it again in the background, as it was started
    #[command(after_help = "\
Examples:
  router-maestro server restart

A key that was given to the server is not stored: set ROUTER_MAESTRO_API_KEY again.")]
    Restart,
    /// What the server is doing
    #[command(
        visible_alias = "info",
        after_help = "\
Examples:
  router-maestro server status
  router-maestro server info --format json"
    )]
    Status(Output),
    /// Print the key of this machine's server
    #[command(after_help = "\
Examples:
  router-maestro server show-key
  curl -H \"Authorization: Bearer $(router-maestro server show-key)\" http://127.0.0.1:8080/v1/models")]
    ShowKey,
}

/// `server start`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Start {
    #[command(flatten)]
    pub(crate) options: StartOptions,
    /// The key that clients must send; visible in the list of processes, so prefer ROUTER_MAESTRO_API_KEY
    #[arg(short = 'k', long, value_name = "KEY", value_parser = secret)]
    pub(crate) api_key: Option<SecretString>,
    /// Run in the background and return once the server is ready
    #[arg(long)]
    pub(crate) detach: bool,
    /// This process is the one in the background.
    #[arg(long, hide = true, conflicts_with = "detach")]
    pub(crate) detached: bool,
}

/// What a restart repeats.
#[derive(Clone, Debug, Default, Args, Serialize, Deserialize)]
pub(crate) struct StartOptions {
    /// Address to listen on: 127.0.0.1, or 0.0.0.0 for other machines too
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Option<String>,
    /// Port to listen on [default: 8080]
    #[arg(short, long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// Add the demo's providers: scripted models that need no key, no network and no money
    #[arg(long)]
    pub(crate) demo: bool,
    /// Least severe log line that is written
    #[arg(short, long, value_name = "LEVEL", ignore_case = true, value_parser = ["error", "warn", "info", "debug", "trace"])]
    pub(crate) log_level: Option<String>,
}

impl StartOptions {
    /// The settings that these options set: (setting, value).
    pub(crate) fn flags(&self) -> Vec<(String, String)> {
        let port = self.port.map(|port| port.to_string());
        let level = self.log_level.as_ref().map(|level| level.to_ascii_lowercase());
        [("listen.host", self.host.clone()), ("listen.port", port), ("logs.level", level)]
            .into_iter()
            .filter_map(|(path, value)| Some((path.to_owned(), value?)))
            .collect()
    }

    /// The options as they stand on a command line.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let port = self.port.map(|port| port.to_string());
        let named = [("--host", self.host.clone()), ("--port", port), ("--log-level", self.log_level.clone())];
        let mut arguments: Vec<String> =
            named.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value?])).flatten().collect();
        if self.demo {
            arguments.push("--demo".to_owned());
        }
        arguments
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the form that a value parser has")]
fn secret(text: &str) -> Result<SecretString, Infallible> {
    Ok(text.into())
}
