//! The table itself: a row for each code, or for each run of them, in the order in which one reads them.

use super::{BackOff, Circumstance, Concern, Do, Effect, Row, Scope, Tell, Until};

/// Every code of Meta's that we know.
pub const TABLE: &[Row] = &[
    // Who we are, and what we may do.
    row(0, "the token cannot be used", Concern::Token, stop(Scope::Number, Until::NewToken)).alert(),
    row(190, "the token has expired", Concern::Token, stop(Scope::Number, Until::NewToken)).alert(),
    row(3, "the app may not use this", Concern::Permission, stop(Scope::Number, Until::Person)).alert(),
    row(10, "the permission is missing", Concern::Permission, stop(Scope::Number, Until::Person)).alert(),
    row(200, "the permission is missing", Concern::Permission, stop(Scope::Number, Until::Person)).to(299).alert(),
    row(131_005, "access is denied", Concern::Permission, stop(Scope::Number, Until::Person)).alert(),
    // Too fast, or too much.
    row(4, "too many calls of the app", Concern::App, Do::RetryAfter(BackOff::Minutes)).then(Effect::Slow(Scope::App)),
    row(613, "too many calls", Concern::App, Do::RetryAfter(BackOff::Minutes)).then(Effect::Slow(Scope::App)),
    row(80_007, "too many calls for the account", Concern::App, Do::RetryAfter(BackOff::Minutes))
        .then(Effect::Slow(Scope::App)),
    row(130_429, "the number sends too fast", Concern::Number, Do::RetryAfter(BackOff::Throttle))
        .then(Effect::Slow(Scope::Number)),
    row(131_056, "too many messages to this customer", Concern::Pair, Do::RetryAfter(BackOff::Throttle))
        .then(Effect::Slow(Scope::Pair)),
    row(131_048, "too many of the number's messages were blocked or reported", Concern::Number, SPAM).alert(),
    row(131_064, "templates were filed under the wrong category", Concern::Account, MISFILED).alert(),
    // The customer.
    row(131_049, "the customer gets enough marketing already", Concern::Contact, Do::RetryAfter(BackOff::Day))
        .except(Circumstance::ToUsNumber, Do::Terminal),
    row(131_050, "the customer has stopped marketing", Concern::Contact, Do::Terminal).then(Effect::WithdrawMarketing),
    row(130_472, "the customer is part of an experiment of Meta's", Concern::Contact, Do::Terminal),
    row(131_047, "the customer service window is closed", Concern::Contact, Do::Terminal).then(Effect::CloseWindow),
    row(131_026, "the message cannot be delivered", Concern::Contact, Do::Terminal).if_many(),
    row(130_403, "you blocked this customer", Concern::Contact, Do::Terminal),
    row(131_030, "the recipient is not on the test number's list", Concern::Contact, Do::Terminal),
    row(131_062, "this cannot be sent to a user id", Concern::Contact, Do::Terminal),
    row(137_000, "the customer's identity has changed", Concern::Contact, Do::Terminal).then(Effect::VerifyContact),
    row(130_497, "the business may not write to this country", Concern::Country, Do::Terminal)
        .then(Effect::BlockCountry)
        .alert(),
    // The request.
    row(100, "a parameter is wrong", Concern::Content, Do::Terminal),
    row(131_008, "a parameter is missing", Concern::Content, Do::Terminal),
    row(131_009, "a parameter's value is wrong", Concern::Content, Do::Terminal),
    row(131_021, "sender and recipient are the same", Concern::Content, Do::Terminal),
    row(131_051, "the type of message is not supported", Concern::Content, Do::Terminal),
    row(135_000, "the message cannot be sent as it is", Concern::Content, Do::Terminal),
    row(131_052, "the customer's file cannot be fetched", Concern::Media, Do::Terminal),
    row(131_053, "the file cannot be used", Concern::Media, Do::Terminal)
        .except(Circumstance::MediaByLink, Do::RetryAfter(BackOff::Once)),
    // The template.
    row(132_000, "the number of parameters is wrong", Concern::Template, Do::Terminal),
    row(132_001, "there is no such template in this language", Concern::Template, Do::Terminal)
        .then(Effect::RefreshTemplates),
    row(132_005, "the filled-in text is too long", Concern::Template, Do::Terminal),
    row(132_007, "the text breaks WhatsApp's policy", Concern::Template, Do::Terminal),
    row(132_008, "the template cannot be sent as it is", Concern::Template, Do::Terminal),
    row(132_012, "a parameter's format is wrong", Concern::Template, Do::Terminal),
    row(132_015, "the template is paused", Concern::Template, Do::Terminal).then(Effect::HoldTemplate).if_many(),
    row(132_016, "the template is disabled for ever", Concern::Template, Do::Terminal).then(Effect::DisableTemplate),
    row(132_018, "a parameter's value is not allowed", Concern::Template, Do::Terminal),
    row(132_068, "the form is blocked", Concern::Flow, Do::Terminal),
    row(132_069, "the form is opened too often", Concern::Flow, Do::RetryAfter(BackOff::Minutes)),
    // The account and the number.
    row(368, "the account is restricted", Concern::Account, stop(Scope::Account, Until::Person)).alert(),
    row(131_031, "the account is locked", Concern::Account, stop(Scope::Account, Until::Person)).alert(),
    row(131_042, "the payment method fails", Concern::Payment, stop(Scope::AccountPaid, Until::Person)).alert(),
    row(33, "the number has been deleted", Concern::Number, stop(Scope::Number, Until::Person)).alert(),
    row(131_037, "the number's display name is not approved", Concern::Number, stop(Scope::Number, Until::Person))
        .alert(),
    row(131_045, "the number is not registered", Concern::Number, stop(Scope::Number, Until::Person)).alert(),
    row(133_010, "the number is not registered", Concern::Number, stop(Scope::Number, Until::Person)).alert(),
    // The wrong API, or not signed up for it.
    row(131_055, "this cannot be sent through this API", Concern::Setup, Do::Terminal),
    row(131_063, "marketing goes through another API", Concern::Setup, Do::Terminal),
    row(134_011, "the terms of payments are not accepted", Concern::Setup, Do::Terminal),
    row(134_100, "only marketing goes through this API", Concern::Setup, Do::Terminal),
    row(134_101, "the template is new to this API", Concern::Setup, Do::RetryAfter(BackOff::TemplateSync)),
    row(134_102, "the account has not signed up for this API", Concern::Setup, Do::Terminal),
    row(139_200, "the account may not send without a template", Concern::Setup, Do::Terminal),
    // Beside sending.
    row(139_100, "some customers could not be blocked", Concern::BlockList, Do::Terminal).then(Effect::ReadEachUser),
    row(139_101, "the block list is full", Concern::BlockList, Do::Terminal),
    row(139_102, "the block list changed while it was read", Concern::BlockList, Do::RetryAfter(BackOff::AtOnce))
        .then(Effect::PageAgain),
    row(139_103, "the block list is out of order", Concern::BlockList, Do::RetryAfter(BackOff::Outage)),
    row(80_008, "too many calls about templates", Concern::TemplateManagement, Do::RetryAfter(BackOff::Minutes)),
    row(2_388_000, "the template cannot be changed so", Concern::TemplateManagement, Do::Terminal).to(2_388_999),
    row(2_494_191, "another app keeps the thread", Concern::ThreadControl, Do::Terminal),
    // Meta's service. The first three are said of requests that went through, too.
    row(1, "something went wrong at Meta", Concern::Service, Do::SettleThenRetry(BackOff::Outage)),
    row(2, "Meta's service is down", Concern::Service, Do::SettleThenRetry(BackOff::Outage)),
    row(131_000, "something went wrong at Meta", Concern::Service, Do::SettleThenRetry(BackOff::Outage)),
    row(131_016, "Meta's service is overloaded", Concern::Service, Do::RetryAfter(BackOff::Outage)),
    row(131_057, "the account is being maintained", Concern::Service, Do::RetryAfter(BackOff::Outage)),
    row(133_004, "Meta's service is down", Concern::Service, Do::RetryAfter(BackOff::Outage)),
];

const SPAM: Do = stop(Scope::NumberTemplates, Until::Tried(BackOff::Hours));
const MISFILED: Do = stop(Scope::AccountTemplates, Until::Tried(BackOff::Day));

pub(super) const fn stop(what: Scope, until: Until) -> Do {
    Do::Pause { what, until }
}

/// One code, of which nobody is told and that changes nothing else.
pub(super) const fn row(code: i64, meaning: &'static str, concerns: Concern, action: Do) -> Row {
    let (first, last) = (code, code);
    Row { first, last, meaning, concerns, action, exception: None, tell: Tell::Nobody, effect: None }
}

impl Row {
    pub(super) const fn to(self, last: i64) -> Self {
        Self { last, ..self }
    }

    pub(super) const fn except(self, circumstance: Circumstance, action: Do) -> Self {
        Self { exception: Some((circumstance, action)), ..self }
    }

    pub(super) const fn then(self, effect: Effect) -> Self {
        Self { effect: Some(effect), ..self }
    }

    pub(super) const fn alert(self) -> Self {
        Self { tell: Tell::Alert, ..self }
    }

    pub(super) const fn if_many(self) -> Self {
        Self { tell: Tell::AlertIfMany, ..self }
    }
}
