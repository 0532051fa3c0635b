//! The printed definitions, and what each printed user may do.

#![allow(clippy::unwrap_used)]

use waypost_bus_rabbitmq::topology::{definitions, user_names};

use super::*;

/// The definitions as an operator uses them, and each user held to its own work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imported_definitions_are_the_topology_and_hold_users_to_their_work() {
    let node = own_node().await;
    let subject = VhostSubject::on(node.handle().clone()).await;
    let (handle, vhost) = (subject.node.clone(), subject.vhost.clone());
    tokio::task::spawn_blocking(move || import(&handle, &vhost)).await.unwrap();

    let bus = subject.connect().await;
    assert_eq!(bus.verify(&topology()).await.unwrap(), Vec::<String>::new());
    bus.declare(&topology()).await.unwrap();
    for queue in &topology().queues {
        assert_eq!(publish_one(&*bus, queue.address.clone(), "bound").await, Outcome::Confirmed, "{}", queue.name);
    }

    let user = async |name: &str| {
        RabbitBus::connect(RabbitConfig::new(subject.node.amqp_url_of(name, "secret", &subject.vhost))).await.unwrap()
    };
    let ingress = user("waypost-ingress").await;
    assert_eq!(publish_one(&*ingress, inbound(), "in").await, Outcome::Confirmed);
    assert_eq!(publish_one(&*ingress, Address::unrouted(), "no").await, Outcome::Refused);
    assert_eq!(
        publish_one(&*ingress, inbound(), "in again").await,
        Outcome::Confirmed,
        "the refusal has no after-effect"
    );
    refused(ingress.consume("wa.in.p00", 1).await.err(), "wa.in.p00");
    // What is there need not be declared.
    ingress.declare(&topology()).await.unwrap();
    let more = Topology::new(Layout::new(PartitionCount::new(3).unwrap()), &BTreeSet::new(), false);
    refused(ingress.declare(&more).await.err(), "wa.in.p02");

    let router = user("waypost-router").await;
    assert_eq!(take(&mut *router.consume("wa.in.p00", 1).await.unwrap(), 1).await, ["bound"]);
    let team = Address::team(&TeamName::new("desk").unwrap(), Priority::Normal);
    assert_eq!(publish_one(&*router, team, "routed").await, Outcome::Confirmed);
    refused(router.consume("team.desk.normal", 1).await.err(), "team.desk.normal");

    let tool = user("team-desk").await;
    assert_eq!(take(&mut *tool.consume("team.desk.normal", 1).await.unwrap(), 2).await, ["bound", "routed"]);
    refused(tool.consume("wa.in.p00", 1).await.err(), "wa.in.p00");

    let job = user("waypost-topology").await;
    job.declare(&more).await.unwrap();
    let admin = user("waypost-admin").await;
    let new_team = Topology::new(layout(), &BTreeSet::from([TeamName::new("new").unwrap()]), false);
    let new_team =
        Topology { queues: new_team.queues.into_iter().filter(|queue| queue.name.contains("new")).collect() };
    admin.declare(&new_team).await.unwrap();
    // The router moves what is parked to the store; from there the administration puts it back where it came from.
    for queue in ["wa.dead-letters", "wa.unrouted"] {
        refused(admin.consume(queue, 1).await.err(), queue);
        assert_eq!(take(&mut *router.consume(queue, 1).await.unwrap(), 1).await, ["bound"], "{queue}");
    }
    assert_eq!(publish_one(&*admin, inbound(), "back").await, Outcome::Confirmed);
    // The gateway runs beside it: it takes requests off their queues, and answers.
    assert_eq!(publish_one(&*tool, Address::send(Priority::Normal), "asked").await, Outcome::Confirmed);
    refused(tool.consume("wa.send.normal", 1).await.err(), "wa.send.normal");
    assert_eq!(take(&mut *admin.consume("wa.send.normal", 1).await.unwrap(), 2).await, ["bound", "asked"]);
    assert_eq!(publish_one(&*admin, Address::reply("team.desk.urgent"), "answer").await, Outcome::Confirmed);
    assert_eq!(publish_one(&*admin, Address::reply("nobody.waits"), "answer").await, Outcome::Returned);
    assert_eq!(publish_one(&*router, Address::reply("team.desk.urgent"), "no").await, Outcome::Refused);
    assert_eq!(publish_one(&*admin, Address::unrouted(), "back").await, Outcome::Refused);
    refused(admin.consume("wa.in.p00", 1).await.err(), "wa.in.p00");
    refused(
        admin.declare(&Topology::new(Layout { epoch: 2, ..layout() }, &BTreeSet::new(), false)).await.err(),
        "wa.in.e2.p00",
    );
}

fn import(node: &NodeHandle, vhost: &str) {
    for user in user_names(&topology()) {
        node.ctl(&["add_user", &user, "secret"]).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("definitions.json");
    std::fs::write(&file, serde_json::to_vec(&definitions(&topology(), vhost)).unwrap()).unwrap();
    node.ctl(&["import_definitions", file.to_str().unwrap()]).unwrap();
    let policies = node.ctl(&["list_policies", "--vhost", vhost]).unwrap();
    assert!(policies.contains("waypost-work") && policies.contains("waypost-teams"), "{policies}");
}

fn refused(error: Option<BusError>, named: &str) {
    assert!(matches!(&error, Some(BusError::Refused(why)) if why.contains(named)), "{named}: {error:?}");
}
