//! The question that policy is asked about one send, put together from what the store knows of contact and number.

use waypost_domain::consent::Folded;
use waypost_domain::send::{SendRequest, SendState};
use waypost_domain::{Alias, Category, Timestamp, Window, phone};
use waypost_policy::asked::{
    Age, ContactFacts, ConversationFacts, Health, NumberFacts, OptInState, Places, Recent, RecentContent, Usage,
};
use waypost_policy::verdict::{Message, Verdict};
use waypost_policy::{Asked, Record};
use waypost_store::{PortfolioUse, Reach, RecentSend, SendFacts};

use super::{OurNumber, Sending};

/// The messaging limit is the business's: <https://developers.facebook.com/docs/whatsapp/messaging-limits>. One deployment is
/// one business, so all its numbers are of one portfolio.
pub const PORTFOLIO: &str = "business";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Meta refused marketing to a customer for now.
const ENOUGH_MARKETING: i64 = 131_049;

/// Everything that is known, but for the request itself.
pub struct Question<'a> {
    sending: &'a Sending,
    number: &'a OurNumber,
    now: Timestamp,
    contact: ContactFacts,
    number_facts: NumberFacts,
    conversation: ConversationFacts,
    health: Health,
    marketing_sent_at: Vec<Timestamp>,
    automatic_sent_at: Vec<Timestamp>,
    marketing_refused_until: Option<Timestamp>,
    recent: Vec<(Timestamp, Message, Option<String>)>,
    has_place: bool,
}

/// How far back is looked for it at `now`.
pub fn reach(sending: &Sending, now: Timestamp) -> Reach<'static> {
    let policy = &sending.policy;
    let minutes = policy.frequency.iter().chain([&policy.automatic]).map(|cap| cap.period_minutes).max();
    let caps_ms = i64::from(minutes.unwrap_or_default()) * 60_000;
    Reach {
        recent_since: now.plus_millis(-caps_ms.max(DAY_MS)),
        verdicts_since: now.plus_millis(-i64::from(policy.repeat_s) * 1000),
        portfolio: PORTFOLIO,
        places_since: now.plus_millis(-DAY_MS),
    }
}

impl<'a> Question<'a> {
    /// `last_seen_at`: when the message came that the request's author had read last, where it names one that is known.
    pub fn new(
        sending: &'a Sending,
        number: &'a OurNumber,
        facts: &SendFacts,
        last_seen_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Self {
        let consent = facts.consents(&number.brand, now);
        let ours = sending.numbers.values().filter_map(|number| number.phone.clone()).collect();
        let has_newer = last_seen_at.zip(facts.last_inbound_at).is_some_and(|(seen, last)| last > seen);
        Self {
            contact: contact(facts, consent),
            number_facts: NumberFacts { phone: number.phone.clone(), zone: None, ours },
            conversation: ConversationFacts {
                window: Window { ends_at: facts.window_ends_at },
                other_app_holds_thread: facts.other_app_holds_thread,
                unseen: u32::from(has_newer),
            },
            health: sending.health(number, now),
            marketing_sent_at: times(facts, |recent| recent.category == Some(Category::Marketing)),
            automatic_sent_at: times(facts, |recent| recent.is_automatic),
            marketing_refused_until: refused_until(facts),
            recent: facts.recent.iter().filter_map(what_went).collect(),
            has_place: facts.has_place,
            sending,
            number,
            now,
        }
    }

    /// The verdict, and what is stored of it. `places`: how much of the messaging limit is used.
    pub fn ask(&self, request: &SendRequest, places: &PortfolioUse, opt_in: OptInState) -> (Verdict, Record) {
        let recent: Vec<Recent<'_>> =
            self.recent.iter().map(|(sent_at, message, body)| recent(*sent_at, message, body)).collect();
        let usage = Usage {
            marketing_sent_at: &self.marketing_sent_at,
            automatic_sent_at: &self.automatic_sent_at,
            marketing_refused_until: self.marketing_refused_until,
            places: Places {
                tier: places.tier.as_deref(),
                used: places.used,
                has_contact: self.has_place,
                next_free_at: places.next_free_at,
            },
            recent: &recent,
        };
        let asked = Asked {
            now: self.now,
            request,
            contact: &self.contact,
            number: &self.number_facts,
            conversation: self.conversation,
            templates: self.sending.templates_of(self.number),
            health: &self.health,
            usage: &usage,
            opt_in,
            data: &self.sending.policy,
        };
        let verdict = waypost_policy::verdict(&asked);
        let record = Record::new(&asked, verdict.clone());
        (verdict, record)
    }
}

fn contact(facts: &SendFacts, Folded { consents, has_suspected_stop }: Folded) -> ContactFacts {
    let attribute = |name: &str| facts.contact.attributes.get(name).filter(|value| !value.is_empty());
    let is = |name: &str| attribute(name).is_some_and(|value| matches!(value.as_str(), "true" | "yes" | "1"));
    let of = |pick: fn(&Alias) -> Option<&String>| facts.aliases.iter().find_map(pick).cloned();
    ContactFacts {
        phone: of(|alias| if let Alias::Phone(digits) = alias { is_canonical(digits).then_some(digits) } else { None }),
        bsuid: of(|alias| if let Alias::Bsuid(id) = alias { Some(id) } else { None }),
        country: attribute("country").map(|country| country.to_ascii_uppercase()),
        region: attribute("region").map(|region| region.to_ascii_uppercase()),
        language: facts.contact.language.known.as_ref().map(|known| known.tag.clone()),
        zone: attribute("zone").cloned(),
        age: match (is("minor"), is("adult")) {
            (true, _) => Age::Minor,
            (false, true) => Age::Adult,
            (false, false) => Age::Unknown,
        },
        is_deceased: is("deceased"),
        has_dispute: is("dispute"),
        // What they agreed to since lifts it.
        is_suppressed: facts.suppressed_at.is_some_and(|at| consents.stop.is_some_and(|stop| stop.at == at)),
        is_blocked: is("blocked"),
        has_suspected_stop,
        consents,
    }
}

/// A number is kept under its other spellings too.
fn is_canonical(digits: &str) -> bool {
    phone::canonical(digits) == digits
}

/// Of what went, or may have gone.
fn times(facts: &SendFacts, wanted: impl Fn(&RecentSend) -> bool) -> Vec<Timestamp> {
    let went = |recent: &&RecentSend| recent.state.may_have_left() && recent.state != SendState::Failed;
    facts.recent.iter().filter(went).filter(|recent| wanted(recent)).map(|recent| recent.attempted_at).collect()
}

fn refused_until(facts: &SendFacts) -> Option<Timestamp> {
    let failures = facts.recent.iter().filter_map(|recent| recent.failed);
    let refused = failures.filter(|(_, code)| *code == Some(ENOUGH_MARKETING)).map(|(at, _)| at.plus_millis(DAY_MS));
    refused.max()
}

fn what_went(recent: &RecentSend) -> Option<(Timestamp, Message, Option<String>)> {
    let record: Record = serde_json::from_slice(recent.verdict.as_deref()?).ok()?;
    let allowed = record.verdict.allowed()?;
    let body = allowed.preview.as_ref().map(|preview| preview.body.clone());
    Some((recent.attempted_at, allowed.message.clone(), body))
}

fn recent<'m>(sent_at: Timestamp, message: &'m Message, body: &'m Option<String>) -> Recent<'m> {
    let content = match message {
        Message::FreeForm(content) => RecentContent::FreeForm(content),
        Message::Template(_) => RecentContent::TemplateBody(body.as_deref().unwrap_or_default()),
    };
    Recent { sent_at, content }
}
