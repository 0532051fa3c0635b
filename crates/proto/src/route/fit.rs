//! Cutting an input to what can be stored.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use waypost_domain::TeamName;
use waypost_rules::check::QUEUES_BYTES_MAX;
use waypost_rules::{PartWords, Referral, RouteInput, TeamQueues};

use super::{INPUT_BYTES_MAX, by_name};
use crate::v1;

const WORDS_BYTES_MAX: usize = 1400;
/// Of the answers of a form, with their names.
const FORM_BYTES_MAX: usize = 600;
const ELLIPSIS: &str = "…";
const REPLY_ID_BYTES_MAX: usize = 256;
const ATTRIBUTE_BYTES_MAX: usize = 120;

/// Cuts `input` to what can be stored. The decision is made from the result, so that it can be made again from what
/// was stored. Attributes that `wanted` (the rules look at them) stay before the others.
pub fn fit_route_input(input: RouteInput, wanted: impl Fn(&str) -> bool) -> RouteInput {
    if fits(&input) { input } else { cut_to_fit(input, wanted) }
}

fn cut_to_fit(mut input: RouteInput, wanted: impl Fn(&str) -> bool) -> RouteInput {
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
    let queues = std::mem::take(&mut input.queues);
    // The words get what the rest leaves.
    let (text, words, form) = (input.text.take(), std::mem::take(&mut input.words), std::mem::take(&mut input.form));
    let mut room = INPUT_BYTES_MAX.saturating_sub(v1::RouteInput::from(&input).encoded_len());
    input.queues = fit_queues(&queues, QUEUES_BYTES_MAX.min(room));
    room -= queues_bytes(&input.queues);
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

/// The teams whose queues there is room for, in the order of their names.
fn fit_queues(queues: &TeamQueues, mut room: usize) -> TeamQueues {
    let mut fitted = TeamQueues::default();
    let teams: BTreeSet<&TeamName> = queues.staffed.keys().chain(queues.waiting.keys()).collect();
    for team in teams {
        let one = TeamQueues { staffed: only(&queues.staffed, team), waiting: only(&queues.waiting, team) };
        let size = queues_bytes(&one);
        if size <= room {
            room -= size;
            fitted.staffed.extend(one.staffed);
            fitted.waiting.extend(one.waiting);
        }
    }
    fitted
}

fn only<T: Copy>(by_team: &BTreeMap<TeamName, T>, team: &TeamName) -> BTreeMap<TeamName, T> {
    by_team.get(team).map(|value| (team.clone(), *value)).into_iter().collect()
}

/// As they are stored: each entry of a map is one of its own.
fn queues_bytes(queues: &TeamQueues) -> usize {
    let (team_staffed, team_waiting) = (by_name(&queues.staffed), by_name(&queues.waiting));
    v1::RouteInput { team_staffed, team_waiting, ..v1::RouteInput::default() }.encoded_len()
}

/// Whether nothing of it has to be cut, as far as the lengths tell: so it is with most.
fn fits(input: &RouteInput) -> bool {
    let RouteInput { message_type, reply_template, language, country, zone, contact_key, group_id, .. } = input;
    let is_small = input.form.is_empty() && input.referral.is_none() && input.queues.is_empty();
    if !is_small || input.words.iter().any(|words| words.text.is_empty()) {
        return false;
    }
    let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let short = [reply_template, language, country, zone, group_id].map(length).into_iter();
    let short = short.chain([message_type.len(), contact_key.len()]);
    let attributes = input.attributes.iter().map(|(name, value)| name.len() + value.len());
    let reply_id = length(&input.reply_id);
    let has_long = short.clone().chain(attributes.clone()).any(|len| len > ATTRIBUTE_BYTES_MAX);
    if has_long || reply_id > REPLY_ID_BYTES_MAX {
        return false;
    }
    let words = input.words.iter().map(|words| words.text.len() + WORDS_OVERHEAD);
    let attributes = attributes.map(|len| len + ATTRIBUTE_OVERHEAD);
    let total: usize = short.chain(attributes).chain(words).sum();
    total + length(&input.text) + reply_id <= FITS_BYTES_MAX
}

/// What an input may have in texts and nothing has to be cut: neither of its words nor beside what else there is.
const FITS_BYTES_MAX: usize = WORDS_BYTES_MAX - TEXT_OVERHEAD;
/// The name of a part, and an entry's own.
const WORDS_OVERHEAD: usize = 24;

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

fn cut(mut text: String, bytes_max: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes_max));
    text
}

#[cfg(test)]
mod tests {
    use super::super::encode_route_input;
    use super::*;
    use waypost_domain::message::Part;
    use waypost_domain::team::Priority;
    use waypost_domain::{Binding, LanguageSource, NumberName, TeamName, Timestamp};
    use waypost_rules::{OpenConversation, PreviousTeam, Semantics};

    #[test]
    fn what_fits_is_left_as_it_is() {
        let long = |len: usize| "é".repeat(len / 2);
        // As much else as an input can have.
        let full = RouteInput {
            number: "😀".repeat(NumberName::LENGTH_MAX),
            open: Some(OpenConversation {
                team: TeamName::new("t".repeat(TeamName::LENGTH_MAX)).unwrap(),
                priority: Priority::Urgent,
                binding: Binding::Loose,
                waits: false,
            }),
            semantics: Semantics::Bindings,
            previous_team: Some(PreviousTeam {
                team: TeamName::new("t".repeat(TeamName::LENGTH_MAX)).unwrap(),
                age_s: i64::MIN,
            }),
            language_source: Some(LanguageSource::Choice),
            language_confidence: Some(u8::MAX),
            received_at: Some(Timestamp::from_millis(i64::MIN)),
            window_left_s: Some(i64::MIN),
            forwarded: true,
            quoted: true,
            closes: true,
            first_contact: true,
            ..RouteInput::default()
        };
        let mut fitting = 0;
        for text in [0, 400, FITS_BYTES_MAX / 2, FITS_BYTES_MAX] {
            for words in [0, 1, 30] {
                for attributes in [0, 3] {
                    for short in [0, ATTRIBUTE_BYTES_MAX] {
                        let part = PartWords { part: Part::Description, text: "é".into() };
                        let attribute = |n: usize| (n.to_string(), long(ATTRIBUTE_BYTES_MAX - 2));
                        let input = RouteInput {
                            text: Some(long(text)),
                            words: vec![part; words],
                            attributes: (0..attributes).map(attribute).collect(),
                            contact_key: long(short),
                            zone: Some(long(short)),
                            ..full.clone()
                        };
                        if fits(&input) {
                            fitting += 1;
                            assert!(encode_route_input(&input).len() <= INPUT_BYTES_MAX);
                            assert_eq!(cut_to_fit(input.clone(), |_| false), input);
                        }
                    }
                }
            }
        }
        assert!(fitting > 20, "{fitting}");
    }

    #[test]
    fn who_needs_little_gets_it() {
        assert_eq!(shares(&[], 10), [0; 0]);
        assert_eq!(shares(&[5, 3], 10), [5, 3]);
        assert_eq!(shares(&[50, 3, 50], 23), [10, 3, 10]);
        assert_eq!(shares(&[9, 9], 0), [0, 0]);
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
}
