//! The customer service window: each send is judged at its own attempt, and Meta's word outranks our clock.

use waypost_domain::Category;
use waypost_domain::consent::Said;
use waypost_domain::send::{SendRequest, SendState};
use waypost_domain::template::TemplateStatus;

use crate::platform::Does;
use crate::rig::{Rig, with_name};
use crate::truth::no_quiet_hours;

/// Outbound case 9: no request is made.
#[tokio::test]
async fn outside_the_window_nothing_free_form_leaves() {
    let rig = Rig::new().await;
    let (ann, bob) = (rig.stranger("4930901820").await, rig.customer("4930901821").await);
    rig.set_window(bob, "support", -1).await;
    rig.start("a");
    rig.ask([rig.text("a", ann).await, rig.text("b", bob).await]).await;
    for id in ["a", "b"] {
        rig.until(id, SendState::Refused).await;
        assert_eq!(rig.rule(id).await, "window_closed");
    }
    assert!(rig.platform.whats().is_empty());
    rig.stop().await;
}

/// Outbound case 9: the template goes instead, under its own category's consent.
#[tokio::test]
async fn a_substitute_goes_under_its_own_consent() {
    let rig = Rig::new().await;
    let (ann, bob) = (rig.stranger("4930901820").await, rig.stranger("4930901821").await);
    rig.template("sale", Category::Marketing, TemplateStatus::Approved).await;
    no_quiet_hours(&rig).await;
    rig.agrees(ann).await;
    rig.agrees(bob).await;
    rig.says(bob, Some(Category::Marketing), Said::Withdrawn).await;
    rig.start("a");
    for (id, contact) in [("a", ann), ("b", bob)] {
        rig.ask([SendRequest { substitute: Some(with_name("sale")), ..rig.text(id, contact).await }]).await;
    }
    let row = rig.until("a", SendState::Accepted).await;
    assert_eq!((row.category, row.template.as_deref()), (Some(Category::Marketing), Some("sale")));
    rig.until("b", SendState::Refused).await;
    assert_eq!(rig.rule("b").await, "consent_withdrawn");
    assert_eq!(rig.platform.whats(), ["sale/de"]);
    rig.stop().await;
}

/// Outbound case 8: windows close while a paced queue drains.
#[tokio::test]
async fn each_send_is_judged_at_its_own_attempt() {
    let rig = Rig::new().await;
    let mut config = crate::rig::config();
    config.rate_per_second = Some(5.0);
    let (mut ids, mut contacts) = (Vec::new(), Vec::new());
    for n in 0..20 {
        let contact = rig.stranger(&format!("49309018{n:02}")).await;
        let id = format!("s{n:02}");
        rig.ask([rig.text(&id, contact).await]).await;
        ids.push(id);
        contacts.push(contact);
    }
    // At the last moment: however long the rest took, some go within it, and for some it is too late.
    for contact in contacts {
        rig.set_window(contact, "support", 2_000).await;
    }
    rig.start_with("a", config);
    let (mut went, mut refused) = (0, 0);
    for id in &ids {
        let row =
            rig.until_row(id, |row| row.state() != SendState::Queued && row.state() != SendState::Attempting).await;
        match row.state() {
            SendState::Accepted => went += 1,
            SendState::Refused => refused += 1,
            other => panic!("{id} is {other}"),
        }
    }
    assert!(went >= 2 && refused >= 2, "{went} went, {refused} were refused");
    assert_eq!(rig.platform.whats().len(), went);
    rig.stop().await;
}

/// 131047: the stored window is closed, the substitute goes for the next one, and a later message opens it again.
#[tokio::test]
async fn metas_word_closes_the_window() {
    let rig = Rig::new().await;
    let ann = rig.customer("4930901820").await;
    rig.agrees(ann).await;
    rig.template("parcel", Category::Utility, TemplateStatus::Approved).await;
    rig.platform.next([Does::Refuse(400, 131_047)]);
    rig.start("a");
    rig.ask([rig.text("a", ann).await]).await;
    rig.until("a", SendState::Failed).await;
    assert!(rig.window_ends_at(ann).await.unwrap() <= rig.now().await);
    rig.ask([SendRequest { substitute: Some(with_name("parcel")), ..rig.text("b", ann).await }]).await;
    rig.until("b", SendState::Accepted).await;
    rig.ask([rig.text("c", ann).await]).await;
    rig.until("c", SendState::Refused).await;
    rig.set_window(ann, "support", 3_600_000).await;
    rig.ask([rig.text("d", ann).await]).await;
    rig.until("d", SendState::Accepted).await;
    assert_eq!(rig.platform.whats(), ["a", "parcel/de", "d"]);
    rig.stop().await;
}
