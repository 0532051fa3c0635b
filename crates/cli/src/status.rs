//! `waypost status`: is all well, and where does it stand? Here are its arguments, what it prints, and its run over a server;
//! the run on what the configuration names is the binary's.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use prost_types::Timestamp;
use serde_json::{Value, json};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::status_service_client::StatusServiceClient;

use crate::failure::Failure;
use crate::output;
use crate::server::{Server, ServerArgs};
use crate::show::{Screen, Table};

#[derive(Debug, Args)]
#[command(
    after_help = "The first line is the verdict: what is wrong, since when, and what to do. Exit code 1 when unhealthy:
- a partition that nobody works on, or whose owner is gone;
- a queue that does not exist, a message that has waited longer than --max-age-s for a component of Waypost;
- a message that could not be handled, or that no team takes, until it is replayed or discarded;
- messages that wait for a team that the rules do not name;
- bus or store that cannot be reached, and no rules.

On the embedded bus it asks the running waypost, and reads the files of the data folder where none runs."
)]
pub struct StatusArgs {
    #[command(flatten)]
    pub server: ServerArgs,
    /// Unhealthy when the oldest waiting message is older than this many seconds
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_age_s: u32,
    /// Show every partition and every queue
    #[arg(long)]
    pub queues: bool,
}

impl StatusArgs {
    /// How long what waits may have waited.
    pub fn max_age(&self) -> Duration {
        Duration::from_secs(self.max_age_s.into())
    }
}

/// Asks a server.
pub async fn ask(server: Server, args: &StatusArgs) -> Result<v1::Status, Failure> {
    let max_age = Some(prost_types::Duration { seconds: args.max_age_s.into(), nanos: 0 });
    let answer = StatusServiceClient::new(server).get_status(v1::GetStatusRequest { max_age }).await?;
    answer.into_inner().status.ok_or_else(|| Failure::failed("the server answers without a status"))
}

/// Prints it; a failure where it is not healthy.
pub fn show(status: &v1::Status, args: &StatusArgs) -> Result<(), Failure> {
    if args.server.json {
        output::line(&as_json(status).to_string())?
    } else {
        print(status, args.queues)?
    }
    if status.healthy {
        return Ok(());
    }
    let problems: Vec<&str> = status.problems.iter().map(|problem| problem.what.as_str()).collect();
    Err(Failure::Failed(format!("unhealthy: {}", problems.join("; "))))
}

fn print(status: &v1::Status, all: bool) -> Result<(), Failure> {
    output::line(&verdict(status))?;
    for problem in status.problems.iter().skip(1) {
        output::line(&format!("and {}", told(problem)))?;
    }
    if !status.rules_file.is_empty() {
        output::line(&format!("rules: {} decides (rules.file), not what is activated", status.rules_file))?;
    }
    let table = |header: &[&str], rows: Vec<Vec<String>>| -> Result<(), Failure> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut table = Table::new(header);
        table.add_rows(rows);
        output::line(&format!("\n{}", table.on(&Screen::stdout())))
    };
    table(&["component", "partitions", "owner", "oldest"], if all { each_shard(status) } else { grouped(status) })?;
    let teams = status.teams.iter().map(|team| {
        let state = match (&team.missing_queues[..], team.in_rules) {
            ([], true) => "",
            ([], false) => "not in rules",
            (_, true) => "queues missing",
            (_, false) => "not in rules, queues missing",
        };
        let name = team.name.strip_prefix("teams/").unwrap_or(&team.name);
        vec![name.to_owned(), team.waiting.to_string(), age(status, &team.oldest_time), state.to_owned()]
    });
    table(&["team", "waiting", "oldest", ""], teams.collect())?;
    let parked = status.parked.iter().map(|parked| {
        let messages = parked.messages.to_string();
        vec![parked.place.clone(), messages, age(status, &parked.oldest_time), still_queued(parked)]
    });
    table(&["parked", "messages", "oldest", ""], parked.collect())?;
    if all {
        let queues = status.queues.iter().map(|queue| {
            let messages = if queue.missing { "missing".to_owned() } else { queue.messages.to_string() };
            vec![queue.name.clone(), messages, age(status, &queue.oldest_time)]
        });
        table(&["queue", "messages", "oldest"], queues.collect())?;
    }
    if !status.numbers_without_answers.is_empty() {
        let numbers = status.numbers_without_answers.join(", ");
        let what =
            "silence ends conversations on these numbers, where no answer to a customer was seen, or none for 30 days";
        output::line(&format!("\n{what}: {numbers}"))?;
    }
    Ok(())
}

/// What no router has moved to where it can be listed.
fn still_queued(parked: &v1::ParkedStatus) -> String {
    if parked.queued > 0 { format!("{} still in the queue", parked.queued) } else { String::new() }
}

/// The first line.
fn verdict(status: &v1::Status) -> String {
    match status.problems.first() {
        Some(problem) => format!("unhealthy: {}", told(problem)),
        None => {
            let owned = status.shards.iter().filter(|shard| !shard.owner.is_empty()).count();
            let waits = match &status.oldest_time {
                Some(_) => format!("the oldest message has waited for {}", age(status, &status.oldest_time)),
                None => "nothing waits to be routed".to_owned(),
            };
            format!("healthy: {owned} partitions are worked on, {waits}")
        }
    }
}

fn told(problem: &v1::Problem) -> String {
    let since = problem.since_time.as_ref().map(|since| format!(", since {since}")).unwrap_or_default();
    format!("{}{since}; {}", problem.what, problem.remedy)
}

/// A row for all partitions of a component that have one owner.
fn grouped(status: &v1::Status) -> Vec<Vec<String>> {
    let mut groups: BTreeMap<(&str, String), Vec<&v1::ShardStatus>> = BTreeMap::new();
    for shard in &status.shards {
        groups.entry((shard.component.as_str(), owner(shard))).or_default().push(shard);
    }
    let row = |((component, owner), shards): ((&str, String), Vec<&v1::ShardStatus>)| {
        let oldest = shards.iter().filter_map(|shard| shard.oldest_time).min_by_key(|at| (at.seconds, at.nanos));
        let ranges = ranges(shards.iter().map(|shard| shard.shard));
        vec![component.to_owned(), ranges, owner, age(status, &oldest)]
    };
    groups.into_iter().map(row).collect()
}

fn each_shard(status: &v1::Status) -> Vec<Vec<String>> {
    let row = |shard: &v1::ShardStatus| {
        vec![shard.component.clone(), ranges([shard.shard]), owner(shard), age(status, &shard.oldest_time)]
    };
    status.shards.iter().map(row).collect()
}

fn owner(shard: &v1::ShardStatus) -> String {
    match (&*shard.owner, &*shard.gone) {
        ("", "") => "nobody".to_owned(),
        ("", gone) => format!("{gone} (gone)"),
        (owner, _) => owner.to_owned(),
    }
}

/// `p00–p03, p07`, of ascending numbers.
fn ranges(numbers: impl IntoIterator<Item = i32>) -> String {
    let mut ranges: Vec<(i32, i32)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let shown =
        |(first, last)| if first == last { format!("p{first:02}") } else { format!("p{first:02}–p{last:02}") };
    ranges.into_iter().map(shown).collect::<Vec<_>>().join(", ")
}

fn age(status: &v1::Status, at: &Option<Timestamp>) -> String {
    age_s(status, at).map_or_else(|| "-".to_owned(), in_words)
}

/// `4.2 s`, `12 min`, `3 h`, `5 days`.
fn in_words(age_s: f64) -> String {
    match age_s {
        ..120.0 => format!("{age_s:.1} s"),
        ..7_200.0 => format!("{:.0} min", (age_s / 60.0).floor()),
        ..172_800.0 => format!("{:.0} h", (age_s / 3_600.0).floor()),
        _ => format!("{:.0} days", (age_s / 86_400.0).floor()),
    }
}

fn age_s(status: &v1::Status, at: &Option<Timestamp>) -> Option<f64> {
    let millis = |at: &Timestamp| at.seconds * 1_000 + i64::from(at.nanos / 1_000_000);
    let age_ms = millis(status.read_time.as_ref()?) - millis(at.as_ref()?);
    Some(Duration::from_millis(u64::try_from(age_ms).unwrap_or(0)).as_secs_f64())
}

fn as_json(status: &v1::Status) -> Value {
    let text = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
    let time = |at: &Option<Timestamp>| at.as_ref().map(ToString::to_string);
    let partitions = status.shards.iter().map(|shard| {
        json!({
            "component": shard.component,
            "partition": shard.shard,
            "owner": text(&shard.owner),
            "gone": text(&shard.gone),
            "epoch": shard.epoch,
            "oldest_age_s": age_s(status, &shard.oldest_time),
        })
    });
    let queues = status.queues.iter().map(|queue| {
        let messages = (!queue.missing).then_some(queue.messages);
        json!({ "queue": queue.name, "messages": messages, "oldest_age_s": age_s(status, &queue.oldest_time) })
    });
    let teams = status.teams.iter().map(|team| {
        json!({
            "team": team.name.strip_prefix("teams/").unwrap_or(&team.name),
            "in_rules": team.in_rules,
            "missing_queues": team.missing_queues,
            "waiting": team.waiting,
            "oldest_age_s": age_s(status, &team.oldest_time),
        })
    });
    let parked = status.parked.iter().map(|parked| {
        let oldest_age_s = age_s(status, &parked.oldest_time);
        json!({
            "parked": parked.place,
            "messages": parked.messages,
            "queued": parked.queued,
            "oldest_age_s": oldest_age_s,
        })
    });
    let details = status
        .problems
        .iter()
        .map(|problem| json!({ "what": problem.what, "since": time(&problem.since_time), "remedy": problem.remedy }));
    json!({
        "healthy": status.healthy,
        "rules_file": text(&status.rules_file),
        "problems": status.problems.iter().map(|problem| &problem.what).collect::<Vec<_>>(),
        "problem_details": details.collect::<Vec<_>>(),
        "partitions": partitions.collect::<Vec<_>>(),
        "queues": queues.collect::<Vec<_>>(),
        "teams": teams.collect::<Vec<_>>(),
        "parked": parked.collect::<Vec<_>>(),
        "numbers_without_answers": status.numbers_without_answers,
        "oldest_age_s": age_s(status, &status.oldest_time),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_file_is_in_the_json() {
        let status = v1::Status { rules_file: "rules.toml".to_owned(), ..v1::Status::default() };
        assert_eq!(as_json(&status)["rules_file"], "rules.toml");
        assert_eq!(as_json(&v1::Status::default())["rules_file"], Value::Null);
    }

    #[test]
    fn what_is_still_in_a_queue_is_said_in_words() {
        let parked = |queued| v1::ParkedStatus { messages: 5, queued, ..v1::ParkedStatus::default() };
        assert_eq!(
            (still_queued(&parked(2)), still_queued(&parked(0))),
            ("2 still in the queue".to_owned(), String::new())
        );
    }

    #[test]
    fn ages_are_of_a_size_that_people_read() {
        for (age_s, want) in [
            (0.04, "0.0 s"),
            (119.94, "119.9 s"),
            (120.0, "2 min"),
            (7_199.0, "119 min"),
            (7_200.0, "2 h"),
            (172_799.0, "47 h"),
            (345_600.0, "4 days"),
        ] {
            assert_eq!(in_words(age_s), want, "{age_s}");
        }
    }
}
