//! `waypost completions`: what a shell completes our command line by.

use std::io::Write;

use clap::Args;
use clap_complete::Shell;

use crate::failure::Failure;
use crate::output;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost completions bash > /etc/bash_completion.d/waypost
  waypost completions zsh > \"${fpath[1]}/_waypost\"
  waypost completions fish > ~/.config/fish/completions/waypost.fish")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// `command`: the whole command line of the program.
pub fn run(args: &CompletionsArgs, mut command: clap::Command) -> Result<(), Failure> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    std::io::stdout().lock().write_all(&script).map_err(|error| output::closed_pipe(&error))
}
