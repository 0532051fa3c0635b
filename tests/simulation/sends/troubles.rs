//! What people do meanwhile: customers write, agree and take it back; teams answer, and the business begins.

use fastrand::Rng;
use uuid::Uuid;
use waypost_domain::consent::{Basis, ConsentEntry, Evidence, How, Said};
use waypost_domain::send::content::FreeForm;
use waypost_domain::send::{
    Author, Cause, Parameter, ParameterValue, SendClass, SendContent, SendId, SendRequest, TemplateRequest, Values,
};
use waypost_domain::{ConsentEntryId, ContactId, NumberName};
use waypost_ledger::{AskAnswer, AskedRecord, ConsentRecord, Sends, WrittenRecord};
use waypost_store::NewSend;

use super::{Defect, NUMBERS, World};
use crate::time::{now_ns, sleep, wall_clock};

const WINDOW_MS: i64 = 24 * 60 * 60 * 1000;
const DAY_MS: i64 = WINDOW_MS;

/// Plays what happens, and writes down what was done.
pub(super) async fn play(world: &World, rng: &mut Rng, account: &mut Sends) {
    for n in 0..rng.u32(20..120) {
        sleep(rng.u64(1..400)).await;
        let (customer, number) = (rng.usize(0..world.customers.len()), NUMBERS[rng.usize(0..NUMBERS.len())]);
        match rng.u32(0..10) {
            0 | 1 => write(world, rng, account, customer, number).await,
            2 => consent(world, rng, account, customer, true).await,
            3 => consent(world, rng, account, customer, false).await,
            _ => ask(world, rng, account, customer, number, n).await,
        }
    }
}

/// A customer writes; sometimes it is told of so late that the window is about to end.
async fn write(world: &World, rng: &mut Rng, account: &mut Sends, customer: usize, number: (&str, &str)) {
    let (phone, contact) = &world.customers[customer];
    let age_ms = if rng.bool() { 0 } else { WINDOW_MS - rng.i64(500..8_000) };
    let (now, id) = (wall_clock().as_millis(), Uuid::from_u128(rng.u128(..)).simple().to_string());
    let contact = contact.as_uuid().simple().to_string();
    let (name, phone_number_id) = number;
    let ends = now - age_ms + WINDOW_MS;
    let known = format!("contact_id = x'{contact}' AND number = '{name}'");
    // As the router does: a later end is never replaced by an earlier one.
    let sql = format!(
        "INSERT INTO conversation (id, contact_id, number, state, priority, opened_at, active_at, last_inbound_at,
            window_ends_at)
        SELECT x'{id}', x'{contact}', '{name}', 'open', 'normal', {now}, {now}, {now}, {ends}
        WHERE NOT EXISTS (SELECT 1 FROM conversation WHERE {known});
        UPDATE conversation SET last_inbound_at = {now}, window_ends_at = max(window_ends_at, {ends}) WHERE {known}"
    );
    world.store.script(&sql).await.expect("the store answers");
    account.written.push(WrittenRecord {
        at_ms: now - age_ms,
        phone_number_id: phone_number_id.to_owned(),
        customer: phone.clone(),
        opens_window: true,
    });
}

async fn consent(world: &World, rng: &mut Rng, account: &mut Sends, customer: usize, allows: bool) {
    let (phone, contact) = &world.customers[customer];
    let started_ns = now_ns();
    if allows || world.defect != Defect::ForgetWithdrawals {
        let said = if allows { Said::Granted(Basis::Consent) } else { Said::Withdrawn };
        say(world, rng, *contact, said).await;
    }
    let (customer, answered_ns) = (phone.clone(), now_ns() + 1);
    account.consents.push(ConsentRecord { customer, category: None, allows, started_ns, answered_ns });
}

async fn say(world: &World, rng: &mut Rng, contact: ContactId, said: Said) {
    let entry = ConsentEntry {
        id: ConsentEntryId::from_uuid(Uuid::from_u128(rng.u128(..))),
        contact,
        brand: String::new(),
        category: None,
        said,
        at: Some(wall_clock()),
        recorded_at: wall_clock(),
        how: How::Api,
        source: None,
        recorded_by: "a test".to_owned(),
        evidence: Evidence::default(),
    };
    let mut change = world.store.begin_change().await.expect("the store answers");
    change.append_consent(&[entry]).await.expect("it is written");
    change.commit(&[]).await.expect("it is kept");
}

async fn ask(world: &World, rng: &mut Rng, account: &mut Sends, customer: usize, number: (&str, &str), n: u32) {
    let (phone, contact) = &world.customers[customer];
    let parameter = Parameter { name: None, value: ParameterValue::Text("heute".to_owned()) };
    let template = TemplateRequest {
        name: "parcel".to_owned(),
        language: Some("de".to_owned()),
        language_fallback: None,
        values: Values { body: vec![parameter], ..Values::default() },
    };
    let text = FreeForm::Text { body: format!("answer {n}"), preview_url: false };
    let begins = rng.u32(0..3) == 0;
    let (cause, content) = if begins {
        (Cause::Event(format!("parcel {n}")), SendContent::Template(template.clone()))
    } else {
        (Cause::Reply, SendContent::FreeForm(text))
    };
    let id = SendId::new(format!("s{n}")).expect("an id");
    let line = if cause.class() == SendClass::Answer { "answer" } else { "started" };
    let (name, phone_number_id) = number;
    let name = NumberName::new(name).expect("a name");
    let author = Author::Agent("kim".to_owned());
    let request = SendRequest {
        substitute: (!begins && rng.u32(0..4) == 0).then_some(template),
        strict_order: rng.u32(0..8) == 0,
        ..SendRequest::plain(id.clone(), name, *contact, author, cause, content, wall_clock())
    };
    // Some are of no use any more before their turn comes.
    let ends_at = wall_clock().plus_millis(if rng.u32(0..10) == 0 { 300 } else { DAY_MS });
    let send = NewSend { request, ends_at, resend_of: None, team: None };
    // The same once more, as whoever got no answer does.
    for _ in 0..=u32::from(rng.u32(0..6) == 0) {
        let started_ns = now_ns();
        if world.defect != Defect::ForgetRequests || !n.is_multiple_of(7) {
            world.store.keep_sends(std::slice::from_ref(&send)).await.expect("the store keeps it");
            world.wake.now();
        }
        account.asked.push(AskedRecord {
            send: id.to_string(),
            phone_number_id: phone_number_id.to_owned(),
            customer: phone.clone(),
            line: line.to_owned(),
            started_ns,
            answered_ns: now_ns() + 1,
            answer: AskAnswer::Kept,
        });
    }
}
