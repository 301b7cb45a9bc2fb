//! What each command does.

mod config;
mod fallback;
mod key;
mod models;
mod priority;
mod restart;
mod start;
mod status;
mod stop;

use crate::{
    args::{Cli, Command, ModelCommand, ServerCommand},
    client::Client,
    contexts,
    failure::Failure,
    surroundings::{Dotenv, Surroundings},
};
use clap::CommandFactory;

/// Runs the command.
///
/// # Errors
/// It did not succeed.
pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    let Cli { global, command, .. } = cli;
    let strict = matches!(command, Command::Server(ServerCommand::Start(_)) | Command::Serve(_) | Command::Config(_));
    let around = |global| Surroundings::find(global, if strict { Dotenv::Needed } else { Dotenv::Optional });
    match command {
        Command::Server(ServerCommand::Start(start)) | Command::Serve(start) => start::run(&start, &around(global)?),
        Command::Server(ServerCommand::Stop) => stop::run(&around(global)?),
        Command::Server(ServerCommand::Restart) => restart::run(around(global)?),
        Command::Server(ServerCommand::ShowKey) => key::show(&around(global)?),
        Command::Server(ServerCommand::Status(output)) | Command::Status(output) => {
            status::status(&client(&around(global)?)?, output.format)
        }
        Command::Health(output) => status::health(&client(&around(global)?)?, output.format),
        Command::Model(command) => model(&client(&around(global)?)?, command),
        Command::Config(command) => config::run(&command, around(global)?),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "router-maestro", &mut std::io::stdout());
            Ok(())
        }
    }
}

fn model(client: &Client, command: ModelCommand) -> Result<(), Failure> {
    match command {
        ModelCommand::List(output) => models::list(client, output.format),
        ModelCommand::Refresh(output) => models::refresh(client, output.format),
        ModelCommand::Resolve { name, output } => models::resolve(client, &name, output.format),
        ModelCommand::Priority(command) => priority::run(client, command),
        ModelCommand::Fallback(command) => fallback::run(client, command),
    }
}

fn client(around: &Surroundings) -> Result<Client, Failure> {
    contexts::target(around).map(Client::new)
}
