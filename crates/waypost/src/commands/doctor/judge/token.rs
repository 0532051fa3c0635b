//! The token: whether it is good, for how long, and what for.

use jiff::Timestamp;
use waypost_cloud_api::answer::{Expiry, TokenInfo};

use super::unanswered;
use crate::commands::doctor::facts::MetaFacts;
use crate::commands::doctor::finding::{Check, Finding, Level, Subject};

/// Whoever makes a new one needs an administrator of the business.
const DAYS_MIN: i64 = 14;
const DAY_S: i64 = 24 * 60 * 60;
const RENEW: &str =
    "make another token of the system user, one that does not expire, and write it into graph.token_file";

/// What the token must be able to do, and what is lost without.
const SCOPES: [(&str, &str); 2] = [
    ("whatsapp_business_messaging", "nothing can be sent"),
    ("whatsapp_business_management", "templates are not listed, and numbers and accounts cannot be looked at"),
];

pub(super) fn findings(now_ms: i64, meta: &MetaFacts) -> Vec<Finding> {
    let accounts: Vec<&str> = meta.accounts.iter().map(|account| account.id.as_str()).collect();
    match &meta.token {
        Ok(token) => {
            let mut findings = vec![validity(token, now_ms / 1_000)];
            findings.extend(scopes(token, &accounts));
            findings
        }
        Err(not_asked) => vec![unanswered(&Subject::App, Level::Bad, Check::Token, not_asked)],
    }
}

pub(super) fn validity(token: &TokenInfo, now_s: i64) -> Finding {
    let (subject, check) = (Subject::App, Check::Token);
    if !token.is_valid {
        let error = token.error.as_ref();
        let code = error.and_then(|error| error.code).map(|code| format!(" (code {code})")).unwrap_or_default();
        return subject.bad(check, format!("the token is not valid{code}: nothing is sent"), RENEW);
    }
    let ends = [(token.expires, "ends"), (token.data_access_expires, "may look at data no more")];
    let first = ends.into_iter().filter_map(|(end, what)| match end {
        Expiry::At(at_s) => Some((at_s, what)),
        Expiry::Never | Expiry::Unknown => None,
    });
    let Some((at_s, what)) = first.min() else {
        let never = token.expires == Expiry::Never;
        let found =
            if never { "the token is valid, and has no end" } else { "the token is valid; its end is not told" };
        return subject.ok(check, found);
    };
    let at = Timestamp::from_second(at_s).map(|at| at.to_string()).unwrap_or_default();
    let days = (at_s - now_s).div_euclid(DAY_S);
    let level = match days {
        ..0 => Level::Bad,
        0..DAYS_MIN => Level::Warn,
        _ => Level::Ok,
    };
    let when = if days < 0 { "it is over".to_owned() } else { format!("in {days} days") };
    subject.at(level, check, format!("the token is valid, and {what} at {at}: {when}"), RENEW)
}

pub(super) fn scopes(token: &TokenInfo, accounts: &[&str]) -> Vec<Finding> {
    let (subject, check) = (Subject::App, Check::Scopes);
    let mut findings = Vec::new();
    for (scope, lost) in SCOPES {
        if !token.scopes.iter().any(|one| one == scope) {
            let remedy = format!("make a token of the system user with {scope}, and write it into graph.token_file");
            findings.push(subject.bad(check, format!("the token lacks {scope}: {lost}"), remedy));
            continue;
        }
        let granular = token.granular_scopes.iter().find(|one| one.scope == scope);
        // Empty: all of them.
        let Some(granular) = granular.filter(|one| !one.target_ids.is_empty()) else { continue };
        for account in accounts.iter().filter(|account| !granular.target_ids.iter().any(|id| id == *account)) {
            let found = format!("the token does not reach accounts/{account} for {scope}: {lost}");
            let remedy = "assign the account to the system user (business settings), and make a new token";
            findings.push(subject.bad(check, found, remedy));
        }
    }
    if findings.is_empty() {
        findings.push(subject.ok(check, format!("the token may send and manage, for {}", reach(token, accounts))));
    }
    findings
}

fn reach(token: &TokenInfo, accounts: &[&str]) -> String {
    let limited =
        |scope: &&str| token.granular_scopes.iter().any(|one| one.scope == *scope && !one.target_ids.is_empty());
    let is_limited = SCOPES.iter().map(|(scope, _)| scope).any(limited);
    match (is_limited, accounts) {
        (false, _) => "every account of the business".to_owned(),
        (true, []) => "some accounts".to_owned(),
        (true, accounts) => accounts.iter().map(|id| format!("accounts/{id}")).collect::<Vec<_>>().join(", "),
    }
}
