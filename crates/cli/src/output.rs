//! Writing to the terminal without falling over: a closed pipe (`| head`) ends the command quietly, with success.

use std::io::{self, Write};

use crate::failure::Failure;

/// Writes `text` and a line end to standard output.
pub fn line(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|error| closed_pipe(&error))
}

/// Writes `text` and a line end to standard error; what cannot be written there is lost.
pub fn note(text: &str) {
    let written = writeln!(io::stderr().lock(), "{text}");
    drop(written);
}

pub fn closed_pipe(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
        _ => Failure::failed(format!("cannot write to standard output: {error}")),
    }
}
