//! Bird's table (<https://docs.bird.com/api/channels-api/message-status-and-interactions/message-failure-codes>): of
//! failed messages, beside which WhatsApp's own codes are in force where Bird passes them on; and statuses of answers,
//! which have no code.

use super::table::{row, stop};
use super::{BackOff, Concern, Do, Row, Scope, Until};

/// Every code of Bird's that we know.
pub const BIRD: &[Row] = &[
    // Statuses of answers: who we are, what we pay, and what we may do.
    row(401, "the access key cannot be used", Concern::Token, stop(Scope::Number, Until::NewToken)).alert(),
    row(402, "the account cannot pay", Concern::Payment, stop(Scope::Number, Until::Person)).alert(),
    row(403, "the access key may not do this", Concern::Permission, stop(Scope::Number, Until::Person)).alert(),
    // Of failed messages.
    row(11_001, "the channel does not take this", Concern::Content, Do::Terminal),
    row(11_002, "a parameter is wrong", Concern::Content, Do::Terminal),
    row(12_001, "something went wrong at Bird", Concern::Service, Do::RetryAfter(BackOff::Outage)),
    row(12_002, "the template cannot be sent as it is", Concern::Template, Do::Terminal),
    row(12_003, "the number may not write to this customer", Concern::Contact, Do::Terminal),
    row(15_001, "WhatsApp did not deliver it", Concern::Service, Do::Terminal).if_many(),
    row(15_005, "the recipient is not known", Concern::Contact, Do::Terminal).if_many(),
];
