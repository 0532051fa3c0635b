//! How a command ends: exit codes that a script can rely on.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use waypost_proto::reasons::{CONTACT_UNKNOWN, MESSAGE_UNKNOWN, NO_ACTIVATION, NO_VERSION_NAME, NUMBER_UNKNOWN};

/// Why a command did not succeed.
#[derive(Debug)]
pub enum Failure {
    /// 1: it was tried and did not work, or what was looked at is not healthy.
    Failed(String),
    /// 1: what was compared differs, as was printed.
    Differ,
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

/// What may be wrong where the connection is there, and breaks without an answer.
const NO_ANSWER_REMEDY: &str = "the server broke off, or does not speak gRPC like that: is it the port of grpc.listen, and does \
                                it want https://?";

/// What whoever shows no token, or one that is worth nothing, can do.
const TOKEN_REMEDY: &str = "--token-file FILE (or WAYPOST_TOKEN_FILE) names the file that holds one; on the server's machine \
                            `waypost token create --role ROLE --output FILE` makes one";

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
            Self::Failed(_) | Self::Differ => 1,
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
            Self::Differ | Self::Quarantined | Self::ClosedPipe => None,
        }
    }
}

/// What the administration answered.
impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        if let Some(error) = status.source().filter(|error| error.is::<tonic::transport::Error>()) {
            return Self::Unavailable(format!("{}: {NO_ANSWER_REMEDY}", root_cause(error)));
        }
        let message = with_remedy(&status);
        match status.code() {
            Code::InvalidArgument | Code::OutOfRange => Self::Config(message),
            Code::Unauthenticated => Self::Denied(format!("{message}: {TOKEN_REMEDY}")),
            Code::PermissionDenied => Self::Denied(message),
            Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted => Self::Unavailable(message),
            // Codes are for programs, which have them from gRPC itself.
            _ => Self::Failed(message),
        }
    }
}

/// What to do about an answer, by its reason. Whatever the verb: the server does not know the command line.
const REMEDIES: [(&str, &str); 5] = [
    (
        NO_ACTIVATION,
        "no version is in force; `waypost rules push FILE` keeps one, `waypost rules activate N` puts it in force",
    ),
    (MESSAGE_UNKNOWN, "messages are known for 9 days (retention.inbox_days); a phone number needs its country code"),
    (CONTACT_UNKNOWN, "a phone number needs its country code, e.g. 34600000000"),
    (NUMBER_UNKNOWN, "`waypost numbers list` has those that there are"),
    (
        NO_VERSION_NAME,
        "give a version's number; a file becomes one by `waypost rules push FILE`, and `waypost rules lint FILE` checks it",
    ),
];

fn with_remedy(status: &Status) -> String {
    let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
    match REMEDIES.iter().find(|(of, _)| *of == reason) {
        Some((_, remedy)) => format!("{}: {remedy}", status.message()),
        None => a_line_each(status).unwrap_or_else(|| status.message().to_owned()),
    }
}

/// What does not fit in several places, which the message has on one line.
fn a_line_each(status: &Status) -> Option<String> {
    let wrong = status.get_details_bad_request()?.field_violations;
    let lines = wrong.iter().map(|one| format!("{}: {}", one.field, one.description));
    (wrong.len() > 1).then(|| lines.collect::<Vec<_>>().join("\nerror: "))
}

/// What the transport says is about itself; what is wrong is at the end of its causes.
pub(crate) fn root_cause(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn an_answer_says_what_to_do_and_not_its_code() {
        let told = |code: Code, reason: &str, message: &str| {
            let details = ErrorDetails::with_error_info(reason, "waypost", HashMap::<String, String>::new());
            let status = Status::with_error_details(code, message, details);
            Failure::from(status).message().unwrap_or_default().to_owned()
        };
        for (reason, remedy) in REMEDIES {
            let said = told(Code::NotFound, reason, "what was meant does not exist");
            assert_eq!(said, format!("what was meant does not exist: {remedy}"));
        }
        let other = "ruleSets/4 has errors";
        assert_eq!(told(Code::FailedPrecondition, "RULE_SET_HAS_ERRORS", other), other);
        let no_details = Failure::from(Status::not_found("activation does not exist"));
        assert_eq!(no_details.message(), Some("activation does not exist"), "it is not told by its text");
    }

    #[test]
    fn mistakes_of_several_fields_have_a_line_each() {
        let mut details = ErrorDetails::new();
        details.add_bad_request_violation("text", "line 1: one");
        let told = |details: ErrorDetails| {
            let status = Status::with_error_details(Code::InvalidArgument, "as the server joins them", details);
            Failure::from(status).message().unwrap_or_default().to_owned()
        };
        assert_eq!(told(details.clone()), "as the server joins them");
        details.add_bad_request_violation("text", "line 2: two");
        assert_eq!(told(details), "text: line 1: one\nerror: text: line 2: two");
    }

    #[test]
    fn a_difference_is_said_by_the_code_alone() {
        assert_eq!(Failure::Differ.message(), None);
        assert_eq!(format!("{:?}", Failure::Differ.code()), format!("{:?}", ExitCode::from(1)));
    }
}
