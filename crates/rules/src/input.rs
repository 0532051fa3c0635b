//! All that a decision may depend on. The same input and the same rule set give the same decision everywhere and
//! at any time, so nothing else may be asked.

use std::collections::BTreeMap;

use waypost_domain::message::{FormField, Forwarded, MessageContent, Part};
use waypost_domain::team::Priority;
use waypost_domain::{Binding, InboundMessage, LanguageSource, MessageKind, TeamName, Timestamp};

/// Rules look at this many characters of a message: WhatsApp's own limit for a text.
pub const TEXT_CHARS_MAX: usize = 4096;

/// Ids of what rates a conversation that is over: whoever taps one wants nothing.
pub const RATING_PREFIX: &str = "csat:";

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouteInput {
    /// Our name of the number that was written to.
    pub number: String,
    /// `messages[].type`, as Meta writes it; empty where missing.
    pub message_type: String,
    /// What there is to read first of all; [`parts`](Self::parts) has the rest.
    pub text: Option<String>,
    /// Words beside `text`.
    pub words: Vec<PartWords>,
    /// The answers of a form, by name.
    pub form: BTreeMap<String, String>,
    /// Whether somebody else wrote it, and the customer passed it on.
    pub forwarded: bool,
    /// Whether the customer quoted another message in it.
    pub quoted: bool,
    /// The group that it was written in.
    pub group_id: Option<String>,
    /// The id of the button or list row that was tapped.
    pub reply_id: Option<String>,
    /// The template that the button belongs to, where that is known.
    pub reply_template: Option<String>,
    /// Whether the tapped menu was sent in the open conversation, where it is known what was sent.
    pub menu_here: Option<bool>,
    /// The advertisement that brought the customer here.
    pub referral: Option<Referral>,
    /// What is known of the customer, e.g. `tier`.
    pub attributes: BTreeMap<String, String>,
    /// The primary subtag, lower case, e.g. `pt`.
    pub language: Option<String>,
    /// Who says so; `None` in inputs that were stored before rules knew.
    pub language_source: Option<LanguageSource>,
    /// How sure that is, in per cent; for whoever reads an explanation.
    pub language_confidence: Option<u8>,
    /// ISO 3166 alpha-2, upper case, e.g. `BR`.
    pub country: Option<String>,
    /// `None` in inputs that were stored before rules knew the time.
    pub received_at: Option<Timestamp>,
    /// The customer's time zone, as an IANA name.
    pub zone: Option<String>,
    /// Who answered the conversation before this one.
    pub previous_team: Option<PreviousTeam>,
    /// What was left of the customer service window when the message arrived; `None` where none was open.
    pub window_left_s: Option<i64>,
    /// Whether we never heard from them before.
    pub first_contact: bool,
    /// What tells customers apart and stays, for draws; empty where the sender is not known.
    pub contact_key: String,
    /// The conversation that is open, if any.
    pub open: Option<OpenConversation>,
    pub semantics: Semantics,
    /// Whether the customer only thanks or says goodbye, behind our last word: nobody has to do anything.
    pub closes: bool,
    /// What the broker said of teams' queues, as far as the rules ask.
    pub queues: TeamQueues,
}

/// What is known of teams' queues, urgent and normal together. A team that is not there is not known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TeamQueues {
    /// Whether anybody consumes one of them.
    pub staffed: BTreeMap<TeamName, bool>,
    /// Messages that nobody has in hand.
    pub waiting: BTreeMap<TeamName, u32>,
}

impl TeamQueues {
    pub fn is_empty(&self) -> bool {
        self.staffed.is_empty() && self.waiting.is_empty()
    }

    /// Whether everything is known of a team.
    pub fn know(&self, team: &TeamName) -> bool {
        self.staffed.contains_key(team) && self.waiting.contains_key(team)
    }
}

/// What an open conversation means for a message. Inputs are explained by what was meant when they were decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Semantics {
    /// Of releases that knew no bindings, and of conversations from them: whoever has it keeps it, unless the customer
    /// asks for a person.
    BeforeBindings,
    /// It is bound as firmly as somebody decided it: see [`Binding`].
    #[default]
    Bindings,
}

impl RouteInput {
    /// Whether the customer rates a conversation; nothing did before conversations were bound.
    pub(crate) fn is_rating(&self) -> bool {
        self.semantics == Semantics::Bindings && self.reply_id.as_ref().is_some_and(|id| id.starts_with(RATING_PREFIX))
    }

    /// What a message says by itself, whoever sent it.
    pub fn of_message(message: &InboundMessage) -> Self {
        let message_type = message.kind.as_str().to_owned();
        let forwarded = message.how_often_forwarded() != Forwarded::Never;
        let (mut text, mut words) = (None, Vec::new());
        for one in message.words() {
            match one.part {
                Part::Form => {}
                part if text.is_none() && words.is_empty() && part == part_of_text(&message_type, forwarded) => {
                    text = Some(one.text.to_owned());
                }
                part => words.push(PartWords { part, text: one.text.to_owned() }),
            }
        }
        Self {
            message_type,
            text,
            words,
            form: form(message),
            forwarded,
            // Meta says of every tap and form which message of ours it belongs to: the customer quoted nothing.
            quoted: message.quoted.is_some() && message.kind != MessageKind::Interactive && message.tap.is_none(),
            group_id: message.group_id.clone(),
            reply_id: message.tap.as_ref().map(|tap| tap.id.clone()),
            referral: message.referral.as_ref().map(|referral| Referral {
                source_id: referral.source_id.clone(),
                source_type: referral.source_type.clone(),
                source_url: referral.source_url.clone(),
            }),
            // Meta names the message that a button belongs to, and whoever has sent it knows what that was.
            ..Self::default()
        }
    }

    /// All words and where they stood. Those of [`Part::Forwarded`] are not the customer's.
    pub fn parts(&self) -> impl Iterator<Item = (Part, &str)> {
        let text = self.text.iter().map(|text| (part_of_text(&self.message_type, self.forwarded), text.as_str()));
        let words = self.words.iter().map(|words| (words.part, words.text.as_str()));
        let answers = self.form.iter().filter(|(name, _)| *name != FormField::TOKEN);
        let form = if self.forwarded { Part::Forwarded } else { Part::Form };
        text.chain(words).chain(answers.map(move |(_, value)| (form, value.as_str())))
    }
}

/// Where [`RouteInput::text`] stood.
fn part_of_text(message_type: &str, forwarded: bool) -> Part {
    match forwarded {
        true => Part::Forwarded,
        false => Part::of_text(message_type),
    }
}

fn form(message: &InboundMessage) -> BTreeMap<String, String> {
    match &message.as_it_is_now().content {
        MessageContent::Form(form) => {
            form.fields.iter().map(|field| (field.name.clone(), field.value.clone())).collect()
        }
        _ => BTreeMap::new(),
    }
}

/// Words of one part of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartWords {
    pub part: Part,
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Referral {
    pub source_id: Option<String>,
    pub source_type: Option<String>,
    pub source_url: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviousTeam {
    pub team: TeamName,
    /// Seconds from that conversation's end to this message.
    pub age_s: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenConversation {
    pub team: TeamName,
    pub priority: Priority,
    /// Of [`Semantics::BeforeBindings`], firm.
    pub binding: Binding,
    /// Whether the customer wrote last, so that an answer was due when this message came.
    pub waits: bool,
}

impl OpenConversation {
    /// One that a rule decided and in which the customer waits for an answer.
    pub const fn firm(team: TeamName, priority: Priority) -> Self {
        Self { team, priority, binding: Binding::Firm, waits: true }
    }
}

/// A date and time with its distance to UTC, e.g. `2026-12-01T09:00:00+01:00`.
pub fn parse_instant(text: &str) -> Option<Timestamp> {
    let instant = text.parse::<jiff::Timestamp>().ok()?;
    let instant = Timestamp::from_millis(instant.as_millisecond());
    can_be_said(instant).then_some(instant)
}

/// Whether both forms of a rule set can say it: it lies in the years 0 to 9999.
pub fn can_be_said(instant: Timestamp) -> bool {
    // The last is jiff's own.
    (-62_167_219_200_000..=253_402_207_200_999).contains(&instant.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_of_years_with_four_digits() {
        for (text, millis) in [
            ("0000-01-01T00:00:00Z", Some(-62_167_219_200_000)),
            ("9999-12-30T22:00:00.999999999Z", Some(253_402_207_200_999)),
            ("2026-12-01T09:00:00+01:00", Some(1_796_112_000_000)),
            ("-000001-12-31T23:59:59Z", None),
            ("9999-12-30T22:00:01Z", None),
            ("tomorrow", None),
        ] {
            assert_eq!(parse_instant(text).map(Timestamp::as_millis), millis, "{text}");
        }
    }
}
