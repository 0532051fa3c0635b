//! Where webhooks go, and of what. Meta calls the number's own address, else the account's, else the app's; the first two get
//! `messages` alone.

use reqwest::Url;
use waypost_cloud_api::answer::{AppSubscription, WebhookAddresses};

use super::unanswered;
use crate::commands::doctor::facts::{AccountFacts, MetaFacts, NumberFacts, Ours};
use crate::commands::doctor::finding::{Check, Finding, Level, Subject};

const DASHBOARD: &str = "in Meta's app dashboard, WhatsApp > Configuration";

/// What comes of which field here, as what is lost without it. Several names: any of them will do.
pub(super) const USED: [(&[&str], &str); 11] = [
    (
        &["message_template_status_update"],
        "that a template was paused, disabled or approved is known when templates are listed again \
         (sender.templates_every_s), or by sends that fail",
    ),
    (&["message_template_quality_update"], "that a template's quality falls is not seen before Meta pauses it"),
    (
        &["message_template_components_update"],
        "an edited template is filled in as it was, until templates are listed again",
    ),
    (
        &["template_category_update", "message_template_category_update"],
        "a template that Meta filed elsewhere goes by consent and limits of its old category, until templates are listed again",
    ),
    (&["account_update"], "restrictions, violations and bans of the account are known by sends that fail"),
    (&["account_alerts"], "Meta's alerts about the account raise none here"),
    (&["account_review_update"], "that Meta takes its approval of the account back is not known"),
    (&["phone_number_quality_update"], "that a number was flagged, or got another limit, is not known"),
    (&["phone_number_name_update"], "that a display name was refused is not known"),
    (&["business_capability_update"], "another messaging limit of the portfolio is not kept to"),
    (&["security"], "that the PIN of a number was changed raises no alert"),
];

/// What only some installations need.
pub(super) const OPTIONAL: [(&str, &str); 7] = [
    ("user_id_update", "customers with user names"),
    ("user_preferences", "who stops marketing in WhatsApp itself, before a send fails"),
    ("messaging_handovers", "several apps on one number"),
    ("standby", "several apps on one number"),
    ("smb_message_echoes", "numbers that the WhatsApp Business app answers, too"),
    ("calls", "calls"),
    ("history", "what was said before a number came from the WhatsApp Business app"),
];

pub(super) fn of_app(ours: &Ours, meta: &MetaFacts) -> Vec<Finding> {
    if ours.through_d360 {
        let found =
            "webhooks come through 360dialog: callback, fields and subscriptions are of its app, which cannot be asked";
        return vec![Subject::App.ok(Check::Callback, found)];
    }
    let mut findings = vec![app_callback(ours, meta)];
    match &meta.app {
        Ok(Some(app)) => findings.extend(fields(app)),
        Ok(None) => {
            let remedy = format!("subscribe the app to messages, {DASHBOARD}");
            let found = "the app is subscribed to nothing of WhatsApp accounts";
            findings.push(Subject::App.bad(Check::Fields, found, remedy));
        }
        Err(not_asked) => findings.push(unanswered(&Subject::App, Level::Warn, Check::Fields, not_asked)),
    }
    findings
}

fn app_callback(ours: &Ours, meta: &MetaFacts) -> Finding {
    let (subject, check) = (Subject::App, Check::Callback);
    let app = meta.app.as_ref().ok().and_then(Option::as_ref);
    if app.is_some_and(|app| !app.is_active) {
        let remedy = format!("verify and save the callback URL again, {DASHBOARD}");
        return subject.bad(check, "Meta has switched the app's webhooks off", remedy);
    }
    let Some(url) = meta.app_callback() else {
        return match &meta.app {
            Err(not_asked) => unanswered(&subject, Level::Warn, check, not_asked),
            Ok(_) => {
                let remedy = format!("set it to the address of Waypost's ingress, {DASHBOARD}");
                subject.bad(check, "the app has no callback URL: no webhook comes", remedy)
            }
        };
    };
    placed(ours, &subject, "the app's webhooks go to", url, &format!("set the callback URL to it, {DASHBOARD}"))
}

/// Whether this address is ours.
fn placed(ours: &Ours, subject: &Subject, what: &str, url: &str, remedy: &str) -> Finding {
    let (check, parsed) = (Check::Callback, Url::parse(url).ok());
    let shown = shown(parsed.as_ref());
    match &ours.url {
        None => subject.warn(
            check,
            format!("{what} {shown}; whether that is this Waypost is not known"),
            "set ingress.public_url, or give --callback URL",
        ),
        Some(address) if parsed.as_ref().is_some_and(|url| is_same(url, address)) => {
            subject.ok(check, format!("{what} {shown}, which is ours"))
        }
        Some(address) => {
            let found = format!("{what} {shown}, and not to ours, {}", self::shown(Some(address)));
            subject.bad(check, found, remedy)
        }
    }
}

pub(super) fn fields(app: &AppSubscription) -> Vec<Finding> {
    let (subject, check) = (Subject::App, Check::Fields);
    let has = |name: &str| app.fields.iter().any(|field| field == name);
    let subscribe = format!("subscribe the app to it, {DASHBOARD}");
    let mut findings = Vec::new();
    if !has("messages") {
        let found = "messages is not subscribed to: neither messages nor statuses come";
        findings.push(subject.bad(check, found, &subscribe));
    }
    for (names, lost) in USED.iter().filter(|(names, _)| !names.iter().any(|name| has(name))) {
        findings.push(subject.warn(check, format!("{} is not subscribed to: {lost}", names[0]), &subscribe));
    }
    if findings.is_empty() {
        let without: Vec<String> = OPTIONAL
            .iter()
            .filter(|(name, _)| !has(name))
            .map(|(name, for_what)| format!("{name} ({for_what})"))
            .collect();
        let without = if without.is_empty() {
            String::new()
        } else {
            format!("; without, which not all need: {}", without.join(", "))
        };
        let found = format!("messages and the {} others that are used come{without}", USED.len());
        findings.push(subject.ok(check, found));
    }
    findings
}

pub(super) fn of_account(ours: &Ours, meta: &MetaFacts, account: &AccountFacts) -> Vec<Finding> {
    if ours.through_d360 {
        return Vec::new();
    }
    let (subject, check) = (Subject::Account(account.id.clone()), Check::Subscription);
    let apps = match &account.apps {
        Ok(apps) => apps,
        Err(not_asked) => return vec![unanswered(&subject, Level::Warn, check, not_asked)],
    };
    let subscribe = "POST /{account}/subscribed_apps with the token (an empty body)";
    let Some(app_id) = meta.app_id() else {
        return vec![if apps.is_empty() {
            subject.bad(check, "no app gets its webhooks", subscribe)
        } else {
            subject.warn(check, "apps get its webhooks; which is ours is not known", "see what is said of the token")
        }];
    };
    let others = apps.iter().filter(|app| app.id.as_deref() != Some(app_id)).count();
    let Some(app) = apps.iter().find(|app| app.id.as_deref() == Some(app_id)) else {
        let others = if others > 0 { format!(" ({others} other apps do)") } else { String::new() };
        return vec![subject.bad(check, format!("our app does not get its webhooks{others}"), subscribe)];
    };
    let others = if others > 0 { format!("; so do {others} others") } else { String::new() };
    let mut findings = vec![subject.ok(check, format!("our app gets its webhooks{others}"))];
    if let Some(url) = app.override_callback_uri.as_deref().filter(|url| !url.is_empty()) {
        let remedy = "POST /{account}/subscribed_apps with an empty body takes the override away";
        findings.push(placed(ours, &subject, "by an override of the account, messages go to", url, remedy));
    }
    findings
}

/// Where the messages of a number go, where it is not where the app says.
pub(super) fn of_number(ours: &Ours, meta: &MetaFacts, number: &NumberFacts) -> Option<Finding> {
    let subject = Subject::Number(number.name.clone());
    let WebhookAddresses { of_number, of_account, .. } = &number.number.as_ref().ok()?.webhooks;
    let given = |url: &Option<String>| url.clone().filter(|url| !url.is_empty());
    if ours.through_d360 {
        return None;
    }
    if let Some(url) = given(of_number) {
        let remedy =
            "POST /{number} with webhook_configuration {\"override_callback_uri\": \"\"} takes the override away";
        return Some(placed(ours, &subject, "by an override of the number, messages go to", &url, remedy));
    }
    if let Some(url) = given(of_account) {
        let remedy = "POST /{account}/subscribed_apps with an empty body takes the override away";
        return Some(placed(ours, &subject, "by an override of its account, messages go to", &url, remedy));
    }
    meta.app_callback().map(|_| subject.ok(Check::Callback, "messages go where the app says: there is no override"))
}

/// Without what may be a secret in it.
fn shown(url: Option<&Url>) -> String {
    let Some(url) = url else { return "what is no URL".to_owned() };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let query = if url.query().is_some() { "?…" } else { "" };
    format!("{}://{}{port}{}{query}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

fn is_same(url: &Url, other: &Url) -> bool {
    let path = |url: &Url| url.path().trim_end_matches('/').to_owned();
    url.origin() == other.origin() && path(url) == path(other) && url.query() == other.query()
}
