//! I1 to I5 of messages to customers: each comes to one end, is taken by the platform at most once unless it says so, in order, with
//! consent at its attempt, and what is no template within the window.

use std::collections::{BTreeMap, HashSet};

use waypost_domain::send::{Mark, SendState};

use super::Check;
use super::order::{self, Placed};
use crate::{AskAnswer, AskedRecord, ConsentFact, Invariant, ItemKind, Ledger, SendFact, StepFact, TakenRecord};

/// Meta's page on sending messages, "customer service windows".
const WINDOW_MS: i64 = 24 * 60 * 60 * 1000;
/// So often it may be taken where it says that it may have gone twice.
const TAKEN_MAX: usize = 2;
/// What needs consent whoever asks for it. Of one-time codes nobody here knows whether the customer wanted just this one.
const NEED_CONSENT: [&str; 2] = ["marketing", "utility"];

/// Everything about one send.
#[derive(Default)]
struct Send<'a> {
    asked: Vec<&'a AskedRecord>,
    /// In the platform's order, each with the attempt that it bears.
    taken: Vec<(u32, &'a TakenRecord)>,
    row: Option<&'a SendFact>,
    /// In their order.
    steps: Vec<&'a StepFact>,
}

impl Send<'_> {
    fn is_kept(&self) -> bool {
        self.asked.iter().any(|asked| asked.answer == AskAnswer::Kept)
    }

    /// Nobody was told that it is kept, nor may have been.
    fn is_refused(&self) -> bool {
        !self.asked.is_empty() && self.asked.iter().all(|asked| asked.answer == AskAnswer::Refused)
    }

    /// It may have gone for all that is known, and those behind it have waited long enough; or it was put off, and nobody waits for
    /// that.
    fn lost_its_turn(&self) -> bool {
        let is_put_off = |step: &StepFact| step.from == SendState::Attempting && step.to == SendState::Queued;
        self.steps.iter().any(|step| step.to == SendState::Uncertain || is_put_off(step))
    }

    /// The step by which an attempt began.
    fn attempt(&self, attempt: u32) -> Option<&StepFact> {
        self.steps.iter().find(|step| step.to == SendState::Attempting && step.attempt == attempt).copied()
    }
}

type All<'a> = BTreeMap<String, Send<'a>>;

impl<'a> Check<'a> {
    pub(super) fn sends(&mut self) {
        if self.ledger.sends.is_empty() {
            return;
        }
        let all = self.index_of_sends();
        let counts = &mut self.verdict.counts;
        counts.asked = super::count(all.values().filter(|send| send.is_kept()));
        counts.taken = super::count(all.values().filter(|send| !send.taken.is_empty()));
        counts.marked = super::count(all.values().filter(|send| send.taken.len() > 1));
        self.i1_sends_come_to_an_end(&all);
        self.i2_sends_go_once(&all);
        self.i2_statuses_only_lift(&all);
        self.i3_sends_in_order(&all);
        self.i4_consent_at_the_attempt(&all);
        self.i5_free_form_within_the_window();
        if self.ledger.sends.steps.is_empty() {
            self.verdict.unchecked.push((Invariant::I4, "attempts: the run has not noted the store's steps"));
        }
    }

    fn index_of_sends(&mut self) -> All<'a> {
        let sends = &self.ledger.sends;
        let mut all = All::new();
        for asked in &sends.asked {
            all.entry(asked.send.clone()).or_default().asked.push(asked);
        }
        let mut taken: Vec<&TakenRecord> = sends.taken.iter().collect();
        taken.sort_by_key(|taken| taken.position);
        for taken in taken {
            match taken.mark.as_deref().and_then(Mark::parse) {
                Some(mark) => all.entry(mark.send.to_string()).or_default().taken.push((mark.attempt, taken)),
                None => self.violated(Invariant::I2, "taken without a mark of ours", &taken.wamid),
            }
        }
        for row in &sends.rows {
            all.entry(row.send.clone()).or_default().row = Some(row);
        }
        let mut steps: Vec<&StepFact> = sends.steps.iter().collect();
        steps.sort_by_key(|step| step.order);
        for step in steps {
            all.entry(step.send.clone()).or_default().steps.push(step);
        }
        all
    }

    fn i1_sends_come_to_an_end(&mut self, all: &All<'a>) {
        for (name, send) in all {
            let Some(row) = send.row else {
                if send.is_kept() {
                    self.violated(Invariant::I1, "asked for, answered that it is kept, and not in the store", name);
                    self.verdict.counts.lost += 1;
                }
                continue;
            };
            if self.drained && row.is_open() {
                self.violated(Invariant::I1, "at no end, and nothing says why", format!("{name} {}", row.state));
            }
            if send.taken.is_empty() && has_gone(row.state) {
                self.violated(Invariant::I1, "said to have gone, and never taken", format!("{name} {}", row.state));
                self.verdict.counts.lost += 1;
            }
            let is_known = |wamid: &String| send.taken.iter().any(|(_, taken)| taken.wamid == *wamid);
            if !send.taken.is_empty() && row.wamid.as_ref().is_some_and(|wamid| !is_known(wamid)) {
                self.violated(Invariant::I1, "known by an id of something else", name);
            }
        }
    }

    fn i2_sends_go_once(&mut self, all: &All<'a>) {
        let mut doubled = 0;
        let has_steps = !self.ledger.sends.steps.is_empty();
        for (name, send) in all.iter().filter(|(_, send)| !send.taken.is_empty()) {
            if send.asked.is_empty() && !self.ledger.sends.asked.is_empty() {
                self.violated(Invariant::I2, "taken, and nobody asked for it", name);
            }
            if send.is_refused() {
                self.violated(Invariant::I2, "refused to whoever asked, and taken", name);
            }
            let mut attempts = HashSet::new();
            let is_twice = !send.taken.iter().all(|(attempt, _)| attempts.insert(attempt));
            let is_marked = send.row.is_some_and(|row| row.maybe_duplicate);
            let what = match send.taken.len() {
                1 => None,
                _ if is_twice => Some("one attempt taken twice"),
                count if count > TAKEN_MAX => Some("taken more than twice"),
                _ if !is_marked => Some("taken twice, and not marked as perhaps a second one"),
                _ => None,
            };
            if let Some(what) = what {
                doubled += 1;
                self.violated(Invariant::I2, what, name);
            }
            if has_steps && send.taken.iter().any(|(attempt, _)| send.attempt(*attempt).is_none()) {
                self.violated(Invariant::I2, "taken, and the attempt was never written", name);
            }
            let fails = send.taken.iter().any(|(_, taken)| taken.fails_with.is_some());
            if send.row.is_some_and(|row| row.state == SendState::Failed) && !fails {
                self.violated(Invariant::I2, "taken, and said to have failed", name);
            }
            if let Some(row) = send.row.filter(|row| says_not_gone(row.state)) {
                self.violated(Invariant::I2, "taken, and said not to have gone", format!("{name} {}", row.state));
            }
        }
        self.verdict.counts.doubled += doubled;
    }

    /// What was told lifts a send to its rank, whatever comes late, twice or in another order, and nothing brings it down but the
    /// two ways in which something is tried again.
    fn i2_statuses_only_lift(&mut self, all: &All<'a>) {
        let told = told(self.ledger);
        for (name, send) in all {
            if let Some(row) = send.row {
                let of_send = send.taken.iter().filter_map(|(_, taken)| told.get(taken.wamid.as_str()));
                let highest = of_send.max().copied().filter(|_| self.drained);
                if highest.is_some_and(|highest| row.state < highest) {
                    self.violated(Invariant::I2, "lower than what was told", format!("{name} {}", row.state));
                }
            }
            for step in send.steps.iter().filter(|step| step.to < step.from) {
                let is_again =
                    step.to == SendState::Queued && matches!(step.from, SendState::Attempting | SendState::Uncertain);
                if !is_again {
                    let way = format!("{name} {} to {}", step.from, step.to);
                    self.violated(Invariant::I2, "a state was taken back", way);
                }
            }
        }
    }

    fn i3_sends_in_order(&mut self, all: &All<'a>) {
        let mut lines: BTreeMap<(&str, &str, &str), Vec<Placed<'_>>> = BTreeMap::new();
        let mut excepted = 0;
        for (name, send) in all {
            let Some((_, taken)) = send.taken.first() else { continue };
            let began = send.asked.iter().map(|asked| asked.started_ns).min();
            let kept = send.asked.iter().filter(|asked| asked.answer == AskAnswer::Kept);
            let (Some(began_ns), Some(first)) = (began, kept.min_by_key(|asked| asked.answered_ns)) else { continue };
            if send.lost_its_turn() {
                excepted += 1;
                continue;
            }
            let place = i64::try_from(taken.position).unwrap_or(i64::MAX);
            let placed = Placed { began_ns, accepted_ns: first.answered_ns, place, name };
            lines.entry((&first.phone_number_id, &first.customer, &first.line)).or_default().push(placed);
        }
        let late: Vec<(&str, &str)> = lines.into_values().flat_map(order::late).collect();
        let mut moved = HashSet::new();
        for (late, early) in late {
            moved.insert(late);
            let pair = format!("{late} behind {early}");
            self.violated(Invariant::I3, "taken behind what was asked for after it was kept", pair);
        }
        self.verdict.counts.out_of_order += super::count(moved.iter());
        self.verdict.counts.excepted += excepted;
    }

    fn i4_consent_at_the_attempt(&mut self, all: &All<'a>) {
        let sends = &self.ledger.sends;
        for (name, send) in all {
            for (attempt, taken) in &send.taken {
                let category = taken.category.as_str();
                if !NEED_CONSENT.contains(&category) {
                    continue;
                }
                if let Some(step) = send.attempt(*attempt) {
                    let before = |entry: &&ConsentFact| entry.contact == step.contact && entry.order < step.order;
                    if !allows(sends.entries.iter().filter(before), category) {
                        self.violated(Invariant::I4, "attempted without consent, and taken", name);
                    }
                }
                if self.was_withdrawn_before(send, taken) {
                    self.violated(Invariant::I4, "asked for after consent was taken back, and taken", name);
                }
            }
        }
    }

    /// Whether somebody was answered that it is written down before anybody asked for the send, and no grant began after that.
    fn was_withdrawn_before(&self, send: &Send<'_>, taken: &TakenRecord) -> bool {
        let Some(began_ns) = send.asked.iter().map(|asked| asked.started_ns).min() else { return false };
        let is_about = |category: &Option<String>| category.as_ref().is_none_or(|about| *about == taken.category);
        let of_customer = self.ledger.sends.consents.iter();
        let of_customer = of_customer.filter(|one| one.customer == taken.customer && is_about(&one.category));
        let (grants, withdrawals): (Vec<_>, Vec<_>) = of_customer.partition(|one| one.allows);
        withdrawals.iter().any(|withdrawal| {
            withdrawal.answered_ns < began_ns && !grants.iter().any(|grant| grant.answered_ns > withdrawal.started_ns)
        })
    }

    /// By what customers wrote, and the platform's clock alone.
    fn i5_free_form_within_the_window(&mut self) {
        let mut opened: BTreeMap<(&str, &str), Vec<i64>> = BTreeMap::new();
        for written in self.ledger.sends.written.iter().filter(|written| written.opens_window) {
            opened.entry((&written.phone_number_id, &written.customer)).or_default().push(written.at_ms);
        }
        for taken in self.ledger.sends.taken.iter().filter(|taken| taken.template.is_none()) {
            let times = opened.get(&(taken.phone_number_id.as_str(), taken.customer.as_str()));
            let is_within = |at_ms: &i64| (*at_ms..*at_ms + WINDOW_MS).contains(&taken.at_ms);
            if !times.is_some_and(|times| times.iter().any(is_within)) {
                let offender = taken.mark.as_deref().unwrap_or(&taken.wamid);
                self.violated(Invariant::I5, "free-form outside of the customer service window", offender);
            }
        }
    }
}

/// The highest state that was told of each message in a POST that was answered 200.
fn told(ledger: &Ledger) -> BTreeMap<&str, SendState> {
    let mut told: BTreeMap<&str, SendState> = BTreeMap::new();
    for item in ledger.posts.iter().filter(|post| post.signed && post.is_accepted()).flat_map(|post| &post.items) {
        let ItemKind::Status { state } = &item.kind else { continue };
        let Some(state) = SendState::parse(state) else { continue };
        let highest = told.entry(&item.key).or_insert(state);
        *highest = state.max(*highest);
    }
    told
}

/// What the entries come to in the order in which they were made: the last one about it decides.
fn allows<'a>(entries: impl Iterator<Item = &'a ConsentFact>, category: &str) -> bool {
    let about = entries.filter(|entry| entry.category.as_deref().is_none_or(|about| about == category));
    let said = about.filter_map(|entry| Some((entry.order, entry.allows()?)));
    said.max_by_key(|(order, _)| *order).is_some_and(|(_, allows)| allows)
}

/// Whether the platform must have it.
const fn has_gone(state: SendState) -> bool {
    match state {
        SendState::Held | SendState::Accepted | SendState::Sent => true,
        SendState::Delivered | SendState::Read | SendState::Played => true,
        SendState::Queued | SendState::Attempting | SendState::Uncertain => false,
        SendState::Expired | SendState::Refused | SendState::Cancelled | SendState::Failed => false,
    }
}

/// Whether whoever reads this must believe that the customer has nothing.
const fn says_not_gone(state: SendState) -> bool {
    matches!(state, SendState::Expired | SendState::Refused | SendState::Cancelled)
}
