//! What Meta's words for the state of an account or a number mean for sending.

use waypost_cloud_api::webhook::Restriction;
use waypost_domain::Category;
use waypost_domain::template::Quality;
use waypost_store::BarWhat;

/// How a number stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Good,
    Barred(BarWhat),
    /// A person must look; what it means for sending is not known.
    Doubtful,
    /// The word says nothing of it.
    Unsaid,
}

/// Of the word of `phone_number_quality_update`, or of the number's status.
pub(crate) fn standing(word: &str) -> Standing {
    match word {
        "CONNECTED" | "UNFLAGGED" | "UPGRADE" => Standing::Good,
        // Customers complain: what makes them do so waits, answers and what they asked for go on.
        "FLAGGED" => Standing::Barred(BarWhat::Category(Category::Marketing)),
        "RESTRICTED" | "RATE_LIMITED" => Standing::Barred(BarWhat::Templates),
        "BANNED" | "DISCONNECTED" | "DELETED" => Standing::Barred(BarWhat::Everything),
        "" | "UNKNOWN" | "ONBOARDING" | "THROUGHPUT_UPGRADE" => Standing::Unsaid,
        _ => Standing::Doubtful,
    }
}

/// What is forbidden by a restriction of this kind; `None`: nothing that we send.
pub(crate) fn restricted(kind: &str) -> Option<BarWhat> {
    let has = |word: &str| kind.split('_').any(|one| one == word);
    if has("LOCK") || has("LOCKED") {
        return Some(BarWhat::Everything);
    }
    if has("INITIATED") {
        // What customers began are answers without a template.
        let is_answer = has("CUSTOMER") || has("USER");
        return Some(if is_answer { BarWhat::Category(Category::Service) } else { BarWhat::Templates });
    }
    for category in [Category::Utility, Category::Marketing, Category::Authentication] {
        if has(&category.as_str().to_ascii_uppercase()) {
            return Some(BarWhat::Category(category));
        }
    }
    // Of a kind that is new: not known to be allowed.
    (has("MESSAGING") || has("MESSAGES") || has("SENDING")).then_some(BarWhat::Everything)
}

/// Whether quality fell, by Meta's words.
pub(crate) fn is_worse(now: &str, before: Option<&str>) -> bool {
    fell(Quality::parse(now), before.map_or(Quality::Unknown, Quality::parse))
}

/// Whether quality fell to what somebody must see.
pub(crate) const fn fell(now: Quality, before: Quality) -> bool {
    match (before, now) {
        (_, Quality::Green | Quality::Unknown) | (Quality::Red, _) | (Quality::Yellow, Quality::Yellow) => false,
        (Quality::Green | Quality::Unknown, Quality::Yellow)
        | (Quality::Green | Quality::Unknown | Quality::Yellow, Quality::Red) => true,
    }
}

/// A restriction for people, and to see whether it is another.
pub(crate) fn told(restriction: &Restriction) -> String {
    let until = restriction.until.map_or_else(String::new, |until| format!(" until {}", until.as_millis()));
    format!("{}{until}", restriction.kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_restriction_bars_what_it_names() {
        let category = |category| Some(BarWhat::Category(category));
        for (kind, want) in [
            ("RESTRICTED_BIZ_INITIATED_MESSAGING", Some(BarWhat::Templates)),
            ("RESTRICTED_BUSINESS_INITIATED_MESSAGING", Some(BarWhat::Templates)),
            ("RESTRICTED_CUSTOMER_INITIATED_MESSAGING", category(Category::Service)),
            ("RESTRICTED_USER_INITIATED_MESSAGING", category(Category::Service)),
            ("RESTRICTED_ADD_PHONE_NUMBER_ACTION", None),
            ("RESTRICTED_UTILITY_TEMPLATES", category(Category::Utility)),
            ("RESTRICTED_MARKETING_MESSAGING", category(Category::Marketing)),
            ("RESTRICTED_AUTHENTICATION_TEMPLATES", category(Category::Authentication)),
            ("ACCOUNT_LOCKED", Some(BarWhat::Everything)),
            ("RESTRICTED_MESSAGING", Some(BarWhat::Everything)),
            ("RESTRICTED_BLOCKING_ACTION", None),
            ("", None),
        ] {
            assert_eq!(restricted(kind), want, "{kind}");
        }
    }

    #[test]
    fn each_word_for_a_number_says_what_goes() {
        for (word, want) in [
            ("CONNECTED", Standing::Good),
            ("FLAGGED", Standing::Barred(BarWhat::Category(Category::Marketing))),
            ("RESTRICTED", Standing::Barred(BarWhat::Templates)),
            ("BANNED", Standing::Barred(BarWhat::Everything)),
            ("PENDING", Standing::Doubtful),
            ("DOWNGRADE", Standing::Doubtful),
            ("THROUGHPUT_UPGRADE", Standing::Unsaid),
            ("", Standing::Unsaid),
        ] {
            assert_eq!(standing(word), want, "{word}");
        }
    }

    #[test]
    fn quality_that_falls_is_seen() {
        for (now, before, want) in [
            ("YELLOW", Some("GREEN"), true),
            ("RED", Some("YELLOW"), true),
            ("RED", None, true),
            ("YELLOW", Some("RED"), false),
            ("RED", Some("RED"), false),
            ("GREEN", Some("RED"), false),
            ("NA", Some("GREEN"), false),
        ] {
            assert_eq!(is_worse(now, before), want, "{now} after {before:?}");
        }
    }
}
