//! What becomes of a send, and what else changes, by what came of the request: pure, and by the one table of error codes.

use std::time::Duration;

use waypost_cloud_api::answer::MessageStatus;
use waypost_cloud_api::error_code::{
    BackOff, Circumstances, Decision, Do, Effect as Change, Scope, Tell, Until, decide,
};
use waypost_domain::send::FreeForm;
use waypost_domain::send::content::{Media, MediaSource};
use waypost_domain::{ContactId, NumberName, Timestamp, WabaId, country};
use waypost_graph_client::{NotSent, Refusal, Sent};
use waypost_policy::verdict::{Address, Message};
use waypost_store::{BarOrigin, BarScope, BarWhat, SendAnswer, SendBar};

/// How soon a request is tried again of which not one byte was written.
const NOT_SENT: Duration = Duration::from_secs(2);
/// What a person must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alert {
    NoToken,
    /// Meta's code.
    Code(i64),
    /// The month's budget is nearly spent.
    BudgetWarning,
    BudgetSpent,
}

impl Alert {
    /// Its word, in the store and for metrics.
    pub(crate) fn kind(self) -> String {
        match self {
            Self::NoToken => "no_token".to_owned(),
            Self::Code(code) => format!("code_{code}"),
            Self::BudgetWarning => "budget_warning".to_owned(),
            Self::BudgetSpent => "budget_spent".to_owned(),
        }
    }
}

/// Whom an error is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) number: &'a NumberName,
    pub(crate) waba: &'a WabaId,
    /// Of the customer, where it is known.
    pub(crate) country: Option<&'a str>,
}

/// A request that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flight {
    pub place: i64,
    pub attempt: u32,
    /// How often in a row Meta has put it off before.
    pub retries: u32,
    pub number: NumberName,
    pub waba: WabaId,
    pub contact: ContactId,
    pub template: Option<(String, String)>,
    pub circumstances: Circumstances,
    /// Of the customer's number.
    pub country: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub answer: SendAnswer,
    pub effects: Vec<Effect>,
    pub alert: Option<Alert>,
    /// For the metrics.
    pub word: &'static str,
}

/// What else changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Somebody answered, or nobody did.
    Heard,
    Unheard,
    SlowNumber(Duration),
    SlowAll(Duration),
    BlockPair(Duration),
    Bar(NewBar),
    /// The customer stopped marketing.
    WithdrawMarketing,
    CloseWindow,
    /// The template is not sendable: paused, or disabled for ever.
    HoldTemplate {
        for_ever: bool,
    },
    RefreshTemplates,
}

/// A bar to be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBar {
    /// As it is for the first time.
    pub bar: SendBar,
    /// How long it lasts each time in a row; `None`: as it says.
    pub tried_again: Option<BackOff>,
}

impl NewBar {
    /// As it is after those before. It follows its predecessor in a row if Meta refuses again within as long as that one
    /// lasted; what comes while that one is in force was under way when it was set, and counts as the same refusal.
    pub fn after(self, before: &[SendBar]) -> SendBar {
        let Self { bar, tried_again } = self;
        let Some(back_off) = tried_again else { return bar };
        let before =
            before.iter().find(|one| one.key() == bar.key()).and_then(|before| Some((before.step, before.until?)));
        let step = match before {
            Some((step, until)) if bar.since < until => step,
            Some((step, until)) if bar.since <= until.plus(back_off.delay(step)) => step.saturating_add(1),
            Some(_) | None => 0,
        };
        SendBar { step, until: Some(bar.since.plus(back_off.delay(step))), ..bar }
    }
}

impl Flight {
    fn about(&self) -> About<'_> {
        About { number: &self.number, waba: &self.waba, country: self.country.as_deref() }
    }

    /// What the table of codes asks about a message.
    pub fn circumstances(address: &Address, message: &Message) -> (Circumstances, Option<String>) {
        let country = match address {
            Address::Phone(digits) => country::of_phone(digits).map(str::to_owned),
            Address::Bsuid(id) => country::of_bsuid(id).map(str::to_owned),
        };
        let by_link = |media: &Media| matches!(media.source, MediaSource::Link(_));
        let media_by_link = matches!(message, Message::FreeForm(FreeForm::Media(media)) if by_link(media));
        let to_us_number = country.as_deref() == Some("US");
        (Circumstances { to_us_number, media_by_link }, country)
    }
}

/// `uncertain_wait`: how long a send that may have gone waits for news.
pub fn outcome(sent: &Sent, flight: &Flight, now: Timestamp, uncertain_wait: Duration) -> Outcome {
    match sent {
        Sent::Accepted(accepted) => {
            let held = matches!(&accepted.status, Some(MessageStatus::HeldForQualityAssessment));
            let answer = SendAnswer::Accepted { wamid: accepted.wamid.clone(), held };
            Outcome { answer, effects: vec![Effect::Heard], alert: None, word: "accepted" }
        }
        Sent::Refused(refusal) => refused(refusal, flight, now, uncertain_wait),
        Sent::NotSent(reason) => not_sent(reason, flight, now),
        Sent::Unknown(_) => lost(now, uncertain_wait, vec![Effect::Unheard]),
    }
}

/// Nobody knows what became of it: not one panic or lost task of ours may send it twice.
pub(crate) fn lost(now: Timestamp, uncertain_wait: Duration, effects: Vec<Effect>) -> Outcome {
    let answer = SendAnswer::Lost { settle_at: now.plus(uncertain_wait) };
    Outcome { answer, effects, alert: None, word: "unknown" }
}

fn not_sent(reason: &NotSent, flight: &Flight, now: Timestamp) -> Outcome {
    let again = SendAnswer::Later { due_at: now.plus(NOT_SENT), code: None, counts: false };
    match reason {
        // Whoever wrote it must change it.
        NotSent::Request(_) | NotSent::NotHttp => {
            let answer = SendAnswer::Failed { code: None };
            Outcome { answer, effects: vec![], alert: None, word: "failed" }
        }
        NotSent::NoToken(_) => {
            let bar = bar(flight.about(), now, BarScope::Number, BarWhat::Everything, None, "there is no token");
            let bar = SendBar { until_token: true, ..bar };
            let effects = vec![Effect::Bar(NewBar { bar, tried_again: None })];
            Outcome { answer: again, effects, alert: Some(Alert::NoToken), word: "later" }
        }
        NotSent::NotConnected(_) | NotSent::Cancelled => {
            Outcome { answer: again, effects: vec![Effect::Unheard], alert: None, word: "later" }
        }
    }
}

fn refused(refusal: &Refusal, flight: &Flight, now: Timestamp, uncertain_wait: Duration) -> Outcome {
    let failure = refusal.failure();
    let decision = decide(&failure, flight.circumstances);
    let code = failure.code;
    let mut effects = vec![Effect::Heard];
    let wait = |back_off: BackOff| back_off.delay(flight.retries).max(refusal.retry_after.unwrap_or_default());
    let (answer, word) = match decision.action {
        Do::Terminal => (SendAnswer::Failed { code }, "failed"),
        Do::RetryAfter(back_off) if back_off.retries_max().is_some_and(|max| flight.retries >= max) => {
            (SendAnswer::Failed { code }, "failed")
        }
        Do::RetryAfter(back_off) => {
            (SendAnswer::Later { due_at: now.plus(wait(back_off)), code, counts: true }, "later")
        }
        // It waits with everything like it, behind the bar.
        Do::Pause { .. } => (SendAnswer::Later { due_at: now, code, counts: false }, "later"),
        Do::SettleThenRetry(_) => (SendAnswer::Lost { settle_at: now.plus(uncertain_wait) }, "unknown"),
    };
    let slowed = match decision.action {
        Do::RetryAfter(back_off) => wait(back_off),
        Do::Terminal | Do::Pause { .. } | Do::SettleThenRetry(_) => Duration::ZERO,
    };
    effects.extend(decision.effect.and_then(|change| effect(change, slowed)));
    effects.extend(bars(&decision, flight.about(), now).map(Effect::Bar));
    let must_be_told = matches!(decision.tell, Tell::Alert);
    Outcome { answer, effects, alert: code.filter(|_| must_be_told).map(Alert::Code), word }
}

fn effect(change: Change, wait: Duration) -> Option<Effect> {
    Some(match change {
        Change::Slow(Scope::Pair) => Effect::BlockPair(wait),
        Change::Slow(Scope::App | Scope::Account | Scope::AccountPaid | Scope::AccountTemplates) => {
            Effect::SlowAll(wait)
        }
        Change::Slow(Scope::Number | Scope::NumberTemplates) => Effect::SlowNumber(wait),
        Change::CloseWindow => Effect::CloseWindow,
        Change::WithdrawMarketing => Effect::WithdrawMarketing,
        Change::RefreshTemplates => Effect::RefreshTemplates,
        Change::HoldTemplate => Effect::HoldTemplate { for_ever: false },
        Change::DisableTemplate => Effect::HoldTemplate { for_ever: true },
        // A bar.
        Change::BlockCountry => return None,
        // A person confirms who they are; nothing goes by itself meanwhile than what failed.
        Change::VerifyContact | Change::ReadEachUser | Change::PageAgain => return None,
    })
}

/// What may not be sent from now on, whether an answer said so or a status.
pub(crate) fn bars(decision: &Decision, about: About<'_>, now: Timestamp) -> impl Iterator<Item = NewBar> {
    let pause = match decision.action {
        Do::Pause { what, until } => Some(pausing(what, until, about, decision, now)),
        Do::Terminal | Do::RetryAfter(_) | Do::SettleThenRetry(_) => None,
    };
    let country = about.country.filter(|_| matches!(decision.effect, Some(Change::BlockCountry)));
    let country = country.map(|country| {
        let bar = bar(about, now, BarScope::Country, BarWhat::Everything, None, decision.meaning);
        NewBar { bar: SendBar { name: country.to_owned(), ..bar }, tried_again: None }
    });
    pause.into_iter().chain(country)
}

fn pausing(what: Scope, until: Until, about: About<'_>, decision: &Decision, now: Timestamp) -> NewBar {
    let (scope, barred) = match what {
        Scope::App => (BarScope::App, BarWhat::Everything),
        Scope::Number => (BarScope::Number, BarWhat::Everything),
        Scope::NumberTemplates => (BarScope::Number, BarWhat::Templates),
        // A pair is nothing that is written down.
        Scope::Pair => (BarScope::Number, BarWhat::Everything),
        Scope::Account => (BarScope::Account, BarWhat::Everything),
        Scope::AccountTemplates => (BarScope::Account, BarWhat::Templates),
        Scope::AccountPaid => (BarScope::Account, BarWhat::Paid),
    };
    let tried_again = match until {
        Until::NewToken | Until::Person => None,
        Until::Tried(back_off) => Some(back_off),
    };
    let ends = tried_again.map(|back_off| now.plus(back_off.delay(0)));
    let until_token = matches!(until, Until::NewToken);
    NewBar { bar: SendBar { until_token, ..bar(about, now, scope, barred, ends, decision.meaning) }, tried_again }
}

fn bar(
    about: About<'_>,
    now: Timestamp,
    scope: BarScope,
    what: BarWhat,
    until: Option<Timestamp>,
    why: &str,
) -> SendBar {
    let name = match scope {
        BarScope::App => String::new(),
        BarScope::Account => about.waba.to_string(),
        BarScope::Number | BarScope::Template | BarScope::Country => about.number.to_string(),
    };
    let (why, origin) = (why.to_owned(), BarOrigin::Answer);
    SendBar { scope, name, what, since: now, until, until_token: false, step: 0, why, origin }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_in_a_row_make_waits_grow() {
        let (number, waba) = (NumberName::new("support").expect("a name"), WabaId::new("1"));
        let about = About { number: &number, waba: &waba, country: None };
        let hour = Duration::from_secs(60 * 60);
        let at = |hours: u32| Timestamp::from_millis(1_000_000).plus(hour * hours);
        let set = |now: Timestamp, before: &[SendBar]| {
            let new = bar(about, now, BarScope::Number, BarWhat::Templates, Some(now.plus(hour)), "spam");
            NewBar { bar: new, tried_again: Some(BackOff::Hours) }.after(before)
        };
        let first = set(at(0), &[]);
        assert_eq!((first.step, first.until), (0, Some(at(1))));
        let of_another = SendBar { name: "sales".to_owned(), ..first.clone() };
        assert_eq!(set(at(1), &[of_another]).step, 0);
        // It was under way when the first was set.
        let beside = set(at(0).plus_millis(9), std::slice::from_ref(&first));
        assert_eq!((beside.step, beside.until), (0, Some(at(1).plus_millis(9))));
        let second = set(at(2), std::slice::from_ref(&first));
        assert_eq!((second.step, second.until), (1, Some(at(4))));
        let third = set(at(4), std::slice::from_ref(&second));
        assert_eq!((third.step, third.until), (2, Some(at(8))));
        // It was good for as long as it had been bad.
        assert_eq!(set(at(13), &[third]).step, 0);
        let lasting = NewBar { bar: SendBar { until: None, ..second.clone() }, tried_again: None };
        assert_eq!(lasting.after(&[second]).until, None);
    }
}
