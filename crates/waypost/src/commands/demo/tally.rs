//! What came to the teams, counted where it came, and what became of the answers: what the demo shows and ends with. It must
//! never take anybody's word for what came.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;
use waypost_bus::Delivery;
use waypost_cli::Failure;
use waypost_cli::show::{Screen, Table};
use waypost_proto::conversation_changed;
use waypost_sandbox::{AcceptedMessage, SandboxReport};

use super::answers::{Answers, Told};
use crate::output;

/// A quarter of an hour; longer ones count as that.
const LATENCY_US_MAX: u64 = 900_000_000;

/// When each message was sent first, by its wamid.
pub(super) type SentAt = Arc<Mutex<BTreeMap<String, Instant>>>;

/// What the demo ends with.
#[derive(Serialize)]
struct Summary {
    /// Different messages that were answered with 200.
    accepted: u64,
    /// Different messages that reached a team.
    routed: u64,
    /// Messages that reached a team and had reached one before.
    repeated: u64,
    /// Messages that the platform sent again.
    duplicates: u64,
    by_team: BTreeMap<String, u64>,
    latency_ms: Latency,
    answers: Answers,
}

/// From the POST to the team's queue, in milliseconds.
#[derive(Serialize)]
struct Latency {
    p50: f64,
    p99: f64,
}

/// A message off a team's queue.
pub(super) struct Arrived {
    team: String,
    body: Vec<u8>,
    id: String,
    at: Instant,
}

impl Arrived {
    pub(super) fn new(team: &str, delivery: &Delivery) -> Self {
        Self {
            team: team.to_owned(),
            body: delivery.message.body.to_vec(),
            id: delivery.message.id.clone(),
            at: Instant::now(),
        }
    }
}

/// Counts and shows.
pub(super) struct Tally {
    json: bool,
    screen: Screen,
    sent_at: SentAt,
    by_team: BTreeMap<String, u64>,
    seen: HashSet<String>,
    repeated: u64,
    /// When which message arrived whose answer to the POST is still under way.
    unmatched: Vec<(String, Instant)>,
    /// Microseconds.
    latency: hdrhistogram::Histogram<u64>,
    answers: Answers,
    started: Instant,
}

impl Tally {
    pub(super) fn new(json: bool, sent_at: SentAt) -> Result<Self, Failure> {
        let latency = hdrhistogram::Histogram::new_with_bounds(1, LATENCY_US_MAX, 3).map_err(Failure::failed)?;
        let (by_team, seen, unmatched, answers) = Default::default();
        let (screen, started) = (Screen::stdout(), Instant::now());
        Ok(Self { json, screen, sent_at, by_team, seen, repeated: 0, unmatched, latency, answers, started })
    }

    pub(super) fn routed(&self) -> u64 {
        self.seen.len() as u64
    }

    pub(super) fn count(&mut self, message: Arrived) -> Result<(), Failure> {
        let document: Value = serde_json::from_slice(&message.body).unwrap_or_default();
        if document["type"] == conversation_changed::EVENT_TYPE {
            return Ok(());
        }
        if !self.seen.insert(message.id) {
            self.repeated += 1;
            return Ok(());
        }
        let text = |path: &str| document["data"].pointer(path).and_then(Value::as_str).unwrap_or_default();
        self.unmatched.push((text("/message/wamid").to_owned(), message.at));
        if !self.json {
            let what = match (text("/message/text"), text("/message/type")) {
                (said, _) if !said.is_empty() => said.replace(char::is_control, " "),
                (_, kind) => format!("[{kind}]"),
            };
            let (rule, why) = (text("/routing/rule"), text("/routing/why"));
            self.show(&message.team, text("/routing/priority"), rule, &what, why)?;
        }
        *self.by_team.entry(message.team).or_default() += 1;
        Ok(())
    }

    /// Counts and shows what agents tell.
    pub(super) fn told(&mut self, told: Told) -> Result<(), Failure> {
        match told {
            Told::Answered(answered) => {
                self.answers.count(&answered.message);
                let what = answered.what();
                self.show(&answered.team, "answer", answered.language, &what, &answered.outcome())
            }
            Told::Withdrawn { team, language } => {
                self.show(&team, "call", language, "takes back that they want offers", "consent withdrawn")
            }
            Told::Broken(problem) => {
                self.answers.is_broken(problem);
                Ok(())
            }
        }
    }

    fn show(&self, team: &str, kind: &str, name: &str, what: &str, why: &str) -> Result<(), Failure> {
        if self.json {
            return Ok(());
        }
        let team = self.screen.team(&format!("{team:<10}"));
        let kind = self.screen.priority(&format!("{kind:<6}"));
        output::line(&self.screen.cut(&format!("{team} {kind} {name:<14} {what}   — {why}")))
    }

    /// The platform tells when it sent a POST once that is answered: often after the message has arrived.
    fn match_latencies(&mut self) {
        let mut sent_at = self.sent_at.lock().unwrap_or_else(PoisonError::into_inner);
        self.unmatched.retain(|(wamid, arrived)| {
            let Some(sent) = sent_at.remove(wamid) else { return true };
            let micros = arrived.saturating_duration_since(sent).as_micros();
            self.latency.saturating_record(u64::try_from(micros).unwrap_or(u64::MAX));
            false
        });
    }

    pub(super) fn progress(&mut self) {
        self.match_latencies();
        if !self.json {
            let seconds = self.started.elapsed().as_secs_f64();
            output::note(&format!("… {} routed in {seconds:.0} s", self.routed()));
        }
    }

    /// `accepted`: what the platform took. `under_way`: messages whose answers have not come to their end.
    pub(super) fn finish(
        mut self,
        report: &SandboxReport,
        accepted: &[AcceptedMessage],
        under_way: usize,
    ) -> Result<(), Failure> {
        self.match_latencies();
        self.answers.close(accepted, under_way);
        let millis = |quantile| Duration::from_micros(self.latency.value_at_quantile(quantile)).as_secs_f64() * 1e3;
        let summary = Summary {
            accepted: report.accepted,
            routed: self.routed(),
            repeated: self.repeated,
            duplicates: report.duplicates_sent,
            latency_ms: Latency { p50: millis(0.5), p99: millis(0.99) },
            by_team: self.by_team,
            answers: self.answers,
        };
        if self.json {
            output::line(&serde_json::to_string(&summary).map_err(Failure::failed)?)?;
        } else {
            output::line(&summary.table())?;
        }
        summary.check(report.messages)
    }
}

impl Summary {
    fn table(&self) -> String {
        let mut by_team = Table::new(&["team", "messages"]);
        for (team, count) in &self.by_team {
            by_team.add_row([team.clone(), count.to_string()]);
        }
        let latency = &self.latency_ms;
        format!(
            "\n{by_team}\naccepted {}   routed {}   routed again {}   sent again by the platform {}\n\
             {}\n\
             latency p50 {:.1} ms, p99 {:.1} ms",
            self.accepted, self.routed, self.repeated, self.duplicates, self.answers, latency.p50, latency.p99
        )
    }

    /// Whether every accepted message has reached a team, and none twice, and all answers ended well. `sent`: different messages, of which some may
    /// have come without an answer.
    fn check(&self, sent: u64) -> Result<(), Failure> {
        let Self { accepted, routed, repeated, .. } = self;
        let mut wrong = self.answers.wrong();
        if routed < accepted {
            wrong.push(format!("{} of {accepted} accepted messages did not come to a team", accepted - routed));
        }
        if *repeated > 0 {
            wrong.push(format!("{repeated} messages came to a team that had come before"));
        }
        if *routed > sent {
            wrong.push(format!("{} messages came to a team that nobody sent", routed - sent));
        }
        if wrong.is_empty() { Ok(()) } else { Err(Failure::failed(wrong.join("; "))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived(id: &str) -> Arrived {
        Arrived { team: "billing".to_owned(), body: b"{}".to_vec(), id: id.to_owned(), at: Instant::now() }
    }

    /// What is wrong when these messages come and `accepted` of three that were sent are answered 200.
    fn ends(ids: &[&str], accepted: u64) -> Result<(), Failure> {
        let mut tally = Tally::new(true, SentAt::default()).unwrap();
        for id in ids {
            tally.count(arrived(id)).unwrap();
        }
        let report = SandboxReport { accepted, messages: 3, ..SandboxReport::default() };
        tally.finish(&report, &[], 0)
    }

    #[test]
    fn it_fails_on_what_came_twice_or_not_at_all() {
        assert!(ends(&["a", "b", "c"], 3).is_ok());
        assert!(ends(&["a", "b", "c"], 2).is_ok(), "an answer was lost");
        let cases: [(&[&str], &str); 3] = [
            (&["a", "b"], "1 of 3 accepted messages did not come"),
            (&["a", "b", "c", "b"], "1 messages came to a team that had come before"),
            (&["a", "b", "c", "d"], "1 messages came to a team that nobody sent"),
        ];
        for (ids, wrong) in cases {
            let failure = ends(ids, 3).unwrap_err();
            assert!(failure.message().is_some_and(|message| message.contains(wrong)), "{ids:?}: {failure:?}");
        }
    }
}
