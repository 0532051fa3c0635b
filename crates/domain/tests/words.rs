//! The words that stand in databases, queues' names and documents. A word that changes is no longer read.

#![allow(clippy::unwrap_used, reason = "a test")]

use waypost_domain::calendar::{Date, TimeOfDay};
use waypost_domain::contact::Resolution;
use waypost_domain::message::MessageKind;
use waypost_domain::team::{Priority, Team};
use waypost_domain::{
    Alias, AliasSet, CalendarName, ContactId, ConversationState, NumberName, PartitionCount, PartitionId, StatusState,
    TeamName,
};

#[test]
fn priorities_and_states_have_their_words() {
    let words = Priority::ALL.map(Priority::as_str);
    assert_eq!(words, ["urgent", "normal"]);
    assert_eq!(Priority::ALL.map(|priority| priority.to_string()), words);
    assert_eq!(words.map(Priority::parse), Priority::ALL.map(Some));
    assert_eq!(Priority::parse("Urgent"), None);

    let words = ConversationState::ALL.map(ConversationState::as_str);
    assert_eq!(words, ["open", "pending", "snoozed", "resolved"]);
    assert_eq!(words.map(ConversationState::parse), ConversationState::ALL.map(Some));
    assert_eq!(ConversationState::parse("closed"), None);
}

/// Meta's words: <https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components>.
#[test]
fn kinds_of_messages_are_meta_s() {
    let words = [
        "text",
        "image",
        "video",
        "document",
        "audio",
        "sticker",
        "location",
        "contacts",
        "interactive",
        "button",
        "reaction",
        "order",
        "system",
        "edit",
        "revoke",
        "unsupported",
        "call",
    ];
    assert_eq!(MessageKind::WORDS, words);
    for word in words {
        let kind = MessageKind::parse(Some(word));
        assert!(!matches!(kind, MessageKind::Unknown(_) | MessageKind::Missing), "{word}");
        assert_eq!(kind.as_str(), word);
    }
    assert_eq!(MessageKind::parse(Some("hologram")).as_str(), "hologram");
    assert_eq!([None, Some("")].map(|word| MessageKind::parse(word).as_str().to_owned()), ["", ""]);
}

#[test]
fn states_of_sends_are_meta_s() {
    for word in ["sent", "delivered", "read", "played", "failed"] {
        let state = StatusState::parse(word);
        assert!(!matches!(state, StatusState::Other(_)), "{word}");
        assert_eq!(state.as_str(), word);
    }
    assert_eq!(StatusState::parse("warned").as_str(), "warned");
}

#[test]
fn names_are_shown_and_stored_as_they_are() {
    let (team, number) = (TeamName::new("tier-1").unwrap(), NumberName::new("support-es").unwrap());
    let calendar = CalendarName::new("office").unwrap();
    assert_eq!([team.as_str(), number.as_str(), calendar.as_str()], ["tier-1", "support-es", "office"]);
    assert_eq!([team.to_string(), number.to_string(), calendar.to_string()], ["tier-1", "support-es", "office"]);
    assert_eq!([String::from(team), String::from(number)], ["tier-1", "support-es"]);
    assert_eq!(PartitionId(7).to_string(), "p07");
}

#[test]
fn numbers_come_out_as_they_went_in() {
    let date = Date::parse("2026-12-25").unwrap();
    assert_eq!((date.year(), date.month(), date.day()), (2026, 12, 25));
    assert_eq!(TimeOfDay::from_minutes(570).unwrap().minutes(), 570);
    let count = PartitionCount::new(3).unwrap();
    assert_eq!((count.get(), count.all().collect::<Vec<_>>()), (3, [0, 1, 2].map(PartitionId).to_vec()));
}

#[test]
fn a_team_is_staffed_unless_it_says_otherwise() {
    let team = |text: &str| serde_json::from_str::<Team>(text).unwrap();
    assert!(team(r#"{"name":"billing"}"#).staffed);
    assert!(!team(r#"{"name":"billing","staffed":false}"#).staffed);
}

#[test]
fn a_date_has_four_digits_for_the_year() {
    assert!(Date::parse("2026-12-25").is_some());
    for bad in
        ["12026-12-25", "02026-12-25", "226-12-25", "20x6-12-25", "-226-12-25", "2026-12", "2026-12-25-1", "2026-13-01"]
    {
        assert!(Date::parse(bad).is_none(), "{bad}");
    }
}

#[test]
fn nothing_is_to_do_only_where_nothing_is() {
    let contact = ContactId::from_uuid(uuid::Uuid::from_u128(1));
    let settled = Resolution::settled(contact);
    let alias = || vec![Alias::Phone("1".into())];
    assert!(settled.is_settled());
    for unsettled in [
        Resolution { contact: None, ..settled.clone() },
        Resolution { merge: vec![contact], ..settled.clone() },
        Resolution { attach: alias(), ..settled.clone() },
        Resolution { detach: alias(), ..settled.clone() },
    ] {
        assert!(!unsettled.is_settled(), "{unsettled:?}");
    }
}

#[test]
fn a_set_names_all_its_aliases() {
    let some = |text: &str| Some(text.to_owned());
    let set = AliasSet { phone: some("1"), bsuid: some("2"), parent_bsuid: some("3") };
    let all = [Alias::Bsuid("2".into()), Alias::ParentBsuid("3".into()), Alias::Phone("1".into())];
    assert_eq!(set.iter().collect::<Vec<_>>(), all, "in the order of their authority");
    assert_eq!(AliasSet::default().iter().count(), 0);
    assert!(AliasSet::default().is_empty() && !set.is_empty());
    for only in [
        AliasSet { phone: some("1"), ..AliasSet::default() },
        AliasSet { bsuid: some("1"), ..AliasSet::default() },
        AliasSet { parent_bsuid: some("1"), ..AliasSet::default() },
    ] {
        assert!(!only.is_empty(), "{only:?}");
    }
}
