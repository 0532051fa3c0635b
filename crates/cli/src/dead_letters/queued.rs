//! What is still in a queue of parked messages, where no list has it.

use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::status_service_client::StatusServiceClient;

use super::Parked;
use crate::output;
use crate::server::Server;

/// Says how many there are; nothing where the server does not tell.
pub(super) async fn tell(server: Server, from: Parked) {
    let Ok(answer) = StatusServiceClient::new(server).get_status(v1::GetStatusRequest::default()).await else { return };
    if let Some(told) = told(&answer.into_inner().status.unwrap_or_default(), from) {
        output::note(&told);
    }
}

fn told(status: &v1::Status, from: Parked) -> Option<String> {
    let place = match from {
        Parked::DeadLetters => "wa.dead-letters",
        Parked::Unrouted => "wa.unrouted",
    };
    let parked = status.parked.iter().find(|parked| parked.place == place && parked.queued > 0)?;
    Some(format!("{} still in the queue {place}: they are not in the list until a router moves them", parked.queued))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_router_has_moved_is_told_of_the_queue_that_is_asked_for() {
        let parked = |place: &str, queued| v1::ParkedStatus {
            place: place.to_owned(),
            messages: 7,
            queued,
            ..v1::ParkedStatus::default()
        };
        let status = v1::Status {
            parked: vec![parked("wa.dead-letters", 3), parked("wa.unrouted", 0)],
            ..v1::Status::default()
        };
        let dead = told(&status, Parked::DeadLetters).unwrap_or_default();
        assert!(dead.starts_with("3 still in the queue wa.dead-letters"), "{dead}");
        assert_eq!(told(&status, Parked::Unrouted), None, "all are moved");
        assert_eq!(told(&v1::Status::default(), Parked::DeadLetters), None);
    }
}
