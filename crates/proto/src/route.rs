//! Routing inputs as they are stored beside their decision: at most [`INPUT_BYTES_MAX`] encoded.

use std::collections::BTreeMap;

use prost::Message;
use waypost_domain::message::Part;
use waypost_domain::team::Priority;
use waypost_domain::{Binding, LanguageSource, TeamName, Timestamp};
use waypost_rules::{OpenConversation, PartWords, PreviousTeam, Referral, RouteInput, Semantics};

use crate::event::InvalidField;
use crate::v1;

/// The version that this release writes, and the highest that it reads.
pub const ROUTE_INPUT_VERSION: u32 = 2;
/// What a stored input may take.
pub const INPUT_BYTES_MAX: usize = 2048;

const WORDS_BYTES_MAX: usize = 1400;
/// Of the answers of a form, with their names.
const FORM_BYTES_MAX: usize = 600;
const ELLIPSIS: &str = "…";
const REPLY_ID_BYTES_MAX: usize = 256;
const ATTRIBUTE_BYTES_MAX: usize = 120;

/// Cuts `input` to what can be stored. The decision is made from the result, so that it can be made again from what
/// was stored. Attributes that `wanted` (the rules look at them) stay before the others.
pub fn fit_route_input(mut input: RouteInput, wanted: impl Fn(&str) -> bool) -> RouteInput {
    input.reply_id = input.reply_id.map(|id| cut(id, REPLY_ID_BYTES_MAX));
    let short = |text: Option<String>| text.map(|text| cut(text, ATTRIBUTE_BYTES_MAX));
    input.message_type = cut(input.message_type, ATTRIBUTE_BYTES_MAX);
    input.reply_template = short(input.reply_template);
    input.language = short(input.language);
    input.country = short(input.country);
    input.zone = short(input.zone);
    input.contact_key = cut(input.contact_key, ATTRIBUTE_BYTES_MAX);
    input.referral = input.referral.map(|referral| Referral {
        source_id: short(referral.source_id),
        source_type: short(referral.source_type),
        source_url: short(referral.source_url),
    });
    input.group_id = short(input.group_id);
    let mut attributes = std::mem::take(&mut input.attributes);
    // The words get what the rest leaves.
    let (text, words, form) = (input.text.take(), std::mem::take(&mut input.words), std::mem::take(&mut input.form));
    let mut room = INPUT_BYTES_MAX.saturating_sub(v1::RouteInput::from(&input).encoded_len());
    let mut for_words = WORDS_BYTES_MAX.min(room);
    for (name, value) in answers(form) {
        let size = name.len() + value.len() + ENTRY_OVERHEAD;
        if size <= for_words.saturating_sub(WORDS_BYTES_MAX - FORM_BYTES_MAX) {
            for_words -= size;
            room -= size;
            input.form.insert(name, value);
        }
    }
    let overhead: usize = words.iter().map(|words| words.part.as_str().len() + ENTRY_OVERHEAD).sum();
    let needs: Vec<usize> = text.iter().map(String::len).chain(words.iter().map(|words| words.text.len())).collect();
    for_words = for_words.min(room.saturating_sub(overhead + TEXT_OVERHEAD));
    let mut shares = shares(&needs, for_words).into_iter();
    input.text = text.map(|text| cut(text, shares.next().unwrap_or_default()));
    for (PartWords { part, text }, share) in words.into_iter().zip(shares) {
        let text = cut(text, share);
        if !text.is_empty() {
            input.words.push(PartWords { part, text });
        }
    }
    room = INPUT_BYTES_MAX.saturating_sub(v1::RouteInput::from(&input).encoded_len());
    attributes.retain(|name, value| name.len() + value.len() <= ATTRIBUTE_BYTES_MAX);
    let (first, rest): (Vec<_>, Vec<_>) = attributes.into_iter().partition(|(name, _)| wanted(name));
    for (name, value) in first.into_iter().chain(rest) {
        let size = name.len() + value.len() + ATTRIBUTE_OVERHEAD;
        if size > room {
            continue;
        }
        room -= size;
        input.attributes.insert(name, value);
    }
    input
}

/// A tag and a length, at these sizes at most.
const TEXT_OVERHEAD: usize = 4;
/// Two tags, two lengths and the entry's own: what is below 120 bytes has short ones.
const ATTRIBUTE_OVERHEAD: usize = 6;
const ENTRY_OVERHEAD: usize = 9;

/// The answers of a form, short ones first: what stands in a rule is short, and a long remark must not cost the rest.
/// A long one ends in an ellipsis, so that its beginning is not taken for a value; the words have it whole.
fn answers(form: BTreeMap<String, String>) -> Vec<(String, String)> {
    let mut answers: Vec<(String, String)> =
        form.into_iter().filter(|(name, _)| name.len() <= ATTRIBUTE_BYTES_MAX).collect();
    for (_, value) in &mut answers {
        if value.len() > ATTRIBUTE_BYTES_MAX {
            *value = cut(std::mem::take(value), ATTRIBUTE_BYTES_MAX - ELLIPSIS.len()) + ELLIPSIS;
        }
    }
    answers.sort_by_key(|(name, value)| name.len() + value.len());
    answers
}

/// Bytes for each of `needs`: as many as it needs, or as many as everybody else who needs more.
fn shares(needs: &[usize], mut room: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..needs.len()).collect();
    places.sort_by_key(|place| needs[*place]);
    let mut shares = vec![0; needs.len()];
    for (served, place) in places.into_iter().enumerate() {
        let share = needs[place].min(room / (needs.len() - served));
        shares[place] = share;
        room -= share;
    }
    shares
}

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
    })
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
        }
    }
}

fn route_words(words: &PartWords) -> v1::RouteWords {
    v1::RouteWords { part: words.part.as_str().to_owned(), text: words.text.clone() }
}

fn cut(mut text: String, bytes_max: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes_max));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn what_was_stored_reads_back_the_same() {
        let input = RouteInput {
            number: "support-es".into(),
            message_type: "text".into(),
            text: Some("hola".into()),
            words: vec![PartWords { part: Part::File, text: "invoice.pdf".into() }],
            form: BTreeMap::from([("department".into(), "billing".into())]),
            forwarded: true,
            quoted: true,
            group_id: Some("g".into()),
            reply_id: None,
            attributes: BTreeMap::from([("tier".into(), "gold".into())]),
            open: Some(OpenConversation {
                team: TeamName::new("vip").unwrap(),
                priority: Priority::Urgent,
                binding: Binding::Held,
                waits: false,
            }),
            semantics: Semantics::Bindings,
            closes: true,
            first_contact: true,
            reply_template: Some("welcome".into()),
            referral: Some(Referral { source_id: Some("1".into()), source_type: None, source_url: Some("u".into()) }),
            language: Some("es".into()),
            language_source: Some(LanguageSource::Guess),
            language_confidence: Some(73),
            country: Some("MX".into()),
            received_at: Some(Timestamp::from_millis(1_700_000_000_123)),
            zone: Some("America/Mexico_City".into()),
            previous_team: Some(PreviousTeam { team: TeamName::new("billing").unwrap(), age_s: 60 }),
            window_left_s: Some(0),
            contact_key: "0198".into(),
        };
        assert_eq!(decode_route_input(&encode_route_input(&input)).unwrap(), input);
        let bare = RouteInput::default();
        assert_eq!(decode_route_input(&encode_route_input(&bare)).unwrap(), bare);
    }

    #[test]
    fn version_1_still_reads() {
        let wire = b"\x08\x01\x12\x0asupport-es\x1a\x04text\x22\x04hola\x32\x0c\x0a\x04tier\x12\x04gold\x48\x01";
        let want = RouteInput {
            number: "support-es".into(),
            message_type: "text".into(),
            text: Some("hola".into()),
            attributes: BTreeMap::from([("tier".into(), "gold".into())]),
            first_contact: true,
            semantics: Semantics::BeforeBindings,
            ..RouteInput::default()
        };
        assert_eq!(decode_route_input(wire).unwrap(), want);
    }

    /// Given an input of a release that knew no bindings, then its conversation is firm by the rules of then.
    #[test]
    fn an_open_conversation_of_before_bindings_still_reads() {
        let wire = b"\x08\x02\x12\x01n\x3a\x03vip\x42\x06urgent";
        let open = OpenConversation::firm(TeamName::new("vip").unwrap(), Priority::Urgent);
        let want = RouteInput {
            number: "n".into(),
            open: Some(open),
            semantics: Semantics::BeforeBindings,
            ..RouteInput::default()
        };
        assert_eq!(decode_route_input(wire).unwrap(), want);
        assert_eq!(encode_route_input(&want), wire, "and is stored as it was");
    }

    #[test]
    fn an_input_is_cut_to_size_and_keeps_what_rules_look_at() {
        let mut attributes: BTreeMap<String, String> = (0..100).map(|n| (format!("a{n:02}"), "x".repeat(50))).collect();
        attributes.insert("tier".into(), "gold".into());
        attributes.insert("huge".into(), "x".repeat(500));
        let input = RouteInput {
            text: Some("ä".repeat(4096)),
            reply_id: Some("r".repeat(1000)),
            zone: Some("z".repeat(1000)),
            attributes,
            words: vec![PartWords { part: Part::Description, text: "d".repeat(100) }],
            form: BTreeMap::from([("comment".into(), "c".repeat(60_000)), ("n".repeat(500), "x".into())]),
            ..RouteInput::default()
        };
        let fitted = fit_route_input(input, |name| name == "tier");
        assert!(encode_route_input(&fitted).len() <= INPUT_BYTES_MAX);
        assert_eq!(fitted.attributes.get("tier").map(String::as_str), Some("gold"));
        assert!(fitted.attributes.len() > 2 && !fitted.attributes.contains_key("huge"));
        assert_eq!(fit_route_input(fitted.clone(), |name| name == "tier"), fitted);
    }

    #[test]
    fn a_long_remark_costs_no_short_answer() {
        let long = "ä".repeat(1_000);
        let form = [("comment", &*long), ("department", "billing"), ("z", "1")];
        let words = [(Part::Caption, &*long), (Part::File, "invoice.pdf"), (Part::Place, "1 Library Square")];
        let input = RouteInput {
            text: Some(long.clone()),
            form: form.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            words: words.map(|(part, text)| PartWords { part, text: text.to_owned() }).into(),
            ..RouteInput::default()
        };
        let fitted = fit_route_input(input, |_| false);
        assert!(encode_route_input(&fitted).len() <= INPUT_BYTES_MAX);
        assert_eq!((fitted.form["department"].as_str(), fitted.form["z"].as_str()), ("billing", "1"));
        let comment = &fitted.form["comment"];
        assert!(comment.ends_with("ää…") && comment.len() <= ATTRIBUTE_BYTES_MAX, "{comment}");
        let words: Vec<(Part, &str)> = fitted.words.iter().map(|words| (words.part, words.text.as_str())).collect();
        assert_eq!(words[1..], [(Part::File, "invoice.pdf"), (Part::Place, "1 Library Square")]);
        let (text, caption) = (fitted.text.unwrap().len(), words[0].1.len());
        assert!(text.abs_diff(caption) <= 2 && text > 550, "{text} and {caption}");
    }

    #[test]
    fn who_needs_little_gets_it() {
        assert_eq!(shares(&[], 10), [0; 0]);
        assert_eq!(shares(&[5, 3], 10), [5, 3]);
        assert_eq!(shares(&[50, 3, 50], 23), [10, 3, 10]);
        assert_eq!(shares(&[9, 9], 0), [0, 0]);
    }

    #[test]
    fn damage_names_the_field() {
        let wire = v1::RouteInput { version: 1, open_team: "A B".into(), ..v1::RouteInput::default() };
        let error = decode_route_input(&wire.encode_to_vec()).unwrap_err();
        assert_eq!(error.field, "open_team");
        assert_eq!(decode_route_input(&[]).unwrap_err().field, "version");
    }
}
