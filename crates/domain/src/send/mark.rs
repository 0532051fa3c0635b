//! Our own mark on a request, which Meta repeats in the statuses of the message (`biz_opaque_callback_data`): how a send whose
//! answer was lost finds out that it went. It must never hold anything about a person.

use std::fmt;

use super::request::SendId;

/// Which attempt of which send.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mark {
    pub send: SendId,
    /// From 1.
    pub attempt: u32,
}

/// The first form of the mark. Others get another word.
const FORM: &str = "wp1";

impl Mark {
    /// Reads what Meta repeats; `None` for the marks of others, and for none.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(FORM)?.strip_prefix('/')?;
        let (send, attempt) = rest.rsplit_once('/')?;
        let mark =
            Self { send: SendId::new(send).ok()?, attempt: attempt.parse().ok().filter(|attempt| *attempt > 0)? };
        // `wp1/a/01` only looks like one of ours.
        (mark.to_string() == text).then_some(mark)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{FORM}/{}/{}", self.send, self.attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Characters that Meta takes (its reference of the messages endpoint).
    const CALLBACK_DATA_MAX: usize = 512;

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        for send in ["a", "order-17/confirmation", &"x".repeat(SendId::LENGTH_MAX)] {
            let mark = Mark { send: SendId::new(send).unwrap(), attempt: u32::MAX };
            let text = mark.to_string();
            assert!(text.len() <= CALLBACK_DATA_MAX, "{text}");
            assert_eq!(Mark::parse(&text), Some(mark));
        }
        for foreign in [
            "",
            "wp1",
            "wp1/a",
            "wp1//1",
            "wp1/a/x",
            "wp1/a/0",
            "wp1/a/01",
            "wp1/a/+1",
            "wp1/a/-1",
            "wp1/a b/1",
            "wp2/a/1",
            "order-17",
        ] {
            assert_eq!(Mark::parse(foreign), None, "{foreign}");
        }
    }
}
