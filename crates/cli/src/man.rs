//! `waypost man`: the command line as manual pages, one for each verb.

use std::path::PathBuf;

use clap::Args;

use crate::failure::Failure;
use crate::output;

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost man /usr/local/share/man/man1 && man waypost-rules-activate")]
pub struct ManArgs {
    /// The folder that the pages are written to; it is created where it is missing
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// `command`: the whole command line of the program.
pub fn run(args: &ManArgs, command: clap::Command) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::failed(format!("{}: {error}", args.dir.display()));
    std::fs::create_dir_all(&args.dir).map_err(failed)?;
    // Every verb has a page of its own: none is needed for the verb `help` and what it repeats.
    let command = command.disable_help_subcommand(true);
    clap_mangen::generate_to(command, &args.dir).map_err(failed)?;
    let pages = std::fs::read_dir(&args.dir).map_err(failed)?.count();
    output::note(&format!("{pages} pages in {}", args.dir.display()));
    Ok(())
}
