//! Verdicts are shown with all that they say.

use waypost_domain::calendar::Date;
use waypost_domain::consent::{Basis, Grant};
use waypost_domain::send::FreeForm;
use waypost_domain::{Category, Timestamp};
use waypost_policy::asked::OptInState;
use waypost_policy::verdict::{Address, Allowed, LanguageChoice, Message, Preview};
use waypost_policy::{Finding, Record, Rule, Verdict, Warning};
use waypost_proto::sends::{wire_verdict, wire_warning};
use waypost_proto::sends_v1 as wire;

fn record(verdict: Verdict) -> Record {
    Record {
        format: Record::FORMAT,
        judged_at: Timestamp::from_millis(1_000),
        data_version: 3,
        data_as_of: Date::parse("2026-11-29").unwrap(),
        opt_in: OptInState::NotInstalled,
        verdict,
    }
}

#[test]
fn a_refusal_names_its_rule_and_what_helps() {
    let finding = Finding::new(Rule::ContentTooLong).field("text.body").detail("5000 characters of at most 4096");
    for (verdict, outcome) in [
        (Verdict::Refused(finding.clone()), wire::Outcome::Refused),
        (Verdict::Expired(finding.clone()), wire::Outcome::Expired),
        (Verdict::Deferred { until: Timestamp::from_millis(2_000), finding: finding.clone() }, wire::Outcome::Deferred),
    ] {
        let shown = wire_verdict(&record(verdict));
        assert_eq!((shown.outcome(), shown.opt_in()), (outcome, wire::OptInState::NotInstalled));
        assert_eq!(shown.retry_time.is_some(), outcome == wire::Outcome::Deferred);
        assert_eq!((shown.policy_version, shown.policy_date.as_str()), (3, "2026-11-29"));
        let found = shown.finding.unwrap();
        assert_eq!((found.rule.as_str(), found.field.as_str()), ("content_too_long", "text.body"));
        assert_eq!((found.sentence.as_str(), found.remedy.as_str()), (finding.rule.sentence(), finding.rule.remedy()));
        assert!(shown.allowed.is_none());
    }
}

#[test]
fn what_goes_is_shown_with_what_allows_it() {
    let shown = wire_verdict(&record(Verdict::Allowed(Box::new(Allowed {
        message: Message::FreeForm(FreeForm::Text { body: "Hello".to_owned(), preview_url: false }),
        address: Address::Phone("34600000001".to_owned()),
        category: Category::Utility,
        is_substitute: true,
        language: Some(LanguageChoice { chosen: "es".to_owned(), wanted: None, is_fallback: true }),
        preview: Some(Preview { body: "Hola".to_owned(), ..Preview::default() }),
        consent: Some(Grant { basis: Basis::Contract, entry: None }),
        takes_place: true,
        warnings: vec![Warning::LooksLikeRepeat],
    }))));
    // Where it goes is the contact's, and not said here.
    assert!(!format!("{shown:?}").contains("34600000001"));
    let allowed = shown.allowed.unwrap();
    assert_eq!(allowed.category(), wire::Category::Utility);
    assert!(allowed.substitute && allowed.takes_place && allowed.language.unwrap().fallback);
    assert_eq!(allowed.preview.unwrap().body, "Hola");
    assert_eq!(allowed.consent.unwrap().basis(), wire::ConsentBasis::Contract);
    assert_eq!(allowed.warnings[0].kind, "looks_like_repeat");
    assert!(shown.finding.is_none());
}

#[test]
fn a_warning_is_called_as_in_the_store() {
    let word = || "x".to_owned();
    for warning in [
        Warning::ForeignLink { host: word() },
        Warning::OtherWhatsAppNumber,
        Warning::ThirdPartySender { phrase: word() },
        Warning::LooksLikeRepeat,
        Warning::AfterStop,
        Warning::Unseen { messages: 1 },
        Warning::TakesThread,
        Warning::CategoryChanged { asked: Category::Utility, now: Category::Marketing },
        Warning::CategoryWillChange { to: Category::Marketing },
        Warning::TemplateFlagged,
        Warning::TemplateQualityLow,
        Warning::LanguageFallback { chosen: word() },
        Warning::Shortened { field: word() },
        Warning::OptInNotInstalled,
    ] {
        let stored = serde_json::to_value(&warning).unwrap();
        assert_eq!(stored["warning"], wire_warning(&warning).kind);
    }
}
