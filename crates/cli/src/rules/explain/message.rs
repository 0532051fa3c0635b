//! The message that is to be explained, as the command line describes it.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use waypost_cloud_api::webhook::{Content, split};
use waypost_domain::team::{InvalidTeamName, Priority};
use waypost_domain::{Binding, TeamName, Timestamp, country, language};
use waypost_rules::input::parse_instant;
use waypost_rules::{OpenConversation, RouteInput};

use super::super::inputs;
use crate::failure::Failure;
use crate::inspect;

#[derive(Debug, Args)]
pub(super) struct MessageArgs {
    /// The message's text
    #[arg(long, conflicts_with_all = ["webhook", "input", "decision"])]
    text: Option<String>,
    /// The id of the button or list row that was tapped
    #[arg(long, value_name = "ID", conflicts_with_all = ["webhook", "input", "decision"])]
    reply: Option<String>,
    /// The messages of a webhook body; - for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["input", "decision"])]
    webhook: Option<PathBuf>,
    /// A routing input as one JSON object, as `rules decide` reads it
    #[arg(long, value_name = "JSON", conflicts_with = "decision")]
    input: Option<String>,
    /// Something that is known of the customer, e.g. tier=gold; may be given several times
    #[arg(long, value_name = "NAME=VALUE", conflicts_with = "decision", value_parser = attribute)]
    attribute: Vec<(String, String)>,
    /// The customer's tier: the attribute of that name
    #[arg(long, value_name = "TIER", conflicts_with = "decision")]
    tier: Option<String>,
    /// The customer's language, e.g. pt
    #[arg(long, value_name = "CODE", conflicts_with = "decision", value_parser = language_code)]
    language: Option<String>,
    /// The customer's country, e.g. BR
    #[arg(long, value_name = "CODE", conflicts_with = "decision", value_parser = country_code)]
    country: Option<String>,
    /// Our name of the number that is written to
    #[arg(long, value_name = "NAME", conflicts_with = "decision")]
    number: Option<String>,
    /// When it arrives, e.g. 2026-12-01T09:00:00+01:00; without it now, or as --input says
    #[arg(long, value_name = "TIME", conflicts_with = "decision", value_parser = instant)]
    at: Option<Timestamp>,
    /// The team that has the customer's open conversation
    #[arg(long, value_name = "TEAM", conflicts_with = "decision", value_parser = |text: &str| TeamName::new(text))]
    open_team: Option<TeamName>,
    /// How firmly the open conversation is bound: loose, firm or held [default: firm]
    #[arg(long, value_name = "BINDING", requires = "open_team", value_parser = binding)]
    binding: Option<Binding>,
    /// A team whose queue somebody consumes, or, with =false, nobody; may be given several times
    #[arg(long, value_name = "TEAM[=false]", conflicts_with = "decision", value_parser = staffed)]
    team_staffed: Vec<(TeamName, bool)>,
    /// How many messages wait for a team, e.g. billing=60; may be given several times
    #[arg(long, value_name = "TEAM=COUNT", conflicts_with = "decision", value_parser = waiting)]
    team_waiting: Vec<(TeamName, u32)>,
}

impl MessageArgs {
    /// None where a message that was decided is asked about.
    pub(super) fn inputs(&self) -> Result<Vec<RouteInput>, Failure> {
        let messages = match (&self.input, &self.webhook) {
            (Some(json), _) => {
                let line = inputs::parse(json).map_err(|problem| Failure::config(format!("--input: {problem}")))?;
                return Ok(vec![self.with_what_is_known(line.input)]);
            }
            (None, Some(_)) => self.of_webhook()?,
            (None, None) => self.written().into_iter().collect(),
        };
        let now = now();
        let arrives = |input| self.with_what_is_known(RouteInput { received_at: Some(now), ..input });
        Ok(messages.into_iter().map(arrives).collect())
    }

    fn written(&self) -> Option<RouteInput> {
        let message_type = match (&self.text, &self.reply) {
            (None, None) => return None,
            (_, Some(_)) => "interactive",
            (Some(_), None) => "text",
        };
        let (text, reply_id) = (self.text.clone(), self.reply.clone());
        Some(RouteInput { message_type: message_type.to_owned(), text, reply_id, ..RouteInput::default() })
    }

    fn of_webhook(&self) -> Result<Vec<RouteInput>, Failure> {
        let Some(file) = &self.webhook else { return Ok(vec![]) };
        let body = inspect::read(file)?;
        let events = split(&body).events;
        let messages: Vec<RouteInput> = events
            .iter()
            .filter_map(|event| match &event.content {
                Content::Message(message) | Content::StandbyMessage(message) => Some(RouteInput::of_message(message)),
                Content::Status(_) | Content::Echo(_) | Content::ContactChange(_) | Content::AccountChange => None,
            })
            .collect();
        if messages.is_empty() {
            return Err(Failure::config(format!("{}: no message of a customer in it", file.display())));
        }
        Ok(messages)
    }

    /// With what the command line says besides.
    fn with_what_is_known(&self, mut input: RouteInput) -> RouteInput {
        input.attributes.extend(self.attribute.iter().cloned());
        input.attributes.extend(self.tier.clone().map(|tier| ("tier".to_owned(), tier)));
        input.language = self.language.clone().or(input.language);
        input.country = self.country.clone().or(input.country);
        if let Some(number) = &self.number {
            input.number.clone_from(number);
        }
        input.received_at = self.at.or(input.received_at);
        input.queues.staffed.extend(self.team_staffed.iter().cloned());
        input.queues.waiting.extend(self.team_waiting.iter().cloned());
        if let Some(team) = &self.open_team {
            let open = OpenConversation::firm(team.clone(), Priority::Normal);
            input.open = Some(OpenConversation { binding: self.binding.unwrap_or(Binding::Firm), ..open });
        }
        input
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn attribute(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE, e.g. tier=gold")?;
    if name.is_empty() { Err("the name is empty") } else { Ok((name.to_owned(), value.to_owned())) }
}

/// What is said of a team's queue is not in its form.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum QueueError {
    #[error("expected TEAM or TEAM=false")]
    Staffed,
    #[error("expected TEAM=COUNT, e.g. billing=60")]
    Waiting,
    #[error(transparent)]
    Team(#[from] InvalidTeamName),
}

fn staffed(text: &str) -> Result<(TeamName, bool), QueueError> {
    let (name, staffed) = match text.split_once('=') {
        None => (text, true),
        Some((name, "true")) => (name, true),
        Some((name, "false")) => (name, false),
        Some(_) => return Err(QueueError::Staffed),
    };
    Ok((TeamName::new(name)?, staffed))
}

fn waiting(text: &str) -> Result<(TeamName, u32), QueueError> {
    let (name, count) = text.split_once('=').ok_or(QueueError::Waiting)?;
    let count = count.parse().map_err(|_| QueueError::Waiting)?;
    Ok((TeamName::new(name)?, count))
}

fn language_code(text: &str) -> Result<String, &'static str> {
    if language::is_known_tag(text) {
        Ok(text.to_owned())
    } else {
        Err("is no language; write its code, e.g. es or pt-BR")
    }
}

fn country_code(text: &str) -> Result<String, &'static str> {
    if country::is_code(text) {
        Ok(text.to_owned())
    } else {
        Err("is no country; write its code (ISO 3166), e.g. ES or BR")
    }
}

fn instant(text: &str) -> Result<Timestamp, &'static str> {
    parse_instant(text).ok_or("must be a time such as 2026-12-01T09:00:00+01:00")
}

fn binding(text: &str) -> Result<Binding, &'static str> {
    Binding::parse(text).ok_or("must be loose, firm or held")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::ExplainArgs;
    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: ExplainArgs,
    }

    fn parsed(words: &[&str]) -> Result<ExplainArgs, String> {
        let line = [&["explain"], words].concat();
        Line::try_parse_from(line).map(|line| line.args).map_err(|error| error.to_string())
    }

    #[test]
    fn codes_that_there_are_not_are_refused() {
        for (argument, wrong) in
            [("--country", "spain"), ("--country", "es"), ("--language", "español"), ("--language", "spanish")]
        {
            let told = parsed(&["--text", "x", argument, wrong]).expect_err(wrong);
            assert!(told.contains("write its code"), "{told}");
        }
        assert!(parsed(&["--text", "x", "--country", "ES", "--language", "pt-BR"]).is_ok());
    }

    #[test]
    fn without_a_message_all_ways_to_give_one_are_named() {
        let told = parsed(&["--all"]).expect_err("there is no message");
        for way in ["--text", "--reply", "--webhook", "--input", "--decision"] {
            assert!(told.contains(way), "{way}: {told}");
        }
    }

    #[test]
    fn a_tier_is_an_attribute() {
        let args = parsed(&["--text", "x", "--tier", "gold", "--attribute", "vip=yes"]).expect("it is complete");
        let inputs = args.message.inputs().expect("a message");
        let attributes: Vec<_> = inputs[0].attributes.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(attributes, [("tier", "gold"), ("vip", "yes")]);
    }

    #[test]
    fn teams_are_staffed_and_busy() {
        let team = || TeamName::new("billing").unwrap();
        assert_eq!(staffed("billing"), Ok((team(), true)));
        assert_eq!(staffed("billing=true"), Ok((team(), true)));
        assert_eq!(staffed("billing=false"), Ok((team(), false)));
        assert!(staffed("billing=no").is_err() && staffed("Billing").is_err());
        assert_eq!(waiting("billing=60"), Ok((team(), 60)));
        assert!(waiting("billing").is_err() && waiting("billing=-1").is_err() && waiting("=5").is_err());
    }
}
