//! What the benchmark sends, and how old it is when it arrives.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const CONTACTS: usize = 5_000;
/// What customers write, each always the same, and the queue that `deploy/rules.toml` sends it to. Of one length.
pub(super) const TEXTS: [(&str, &str); 4] = [
    ("where is my order, please? ", "team.support.normal"),
    ("about my invoice, please.  ", "team.billing.normal"),
    ("hello, and good morning!   ", "team.frontdesk.normal"),
    ("a real person, if I may... ", "team.people.urgent"),
];

/// A webhook with one text message that makes an event of about 1 KB.
pub(super) fn webhook(run: &str, number: usize, mark: &str) -> Vec<u8> {
    let contact = number % CONTACTS;
    let filler = TEXTS[contact % TEXTS.len()].0.repeat(18);
    format!(
        r#"{{"object":"whatsapp_business_account","entry":[{{"id":"102290129340398","changes":[{{"field":"messages","value":{{"messaging_product":"whatsapp","metadata":{{"display_phone_number":"15550783881","phone_number_id":"106540352242922"}},"contacts":[{{"profile":{{"name":"Customer {contact}"}},"wa_id":"1650555{contact:04}","user_id":"US.1349120865530274{contact:04}"}}],"messages":[{{"from":"1650555{contact:04}","from_user_id":"US.1349120865530274{contact:04}","id":"wamid.{run}.{number}","timestamp":"1749416383","type":"text","text":{{"body":"{mark} {filler}"}}}}]}}}}]}}]}}"#
    )
    .into_bytes()
}

fn now_nanos() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

/// The time now; 0 for a message that is not to be measured.
pub(super) fn stamp_of_turn(number: usize, unmeasured: usize) -> u64 {
    if number < unmeasured { 0 } else { now_nanos() }
}

pub(super) fn age_of(sent_nanos: u64) -> Option<Duration> {
    (sent_nanos > 0).then_some(())?;
    now_nanos().checked_sub(sent_nanos).map(Duration::from_nanos)
}
