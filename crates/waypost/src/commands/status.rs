//! `waypost status`: is it healthy, and where does it stand?

use std::collections::BTreeSet;

use serde::Serialize;
use waypost_bus::{Bus, Topology};
use waypost_bus_embedded::BusFile;
use waypost_domain::Timestamp;
use waypost_store::Store;

use crate::cli::StatusArgs;
use crate::output;
use crate::process::Config;
use crate::process::bus::open_bus;
use crate::process::rules::rules_of;
use crate::process::store::{STORE_FILE, open_store};
use waypost_cli::Failure;
use waypost_cli::show::Table;

#[derive(Serialize)]
struct Status {
    healthy: bool,
    /// Why not, a sentence each.
    problems: Vec<String>,
    partitions: Vec<Partition>,
    queues: Vec<Queue>,
    /// Numbers on which nobody was seen to answer for 30 days: silence ends conversations there.
    numbers_without_answers: Vec<String>,
    /// Of the message that has waited longest for a worker.
    oldest_age_s: Option<f64>,
}

#[derive(Serialize)]
struct Partition {
    component: &'static str,
    partition: u16,
    owner: Option<String>,
    epoch: i64,
    oldest_age_s: Option<f64>,
}

#[derive(Serialize)]
struct Queue {
    queue: String,
    /// `None`: the queue does not exist.
    messages: Option<u64>,
    oldest_age_s: Option<f64>,
}

pub(crate) async fn run(args: StatusArgs) -> Result<(), Failure> {
    let config = Config::of(&args.config)?;
    let mut status = Status {
        healthy: false,
        problems: Vec::new(),
        partitions: Vec::new(),
        queues: Vec::new(),
        numbers_without_answers: Vec::new(),
        oldest_age_s: None,
    };
    status.read_store(&config).await;
    status.read_queues(&config).await;
    status.judge(args.max_age_s);
    if args.json {
        output::line(&serde_json::to_string(&status).map_err(Failure::failed)?)?;
    } else {
        status.print()?;
    }
    if status.healthy { Ok(()) } else { Err(Failure::Failed(format!("unhealthy: {}", status.problems.join("; ")))) }
}

impl Status {
    async fn read_store(&mut self, config: &Config) {
        if config.store.is_embedded() && !config.data_dir.join(STORE_FILE).exists() {
            self.problems.push(format!("store: no {STORE_FILE} in {}", config.data_dir.display()));
            return;
        }
        let store = match open_store(config).await {
            Ok(store) => store,
            Err(failure) => {
                self.problems.push(failure.message().unwrap_or("store unavailable").to_owned());
                return;
            }
        };
        if let Err(error) = self.read_leases(&store, config).await {
            self.problems.push(format!("store: {error}"));
        }
        store.close().await;
    }

    async fn read_leases(&mut self, store: &Store, config: &Config) -> Result<(), waypost_store::StoreError> {
        store.require_schema().await?;
        let now = store.now().await?;
        let answered = store.answered_numbers().await?;
        let names: BTreeSet<_> = store.numbers().await?.into_iter().map(|number| number.name).collect();
        self.numbers_without_answers = names.difference(&answered).map(|name| name.as_str().to_owned()).collect();
        for (component, partitions) in config.router_leases() {
            let leases = store.leases(component).await?;
            let never_owned = usize::from(partitions).saturating_sub(leases.len());
            if never_owned > 0 {
                self.problems.push(format!("{component}: {never_owned} of {partitions} partitions were never owned"));
            }
            for lease in leases {
                let owner = lease.owner.filter(|_| lease.expires_at > now);
                if owner.is_none() {
                    self.problems.push(format!("{component} {}: nobody owns it", lease.partition));
                }
                self.partitions.push(Partition {
                    component,
                    partition: lease.partition.0,
                    owner,
                    epoch: lease.epoch,
                    oldest_age_s: lease.oldest_at.map(|at| age_s(now, at)),
                });
            }
        }
        Ok(())
    }

    async fn read_queues(&mut self, config: &Config) {
        let topology = match rules_of(config).await {
            Ok(rules) => config.topology_for(&rules.team_names()),
            Err(failure) => {
                self.problems.push(failure.message().unwrap_or("no rules").to_owned());
                return;
            }
        };
        let read = if config.bus.is_embedded() {
            self.read_bus_file(config, &topology)
        } else {
            self.read_broker(config, &topology).await
        };
        if let Err(failure) = read {
            self.problems.push(failure.message().unwrap_or("bus unavailable").to_owned());
        }
    }

    fn read_bus_file(&mut self, config: &Config, topology: &Topology) -> Result<(), Failure> {
        let file = BusFile::open_read_only(&config.data_dir).map_err(of_bus)?;
        let stored = file.queues().map_err(of_bus)?;
        let now = now();
        for queue in &topology.queues {
            let found = stored.iter().find(|stored| stored.name == queue.name);
            self.queues.push(Queue {
                queue: queue.name.clone(),
                messages: found.map(|stored| stored.messages),
                oldest_age_s: found.and_then(|stored| stored.oldest_at).map(|at| age_s(now, at)),
            });
        }
        Ok(())
    }

    async fn read_broker(&mut self, config: &Config, topology: &Topology) -> Result<(), Failure> {
        let bus = open_bus(config).await?;
        let read = self.read_depths(&*bus, topology).await;
        bus.close(std::time::Duration::from_secs(2)).await;
        read
    }

    async fn read_depths(&mut self, bus: &dyn Bus, topology: &Topology) -> Result<(), Failure> {
        for queue in &topology.queues {
            let depth = bus.depth(&queue.name).await.map_err(of_bus)?;
            self.queues.push(Queue {
                queue: queue.name.clone(),
                messages: depth.map(|depth| depth.ready + depth.unacknowledged.unwrap_or(0)),
                oldest_age_s: depth.and_then(|depth| depth.oldest_at).map(|at| age_s(now(), at)),
            });
        }
        Ok(())
    }

    fn judge(&mut self, max_age_s: u64) {
        for queue in self.queues.iter().filter(|queue| queue.messages.is_none()) {
            self.problems.push(format!("queue {} does not exist", queue.queue));
        }
        // What waits for a worker of ours; a team's backlog is the team's.
        let queued = self.queues.iter().filter(|queue| is_ours(&queue.queue)).filter_map(|queue| queue.oldest_age_s);
        let ages = queued.chain(self.partitions.iter().filter_map(|partition| partition.oldest_age_s));
        self.oldest_age_s = ages.reduce(f64::max);
        let limit = std::time::Duration::from_secs(max_age_s).as_secs_f64();
        if let Some(age) = self.oldest_age_s.filter(|age| *age > limit) {
            self.problems.push(format!("the oldest waiting message is {age:.0} s old"));
        }
        self.healthy = self.problems.is_empty();
    }

    fn print(&self) -> Result<(), Failure> {
        let mut partitions = table(&["component", "partition", "owner", "epoch", "oldest"]);
        for row in &self.partitions {
            partitions.add_row([
                row.component.to_owned(),
                format!("p{:02}", row.partition),
                row.owner.clone().unwrap_or_else(|| "nobody".to_owned()),
                row.epoch.to_string(),
                shown_age(row.oldest_age_s),
            ]);
        }
        let mut queues = table(&["queue", "messages", "oldest"]);
        for row in &self.queues {
            let messages = row.messages.map_or_else(|| "missing".to_owned(), |count| count.to_string());
            queues.add_row([row.queue.clone(), messages, shown_age(row.oldest_age_s)]);
        }
        output::line(&partitions.to_string())?;
        output::line(&queues.to_string())?;
        if !self.numbers_without_answers.is_empty() {
            let numbers = self.numbers_without_answers.join(", ");
            output::line(&format!("no answers seen for 30 days, so silence ends conversations: {numbers}"))?;
        }
        output::line(if self.healthy { "healthy" } else { "unhealthy" })
    }
}

fn of_bus(error: impl std::fmt::Display) -> Failure {
    Failure::failed(format!("bus: {error}"))
}

fn is_ours(queue: &str) -> bool {
    ["wa.in.", "wa.st.", "wa.account"].iter().any(|prefix| queue.starts_with(prefix))
}

pub(crate) fn table(header: &[&str]) -> Table {
    Table::new(header)
}

fn shown_age(age_s: Option<f64>) -> String {
    age_s.map_or_else(|| "-".to_owned(), |age| format!("{age:.1} s"))
}

fn age_s(now: Timestamp, at: Timestamp) -> f64 {
    let millis = u64::try_from(now.millis_since(at)).unwrap_or(0);
    std::time::Duration::from_millis(millis).as_secs_f64()
}

fn now() -> Timestamp {
    Timestamp::from_system_time(std::time::SystemTime::now())
}
