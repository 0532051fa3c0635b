//! Samples: the messages that a rule's author gives with it. Keys that say what a message is, and what is expected.

use std::collections::BTreeMap;

use toml::de::DeTable;
use waypost_domain::message::Part;
use waypost_domain::team::Priority;
use waypost_domain::{Binding, LanguageSource, TeamName};

use super::super::tree::{Reader, Value, join};
use crate::input::{OpenConversation, PartWords, PreviousTeam, Referral, RouteInput};
use crate::model::{Expect, Sample};

impl Reader {
    pub(super) fn sample(&mut self, value: &Value<'_>, field: &str) -> Option<Sample> {
        let table = self.table(value, field)?;
        let mut input = RouteInput { message_type: "text".into(), ..RouteInput::default() };
        let mut expect = Expect::ThisRule;
        let (mut previous, mut age_s) = (None, 0);
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
                "attribute" => input.attributes.extend(self.texts(value, &path)?),
                "words" => {
                    for (part, text) in self.texts(value, &path)? {
                        match Part::parse(&part) {
                            Some(part) => input.words.push(PartWords { part, text }),
                            None => self.error(value, &join(&path, &part), "is no part of a message"),
                        }
                    }
                }
                "form" => input.form.extend(self.texts(value, &path)?),
                "group" => input.group_id = text(self),
                "forwarded" => input.forwarded = self.bool(value, &path)?,
                "quoted" => input.quoted = self.bool(value, &path)?,
                "language" => input.language = text(self),
                "language_source" => {
                    let sources = LanguageSource::ALL.map(LanguageSource::as_str);
                    input.language_source = self.word(value, &path, LanguageSource::parse, &sources);
                }
                "country" => input.country = text(self),
                "at" => input.received_at = self.instant(value, &path),
                "zone" => input.zone = text(self),
                "previous_team" => previous = self.team_name(value, &path),
                "previous_age_s" => age_s = self.integer(value, &path)?,
                "window_left_s" => input.window_left_s = self.integer(value, &path),
                "first_contact" => input.first_contact = self.bool(value, &path)?,
                "contact" => input.contact_key = text(self)?,
                "open_team" => input.open = self.open_conversation(table, value, field),
                "open_urgency" | "open_binding" | "open_waits" => self.required(table, value, field, "open_team"),
                "team_staffed" => input.queues.staffed = self.staffed(value, &path)?,
                "team_waiting" => {
                    input.queues.waiting =
                        self.by_team(value, &path, |reader, value, path| reader.integer(value, path))?;
                }
                "team" => expect = Expect::Team(self.team_name(value, &path)?),
                "matches" if self.bool(value, &path)? => {}
                "matches" => expect = Expect::NotThisRule,
                _ => self.unknown_key(key, field, SAMPLE_KEYS),
            }
        }
        input.previous_team = previous.map(|team| PreviousTeam { team, age_s });
        if table.contains_key("previous_age_s") {
            self.required(table, value, field, "previous_team");
        }
        Some(Sample { input, expect })
    }

    /// The keys of the open conversation; firm and waiting where nothing else is said.
    fn open_conversation(&mut self, table: &DeTable<'_>, team: &Value<'_>, field: &str) -> Option<OpenConversation> {
        let team = self.team_name(team, &join(field, "open_team"))?;
        let mut open = OpenConversation::firm(team, Priority::Normal);
        if let Some(value) = table.get("open_urgency") {
            open.priority = self.urgency(value, &join(field, "open_urgency"))?;
        }
        if let Some(value) = table.get("open_binding") {
            let bindings = Binding::ALL.map(Binding::as_str);
            open.binding = self.word(value, &join(field, "open_binding"), Binding::parse, &bindings)?;
        }
        if let Some(value) = table.get("open_waits") {
            open.waits = self.bool(value, &join(field, "open_waits"))?;
        }
        Some(open)
    }

    /// Teams, or a table that says of each whether it is.
    fn staffed(&mut self, value: &Value<'_>, path: &str) -> Option<BTreeMap<TeamName, bool>> {
        match value.get_ref().is_table() {
            true => self.by_team(value, path, |reader, value, path| reader.bool(value, path)),
            false => Some(self.teams(value, path).into_iter().map(|team| (team, true)).collect()),
        }
    }

    /// Values by the names of teams.
    fn by_team<T>(
        &mut self,
        value: &Value<'_>,
        path: &str,
        read: impl Fn(&mut Self, &Value<'_>, &str) -> Option<T>,
    ) -> Option<BTreeMap<TeamName, T>> {
        let mut values = BTreeMap::new();
        for (name, value) in self.table(value, path)? {
            match TeamName::new(name.get_ref().as_ref()) {
                Ok(team) => {
                    let path = join(path, team.as_str());
                    values.extend(read(self, value, &path).map(|value| (team, value)));
                }
                Err(error) => self.error(value, path, error.to_string()),
            }
        }
        Some(values)
    }

    /// Texts by name.
    fn texts(&mut self, value: &Value<'_>, path: &str) -> Option<Vec<(String, String)>> {
        let mut texts = Vec::new();
        for (name, value) in self.table(value, path)? {
            let text = self.string(value, &join(path, name.get_ref()))?;
            texts.push((name.get_ref().to_string(), text.to_owned()));
        }
        Some(texts)
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
    "language_source",
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
    "team_staffed",
    "team_waiting",
    "team",
    "matches",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The guide's table has every key, and no other.
    #[test]
    fn the_guide_has_every_key_of_a_sample() {
        let guide = include_str!("../../../../../deploy/guides/rules.md");
        let section = guide.split("## What a sample says").nth(1).and_then(|rest| rest.split("\n## ").next());
        let rows = section.unwrap_or_default().lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
        let mut told: Vec<&str> = rows.flat_map(|keys| keys.trim_end_matches('`').split("`, `")).collect();
        // One of an advertisement, told in its row.
        told.push("referred");
        let mut known = SAMPLE_KEYS.to_vec();
        told.sort_unstable();
        known.sort_unstable();
        assert_eq!(told, known);
    }
}
