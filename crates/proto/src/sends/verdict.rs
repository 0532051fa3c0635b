//! A verdict as it is shown. It is made by `waypost-policy` and stored by the sender; nobody sends one in.

use waypost_domain::consent::{Basis, Grant};
use waypost_domain::send::TemplateMessage;
use waypost_policy::asked::OptInState;
use waypost_policy::verdict::{Allowed, LanguageChoice, Message, Preview};
use waypost_policy::{Finding, Record, Verdict, Warning};

use super::content::wire_free_form;
use super::request::wire_category;
use super::template::wire_template_message;
use super::{plain, time};
use crate::sends_v1 as wire;

/// A verdict, with when it was given and by which data.
pub fn wire_verdict(record: &Record) -> wire::Verdict {
    let (outcome, retry_at) = match &record.verdict {
        Verdict::Allowed(_) => (wire::Outcome::Allowed, None),
        Verdict::Deferred { until, .. } => (wire::Outcome::Deferred, Some(*until)),
        Verdict::Expired(_) => (wire::Outcome::Expired, None),
        Verdict::Refused(_) => (wire::Outcome::Refused, None),
    };
    let opt_in = match record.opt_in {
        OptInState::CaughtUp => wire::OptInState::CaughtUp,
        OptInState::Behind => wire::OptInState::Behind,
        OptInState::NotInstalled => wire::OptInState::NotInstalled,
    };
    wire::Verdict {
        outcome: outcome.into(),
        retry_time: retry_at.map(time),
        finding: record.verdict.finding().map(wire_finding),
        allowed: record.verdict.allowed().map(allowed),
        judge_time: Some(time(record.judged_at)),
        policy_version: record.data_version,
        policy_date: record.data_as_of.to_string(),
        opt_in: opt_in.into(),
    }
}

/// By which rule something does not go.
pub fn wire_finding(finding: &Finding) -> wire::Finding {
    wire::Finding {
        rule: finding.rule.name().to_owned(),
        field: plain(&finding.field),
        detail: plain(&finding.detail),
        sentence: finding.rule.sentence().to_owned(),
        remedy: finding.rule.remedy().to_owned(),
    }
}

fn allowed(allowed: &Allowed) -> wire::Allowed {
    let content = match &allowed.message {
        Message::FreeForm(content) => wire_free_form(content),
        Message::Template(template) => template_content(template),
    };
    let language = |language: &LanguageChoice| wire::LanguageChoice {
        chosen: language.chosen.clone(),
        wanted: plain(&language.wanted),
        fallback: language.is_fallback,
    };
    wire::Allowed {
        content: Some(content),
        category: wire_category(allowed.category).into(),
        substitute: allowed.is_substitute,
        language: allowed.language.as_ref().map(language),
        preview: allowed.preview.as_ref().map(wire_preview),
        consent: allowed.consent.as_ref().map(wire_grant),
        takes_place: allowed.takes_place,
        warnings: allowed.warnings.iter().map(wire_warning).collect(),
    }
}

fn template_content(template: &TemplateMessage) -> wire::Content {
    wire::Content { kind: Some(wire::content::Kind::Template(wire_template_message(template))) }
}

/// A template with its values, as text.
pub fn wire_preview(preview: &Preview) -> wire::Preview {
    wire::Preview {
        header: plain(&preview.header),
        body: preview.body.clone(),
        footer: plain(&preview.footer),
        buttons: preview.buttons.clone(),
        cards: preview.cards.iter().map(wire_preview).collect(),
    }
}

/// What allows a send.
pub fn wire_grant(grant: &Grant) -> wire::ConsentGrant {
    let entry = grant.entry.map(|entry| format!("consentEntries/{entry}")).unwrap_or_default();
    wire::ConsentGrant { basis: wire_basis(grant.basis).into(), entry }
}

pub(super) const fn wire_basis(basis: Basis) -> wire::ConsentBasis {
    match basis {
        Basis::Consent => wire::ConsentBasis::Consent,
        Basis::ExistingCustomer => wire::ConsentBasis::ExistingCustomer,
        Basis::Contract => wire::ConsentBasis::Contract,
    }
}

/// Something to know about what is sent.
pub fn wire_warning(warning: &Warning) -> wire::Warning {
    let kind = match warning {
        Warning::ForeignLink { .. } => "foreign_link",
        Warning::OtherWhatsAppNumber => "other_whats_app_number",
        Warning::ThirdPartySender { .. } => "third_party_sender",
        Warning::LooksLikeRepeat => "looks_like_repeat",
        Warning::AfterStop => "after_stop",
        Warning::Unseen { .. } => "unseen",
        Warning::TakesThread => "takes_thread",
        Warning::CategoryChanged { .. } => "category_changed",
        Warning::CategoryWillChange { .. } => "category_will_change",
        Warning::TemplateFlagged => "template_flagged",
        Warning::TemplateQualityLow => "template_quality_low",
        Warning::LanguageFallback { .. } => "language_fallback",
        Warning::Shortened { .. } => "shortened",
        Warning::OptInNotInstalled => "opt_in_not_installed",
    };
    wire::Warning { kind: kind.to_owned(), text: warning.to_string() }
}
