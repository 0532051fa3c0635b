//! What Meta tells of one template. What the registry does not have, or what a list newer than the webhook may have otherwise, is
//! asked for again.

use waypost_cloud_api::webhook::{Pause, TemplateChange, TemplateNews};
use waypost_domain::template::{Quality, TemplateStatus, is_same_language};
use waypost_domain::{Category, Template};
use waypost_store::{BarScope, Heard, StoreError, TEMPLATE_STATUS, TemplateRow};

use super::Teller;
use super::meaning::fell;

/// Meta, "Template pausing".
const FIRST_PAUSE_MS: i64 = 3 * 60 * 60 * 1000;
const SECOND_PAUSE_MS: i64 = 6 * 60 * 60 * 1000;

pub(super) async fn take_in(teller: &mut Teller<'_>, news: &TemplateNews) -> Result<(), StoreError> {
    let waba = teller.waba.clone();
    let (name, id) = (news.name.as_deref().unwrap_or_default(), news.id.as_deref().unwrap_or_default());
    let known = teller.tx.templates_like(&waba, name, id).await?;
    let listed_at = teller.tx.templates_listed_at(&waba).await?;
    let is_old = listed_at.is_some_and(|listed_at| teller.at.told_at < listed_at);
    let (Some(row), false) = (meant(known, news), is_old) else {
        return teller.tx.want_templates(&waba, teller.now).await;
    };
    let name = row.news_name();
    let Some((topic, word)) = topic(&news.change) else {
        return teller.tx.want_templates(&waba, teller.now).await;
    };
    if teller.hear(BarScope::Template, &name, topic, word).await? == Heard::Old {
        return Ok(());
    }
    if news.category.is_some_and(|category| category != row.template.category) {
        teller.tx.want_templates(&waba, teller.now).await?;
    }
    let mut changed = row.clone();
    change(&mut changed.template, teller, &news.change);
    let alert = alert(&row.template, &news.change);
    if changed.template != row.template {
        teller.tx.put_template(changed, teller.now).await?;
    }
    match alert {
        Some((kind, why)) => teller.alert(BarScope::Template, &name, kind, &why).await,
        None => Ok(()),
    }
}

/// The one of this id, or of this name in this language, however the language is written.
fn meant(known: Vec<TemplateRow>, news: &TemplateNews) -> Option<TemplateRow> {
    let has_id = |row: &TemplateRow| !row.meta_id.is_empty() && Some(&row.meta_id) == news.id.as_ref();
    let language = news.language.as_deref();
    let has_name = |row: &TemplateRow| {
        let is_language = language.is_some_and(|language| is_same_language(&row.template.language, language));
        is_language && Some(&row.template.name) == news.name.as_ref()
    };
    let at = known.iter().position(has_name).or_else(|| known.iter().position(has_id))?;
    known.into_iter().nth(at)
}

/// What it is about, and what is told of it; `None`: only the list has it.
fn topic(change: &TemplateChange) -> Option<(&'static str, &str)> {
    Some(match change {
        TemplateChange::Status { status, .. } => (TEMPLATE_STATUS, status.as_str()),
        TemplateChange::Quality { new, .. } => ("quality", new.as_str()),
        TemplateChange::Category(category) | TemplateChange::CategoryAnnounced(category) => {
            ("category", category.as_str())
        }
        TemplateChange::Content => return None,
    })
}

fn change(template: &mut Template, teller: &Teller<'_>, change: &TemplateChange) {
    match change {
        TemplateChange::Status { status, pause, .. } => {
            template.status = status.clone();
            let ends = |millis| Some(teller.at.told_at.plus_millis(millis));
            template.paused_until = match pause {
                Some(Pause::First) => ends(FIRST_PAUSE_MS),
                Some(Pause::Second) => ends(SECOND_PAUSE_MS),
                Some(Pause::RateLimiting) | None => None,
            };
        }
        TemplateChange::Quality { new, .. } => template.quality = *new,
        TemplateChange::Category(category) => {
            template.category = *category;
            template.announced_category = None;
        }
        TemplateChange::CategoryAnnounced(category) => {
            template.announced_category = Some(*category).filter(|announced| *announced != template.category);
        }
        TemplateChange::Content => {}
    }
}

/// What a person must know of it: what takes the template away, or is about to.
fn alert(before: &Template, change: &TemplateChange) -> Option<(&'static str, String)> {
    match change {
        TemplateChange::Status { status, reason, .. } => {
            let is_loss = matches!(
                status,
                TemplateStatus::Paused | TemplateStatus::Disabled | TemplateStatus::Flagged | TemplateStatus::Archived
            );
            let why = reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
            is_loss.then(|| ("template_status", format!("the template is {}{why}", status.as_str())))
        }
        TemplateChange::Quality { previous, new } => {
            let was = if *previous == Quality::Unknown { before.quality } else { *previous };
            fell(*new, was).then(|| ("quality", format!("the template's quality is {}", new.as_str())))
        }
        // It needs another consent and costs more.
        TemplateChange::Category(category) => (*category == Category::Marketing && before.category != *category)
            .then(|| ("template_category", "the template counts as marketing now".to_owned())),
        TemplateChange::CategoryAnnounced(_) | TemplateChange::Content => None,
    }
}
