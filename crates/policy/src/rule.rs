//! The rules by which something is not sent, or not yet: a closed list. What each is called in the store, what a person is
//! told and what helps stand here and nowhere else.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One row a rule: its name in the store (never changed), a sentence, and what would make the request sendable.
macro_rules! rules {
    ($($rule:ident: $name:literal, $sentence:literal, $remedy:literal;)*) => {
        /// Why something is not sent. Names are stored: they stay as they are.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "&'static str")]
        pub enum Rule {
            $(#[doc = $sentence] $rule,)*
        }

        impl Rule {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$rule,)*];

            /// Its name in the store, in answers and in metrics.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$rule => $name,)* }
            }

            /// What is wrong, for a person.
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$rule => $sentence,)* }
            }

            /// What would make it sendable.
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$rule => $remedy,)* }
            }
        }
    };
}

rules! {
    // Of the request itself.
    Expired: "expired", "It is of no use any more.", "send it anew, with a later expire_time";
    ContentMissing: "content_missing", "Something that WhatsApp needs is not there.", "fill in the field";
    ContentInvalid: "content_invalid", "WhatsApp would not take this.", "change the field";
    ContentTooLong: "content_too_long", "A text is longer than WhatsApp takes.",
        "shorten it, or allow that it is cut (shorten)";
    ContentTooMany: "content_too_many", "There is more of it than WhatsApp takes.", "leave some out";
    MediaType: "media_type", "WhatsApp does not take media of this type here.", "convert it to a type that is named here";
    MediaSize: "media_size", "The file is larger than WhatsApp takes.", "make it smaller, or send a link";
    ReactionTooOld: "reaction_too_old", "The message is too old for a reaction.", "answer it instead";
    UnseenMessages: "unseen_messages", "The customer has written since the author read.",
        "read what came, and send it again; or force it";

    // Which message goes, and whether it is complete.
    ThreadElsewhere: "thread_elsewhere", "Another app holds the thread.",
        "take the thread (take_thread), or wait until it is handed over";
    WindowClosed: "window_closed", "The customer service window is closed.",
        "send a template, or name one as substitute; or wait until the customer writes";
    TemplateUnknown: "template_unknown", "There is no template of this name.",
        "check the name; if it is new at Meta, synchronise the templates";
    TemplateLanguage: "template_language", "The template is in no language that will do.",
        "ask for a language that it has, or declare one that will do instead (language_fallback)";
    TemplateNotApproved: "template_not_approved", "Meta has not approved the template.",
        "wait for the review, or use one that is approved";
    TemplateDisabled: "template_disabled", "Meta has disabled the template for good.", "use another template";
    TemplateArchived: "template_archived", "The template was not used for a year, and archived.",
        "unarchive it in the WhatsApp Manager, or use another one";
    ParameterMissing: "parameter_missing", "A variable of the template has no value.", "give a value for it";
    ParameterUnknown: "parameter_unknown", "The template has no place for this value.",
        "leave it out, or check the template's variables";
    ParameterForm: "parameter_form", "Values with names and values by order are mixed up.",
        "name the values of a template with named variables, and only those";
    ParameterInvalid: "parameter_invalid", "The value is not what the template needs there.", "give what is said here";
    ParameterBlank: "parameter_blank", "A value is empty, or nothing but space.", "give a value that can be read";
    ParameterWhitespace: "parameter_whitespace", "A value has a line break, a tab or more than four spaces in a row.",
        "write it in one line; or set templates.whitespace to fold";
    FilledTooLong: "filled_too_long", "With its values the text is longer than WhatsApp takes.", "give shorter values";
    HeaderMissing: "header_missing", "The template's header needs its value or media at every send.",
        "give what the header shows";
    HeaderType: "header_type", "The header is of another kind.", "give the kind of header that the template has";
    ButtonMissing: "button_missing", "A button has a variable and no value.", "give the value of this button";
    ButtonInvalid: "button_invalid", "The button does not take this value.", "give what is said here";
    CardCount: "card_count", "A carousel goes with as many cards as it has.", "give the values of each card";

    // Whom it is for.
    NoAddress: "no_address", "Neither a phone number nor a user id of the contact is known.",
        "wait until they write, or add their number";
    BlockedByUs: "blocked_by_us", "We have blocked this contact.", "unblock them";
    Suppressed: "suppressed", "The contact asked to be left alone or forgotten.",
        "nothing but an answer while they write themselves; or a new opt-in";
    Deceased: "deceased", "The contact is marked as deceased.", "correct the mark if it is wrong";
    Minor: "minor", "The contact is marked as a minor.", "nothing; or correct the mark if it is wrong";
    Dispute: "dispute", "There is a dispute with the contact.", "let a person write, or end the dispute";
    AgeUnknown: "age_unknown", "The template is for adults, and the contact's age is not known.",
        "ask for their age, and keep it with the contact";
    CountryTo: "country_to", "WhatsApp serves no business in the contact's country.", "another channel";
    RegionTo: "region_to", "WhatsApp serves no business in the contact's region.", "another channel";
    CountryFrom: "country_from", "WhatsApp serves no business from the number's country.", "another number";
    CountryClosedToUs: "country_closed_to_us", "Meta has closed this country for the business.",
        "another channel, or ask Meta to review it";
    MarketingCountry: "marketing_country", "WhatsApp delivers no marketing to numbers of this country.",
        "another channel; utility templates and answers go";
    CodeToUserId: "code_to_user_id", "One-time codes go to phone numbers only, and none is known.",
        "ask for the number, or use another channel";
    CodeWithoutEnd: "code_without_end", "It is not said when the code dies.", "give expire_time";
    CodeOutlived: "code_outlived", "WhatsApp could deliver the code after it has died.",
        "a shorter message_send_ttl_seconds in the template, or a code that lives longer";

    // Whether they agreed.
    Stopped: "stopped", "The customer said stop.", "answer when they write again; anything else needs a new opt-in";
    StopConfirmed: "stop_confirmed", "There is no stop that has to be confirmed.", "nothing: it is confirmed once";
    ConsentUnknown: "consent_unknown", "There is no consent for this category.", "an opt-in, or an import with evidence";
    ConsentPending: "consent_pending", "The opt-in was not confirmed.", "wait for the second yes";
    ConsentLapsed: "consent_lapsed", "The consent was not confirmed for too long.", "ask for it again";
    ConsentWithdrawn: "consent_withdrawn", "The customer withdrew their consent.", "only a new opt-in by themselves";
    ConsentBasis: "consent_basis", "A contract is no basis for marketing.", "an opt-in";
    AutomaticCap: "automatic_cap", "The contact got too many automatic messages in a short time.",
        "a person answers; look for two machines that answer each other";

    // What is waited for.
    AccountStopped: "account_stopped", "The WhatsApp account may not send this at present.",
        "see the account's alerts; it goes on by itself when that is settled";
    NumberStopped: "number_stopped", "The number may not send this at present.",
        "see the number's alerts; it goes on by itself when that is settled";
    TemplatePaused: "template_paused", "Meta has paused the template.",
        "it goes on when the pause ends; until then another template";
    PaymentMissing: "payment_missing", "The account has no payment method, and this is billed.",
        "add a payment method in the WhatsApp Manager";
    SuspectedStop: "suspected_stop", "The customer may have said stop, and nobody has judged it.", "judge it";
    StopPending: "stop_pending", "What this customer wrote last is not looked through for a stop yet.",
        "it goes on when the opt-in worker has caught up";
    MarketingRefused: "marketing_refused", "Meta delivers no marketing to this contact for now.",
        "it goes on by itself; an answer in an open window goes";
    FrequencyCap: "frequency_cap", "The contact got as much marketing as we allow.", "it goes on by itself";
    QuietHours: "quiet_hours", "It is a quiet hour where the contact is.", "it goes on by itself";
    MessagingLimit: "messaging_limit", "As many customers as Meta's limit allows were written to.",
        "it goes on when a place is free; a higher limit is Meta's to give";
}

/// A name that no rule has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no rule")]
pub struct NoRule(String);

impl TryFrom<String> for Rule {
    type Error = NoRule;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::ALL.iter().copied().find(|rule| rule.name() == name).ok_or(NoRule(name))
    }
}

impl From<Rule> for &'static str {
    fn from(rule: Rule) -> Self {
        rule.name()
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_rule_says_what_it_is_and_what_helps() {
        let names: BTreeSet<&str> = Rule::ALL.iter().map(|rule| rule.name()).collect();
        assert_eq!(names.len(), Rule::ALL.len(), "a name is there twice");
        for rule in Rule::ALL {
            let plain = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(rule.name().chars().all(plain), "{rule}");
            assert!(rule.sentence().ends_with('.'), "{rule}");
            assert!(!rule.remedy().is_empty() && !rule.remedy().ends_with('.'), "{rule}");
            assert_eq!(Rule::try_from(rule.name().to_owned()), Ok(*rule));
        }
        assert!(Rule::try_from("none".to_owned()).is_err());
    }

    /// Verdicts are stored under these names: a row is added with each rule, and none goes.
    #[test]
    fn names_of_before_are_read_for_ever() {
        let names: Vec<&str> = include_str!("rule_names.txt").split_whitespace().collect();
        for name in &names {
            assert!(Rule::try_from((*name).to_owned()).is_ok(), "{name}");
        }
        let missing = Rule::ALL.iter().find(|rule| !names.contains(&rule.name()));
        assert_eq!(missing, None, "a new rule's name belongs in the list");
    }
}
