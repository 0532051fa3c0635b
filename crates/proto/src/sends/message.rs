//! A message as the gateway shows it: how far it has come, and who speaks.

use waypost_domain::send::{Author, Progress, SendRequest, SendState};

use super::request::wire_send;
use super::time;
use crate::gateway_v1 as wire;

/// What is known of a send, without what only the store knows: its attempts, Meta's id, when it is due, the verdict.
pub fn wire_message(request: &SendRequest, progress: &Progress) -> wire::Message {
    wire::Message {
        name: format!("messages/{}", request.id),
        request: Some(wire_send(request)),
        state: wire_state(progress.state).into(),
        author: Some(wire_author(&request.author)),
        create_time: Some(time(request.created_at)),
        accept_time: progress.accepted_at.map(time),
        sent_time: progress.sent_at.map(time),
        deliver_time: progress.delivered_at.map(time),
        read_time: progress.read_at.map(time),
        play_time: progress.played_at.map(time),
        fail_time: progress.failed.map(|(at, _)| time(at)),
        error_code: progress.failed.and_then(|(_, code)| code).unwrap_or_default(),
        ..wire::Message::default()
    }
}

/// How far a send has come.
pub const fn wire_state(state: SendState) -> wire::MessageState {
    match state {
        SendState::Queued => wire::MessageState::Queued,
        SendState::Attempting => wire::MessageState::Attempting,
        SendState::Uncertain => wire::MessageState::Uncertain,
        SendState::Expired => wire::MessageState::Expired,
        SendState::Refused => wire::MessageState::Refused,
        SendState::Cancelled => wire::MessageState::Cancelled,
        SendState::Held => wire::MessageState::Held,
        SendState::Accepted => wire::MessageState::Accepted,
        SendState::Sent => wire::MessageState::Sent,
        SendState::Failed => wire::MessageState::Failed,
        SendState::Delivered => wire::MessageState::Delivered,
        SendState::Read => wire::MessageState::Read,
        SendState::Played => wire::MessageState::Played,
    }
}

/// How far a send has come; `None` for a state that is unspecified, or not known to this release.
pub fn state_of(state: i32) -> Option<SendState> {
    SendState::ALL.into_iter().find(|known| i32::from(wire_state(*known)) == state)
}

/// Who speaks; `None` for an author without a kind, or of one that this release does not know.
pub fn author_of(author: wire::Author) -> Option<Author> {
    let wire::Author { kind, name, .. } = author;
    match wire::AuthorKind::try_from(kind).ok()? {
        wire::AuthorKind::Unspecified => None,
        wire::AuthorKind::Agent => Some(Author::Agent(name)),
        wire::AuthorKind::Bot => Some(Author::Bot(name)),
        wire::AuthorKind::Automation => Some(Author::Automation(name)),
        wire::AuthorKind::Campaign => Some(Author::Campaign(name)),
    }
}

/// Who speaks, without the title of a token.
pub fn wire_author(author: &Author) -> wire::Author {
    let (kind, name) = match author {
        Author::Agent(name) => (wire::AuthorKind::Agent, name),
        Author::Bot(name) => (wire::AuthorKind::Bot, name),
        Author::Automation(name) => (wire::AuthorKind::Automation, name),
        Author::Campaign(name) => (wire::AuthorKind::Campaign, name),
    };
    wire::Author { kind: kind.into(), name: name.clone(), title: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_and_authors_have_a_word_of_their_own_each() {
        let words: std::collections::BTreeSet<i32> =
            SendState::ALL.iter().map(|state| wire_state(*state).into()).collect();
        assert_eq!(words.len(), SendState::ALL.len());
        for state in SendState::ALL {
            let word = wire_state(state).as_str_name().to_lowercase();
            assert_eq!(word, format!("message_state_{state}"), "one word for people and programs");
            assert_eq!(state_of(wire_state(state).into()), Some(state));
        }
        assert_eq!((state_of(0), state_of(99)), (None, None));
        for kind in [Author::Agent, Author::Bot, Author::Automation, Author::Campaign] {
            let author = kind("x".to_owned());
            assert_eq!(author_of(wire_author(&author)), Some(author));
        }
        assert_eq!(author_of(wire::Author::default()), None);
    }
}
