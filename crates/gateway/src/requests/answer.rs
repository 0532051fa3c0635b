//! What who asked is told, in the queue that they named. An answer that cannot be given is counted, and nothing waits for it:
//! the request is kept or parked, whoever hears of it.

use std::time::Duration;

use waypost_bus::topology::is_ours;
use waypost_bus::{Address, Bus, CORRELATION_HEADER, Message, Publication, REPLY_TO_HEADER};
use waypost_domain::send::{SendId, SendState};
use waypost_proto::sends::{ANSWER_CONTENT_TYPE, ANSWER_KIND, SendAnswer, SendError};

use super::refusal::Refusal;
use crate::metrics;

/// For all answers of a batch.
const TIMEOUT: Duration = Duration::from_secs(2);
/// RabbitMQ's names for a channel that waits for answers itself, without a queue. What is published to one is always returned.
const DIRECT: &str = "amq.rabbitmq.reply-to.";

/// The queue that an answer shall go to, if one is wanted.
pub(super) fn reply_to(message: &Message) -> Result<Option<&str>, Refusal> {
    let queue = message.headers.get(REPLY_TO_HEADER).map(String::as_str).filter(|queue| !queue.is_empty());
    // An answer in one would be taken for what is read there.
    if queue.is_some_and(is_ours) {
        let problem = "must name a queue of your own: no answer goes to the queues of Waypost";
        return Err(Refusal::new("reply-to", "REPLY_TO_NOT_ALLOWED", problem));
    }
    Ok(queue)
}

/// The answer to a request, in the queue that it names.
pub(super) fn answer(
    queue: &str,
    message: &Message,
    send_id: Option<&SendId>,
    outcome: Result<SendState, &Refusal>,
) -> Publication {
    let outcome = outcome.map_err(|Refusal { field, reason, message }| SendError { field, reason, message });
    let body = SendAnswer { send_id, outcome }.encode();
    let named = message.headers.get(CORRELATION_HEADER).unwrap_or(&message.id);
    let headers = [(CORRELATION_HEADER.to_owned(), named.clone())].into_iter().filter(|(_, id)| !id.is_empty());
    let answer = Message {
        // Of each request that came, however often the same one is published.
        id: named.clone(),
        kind: ANSWER_KIND.to_owned(),
        content_type: ANSWER_CONTENT_TYPE.to_owned(),
        headers: headers.collect(),
        body,
    };
    Publication { address: Address::reply(queue), message: answer }
}

/// Gives them, as well as that is possible at once.
pub(super) async fn give(bus: &dyn Bus, answers: Vec<Publication>) {
    if answers.is_empty() {
        return;
    }
    let is_direct: Vec<bool> = answers.iter().map(|answer| answer.address.key.starts_with(DIRECT)).collect();
    let outcomes = bus.publish(answers, TIMEOUT).await;
    outcomes.into_iter().zip(is_direct).for_each(|(outcome, is_direct)| metrics::answer(outcome, is_direct));
}
