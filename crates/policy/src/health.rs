//! What Meta lets us send at present: the account, the number, and who pays. All of it passes, so sends wait; none is lost for
//! a token that ran out.
//!
//! Source: Meta's pages on policy enforcement (restrictions), health status, error codes and pricing.

use waypost_domain::Timestamp;

use crate::asked::{Asked, Bar, Barred, Payment};
use crate::going::Going;
use crate::rule::Rule;
use crate::verdict::{Answer, Finding, Halt};

pub(crate) fn allows(asked: &Asked<'_>, going: &Going<'_>) -> Answer {
    let parts = [(&asked.health.account, Rule::AccountStopped), (&asked.health.number, Rule::NumberStopped)];
    for (bars, rule) in parts {
        if let Some(bar) = last_of(bars, going, asked.now) {
            return Err(Halt::wait(bar.until, Finding::new(rule).detail(&bar.why)));
        }
    }
    Ok(())
}

/// Whether it is paid for. Since October 2026 answers are billed too, beyond those that are free every month.
pub(crate) fn is_paid(asked: &Asked<'_>, going: &Going<'_>) -> Answer {
    match asked.health.payment {
        Payment::Set => Ok(()),
        Payment::Missing { free_answers_left } if free_answers_left > 0 && !going.is_template() => Ok(()),
        Payment::Missing { .. } => Err(Halt::wait(None, Finding::new(Rule::PaymentMissing))),
    }
}

/// Of those in force, the one that lasts longest.
fn last_of<'a>(bars: &'a [Bar], going: &Going<'_>, now: Timestamp) -> Option<&'a Bar> {
    let in_force = bars.iter().filter(|bar| bar.until.is_none_or(|until| now < until) && is_about(bar.what, going));
    in_force.max_by_key(|bar| bar.until.map_or(i64::MAX, Timestamp::as_millis))
}

fn is_about(what: Barred, going: &Going<'_>) -> bool {
    match what {
        Barred::Everything => true,
        Barred::Templates => going.is_template(),
        Barred::Category(category) => going.is_of(category),
    }
}
