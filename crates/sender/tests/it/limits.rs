//! What Meta and we ourselves allow: pace, throttles, bars, places of the messaging limit.

use std::time::Duration;

use waypost_domain::Category;
use waypost_domain::send::SendState;
use waypost_domain::template::TemplateStatus;
use waypost_store::{BarScope, BarWhat};

use crate::order::eventually;
use crate::platform::Does;
use crate::rig::Rig;
use crate::truth::no_quiet_hours;

/// Outbound case 18: only the part that was refused goes on, in order, and others are not held up.
#[tokio::test]
async fn a_pair_that_is_too_fast_waits_and_nothing_is_sent_again() {
    let rig = Rig::new().await;
    let (ann, bob) = (rig.customer("4930901820").await, rig.customer("4930901821").await);
    rig.platform.next([Does::Accept, Does::Accept, Does::Refuse(400, 131_056)]);
    rig.start("a");
    let mut parts = Vec::new();
    for n in 1..=5 {
        parts.push(rig.text(&format!("p{n}"), ann).await);
    }
    rig.ask(parts).await;
    rig.until_row("p3", |row| row.retries == 1).await;
    rig.ask([rig.text("other", bob).await]).await;
    rig.until("other", SendState::Accepted).await;
    rig.until("p5", SendState::Accepted).await;
    let whats: Vec<String> = rig.platform.whats().into_iter().filter(|what| what != "other").collect();
    assert_eq!(whats, ["p1", "p2", "p3", "p3", "p4", "p5"]);
    rig.stop().await;
}

/// Outbound case 19: a storm of throttles makes nothing terminal.
#[tokio::test]
async fn a_throttle_makes_nothing_terminal() {
    let rig = Rig::new().await;
    rig.platform.next((0..3).map(|_| Does::Refuse(429, 130_429)));
    rig.start("a");
    for n in 0..6 {
        let contact = rig.customer(&format!("493090182{n}")).await;
        rig.ask([rig.text(&format!("s{n}"), contact).await]).await;
    }
    for n in 0..6 {
        rig.until(&format!("s{n}"), SendState::Accepted).await;
    }
    assert!(rig.store.send_bars().await.unwrap().is_empty(), "no outage for a throttle");
    rig.stop().await;
}

/// A bar on templates leaves answers alone; the account's, every number of it.
#[tokio::test]
async fn what_meta_stops_is_stopped_and_nothing_else() {
    let rig = Rig::new().await;
    let (ann, bob) = (rig.customer("4930901820").await, rig.customer("4930901821").await);
    rig.agrees(ann).await;
    rig.template("parcel", Category::Utility, TemplateStatus::Approved).await;
    rig.platform.next([Does::Refuse(400, 131_048)]);
    rig.start("a");
    rig.ask([rig.offer("t", ann, "parcel").await]).await;
    eventually(async || !rig.store.send_bars().await.unwrap().is_empty()).await;
    let bars = rig.store.send_bars().await.unwrap();
    assert_eq!((bars[0].scope, bars[0].what), (BarScope::Number, BarWhat::Templates));
    rig.ask([rig.text("answer", bob).await]).await;
    rig.until("answer", SendState::Accepted).await;
    let waiting = rig.until_row("t", |row| row.verdict.is_some() && row.state() == SendState::Queued).await;
    assert!(waiting.due_at > rig.now().await, "it waits, and has not failed");
    rig.platform.next([Does::Refuse(400, 368)]);
    rig.ask([rig.text("last", bob).await]).await;
    eventually(async || rig.store.send_bars().await.unwrap().len() == 2).await;
    rig.ask([rig.text("later", bob).await]).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(rig.row("later").await.state(), SendState::Queued);
    let bars = rig.store.send_bars().await.unwrap();
    assert_eq!((bars[0].scope, bars[0].what), (BarScope::Account, BarWhat::Everything));
    rig.lift(&bars[0]).await;
    rig.until("later", SendState::Accepted).await;
    // What was put off for hours goes as soon as the number's bar is lifted.
    assert_eq!(rig.row("t").await.state(), SendState::Queued);
    rig.lift(&bars[1]).await;
    rig.until("t", SendState::Accepted).await;
    rig.stop().await;
}

/// A send of no use any more ends also while nothing may go.
#[tokio::test]
async fn what_waits_behind_a_bar_expires() {
    let rig = Rig::new().await;
    let ann = rig.customer("4930901820").await;
    rig.platform.next([Does::Refuse(401, 190)]);
    rig.start("a");
    rig.ask([rig.text("a", ann).await]).await;
    eventually(async || !rig.store.send_bars().await.unwrap().is_empty()).await;
    rig.ask_until([rig.text("b", ann).await], 100).await;
    rig.until("b", SendState::Expired).await;
    rig.stop().await;
}

/// The limit of 250 customers, of which urgent ones keep a reserve; a failed send gives its place back.
#[tokio::test]
async fn places_of_the_messaging_limit_run_out_and_come_back() {
    let rig = Rig::new().await;
    rig.template("parcel", Category::Utility, TemplateStatus::Approved).await;
    no_quiet_hours(&rig).await;
    let mut requests = Vec::new();
    for n in 0..240 {
        let contact = rig.stranger(&format!("4930901{n:03}")).await;
        rig.agrees(contact).await;
        requests.push(rig.offer(&format!("s{n:03}"), contact, "parcel").await);
    }
    rig.ask_until(requests, 48 * 60 * 60 * 1000).await;
    rig.start("a");
    rig.platform.until(|posted| posted.len() >= 237).await;
    eventually(async || {
        let mut deferred = 0;
        for n in 0..240 {
            let row = rig.row(&format!("s{n:03}")).await;
            deferred += u32::from(row.state() == SendState::Queued && row.verdict.is_some());
        }
        deferred == 3
    })
    .await;
    let used = rig.store.portfolio_use("business", rig.now().await).await.unwrap().used;
    assert_eq!(used, 237, "250 less the reserve of 5 per cent");
    rig.stop().await;
}

/// A template that Meta calls disabled is not tried again.
#[tokio::test]
async fn a_disabled_template_is_not_tried_again() {
    let rig = Rig::new().await;
    let (ann, bob) = (rig.stranger("4930901820").await, rig.stranger("4930901821").await);
    rig.agrees(ann).await;
    rig.agrees(bob).await;
    rig.template("parcel", Category::Utility, TemplateStatus::Approved).await;
    rig.platform.next([Does::Refuse(400, 132_016)]);
    rig.start("a");
    rig.ask([rig.offer("a", ann, "parcel").await]).await;
    rig.until("a", SendState::Failed).await;
    eventually(async || {
        let rows = rig.store.templates(None).await.unwrap();
        rows[0].template.status == TemplateStatus::Disabled
    })
    .await;
    rig.ask([rig.offer("b", bob, "parcel").await]).await;
    rig.until("b", SendState::Refused).await;
    assert_eq!(rig.platform.whats().len(), 1);
    rig.stop().await;
}

/// What had waited for a place goes when Meta gives more of them, or when the business's own data does: not a day later.
#[tokio::test]
async fn a_higher_limit_lets_go_on_what_had_waited_for_a_place() {
    let data = |unknown_tier: u32| {
        let text = waypost_policy::PolicyData::DEFAULT_TEXT.replace("version = 1\n", "version = 2\n");
        let text = text.replace("reserve_percent = 5", "reserve_percent = 0").replace("TIER_250 = 250", "TIER_250 = 2");
        text.replace("unknown_tier = 250", &format!("unknown_tier = {unknown_tier}"))
    };
    for by_meta in [true, false] {
        let rig = Rig::new().await;
        rig.template("parcel", Category::Utility, TemplateStatus::Approved).await;
        rig.policy(data(1)).await;
        rig.start("a");
        for (id, phone) in [("one", "4930901820"), ("two", "4930901821")] {
            let contact = rig.customer(phone).await;
            rig.set_window(contact, "support", -1).await;
            rig.agrees(contact).await;
            rig.ask([rig.offer(id, contact, "parcel").await]).await;
            rig.until_row(id, |row| row.verdict.is_some()).await;
        }
        rig.until("one", SendState::Accepted).await;
        assert_eq!(
            (rig.rule("two").await.as_str(), rig.row("two").await.state()),
            ("messaging_limit", SendState::Queued)
        );
        if by_meta {
            rig.store.tell_tier(waypost_live::PORTFOLIO, "TIER_250", rig.now().await).await.unwrap();
        } else {
            rig.policy(data(2).replace("version = 2\n", "version = 3\n")).await;
        }
        rig.refresh().await;
        rig.until("two", SendState::Accepted).await;
        rig.stop().await;
    }
}

/// Given a limit that Meta raised while no sender ran, when one starts, then what had waited goes, as far as there is
/// room.
#[tokio::test]
async fn a_limit_that_was_raised_meanwhile_is_seen_at_the_start() {
    let rig = Rig::new().await;
    rig.template("parcel", Category::Utility, TemplateStatus::Approved).await;
    let text = waypost_policy::PolicyData::DEFAULT_TEXT.replace("version = 1\n", "version = 2\n");
    let text = text.replace("reserve_percent = 5", "reserve_percent = 0").replace("TIER_250 = 250", "TIER_250 = 2");
    rig.policy(text.replace("unknown_tier = 250", "unknown_tier = 1")).await;
    rig.start("a");
    for (id, phone) in [("one", "4930901820"), ("two", "4930901821"), ("three", "4930901822")] {
        let contact = rig.customer(phone).await;
        rig.set_window(contact, "support", -1).await;
        rig.agrees(contact).await;
        rig.ask([rig.offer(id, contact, "parcel").await]).await;
        rig.until_row(id, |row| row.verdict.is_some()).await;
    }
    rig.until("one", SendState::Accepted).await;
    rig.stop().await;
    rig.store.tell_tier(waypost_live::PORTFOLIO, "TIER_250", rig.now().await).await.unwrap();
    rig.refresh().await;
    rig.start("b");
    eventually(async || {
        let states = [rig.row("two").await.state(), rig.row("three").await.state()];
        states.contains(&SendState::Accepted)
    })
    .await;
    let (two, three) = (rig.row("two").await.state(), rig.row("three").await.state());
    assert_eq!([two, three].iter().filter(|state| **state == SendState::Queued).count(), 1, "{two} {three}");
    rig.stop().await;
}
