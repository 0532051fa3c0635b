//! What the rules see: one row for each thing that they can ask about.

use std::collections::BTreeMap;

use waypost_cloud_api::webhook::{Sender, decode_message};
use waypost_domain::team::Priority;
use waypost_domain::{ContactId, ConversationId, IdSource, LanguageMemory, TeamName};
use waypost_rules::Referral;
use waypost_store::TimeOrderedIds;

use super::*;

const ARRIVED: Timestamp = Timestamp::from_millis(1_750_000_000_000);
const TEXT: &str = r#"{"id":"w","type":"text","text":{"body":"hi"}}"#;

/// What may be known beside the message.
#[derive(Default)]
struct Beside {
    contact: Option<ContactRecord>,
    open: Option<Conversation>,
    previous_team: Option<PreviousTeam>,
    tapped: Option<TappedSend>,
    queues: TeamQueues,
}

impl Beside {
    /// Of a message on that number, which nothing usual is known of.
    fn known<'a>(&'a self, number: &'a NumberName) -> Known<'a> {
        Known {
            number,
            received_at: ARRIVED,
            number_language: None,
            contact: self.contact.as_ref(),
            open: self.open.as_ref(),
            previous_team: self.previous_team.clone(),
            edited: None,
            closes: false,
            tapped: self.tapped.as_ref(),
            queues: &self.queues,
        }
    }
}

fn check(name: &str, json: &str, beside: &Beside, want: &RouteInput) {
    let message = decode_message(json, &Sender::default()).unwrap();
    assert_eq!(&route_input(&message, beside.known(&support())), want, "{name}");
}

fn support() -> NumberName {
    NumberName::new("support").unwrap()
}

/// Of [`TEXT`], where nothing else is known.
fn of_text() -> RouteInput {
    RouteInput {
        number: "support".to_owned(),
        message_type: "text".to_owned(),
        text: Some("hi".to_owned()),
        received_at: Some(ARRIVED),
        first_contact: true,
        ..RouteInput::default()
    }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn contact() -> ContactRecord {
    ContactRecord::empty(ContactId::from_uuid(TimeOrderedIds.next_id()))
}

#[test]
fn of_the_message() {
    check("a text", TEXT, &Beside::default(), &of_text());
    let button = r#"{"type":"button","context":{"id":"wamid.EARLIER"},"button":{"payload":"pay","text":"Pay"}}"#;
    let tapped = RouteInput { message_type: "button".to_owned(), reply_id: some("pay"), ..of_text() };
    let tapped = || RouteInput { text: some("Pay"), ..tapped.clone() };
    check("a tap on what others sent", button, &Beside::default(), &tapped());
    // Meta says which message a button belongs to; what that was, we know.
    let of = |template: Option<&str>, conversation| {
        let template = template.map(str::to_owned);
        Beside { tapped: Some(TappedSend { template, conversation }), ..Beside::default() }
    };
    let reply_template = some("invoice");
    let invoice = RouteInput { reply_template, menu_here: Some(false), ..tapped() };
    check("a tap on a template", button, &of(Some("invoice"), None), &invoice);
    let elsewhere = RouteInput { menu_here: Some(false), ..tapped() };
    check("a tap on a menu of an earlier conversation", button, &of(None, None), &elsewhere);
    let advertisement = r#"{"type":"text","text":{"body":"hi"},
        "referral":{"source_type":"ad","source_id":"7","source_url":"https://x/7","headline":"Buy"}}"#;
    let [source_id, source_type, source_url] = ["7", "ad", "https://x/7"].map(some);
    let referral = Some(Referral { source_id, source_type, source_url });
    check("an advertisement", advertisement, &Beside::default(), &RouteInput { referral, ..of_text() });
}

#[test]
fn of_the_customer() {
    let of = |name: &str, contact: ContactRecord, want: RouteInput| {
        let want = RouteInput { contact_key: contact.id.to_string(), ..want };
        check(name, TEXT, &Beside { contact: Some(contact), ..Beside::default() }, &want);
    };
    let known = || RouteInput { first_contact: false, ..of_text() };
    of("somebody", contact(), known());
    of("somebody new", ContactRecord { is_new: true, ..contact() }, of_text());
    for (language, want) in [("pt_BR", "pt"), ("EN-us", "en"), ("de", "de")] {
        let told = KnownLanguage::told(language.to_owned(), LanguageSource::Choice);
        let memory = LanguageMemory { known: Some(told), sample: None };
        let contact = ContactRecord { language: memory, ..contact() };
        let (language_source, language_confidence) = (Some(LanguageSource::Choice), Some(100));
        of(language, contact, RouteInput { language: some(want), language_source, language_confidence, ..known() });
    }
    // (attributes, country, zone)
    let zone = "America/Sao_Paulo";
    for (attributes, country, zone) in [
        (&[("country", "br"), ("zone", zone), ("tier", "gold")][..], some("BR"), some(zone)),
        (&[("country", ""), ("zone", "")], None, None),
        (&[("Country", "BR"), ("time_zone", zone)], None, None),
    ] {
        let attributes: BTreeMap<_, _> = attributes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let contact = ContactRecord { attributes: attributes.clone(), ..contact() };
        of(&format!("{attributes:?}"), contact, RouteInput { attributes, country, zone, ..known() });
    }
}

/// Of a customer of whom nobody knows a language, the one that is usual on the number.
#[test]
fn of_the_language_of_the_number() {
    let message = decode_message(TEXT, &Sender::default()).unwrap();
    let check = |contact, want: (Option<&str>, Option<LanguageSource>, Option<u8>)| {
        let beside = Beside { contact, ..Beside::default() };
        let input = route_input(&message, Known { number_language: Some("pt-BR"), ..beside.known(&support()) });
        assert_eq!((input.language.as_deref(), input.language_source, input.language_confidence), want);
    };
    check(None, (Some("pt"), Some(LanguageSource::Number), Some(100)));
    let guessed = KnownLanguage { tag: "es".to_owned(), source: LanguageSource::Guess, confidence: 41 };
    let memory = LanguageMemory { known: Some(guessed), sample: None };
    let known = ContactRecord { language: memory, ..contact() };
    check(Some(known), (Some("es"), Some(LanguageSource::Guess), Some(41)));
}

/// The CRM's word, else the number's, else the BSUID's.
#[test]
fn of_the_country() {
    let told = Beside {
        contact: Some(ContactRecord { attributes: [("country".to_owned(), "ad".to_owned())].into(), ..contact() }),
        ..Beside::default()
    };
    for (sender, beside, want) in [
        (r#""from":"34600000147""#, &told, some("AD")),
        (r#""from":"34600000147""#, &Beside::default(), some("ES")),
        (r#""from":"+55 11 8765-0147","from_user_id":"US.1""#, &Beside::default(), some("BR")),
        (r#""from_user_id":"MX.1""#, &Beside::default(), some("MX")),
        (r#""from_parent_user_id":"MX.ENT.1""#, &Beside::default(), some("MX")),
        (r#""from":"9991","from_user_id":"MX.1""#, &Beside::default(), some("MX")),
        (r#""from":"nobody""#, &Beside::default(), None),
    ] {
        let message = decode_message(&format!(r#"{{{sender},"type":"text"}}"#), &Sender::default()).unwrap();
        assert_eq!(route_input(&message, beside.known(&support())).country, want, "{sender}");
    }
}

#[test]
fn of_the_conversation() {
    let team = |name: &str| TeamName::new(name).unwrap();
    let id = ConversationId::from_uuid(TimeOrderedIds.next_id());
    let talk = Conversation::new(id, contact().id, support(), ARRIVED);
    let of = |name: &str, open: Conversation, want: RouteInput| {
        check(name, TEXT, &Beside { open: Some(open), ..Beside::default() }, &want);
    };
    // What is left of the window, in whole seconds.
    for (millis, window_left_s) in
        [(0, None), (-5_000, None), (999, None), (1_000, Some(1)), (1_999, Some(1)), (86_340_000, Some(86_340))]
    {
        let open = Conversation { window_ends_at: Some(ARRIVED.plus_millis(millis)), ..talk.clone() };
        of(&format!("{millis} ms are left"), open, RouteInput { window_left_s, ..of_text() });
    }
    for state in ConversationState::ALL {
        let answered = Conversation { team: Some(team("billing")), priority: Priority::Urgent, state, ..talk.clone() };
        let loose = OpenConversation::firm(team("billing"), Priority::Urgent);
        let open = OpenConversation { binding: Binding::Loose, waits: false, ..loose };
        let open = (state != ConversationState::Resolved).then_some(open);
        of(state.as_str(), answered, RouteInput { open, ..of_text() });
        of(state.as_str(), Conversation { state, ..talk.clone() }, of_text());
    }
    let before = Beside { previous_team: Some(PreviousTeam { team: team("billing"), age_s: 7 }), ..Beside::default() };
    let want = RouteInput { previous_team: before.previous_team.clone(), ..of_text() };
    check("another one before", TEXT, &before, &want);
    let queues = TeamQueues { staffed: [(team("billing"), true)].into(), waiting: [(team("billing"), 3)].into() };
    let busy = Beside { queues: queues.clone(), ..Beside::default() };
    check("a busy team", TEXT, &busy, &RouteInput { queues, ..of_text() });
}
