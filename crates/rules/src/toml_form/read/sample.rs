//! Samples: the messages that a rule's author gives with it. Keys that say what a message is, and what is expected.

use waypost_domain::Binding;
use waypost_domain::message::Part;
use waypost_domain::team::Priority;

use super::super::tree::{Reader, Value, join};
use crate::input::{OpenConversation, PartWords, PreviousTeam, Referral, RouteInput};
use crate::model::{Expect, Sample};

impl Reader {
    pub(super) fn sample(&mut self, value: &Value<'_>, field: &str) -> Option<Sample> {
        let table = self.table(value, field)?;
        let mut input = RouteInput { message_type: "text".into(), ..RouteInput::default() };
        let mut expect = Expect::ThisRule;
        let (mut previous, mut age_s, mut open, mut open_urgency) = (None, 0, None, Priority::Normal);
        let (mut binding, mut waits) = (Binding::Firm, true);
        for (key, value) in table {
            let path = join(field, key.get_ref());
            let text = |reader: &mut Self| reader.string(value, &path).map(str::to_owned);
            match key.get_ref().as_ref() {
                "number" => input.number = text(self)?,
                "type" => input.message_type = text(self)?,
                "text" => input.text = text(self),
                "reply" => input.reply_id = text(self),
                "template" => input.reply_template = text(self),
                "referral" => input.referral.get_or_insert_default().source_id = text(self),
                "referral_type" => input.referral.get_or_insert_default().source_type = text(self),
                "referral_url" => input.referral.get_or_insert_default().source_url = text(self),
                "referred" if self.bool(value, &path)? => input.referral = input.referral.or(Some(Referral::default())),
                "referred" => {}
                "tier" => drop(input.attributes.insert("tier".into(), text(self)?)),
                "attribute" => {
                    for (name, value) in self.table(value, &path)? {
                        let value = self.string(value, &join(&path, name.get_ref()))?;
                        input.attributes.insert(name.get_ref().to_string(), value.to_owned());
                    }
                }
                "words" => {
                    for (part, value) in self.table(value, &path)? {
                        let path = join(&path, part.get_ref());
                        let words = self.string(value, &path)?.to_owned();
                        match Part::parse(part.get_ref()) {
                            Some(part) => input.words.push(PartWords { part, text: words }),
                            None => self.error(value, &path, "is no part of a message"),
                        }
                    }
                }
                "form" => {
                    for (name, value) in self.table(value, &path)? {
                        let value = self.string(value, &join(&path, name.get_ref()))?;
                        input.form.insert(name.get_ref().to_string(), value.to_owned());
                    }
                }
                "group" => input.group_id = text(self),
                "forwarded" => input.forwarded = self.bool(value, &path)?,
                "quoted" => input.quoted = self.bool(value, &path)?,
                "language" => input.language = text(self),
                "country" => input.country = text(self),
                "at" => input.received_at = self.instant(value, &path),
                "zone" => input.zone = text(self),
                "previous_team" => previous = self.team_name(value, &path),
                "previous_age_s" => age_s = self.integer(value, &path)?,
                "window_left_s" => input.window_left_s = self.integer(value, &path),
                "first_contact" => input.first_contact = self.bool(value, &path)?,
                "contact" => input.contact_key = text(self)?,
                "open_team" => open = self.team_name(value, &path),
                "open_urgency" => open_urgency = self.urgency(value, &path)?,
                "open_binding" => {
                    binding = self.word(value, &path, Binding::parse, &Binding::ALL.map(Binding::as_str))?;
                }
                "open_waits" => waits = self.bool(value, &path)?,
                "team" => expect = Expect::Team(self.team_name(value, &path)?),
                "matches" if self.bool(value, &path)? => {}
                "matches" => expect = Expect::NotThisRule,
                _ => self.unknown_key(key, field, SAMPLE_KEYS),
            }
        }
        input.previous_team = previous.map(|team| PreviousTeam { team, age_s });
        input.open = open.map(|team| OpenConversation { team, priority: open_urgency, binding, waits });
        for (dependent, needed) in [
            ("previous_age_s", "previous_team"),
            ("open_urgency", "open_team"),
            ("open_binding", "open_team"),
            ("open_waits", "open_team"),
        ] {
            if table.contains_key(dependent) {
                self.required(table, value, field, needed);
            }
        }
        Some(Sample { input, expect })
    }
}

const SAMPLE_KEYS: &[&str] = &[
    "text",
    "words",
    "form",
    "group",
    "forwarded",
    "quoted",
    "reply",
    "type",
    "number",
    "template",
    "referral",
    "referral_type",
    "referral_url",
    "referred",
    "tier",
    "attribute",
    "language",
    "country",
    "at",
    "zone",
    "previous_team",
    "previous_age_s",
    "window_left_s",
    "first_contact",
    "contact",
    "open_team",
    "open_urgency",
    "open_binding",
    "open_waits",
    "team",
    "matches",
];
