//! Each judgement: an installation with which everything is well, one thing in it otherwise, and the lines that differ.

use jiff::civil::Date;
use reqwest::Url;
use waypost_cloud_api::answer::{
    Account, AppSubscription, BusinessProfile, CanSend, Expiry, GranularScope, Health, HealthEntity, HealthError,
    Number, SubscribedApp, TokenInfo, WebhookAddresses,
};
use waypost_cloud_api::webhook::AccountNews;
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
            policy_as_of: Date::constant(2026, 9, 1),
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
    let dated = |month, day| {
        move |facts: &mut Facts| {
            facts.store.as_mut().unwrap().policy_as_of = Date::constant(2026, month, day);
        }
    };
    check(dated(9, 1), &[]);
    check(dated(8, 31), &[(Level::Warn, "waypost", "policy-data", "2026-08-31, which is 91 days ago")]);
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
    let cases: [(&str, Option<&str>, i64, Option<(Level, &str)>); 8] = [
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
fn webhooks_come_to_us() {
    let app = |change: fn(&mut AppSubscription)| {
        move |meta: &mut MetaFacts| change(meta.app.as_mut().unwrap().as_mut().unwrap())
    };
    let elsewhere = app(|app| app.callback_url = text(ELSEWHERE));
    let words =
        "the app's webhooks go to https://elsewhere.example/hook?…, and not to ours, https://wa.example/webhook";
    check_meta(elsewhere, &[(Level::Bad, "app", "callback", words)]);
    check_meta(app(|app| app.callback_url = text("https://WA.example:443/webhook/")), &[]);
    check_meta(app(|app| app.is_active = false), &[(Level::Bad, "app", "callback", "switched")]);
    check_meta(
        |meta| {
            meta.app = Ok(None);
            meta.numbers[0].number.as_mut().unwrap().webhooks = WebhookAddresses::default();
        },
        &[(Level::Bad, "app", "callback", "no callback URL"), (Level::Bad, "app", "fields", "subscribed to nothing")],
    );
    // A number says it, too.
    check_meta(|meta| meta.app = Err(gone()), &[(Level::Warn, "app", "fields", "it is gone")]);
    check(
        |facts| facts.ours.url = None,
        &[(Level::Warn, "app", "callback", "whether that is this Waypost is not known")],
    );
}

#[test]
fn an_override_is_ours_or_takes_messages_away() {
    let account = |url: &'static str| {
        move |meta: &mut MetaFacts| {
            meta.accounts[0].apps.as_mut().unwrap()[0].override_callback_uri = text(url);
            meta.numbers[0].number.as_mut().unwrap().webhooks.of_account = text(url);
        }
    };
    check_meta(account(OURS), &[]);
    check_meta(
        account(ELSEWHERE),
        &[
            (Level::Bad, "accounts/9", "callback", "by an override of the account"),
            (Level::Bad, "numbers/main", "callback", "by an override of its account"),
        ],
    );
    let of_number = |number: &mut Number| number.webhooks.of_number = text(ELSEWHERE);
    check_number(of_number, Level::Bad, "callback", "by an override of the number, messages go to https://elsewhere");
}

#[test]
fn an_account_that_the_app_does_not_follow_is_bad() {
    let apps = |change: fn(&mut Vec<SubscribedApp>)| {
        move |meta: &mut MetaFacts| change(meta.accounts[0].apps.as_mut().unwrap())
    };
    let want = |words| [(Level::Bad, "accounts/9", "subscription", words)];
    check_meta(apps(Vec::clear), &want("our app does not get its webhooks"));
    check_meta(apps(|apps| apps[0].id = text("8")), &want("(1 other apps do)"));
    check_meta(
        |meta| meta.accounts[0].apps = Err(gone()),
        &[(Level::Warn, "accounts/9", "subscription", "it is gone")],
    );
}

#[test]
fn each_field_that_is_used_is_missed() {
    let without = |name: &'static str| {
        move |meta: &mut MetaFacts| meta.app.as_mut().unwrap().as_mut().unwrap().fields.retain(|field| field != name)
    };
    check_meta(without("messages"), &[(Level::Bad, "app", "fields", "neither messages nor statuses come")]);
    for (names, lost) in USED {
        check_meta(without(names[0]), &[(Level::Warn, "app", "fields", lost)]);
    }
    for (name, _) in OPTIONAL {
        check_meta(without(name), &[]);
    }
}

/// What is made something of here is in the list, and nothing else.
#[test]
fn the_fields_that_are_used_are_those_that_are_read() {
    let mut listed: Vec<&str> = USED.iter().flat_map(|(names, _)| names.iter().copied()).collect();
    let mut read = AccountNews::FIELDS.to_vec();
    listed.sort_unstable();
    read.sort_unstable();
    assert_eq!(listed, read);
}

#[test]
fn what_stands_in_the_way_of_messages_is_told_with_its_code() {
    let hinder = |health: &mut Option<Health>, kind: &str, can_send: CanSend| {
        let health = health.as_mut().unwrap();
        health.can_send = can_send.clone();
        let entity = health.entities.iter_mut().find(|entity| entity.kind == kind).unwrap();
        entity.can_send = can_send;
        entity.errors = vec![HealthError {
            code: Some(141_006),
            description: text("+1 (555) 078-3881 has\nno way to pay, asset 555078388"),
            possible_solution: text("Call 0555 078 3881"),
        }];
    };
    check_number(
        |number| hinder(&mut number.health, "PHONE_NUMBER", CanSend::Blocked),
        Level::Bad,
        "health",
        "sending is blocked, for the phone number: +… has no way to pay, asset 555078388 (code 141006)",
    );
    // The account's own line says it, once.
    check_meta(|meta| hinder(&mut meta.numbers[0].number.as_mut().unwrap().health, "BUSINESS", CanSend::Blocked), &[]);
    check_account(
        |account| hinder(&mut account.health, "BUSINESS", CanSend::Limited),
        Level::Warn,
        "health",
        "sending is limited, for the business",
    );
    check_account(|account| account.health = None, Level::Warn, "health", "does not say");
    let unexplained = |account: &mut Account| account.health.as_mut().unwrap().can_send = CanSend::Blocked;
    check_account(unexplained, Level::Bad, "health", "blocked, and not why");
}

#[test]
fn an_account_is_approved_pays_and_is_verified() {
    check_account(|account| account.review_status = text("REJECTED"), Level::Bad, "review", "REJECTED");
    check_account(|account| account.review_status = text("PENDING"), Level::Warn, "review", "PENDING");
    check_account(|account| account.primary_funding_id = None, Level::Warn, "payment", "131042");
    let verified = |word: Asked<Option<String>>| move |meta: &mut MetaFacts| meta.accounts[0].verification = word;
    let want = |words| [(Level::Warn, "accounts/9", "verification", words)];
    check_meta(verified(Ok(text("not_verified"))), &want("not_verified"));
    check_meta(verified(Ok(None)), &want("does not say"));
    check_meta(verified(Err(gone())), &want("it is gone"));
    check_meta(|meta| meta.accounts[0].account = Err(gone()), &[(Level::Bad, "accounts/9", "known", "it is gone")]);
}

#[test]
fn a_number_is_judged_word_by_word() {
    type Change = fn(&mut Number);
    let cases: [(Change, Level, &str, &str); 21] = [
        (|number| number.status = text("BANNED"), Level::Bad, "status", "BANNED"),
        (|number| number.status = text("FLAGGED"), Level::Warn, "status", "FLAGGED"),
        (|number| number.status = text("SLEEPING"), Level::Warn, "status", "SLEEPING, which is not known here"),
        (|number| number.status = None, Level::Warn, "status", "does not say"),
        (|number| number.quality_rating = text("YELLOW"), Level::Warn, "quality", "YELLOW"),
        (|number| number.quality_rating = text("RED"), Level::Bad, "quality", "RED"),
        (|number| number.messaging_limit = text("TIER_250"), Level::Warn, "limits", "250 customers a day"),
        (|number| number.messaging_limit = None, Level::Warn, "limits", "no messaging limit is told"),
        (|number| number.account_mode = text("SANDBOX"), Level::Warn, "mode", "SANDBOX"),
        (|number| number.platform = text("ON_PREMISE"), Level::Bad, "mode", "ON_PREMISE"),
        (|number| number.name_status = text("DECLINED"), Level::Bad, "display-name", "\"Sample\": DECLINED"),
        (|number| number.name_status = text("PENDING_REVIEW"), Level::Warn, "display-name", "PENDING_REVIEW"),
        (|number| number.name_status = text("EXPIRED"), Level::Bad, "display-name", "EXPIRED"),
        (|number| number.name_status = text("NONE"), Level::Warn, "display-name", "NONE"),
        (|number| number.code_verification_status = text("NOT_VERIFIED"), Level::Warn, "verification", "NOT_VERIFIED"),
        (|number| number.status = text("RESTRICTED"), Level::Bad, "status", "RESTRICTED"),
        (|number| number.status = text("PENDING"), Level::Bad, "status", "PENDING"),
        (|number| number.status = text("RATE_LIMITED"), Level::Warn, "status", "RATE_LIMITED"),
        (|number| number.quality_rating = text("PURPLE"), Level::Warn, "quality", "PURPLE"),
        (|number| number.account_mode = None, Level::Warn, "mode", "does not say"),
        (|number| number.messaging_limit = text("UNTIERED"), Level::Warn, "limits", "no messaging limit is told"),
    ];
    for (change, level, name, words) in cases {
        check_number(change, level, name, words);
    }
    check_meta(|meta| meta.numbers[0].number.as_mut().unwrap().code_verification_status = text("EXPIRED"), &[]);
    check_meta(
        |meta| {
            let number = meta.numbers[0].number.as_mut().unwrap();
            (number.status, number.code_verification_status) = (text("DISCONNECTED"), text("EXPIRED"));
        },
        &[
            (Level::Bad, "numbers/main", "status", "DISCONNECTED"),
            (Level::Bad, "numbers/main", "verification", "EXPIRED"),
        ],
    );
    for tier in ["TIER_2K", "TIER_100K", "TIER_UNLIMITED", "tier_1k"] {
        check_meta(|meta| meta.numbers[0].number.as_mut().unwrap().messaging_limit = text(tier), &[]);
    }
}

#[test]
fn a_number_has_a_profile_and_is_known() {
    let profile = |meta: &mut MetaFacts| {
        meta.numbers[0].profile = Ok(BusinessProfile { about: text(" "), ..BusinessProfile::default() })
    };
    check_meta(profile, &[(Level::Warn, "numbers/main", "profile", "about and description not filled in")]);
    let want = [(Level::Warn, "numbers/main", "profile", "it is gone")];
    check_meta(|meta| meta.numbers[0].profile = Err(gone()), &want);
    let want = [(Level::Bad, "numbers/main", "known", "it is gone")];
    check_meta(|meta| meta.numbers[0].number = Err(gone()), &want);
    check_meta(|meta| meta.no_numbers = Some(gone()), &[(Level::Bad, "meta", "known", "it is gone")]);
}

/// Webhooks of 360dialog, and a token of Meta's: what is the app's is not looked at.
#[test]
fn webhooks_of_360dialog_are_nobodys_here() {
    check(
        |facts| {
            facts.ours = Ours { url: None, handshake: None, through_d360: true };
            let meta = facts.meta.as_mut().unwrap();
            (meta.app, meta.accounts[0].apps) = (Err(gone()), Err(gone()));
            meta.numbers[0].number.as_mut().unwrap().webhooks.of_number = text(ELSEWHERE);
        },
        &[],
    );
}

#[test]
fn the_guide_has_every_check() {
    let rows = Check::ALL.iter().map(|check| format!("| `{}` | {} |\n", check.name(), check.about()));
    let table: String = rows.collect();
    let guide = include_str!("../../../../../../deploy/guides/operate.md");
    assert!(guide.contains(&table), "deploy/guides/operate.md must have this table:\n{table}");
}
