//! Samples, each in one line.

use std::collections::BTreeMap;

use waypost_domain::message::Part;
use waypost_domain::team::Priority;
use waypost_domain::{Binding, LanguageSource};

use super::{instant, key, quote, table};
use crate::input::TeamQueues;
use crate::model::{Expect, Sample};

pub(super) fn sample(sample: &Sample) -> String {
    let input = &sample.input;
    let mut entries: Vec<(&str, String)> = Vec::new();
    let mut text = |key: &'static str, value: Option<&str>| {
        entries.extend(value.map(|value| (key, quote(value))));
    };
    text("text", input.text.as_deref());
    text("type", (input.message_type != "text").then_some(&input.message_type));
    text("number", (!input.number.is_empty()).then_some(&input.number));
    text("group", input.group_id.as_deref());
    text("reply", input.reply_id.as_deref());
    text("template", input.reply_template.as_deref());
    if let Some(referral) = &input.referral {
        text("referral", referral.source_id.as_deref());
        text("referral_type", referral.source_type.as_deref());
        text("referral_url", referral.source_url.as_deref());
    }
    text("language", input.language.as_deref());
    text("language_source", input.language_source.map(LanguageSource::as_str));
    text("country", input.country.as_deref());
    text("zone", input.zone.as_deref());
    text("contact", (!input.contact_key.is_empty()).then_some(&input.contact_key));
    text("previous_team", input.previous_team.as_ref().map(|before| before.team.as_str()));
    text("open_team", input.open.as_ref().map(|open| open.team.as_str()));
    let urgent = input.open.as_ref().filter(|open| open.priority == Priority::Urgent);
    text("open_urgency", urgent.map(|open| open.priority.as_str()));
    let unlike_firm = input.open.as_ref().filter(|open| open.binding != Binding::Firm);
    text("open_binding", unlike_firm.map(|open| open.binding.as_str()));
    if input.open.as_ref().is_some_and(|open| !open.waits) {
        entries.push(("open_waits", "false".to_owned()));
    }
    if input.referral.is_some() {
        entries.push(("referred", "true".to_owned()));
    }
    if !input.words.is_empty() {
        let mut words: BTreeMap<Part, Vec<&str>> = BTreeMap::new();
        for one in &input.words {
            words.entry(one.part).or_default().push(&one.text);
        }
        entries.push(("words", table(words.iter().map(|(part, texts)| (part.as_str(), quote(&texts.join("\n")))))));
    }
    if !input.form.is_empty() {
        entries.push(("form", table(input.form.iter().map(|(name, value)| (key(name), quote(value))))));
    }
    for (name, holds) in [("forwarded", input.forwarded), ("quoted", input.quoted)] {
        entries.extend(holds.then(|| (name, "true".to_owned())));
    }
    if !input.attributes.is_empty() {
        let attributes = input.attributes.iter().map(|(name, value)| (key(name), quote(value)));
        entries.push(("attribute", table(attributes)));
    }
    entries.extend(input.received_at.map(|at| ("at", instant(at))));
    entries.extend(input.previous_team.as_ref().map(|before| ("previous_age_s", before.age_s.to_string())));
    entries.extend(input.window_left_s.map(|left| ("window_left_s", left.to_string())));
    if input.first_contact {
        entries.push(("first_contact", "true".to_owned()));
    }
    entries.extend(queues(&input.queues));
    match &sample.expect {
        Expect::ThisRule => {}
        Expect::NotThisRule => entries.push(("matches", "false".to_owned())),
        Expect::Team(team) => entries.push(("team", quote(team.as_str()))),
    }
    table(entries)
}

fn queues(queues: &TeamQueues) -> impl Iterator<Item = (&'static str, String)> {
    let by_team = |values: Vec<(&str, String)>| (!values.is_empty()).then(|| table(values));
    let staffed = queues.staffed.iter().map(|(team, staffed)| (team.as_str(), staffed.to_string()));
    let waiting = queues.waiting.iter().map(|(team, waiting)| (team.as_str(), waiting.to_string()));
    let (staffed, waiting) = (by_team(staffed.collect()), by_team(waiting.collect()));
    [("team_staffed", staffed), ("team_waiting", waiting)].into_iter().filter_map(|(key, value)| Some((key, value?)))
}
