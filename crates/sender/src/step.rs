//! One transaction: what came of attempts is written, what is due is claimed and judged, and what goes stands as `attempting`
//! before the first byte of it leaves.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;
use tracing::debug;
use waypost_domain::consent::{ConsentEntry, Evidence, How, Said};
use waypost_domain::send::{Cause, Mark, SendRequest, SendState, Turn, turn};
use waypost_domain::{Category, ConsentEntryId, ContactId, ContactRecord, DecisionId, Timestamp};
use waypost_fault::{self as fault, SENDER_IN_TRANSACTION};
use waypost_live::sending::reach;
use waypost_live::{OurNumber, Question, Sending};
use waypost_policy::Rule;
use waypost_policy::verdict::{Address, Allowed, Message, Verdict as Judged};
use waypost_store::{
    Attempt, ClaimedSend, Fence, PortfolioUse, SendAnswer, SendAnswered, SendFacts, SendRow, SendTx, StoreError,
    Verdict,
};

use crate::SENDER;
use crate::config::SenderConfig;
use crate::metrics;
use crate::outcome::{Effect, Flight, Outcome};
use crate::pace::Pace;

/// Templates that are stored are known here within this time, at a pinch of the machine too.
const TEMPLATES_KNOWN_WITHIN: Duration = Duration::from_secs(5);

/// A request that may leave now.
pub(crate) struct Departure {
    pub(crate) flight: Flight,
    pub(crate) number: OurNumber,
    pub(crate) address: Address,
    pub(crate) message: Message,
    /// The wamid of the message that it answers.
    pub(crate) reply_to: Option<String>,
    pub(crate) mark: Mark,
}

/// A request that has landed: what it was, and what came of it.
pub(crate) type Landed = (Flight, OurNumber, Outcome);

/// What a step is made of.
pub(crate) struct Step<'a> {
    pub(crate) config: &'a SenderConfig,
    pub(crate) sending: &'a Sending,
    pub(crate) now: Timestamp,
    pub(crate) instant: Instant,
}

/// What is written first.
#[derive(Default)]
pub(crate) struct News {
    pub(crate) answered: Vec<SendAnswered>,
    pub(crate) consequences: Vec<(ContactId, OurNumber, Effect, String)>,
}

impl News {
    pub(crate) fn of(landed: &[Landed]) -> Self {
        let mut news = Self::default();
        for (flight, number, outcome) in landed {
            let answered =
                SendAnswered { place: flight.place, attempt: flight.attempt, answer: outcome.answer.clone() };
            news.answered.push(answered);
            for effect in &outcome.effects {
                if matches!(effect, Effect::WithdrawMarketing | Effect::CloseWindow) {
                    let code = match outcome.answer {
                        SendAnswer::Failed { code } | SendAnswer::Later { code, .. } => code.unwrap_or_default(),
                        _ => 0,
                    };
                    let cause = format!("{code}/{}/{}", flight.place, flight.attempt);
                    news.consequences.push((flight.contact, number.clone(), effect.clone(), cause));
                }
            }
        }
        news
    }

    /// In the step's transaction, before anything is claimed: what Meta has just said counts for what goes next.
    pub(crate) async fn write(&self, tx: &mut SendTx, now: Timestamp) -> Result<(), StoreError> {
        tx.answered(&self.answered, now).await?;
        let mut entries = Vec::new();
        for (contact, number, effect, cause) in &self.consequences {
            match effect {
                Effect::CloseWindow => tx.close_window(*contact, &number.name, now).await?,
                Effect::WithdrawMarketing => entries.push(withdrawal(*contact, number, cause, now)),
                _ => {}
            }
        }
        tx.append_consent(&entries).await
    }
}

/// The platform said that the customer stopped marketing (131050 at Meta). `cause` begins with the code.
pub(crate) fn withdrawal(contact: ContactId, number: &OurNumber, cause: &str, now: Timestamp) -> ConsentEntry {
    ConsentEntry {
        id: ConsentEntryId::of_cause(cause),
        contact,
        brand: number.brand.clone(),
        category: Some(Category::Marketing),
        said: Said::Withdrawn,
        at: Some(now),
        recorded_at: now,
        how: How::Error131050,
        source: None,
        recorded_by: SENDER.to_owned(),
        evidence: Evidence::default(),
    }
}

impl Step<'_> {
    /// Claims and judges what is `due`, and makes it durable together with what `tx` has written before. Nothing that it returns
    /// may leave unless it returns. `attempted`: which attempts it was about to write.
    pub(crate) async fn finish(
        &self,
        mut tx: SendTx,
        due: &[(i64, ContactId)],
        pace: impl Fn(&OurNumber, ContactId) -> Option<Instant>,
        attempted: &mut Vec<(i64, u32)>,
    ) -> Result<Vec<Departure>, StoreError> {
        let reach = reach(self.sending, self.now);
        let portfolio = reach.portfolio;
        let claimed = tx.claim(due, self.now, reach).await?;
        let seen = claimed.iter().map(|one| &one.row.request);
        let seen = seen.filter_map(|request| request.decision_seen(&self.sending.numbers.get(&request.number)?.id));
        let seen_at = tx.received_at(&seen.collect::<Vec<_>>()).await?;
        let mut places = PortfolioUse::default();
        if claimed.iter().any(|one| may_take_place(&one.row.request)) {
            places = tx.portfolio(portfolio, self.now).await?;
        }
        let mut departures = Vec::new();
        let mut met = HashSet::new();
        for one in &claimed {
            // What the first of a contact's sends changes, the next one has to see.
            let contact = one.facts.as_ref().map_or(one.row.request.contact, |facts| facts.contact.id);
            if !met.insert(contact) {
                continue;
            }
            let Some(number) = self.sending.numbers.get(&one.row.request.number) else {
                // It was taken from us: whoever gives it back finds it waiting.
                tx.decide(one.row.place, Verdict::Defer { until: self.soon(one), verdict: None, rule: None });
                continue;
            };
            let verdict = self.verdict(one, number, &pace, &seen_at, &mut places, &mut departures)?;
            tx.decide(one.row.place, verdict);
        }
        attempted.extend(departures.iter().map(|one| (one.flight.place, one.flight.attempt)));
        fault::point(SENDER_IN_TRANSACTION);
        tx.commit(self.now, portfolio).await?;
        Ok(departures)
    }

    /// What is known here may be older than the request by as long as it is looked at.
    fn may_be_news(&self, row: &SendRow) -> bool {
        self.now < row.request.created_at.plus(TEMPLATES_KNOWN_WITHIN)
    }

    fn may_open_yet(&self, row: &SendRow) -> bool {
        row.request.cause == Cause::StopConfirmation && self.now < row.ends_at
    }

    fn soon(&self, one: &ClaimedSend) -> Timestamp {
        let seconds = i64::from(self.sending.policy.recheck_soon_s);
        self.now.plus_millis(seconds * 1000).min(one.row.ends_at.max(self.now.plus_millis(1)))
    }

    fn verdict(
        &self,
        one: &ClaimedSend,
        number: &OurNumber,
        pace: &impl Fn(&OurNumber, ContactId) -> Option<Instant>,
        seen_at: &BTreeMap<DecisionId, Timestamp>,
        places: &mut PortfolioUse,
        departures: &mut Vec<Departure>,
    ) -> Result<Verdict, StoreError> {
        let row = &one.row;
        let gone = SendFacts::of(ContactRecord::empty(row.request.contact));
        let facts = one.facts.as_ref().unwrap_or(&gone);
        let contact = facts.contact.id;
        let is_over = self.now >= row.ends_at;
        if let Turn::Wait { until } = turn(one.before, row.request.strict_order, self.now, self.config.order)
            && !is_over
        {
            let until = until.unwrap_or(row.ends_at).min(row.ends_at);
            return Ok(Verdict::Wait { until });
        }
        if let Some(free_at) = pace(number, contact).filter(|_| !is_over) {
            let wait = free_at.saturating_duration_since(self.instant).as_millis();
            let until = self.now.plus_millis(i64::try_from(wait).unwrap_or(i64::MAX).max(1)).min(row.ends_at);
            return Ok(Verdict::Defer { until, verdict: None, rule: None });
        }
        let request = SendRequest { expires_at: Some(row.ends_at), ..row.request.clone() };
        let last_seen_at = request.decision_seen(&number.id).and_then(|seen| seen_at.get(&seen).copied());
        let question = Question::new(self.sending, number, facts, last_seen_at, self.now);
        let (judged, record) = question.ask(&request, places, self.sending.opt_in.state(&facts.aliases));
        let verdict =
            serde_json::to_vec(&record).map_err(|error| StoreError::Invalid(format!("a verdict: {error}")))?;
        count(&judged);
        let rule = judged.finding().map(|finding| finding.rule.name());
        debug!(send = %request.id, number = %number.name, rule, "judged");
        Ok(match judged {
            Judged::Allowed(allowed) => {
                let is_outside = facts.window_ends_at.is_none_or(|ends_at| self.now >= ends_at);
                let counts = is_outside && matches!(allowed.message, Message::Template(_));
                places.used += u32::from(allowed.takes_place);
                let departure = departure(one, number, contact, &allowed);
                let attempt = Attempt {
                    verdict,
                    category: allowed.category,
                    template: departure.flight.template.as_ref().map(|(name, _)| name.clone()),
                    conversation: facts.conversation,
                    place_of: counts.then_some(contact),
                };
                departures.push(departure);
                Verdict::Attempt(attempt)
            }
            Judged::Deferred { until, .. } => Verdict::Defer { until, verdict: Some(verdict), rule },
            Judged::Expired(_) => Verdict::End { state: SendState::Expired, verdict, rule },
            // Whoever has just read the templates anew may write at once.
            Judged::Refused(finding) if finding.rule == Rule::TemplateUnknown && self.may_be_news(row) => {
                Verdict::Defer { until: self.soon(one), verdict: Some(verdict), rule }
            }
            // The stop that is confirmed opens the window, and whoever routes it may not have got that far.
            Judged::Refused(finding) if finding.rule == Rule::WindowClosed && self.may_open_yet(row) => {
                Verdict::Defer { until: self.soon(one), verdict: Some(verdict), rule }
            }
            Judged::Refused(_) => Verdict::End { state: SendState::Refused, verdict, rule },
        })
    }
}

fn may_take_place(request: &SendRequest) -> bool {
    request.substitute.is_some() || matches!(request.content, waypost_domain::send::SendContent::Template(_))
}

fn departure(one: &ClaimedSend, number: &OurNumber, contact: ContactId, allowed: &Allowed) -> Departure {
    let row = &one.row;
    let (circumstances, country) = Flight::circumstances(&allowed.address, &allowed.message);
    let template = match &allowed.message {
        Message::Template(template) => Some((template.name.clone(), template.language.clone())),
        Message::FreeForm(_) => None,
    };
    let attempt = row.attempt + 1;
    Departure {
        flight: Flight {
            place: row.place,
            attempt,
            retries: row.retries,
            number: number.name.clone(),
            waba: number.waba.clone(),
            contact,
            template,
            circumstances,
            country,
        },
        number: number.clone(),
        address: allowed.address.clone(),
        message: allowed.message.clone(),
        reply_to: row.request.reply_to.clone(),
        mark: Mark { send: row.request.id.clone(), attempt },
    }
}

fn count(judged: &Judged) {
    let word = match judged {
        Judged::Allowed(_) => "allowed",
        Judged::Deferred { .. } => "deferred",
        Judged::Expired(_) => "expired",
        Judged::Refused(_) => "refused",
    };
    metrics::verdict(word, judged.finding().map_or("", |finding| finding.rule.name()));
}

/// What happened to the pace of a number by what came of a request.
pub(crate) fn keep_pace(pace: &mut Pace, contact: ContactId, effects: &[Effect], now: Instant) {
    for effect in effects {
        match effect {
            Effect::Heard => pace.heard(),
            Effect::Unheard => pace.unheard(now),
            Effect::SlowNumber(wait) => pace.slow_down(*wait, now),
            Effect::BlockPair(wait) => pace.block_pair(contact, *wait, now),
            Effect::SlowAll(_)
            | Effect::Bar(_)
            | Effect::WithdrawMarketing
            | Effect::CloseWindow
            | Effect::HoldTemplate { .. }
            | Effect::RefreshTemplates => {}
        }
    }
}

/// The fence of a step: sends are numbered nowhere.
pub(crate) fn fence(held: &waypost_worker::Held) -> Fence {
    held.fence(0, None)
}
