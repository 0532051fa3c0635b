//! What Meta tells of accounts, numbers and templates: one line for each change, so that cases are data.

use waypost_cloud_api::samples::{SampleKind, SampleParams, sample};
use waypost_cloud_api::webhook::{
    AccountEvent, AccountNews, AccountUpdate, Decided, TemplateChange, TemplateNews, split,
};
use waypost_domain::Timestamp;

fn shown(news: &AccountNews) -> String {
    let or_none = |word: &Option<String>| word.clone().unwrap_or_else(|| "-".to_owned());
    match news {
        AccountNews::Template(news) => template(news),
        AccountNews::Number(news) => {
            format!("number {} {} {}", or_none(&news.display_phone_number), news.event, or_none(&news.tier))
        }
        AccountNews::Limit(tier) => format!("limit {}", or_none(tier)),
        AccountNews::Account(update) => account(update),
        AccountNews::Alert(alert) => {
            let words = [&alert.entity_kind, &alert.entity_id, &alert.severity, &alert.status, &alert.kind];
            format!("alert {}", words.map(or_none).join(" "))
        }
        AccountNews::NumberName(decided) => format!("name {}", decision(decided)),
        AccountNews::Security(news) => format!("security {} {}", or_none(&news.display_phone_number), news.event),
        AccountNews::Review(decided) => format!("review {}", decision(decided)),
    }
}

fn decision(decided: &Decided) -> String {
    format!("{} {}", decided.display_phone_number.as_deref().unwrap_or("-"), decided.decision)
}

fn template(news: &TemplateNews) -> String {
    let names = [&news.id, &news.name, &news.language].map(|name| name.as_deref().unwrap_or("-"));
    let change = match &news.change {
        TemplateChange::Status { status, pause, reason } => {
            let pause = pause.map_or_else(String::new, |pause| format!(" {pause:?}"));
            let reason = reason.as_ref().map_or_else(String::new, |reason| format!(" for {reason}"));
            format!("{}{pause}{reason}", status.as_str())
        }
        TemplateChange::Quality { previous, new } => format!("{previous:?} to {new:?}"),
        TemplateChange::Category(category) => format!("is {category}"),
        TemplateChange::CategoryAnnounced(category) => format!("will be {category}"),
        TemplateChange::Content => "content".to_owned(),
    };
    let category = news.category.map_or_else(String::new, |category| format!(" ({category})"));
    format!("template {} {change}{category}", names.join(" "))
}

fn account(update: &AccountUpdate) -> String {
    let millis = |at: &Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.as_millis().to_string());
    let what = match &update.what {
        AccountEvent::Restricted(all) => {
            let all: Vec<String> = all.iter().map(|one| format!("{} until {}", one.kind, millis(&one.until))).collect();
            format!("restricted [{}]", all.join(", "))
        }
        AccountEvent::Violation(kind) => format!("violation {}", kind.as_deref().unwrap_or("-")),
        AccountEvent::Ban(state, at) => format!("ban {state:?} {}", millis(at)),
        other @ (AccountEvent::Deleted
        | AccountEvent::Offboarded
        | AccountEvent::Reconnected
        | AccountEvent::PartnerRemoved
        | AccountEvent::Other) => format!("{other:?} {}", update.event),
    };
    let waba = update.waba.as_ref().map_or_else(String::new, |waba| format!(" of {waba}"));
    format!("account {what}{waba}")
}

fn check(field: &str, value: &str, want: &str) {
    let read = AccountNews::read(field, value);
    assert_eq!(read.as_ref().map_or_else(|| "nothing".to_owned(), shown), want, "{field} {value}");
}

/// Of every kind that there is a sample of.
#[test]
fn samples_say_what_they_are() {
    let cases = [
        (SampleKind::TemplateStatus, "template 800000000000001 order_update en_US approved"),
        (SampleKind::TemplatePaused, "template 800000000000001 order_update en_US paused First"),
        (SampleKind::TemplateComponents, "template 800000000000001 order_update en_US content"),
        (SampleKind::TemplateQuality, "template 800000000000001 order_update en_US Green to Yellow"),
        (SampleKind::TemplateCategory, "template 800000000000001 order_update en_US is marketing"),
        (SampleKind::AccountUpdate, "account restricted [RESTRICTED_BIZ_INITIATED_MESSAGING until 1767225600000]"),
        (SampleKind::AccountViolation, "account violation SPAM"),
        (SampleKind::AccountBan, "account ban Scheduled 1896048000000"),
        (SampleKind::AccountReview, "review - APPROVED"),
        (SampleKind::AccountAlert, "alert BUSINESS 200000000000001 INFORMATIONAL NONE OBA_APPROVED"),
        (SampleKind::Quality, "number 15550002222 THROUGHPUT_UPGRADE TIER_UNLIMITED"),
        (SampleKind::NumberName, "name 15550002222 APPROVED"),
        (SampleKind::BusinessCapability, "limit TIER_2K"),
        (SampleKind::Security, "security 15550002222 PIN_CHANGED"),
    ];
    for (kind, want) in cases {
        let body = sample(kind, &SampleParams::default()).to_string();
        let event = split(body.as_bytes()).events.remove(0);
        check(&event.field, event.json, want);
    }
}

/// Meta's words for the status of a template, and the title beside a lock.
#[test]
fn the_status_of_a_template_is_read_from_event_and_title() {
    let cases = [
        (r#""event":"APPROVED","reason":"NONE""#, "approved"),
        (r#""event":"approved""#, "approved"),
        (r#""event":"REJECTED","reason":"SCAM""#, "rejected for SCAM"),
        (r#""event":"REINSTATED""#, "approved"),
        (r#""event":"FLAGGED","reason":null,"disable_info":{"disable_date":"January 31, 2021"}"#, "flagged"),
        (r#""event":"PAUSED","other_info":{"title":"FIRST_PAUSE"}"#, "paused First"),
        (r#""event":"LOCKED","other_info":{"title":"SECOND_PAUSE"}"#, "paused Second"),
        (r#""event":"LOCKED","other_info":{"title":"RATE_LIMITING_PAUSE","description":"x"}"#, "paused RateLimiting"),
        (r#""event":"LOCKED","other_info":{"title":"UNPAUSE"}"#, "approved"),
        (r#""event":"UNPAUSED""#, "approved"),
        (r#""event":"LOCKED","other_info":{"title":"DISABLED"}"#, "disabled"),
        (r#""event":"DISABLED","other_info":{"title":"UNPAUSE"}"#, "disabled"),
        (r#""event":"REJECTED","other_info":{"title":"FIRST_PAUSE"}"#, "rejected"),
        (r#""event":"LOCKED""#, "locked"),
        (r#""event":"PENDING_DELETION""#, "pending_deletion"),
        (r#""event":"ARCHIVED""#, "archived"),
        (r#""event":"UNARCHIVED""#, "approved"),
        (r#""event":"BRAND_NEW""#, "BRAND_NEW"),
    ];
    for (members, want) in cases {
        let value = format!(
            r#"{{"message_template_id":1,"message_template_name":"a","message_template_language":"en-US",{members}}}"#
        );
        check("message_template_status_update", &value, &format!("template 1 a en-US {want}"));
    }
}

#[test]
fn what_changed_of_a_template_is_read_from_what_the_change_holds() {
    let cases = [
        (r#"{"previous_quality_score":"GREEN","new_quality_score":"RED"}"#, "template - - - Green to Red"),
        (r#"{"new_quality_score":"brand new"}"#, "template - - - Unknown to Unknown"),
        (r#"{"new_category":"UTILITY","correct_category":"MARKETING"}"#, "template - - - will be marketing"),
        (
            r#"{"new_category":"MARKETING","correct_category":"MARKETING","previous_category":"UTILITY"}"#,
            "template - - - is marketing",
        ),
        (r#"{"new_category":"MARKETING","previous_category":"UTILITY"}"#, "template - - - is marketing"),
        (r#"{"new_category":"BRAND_NEW"}"#, "template - - - content"),
        (r#"{"message_template_id":"77","message_template_element":"Hi"}"#, "template 77 - - content"),
        (r#"{"event":"APPROVED","message_template_category":"UTILITY"}"#, "template - - - approved (utility)"),
        ("{}", "template - - - content"),
        ("[]", "nothing"),
        ("null", "nothing"),
        ("{", "nothing"),
    ];
    for (value, want) in cases {
        for field in
            ["message_template_status_update", "template_category_update", "message_template_components_update"]
        {
            check(field, value, want);
        }
    }
}

#[test]
fn how_an_account_stands_is_read() {
    let cases = [
        (
            r#"{"event":"ACCOUNT_RESTRICTION","restriction_info":[{"restriction_type":"A","expiration":"1641330498"},
                {"restriction_type":"B","expiration":1641330498},{"restriction_type":"C","expiration":"<TIMESTAMP>"},7]}"#,
            "account restricted [A until 1641330498000, B until 1641330498000, C until -,  until -]",
        ),
        (
            r#"{"event":"ACCOUNT_RESTRICTION","restriction_info":{"restriction_type":"A"}}"#,
            "account restricted [A until -]",
        ),
        (r#"{"event":"ACCOUNT_RESTRICTION"}"#, "account restricted []"),
        (r#"{"event":"ACCOUNT_VIOLATION","violation_info":{"violation_type":"ADULT"}}"#, "account violation ADULT"),
        (r#"{"event":"ACCOUNT_VIOLATION"}"#, "account violation -"),
        (
            r#"{"event":"DISABLED_UPDATE","ban_info":{"waba_ban_state":"SCHEDULE_FOR_DISABLE","waba_ban_date":"January 31, 2021"}}"#,
            "account ban Scheduled 1612051200000",
        ),
        (
            r#"{"event":"DISABLED_UPDATE","ban_info":{"waba_ban_state":"REINSTATE","waba_ban_date":1612051200}}"#,
            "account ban Lifted 1612051200000",
        ),
        (r#"{"event":"DISABLED_UPDATE","ban_info":{"waba_ban_state":"DISABLE"}}"#, "account ban InForce -"),
        (r#"{"event":"DISABLED_UPDATE"}"#, "account ban Unclear -"),
        (r#"{"event":"ACCOUNT_DELETED"}"#, "account Deleted ACCOUNT_DELETED"),
        (r#"{"event":"ACCOUNT_OFFBOARDED"}"#, "account Offboarded ACCOUNT_OFFBOARDED"),
        (r#"{"event":"ACCOUNT_RECONNECTED"}"#, "account Reconnected ACCOUNT_RECONNECTED"),
        (r#"{"event":"PARTNER_REMOVED","waba_info":{"waba_id":"9"}}"#, "account PartnerRemoved PARTNER_REMOVED of 9"),
        (r#"{"event":"VERIFIED_ACCOUNT","phone_number":"1"}"#, "account Other VERIFIED_ACCOUNT"),
        ("{}", "account Other "),
    ];
    for (value, want) in cases {
        check("account_update", value, want);
    }
}

/// A number and a word say the same.
#[test]
fn limits_are_one_word_however_they_are_written() {
    let cases = [
        (r#"{"max_daily_conversations_per_business":"TIER_2K"}"#, "limit TIER_2K"),
        (r#"{"max_daily_conversations_per_business":2000}"#, "limit TIER_2K"),
        (r#"{"max_daily_conversations_per_business":"100000"}"#, "limit TIER_100K"),
        (r#"{"max_daily_conversations_per_business":250}"#, "limit TIER_250"),
        (r#"{"max_daily_conversations_per_business":"tier_unlimited"}"#, "limit TIER_UNLIMITED"),
        (r#"{"max_daily_conversation_per_phone":-1}"#, "limit TIER_UNLIMITED"),
        (r#"{"max_daily_conversation_per_phone":1000,"max_phone_numbers_per_business":2}"#, "limit TIER_1K"),
        (r#"{"max_daily_conversations_per_business":"TIER_NOT_SET"}"#, "limit -"),
        (r#"{"max_daily_conversations_per_business":0}"#, "limit -"),
        (r#"{"max_daily_conversations_per_business":["x"]}"#, "limit -"),
        (r#"{"max_phone_numbers_per_business":25}"#, "limit -"),
    ];
    for (value, want) in cases {
        check("business_capability_update", value, want);
    }
    let quality = r#"{"display_phone_number":"16505551111","event":"FLAGGED","current_limit":"TIER_10K"}"#;
    check("phone_number_quality_update", quality, "number 16505551111 FLAGGED TIER_10K");
    let both = r#"{"event":"ONBOARDING","current_limit":"TIER_1K","max_daily_conversations_per_business":"TIER_2K"}"#;
    check("phone_number_quality_update", both, "number - ONBOARDING TIER_2K");
}

#[test]
fn everything_else_of_the_account_is_read() {
    let nested =
        r#"{"entity_type":"BUSINESS","entity_id":123,"alert_info":{"alert_severity":"WARNING","alert_type":"X"}}"#;
    let cases = [
        ("account_alerts", nested, "alert BUSINESS 123 WARNING - X"),
        ("account_alerts", r#"{"alert_description":"Bitte melden","alert_type":"A sentence."}"#, "alert - - - - -"),
        ("account_review_update", r#"{"decision":"REJECTED"}"#, "review - REJECTED"),
        (
            "phone_number_name_update",
            r#"{"display_phone_number":"+1 650","decision":"APPROVED","rejection_reason":null}"#,
            "name +1 650 APPROVED",
        ),
        ("security", r#"{"event":"PIN_RESET_REQUEST","requester":"7"}"#, "security - PIN_RESET_REQUEST"),
        ("security", "{}", "security - "),
        ("user_preferences", "{}", "nothing"),
        ("", "{}", "nothing"),
    ];
    for (field, value, want) in cases {
        check(field, value, want);
    }
    assert!(AccountNews::FIELDS.iter().all(|field| AccountNews::read(field, "{}").is_some()));
}
