//! A busy team as a condition: what the broker says of its queue decides, is stored with the decision, and gives the same
//! decision again.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;

use waypost_bus::Bus;
use waypost_domain::TeamName;
use waypost_proto::route::decode_route_input;
use waypost_router::RouterConfig;
use waypost_rules::{RouteInput, RuleSet, TeamQueues};

mod support;

use support::{RULES, Rig, event};

/// Bills go to b, unless more than one waits there already; who is at b is asked for help.
const ASKING: &str = "[default]\nteam='a'\n[handover]\nteam='a'\nbuttons=['h']\n[[teams]]\nname='a'\n[[teams]]\nname='b'\n\
    [[rules]]\nid='bills'\nteam='b'\nwhen={ keyword='bill', not={ team_waiting={ team='b', over=1 } } }\n\
    [[rules]]\nid='busy'\nteam='a'\nwhen={ keyword='bill', team_waiting={ team='b', over=1 } }\n\
    [[rules]]\nid='help'\nteam='b'\nwhen={ keyword='help', team_staffed='b' }\n";

/// The rules that decided the events, each routed by a router that has just begun, and what was known.
async fn decided(rig: &Rig, wamid: &str, text: &str) -> (String, TeamQueues) {
    rig.route_each([event(wamid, &format!("1555{wamid}"), text)]).await;
    let (rule, why, input) = last(rig);
    let again = RuleSet::parse(ASKING).unwrap().decide(&input);
    assert_eq!((&again.rule, &again.why), (&rule, &why), "what is stored decides the same");
    (rule, input.queues)
}

/// The last decision: its rule, why, and from what.
fn last(rig: &Rig) -> (String, String, RouteInput) {
    let newest = "SELECT rule, why, input FROM inbox ORDER BY seq DESC LIMIT 1";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get::<_, Vec<u8>>(2)?));
    let (rule, why, input) = rig.database().query_row(newest, [], read).unwrap();
    (rule, why, decode_route_input(&input).unwrap())
}

fn of_b(staffed: bool, waiting: u32) -> TeamQueues {
    let b = TeamName::new("b").unwrap();
    TeamQueues { staffed: BTreeMap::from([(b.clone(), staffed)]), waiting: BTreeMap::from([(b, waiting)]) }
}

#[tokio::test]
async fn a_busy_team_is_spared() {
    let rig = Rig::with_rules(RouterConfig::default(), ASKING).await;
    assert_eq!(decided(&rig, "01", "my bill").await, ("bills".to_owned(), of_b(false, 0)));
    assert_eq!(decided(&rig, "02", "my bill").await, ("bills".to_owned(), of_b(false, 1)));
    assert_eq!(decided(&rig, "03", "my bill").await, ("busy".to_owned(), of_b(false, 2)));
    assert_eq!(decided(&rig, "04", "help").await, ("default".to_owned(), of_b(false, 2)));
    let mut tool = rig.bus.consume("team.b.normal", 1).await.unwrap();
    let in_hand = tool.next_batch(1).await.unwrap();
    assert_eq!(decided(&rig, "05", "help").await, ("help".to_owned(), of_b(true, 1)));
    drop((in_hand, tool));
}

/// Nothing is stored that no rule asks for.
#[tokio::test]
async fn nothing_is_asked_where_no_rule_asks() {
    let rig = Rig::with_rules(RouterConfig::default(), RULES).await;
    rig.route_each([event("01", "15550", "my bill")]).await;
    assert_eq!(last(&rig).2.queues, TeamQueues::default());
}
