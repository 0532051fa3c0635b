//! How a command ends: exit codes that a script can rely on.

use std::fmt;
use std::process::ExitCode;

use tonic::{Code, Status};

/// Why a command did not succeed.
#[derive(Debug)]
pub enum Failure {
    /// 1: it was tried and did not work, or what was looked at is not healthy.
    Failed(String),
    /// 3: the configuration, a rules file or another input file is wrong.
    Config(String),
    /// 4: something in a webhook body had to be quarantined.
    Quarantined,
    /// 5: a server (bus, store, webhook) cannot be reached.
    Unavailable(String),
    /// 6: the administration does not let this token do that.
    Denied(String),
    /// 7: asked to end, and something had not when its time was over.
    Hung(String),
    /// Nobody reads our output any more: not a failure.
    ClosedPipe,
}

/// Shown by `waypost --help`. Code 2 is clap's own.
pub const EXIT_CODES: &str = "Exit codes:
  0  success
  1  it was tried and failed, or what was looked at is unhealthy
  2  the command line is wrong
  3  the configuration or an input file is wrong
  4  inspect: something was quarantined
  5  a server (bus, store, webhook, administration) cannot be reached
  6  the administration does not let this token do that
  7  run: asked to end, and something had not by the end of its time";

/// The exit code of a process that had to leave something behind that hung.
pub const HUNG: u8 = 7;

impl Failure {
    pub fn failed(problem: impl fmt::Display) -> Self {
        Self::Failed(problem.to_string())
    }

    pub fn config(problem: impl fmt::Display) -> Self {
        Self::Config(problem.to_string())
    }

    pub fn unavailable(problem: impl fmt::Display) -> Self {
        Self::Unavailable(problem.to_string())
    }

    pub fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Failed(_) => 1,
            Self::Config(_) => 3,
            Self::Quarantined => 4,
            Self::Unavailable(_) => 5,
            Self::Denied(_) => 6,
            Self::Hung(_) => HUNG,
            Self::ClosedPipe => 0,
        })
    }

    /// What standard error says of it; `None` where all was said.
    pub fn message(&self) -> Option<&str> {
        match self {
            Self::Failed(problem)
            | Self::Config(problem)
            | Self::Unavailable(problem)
            | Self::Denied(problem)
            | Self::Hung(problem) => Some(problem),
            Self::Quarantined | Self::ClosedPipe => None,
        }
    }
}

/// What the administration answered.
impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        let message = status.message().to_owned();
        match status.code() {
            Code::InvalidArgument | Code::OutOfRange => Self::Config(message),
            Code::Unauthenticated | Code::PermissionDenied => Self::Denied(message),
            Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted => Self::Unavailable(message),
            code => Self::Failed(format!("{code:?}: {message}")),
        }
    }
}
