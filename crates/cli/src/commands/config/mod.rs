//! `config …`: the files on this machine. No server is needed.

mod init;
mod schema;
mod show;
mod validate;

use crate::{args::ConfigCommand, failure::Failure, surroundings::Surroundings};
use rm_config::Warnings;

/// Runs the command.
///
/// # Errors
/// The configuration is broken, or a file cannot be written.
pub(super) fn run(command: &ConfigCommand, around: Surroundings) -> Result<(), Failure> {
    match command {
        ConfigCommand::Show { origin, output } => show::run(&around, *origin, output.format),
        ConfigCommand::Validate { file } => validate::run(around, file.as_deref()),
        ConfigCommand::Schema { name } => schema::run(name.as_deref()),
        ConfigCommand::Init => init::run(&around),
    }
}

/// Writes warnings to stderr.
pub(super) fn warn(warnings: &Warnings) {
    let style = anstyle::AnsiColor::Yellow.on_default().bold();
    for warning in warnings {
        anstream::eprintln!("{style}warning:{style:#} {}", crate::show::shown(&warning.to_string()));
    }
}
