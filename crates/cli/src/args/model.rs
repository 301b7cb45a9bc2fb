//! `model …`.

use super::Output;
use clap::{Args, Subcommand};

/// `model …`.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  router-maestro model list
  router-maestro model priority add openai/gpt-5 -p 1
  router-maestro model fallback set -s same-model -r 3")]
pub(crate) enum ModelCommand {
    /// Every model that the server can use
    #[command(after_help = "\
Examples:
  router-maestro model list
  router-maestro model list --format json")]
    List(Output),
    /// Read the configuration anew and ask every provider for its models
    #[command(after_help = "\
Examples:
  router-maestro model refresh")]
    Refresh(Output),
    /// What a name means: the provider and the model that would be asked first
    #[command(after_help = "\
Examples:
  router-maestro model resolve gpt-5
  router-maestro model resolve openai/gpt-5 --format json")]
    Resolve {
        /// A model's name as a client would send it
        name: String,
        #[command(flatten)]
        output: Output,
    },
    /// The list that `router-maestro` goes through
    Priority(Priority),
    /// What happens after a failure that another model could make good
    #[command(
        subcommand,
        after_help = "\
Examples:
  router-maestro model fallback show
  router-maestro model fallback set --strategy none"
    )]
    Fallback(FallbackCommand),
}

/// `model priority …`, and `model priority KEY --position N`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  router-maestro model priority list
  router-maestro model priority add openai/gpt-5             at the end
  router-maestro model priority openai/gpt-5 --position 1    to the top; the others shift
  router-maestro model priority remove openai/gpt-5"
)]
pub(crate) struct Priority {
    #[command(subcommand)]
    pub(crate) command: Option<PriorityCommand>,
    #[command(flatten)]
    pub(crate) add: PriorityAdd,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// A model and its place, without the word `add`.
#[derive(Debug, Args)]
pub(crate) struct PriorityAdd {
    /// The model as provider/model; without one, the list is shown
    pub(crate) key: Option<String>,
    /// Its place from 1; the end when absent
    #[arg(short, long, value_name = "N", requires = "key", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) position: Option<u32>,
}

/// `model priority …`.
#[derive(Debug, Subcommand)]
pub(crate) enum PriorityCommand {
    /// Show the list
    #[command(after_help = "\
Examples:
  router-maestro model priority list --format yaml")]
    List(Output),
    /// Put a model into the list; one that is listed moves, and the others shift
    #[command(after_help = "\
Examples:
  router-maestro model priority add openai/gpt-5
  router-maestro model priority add openai/gpt-5 --position 2")]
    Add {
        /// The model as provider/model
        key: String,
        /// Its place from 1; the end when absent
        #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        position: Option<u32>,
        #[command(flatten)]
        output: Output,
    },
    /// Take a model off the list
    #[command(after_help = "\
Examples:
  router-maestro model priority remove openai/gpt-5")]
    Remove {
        /// The model as it is listed
        key: String,
        #[command(flatten)]
        output: Output,
    },
    /// Empty the list
    #[command(after_help = "\
Examples:
  router-maestro model priority clear")]
    Clear(Output),
}

/// `model fallback …`.
#[derive(Debug, Subcommand)]
pub(crate) enum FallbackCommand {
    /// Show strategy and retries
    #[command(after_help = "\
Examples:
  router-maestro model fallback show")]
    Show(Output),
    /// Change strategy, retries or both
    #[command(after_help = "\
Examples:
  router-maestro model fallback set -s same-model
  router-maestro model fallback set -s priority -r 3

Strategies: priority (the next of the list), same-model (the same model elsewhere), none.")]
    Set {
        /// priority, same-model or none
        #[arg(short, long)]
        strategy: Option<String>,
        /// Further candidates after the first, 0 to 10
        #[arg(short = 'r', long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10))]
        max_retries: Option<u32>,
        #[command(flatten)]
        output: Output,
    },
}
