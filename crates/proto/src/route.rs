//! Routing inputs as they are stored beside their decision: at most [`INPUT_BYTES_MAX`] encoded.

use std::collections::BTreeMap;

use prost::Message;
use waypost_domain::message::Part;
use waypost_domain::team::Priority;
use waypost_domain::{Binding, LanguageSource, TeamName, Timestamp};
use waypost_rules::{OpenConversation, PartWords, PreviousTeam, Referral, RouteInput, Semantics, TeamQueues};

use crate::event::InvalidField;
use crate::v1;

mod fit;

pub use fit::fit_route_input;

/// The version that this release writes, and the highest that it reads.
pub const ROUTE_INPUT_VERSION: u32 = 2;
/// What a stored input may take.
pub const INPUT_BYTES_MAX: usize = 2048;

/// What a decision was taken from, as it is stored.
pub fn encode_route_input(input: &RouteInput) -> Vec<u8> {
    v1::RouteInput::from(input).encode_to_vec()
}

/// What a decision was taken from; the error names the field that cannot be read.
pub fn decode_route_input(bytes: &[u8]) -> Result<RouteInput, InvalidField> {
    let invalid = |field, problem| InvalidField { message: "RouteInput", field, problem };
    let wire = v1::RouteInput::decode(bytes).map_err(|_| invalid("", "undecodable"))?;
    if wire.version == 0 || wire.version > ROUTE_INPUT_VERSION {
        return Err(invalid("version", "missing, or newer than this release reads"));
    }
    let open = if wire.open_team.is_empty() {
        None
    } else {
        let team = TeamName::new(wire.open_team).map_err(|_| invalid("open_team", "not a team name"))?;
        let priority =
            Priority::parse(&wire.open_priority).ok_or_else(|| invalid("open_priority", "not a priority"))?;
        let binding = match wire.open_binding.as_str() {
            "" => Binding::Firm,
            other => Binding::parse(other).ok_or_else(|| invalid("open_binding", "not a binding"))?,
        };
        Some(OpenConversation { team, priority, binding, waits: !wire.open_answered })
    };
    let semantics = match wire.semantics {
        0 => Semantics::BeforeBindings,
        1 => Semantics::Bindings,
        _ => return Err(invalid("semantics", "newer than this release reads")),
    };
    let previous_team = if wire.previous_team.is_empty() {
        None
    } else {
        let team = TeamName::new(wire.previous_team).map_err(|_| invalid("previous_team", "not a team name"))?;
        Some(PreviousTeam { team, age_s: wire.previous_team_age_s })
    };
    let queues = TeamQueues {
        staffed: by_team("team_staffed", wire.team_staffed)?,
        waiting: by_team("team_waiting", wire.team_waiting)?,
    };
    // A part that a later release knows is still words.
    let part = |name: &str| Part::parse(name).unwrap_or(Part::Text);
    let words = wire.words.into_iter().map(|words| PartWords { part: part(&words.part), text: words.text });
    Ok(RouteInput {
        number: wire.number,
        message_type: wire.message_type,
        text: wire.text,
        words: words.collect(),
        form: wire.form,
        forwarded: wire.forwarded,
        quoted: wire.quoted,
        group_id: wire.group_id,
        reply_id: wire.reply_id,
        attributes: wire.attributes,
        open,
        semantics,
        closes: wire.closes,
        first_contact: wire.first_contact,
        reply_template: wire.reply_template,
        menu_here: wire.menu_here,
        referral: wire.referral.map(|referral| Referral {
            source_id: referral.source_id,
            source_type: referral.source_type,
            source_url: referral.source_url,
        }),
        language: wire.language,
        language_source: wire.language_source.as_deref().and_then(LanguageSource::parse),
        language_confidence: wire.language_confidence.and_then(|confidence| confidence.try_into().ok()),
        country: wire.country,
        received_at: wire.received_at_ms.map(Timestamp::from_millis),
        zone: wire.zone,
        previous_team,
        window_left_s: wire.window_left_s,
        contact_key: wire.contact_key,
        queues,
    })
}

fn by_team<T>(field: &'static str, by_name: BTreeMap<String, T>) -> Result<BTreeMap<TeamName, T>, InvalidField> {
    let invalid = |_| InvalidField { message: "RouteInput", field, problem: "not a team name" };
    let one = |(name, value)| Ok((TeamName::new(name).map_err(invalid)?, value));
    by_name.into_iter().map(one).collect()
}

pub(crate) fn by_name<T: Copy>(by_team: &BTreeMap<TeamName, T>) -> BTreeMap<String, T> {
    by_team.iter().map(|(team, value)| (team.to_string(), *value)).collect()
}

impl From<&RouteInput> for v1::RouteInput {
    fn from(input: &RouteInput) -> Self {
        let (open_team, open_priority) = match &input.open {
            Some(open) => (open.team.as_str().to_owned(), open.priority.as_str().to_owned()),
            None => Default::default(),
        };
        let previous = input.previous_team.as_ref();
        let bound = input.open.as_ref().filter(|_| input.semantics == Semantics::Bindings);
        Self {
            version: ROUTE_INPUT_VERSION,
            number: input.number.clone(),
            message_type: input.message_type.clone(),
            text: input.text.clone(),
            words: input.words.iter().map(route_words).collect(),
            form: input.form.clone(),
            group_id: input.group_id.clone(),
            forwarded: input.forwarded,
            quoted: input.quoted,
            reply_id: input.reply_id.clone(),
            attributes: input.attributes.clone(),
            open_team,
            open_priority,
            first_contact: input.first_contact,
            reply_template: input.reply_template.clone(),
            menu_here: input.menu_here,
            referral: input.referral.as_ref().map(|referral| v1::RouteReferral {
                source_id: referral.source_id.clone(),
                source_type: referral.source_type.clone(),
                source_url: referral.source_url.clone(),
            }),
            language: input.language.clone(),
            language_source: input.language_source.map(|source| source.as_str().to_owned()),
            language_confidence: input.language_confidence.map(u32::from),
            country: input.country.clone(),
            zone: input.zone.clone(),
            received_at_ms: input.received_at.map(Timestamp::as_millis),
            previous_team: previous.map(|before| before.team.as_str().to_owned()).unwrap_or_default(),
            previous_team_age_s: previous.map(|before| before.age_s).unwrap_or_default(),
            window_left_s: input.window_left_s,
            contact_key: input.contact_key.clone(),
            semantics: match input.semantics {
                Semantics::BeforeBindings => 0,
                Semantics::Bindings => 1,
            },
            open_binding: bound.map(|open| open.binding.as_str().to_owned()).unwrap_or_default(),
            closes: input.closes,
            open_answered: bound.is_some_and(|open| !open.waits),
            team_staffed: by_name(&input.queues.staffed),
            team_waiting: by_name(&input.queues.waiting),
        }
    }
}

fn route_words(words: &PartWords) -> v1::RouteWords {
    v1::RouteWords { part: words.part.as_str().to_owned(), text: words.text.clone() }
}

#[cfg(test)]
mod tests;
