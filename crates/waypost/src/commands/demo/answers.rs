//! What became of the answers, counted by what the API tells of each, and by what the platform took: neither is asked about the
//! other.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use serde::Serialize;
use waypost_domain::send::Mark;
use waypost_proto::gateway_v1 as v1;
use waypost_proto::gateway_v1::MessageState;
use waypost_sandbox::AcceptedMessage;

/// What agents tell.
pub(super) enum Told {
    /// A message came to its end, or did not in time.
    Answered(Box<Answered>),
    /// A customer took back that they want marketing.
    Withdrawn { team: String, language: &'static str },
    /// Something that must not be, without a word about a person.
    Broken(String),
}

/// A message, and what became of it.
pub(super) struct Answered {
    pub(super) team: String,
    /// The customer's, ISO 639-1.
    pub(super) language: &'static str,
    pub(super) message: v1::Message,
}

/// The figures.
#[derive(Debug, Default, Serialize)]
pub(super) struct Answers {
    /// Messages that the gateway took.
    sent: u64,
    /// Those that WhatsApp took, and what it told of them.
    accepted: u64,
    delivered: u64,
    read: u64,
    /// Not allowed, by the rule that says so.
    refused_by_rule: BTreeMap<String, u64>,
    /// Refused by WhatsApp, by its code.
    failed_by_code: BTreeMap<i64, u64>,
    /// A template went in the place of what was asked for.
    substituted: u64,
    /// Nobody knows whether WhatsApp took them.
    uncertain: u64,
    /// By the platform's own log: sends that it took more than once, and of which nobody said that this may be.
    sent_twice: u64,
    /// Have not come to their end.
    #[serde(skip)]
    unfinished: u64,
    #[serde(skip)]
    may_be_twice: HashSet<String>,
    #[serde(skip)]
    broken: Vec<String>,
}

impl Answers {
    pub(super) fn count(&mut self, message: &v1::Message) {
        let state = message.state();
        self.sent += 1;
        // Given a status that came before the answer to our request, then nobody says when that was.
        let is_taken = state >= MessageState::Held && state != MessageState::Failed;
        self.accepted += u64::from(is_taken || message.accept_time.is_some());
        let is_read = matches!(state, MessageState::Read | MessageState::Played);
        self.read += u64::from(is_read);
        self.delivered += u64::from(is_read || state == MessageState::Delivered);
        self.substituted += u64::from(is_substituted(message));
        self.uncertain += u64::from(state == MessageState::Uncertain);
        match state {
            MessageState::Refused => *self.refused_by_rule.entry(rule(message)).or_default() += 1,
            MessageState::Failed => *self.failed_by_code.entry(message.error_code).or_default() += 1,
            _ if !has_ended(state) => self.unfinished += 1,
            _ => {}
        }
        if message.maybe_duplicate {
            self.may_be_twice.insert(message.name.trim_start_matches("messages/").to_owned());
        }
    }

    pub(super) fn is_broken(&mut self, problem: String) {
        self.broken.push(problem);
    }

    /// At the end: by the platform's log, and with those that nobody told of any more.
    pub(super) fn close(&mut self, accepted: &[AcceptedMessage], under_way: usize) {
        self.unfinished += under_way as u64;
        let mut times: HashMap<String, u64> = HashMap::new();
        let marks = accepted.iter().filter_map(|message| Mark::parse(message.callback_data.as_deref()?));
        for mark in marks {
            *times.entry(mark.send.as_str().to_owned()).or_default() += 1;
        }
        let is_flagged = |send: &String| self.may_be_twice.contains(send);
        self.sent_twice = times.iter().filter(|(send, times)| **times > 1 && !is_flagged(send)).count() as u64;
    }

    /// What must not be, a sentence each.
    pub(super) fn wrong(&self) -> Vec<String> {
        let mut wrong = self.broken.clone();
        if self.unfinished > 0 {
            wrong.push(format!("{} answers did not come to their end in time", self.unfinished));
        }
        if self.sent_twice > 0 {
            wrong.push(format!("{} answers were sent twice", self.sent_twice));
        }
        wrong
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, accepted, delivered, read, substituted, uncertain, sent_twice, .. } = self;
        write!(f, "answers sent {sent}   accepted {accepted}   delivered {delivered}   read {read}")?;
        for (rule, count) in &self.refused_by_rule {
            write!(f, "   refused ({rule}) {count}")?;
        }
        for (code, count) in &self.failed_by_code {
            write!(f, "   failed ({code}) {count}")?;
        }
        write!(f, "   as template instead {substituted}   uncertain {uncertain}   sent twice {sent_twice}")
    }
}

impl Answered {
    /// What the customer reads, or would have read.
    pub(super) fn what(&self) -> String {
        use waypost_proto::sends_v1::content::Kind;
        let allowed = self.message.verdict.as_ref().and_then(|verdict| verdict.allowed.as_ref());
        if let Some(preview) = allowed.and_then(|allowed| allowed.preview.as_ref()) {
            return preview.body.clone();
        }
        let content = self.message.request.as_ref().and_then(|request| request.content.as_ref()?.kind.as_ref());
        match content {
            Some(Kind::Text(text)) => text.body.clone(),
            Some(Kind::Template(template)) => format!("[template {}]", template.name),
            _ => String::new(),
        }
    }

    /// Its state, and why where it did not go.
    pub(super) fn outcome(&self) -> String {
        let state = self.message.state();
        let word = state.as_str_name().trim_start_matches("MESSAGE_STATE_").to_lowercase();
        let instead = if is_substituted(&self.message) { ", as template" } else { "" };
        match state {
            MessageState::Refused => format!("{word} ({})", rule(&self.message)),
            MessageState::Failed => format!("{word} ({})", self.message.error_code),
            _ => format!("{word}{instead}"),
        }
    }
}

/// Whether a template went in the place of what was asked for.
pub(super) fn is_substituted(message: &v1::Message) -> bool {
    let allowed = message.verdict.as_ref().and_then(|verdict| verdict.allowed.as_ref());
    allowed.is_some_and(|allowed| allowed.substitute)
}

/// Whether nothing more will be heard of it: on this platform everybody reads what they get.
pub(super) const fn has_ended(state: MessageState) -> bool {
    use MessageState as State;
    match state {
        State::Expired | State::Refused | State::Cancelled | State::Failed | State::Read | State::Played => true,
        State::Unspecified | State::Queued | State::Attempting | State::Uncertain | State::Held => false,
        State::Accepted | State::Sent | State::Delivered => false,
    }
}

fn rule(message: &v1::Message) -> String {
    let finding = message.verdict.as_ref().and_then(|verdict| verdict.finding.as_ref());
    finding.map(|finding| finding.rule.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn message(name: &str, state: MessageState) -> v1::Message {
        v1::Message { name: format!("messages/{name}"), state: state.into(), ..v1::Message::default() }
    }

    fn taken(send: &str, attempt: u32) -> AcceptedMessage {
        AcceptedMessage {
            wamid: String::new(),
            at_ms: 0,
            to: String::new(),
            customer: String::new(),
            phone_number_id: String::new(),
            callback_data: Some(format!("wp1/{send}/{attempt}")),
            kind: "text",
            category: waypost_domain::Category::Service,
            fails_with: None,
            body: Arc::default(),
        }
    }

    #[test]
    fn what_was_taken_twice_or_did_not_end_is_wrong() {
        let mut answers = Answers::default();
        answers.count(&message("a", MessageState::Read));
        answers.count(&v1::Message { maybe_duplicate: true, ..message("b", MessageState::Read) });
        answers.count(&message("c", MessageState::Refused));
        answers.close(&[taken("a", 1), taken("b", 1), taken("b", 2)], 0);
        assert_eq!(answers.wrong(), [""; 0]);
        assert_eq!((answers.sent, answers.accepted, answers.read, answers.delivered), (3, 2, 2, 2));

        answers.count(&message("d", MessageState::Accepted));
        answers.close(&[taken("a", 1), taken("a", 1)], 1);
        assert_eq!(answers.wrong(), ["2 answers did not come to their end in time", "1 answers were sent twice"]);
    }
}
