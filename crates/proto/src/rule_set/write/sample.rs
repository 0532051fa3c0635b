//! Samples, and the messages that they are made of.

use waypost_domain::{Binding, LanguageSource, Timestamp};
use waypost_rules::model::{Expect, Sample};
use waypost_rules::{PartWords, RouteInput};

use super::urgency;
use crate::route::by_name;
use crate::rules_v1 as wire;

pub(super) fn sample(sample: &Sample) -> wire::Sample {
    let expect = match &sample.expect {
        Expect::ThisRule => None,
        Expect::NotThisRule => Some(wire::sample::Expect::NotThisRule(wire::NotThisRule {})),
        Expect::Team(team) => Some(wire::sample::Expect::Team(team.to_string())),
    };
    wire::Sample { input: Some(input(&sample.input)), expect }
}

pub(in crate::rule_set) fn input(input: &RouteInput) -> wire::SampleInput {
    let (previous, open) = (input.previous_team.as_ref(), input.open.as_ref());
    wire::SampleInput {
        number: input.number.clone(),
        message_type: input.message_type.clone(),
        text: input.text.clone(),
        words: input.words.iter().map(words).collect(),
        form: input.form.clone(),
        group_id: input.group_id.clone(),
        forwarded: input.forwarded,
        quoted: input.quoted,
        reply_id: input.reply_id.clone(),
        reply_template: input.reply_template.clone(),
        referral: input.referral.as_ref().map(|referral| wire::SampleReferral {
            source_id: referral.source_id.clone(),
            source_type: referral.source_type.clone(),
            source_url: referral.source_url.clone(),
        }),
        attributes: input.attributes.clone(),
        language: input.language.clone(),
        language_source: input.language_source.map(LanguageSource::as_str).unwrap_or_default().to_owned(),
        country: input.country.clone(),
        zone: input.zone.clone(),
        received_at_ms: input.received_at.map(Timestamp::as_millis),
        previous_team: previous.map(|before| before.team.to_string()).unwrap_or_default(),
        previous_team_age_s: previous.map(|before| before.age_s).unwrap_or_default(),
        window_left_s: input.window_left_s,
        first_contact: input.first_contact,
        contact_key: input.contact_key.clone(),
        open_team: open.map(|open| open.team.to_string()).unwrap_or_default(),
        open_urgency: open.map(|open| urgency(open.priority)).unwrap_or_default(),
        open_binding: open.map(|open| binding(open.binding)).unwrap_or_default().into(),
        open_answered: open.is_some_and(|open| !open.waits),
        team_staffed: by_name(&input.queues.staffed),
        team_waiting: by_name(&input.queues.waiting),
    }
}

fn words(words: &PartWords) -> wire::SampleWords {
    wire::SampleWords { part: words.part.as_str().to_owned(), text: words.text.clone() }
}

/// Firm goes without saying.
const fn binding(binding: Binding) -> wire::Binding {
    match binding {
        Binding::Loose => wire::Binding::Loose,
        Binding::Firm => wire::Binding::Unspecified,
        Binding::Held => wire::Binding::Held,
    }
}
