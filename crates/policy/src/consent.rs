//! Whether the customer agreed to what goes: for the category that it has now, also where a template goes in the place of
//! something else. A stop ends everything that the business begins, at once.

use waypost_domain::consent::{Basis, Grant, Stop};
use waypost_domain::send::Cause;
use waypost_domain::{Category, EffectiveConsent};

use crate::asked::{Asked, OptInState};
use crate::going::Going;
use crate::rule::Rule;
use crate::verdict::{Answer, Finding, Halt, Warning, refuse};

/// The grant that allows it, where it needs one.
pub(crate) fn granted(asked: &Asked<'_>, going: &mut Going<'_>) -> Answer<Option<Grant>> {
    let request = asked.request;
    let is_confirmation = request.cause == Cause::StopConfirmation;
    match asked.contact.consents.stop {
        None if is_confirmation => return refuse(Finding::new(Rule::StopConfirmed)),
        None => {}
        Some(stop) => after_stop(asked, going, stop)?,
    }
    // A code that somebody has just asked for is wanted.
    if going.category == Category::Authentication && request.cause == Cause::CustomerAsked {
        return Ok(None);
    }
    let Some(consent) = asked.contact.consents.of(going.category) else { return Ok(None) };
    let rule = match consent {
        EffectiveConsent::Granted(grant) if grant.basis == Basis::Contract && going.category == Category::Marketing => {
            Rule::ConsentBasis
        }
        EffectiveConsent::Granted(grant) => return Ok(Some(grant)),
        EffectiveConsent::Unknown => Rule::ConsentUnknown,
        EffectiveConsent::Pending => Rule::ConsentPending,
        EffectiveConsent::Lapsed => Rule::ConsentLapsed,
        EffectiveConsent::Withdrawn => Rule::ConsentWithdrawn,
    };
    refuse(Finding::new(rule).detail(going.category.as_str()))
}

/// A stop may have come that is not in the ledger yet, or nobody has judged whether it is one.
pub(crate) fn no_stop_is_pending(asked: &Asked<'_>, going: &mut Going<'_>) -> Answer {
    let is_marketing = going.category == Category::Marketing;
    if is_marketing && asked.contact.has_suspected_stop {
        return Err(Halt::wait(None, Finding::new(Rule::SuspectedStop)));
    }
    // Neither does a person's answer wait, nor the confirmation of a stop, which has to come soon.
    let is_confirmation = asked.request.cause == Cause::StopConfirmation;
    if is_confirmation || !is_marketing && !asked.request.author.is_automatic() {
        return Ok(());
    }
    match asked.opt_in {
        OptInState::CaughtUp => Ok(()),
        OptInState::Behind => Err(Halt::wait_a_moment(Finding::new(Rule::StopPending))),
        OptInState::NotInstalled => {
            going.warnings.push(Warning::OptInNotInstalled);
            Ok(())
        }
    }
}

/// What is left after a stop: its one confirmation, codes that the customer asks for, and answers. Given an answer in the
/// window that the stop itself opened, or one before, then only a person finishes what they had begun; once the customer has
/// written again, everybody answers.
fn after_stop(asked: &Asked<'_>, going: &mut Going<'_>, stop: Stop) -> Answer {
    let request = asked.request;
    if request.cause == Cause::StopConfirmation && going.is_answer() {
        return if stop.is_confirmed { refuse(Finding::new(Rule::StopConfirmed)) } else { Ok(()) };
    }
    if going.category == Category::Authentication && request.cause == Cause::CustomerAsked {
        return Ok(());
    }
    if !going.is_answer() {
        return refuse(Finding::new(Rule::Stopped));
    }
    if asked.conversation.window.opened_at().is_some_and(|opened_at| opened_at > stop.at) {
        return Ok(());
    }
    if request.author.is_automatic() || !asked.data.finish_after_stop {
        return refuse(Finding::new(Rule::Stopped));
    }
    going.warnings.push(Warning::AfterStop);
    Ok(())
}
