//! What is done about a send of which nothing was heard in time: an answer to the customer goes once more, marked as
//! perhaps a second one, if its carrier would have told of it; what the business began stays as it is, for a person to
//! look at.

use waypost_domain::send::{SendClass, SendContent};
use waypost_domain::{Timestamp, send::SendState};
use waypost_store::{SendAnswer, SendAnswered, SendRow};

/// What becomes of `row`, whose wait is over. `silence_is_news`: whether its carrier would surely have told of it.
pub fn settled(row: &SendRow, now: Timestamp, silence_is_news: bool) -> SendAnswered {
    let is_answer = row.request.cause.class() == SendClass::Answer;
    let is_free_form = matches!(row.request.content, SendContent::FreeForm(_)) && row.template.is_none();
    let goes_again = row.state() == SendState::Uncertain
        && silence_is_news
        && is_answer
        && is_free_form
        && !row.maybe_duplicate
        && now < row.ends_at;
    let answer = if goes_again { SendAnswer::Again { due_at: now } } else { SendAnswer::GivenUp };
    SendAnswered { place: row.place, attempt: row.attempt, answer }
}
