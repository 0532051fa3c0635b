//! Samples: the messages that a rule's author gives with it.

use std::collections::BTreeMap;

use waypost_domain::{Binding, LanguageSource, TeamName};
use waypost_rules::model::{Expect, Sample};
use waypost_rules::{OpenConversation, PartWords, PreviousTeam, Referral, RouteInput, Semantics, TeamQueues};

use super::Reader;
use crate::rules_v1 as wire;

impl Reader {
    pub(super) fn sample(&mut self, sample: wire::Sample, at: &str) -> Option<Sample> {
        let input = self.input(sample.input.unwrap_or_default(), &format!("{at}.input"))?;
        let expect = match sample.expect {
            None => Expect::ThisRule,
            Some(wire::sample::Expect::NotThisRule(wire::NotThisRule {})) => Expect::NotThisRule,
            Some(wire::sample::Expect::Team(team)) => Expect::Team(self.team_name(&team, &format!("{at}.team"))?),
        };
        Some(Sample { input, expect })
    }

    pub(in crate::rule_set) fn input(&mut self, wire: wire::SampleInput, at: &str) -> Option<RouteInput> {
        let previous_team = self.some_team(&wire.previous_team, &format!("{at}.previous_team"));
        let open_team = self.some_team(&wire.open_team, &format!("{at}.open_team"));
        let open_urgency = self.urgency(wire.open_urgency, &format!("{at}.open_urgency"));
        let binding = self.binding(wire.open_binding, &format!("{at}.open_binding"));
        let waits = !wire.open_answered;
        let received_at = self.instant(wire.received_at_ms, &format!("{at}.received_at_ms"));
        let field = format!("{at}.words");
        // Several of one part are lines of it, and the parts in the order of their names: as the text form has them.
        let mut words: BTreeMap<&str, PartWords> = BTreeMap::new();
        for one in wire.words {
            let part = self.part(&one.part, &field)?;
            match words.get_mut(part.as_str()) {
                Some(same) => same.text.extend(["\n", &one.text]),
                None => drop(words.insert(part.as_str(), PartWords { part, text: one.text })),
            }
        }
        let language_source = LanguageSource::parse(&wire.language_source);
        if language_source.is_none() && !wire.language_source.is_empty() {
            self.refuse::<()>(format!("{at}.language_source"), "must be crm, choice, guess or number");
        }
        let queues = TeamQueues {
            staffed: self.by_team(wire.team_staffed, &format!("{at}.team_staffed")),
            waiting: self.by_team(wire.team_waiting, &format!("{at}.team_waiting")),
        };
        Some(RouteInput {
            number: wire.number,
            message_type: wire.message_type,
            text: wire.text,
            words: words.into_values().collect(),
            form: wire.form,
            forwarded: wire.forwarded,
            quoted: wire.quoted,
            group_id: wire.group_id,
            reply_id: wire.reply_id,
            reply_template: wire.reply_template,
            menu_here: None,
            referral: wire.referral.map(|referral| Referral {
                source_id: referral.source_id,
                source_type: referral.source_type,
                source_url: referral.source_url,
            }),
            attributes: wire.attributes,
            language: wire.language,
            language_source,
            language_confidence: None,
            country: wire.country,
            received_at,
            zone: wire.zone,
            previous_team: previous_team.map(|team| PreviousTeam { team, age_s: wire.previous_team_age_s }),
            window_left_s: wire.window_left_s,
            first_contact: wire.first_contact,
            contact_key: wire.contact_key,
            open: open_team.map(|team| OpenConversation {
                team,
                priority: open_urgency.unwrap_or_default(),
                binding,
                waits,
            }),
            semantics: Semantics::default(),
            closes: false,
            queues,
        })
    }

    fn by_team<T>(&mut self, by_name: BTreeMap<String, T>, at: &str) -> BTreeMap<TeamName, T> {
        by_name.into_iter().filter_map(|(name, value)| Some((self.team_name(&name, at)?, value))).collect()
    }

    fn binding(&mut self, binding: i32, at: &str) -> Binding {
        match wire::Binding::try_from(binding) {
            Ok(wire::Binding::Loose) => Binding::Loose,
            Ok(wire::Binding::Unspecified | wire::Binding::Firm) => Binding::Firm,
            Ok(wire::Binding::Held) => Binding::Held,
            Err(_) => self.refuse(at.to_owned(), "is none of loose, firm, held").unwrap_or(Binding::Firm),
        }
    }
}
