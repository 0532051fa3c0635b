//! How much is enough: our own caps on marketing and on what machines say, Meta's refusal of more marketing, and its limit on
//! customers who are written to outside of windows.
//!
//! Source: Meta's pages on messaging limits and on per-user marketing limits (131049).

use waypost_domain::send::Cause;
use waypost_domain::team::Priority;
use waypost_domain::{Category, Timestamp};

use crate::asked::Asked;
use crate::data::Cap;
use crate::going::Going;
use crate::rule::Rule;
use crate::verdict::{Answer, Finding, Halt, refuse};

/// Two machines that answer each other end here. It is refused, not put off: what a machine says later, nobody asked for.
pub(crate) fn automatic(asked: &Asked<'_>) -> Answer {
    // A customer is told once that their stop was understood, however much they got before.
    if !asked.request.author.reacts_by_itself() || asked.request.cause == Cause::StopConfirmation {
        return Ok(());
    }
    let cap = asked.data.automatic;
    match free_at(cap, asked.usage.automatic_sent_at, asked.now) {
        Some(_) => {
            let detail = format!("{} in {} minutes", cap.messages, cap.period_minutes);
            refuse(Finding::new(Rule::AutomaticCap).detail(detail))
        }
        None => Ok(()),
    }
}

/// Marketing to this contact.
pub(crate) fn marketing(asked: &Asked<'_>, going: &Going<'_>) -> Answer {
    if going.category != Category::Marketing {
        return Ok(());
    }
    // What goes inside a window does not count there.
    let is_in_window = asked.conversation.window.is_open(asked.now);
    let refused_until = asked.usage.marketing_refused_until.filter(|until| asked.now < *until && !is_in_window);
    if refused_until.is_some() {
        return Err(Halt::wait(refused_until, Finding::new(Rule::MarketingRefused)));
    }
    let caps = asked.data.frequency.iter();
    let waits = caps.filter_map(|cap| Some((free_at(*cap, asked.usage.marketing_sent_at, asked.now)?, cap)));
    match waits.max_by_key(|(until, _)| *until) {
        Some((until, cap)) => {
            let detail = format!("{} in {} minutes", cap.messages, cap.period_minutes);
            Err(Halt::wait(Some(until), Finding::new(Rule::FrequencyCap).detail(detail)))
        }
        None => Ok(()),
    }
}

/// Whether it takes a place of the messaging limit, which is free.
pub(crate) fn place(asked: &Asked<'_>, going: &Going<'_>) -> Answer<bool> {
    let places = asked.usage.places;
    if !going.is_template() || asked.conversation.window.is_open(asked.now) || places.has_contact {
        return Ok(false);
    }
    let data = &asked.data.messaging_limit;
    let Some(limit) = data.places(places.tier) else { return Ok(true) };
    let reserve = match asked.request.priority {
        Priority::Urgent => 0,
        Priority::Normal => data.reserve(limit),
    };
    if places.used < limit - reserve {
        return Ok(true);
    }
    let detail = format!("{} of {limit} used, {reserve} kept for urgent ones", places.used);
    Err(Halt::wait(places.next_free_at, Finding::new(Rule::MessagingLimit).detail(detail)))
}

/// When one more may be sent; `None`: now.
fn free_at(cap: Cap, sent_at: &[Timestamp], now: Timestamp) -> Option<Timestamp> {
    let frees = |sent_at: &Timestamp| sent_at.plus_millis(cap.period_ms());
    let mut counted: Vec<Timestamp> = sent_at.iter().map(frees).filter(|free_at| *free_at > now).collect();
    let over = counted.len().checked_sub(cap.messages as usize)?;
    counted.sort_unstable();
    counted.get(over).copied()
}
