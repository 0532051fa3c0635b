//! Who may do what on the servers: the user of RabbitMQ and the role of PostgreSQL that each process and each command is
//! meant for. The one place: `waypost topology definitions --users` prints it, and the guide to security repeats it. What a
//! user or role may do is the adapter's (`waypost_bus_rabbitmq::topology::USERS`) and the store's (`waypost_store::ROLES`).

use waypost_bus_rabbitmq::topology::user_names;

use waypost_cli::show::Table;

/// Verbs that run under the same names.
#[derive(Debug, Clone, Copy)]
struct Access {
    /// `-`: it leaves the bus alone.
    bus_user: &'static str,
    /// `-`: it leaves the store alone.
    store_role: &'static str,
    /// A verb stands for all below it that have no row of their own.
    runs: &'static [&'static str],
    note: &'static str,
}

const fn row(bus_user: &'static str, store_role: &'static str, runs: &'static [&'static str]) -> Access {
    Access { bus_user, store_role, runs, note: "" }
}

const NOTHING: &[&str] = &[
    "completions",
    "config",
    "demo",
    "inspect",
    "man",
    "rules decide",
    "rules lint",
    "rules test",
    "sandbox",
    "store grants",
];

const ACCESS: [Access; 13] = [
    row("waypost-ingress", "-", &["run --component ingress"]),
    row("waypost-router", "waypost_router", &["run --component router"]),
    row("waypost-sender", "waypost_sender", &["run --component sender"]),
    row("waypost-admin", "waypost_admin", &["run --component admin", "run --component gateway"]),
    row("waypost", "waypost", &["run"]),
    row("waypost-topology", "waypost_reader", &["topology declare", "topology verify"]),
    row("waypost-status", "waypost_reader", &["doctor", "status"]),
    row("team-TEAM", "-", &["tail"]),
    row("-", "waypost_migrate", &["migrate"]),
    row("-", "waypost_reader", &["topology definitions", "webhook test"]),
    Access { note: "without --server", ..row("-", "waypost_admin", &["token"]) },
    Access {
        note: "they ask a running `--component admin`, or `gateway` for messages to customers, conversations and files",
        ..row(
            "-",
            "-",
            &[
                "alerts",
                "audit",
                "calendars",
                "campaigns",
                "consent",
                "contacts",
                "conversations",
                "dead-letters",
                "decisions",
                "limits",
                "media",
                "messages",
                "numbers",
                "policy",
                "rules",
                "send",
                "teams",
                "templates",
                "trace",
            ],
        )
    },
    Access { note: "no server", ..row("-", "-", NOTHING) },
];

/// Names of RabbitMQ and PostgreSQL, and what runs under them.
fn rows() -> impl Iterator<Item = [String; 3]> {
    ACCESS.into_iter().map(|Access { bus_user, store_role, runs, note }| {
        let runs = runs.join(", ");
        let runs = if note.is_empty() { runs } else { format!("{runs} ({note})") };
        [bus_user.to_owned(), store_role.to_owned(), runs]
    })
}

/// What somebody runs who creates RabbitMQ's users, for these teams, with the table in front.
pub(crate) fn users_script(topology: &waypost_bus::Topology) -> String {
    let mut table = Table::new(&["RABBITMQ USER", "POSTGRESQL ROLE", "RUNS"]);
    table.add_rows(rows());
    let mut lines: Vec<String> = table.to_string().lines().map(|line| format!("# {line}")).collect();
    lines.push("#".to_owned());
    lines
        .push("# Each user needs a password, which add_user asks for, before the definitions are imported.".to_owned());
    lines.extend(user_names(topology).into_iter().map(|name| format!("rabbitmqctl add_user {name}")));
    lines.push("waypost topology definitions > definitions.json".to_owned());
    lines.push("rabbitmqctl import_definitions definitions.json".to_owned());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;
    use waypost_bus_rabbitmq::topology::USERS;
    use waypost_store::ROLES;

    use super::*;
    use crate::cli::Cli;

    /// The verbs that the help shows and that do something, with the words before them.
    fn verbs(words: &str, command: &clap::Command) -> Vec<String> {
        let below: Vec<&clap::Command> = command.get_subcommands().filter(|command| !command.is_hide_set()).collect();
        if below.is_empty() {
            return vec![words.trim_start().to_owned()];
        }
        below.into_iter().flat_map(|command| verbs(&format!("{words} {}", command.get_name()), command)).collect()
    }

    #[test]
    fn every_verb_has_its_row() {
        let named: BTreeSet<&str> = ACCESS.iter().flat_map(|access| access.runs.iter().copied()).collect();
        assert_eq!(named.len(), ACCESS.iter().map(|access| access.runs.len()).sum::<usize>(), "each once");
        let all = verbs("", &Cli::command());
        let has_row =
            |verb: &str| named.contains(verb) || verb.split_once(' ').is_some_and(|(top, _)| named.contains(top));
        let without: Vec<&String> = all.iter().filter(|verb| !has_row(verb)).collect();
        assert!(without.is_empty(), "under which names do these run? {without:?}");
        let is_verb = |row: &str| all.iter().any(|verb| verb == row || verb.starts_with(&format!("{row} ")));
        let gone: Vec<&&str> =
            named.iter().filter(|row| !is_verb(row) && !row.starts_with("run --component ")).collect();
        assert!(gone.is_empty(), "there are no such verbs: {gone:?}");
    }

    #[test]
    fn every_user_and_every_role_has_its_row() {
        let column = |name: fn(&Access) -> &'static str| -> BTreeSet<&str> {
            ACCESS.iter().map(name).filter(|name| *name != "-").collect()
        };
        let users: BTreeSet<&str> = USERS.iter().map(|user| user.name).chain(["team-TEAM"]).collect();
        assert_eq!(column(|access| access.bus_user), users);
        assert_eq!(column(|access| access.store_role), ROLES.iter().map(|role| role.name).collect());
    }

    #[test]
    fn the_guide_has_the_table() {
        let code = |cell: &str| if cell == "-" { String::new() } else { format!("`{cell}`") };
        let lines = ACCESS.iter().map(|access| {
            let runs = access.runs.iter().map(|verb| format!("`{verb}`")).collect::<Vec<_>>().join(", ");
            let note = if access.note.is_empty() { String::new() } else { format!(": {}", access.note) };
            format!("| {} | {} | {runs}{note} |\n", code(access.bus_user), code(access.store_role))
        });
        let table = lines.collect::<String>();
        let guide = include_str!("../../../deploy/guides/security.md");
        assert!(guide.contains(&table), "deploy/guides/security.md must have this table:\n{table}");
    }
}
