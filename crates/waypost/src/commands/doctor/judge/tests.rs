//! Each judgement: an installation with which everything is well, one thing in it otherwise, and the lines that differ.

mod addresses;
mod things;

use reqwest::Url;
use waypost_cloud_api::answer::{
    Account, AppSubscription, BusinessProfile, CanSend, Expiry, GranularScope, Health, HealthEntity, HealthError,
    Number, SubscribedApp, TokenInfo, WebhookAddresses,
};
use waypost_graph_client::AnswerHead;

use super::webhooks::{OPTIONAL, USED};
use super::*;
use crate::commands::doctor::facts::{AccountFacts, Asked, NumberFacts, Ours, Stored};
use crate::commands::doctor::handshake::Handshake;

/// 2026-11-30 12:00:00.4
const NOW_MS: i64 = 1_796_040_000_400;
const OURS: &str = "https://wa.example/webhook";
const ELSEWHERE: &str = "https://elsewhere.example/hook?token=hush";

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn health(kinds: &[&str]) -> Option<Health> {
    let entity = |kind: &&str| HealthEntity {
        kind: (*kind).to_owned(),
        id: text("9"),
        can_send: CanSend::Available,
        errors: Vec::new(),
        additional_info: Vec::new(),
    };
    Some(Health { can_send: CanSend::Available, entities: kinds.iter().map(entity).collect() })
}

fn number() -> Number {
    Number {
        id: "1".to_owned(),
        display_phone_number: text("+1 555-078-3881"),
        verified_name: text("Sample"),
        status: text("CONNECTED"),
        quality_rating: text("GREEN"),
        name_status: text("APPROVED"),
        throughput: text("STANDARD"),
        code_verification_status: text("VERIFIED"),
        account_mode: text("LIVE"),
        platform: text("CLOUD_API"),
        health: health(&["PHONE_NUMBER", "WABA", "BUSINESS", "APP"]),
        messaging_limit: text("TIER_10K"),
        webhooks: WebhookAddresses { of_app: text(OURS), ..WebhookAddresses::default() },
    }
}

fn token() -> TokenInfo {
    let scopes = ["whatsapp_business_messaging", "whatsapp_business_management"];
    let granular = scopes.map(|scope| GranularScope { scope: scope.to_owned(), target_ids: vec!["9".to_owned()] });
    TokenInfo {
        is_valid: true,
        app_id: text("7"),
        expires: Expiry::Never,
        data_access_expires: Expiry::Never,
        scopes: scopes.map(str::to_owned).to_vec(),
        granular_scopes: granular.to_vec(),
        error: None,
    }
}

fn meta() -> MetaFacts {
    let fields = USED.iter().map(|(names, _)| names[0]).chain(["messages"]).chain(OPTIONAL.map(|(name, _)| name));
    let account = Account {
        id: "9".to_owned(),
        name: text("Sample"),
        review_status: text("APPROVED"),
        currency: text("EUR"),
        primary_funding_id: text("5"),
        business_verification: None,
        health: health(&["WABA", "BUSINESS", "APP"]),
    };
    MetaFacts {
        version: "v26.0".to_owned(),
        head: AnswerHead {
            asked_ms: NOW_MS - 50,
            answered_ms: NOW_MS,
            date_ms: Some(NOW_MS - 400),
            api_version: text("v26.0"),
        },
        token: Ok(token()),
        app: Ok(Some(AppSubscription {
            object: "whatsapp_business_account".to_owned(),
            callback_url: text(OURS),
            is_active: true,
            fields: fields.map(str::to_owned).collect(),
        })),
        accounts: vec![AccountFacts {
            id: "9".to_owned(),
            account: Ok(account),
            verification: Ok(text("verified")),
            apps: Ok(vec![SubscribedApp { id: text("7"), name: None, override_callback_uri: None }]),
        }],
        numbers: vec![NumberFacts {
            name: "main".to_owned(),
            number: Ok(number()),
            profile: Ok(BusinessProfile {
                about: text("Open"),
                description: text("A shop"),
                ..BusinessProfile::default()
            }),
        }],
        no_numbers: None,
    }
}

fn facts() -> Facts {
    Facts {
        now_ms: NOW_MS,
        store: Ok(Stored {
            kind: "PostgreSQL",
            policy_version: 3,
            policy_as_of: "2026-09-01".to_owned(),
            policy_age_days: 90,
            numbers: Vec::new(),
        }),
        bus: Ok("RabbitMQ"),
        ours: Ours { url: Some(Url::parse(OURS).unwrap()), handshake: Some(Handshake::Answered), through_d360: false },
        meta: Ok(meta()),
    }
}

fn gone() -> NotAsked {
    NotAsked { what: "it is gone".to_owned(), remedy: "bring it back".to_owned() }
}

/// With one thing otherwise, exactly these lines are not ok: level, subject, check, and words that are in them.
fn check(change: impl FnOnce(&mut Facts), want: &[(Level, &str, &str, &str)]) {
    let mut facts = facts();
    change(&mut facts);
    let all = findings(&facts);
    let found: Vec<&Finding> = all.iter().filter(|finding| finding.level != Level::Ok).collect();
    let shown = format!("{found:#?}");
    assert_eq!(found.len(), want.len(), "{shown}");
    for (finding, (level, subject, check, words)) in found.iter().zip(want) {
        let subject_and_check = (finding.subject.to_string(), finding.check.name());
        assert_eq!((finding.level, subject_and_check), (*level, ((*subject).to_owned(), *check)), "{shown}");
        assert!(finding.found.contains(words), "{words:?}: {shown}");
        assert!(finding.remedy.as_deref().is_some_and(|remedy| !remedy.is_empty()), "what to do? {shown}");
        assert!(!shown.contains("hush") && !shown.contains("5550783881") && !shown.contains("078-3881"), "{shown}");
    }
}

/// The same of what Meta says.
fn check_meta(change: impl FnOnce(&mut MetaFacts), want: &[(Level, &str, &str, &str)]) {
    check(|facts| change(facts.meta.as_mut().unwrap()), want);
}

/// The same of the number.
fn check_number(change: impl FnOnce(&mut Number), level: Level, name: &str, words: &str) {
    check_meta(|meta| change(meta.numbers[0].number.as_mut().unwrap()), &[(level, "numbers/main", name, words)]);
}

/// The same of the account.
fn check_account(change: impl FnOnce(&mut Account), level: Level, name: &str, words: &str) {
    check_meta(|meta| change(meta.accounts[0].account.as_mut().unwrap()), &[(level, "accounts/9", name, words)]);
}

#[test]
fn where_all_is_well_every_check_says_so_once() {
    check(|_| (), &[]);
    let all = findings(&facts());
    let checks: std::collections::BTreeSet<Check> = all.iter().map(|finding| finding.check).collect();
    // These two speak when nothing can be said of something.
    let silent = [Check::Reached, Check::Known];
    let want: std::collections::BTreeSet<Check> =
        Check::ALL.iter().copied().filter(|check| !silent.contains(check)).collect();
    assert_eq!(checks, want);
    assert!(all.iter().all(|finding| finding.remedy.is_none()), "{all:#?}");
}

#[test]
fn store_and_bus_that_are_gone_are_lines() {
    check(|facts| facts.store = Err(gone()), &[(Level::Bad, "waypost", "store", "it is gone")]);
    check(|facts| facts.bus = Err(gone()), &[(Level::Bad, "waypost", "bus", "it is gone")]);
}

#[test]
fn policy_data_are_looked_at_every_ninety_days() {
    let dated = |as_of: &'static str, age_days| {
        move |facts: &mut Facts| {
            let stored = facts.store.as_mut().unwrap();
            (stored.policy_as_of, stored.policy_age_days) = (as_of.to_owned(), age_days);
        }
    };
    check(dated("2026-09-01", 90), &[]);
    check(dated("2026-08-31", 91), &[(Level::Warn, "waypost", "policy-data", "2026-08-31, which is 91 days ago")]);
}

#[test]
fn the_handshake_is_answered_or_a_line_says_why_not() {
    let cases = [
        (None, Level::Warn, "not known"),
        (Some(Handshake::OtherBody), Level::Bad, "not with the challenge"),
        (Some(Handshake::Status(403)), Level::Bad, "403"),
        (Some(Handshake::Status(404)), Level::Bad, "404"),
        (Some(Handshake::Status(301)), Level::Bad, "301"),
        (Some(Handshake::NoAnswer("refused".to_owned())), Level::Bad, "refused"),
        (Some(Handshake::Plain), Level::Bad, "no TLS"),
        (Some(Handshake::NoToken("cannot read x".to_owned())), Level::Bad, "cannot read x"),
    ];
    for (handshake, level, words) in cases {
        check(|facts| facts.ours.handshake = handshake, &[(level, "waypost", "handshake", words)]);
    }
}

#[test]
fn meta_that_cannot_be_asked_is_one_line() {
    let cases = [
        (NoMeta::NoToken, Level::Bad, "there is no token"),
        (NoMeta::D360, Level::Warn, "of Meta nothing can be asked with a key of 360dialog: callback, handshake"),
        (NoMeta::Elsewhere, Level::Warn, "neither of Meta nor of the carrier"),
        (NoMeta::Config("graph.version is not like v26.0".to_owned()), Level::Bad, "graph.version"),
        (NoMeta::Unreached(gone()), Level::Bad, "it is gone"),
    ];
    for (reason, level, words) in cases {
        check(|facts| facts.meta = Err(reason), &[(level, "meta", "reached", words)]);
    }
}

#[test]
fn a_clock_is_wrong_by_what_it_surely_is() {
    // The platform's time, seconds from ours: what is cut off, and the way, are nobody's fault.
    let cases = [
        (-2_400, None),
        (2_000, None),
        (-3_900, Some((Level::Warn, "at least 3 s ahead of"))),
        (5_000, Some((Level::Warn, "4 s behind"))),
        (-70_400, Some((Level::Bad, "69 s ahead of"))),
        (90_000, Some((Level::Bad, "89 s behind"))),
    ];
    for (off_ms, want) in cases {
        let want: Vec<_> = want.map(|(level, words)| (level, "meta", "clock", words)).into_iter().collect();
        check_meta(|meta| meta.head.date_ms = Some((NOW_MS - 400) + off_ms), &want);
    }
    check_meta(|meta| meta.head.date_ms = None, &[(Level::Warn, "meta", "clock", "no time")]);
    // An answer that took 10 s says little.
    check_meta(
        |meta| {
            meta.head.asked_ms = NOW_MS - 10_000;
            meta.head.date_ms = Some(NOW_MS - 9_000);
        },
        &[],
    );
}

#[test]
fn a_version_ends_and_another_answers() {
    type Want = Option<(Level, &'static str)>;
    let cases: [(&str, Option<&str>, i64, Want); 8] = [
        ("v23.0", Some("v23.0"), 0, None),
        ("v23.0", None, 0, None),
        ("v21.0", Some("v21.0"), 0, Some((Level::Warn, "v21.0 ends on 2027-01-21, in 52 days"))),
        ("v22.0", Some("v22.0"), 81, Some((Level::Warn, "in 90 days"))),
        ("v22.0", Some("v22.0"), 80, None),
        ("v20.0", Some("v21.0"), 0, Some((Level::Bad, "v20.0 has ended on 2026-09-24"))),
        ("v26.0", Some("v25.0"), 0, Some((Level::Bad, "v26.0 is asked for, and v25.0 answers"))),
        ("v31.0", Some("v31.0"), 0, Some((Level::Warn, "v31.0 is in no list"))),
    ];
    for (asked, answered, days, want) in cases {
        let today = day(NOW_MS + days * 24 * 60 * 60 * 1_000);
        let finding = api::version(asked, answered, today);
        let level = want.map_or(Level::Ok, |(level, _)| level);
        assert_eq!((finding.level, finding.check), (level, Check::ApiVersion), "{finding:?}");
        assert!(finding.found.contains(want.map_or(asked, |(_, words)| words)), "{finding:?}");
    }
}

#[test]
fn a_token_is_good_for_a_while_and_for_what_it_is_needed_for() {
    let token = |change: fn(&mut TokenInfo)| move |meta: &mut MetaFacts| change(meta.token.as_mut().unwrap());
    let now_s = NOW_MS / 1_000;
    assert_eq!(now_s, 1_796_040_000);
    check_meta(token(|token| token.is_valid = false), &[(Level::Bad, "app", "token", "not valid")]);
    check_meta(token(|token| token.expires = Expiry::At(1_796_040_000 + 15 * 86_400)), &[]);
    let soon = token(|token| token.expires = Expiry::At(1_796_040_000 + 13 * 86_400));
    check_meta(soon, &[(Level::Warn, "app", "token", "ends at 2026-12-13T12:00:00Z: in 13 days")]);
    let data = token(|token| token.data_access_expires = Expiry::At(1_796_040_000 - 1));
    check_meta(data, &[(Level::Bad, "app", "token", "may look at data no more")]);
    let lacks = token(|token| drop(token.scopes.remove(0)));
    check_meta(lacks, &[(Level::Bad, "app", "scopes", "lacks whatsapp_business_messaging: nothing can be sent")]);
    let other = token(|token| token.granular_scopes[1].target_ids = vec!["8".to_owned()]);
    let words = "does not reach accounts/9 for whatsapp_business_management";
    check_meta(other, &[(Level::Bad, "app", "scopes", words)]);
    check_meta(token(|token| token.granular_scopes.clear()), &[]);
    check_meta(
        |meta| meta.token = Err(gone()),
        &[
            (Level::Bad, "app", "token", "it is gone"),
            (Level::Warn, "accounts/9", "subscription", "which is ours is not known"),
        ],
    );
}

#[test]
fn the_guide_has_every_check() {
    let rows = Check::ALL.iter().map(|check| format!("| `{}` | {} |\n", check.name(), check.about()));
    let table: String = rows.collect();
    let guide = include_str!("../../../../../../deploy/guides/operate.md");
    assert!(guide.contains(&table), "deploy/guides/operate.md must have this table:\n{table}");
}

#[test]
fn a_number_in_metas_text_is_nobodys_to_read() {
    let hidden = super::Hidden(vec!["5550199".to_owned()]);
    let cases = [
        ("(202) 555-0199 is blocked", "(… is blocked"),
        ("+34 600 000 107 is blocked", "+… is blocked"),
        ("34600000107 is blocked", "… is blocked"),
        ("account 102290129340398, code 131031", "account 102290129340398, code 131031"),
    ];
    for (text, want) in cases {
        assert_eq!(hidden.without(text), want);
    }
}

#[test]
fn what_is_blocked_of_an_unknown_kind_is_told_of_everybody() {
    let words = "sending is blocked, for the";
    let blocked = |kind: &str| {
        let mut health = health(&["PHONE_NUMBER", kind]).unwrap();
        health.can_send = CanSend::Blocked;
        health.entities[1].can_send = CanSend::Blocked;
        let subject = super::Subject::Number("support".to_owned());
        super::of_health(&subject, Some(&health), &["PHONE_NUMBER"], &super::Hidden(Vec::new()))
    };
    let of_new = blocked("PAYMENT");
    assert!(of_new.iter().any(|one| one.level == Level::Bad && one.found.starts_with(words)), "{of_new:?}");
    assert!(blocked("WABA").iter().all(|one| one.level == Level::Ok), "it is told of the account");
}
