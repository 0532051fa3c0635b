//! Twilio's table (<https://www.twilio.com/docs/api/errors>): the same in answers and in status callbacks. Its codes begin
//! where Meta has none.

use super::table::{row, stop};
use super::{BackOff, Circumstance, Concern, Do, Effect, Row, Scope, Until};

/// Every code of Twilio's that we know.
pub const TWILIO: &[Row] = &[
    // Who we are, and what we may do.
    row(20_003, "the auth token cannot be used", Concern::Token, stop(Scope::Number, Until::NewToken)).alert(),
    row(63_007, "Twilio has no WhatsApp sender of this number", Concern::Number, stop(Scope::Number, Until::Person))
        .alert(),
    row(63_020, "the account is restricted", Concern::Account, stop(Scope::Account, Until::Person)).alert(),
    // Too fast, or too much.
    row(20_429, "too many requests", Concern::Number, Do::RetryAfter(BackOff::Throttle))
        .then(Effect::Slow(Scope::Number)),
    row(63_017, "the number sends too fast", Concern::Number, Do::RetryAfter(BackOff::Throttle))
        .to(63_018)
        .then(Effect::Slow(Scope::Number)),
    row(63_038, "the account has sent its messages of the day", Concern::Account, DAILY).alert(),
    // The customer.
    row(21_610, "the customer has stopped messages", Concern::Contact, Do::Terminal).then(Effect::WithdrawMarketing),
    row(63_003, "the recipient cannot be reached", Concern::Contact, Do::Terminal).if_many(),
    row(63_014, "the customer has blocked the number", Concern::Contact, Do::Terminal),
    row(63_016, "the customer service window is closed", Concern::Contact, Do::Terminal).then(Effect::CloseWindow),
    row(63_024, "the recipient is not on WhatsApp", Concern::Contact, Do::Terminal).if_many(),
    row(63_032, "WhatsApp does not let this customer have it", Concern::Contact, Do::Terminal),
    row(63_033, "the customer has blocked the number", Concern::Contact, Do::Terminal),
    // The template and the file.
    row(21_656, "the template's values are wrong", Concern::Template, Do::Terminal),
    row(63_019, "the file cannot be used", Concern::Media, Do::Terminal)
        .except(Circumstance::MediaByLink, Do::RetryAfter(BackOff::Once)),
    row(63_027, "there is no such template in this language", Concern::Template, Do::Terminal)
        .then(Effect::RefreshTemplates),
    row(63_028, "the number of parameters is wrong", Concern::Template, Do::Terminal),
    row(63_041, "the template is paused", Concern::Template, Do::Terminal).then(Effect::HoldTemplate).if_many(),
    // Twilio's service. The first may be said of a request that went through.
    row(20_500, "something went wrong at Twilio", Concern::Service, Do::SettleThenRetry(BackOff::Outage)),
    row(20_503, "Twilio's service is down", Concern::Service, Do::RetryAfter(BackOff::Outage)),
];

const DAILY: Do = stop(Scope::Account, Until::Tried(BackOff::Hours));
