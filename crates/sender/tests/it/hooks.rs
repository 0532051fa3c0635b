//! What Meta tells of accounts, numbers and templates changes what may be sent at once, in whatever order it comes and however
//! often.

use serde_json::{Value, json};
use waypost_domain::send::SendState;
use waypost_domain::template::{Quality, TemplateStatus};
use waypost_domain::{Category, PartitionId, PhoneNumberId, Template, Timestamp, WabaId};
use waypost_live::SendingLive;
use waypost_sender::hooks;
use waypost_store::{BarOrigin, BarScope, BarWhat, ChangeRow, ChangeScope, SendBar, Sequence, TemplateRow};

use crate::order::eventually;
use crate::platform::Does;
use crate::rig::{PATIENCE, Rig, WABA};
use crate::truth::no_quiet_hours;

/// Seconds since 1970, as Meta writes them.
async fn seconds(rig: &Rig) -> i64 {
    rig.now().await.as_millis() / 1000
}

/// A webhook of this change, which Meta made at `entry_time`; it reaches us now.
async fn hook(rig: &Rig, field: &str, value: &Value, entry_time: i64) {
    deliver(rig, field, value, entry_time, rig.now().await).await;
}

/// As the recorder takes it in: kept, and made into what may be sent, in one transaction.
async fn deliver(rig: &Rig, field: &str, value: &Value, entry_time: i64, received_at: Timestamp) {
    let json = value.to_string();
    let change = ChangeRow {
        scope: ChangeScope::Account,
        number: PhoneNumberId::new(""),
        waba: WabaId::new(WABA),
        field: field.to_owned(),
        key: format!("{field}/{entry_time}/{json}"),
        json: json.into_bytes(),
        received_at,
        entry_time: Some(entry_time),
    };
    let sending = SendingLive::open(rig.store.clone()).await.unwrap().current();
    let lease = rig.store.acquire_lease("hooks", PartitionId(98), "a test", PATIENCE, Sequence::None).await;
    let lease = lease.unwrap().unwrap();
    let mut tx = rig.store.begin_record(&lease.fence(0, None)).await.unwrap();
    tx.keep_changes(std::slice::from_ref(&change)).await.unwrap();
    hooks::take_in(&mut tx, &sending, &change, rig.now().await).await.unwrap();
    tx.commit().await.unwrap();
    rig.store.release_lease(&lease).await.unwrap();
    rig.refresh().await;
}

/// Of the template that [`english`] keeps.
fn of_template(more: Value) -> Value {
    let mut value =
        json!({"message_template_id": 77, "message_template_name": "parcel", "message_template_language": "en-US"});
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    value
}

async fn template(rig: &Rig) -> Template {
    rig.store.templates(None).await.unwrap().remove(0).template
}

/// A template in `en_US`, as Meta's list spells it.
async fn english(rig: &Rig) {
    rig.template("parcel", Category::Utility, TemplateStatus::Approved).await;
    let row = rig.store.templates(None).await.unwrap().remove(0);
    let template = Template { language: "en_US".to_owned(), ..row.template };
    // Listed an hour ago.
    let (waba, listed_at) = (row.waba.clone(), row.updated_at.plus_millis(-3_600_000));
    rig.store.script("DELETE FROM template").await.unwrap();
    let english = TemplateRow { meta_id: "77".to_owned(), template, updated_at: listed_at, ..row };
    rig.store.replace_templates(&waba, &[english], listed_at).await.unwrap();
    rig.refresh().await;
}

async fn status_told(rig: &Rig, event: &str, entry_time: i64) {
    hook(rig, "message_template_status_update", &of_template(json!({"event": event})), entry_time).await;
}

async fn kinds(rig: &Rig) -> Vec<String> {
    rig.store.open_alerts().await.unwrap().into_iter().map(|alert| alert.kind).collect()
}

async fn is_wanted(rig: &Rig) -> bool {
    rig.store.template_lists().await.unwrap().iter().any(|list| list.wanted_at.is_some())
}

/// Outbound case 14: the hook says `en-US`, the registry `en_US`.
#[tokio::test]
async fn a_hook_that_spells_the_language_with_a_dash_is_of_the_same_template() {
    let rig = Rig::new().await;
    let now = seconds(&rig).await;
    english(&rig).await;
    let ann = rig.stranger("4930901820").await;
    rig.agrees(ann).await;
    let mut offer = rig.offer("a", ann, "parcel").await;
    let waypost_domain::send::SendContent::Template(request) = &mut offer.content else { panic!("a template") };
    request.language = Some("en_US".to_owned());
    let paused = of_template(json!({"event": "PAUSED", "other_info": {"title": "FIRST_PAUSE"}}));
    hook(&rig, "message_template_status_update", &paused, now - 1).await;
    let known = template(&rig).await;
    assert_eq!((known.language.as_str(), known.status), ("en_US", TemplateStatus::Paused));
    let ends_in = known.paused_until.unwrap().millis_since(rig.now().await);
    assert!((10_000_000..=10_800_000).contains(&ends_in), "three hours, not {ends_in} ms");
    assert_eq!(kinds(&rig).await, ["template_status"]);
    rig.start("a");
    rig.ask([offer]).await;
    rig.until_row("a", |row| row.state() == SendState::Queued && row.verdict.is_some()).await;
    assert_eq!(rig.rule("a").await, "template_paused");
    status_told(&rig, "REINSTATED", now).await;
    assert_eq!(template(&rig).await.status, TemplateStatus::Approved);
    assert_eq!(template(&rig).await.paused_until, None);
    assert!(rig.platform.whats().is_empty());
    rig.stop().await;
}

/// Faults: late, and twice.
#[tokio::test]
async fn a_hook_that_is_older_than_what_is_known_changes_nothing() {
    let rig = Rig::new().await;
    let now = seconds(&rig).await;
    english(&rig).await;
    status_told(&rig, "REINSTATED", now - 10).await;
    status_told(&rig, "PAUSED", now - 20).await;
    assert_eq!(template(&rig).await.status, TemplateStatus::Approved, "it was paused before");
    assert_eq!(kinds(&rig).await, [""; 0]);
    // Within one second the one that came first is the older, also when it comes once more.
    let received_at = rig.now().await.plus_millis(-5_000);
    let entry_time = received_at.as_millis() / 1000 - 1;
    let told = async |event: &str, later: i64| {
        let value = of_template(json!({ "event": event }));
        deliver(&rig, "message_template_status_update", &value, entry_time, received_at.plus_millis(later)).await;
    };
    told("PAUSED", 0).await;
    assert_eq!(template(&rig).await.status, TemplateStatus::Paused);
    told("REINSTATED", 1).await;
    told("PAUSED", 2).await;
    assert_eq!(template(&rig).await.status, TemplateStatus::Approved);
    assert!(!is_wanted(&rig).await);
    // The list is newer than the hook: it is asked for again, and until then believed.
    status_told(&rig, "DISABLED", now - 7_200).await;
    assert_eq!(template(&rig).await.status, TemplateStatus::Approved);
    assert!(is_wanted(&rig).await);
}

/// A refusal is news too: what Meta told before it is older.
#[tokio::test]
async fn good_news_of_before_a_refusal_does_not_lift_it() {
    let rig = Rig::new().await;
    let now = seconds(&rig).await;
    english(&rig).await;
    let waba = WabaId::new(WABA);
    rig.store.hold_template(&waba, "parcel", "en_US", TemplateStatus::Paused, rig.now().await).await.unwrap();
    status_told(&rig, "REINSTATED", now - 60).await;
    assert_eq!(template(&rig).await.status, TemplateStatus::Paused);
    let bar = SendBar {
        scope: BarScope::Account,
        name: WABA.to_owned(),
        what: BarWhat::Everything,
        since: rig.now().await,
        until: None,
        until_token: false,
        step: 0,
        why: "locked".to_owned(),
        origin: BarOrigin::Answer,
    };
    rig.store.bar_sends(&bar).await.unwrap();
    let reinstated = json!({"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "REINSTATE"}});
    hook(&rig, "account_update", &reinstated, now - 60).await;
    assert_eq!(rig.store.send_bars().await.unwrap(), [bar]);
    rig.store.script("UPDATE send_bar SET since = since - 120000").await.unwrap();
    hook(&rig, "account_update", &reinstated, now - 30).await;
    assert_eq!(rig.store.send_bars().await.unwrap(), []);
}

#[tokio::test]
async fn quality_and_category_of_a_template_are_what_meta_says_now() {
    let rig = Rig::new().await;
    let now = seconds(&rig).await;
    english(&rig).await;
    let quality = |now: &str| of_template(json!({"previous_quality_score": "GREEN", "new_quality_score": now}));
    hook(&rig, "message_template_quality_update", &quality("YELLOW"), now - 3).await;
    assert_eq!((template(&rig).await.quality, kinds(&rig).await), (Quality::Yellow, vec!["quality".to_owned()]));
    let announced = of_template(json!({"new_category": "UTILITY", "correct_category": "MARKETING"}));
    hook(&rig, "template_category_update", &announced, now - 3).await;
    let known = template(&rig).await;
    assert_eq!((known.category, known.announced_category), (Category::Utility, Some(Category::Marketing)));
    let done = of_template(json!({"previous_category": "UTILITY", "new_category": "MARKETING"}));
    hook(&rig, "template_category_update", &done, now - 2).await;
    hook(&rig, "template_category_update", &announced, now - 4).await;
    let known = template(&rig).await;
    assert_eq!((known.category, known.announced_category), (Category::Marketing, None));
    assert_eq!(kinds(&rig).await, ["quality", "template_category"]);
    // Nobody agreed to marketing.
    no_quiet_hours(&rig).await;
    let ann = rig.stranger("4930901820").await;
    rig.says(
        ann,
        Some(Category::Utility),
        waypost_domain::consent::Said::Granted(waypost_domain::consent::Basis::Consent),
    )
    .await;
    let mut offer = rig.offer("a", ann, "parcel").await;
    let waypost_domain::send::SendContent::Template(request) = &mut offer.content else { panic!("a template") };
    request.language = Some("en_US".to_owned());
    rig.start("a");
    rig.ask([offer]).await;
    rig.until("a", SendState::Refused).await;
    rig.stop().await;
}

#[tokio::test]
async fn what_the_registry_does_not_know_is_asked_for() {
    let rig = Rig::new().await;
    let now = seconds(&rig).await;
    english(&rig).await;
    for value in [
        json!({"event": "APPROVED", "message_template_id": 78, "message_template_name": "new", "message_template_language": "de"}),
        json!({"event": "APPROVED", "message_template_id": 78}),
        of_template(json!({"message_template_element": "Hello"})),
        of_template(json!({"event": "APPROVED", "message_template_category": "MARKETING"})),
    ] {
        rig.store.script("DELETE FROM template_list").await.unwrap();
        hook(&rig, "message_template_status_update", &value, now - 1).await;
        assert!(is_wanted(&rig).await, "{value}");
    }
    assert_eq!(rig.store.templates(None).await.unwrap().len(), 1, "nothing is made up");
    // By its id alone it is known.
    let value = json!({"event": "DISABLED", "message_template_id": 77});
    hook(&rig, "message_template_status_update", &value, now).await;
    assert_eq!(template(&rig).await.status, TemplateStatus::Disabled);
}

/// What an account may not, and for how long; answers go on.
#[tokio::test]
async fn a_restriction_bars_what_it_names_until_it_ends() {
    let rig = Rig::new().await;
    let now = seconds(&rig).await;
    let ann = rig.customer("4930901820").await;
    rig.agrees(ann).await;
    rig.template("parcel", Category::Utility, TemplateStatus::Approved).await;
    let until = rig.now().await.as_millis() / 1000 + 3_600;
    let restriction = json!({"event": "ACCOUNT_RESTRICTION", "restriction_info": [
        {"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": until.to_string()},
        {"restriction_type": "RESTRICTED_ADD_PHONE_NUMBER_ACTION", "expiration": until}]});
    hook(&rig, "account_update", &restriction, now - 9).await;
    hook(&rig, "account_update", &restriction, now - 9).await;
    let bars = rig.store.send_bars().await.unwrap();
    let [bar] = &bars[..] else { panic!("one bar, not {bars:?}") };
    assert_eq!((bar.scope, bar.name.as_str(), bar.what), (BarScope::Account, WABA, BarWhat::Templates));
    assert_eq!(bar.until, Some(Timestamp::from_millis(until * 1000)));
    rig.start("a");
    rig.ask([rig.offer("t", ann, "parcel").await, rig.text("answer", ann).await]).await;
    rig.until("answer", SendState::Accepted).await;
    let waiting = rig.until_row("t", |row| row.verdict.is_some()).await;
    assert_eq!(waiting.state(), SendState::Queued);
    // It stands until a person has seen it, and is not told again by its copy.
    let alert = rig.store.open_alerts().await.unwrap().remove(0);
    assert_eq!(alert.kind, "restriction");
    let mut change = rig.store.begin_change().await.unwrap();
    assert!(change.acknowledge_alert(alert.scope, &alert.name, &alert.kind, alert.told_at, "kim").await.unwrap());
    change.commit(&[]).await.unwrap();
    hook(&rig, "account_update", &restriction, now - 9).await;
    assert_eq!(kinds(&rig).await, [""; 0]);
    // What is restricted by now takes the place of what was.
    let other =
        json!({"event": "ACCOUNT_RESTRICTION", "restriction_info": [{"restriction_type": "RESTRICTED_UTILITY"}]});
    hook(&rig, "account_update", &other, now - 5).await;
    hook(&rig, "account_update", &restriction, now - 9).await;
    let bars = rig.store.send_bars().await.unwrap();
    assert_eq!(bars.iter().map(|bar| bar.what).collect::<Vec<_>>(), [BarWhat::Category(Category::Utility)]);
    assert_eq!(kinds(&rig).await, ["restriction"]);
    rig.stop().await;
}

#[tokio::test]
async fn a_banned_account_sends_nothing_until_it_is_back() {
    let rig = Rig::new().await;
    let now = seconds(&rig).await;
    let ann = rig.customer("4930901820").await;
    let ban = |state: &str| json!({"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": state, "waba_ban_date": "April 17, 2027"}});
    hook(&rig, "account_update", &ban("SCHEDULE_FOR_DISABLE"), now - 50).await;
    assert_eq!(rig.store.send_bars().await.unwrap(), []);
    hook(&rig, "account_update", &ban("DISABLE"), now - 40).await;
    rig.start("a");
    rig.ask([rig.text("a", ann).await]).await;
    let violation = json!({"event": "ACCOUNT_VIOLATION", "violation_info": {"violation_type": "SPAM"}});
    hook(&rig, "account_update", &violation, now - 39).await;
    assert_eq!(kinds(&rig).await, ["ban_scheduled", "ban", "violation"]);
    assert_eq!(rig.row("a").await.state(), SendState::Queued);
    hook(&rig, "account_update", &ban("REINSTATE"), now - 30).await;
    hook(&rig, "account_update", &ban("DISABLE"), now - 40).await;
    hook(&rig, "account_update", &json!({"event": "ACCOUNT_OFFBOARDED"}), now - 35).await;
    rig.until("a", SendState::Accepted).await;
    assert_eq!(rig.store.send_bars().await.unwrap(), []);
    hook(&rig, "account_update", &json!({"event": "ACCOUNT_OFFBOARDED"}), now - 20).await;
    assert_eq!(rig.store.send_bars().await.unwrap()[0].what, BarWhat::Everything);
    hook(&rig, "account_update", &json!({"event": "ACCOUNT_RECONNECTED"}), now - 10).await;
    assert_eq!(rig.store.send_bars().await.unwrap(), []);
    rig.stop().await;
}

/// By its digits, which are in nothing that is kept.
#[tokio::test]
async fn a_flagged_number_sends_no_marketing_until_it_is_well() {
    let rig = Rig::new().await;
    let now = seconds(&rig).await;
    let told = |event: &str| json!({"display_phone_number": "4930111", "event": event, "current_limit": "TIER_10K"});
    hook(&rig, "phone_number_quality_update", &told("FLAGGED"), now - 20).await;
    let bars = rig.store.send_bars().await.unwrap();
    let [bar] = &bars[..] else { panic!("one bar, not {bars:?}") };
    assert_eq!((bar.scope, bar.name.as_str()), (BarScope::Number, "support"));
    assert_eq!(bar.what, BarWhat::Category(Category::Marketing));
    let tier = async || rig.store.portfolio_use("business", rig.now().await).await.unwrap().tier;
    assert_eq!(tier().await.as_deref(), Some("TIER_10K"));
    hook(&rig, "phone_number_quality_update", &told("THROUGHPUT_UPGRADE"), now - 15).await;
    assert_eq!(rig.store.send_bars().await.unwrap().len(), 1, "it says nothing of it");
    hook(&rig, "phone_number_quality_update", &told("UNFLAGGED"), now - 10).await;
    hook(&rig, "phone_number_quality_update", &told("FLAGGED"), now - 20).await;
    assert_eq!(rig.store.send_bars().await.unwrap(), []);
    let stranger = json!({"display_phone_number": "1650999", "event": "FLAGGED"});
    hook(&rig, "phone_number_quality_update", &stranger, now - 9).await;
    hook(&rig, "security", &json!({"display_phone_number": "4930112", "event": "PIN_CHANGED"}), now - 9).await;
    let alerts = rig.store.open_alerts().await.unwrap();
    let told: Vec<_> = alerts.iter().map(|alert| (alert.scope, alert.name.as_str(), alert.kind.as_str())).collect();
    let want = [
        (BarScope::Number, "support", "number_standing"),
        (BarScope::Account, WABA, "number_standing"),
        (BarScope::Number, "sales", "pin_changed"),
    ];
    assert_eq!(told, want);
    assert!(!format!("{alerts:?}").contains("4930111") && !format!("{alerts:?}").contains("1650999"));
}

#[tokio::test]
async fn the_messaging_limit_is_the_newest_that_was_told() {
    let rig = Rig::new().await;
    let now = seconds(&rig).await;
    let told = |limit: Value| json!({ "max_daily_conversations_per_business": limit });
    hook(&rig, "business_capability_update", &told(json!(2000)), now - 10).await;
    hook(&rig, "business_capability_update", &told(json!("TIER_250")), now - 20).await;
    let tier = async || rig.store.portfolio_use("business", rig.now().await).await.unwrap().tier;
    assert_eq!(tier().await.as_deref(), Some("TIER_2K"));
    hook(&rig, "business_capability_update", &json!({"max_phone_numbers_per_business": 25}), now - 5).await;
    assert_eq!(tier().await.as_deref(), Some("TIER_2K"));
}

/// What answers say that a person must know stands until somebody acknowledges it.
#[tokio::test]
async fn a_refusal_that_stops_sending_is_an_alert() {
    for (code, scope, name) in [
        (131_031, BarScope::Account, WABA),
        (368, BarScope::Account, WABA),
        (131_042, BarScope::Account, WABA),
        (131_048, BarScope::Number, "support"),
    ] {
        let rig = Rig::new().await;
        let ann = rig.customer("4930901820").await;
        rig.platform.next([Does::Refuse(400, code)]);
        rig.start("a");
        rig.ask([rig.text("a", ann).await]).await;
        eventually(async || !rig.store.open_alerts().await.unwrap().is_empty()).await;
        let alert = rig.store.open_alerts().await.unwrap().remove(0);
        let kind = format!("code_{code}");
        assert_eq!((alert.scope, alert.name.as_str(), alert.kind.as_str()), (scope, name, kind.as_str()));
        rig.stop().await;
    }
}
