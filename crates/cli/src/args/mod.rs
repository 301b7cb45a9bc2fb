//! The command line: every command, its arguments and its help.

mod config;
mod model;
mod server;

pub(crate) use config::ConfigCommand;
pub(crate) use model::{FallbackCommand, ModelCommand, Priority, PriorityCommand};
pub(crate) use server::{ServerCommand, Start, StartOptions};

use crate::show::Format;
use clap::{ArgAction, Args, Parser, Subcommand};
use clap_complete::Shell;
use std::path::PathBuf;

/// A gateway that lets any LLM client use any model of any account.
#[derive(Debug, Parser)]
#[command(
    name = "router-maestro",
    version,
    disable_version_flag = true,
    max_term_width = 100,
    after_help = "\
Examples:
  router-maestro server start --demo      try everything without any key
  OPENAI_API_KEY=… router-maestro server start
  router-maestro model list               what the running server can use
  router-maestro config validate          check the files before a start

Exit status: 0 done, 1 failed while running, 2 wrong usage or configuration."
)]
pub(crate) struct Cli {
    /// Print the version
    #[arg(short = 'V', short_alias = 'v', long, action = ArgAction::Version)]
    version: Option<bool>,
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// One file with all sections, instead of a directory (or ROUTER_MAESTRO_CONFIG)
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where providers.json and its like are (or ROUTER_MAESTRO_CONFIG_DIR)
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) config_dir: Option<PathBuf>,
    /// Where ledger, state and logs are (or ROUTER_MAESTRO_DATA_DIR)
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The server to talk to, as in contexts.json (or ROUTER_MAESTRO_CONTEXT)
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<String>,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Output {
    /// How to print the result
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server, or look after the one that runs
    #[command(subcommand)]
    Server(ServerCommand),
    /// Run the server (the same as `server start`)
    #[command(after_help = server::START_EXAMPLES)]
    Serve(Start),
    /// Models of the running server, their order and their fallback
    #[command(subcommand)]
    Model(ModelCommand),
    /// Show, check and begin the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// What the running server is doing
    #[command(after_help = "\
Examples:
  router-maestro status
  router-maestro status --format json
  router-maestro --context office status")]
    Status(Output),
    /// Whether the server is healthy: exit status 0 or 1
    #[command(after_help = "\
Examples:
  router-maestro health
  router-maestro health || router-maestro server restart")]
    Health(Output),
    /// Print a completion script for a shell
    #[command(after_help = "\
Examples:
  router-maestro completions bash > ~/.local/share/bash-completion/completions/router-maestro
  router-maestro completions zsh > ~/.zfunc/_router-maestro
  router-maestro completions fish > ~/.config/fish/completions/router-maestro.fish")]
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_examples() {
        fn walk(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("router-maestro"), "no examples:{path}");
            for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
                walk(below, &path);
            }
        }
        walk(&Cli::command(), "");
    }
}
