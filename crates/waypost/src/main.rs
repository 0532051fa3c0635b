//! The `waypost` command: its verbs, and the process that runs the components. What the product does is in the crates it puts together.

mod access;
mod cli;
mod commands;
mod process;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use waypost_cli::output;

use cli::{Cli, Command, ConfigCommand, StoreCommand, TopologyCommand, WebhookCommand};
use waypost_cli::Failure;

/// Messages are many small allocations that are freed on other threads than they were made on.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // One TLS provider for the whole process; only a second call could fail.
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::note(&format!("error: cannot start: {error}"));
            return ExitCode::from(1);
        }
    };
    let outcome = runtime.block_on(run(cli.command));
    // Whatever still runs was told to stop and had its time.
    runtime.shutdown_timeout(process::ending::RUNTIME_TIMEOUT);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(message) = failure.message() {
                output::note(&format!("error: {message}"));
            }
            failure.code()
        }
    }
}

async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Demo(args) => Box::pin(commands::demo::run(args)).await,
        Command::Run(args) => Box::pin(commands::run::run(args)).await,
        Command::Config(ConfigCommand::Check(args)) => Box::pin(commands::config::check(&args)).await,
        Command::Config(ConfigCommand::Show(args)) => commands::config::show(&args),
        Command::Migrate(args) => commands::migrate::run(args).await,
        Command::Topology(TopologyCommand::Declare(args)) => commands::topology::declare(args).await,
        Command::Topology(TopologyCommand::Verify(args)) => commands::topology::verify(args).await,
        Command::Topology(TopologyCommand::Definitions(args)) => commands::topology::definitions(args).await,
        Command::Store(StoreCommand::Grants(args)) => output::line(&waypost_store::grants(&args.database)),
        Command::Doctor(args) => Box::pin(commands::doctor::run(args)).await,
        Command::Status(args) => commands::status::run(args).await,
        Command::Tail(args) => commands::tail::run(args).await,
        Command::Client(command) => waypost_cli::run(*command, process::local::finder()).await,
        Command::Token(command) => Box::pin(commands::token::run(command)).await,
        Command::Webhook(WebhookCommand::Test(args)) => commands::webhook::test(args).await,
        Command::Sandbox(args) => Box::pin(commands::sandbox::run(*args)).await,
        Command::Completions(args) => waypost_cli::completions::run(&args, Cli::command()),
        Command::Man(args) => waypost_cli::man::run(&args, Cli::command()),
    }
}
