//! The topology as RabbitMQ's definitions: what an operator imports instead of letting Waypost declare, and what AMQP
//! cannot set: policies and permissions.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use waypost_bus::topology::team_user;
use waypost_bus::{Queue, QueueKind, Topology};

use super::{Argument, arguments, streams};

/// A user of ours, and the patterns of what it may do. No password of any is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    pub name: &'static str,
    configure: &'static str,
    write: &'static str,
    read: &'static str,
}

/// Nothing.
const NONE: &str = "^$";
const EVERYTHING: &str = r"^(wa|team)\.";
/// Declaring a queue with a dead-letter exchange needs write on that exchange; binding it, write on the queue and read on
/// the exchange.
const TEAMS: &str = r"^team\.";

/// All but the teams' users, which are `team-<team>`.
pub const USERS: [User; 7] = [
    User { name: "waypost-ingress", configure: NONE, write: r"^wa\.(events|dead-letters)$", read: NONE },
    User {
        name: "waypost-router",
        configure: NONE,
        write: r"^wa\.(teams|activity|unrouted|dead-letters)$",
        // What is parked too: it moves that to the store. Statuses and account events are the sender's; a router of the release
        // before reads them beside it.
        read: r"^wa\.((in|st)\..+|account|unrouted|dead-letters)$",
    },
    User {
        name: "waypost-sender",
        configure: NONE,
        write: r"^wa\.(activity|dead-letters)$",
        read: r"^wa\.((st|optin)\..+|account)$",
    },
    // Adds and removes teams while the system runs; puts what is parked back where it came from. Beside it, or alone, the
    // gateway takes requests to send off their queues and answers them, on the default exchange.
    User {
        name: "waypost-admin",
        configure: TEAMS,
        write: r"^(team\..+|wa\.(events|send|teams|dead-letters)|amq\.default)$",
        read: r"^(team\..+|wa\.(send\..+|teams))$",
    },
    // All of them in one process.
    User {
        name: "waypost",
        configure: TEAMS,
        write: r"^(team\..+|wa\.(events|send|teams|activity|unrouted|dead-letters)|amq\.default)$",
        read: r"^(team\..+|wa\.((in|optin|st|send)\..+|account|teams|unrouted|dead-letters))$",
    },
    // A person, or a job before the components start.
    User { name: "waypost-topology", configure: EVERYTHING, write: EVERYTHING, read: EVERYTHING },
    // How much a queue holds is told to whoever may connect.
    User { name: "waypost-status", configure: NONE, write: NONE, read: NONE },
];

/// Definitions for `rabbitmqctl import_definitions`: exchanges, queues, bindings, size policies, and the permissions of
/// each component's user and of each team's.
///
/// Users are not part of it, and no password is: an import would overwrite the ones there are. They must be there before,
/// all of [`user_names`]: importing permissions of a user that does not exist fails.
pub fn definitions(topology: &Topology, vhost: &str) -> Value {
    json!({
        "vhosts": [{ "name": vhost }],
        "exchanges": streams(topology).into_iter().map(|stream| json!({
            "name": stream.name(), "vhost": vhost, "type": "direct", "durable": true, "auto_delete": false,
            "internal": false, "arguments": {},
        })).collect::<Vec<_>>(),
        "queues": topology.queues.iter().map(|queue| json!({
            "name": queue.name, "vhost": vhost, "durable": true, "auto_delete": false,
            "arguments": json_arguments(queue),
        })).collect::<Vec<_>>(),
        "bindings": topology.queues.iter().map(|queue| json!({
            "source": queue.address.stream.name(), "vhost": vhost, "destination": queue.name,
            "destination_type": "queue", "routing_key": queue.address.key, "arguments": {},
        })).collect::<Vec<_>>(),
        "policies": [
            policy(vhost, "waypost-work", r"^wa\.", QueueKind::Work),
            policy(vhost, "waypost-teams", r"^team\.", QueueKind::Team),
        ],
        "permissions": permissions(topology, vhost),
    })
}

fn json_arguments(queue: &Queue) -> Value {
    let mut map = Map::new();
    for (name, value) in arguments(queue) {
        let value = match value {
            Argument::Text(text) => json!(text),
            Argument::Number(number) => json!(number),
            Argument::Flag(flag) => json!(flag),
        };
        map.insert(name.to_owned(), value);
    }
    Value::Object(map)
}

/// Sizes, and nothing else: what must not be lost by a mistake in a policy is an argument.
fn policy(vhost: &str, name: &str, pattern: &str, kind: QueueKind) -> Value {
    json!({
        "vhost": vhost, "name": name, "pattern": pattern, "apply-to": "queues", "priority": 0,
        "definition": { "max-length": kind.messages_max(), "max-length-bytes": kind.bytes_max() },
    })
}

/// The users that the [`definitions`] give permissions to.
pub fn user_names(topology: &Topology) -> Vec<String> {
    let teams = teams(topology).into_iter().map(team_user);
    USERS.iter().map(|user| user.name.to_owned()).chain(teams).collect()
}

fn permissions(topology: &Topology, vhost: &str) -> Vec<Value> {
    let permission = |user: &str, configure: &str, write: &str, read: &str| json!({ "user": user, "vhost": vhost, "configure": configure, "write": write, "read": read });
    let ours = USERS.iter().map(|user| permission(user.name, user.configure, user.write, user.read));
    let teams = teams(topology).into_iter();
    let teams = teams.map(|team| permission(&team_user(team), NONE, r"^wa\.send$", &format!(r"^team\.{team}\.")));
    ours.chain(teams).collect()
}

/// The teams that have queues. A team's name has no character that means something in a pattern.
fn teams(topology: &Topology) -> BTreeSet<&str> {
    let team_queues = topology.queues.iter().filter(|queue| queue.kind == QueueKind::Team);
    team_queues.filter_map(|queue| queue.name.split('.').nth(1)).collect()
}

#[cfg(test)]
mod tests {
    use waypost_bus::Layout;
    use waypost_domain::{PartitionCount, TeamName};

    use super::*;

    fn example() -> Value {
        let layout = Layout::new(PartitionCount::new(2).unwrap());
        let topology = Topology::new(layout, &BTreeSet::from([TeamName::new("vip-desk").unwrap()]), true);
        definitions(&topology, "waypost")
    }

    #[test]
    fn a_partitioned_queue_has_its_safety_keys() {
        let example = example();
        assert_eq!(
            example["queues"][0],
            json!({
                "name": "wa.in.p00", "vhost": "waypost", "durable": true, "auto_delete": false,
                "arguments": {
                    "x-queue-type": "quorum", "x-delivery-limit": 10_000, "x-overflow": "reject-publish",
                    "x-dead-letter-exchange": "wa.dead-letters", "x-dead-letter-routing-key": "dead",
                    "x-dead-letter-strategy": "at-least-once", "x-single-active-consumer": true,
                },
            })
        );
        assert_eq!(example["bindings"][0]["routing_key"], "in.p00");
        assert_eq!(example["exchanges"].as_array().unwrap().len(), 6);
    }

    #[test]
    fn sizes_are_policies() {
        let example = example();
        let sizes = |policy: &Value| policy["definition"].clone();
        assert_eq!(
            sizes(&example["policies"][0]),
            json!({ "max-length": 1_000_000, "max-length-bytes": 2_000_000_000 })
        );
        assert_eq!(sizes(&example["policies"][1]), json!({ "max-length": 200_000, "max-length-bytes": 500_000_000 }));
        assert!(example["policies"].as_array().unwrap().iter().all(|policy| policy["apply-to"] == "queues"));
    }

    #[test]
    fn users_may_do_their_own_work_only() {
        let example = example();
        let rows: Vec<String> = example["permissions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| format!("{} c={} w={} r={}", row["user"], row["configure"], row["write"], row["read"]))
            .collect();
        assert_eq!(
            rows,
            [
                r#""waypost-ingress" c="^$" w="^wa\\.(events|dead-letters)$" r="^$""#,
                r#""waypost-router" c="^$" w="^wa\\.(teams|activity|unrouted|dead-letters)$" r="^wa\\.((in|st)\\..+|account|unrouted|dead-letters)$""#,
                r#""waypost-sender" c="^$" w="^wa\\.(activity|dead-letters)$" r="^wa\\.((st|optin)\\..+|account)$""#,
                r#""waypost-admin" c="^team\\." w="^(team\\..+|wa\\.(events|send|teams|dead-letters)|amq\\.default)$" r="^(team\\..+|wa\\.(send\\..+|teams))$""#,
                r#""waypost" c="^team\\." w="^(team\\..+|wa\\.(events|send|teams|activity|unrouted|dead-letters)|amq\\.default)$" r="^(team\\..+|wa\\.((in|optin|st|send)\\..+|account|teams|unrouted|dead-letters))$""#,
                r#""waypost-topology" c="^(wa|team)\\." w="^(wa|team)\\." r="^(wa|team)\\.""#,
                r#""waypost-status" c="^$" w="^$" r="^$""#,
                r#""team-vip-desk" c="^$" w="^wa\\.send$" r="^team\\.vip-desk\\.""#,
            ]
        );
        assert!(example.get("users").is_none(), "an import would overwrite their passwords");
    }
}
