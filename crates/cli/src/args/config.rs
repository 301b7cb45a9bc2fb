//! `config …`.

use super::Output;
use clap::Subcommand;
use std::path::PathBuf;

/// `config …`.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  router-maestro config init
  router-maestro config show --origin
  router-maestro config validate")]
pub(crate) enum ConfigCommand {
    /// Every setting with the value that counts
    #[command(after_help = "\
Examples:
  router-maestro config show
  router-maestro config show --origin              with the file, variable or default it came from
  router-maestro config show --format json")]
    Show {
        /// Say where each value came from
        #[arg(long)]
        origin: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Check the configuration without starting anything
    #[command(after_help = "\
Examples:
  router-maestro config validate                          what `server start` would read
  router-maestro config validate ./providers.json         one file
  router-maestro config validate ./router-maestro.yaml    one file with all sections")]
    Validate {
        /// The file; by its name, one section or all of them
        file: Option<PathBuf>,
    },
    /// Print a file's JSON Schema, or the names of all schemas
    #[command(after_help = "\
Examples:
  router-maestro config schema
  router-maestro config schema providers > providers.schema.json")]
    Schema {
        /// providers, priorities, server, contexts or router-maestro
        name: Option<String>,
    },
    /// Write files to begin with; never touches one that exists
    #[command(after_help = "\
Examples:
  router-maestro config init
  router-maestro --config-dir ./conf config init")]
    Init,
}
