//! Who waits for whom: within a conversation and class in order, and nobody for anybody else.

use std::time::Duration;

use waypost_domain::send::{SendRequest, SendState};
use waypost_domain::team::Priority;

use crate::platform::Does;
use crate::rig::{PATIENCE, Rig, name, status};

pub(crate) async fn eventually(mut holds: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "not in time");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_conversation_goes_in_order_and_others_beside_it() {
    let rig = Rig::new().await;
    let (ann, bob) = (rig.customer("4930901820").await, rig.customer("4930901821").await);
    rig.platform.next([Does::Wait]);
    rig.start("a");
    let mut requests = Vec::new();
    for n in 0..5 {
        requests.push(rig.text(&format!("a{n}"), ann).await);
    }
    rig.ask(requests).await;
    rig.platform.until(|posted| posted.len() == 1).await;
    rig.ask([rig.text("b", bob).await]).await;
    rig.until("b", SendState::Accepted).await;
    assert_eq!(rig.platform.whats(), ["a0", "b"]);
    rig.platform.open_gate();
    rig.until("a4", SendState::Accepted).await;
    assert_eq!(rig.platform.whats(), ["a0", "b", "a1", "a2", "a3", "a4"]);
    rig.stop().await;
}

/// Outbound case 6: who waits behind one that may have gone waits for a while, then goes; none fails for waiting.
#[tokio::test]
async fn who_waits_behind_an_unknown_one_does_not_fail() {
    let rig = Rig::new().await;
    let ann = rig.customer("4930901820").await;
    rig.platform.next([Does::TakeAndReset]);
    let mut config = crate::rig::config();
    config.uncertain_wait = Duration::from_secs(3600);
    config.order.uncertain_ms = 300;
    rig.start_with("a", config);
    rig.ask([rig.text("a", ann).await, rig.text("b", ann).await, rig.text("c", ann).await]).await;
    rig.until("a", SendState::Uncertain).await;
    rig.until("c", SendState::Accepted).await;
    assert_eq!(rig.platform.whats(), ["a", "b", "c"]);
    assert_eq!(rig.row("a").await.state(), SendState::Uncertain);
    rig.stop().await;
}

/// Outbound case 26: strict order waits for the delivery of the one before.
#[tokio::test]
async fn strict_order_waits_for_the_delivery() {
    let rig = Rig::new().await;
    let ann = rig.customer("4930901820").await;
    rig.start("a");
    let strict = SendRequest { strict_order: true, ..rig.text("text", ann).await };
    rig.ask([rig.text("image", ann).await, strict]).await;
    rig.until("image", SendState::Accepted).await;
    rig.until_row("text", |row| row.waits).await;
    rig.tell(&[status("image", 1, "sent")]).await;
    rig.until_row("text", |row| row.waits).await;
    assert_eq!(rig.platform.whats(), ["image"]);
    rig.tell(&[status("image", 1, "delivered")]).await;
    rig.until("text", SendState::Accepted).await;
    rig.stop().await;
}

/// A wait ends in `expired`, never in `failed`.
#[tokio::test]
async fn a_wait_ends_in_expired() {
    let rig = Rig::new().await;
    let ann = rig.customer("4930901820").await;
    rig.platform.next([Does::Wait]);
    rig.start("a");
    rig.ask([rig.text("a", ann).await]).await;
    rig.platform.until(|posted| posted.len() == 1).await;
    rig.ask_until([rig.text("b", ann).await], 300).await;
    rig.until("b", SendState::Expired).await;
    rig.platform.open_gate();
    rig.until("a", SendState::Accepted).await;
    assert_eq!(rig.platform.whats(), ["a"]);
    rig.stop().await;
}

#[tokio::test]
async fn the_urgent_ones_go_first_and_the_others_are_not_starved() {
    let rig = Rig::new().await;
    let mut requests = Vec::new();
    for n in 0..60 {
        let contact = rig.customer(&format!("49309018{n:02}")).await;
        let priority = if n % 2 == 0 { Priority::Normal } else { Priority::Urgent };
        requests.push(SendRequest { priority, ..rig.text(&format!("{}{n}", priority.as_str()), contact).await });
    }
    rig.ask(requests).await;
    let mut config = crate::rig::config();
    (config.batch_max, config.in_flight_max) = (10, 10);
    rig.start_with("a", config);
    rig.platform.until(|posted| posted.len() == 60).await;
    let first: Vec<String> = rig.platform.whats().into_iter().take(20).collect();
    let urgent = first.iter().filter(|what| what.starts_with("urgent")).count();
    assert_eq!(urgent, 16, "of ten places two are kept: {first:?}");
    rig.stop().await;
}

/// One number whose platform does not answer holds up no other.
#[tokio::test]
async fn a_number_that_is_stuck_holds_up_no_other() {
    let rig = Rig::new().await;
    rig.platform.of_number("1", Does::Wait);
    rig.start("a");
    for n in 0..20 {
        let contact = rig.customer(&format!("49309018{n:02}")).await;
        let sales = SendRequest { number: name("sales"), ..rig.text(&format!("sales{n}"), contact).await };
        rig.ask([rig.text(&format!("support{n}"), contact).await, sales]).await;
    }
    for n in 0..20 {
        rig.until(&format!("sales{n}"), SendState::Accepted).await;
    }
    rig.platform.open_gate();
    for n in 0..20 {
        rig.until(&format!("support{n}"), SendState::Accepted).await;
    }
    rig.stop().await;
}
