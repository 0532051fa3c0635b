//! Customers who live on the platform: what they write comes from it, and what is sent to them gets to them. Their numbers are
//! nobody's, and must never be printed.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use waypost_cli::Failure;
use waypost_domain::phone;
use waypost_sandbox::{Control, CustomerSpec, Fault, FaultKind};

use super::script::{LANGUAGES, Lines};
use super::tally::SentAt;

/// Of those who talk. Each is answered more slowly than Meta would let one number write to one customer.
const TALKERS: usize = 120;
/// Messages that wait for an answer, while more are written: however fast that goes, agents keep up.
const UNANSWERED_MAX: usize = 64;
/// "Re-engagement message": the customer service window is closed.
const WINDOW_CLOSED: i64 = 131_047;

/// What happens to them besides being answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Talks,
    /// Takes back that they want marketing.
    Withdraws,
    /// Their window is open by our clock, and closed by WhatsApp's.
    WindowClosed,
}

/// Of those who have one of their own. They write first, and once.
pub(super) const PARTS: [Part; 2] = [Part::Withdraws, Part::WindowClosed];

#[derive(Debug)]
pub(super) struct Resident {
    phone: String,
    pub(super) lines: &'static Lines,
    pub(super) part: Part,
}

/// All of them, in the order in which they write.
#[derive(Debug)]
pub(super) struct Residents {
    all: Vec<Resident>,
    by_phone: HashMap<String, usize>,
    /// For those who may write.
    turns: Arc<Semaphore>,
}

/// As long as this lives, a message waits for an answer.
pub(super) struct Unanswered(Arc<Semaphore>);

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

impl Residents {
    pub(super) fn new() -> Self {
        let parts = PARTS.into_iter().chain(std::iter::repeat_n(Part::Talks, TALKERS));
        let resident = |(index, (part, lines)): (usize, (Part, &'static Lines))| {
            // The zeros after the calling code keep it out of every numbering plan; the others' indices are below a million.
            let phone = format!("{}000{:07}", lines.calling_code, 1_000_000 + index);
            Resident { phone, lines, part }
        };
        let all: Vec<Resident> = parts.zip(LANGUAGES.iter().cycle()).enumerate().map(resident).collect();
        let by_phone = all.iter().enumerate().map(|(index, one)| (phone::canonical(&one.phone).into_owned(), index));
        Self { by_phone: by_phone.collect(), all, turns: Arc::new(Semaphore::new(UNANSWERED_MAX)) }
    }

    /// Moves them in.
    pub(super) fn introduce(&self, control: &Control) {
        for resident in &self.all {
            control.add_customer(CustomerSpec::of_phone(&resident.phone));
            if resident.part == Part::WindowClosed {
                let refuse = FaultKind::Refuse {
                    code: WINDOW_CLOSED,
                    http_status: None,
                    message: None,
                    details: None,
                    retry_after_s: None,
                };
                control.add_fault(Fault::new(refuse).times(1).to_customer(&resident.phone));
            }
        }
    }

    /// Of a message that came to a team: until it is answered, or is not going to be.
    pub(super) fn unanswered(&self) -> Unanswered {
        Unanswered(self.turns.clone())
    }

    /// By a number in any spelling.
    pub(super) fn find(&self, phone: &str) -> Option<&Resident> {
        self.all.get(*self.by_phone.get(phone::canonical(phone).as_ref())?)
    }

    /// Who writes the message number `n`, and what.
    fn says(&self, n: usize) -> (&Resident, &'static str) {
        let (place, round) = match n.checked_sub(PARTS.len()) {
            None => (n, 0),
            Some(n) => (PARTS.len() + n % TALKERS, n / TALKERS),
        };
        let resident = &self.all[place];
        (resident, resident.lines.asks[round % resident.lines.asks.len()])
    }
}

/// How much they write, and how fast.
pub(super) struct Writing {
    pub(super) residents: Arc<Residents>,
    pub(super) control: Control,
    /// Meta's id of the number that they write to.
    pub(super) number: &'static str,
    pub(super) messages: u64,
    /// `None`: as fast as the webhooks are answered.
    pub(super) rate_per_second: Option<f64>,
    pub(super) sent_at: SentAt,
}

impl Writing {
    /// Until all is written, or `stop`; how much that was.
    pub(super) async fn run(self, stop: CancellationToken) -> Result<u64, Failure> {
        let began_at = Instant::now();
        for n in 0..self.messages {
            if stop.run_until_cancelled(self.turn(n, began_at)).await.is_none() {
                return Ok(n);
            }
            let (resident, text) = self.residents.says(usize::try_from(n).unwrap_or(usize::MAX));
            let wamid = self.control.write(&resident.phone, self.number, text).map_err(Failure::failed)?;
            let mut sent_at = self.sent_at.lock().unwrap_or_else(PoisonError::into_inner);
            sent_at.entry(wamid).or_insert_with(Instant::now);
        }
        Ok(self.messages)
    }

    /// Until it is time for message number `n`, and not too many wait for an answer.
    async fn turn(&self, n: u64, began_at: Instant) {
        if let Some(rate) = self.rate_per_second {
            let due_in = Duration::try_from_secs_f64(n as f64 / rate).unwrap_or(Duration::MAX);
            if let Some(due_at) = began_at.checked_add(due_in) {
                tokio::time::sleep_until(due_at.into()).await;
            }
        }
        // Given back by whoever answers.
        if let Ok(turn) = self.residents.turns.acquire().await {
            turn.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn who_has_a_part_writes_once_and_everybody_is_found() {
        let residents = Residents::new();
        let writers: Vec<Part> = (0..1_000).map(|n| residents.says(n).0.part).collect();
        assert_eq!(writers[..2], PARTS);
        assert!(writers[2..].iter().all(|part| *part == Part::Talks));
        let phones: HashSet<&str> = residents.all.iter().map(|one| one.phone.as_str()).collect();
        assert_eq!(phones.len(), residents.all.len());
        for resident in &residents.all {
            assert!(phone::international(&resident.phone).is_ok(), "{}", resident.lines.language);
            assert_eq!(residents.find(&resident.phone).unwrap().phone, resident.phone);
        }
        assert!(residents.find("490000000001").is_none());
    }
}
