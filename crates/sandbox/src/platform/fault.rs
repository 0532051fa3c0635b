//! Faults on demand: what goes wrong, for whom, how often. Plain state.

use serde::{Deserialize, Serialize};

/// Faults at once: each request looks at all of them.
const FAULTS_MAX: usize = 1_000;

/// Something that goes wrong with messages.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fault {
    /// Only of this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number_id: Option<String>,
    /// Only to this customer: a number in any spelling, or a business-scoped id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// So many requests; `None`: until it is cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    #[serde(flatten)]
    pub kind: FaultKind,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    /// The answer is an error of Meta's.
    Refuse {
        code: i64,
        /// Instead of the code's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        http_status: Option<u16>,
        /// Instead of the code's own: Meta's are in the language of whoever owns the app.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        details: Option<String>,
        /// `Retry-After`, in seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_s: Option<u32>,
    },
    /// The message is accepted, and fails afterwards.
    FailLater { code: i64 },
    /// The answer is a page of some machine on the way.
    Html { http_status: u16 },
    /// The connection is reset; nothing was accepted.
    ResetBeforeAccept,
    /// The message is accepted, then the connection is reset.
    ResetAfterAccept,
    /// The answer comes late; the message is accepted at once.
    Slow { delay_ms: u64 },
    /// No answer ever comes; the message is accepted or not.
    BlackHole { accepted: bool },
}

impl FaultKind {
    /// Whether it strikes before the request is looked at.
    const fn is_early(&self) -> bool {
        match self {
            Self::Refuse { .. } | Self::Html { .. } | Self::ResetBeforeAccept => true,
            Self::BlackHole { accepted } => !*accepted,
            Self::FailLater { .. } | Self::ResetAfterAccept | Self::Slow { .. } => false,
        }
    }
}

impl Fault {
    /// For everybody, until it is cleared.
    pub const fn new(kind: FaultKind) -> Self {
        Self { phone_number_id: None, customer: None, times: None, kind }
    }

    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    #[must_use]
    pub fn of_number(self, phone_number_id: impl Into<String>) -> Self {
        Self { phone_number_id: Some(phone_number_id.into()), ..self }
    }

    #[must_use]
    pub fn to_customer(self, customer: impl Into<String>) -> Self {
        Self { customer: Some(customer.into()), ..self }
    }
}

/// A fault in force.
struct InForce {
    id: u64,
    fault: Fault,
}

#[derive(Default)]
pub(crate) struct Faults {
    all: Vec<InForce>,
    last_id: u64,
}

impl Faults {
    /// Its id; `None` where there are too many.
    pub(crate) fn add(&mut self, fault: Fault) -> Option<u64> {
        if self.all.len() >= FAULTS_MAX || fault.times == Some(0) {
            return None;
        }
        self.last_id += 1;
        self.all.push(InForce { id: self.last_id, fault });
        Some(self.last_id)
    }

    /// One of them, or all; how many there were.
    pub(crate) fn clear(&mut self, id: Option<u64>) -> usize {
        let before = self.all.len();
        self.all.retain(|one| id.is_some_and(|id| id != one.id));
        before - self.all.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Fault)> {
        self.all.iter().map(|one| (one.id, &one.fault))
    }

    /// What strikes a request before it is looked at. `is_to` says whether it is for a customer.
    pub(crate) fn early(&mut self, phone_number_id: &str, is_to: impl Fn(&str) -> bool) -> Option<FaultKind> {
        self.strike(true, phone_number_id, is_to)
    }

    /// What strikes a message that was accepted.
    pub(crate) fn late(&mut self, phone_number_id: &str, is_to: impl Fn(&str) -> bool) -> Option<FaultKind> {
        self.strike(false, phone_number_id, is_to)
    }

    fn strike(&mut self, is_early: bool, phone_number_id: &str, is_to: impl Fn(&str) -> bool) -> Option<FaultKind> {
        let strikes = |fault: &Fault| {
            fault.kind.is_early() == is_early
                && fault.phone_number_id.as_deref().is_none_or(|id| id == phone_number_id)
                && fault.customer.as_deref().is_none_or(&is_to)
        };
        let place = self.all.iter().position(|one| strikes(&one.fault))?;
        let fault = &mut self.all.get_mut(place)?.fault;
        let kind = fault.kind.clone();
        if let Some(times) = &mut fault.times {
            *times -= 1;
            if *times == 0 {
                self.all.remove(place);
            }
        }
        Some(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_whom_it_is_for_as_often_as_it_says() {
        let mut faults = Faults::default();
        faults.add(Fault::new(FaultKind::ResetAfterAccept).times(2).of_number("1")).unwrap();
        faults.add(Fault::new(FaultKind::Html { http_status: 502 }).to_customer("49")).unwrap();
        assert_eq!(faults.late("2", |_| true), None);
        assert_eq!(faults.early("1", |_| false), None);
        assert_eq!(faults.early("1", |customer| customer == "49"), Some(FaultKind::Html { http_status: 502 }));
        assert_eq!(faults.late("1", |_| false), Some(FaultKind::ResetAfterAccept));
        assert_eq!(faults.late("1", |_| false), Some(FaultKind::ResetAfterAccept));
        assert_eq!(faults.late("1", |_| false), None);
        assert_eq!(faults.clear(None), 1);
    }

    #[test]
    fn a_fault_reads_as_json() {
        let json = r#"{"kind": "refuse", "code": 130429, "times": 3, "customer": "+49 151"}"#;
        let fault: Fault = serde_json::from_str(json).unwrap();
        assert_eq!(fault.times, Some(3));
        assert!(matches!(fault.kind, FaultKind::Refuse { code: 130_429, http_status: None, .. }));
        assert!(serde_json::from_str::<Fault>(r#"{"kind": "earthquake"}"#).is_err());
    }
}
