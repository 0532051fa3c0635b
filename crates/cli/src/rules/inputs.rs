//! Routing inputs as JSON: in the words that a rule's samples use.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::Deserialize;
use waypost_domain::message::Part;
use waypost_domain::team::Priority;
use waypost_domain::{Binding, LanguageSource, TeamName};
use waypost_rules::input::parse_instant;
use waypost_rules::{OpenConversation, PartWords, PreviousTeam, Referral, RouteInput, Semantics, TeamQueues};

use crate::failure::Failure;
use crate::piped::standard_input;

const LINE_BYTES_MAX: u64 = 64 * 1024;

/// An input, and the team that got it where that is said.
pub(super) struct Line {
    pub(super) input: RouteInput,
    pub(super) team: Option<TeamName>,
}

/// Correct the input.
#[derive(Debug, thiserror::Error)]
pub(super) enum InputError {
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("at must be a time such as 2026-12-01T09:00:00+01:00")]
    At,
    #[error("{0:?} is no part of a message; there are {known}", known = Part::ALL.map(Part::as_str).join(", "))]
    Part(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    text: Option<String>,
    /// By part, e.g. `caption`.
    #[serde(default)]
    words: BTreeMap<String, String>,
    #[serde(default)]
    form: BTreeMap<String, String>,
    group: Option<String>,
    #[serde(default)]
    forwarded: bool,
    #[serde(default)]
    quoted: bool,
    reply: Option<String>,
    #[serde(rename = "type")]
    message_type: Option<String>,
    #[serde(default)]
    number: String,
    template: Option<String>,
    referral: Option<String>,
    referral_type: Option<String>,
    referral_url: Option<String>,
    #[serde(default, alias = "attribute")]
    attributes: BTreeMap<String, String>,
    tier: Option<String>,
    language: Option<String>,
    language_source: Option<LanguageSource>,
    country: Option<String>,
    at: Option<String>,
    zone: Option<String>,
    previous_team: Option<TeamName>,
    #[serde(default)]
    previous_age_s: i64,
    window_left_s: Option<i64>,
    #[serde(default)]
    first_contact: bool,
    #[serde(default)]
    contact: String,
    open_team: Option<TeamName>,
    #[serde(default)]
    open_urgency: Priority,
    open_binding: Option<Binding>,
    open_waits: Option<bool>,
    #[serde(default)]
    team_staffed: BTreeMap<TeamName, bool>,
    #[serde(default)]
    team_waiting: BTreeMap<TeamName, u32>,
    team: Option<TeamName>,
}

pub(super) fn read(file: &Path) -> Result<Vec<Line>, Failure> {
    let place = file.display();
    if file == Path::new("-") {
        let input = standard_input("inputs", "--inputs FILE, with a JSON object a line")?;
        return read_lines(BufReader::new(input), "standard input");
    }
    let open = std::fs::File::open(file).map_err(|error| Failure::config(format!("{place}: {error}")))?;
    read_lines(BufReader::new(open), &place.to_string())
}

fn read_lines(mut reader: impl BufRead, place: &str) -> Result<Vec<Line>, Failure> {
    let mut lines = Vec::new();
    let mut text = String::new();
    for number in 1.. {
        text.clear();
        let refused = |problem: &dyn std::fmt::Display| Failure::config(format!("{place}, line {number}: {problem}"));
        let bytes = (&mut reader).take(LINE_BYTES_MAX).read_line(&mut text).map_err(|error| refused(&error))?;
        if bytes == 0 {
            break;
        }
        if bytes as u64 == LINE_BYTES_MAX {
            return Err(refused(&format!("longer than {LINE_BYTES_MAX} bytes")));
        }
        if !text.trim().is_empty() {
            lines.push(parse(&text).map_err(|error| refused(&error))?);
        }
    }
    Ok(lines)
}

pub(super) fn parse(text: &str) -> Result<Line, InputError> {
    let json: Json = serde_json::from_str(text)?;
    let received_at = match &json.at {
        Some(at) => Some(parse_instant(at).ok_or(InputError::At)?),
        None => None,
    };
    let referred = json.referral.is_some() || json.referral_type.is_some() || json.referral_url.is_some();
    let mut attributes = json.attributes;
    attributes.extend(json.tier.map(|tier| ("tier".to_owned(), tier)));
    let message_type = json.message_type.unwrap_or_else(|| match &json.reply {
        Some(_) => "interactive".to_owned(),
        None => "text".to_owned(),
    });
    let mut words = Vec::new();
    for (part, text) in json.words {
        words.push(PartWords { part: Part::parse(&part).ok_or(InputError::Part(part))?, text });
    }
    let input = RouteInput {
        number: json.number,
        message_type,
        text: json.text,
        words,
        form: json.form,
        group_id: json.group,
        forwarded: json.forwarded,
        quoted: json.quoted,
        reply_id: json.reply,
        reply_template: json.template,
        menu_here: None,
        referral: referred.then_some(Referral {
            source_id: json.referral,
            source_type: json.referral_type,
            source_url: json.referral_url,
        }),
        attributes,
        language: json.language,
        language_source: json.language_source,
        language_confidence: None,
        country: json.country,
        received_at,
        zone: json.zone,
        previous_team: json.previous_team.map(|team| PreviousTeam { team, age_s: json.previous_age_s }),
        window_left_s: json.window_left_s,
        first_contact: json.first_contact,
        contact_key: json.contact,
        open: json.open_team.map(|team| OpenConversation {
            binding: json.open_binding.unwrap_or(Binding::Firm),
            waits: json.open_waits.unwrap_or(true),
            ..OpenConversation::firm(team, json.open_urgency)
        }),
        semantics: Semantics::default(),
        closes: false,
        queues: TeamQueues { staffed: json.team_staffed, waiting: json.team_waiting },
    };
    Ok(Line { input, team: json.team })
}
