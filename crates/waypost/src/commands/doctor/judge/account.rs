//! An account: review, way to pay, verification of the business, and whether it can send.

use waypost_cloud_api::answer::Account;

use super::words::{Word, bad, judged, ok, warn};
use super::{Hidden, of_health, unanswered};
use crate::commands::doctor::facts::AccountFacts;
use crate::commands::doctor::finding::{Check, Finding, Level, Subject};

const REVIEW: [Word; 4] = [
    ok("APPROVED", ""),
    warn("PENDING", "Meta still looks at it", "wait for Meta; until then little can be sent"),
    bad("REJECTED", "Meta does not let it send", "appeal in Business Support Home"),
    bad("DEFERRED", "Meta has put its decision off", "see in Business Support Home what Meta waits for"),
];

const VERIFICATION: [Word; 8] = [
    ok("verified", ""),
    warn("not_verified", UNVERIFIED, VERIFY),
    warn("unverified", UNVERIFIED, VERIFY),
    warn("pending", "Meta looks at it", "wait for Meta"),
    warn("pending_submission", "it was begun and not handed in", VERIFY),
    warn("pending_need_more_info", "Meta wants to know more", VERIFY),
    warn("failed", "Meta did not find it out", VERIFY),
    bad("rejected", "Meta refused it", "appeal in the Security Center of Meta Business Suite"),
];
const UNVERIFIED: &str = "which keeps the messaging limit low, and the number of templates";
const VERIFY: &str = "verify the business, in the Security Center of Meta Business Suite";

pub(super) fn findings(facts: &AccountFacts, hidden: &Hidden) -> Vec<Finding> {
    let subject = Subject::Account(facts.id.clone());
    let account = match &facts.account {
        Ok(account) => account,
        Err(not_asked) => return vec![unanswered(&subject, Level::Bad, Check::Known, not_asked)],
    };
    let mut findings = of_health(&subject, account.health.as_ref(), &["WABA", "BUSINESS", "APP"], hidden);
    findings.push(judged(&subject, Check::Review, "", account.review_status.as_deref(), &REVIEW));
    findings.push(payment(&subject, account));
    findings.push(match &facts.verification {
        Ok(word) => judged(&subject, Check::Verification, "business: ", word.as_deref(), &VERIFICATION),
        Err(not_asked) => unanswered(&subject, Level::Warn, Check::Verification, not_asked),
    });
    findings
}

fn payment(subject: &Subject, account: &Account) -> Finding {
    let currency = account.currency.as_deref().map(|currency| format!(", in {currency}")).unwrap_or_default();
    if account.primary_funding_id.as_deref().is_some_and(|id| !id.is_empty()) {
        return subject.ok(Check::Payment, format!("there is a way to pay{currency}"));
    }
    subject.warn(
        Check::Payment,
        "Meta shows no way to pay: what costs is refused (131042)",
        "add a payment method in WhatsApp Manager; where a provider pays for you, see with them",
    )
}
