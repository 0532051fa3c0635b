//! The consent ledger, the registry of templates, what may not be sent, and the data of the rules for sending.

use uuid::Uuid;
use waypost_domain::consent::{Basis, ConsentEntry, Evidence, How, Said};
use waypost_domain::template::{Layout, ParameterFormat, Quality, TemplateStatus};
use waypost_domain::{Category, ConsentEntryId, ContactId, Template, WabaId};

use super::{aliases, at};
use crate::{BarKey, BarOrigin, BarScope, BarWhat, PolicyDataRow, Result, SendBar, Store, TemplateRow};

fn entry(contact: ContactId, number: u128, said: Said) -> ConsentEntry {
    ConsentEntry {
        id: ConsentEntryId::from_uuid(Uuid::from_u128(number)),
        contact,
        brand: "shop".to_owned(),
        category: Some(Category::Marketing),
        said,
        at: None,
        recorded_at: at(1_000 + i64::try_from(number).unwrap_or(0)),
        how: How::Api,
        source: Some("form \0 7".to_owned()),
        recorded_by: "crm".to_owned(),
        evidence: Evidence { wording: "Ja, gern \"an mich\"".to_owned(), ..Evidence::default() },
    }
}

pub async fn consent_is_added_and_never_changed(store: &Store) -> Result<()> {
    store.migrate().await?;
    let ann = store.upsert_contact(&aliases("p:4930901820"), &Default::default(), None).await?;
    let bob = store.upsert_contact(&aliases("p:4930901821"), &Default::default(), None).await?;
    let yes = entry(ann, 1, Said::Granted(Basis::ExistingCustomer));
    let no = ConsentEntry { category: None, at: Some(at(7)), ..entry(ann, 2, Said::Withdrawn) };
    let mut change = store.begin_change().await?;
    change.append_consent(&[]).await?;
    change.append_consent(&[yes.clone(), no.clone(), entry(bob, 3, Said::Pending)]).await?;
    change.append_consent(&[ConsentEntry { said: Said::NoStop, ..no.clone() }]).await?;
    change.commit(&[]).await?;
    let cleaned = |entry: ConsentEntry| ConsentEntry { source: Some("form \u{fffd} 7".to_owned()), ..entry };
    assert_eq!(store.consent_entries(&[ann]).await?, [cleaned(yes), cleaned(no)], "as it was written first");
    assert_eq!(store.consent_entries(&[ann, bob]).await?.len(), 3);
    assert_eq!(store.consent_entries(&[]).await?, []);
    Ok(())
}

fn template(language: &str, status: TemplateStatus) -> Template {
    Template {
        name: "order_shipped".to_owned(),
        language: language.to_owned(),
        status,
        category: Category::Utility,
        announced_category: None,
        parameter_format: ParameterFormat::Named,
        quality: Quality::Green,
        ttl_s: Some(60),
        paused_until: None,
        layout: Layout { body: "Hello {{name}}".to_owned(), ..Layout::default() },
        cards: vec![],
        has_offer_end: false,
    }
}

pub async fn a_whole_list_of_templates_replaces_what_was_known(store: &Store) -> Result<()> {
    store.migrate().await?;
    let (one, other) = (WabaId::new("1"), WabaId::new("2"));
    let row = |waba: &WabaId, language: &str, status, millis| TemplateRow {
        waba: waba.clone(),
        meta_id: format!("id-{language}"),
        template: template(language, status),
        updated_at: at(millis),
    };
    let approved = TemplateStatus::Approved;
    let first = [
        row(&one, "en_US", approved.clone(), 1),
        row(&one, "de", approved.clone(), 1),
        row(&other, "de", approved.clone(), 1),
    ];
    store.keep_templates(&first).await?;
    let before = store.templates_revision().await?;
    // A hook spells it in another way, and does not know the id.
    let hook = TemplateRow { meta_id: String::new(), ..row(&one, "en-us", TemplateStatus::Paused, 2) };
    store.keep_templates(&[hook]).await?;
    assert_ne!(store.templates_revision().await?, before);
    let told = store.templates(Some(&one)).await?;
    let told: Vec<_> =
        told.iter().map(|row| (&*row.template.language, row.template.status.as_str(), &*row.meta_id)).collect();
    assert_eq!(told, [("de", "approved", "id-de"), ("en-us", "paused", "id-en_US")]);
    store.replace_templates(&one, &[row(&one, "fr", approved.clone(), 3)], at(3)).await?;
    let all = store.templates(None).await?;
    let all: Vec<_> = all.iter().map(|row| (row.waba.as_str(), &*row.template.language)).collect();
    assert_eq!(all, [("1", "fr"), ("2", "de")]);
    store.replace_templates(&one, &[], at(4)).await?;
    assert_eq!(store.templates(Some(&one)).await?, []);
    Ok(())
}

pub async fn bars_are_set_and_lifted(store: &Store) -> Result<()> {
    store.migrate().await?;
    let bar = SendBar {
        scope: BarScope::Number,
        name: "support".to_owned(),
        what: BarWhat::Category(Category::Marketing),
        since: at(1),
        until: Some(at(9)),
        until_token: false,
        step: 1,
        why: "too fast".to_owned(),
        origin: BarOrigin::Answer,
    };
    let token = SendBar { what: BarWhat::Everything, until: None, until_token: true, ..bar.clone() };
    store.bar_sends(&bar).await?;
    store.bar_sends(&token).await?;
    let longer = SendBar { step: 2, until: Some(at(99)), ..bar };
    store.bar_sends(&longer).await?;
    assert_eq!(store.send_bars().await?, [token, longer.clone()]);
    let of = BarKey { what: BarWhat::Everything, ..longer.key() };
    let mut change = store.begin_change().await?;
    assert_eq!(change.send_bar(&of).await?.map(|bar| bar.what), Some(BarWhat::Everything));
    assert_eq!(change.send_bar(&BarKey { origin: BarOrigin::News, ..of.clone() }).await?, None);
    change.lift_bar(&of).await?;
    assert_eq!(change.send_bar(&of).await?, None);
    change.commit(&[]).await?;
    assert_eq!(store.send_bars().await?, std::slice::from_ref(&longer));
    // A refusal that was under way when it was set says nothing new; what lasts for another time, or comes after its end, does.
    let beside = SendBar { since: at(5), until: Some(at(103)), ..longer.clone() };
    store.bar_sends(&beside).await?;
    assert_eq!(store.send_bars().await?, std::slice::from_ref(&longer));
    let other = SendBar { since: at(5), until: Some(at(7)), ..longer.clone() };
    store.bar_sends(&other).await?;
    assert_eq!(store.send_bars().await?, std::slice::from_ref(&other));
    let later = SendBar { since: at(8), until: Some(at(10)), ..other };
    store.bar_sends(&later).await?;
    assert_eq!(store.send_bars().await?, std::slice::from_ref(&later));
    let lasting = SendBar { since: at(9), until: None, ..later };
    store.bar_sends(&lasting).await?;
    assert_eq!(store.send_bars().await?, [lasting]);
    Ok(())
}

pub async fn policy_data_has_versions(store: &Store) -> Result<()> {
    store.migrate().await?;
    assert_eq!(store.policy_data(9).await?, []);
    let row = |version: u32| PolicyDataRow {
        version,
        created_at: at(version.into()),
        created_by: "ann".to_owned(),
        note: "tiers".to_owned(),
        text: format!("version = {version}\n"),
    };
    for version in [2, 3] {
        let mut change = store.begin_change().await?;
        change.push_policy_data(&row(version)).await?;
        assert_eq!(change.policy_data().await?, Some(row(version)));
        change.commit(&[]).await?;
    }
    let mut change = store.begin_change().await?;
    assert!(change.push_policy_data(&row(3)).await.is_err(), "a version is given once");
    drop(change);
    assert_eq!(store.policy_data(1).await?, [row(3)]);
    assert_eq!(store.policy_data(9).await?, [row(3), row(2)]);
    Ok(())
}
