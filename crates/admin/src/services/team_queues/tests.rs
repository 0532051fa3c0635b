//! Leases on the embedded bus: whose a message is, and where it is when it is nobody's.

use tonic::Request;
use waypost_bus::{Address, Bus, Outcome, Publication, Topology};
use waypost_bus_embedded::{EmbeddedBus, Options};
use waypost_live::overview::Watched;
use waypost_store::{Store, StoreOptions, StoreUrl};

use super::*;

const PUBLISH_TIMEOUT: Duration = Duration::from_secs(10);
/// For what must come: on a busy machine.
const COMES_WITHIN: Duration = Duration::from_secs(10);

struct Fixture {
    _folder: tempfile::TempDir,
    queues: TeamQueues,
    leases: Leases,
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = StoreUrl::sqlite_file(folder.path().join("store.db"));
        let store = Store::open(&url, StoreOptions::default()).await.unwrap();
        let bus = EmbeddedBus::open(folder.path(), Options::default()).unwrap();
        let layout = Layout::new(waypost_domain::PartitionCount::new(1).unwrap());
        bus.declare(&Topology::new(layout, &[team()].into(), false)).await.unwrap();
        let team_queues = crate::TeamQueues { serves: Some(layout), ..Default::default() };
        let watched = Watched { work: vec![], layout, activity: false, rules_file: None };
        let leases = Leases::default();
        let shared = Shared { bus, store, team_queues, watched, templates: None, leases: leases.clone() };
        Self { _folder: folder, queues: TeamQueues { shared }, leases }
    }

    async fn publish(&self, priority: Priority, ids: &[&str]) {
        self.publish_to(&Address::team(&team(), priority), ids).await;
    }

    async fn publish_to(&self, address: &Address, ids: &[&str]) {
        let publication = |id: &&str| Publication {
            address: address.clone(),
            message: Message { id: (*id).to_owned(), body: id.as_bytes().to_vec().into(), ..Message::default() },
        };
        let outcomes = self.queues.shared.bus.publish(ids.iter().map(publication).collect(), PUBLISH_TIMEOUT).await;
        assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Confirmed), "{outcomes:?}");
    }

    async fn take(&self, max_messages: i32, wait: Duration) -> v1::TakeMessagesResponse {
        self.take_for(max_messages, wait, 600).await
    }

    async fn take_for(&self, max_messages: i32, wait: Duration, lease_s: i64) -> v1::TakeMessagesResponse {
        let request = v1::TakeMessagesRequest {
            team: "teams/billing".to_owned(),
            max_messages,
            wait: prost_types::Duration::try_from(wait).ok(),
            lease: Some(prost_types::Duration { seconds: lease_s, nanos: 0 }),
        };
        self.queues.take_messages(call(request, None)).await.unwrap()
    }

    async fn acknowledge(&self, lease_id: &str, ids: &[&str]) -> Result<i32> {
        let message_ids = ids.iter().map(|id| (*id).to_owned()).collect();
        let request = v1::AcknowledgeMessagesRequest { lease_id: lease_id.to_owned(), message_ids };
        self.queues.acknowledge_messages(call(request, None)).await.map(|answer| answer.acknowledged)
    }
}

fn team() -> TeamName {
    TeamName::new("billing").unwrap()
}

/// A call that passed the gate.
fn call<M>(message: M, bound_to: Option<Vec<TeamName>>) -> Request<M> {
    let mut request = Request::new(message);
    let method = "TeamQueueService/Any".to_owned();
    request.extensions_mut().insert(Caller { actor: "tokens/1".to_owned(), method, bound_to, roles: vec![] });
    request
}

fn ids(taken: &v1::TakeMessagesResponse) -> Vec<&str> {
    taken.messages.iter().map(|message| &*message.message_id).collect()
}

#[tokio::test]
async fn urgent_ones_come_first_and_each_queue_in_its_order() {
    let fixture = Fixture::new().await;
    fixture.publish(Priority::Normal, &["n1", "n2", "n3"]).await;
    fixture.publish(Priority::Urgent, &["u1", "u2"]).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let taken = fixture.take(2, Duration::ZERO).await;
        let all = ids(&taken);
        assert_eq!(fixture.acknowledge(&taken.lease_id, &all).await.unwrap(), i32::try_from(all.len()).unwrap());
        seen.extend(taken.messages.iter().map(|message| format!("{} {}", message.priority, message.message_id)));
    }
    assert_eq!(seen, ["urgent u1", "urgent u2", "normal n1", "normal n2", "normal n3"]);
    let nothing = fixture.take(2, Duration::ZERO).await;
    assert_eq!((&*nothing.lease_id, ids(&nothing), nothing.more_expected), ("", vec![], false));
}

#[tokio::test]
async fn nobody_gets_what_somebody_has_in_hand() {
    let fixture = Fixture::new().await;
    fixture.publish(Priority::Normal, &["n1", "n2", "n3", "n4"]).await;
    let first = fixture.take(2, Duration::ZERO).await;
    let second = fixture.take(100, Duration::ZERO).await;
    assert_eq!((ids(&first), ids(&second)), (vec!["n1", "n2"], vec!["n3", "n4"]));
    assert!(fixture.take(100, Duration::ZERO).await.messages.is_empty());
    // What is not named is back at once, in its place before the others, and is told to have been out.
    assert_eq!(fixture.acknowledge(&second.lease_id, &["n4"]).await.unwrap(), 1);
    assert_eq!(fixture.acknowledge(&first.lease_id, &[]).await.unwrap(), 0);
    let again = fixture.take(100, Duration::ZERO).await;
    let returned: Vec<u32> = again.messages.iter().map(|message| message.returned).collect();
    assert_eq!((ids(&again), returned), (vec!["n1", "n2", "n3"], vec![1, 1, 1]));
    // An ended lease gives no right any more.
    let late = fixture.acknowledge(&first.lease_id, &["n1"]).await.unwrap_err();
    assert!(matches!(late, CallError::NotFound { .. }), "{late}");
}

#[tokio::test]
async fn a_lease_ends_by_itself() {
    let fixture = Fixture::new().await;
    fixture.publish(Priority::Normal, &["n1"]).await;
    let taken = fixture.take_for(1, Duration::ZERO, 1).await;
    let again = fixture.take(1, COMES_WITHIN).await;
    assert_eq!((ids(&taken), ids(&again)), (vec!["n1"], vec!["n1"]));
    let late = fixture.acknowledge(&taken.lease_id, &["n1"]).await.unwrap_err();
    assert!(matches!(late, CallError::NotFound { .. }), "{late}");
    assert_eq!(fixture.acknowledge(&again.lease_id, &["n1"]).await.unwrap(), 1);
}

#[tokio::test]
async fn who_waits_gets_the_next_and_goes_when_the_process_ends() {
    let fixture = Fixture::new().await;
    let (taken, ()) = tokio::join!(fixture.take(100, COMES_WITHIN), fixture.publish(Priority::Normal, &["n1"]));
    assert_eq!(ids(&taken), ["n1"]);
    let began = Instant::now();
    let (nothing, ()) = tokio::join!(fixture.take(100, WAIT_MAX), fixture.leases.end());
    assert!(nothing.messages.is_empty() && began.elapsed() < COMES_WITHIN);
    // What was in hand is back.
    let peeked = fixture.queues.shared.bus.depth("team.billing.normal").await.unwrap().unwrap();
    assert_eq!((peeked.ready, peeked.unacknowledged), (1, Some(0)));
}

/// A waiting taker whose call is cut off holds nothing, and does not count as having had anything.
#[tokio::test]
async fn a_wait_that_is_cut_off_takes_nothing() {
    let fixture = Fixture::new().await;
    for _ in 0..3 {
        assert!(timeout(Duration::from_millis(50), fixture.take(1, WAIT_MAX)).await.is_err(), "there is nothing");
    }
    fixture.publish(Priority::Normal, &["n1"]).await;
    let taken = fixture.take(1, COMES_WITHIN).await;
    assert_eq!((ids(&taken), taken.messages[0].returned), (vec!["n1"], 0));
}

#[tokio::test]
async fn looking_takes_nothing() {
    let fixture = Fixture::new().await;
    fixture.publish(Priority::Normal, &["n1", "n2"]).await;
    fixture.publish(Priority::Urgent, &["u1"]).await;
    let held = fixture.take(1, Duration::ZERO).await;
    assert_eq!(ids(&held), ["u1"]);
    let look = |after_urgent, after_normal| {
        let team = "teams/billing".to_owned();
        let request = v1::PeekMessagesRequest { team, after_urgent, after_normal, page_size: 0 };
        fixture.queues.peek_messages(call(request, None))
    };
    let first = look(0, 0).await.unwrap();
    let shown: Vec<&str> = first.messages.iter().map(|message| &*message.message_id).collect();
    assert_eq!(shown, ["u1", "n1", "n2"]);
    let rest = look(first.messages[0].place, first.messages[1].place).await.unwrap();
    assert_eq!(rest.messages.len(), 1);
    assert!(!look(first.messages[0].place, first.messages[2].place).await.unwrap().more_expected);
    fixture
        .publish_to(
            &Layout::new(waypost_domain::PartitionCount::new(1).unwrap()).inbound(waypost_domain::PartitionId(0)),
            &["e"],
        )
        .await;
    assert!(look(first.messages[0].place, first.messages[2].place).await.unwrap().more_expected);
    assert!(look(-1, 0).await.is_err());
}

#[tokio::test]
async fn agents_have_their_teams_queues_alone() {
    let fixture = Fixture::new().await;
    fixture.publish(Priority::Normal, &["n1"]).await;
    let other = Some(vec![TeamName::new("sales").unwrap()]);
    let peek = || v1::PeekMessagesRequest { team: "teams/billing".to_owned(), ..Default::default() };
    let take = || v1::TakeMessagesRequest { team: "teams/billing".to_owned(), max_messages: 1, ..Default::default() };
    assert!(matches!(fixture.queues.peek_messages(call(peek(), other.clone())).await, Err(CallError::NotFound { .. })));
    assert!(matches!(fixture.queues.take_messages(call(take(), other.clone())).await, Err(CallError::NotFound { .. })));
    let taken = fixture.queues.take_messages(call(take(), Some(vec![team()]))).await.unwrap();
    let settle =
        || v1::AcknowledgeMessagesRequest { lease_id: taken.lease_id.clone(), message_ids: vec!["n1".to_owned()] };
    assert!(matches!(
        fixture.queues.acknowledge_messages(call(settle(), other)).await,
        Err(CallError::NotFound { .. })
    ));
    let done = fixture.queues.acknowledge_messages(call(settle(), Some(vec![team()]))).await.unwrap();
    assert_eq!(done.acknowledged, 1);
}

#[tokio::test]
async fn there_are_bounds() {
    let mut fixture = Fixture::new().await;
    let refused = |request: v1::TakeMessagesRequest| {
        let fixture = &fixture;
        async move { fixture.queues.take_messages(call(request, None)).await.unwrap_err().to_string() }
    };
    let good = v1::TakeMessagesRequest { team: "teams/billing".to_owned(), max_messages: 1, ..Default::default() };
    let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    for (request, field) in [
        (v1::TakeMessagesRequest { max_messages: 0, ..good.clone() }, "max_messages"),
        (v1::TakeMessagesRequest { max_messages: 101, ..good.clone() }, "max_messages"),
        (v1::TakeMessagesRequest { wait: seconds(21), ..good.clone() }, "wait"),
        (v1::TakeMessagesRequest { wait: seconds(-1), ..good.clone() }, "wait"),
        (v1::TakeMessagesRequest { lease: seconds(601), ..good.clone() }, "lease"),
        (v1::TakeMessagesRequest { team: "teams/nobody".to_owned(), ..good.clone() }, "queue team.nobody.urgent"),
    ] {
        let told = refused(request).await;
        assert!(told.starts_with(field), "{told}");
    }
    fixture.publish(Priority::Normal, &["n"; 40]).await;
    for _ in 0..32 {
        fixture.take(1, Duration::ZERO).await;
    }
    let busy = refused(good.clone()).await;
    assert!(busy.contains("too many"), "{busy}");
    fixture.queues.shared.team_queues.serves = None;
    let elsewhere = fixture.queues.take_messages(call(good, None)).await;
    assert!(matches!(elsewhere, Err(CallError::Bus(BusError::Unsupported(_)))));
}

#[tokio::test]
async fn who_takes_or_asks_is_there() {
    let fixture = Fixture::new().await;
    let asked = fixture.queues.shared.team_queues.asked.clone();
    let is_there = || asked.is_recent(&team(), Timestamp::from_system_time(SystemTime::now()));
    let peek = v1::PeekMessagesRequest { team: "teams/billing".to_owned(), ..Default::default() };
    fixture.queues.peek_messages(call(peek, None)).await.unwrap();
    let nobody = v1::TakeMessagesRequest { team: "teams/nobody".to_owned(), max_messages: 1, ..Default::default() };
    fixture.queues.take_messages(call(nobody, None)).await.unwrap_err();
    assert!(!is_there(), "who only looks, and who asks for what is not there");
    assert!(fixture.take(1, Duration::ZERO).await.messages.is_empty() && is_there());
}
