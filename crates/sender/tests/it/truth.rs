//! The truth about one send: nothing is lost, nothing goes twice without saying so, and what is told is what is known.

use waypost_domain::send::{Author, Cause, SendRequest, SendState};
use waypost_domain::template::TemplateStatus;
use waypost_domain::{Category, message::MessageError};

use crate::platform::Does;
use crate::rig::{Rig, status};

#[tokio::test]
async fn what_is_accepted_is_not_called_delivered() {
    let rig = Rig::new().await;
    let ann = rig.customer("4930901820").await;
    rig.start("a");
    rig.ask([rig.text("one", ann).await]).await;
    let row = rig.until("one", SendState::Accepted).await;
    assert_eq!(row.wamid.as_deref(), Some("wamid.wp1/one/1"));
    assert_eq!((row.attempt, row.category, row.progress.delivered_at), (1, Some(Category::Service), None));
    let posted = rig.platform.posted.borrow().clone();
    assert_eq!((posted.len(), posted[0].from.as_str(), posted[0].to.as_str()), (1, "1", "4930901820"));
    rig.tell(&[status("one", 1, "read")]).await;
    assert_eq!(rig.row("one").await.state(), SendState::Read);
    rig.stop().await;
}

/// Outbound case 1: the platform accepts, then the answer is lost.
#[tokio::test]
async fn a_lost_answer_is_settled_by_the_echoed_mark() {
    let rig = Rig::new().await;
    let ann = rig.customer("4930901820").await;
    rig.platform.next([Does::TakeAndReset]);
    rig.start("a");
    rig.ask([rig.text("one", ann).await]).await;
    rig.until("one", SendState::Uncertain).await;
    rig.tell(&[status("one", 1, "sent")]).await;
    assert_eq!(rig.row("one").await.wamid.as_deref(), Some("wamid.wp1/one/1"));
    // Past the time after which an answer of which nothing was heard would go again.
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    assert_eq!(rig.platform.whats(), ["one"], "one message exists");
    assert_eq!(rig.row("one").await.state(), SendState::Sent);
    rig.stop().await;
}

/// Given a carrier that may be silent about a message that it has, then nothing goes twice by itself, and late news
/// settle it.
#[tokio::test]
async fn silence_of_who_may_be_silent_repeats_nothing() {
    let rig = Rig::new().await;
    let ann = rig.customer("4930901820").await;
    rig.platform.may_be_silent.store(true, std::sync::atomic::Ordering::Relaxed);
    rig.platform.next([Does::TakeAndReset]);
    rig.start("a");
    rig.ask([rig.text("one", ann).await]).await;
    let row = rig.until_row("one", |row| row.due_at.as_millis() == i64::MAX).await;
    assert_eq!((row.state(), row.attempt, row.maybe_duplicate), (SendState::Uncertain, 1, false));
    rig.tell(&[status("one", 1, "delivered")]).await;
    assert_eq!(rig.row("one").await.state(), SendState::Delivered);
    assert_eq!(rig.platform.whats(), ["one"], "one message exists");
    rig.stop().await;
}

/// An answer that nobody heard of goes once more, and says so; what the business began does not.
#[tokio::test]
async fn silence_repeats_an_answer_once_and_nothing_else() {
    let rig = Rig::new().await;
    let (ann, bob) = (rig.customer("4930901820").await, rig.customer("4930901821").await);
    rig.agrees(bob).await;
    rig.template("offer", Category::Utility, TemplateStatus::Approved).await;
    rig.platform.next([Does::Reset, Does::Reset]);
    rig.start("a");
    rig.ask([rig.text("answer", ann).await, rig.offer("offer", bob, "offer").await]).await;
    let row = rig.until("answer", SendState::Accepted).await;
    assert_eq!((row.attempt, row.maybe_duplicate), (2, true));
    let offer = rig.until_row("offer", |row| row.due_at.as_millis() == i64::MAX).await;
    assert_eq!((offer.state(), offer.attempt, offer.maybe_duplicate), (SendState::Uncertain, 1, false));
    assert_eq!(rig.platform.whats().iter().filter(|what| *what == "offer/de").count(), 1);
    rig.tell(&[status("offer", 1, "delivered")]).await;
    assert_eq!(rig.row("offer").await.state(), SendState::Delivered, "it had gone after all");
    rig.stop().await;
}

/// Outbound case 7: an expired token burns no attempt, and a new one resumes.
#[tokio::test]
async fn an_expired_token_stops_the_number_and_a_new_one_resumes_it() {
    let rig = Rig::new().await;
    rig.platform.always(Does::Refuse(401, 190));
    let mut ids = Vec::new();
    for n in 0..10 {
        let contact = rig.customer(&format!("493090182{n}")).await;
        let request = SendRequest { number: crate::rig::name("support"), ..rig.text(&format!("s{n}"), contact).await };
        ids.push(format!("s{n}"));
        rig.ask([request]).await;
    }
    rig.start("a");
    let stopped = async || !rig.store.send_bars().await.unwrap().is_empty();
    crate::order::eventually(stopped).await;
    let bars = rig.store.send_bars().await.unwrap();
    assert_eq!((bars.len(), bars[0].name.as_str(), bars[0].until_token), (1, "support", true));
    crate::order::eventually(async || {
        let mut queued = true;
        for id in &ids {
            queued &= rig.row(id).await.state() == SendState::Queued;
        }
        queued
    })
    .await;
    let before = rig.platform.posted.borrow().clone();
    let mut marks: Vec<&str> = before.iter().map(|posted| posted.mark.as_str()).collect();
    marks.sort_unstable();
    let all = marks.len();
    marks.dedup();
    assert_eq!(marks.len(), all, "none is attempted twice");
    rig.platform.always(Does::Accept);
    rig.platform.new_token();
    for id in &ids {
        rig.until(id, SendState::Accepted).await;
    }
    assert!(rig.store.send_bars().await.unwrap().is_empty(), "nothing stops it any more");
    rig.stop().await;
}

/// RELIABILITY section 1: whoever takes over a dead sender's numbers sends nothing blindly again.
#[tokio::test]
async fn what_a_dead_sender_had_in_hand_is_settled_by_the_next() {
    let rig = Rig::new().await;
    let ann = rig.customer("4930901820").await;
    rig.agrees(ann).await;
    rig.template("offer", Category::Utility, TemplateStatus::Approved).await;
    rig.platform.next([Does::Wait]);
    rig.start("a");
    rig.ask([rig.offer("offer", ann, "offer").await]).await;
    rig.platform.until(|posted| posted.len() == 1).await;
    rig.kill();
    rig.start("b");
    let row = rig.until("offer", SendState::Uncertain).await;
    assert_eq!(row.attempt, 1);
    rig.tell(&[status("offer", 1, "sent")]).await;
    assert_eq!(rig.row("offer").await.state(), SendState::Sent);
    assert_eq!(rig.platform.whats(), ["offer/de"], "one message exists");
    rig.stop().await;
}

/// A stop waits for the answers that are under way, and leaves nothing in hand.
#[tokio::test]
async fn a_stop_waits_for_what_is_under_way() {
    let rig = Rig::new().await;
    let ann = rig.customer("4930901820").await;
    rig.platform.next([Does::Wait]);
    rig.start("a");
    rig.ask([rig.text("one", ann).await, rig.text("two", ann).await]).await;
    rig.platform.until(|posted| posted.len() == 1).await;
    let stopping = rig.stop();
    tokio::pin!(stopping);
    assert!(futures_pending(&mut stopping).await, "it waits");
    rig.platform.open_gate();
    stopping.await;
    assert_eq!(rig.row("one").await.state(), SendState::Accepted);
    assert_eq!(rig.row("two").await.state(), SendState::Queued, "nothing new was begun");
    let leases = rig.store.leases(waypost_sender::SENDER).await.unwrap();
    assert!(leases.iter().all(|lease| lease.owner.is_none()), "everything is given back");
}

async fn futures_pending(future: &mut (impl Future + Unpin)) -> bool {
    tokio::time::timeout(std::time::Duration::from_millis(200), future).await.is_err()
}

/// 131050 in an answer: the customer stopped marketing, from the same transaction on.
#[tokio::test]
async fn a_refusal_that_tells_of_a_stop_withdraws_marketing() {
    let rig = Rig::new().await;
    let ann = rig.customer("4930901820").await;
    rig.agrees(ann).await;
    rig.template("sale", Category::Marketing, TemplateStatus::Approved).await;
    rig.template("parcel", Category::Utility, TemplateStatus::Approved).await;
    rig.platform.next([Does::Refuse(400, 131_050)]);
    let night = no_quiet_hours(&rig).await;
    rig.start("a");
    rig.ask([rig.offer("sale", ann, "sale").await]).await;
    let row = rig.until("sale", SendState::Failed).await;
    assert_eq!(row.progress.failed.and_then(|(_, code)| code), Some(131_050), "{night}");
    rig.ask([rig.offer("again", ann, "sale").await, rig.offer("parcel", ann, "parcel").await]).await;
    rig.until("again", SendState::Refused).await;
    assert_eq!(rig.rule("again").await, "consent_withdrawn");
    rig.until("parcel", SendState::Accepted).await;
    let entries = rig.store.consent_entries(&[ann]).await.unwrap();
    assert_eq!(entries.last().map(|entry| entry.how.as_str()), Some("error_131050"));
    rig.stop().await;
}

/// Nobody sleeps in these tests.
pub(crate) async fn no_quiet_hours(rig: &Rig) -> &'static str {
    let text = waypost_policy::PolicyData::DEFAULT_TEXT.replace("categories = [\"marketing\"]", "categories = []");
    let text = text.replace("version = 1\n", "version = 2\n");
    rig.policy(text).await;
    "without quiet hours"
}

/// Outbound case 5, and 23: failures after acceptance are counted as such, and change no consent.
#[tokio::test]
async fn accepted_and_then_failed_is_failed_and_changes_no_consent() {
    let rig = Rig::new().await;
    let ann = rig.customer("4930901820").await;
    rig.agrees(ann).await;
    rig.start("a");
    for n in 0..3 {
        let id = format!("s{n}");
        rig.ask([rig.text(&id, ann).await]).await;
        rig.until(&id, SendState::Accepted).await;
        let error = MessageError { code: 131_026, ..MessageError::default() };
        let failed = waypost_domain::Status { errors: vec![error], ..status(&id, 1, "failed") };
        rig.tell(&[failed]).await;
        let row = rig.row(&id).await;
        assert_eq!(row.state(), SendState::Failed);
        assert_eq!(row.progress.failed.and_then(|(_, code)| code), Some(131_026));
        assert!(row.progress.accepted_at.is_some() && row.progress.delivered_at.is_none());
    }
    assert_eq!(rig.store.consent_entries(&[ann]).await.unwrap().len(), 1);
    rig.stop().await;
}

/// A template that Meta keeps back is held, and goes on by its statuses.
#[tokio::test]
async fn what_meta_keeps_back_is_held() {
    let rig = Rig::new().await;
    let ann = rig.stranger("4930901820").await;
    rig.agrees(ann).await;
    rig.template("offer", Category::Utility, TemplateStatus::Approved).await;
    rig.platform.next([Does::Hold]);
    rig.start("a");
    let bot = SendRequest {
        author: Author::Bot("b".to_owned()),
        cause: Cause::Event("e".to_owned()),
        ..rig.offer("one", ann, "offer").await
    };
    rig.ask([bot]).await;
    rig.until("one", SendState::Held).await;
    rig.tell(&[status("one", 1, "delivered")]).await;
    assert_eq!(rig.row("one").await.state(), SendState::Delivered);
    rig.stop().await;
}
