//! What is said of accounts and numbers.

use super::*;

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
