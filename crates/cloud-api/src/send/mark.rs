//! Our mark on a message: Meta echoes it in every status of the message, also when its answer was lost.
//!
//! The sends API has no idempotency key. What became of a send whose connection broke is learnt from this alone, so the
//! form must never change without reading the old one.

use std::fmt;
use std::str::FromStr;

/// The form's name and version.
const PREFIX: &str = "wp1/";

/// Meta takes so many characters of `biz_opaque_callback_data`
/// (<https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages>).
pub const CALLBACK_DATA_MAX: usize = 512;

/// Which send, and which attempt of it: `wp1/<send_id>/<attempt>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mark {
    send_id: String,
    attempt: u32,
}

/// A text that is not one of our marks, or a send id that fits into none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no mark of a send")]
pub struct InvalidMark;

impl Mark {
    /// The attempts of a send are counted from 1. An id is never empty, holds no control character, and leaves room for
    /// the rest.
    pub fn new(send_id: impl fmt::Display, attempt: u32) -> Result<Self, InvalidMark> {
        let mark = Self { send_id: send_id.to_string(), attempt };
        let is_id = !mark.send_id.is_empty() && !mark.send_id.chars().any(char::is_control);
        let fits = mark.to_string().chars().count() <= CALLBACK_DATA_MAX;
        if is_id && attempt > 0 && fits { Ok(mark) } else { Err(InvalidMark) }
    }

    /// Of which send.
    pub fn send_id(&self) -> &str {
        &self.send_id
    }

    /// Which attempt, from 1.
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}/{}", self.send_id, self.attempt)
    }
}

impl FromStr for Mark {
    type Err = InvalidMark;

    /// Reads what is written, and nothing that only looks like it: `wp1/a/01` is somebody else's.
    fn from_str(text: &str) -> Result<Self, InvalidMark> {
        let (send_id, attempt) = text.strip_prefix(PREFIX).and_then(|rest| rest.rsplit_once('/')).ok_or(InvalidMark)?;
        let mark = Self::new(send_id, attempt.parse().map_err(|_| InvalidMark)?)?;
        if mark.to_string() == text { Ok(mark) } else { Err(InvalidMark) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        for (send_id, attempt) in [("0192d3c4-0000-7000-8000-000000000001", 1), ("order/17", 42), ("x", u32::MAX)] {
            let mark = Mark::new(send_id, attempt).unwrap();
            assert_eq!(mark.to_string(), format!("wp1/{send_id}/{attempt}"));
            assert_eq!(mark.to_string().parse(), Ok(mark));
        }
    }

    #[test]
    fn what_others_wrote_is_no_mark() {
        for text in
            ["", "wp1", "wp1/", "wp1//1", "wp1/x", "wp1/x/", "wp1/x/0", "wp1/x/01", "wp1/x/+1", "wp1/x/-1", "wp2/x/1"]
        {
            assert_eq!(text.parse::<Mark>(), Err(InvalidMark), "{text}");
        }
    }

    #[test]
    fn a_send_id_leaves_room_for_the_rest() {
        assert!(Mark::new("x".repeat(506), 1).is_ok());
        assert_eq!(Mark::new("x".repeat(507), 1), Err(InvalidMark));
        assert_eq!(Mark::new("x\n", 1), Err(InvalidMark));
        assert_eq!(Mark::new("x", 0), Err(InvalidMark));
    }
}
