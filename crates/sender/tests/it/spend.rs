//! What messages cost is counted once, and what a month's budget does not cover waits for the next one.

use waypost_bus::{Address, Layout};
use waypost_domain::send::SendState;
use waypost_domain::template::TemplateStatus;
use waypost_domain::{Category, PartitionCount, PartitionId, Timestamp};
use waypost_policy::PolicyData;
use waypost_policy::calendar::{Month, day_of};
use waypost_proto::v1;
use waypost_store::{BarOrigin, BarScope, BarWhat};

use crate::kept::{event, take_in};
use crate::rig::{Rig, WABA};

/// Marketing costs 30 to Germany and 1 elsewhere.
const SPEND: &str = r#"
[spend]
currency = "EUR"

[spend.budget]
monthly = "60"
warn_percent = 50
stops = ["marketing"]

[spend.prices.2020-01-01]
other = { marketing = "1" }
countries = { DE = { marketing = "30" } }
"#;

async fn with_budget(rig: &Rig) {
    let text = format!("{}{SPEND}", PolicyData::DEFAULT_TEXT.replacen("version = 1", "version = 2", 1))
        .replacen("[quiet_hours]\ncategories = [\"marketing\"]", "[quiet_hours]\ncategories = []", 1)
        .replacen("messages = 2\n", "messages = 9\n", 1);
    PolicyData::from_toml(&text).unwrap();
    rig.policy(text).await;
}

/// Meta has delivered it at this time, and says what it charges.
fn delivered(id: &str, state: &str, kind: &str, at: Timestamp) -> (Address, v1::Event) {
    let at = at.as_millis() / 1000;
    let json = format!(
        r#"{{"id":"wamid.wp1/{id}/1","status":"{state}","timestamp":"{at}","recipient_id":"4930901820",
        "biz_opaque_callback_data":"wp1/{id}/1",
        "pricing":{{"billable":true,"pricing_model":"PMP","category":"marketing","type":"{kind}"}}}}"#
    );
    let layout = Layout::new(PartitionCount::new(1).unwrap());
    let event = v1::Event {
        waba_id: WABA.to_owned(),
        display_phone_number: "+49 30 111".to_owned(),
        ..event(v1::EventKind::Status, &format!("{id}/{state}"), "messages", &json)
    };
    (layout.statuses(PartitionId(0)), event)
}

#[tokio::test]
async fn a_spent_budget_stops_what_it_says_until_the_next_month() {
    let rig = Rig::new().await;
    with_budget(&rig).await;
    let ann = rig.customer("4930901820").await;
    rig.agrees(ann).await;
    rig.template("winter", Category::Marketing, TemplateStatus::Approved).await;
    rig.start("a");
    let now = rig.now().await;
    let queues = || ["wa.st.p00".to_owned(), "wa.account".to_owned()];
    let kinds = async || {
        let alerts = rig.store.open_alerts().await.unwrap();
        let mut kinds: Vec<String> = alerts.into_iter().map(|alert| alert.kind).collect();
        kinds.sort();
        kinds
    };
    for id in ["old", "free", "one", "two"] {
        rig.ask([rig.offer(id, ann, "winter").await]).await;
        rig.until(id, SendState::Accepted).await;
    }
    // It may never arrive; and what is told late of a month that is over is that month's.
    let last_month = Month::of(day_of(now)).begins_at().plus_millis(-1000);
    let sent = delivered("one", "sent", "regular", now);
    take_in(&rig, vec![sent, delivered("free", "delivered", "free_entry_point", now)], queues()).await;
    take_in(&rig, vec![delivered("old", "delivered", "regular", last_month)], queues()).await;
    assert_eq!(kinds().await, [""; 0]);
    let before = Month::of(day_of(last_month));
    assert_eq!(rig.store.month_spend(&before.to_string(), "EUR").await.unwrap().micros, 30_000_000);
    // Meta tells the price with every status.
    take_in(
        &rig,
        vec![delivered("one", "delivered", "regular", now), delivered("one", "read", "regular", now)],
        queues(),
    )
    .await;
    assert_eq!(kinds().await, ["budget_warning"], "30 of 60");
    assert_eq!(rig.store.send_bars().await.unwrap(), []);
    take_in(&rig, vec![delivered("two", "delivered", "regular", now)], queues()).await;
    assert_eq!(kinds().await, ["budget_spent", "budget_warning"]);
    let month = Month::of(day_of(rig.now().await));
    let bars = rig.store.send_bars().await.unwrap();
    let [bar] = &bars[..] else { panic!("one bar, not {bars:?}") };
    let marketing = BarWhat::Category(Category::Marketing);
    assert_eq!((bar.scope, bar.what, bar.origin), (BarScope::App, marketing, BarOrigin::Budget));
    assert_eq!(bar.until, Some(month.next().begins_at()));
    let spent = rig.store.month_spend(&month.to_string(), "EUR").await.unwrap();
    assert_eq!(spent.micros, 60_000_000);
    let rows = rig.store.spend(month.first(), month.next().first()).await.unwrap();
    let [row] = &rows[..] else { panic!("one row, not {rows:?}") };
    assert_eq!((row.country.as_str(), row.billed, row.free, row.unpriced), ("DE", 2, 1, 0));

    rig.refresh().await;
    // What is of no use any more by then ends at once.
    rig.ask_until([rig.offer("three", ann, "winter").await], 40 * 24 * 60 * 60 * 1000).await;
    rig.ask([rig.text("answer", ann).await]).await;
    rig.until_row("three", |row| row.verdict.is_some()).await;
    assert_eq!(
        (rig.rule("three").await.as_str(), rig.row("three").await.state()),
        ("account_stopped", SendState::Queued)
    );
    // Whoever lifts it has decided so: the same budget does not stop it again.
    rig.lift(bar).await;
    rig.until("three", SendState::Accepted).await;
    take_in(&rig, vec![delivered("three", "delivered", "regular", now)], queues()).await;
    assert_eq!(rig.store.send_bars().await.unwrap(), []);
    rig.until("answer", SendState::Accepted).await;
    rig.stop().await;
}
