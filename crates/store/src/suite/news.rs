//! What Meta tells of accounts, numbers and templates in any order, what it changes, and what a person must know of it.

use waypost_domain::template::{Layout, ParameterFormat, Quality, TemplateStatus};
use waypost_domain::{Category, PhoneNumberId, Template, Timestamp, WabaId};

use super::{at, begin_record, owner};
use crate::{
    Alert, BarOrigin, BarScope, BarWhat, ChangeRow, ChangeScope, Heard, Lease, Lift, News, Result, SendBar, Store,
    TemplateListRow, TemplateRow, ToldAt,
};

fn told(told_at: i64, received_at: i64) -> ToldAt {
    ToldAt { told_at: at(told_at), received_at: at(received_at) }
}

async fn hear(store: &Store, lease: &Lease, word: &str, told_at: ToldAt) -> Result<Heard> {
    let mut tx = begin_record(store, lease).await?;
    let news = News { scope: BarScope::Number, name: "support", topic: "standing", word, at: told_at };
    let heard = tx.hear(&news).await?;
    tx.commit().await?;
    Ok(heard)
}

pub async fn news_that_is_older_than_what_is_known_is_old(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let new = |before: Option<&str>| Heard::New { before: before.map(str::to_owned) };
    assert_eq!(hear(store, &lease, "FLAGGED", told(10, 11)).await?, new(None));
    assert_eq!(hear(store, &lease, "FLAGGED", told(10, 11)).await?, Heard::Old, "twice");
    assert_eq!(hear(store, &lease, "CONNECTED", told(9, 99)).await?, Heard::Old, "late");
    assert_eq!(hear(store, &lease, "UNFLAGGED", told(10, 12)).await?, new(Some("FLAGGED")), "in the same second");
    assert_eq!(hear(store, &lease, "FLAGGED", told(10, 11)).await?, Heard::Old, "the first once more");
    assert_eq!(hear(store, &lease, "UNFLAGGED", told(20, 20)).await?, new(Some("UNFLAGGED")));
    let last = store.told(BarScope::Number, "standing").await?;
    assert_eq!(last, [("support".to_owned(), "UNFLAGGED".to_owned())].into());
    assert_eq!(store.told(BarScope::Account, "standing").await?, [].into());
    Ok(())
}

pub async fn a_change_keeps_the_time_of_its_first_copy(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let change = |received_at: i64| ChangeRow {
        scope: ChangeScope::Account,
        number: PhoneNumberId::new(""),
        waba: WabaId::new("1"),
        field: "account_update".to_owned(),
        key: "k".to_owned(),
        json: b"{}".to_vec(),
        received_at: at(received_at),
        entry_time: Some(1),
    };
    let mut tx = begin_record(store, &lease).await?;
    assert_eq!(tx.first_received(&change(7)).await?, at(7), "it is not kept");
    tx.keep_changes(&[change(5)]).await?;
    tx.keep_changes(&[change(6)]).await?;
    assert_eq!(tx.first_received(&change(6)).await?, at(5));
    let newer = ChangeRow { key: "l".to_owned(), field: "security".to_owned(), entry_time: None, ..change(9) };
    tx.keep_changes(&[
        newer.clone(),
        ChangeRow { key: "m".to_owned(), field: "history".to_owned(), ..change(8) },
        ChangeRow { key: "n".to_owned(), scope: ChangeScope::Contact, ..change(8) },
    ])
    .await?;
    tx.commit().await?;
    let fields = ["account_update", "security"];
    assert_eq!(store.account_changes(&fields, 9).await?, [change(5), newer.clone()], "the oldest first");
    assert_eq!(store.account_changes(&fields, 1).await?, [newer], "the newest");
    assert_eq!(store.account_changes(&[], 9).await?, []);
    Ok(())
}

pub async fn an_alert_stands_until_somebody_acknowledges_it(store: &Store) -> Result<()> {
    store.migrate().await?;
    let raise = async |kind: &str, told_at: i64| {
        store.raise_alert(BarScope::Account, "1", kind, "Meta says so \0", at(told_at)).await
    };
    let acknowledge = async |kind: &str, seen: i64| {
        let mut change = store.begin_change().await?;
        let known = change.acknowledge_alert(BarScope::Account, "1", kind, at(seen), "kim").await?;
        let now = change.now();
        change.commit(&[]).await?;
        Ok::<(bool, Timestamp), crate::StoreError>((known, now))
    };
    assert!(raise("violation", 5).await? && raise("restriction", 3).await?);
    assert!(!raise("violation", 5).await?, "twice");
    assert!(raise("violation", 9).await?);
    let alert = |kind: &str, since: i64, told_at: i64| Alert {
        scope: BarScope::Account,
        name: "1".to_owned(),
        kind: kind.to_owned(),
        since: at(since),
        told_at: at(told_at),
        why: "Meta says so \u{fffd}".to_owned(),
        acknowledged: None,
    };
    assert_eq!(store.open_alerts().await?, [alert("restriction", 3, 3), alert("violation", 5, 9)]);
    assert!(!acknowledge("violation", 5).await?.0, "it was told again since it was seen");
    let (known, when) = acknowledge("violation", 9).await?;
    assert!(known && !acknowledge("violation", 9).await?.0 && !acknowledge("unknown", 9).await?.0);
    assert!(!raise("violation", 8).await?, "a late copy");
    assert_eq!(store.open_alerts().await?, [alert("restriction", 3, 3)]);
    let known = Alert { acknowledged: Some((when, "kim".to_owned())), ..alert("violation", 5, 9) };
    assert_eq!(store.alerts(9).await?, [known, alert("restriction", 3, 3)]);
    assert_eq!(store.alerts(1).await?.len(), 1);
    assert!(raise("violation", 10).await?, "once more");
    assert_eq!(store.open_alerts().await?, [alert("restriction", 3, 3), alert("violation", 10, 10)]);
    Ok(())
}

fn bar(what: BarWhat, since: i64, origin: BarOrigin) -> SendBar {
    SendBar {
        scope: BarScope::Account,
        name: "1".to_owned(),
        what,
        since: at(since),
        until: None,
        until_token: false,
        step: 0,
        why: "restricted".to_owned(),
        origin,
    }
}

pub async fn good_news_lifts_what_is_older_and_of_its_kind(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let token = SendBar { until_token: true, name: "2".to_owned(), ..bar(BarWhat::Everything, 1, BarOrigin::Answer) };
    let all = [
        bar(BarWhat::Everything, 5, BarOrigin::Answer),
        bar(BarWhat::Everything, 5, BarOrigin::News),
        bar(BarWhat::Category(Category::Service), 5, BarOrigin::News),
        bar(BarWhat::Templates, 5, BarOrigin::Answer),
        bar(BarWhat::Templates, 5, BarOrigin::News),
        token,
    ];
    let lift = async |name: &str, which, told_at: i64| {
        let mut tx = begin_record(store, &lease).await?;
        for bar in &all {
            tx.bar_sends(bar).await?;
        }
        // What is older than a bar does not replace it.
        tx.bar_sends(&SendBar { until: Some(at(9)), ..bar(BarWhat::Templates, 4, BarOrigin::News) }).await?;
        tx.lift_bars(BarScope::Account, name, which, at(told_at)).await?;
        tx.commit().await?;
        let bars = store.send_bars().await?;
        let left: Vec<usize> = (0..all.len()).filter(|at| bars.contains(&all[*at])).collect();
        assert_eq!(left.len(), bars.len());
        Ok::<_, crate::StoreError>(left)
    };
    assert_eq!(lift("1", Lift::News, 4).await?, [0, 1, 2, 3, 4, 5], "older than the bars");
    assert_eq!(lift("1", Lift::NewsOnPart, 5).await?, [0, 1, 3, 5]);
    assert_eq!(lift("1", Lift::News, 5).await?, [0, 3, 5]);
    assert_eq!(lift("1", Lift::Everything, 5).await?, [2, 3, 4, 5]);
    assert_eq!(lift("2", Lift::Everything, 5).await?, [0, 1, 2, 3, 4, 5], "it waits for a token");
    assert_eq!(store.lift_bars_of_token().await?, 1);
    assert_eq!(store.send_bars().await?, all[..5]);
    Ok(())
}

fn template(status: TemplateStatus, updated_at: i64) -> TemplateRow {
    let template = Template {
        name: "parcel".to_owned(),
        language: "en_US".to_owned(),
        status,
        category: Category::Utility,
        announced_category: None,
        parameter_format: ParameterFormat::Positional,
        quality: Quality::Green,
        ttl_s: None,
        paused_until: None,
        layout: Layout::default(),
        cards: vec![],
        has_offer_end: false,
    };
    TemplateRow { waba: WabaId::new("1"), meta_id: "77".to_owned(), template, updated_at: at(updated_at) }
}

pub async fn a_webhook_is_newer_than_a_list_that_was_asked_for_before(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let waba = WabaId::new("1");
    store.replace_templates(&waba, &[template(TemplateStatus::Approved, 5)], at(5)).await?;
    let before = store.templates_revision().await?;
    let mut tx = begin_record(store, &lease).await?;
    assert_eq!(tx.templates_listed_at(&waba).await?, Some(at(5)));
    assert_eq!(tx.templates_listed_at(&WabaId::new("2")).await?, None);
    for (name, id, count) in [("parcel", "", 1), ("x", "77", 1), ("x", "", 0), ("", "78", 0)] {
        assert_eq!(tx.templates_like(&waba, name, id).await?.len(), count, "{name} {id}");
    }
    let known = tx.templates_like(&waba, "parcel", "").await?.remove(0);
    assert_eq!(known.news_name(), "1/parcel/en_us");
    let mut changed = known;
    changed.template.status = TemplateStatus::Paused;
    // Within the same millisecond the revision is another one all the same.
    tx.put_template(changed, at(5)).await?;
    tx.commit().await?;
    assert_ne!(store.templates_revision().await?, before);
    let status = async || Ok::<_, crate::StoreError>(store.templates(None).await?[0].template.status.clone());
    store.replace_templates(&waba, &[template(TemplateStatus::Approved, 5)], at(5)).await?;
    assert_eq!(status().await?, TemplateStatus::Paused, "the list was asked for before");
    store.replace_templates(&waba, &[template(TemplateStatus::Approved, 7)], at(7)).await?;
    assert_eq!(status().await?, TemplateStatus::Approved);
    store.hold_template(&waba, "parcel", "en-US", TemplateStatus::Disabled, at(9)).await?;
    store.hold_template(&waba, "other", "en-US", TemplateStatus::Disabled, at(9)).await?;
    assert_eq!(status().await?, TemplateStatus::Disabled);
    let mut tx = begin_record(store, &lease).await?;
    let name = "1/parcel/en_us";
    let news =
        News { scope: BarScope::Template, name, topic: crate::TEMPLATE_STATUS, word: "approved", at: told(8, 20) };
    assert_eq!(tx.hear(&news).await?, Heard::Old, "it was told before the refusal");
    let news = News { at: told(10, 20), ..news };
    assert_ne!(tx.hear(&news).await?, Heard::Old);
    tx.commit().await?;
    store.replace_templates(&waba, &[template(TemplateStatus::Approved, 10)], at(10)).await?;
    let revision = store.templates_revision().await?;
    store.hold_template(&waba, "parcel", "en-US", TemplateStatus::Disabled, at(9)).await?;
    assert_eq!(status().await?, TemplateStatus::Approved, "the refusal was of before");
    assert_eq!(store.templates_revision().await?, revision);
    Ok(())
}

pub async fn a_list_of_templates_is_wanted_tried_and_known(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let (one, other) = (WabaId::new("1"), WabaId::new("2"));
    assert_eq!(store.template_lists().await?, []);
    store.want_templates(&one, at(5)).await?;
    store.try_templates(&other, at(6)).await?;
    let mut tx = begin_record(store, &lease).await?;
    tx.want_templates(&one, at(7)).await?;
    tx.commit().await?;
    store.keep_listed_templates(&one, &[template(TemplateStatus::Approved, 8)], at(8)).await?;
    store.keep_listed_templates(&one, &[], at(4)).await?;
    assert_eq!(store.templates(Some(&one)).await?.len(), 1, "nobody knows what is gone");
    let row = |waba: &WabaId, wanted: Option<i64>, tried: Option<i64>, listed: Option<i64>| TemplateListRow {
        waba: waba.clone(),
        wanted_at: wanted.map(at),
        tried_at: tried.map(at),
        listed_at: listed.map(at),
    };
    let want = [row(&one, Some(7), None, Some(8)), row(&other, None, Some(6), None)];
    assert_eq!(store.template_lists().await?, want);
    Ok(())
}
