//! `waypost status` on what the configuration names: store and bus themselves. Where a process works on the files of a data
//! folder, it is asked, as any server is.

use std::time::{Duration, SystemTime};

use waypost_admin::status_message;
use waypost_bus_embedded::BusFile;
use waypost_cli::status::{StatusArgs, ask, show};
use waypost_domain::Timestamp;
use waypost_live::overview::{Facts, Overview, QueueState, Queues};

use crate::process::Config;
use crate::process::bus::open_bus;
use crate::process::local::{Reached, reach};
use crate::process::store::{STORE_FILE, open_store};
use waypost_cli::Failure;

const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) async fn run(args: StatusArgs) -> Result<(), Failure> {
    let config = match reach(&args.server).await? {
        Reached::Server(server) => return show(&ask(server, &args).await?, &args),
        Reached::Here(config) => config,
    };
    let mut facts = Facts::new(config.watched(), Timestamp::from_system_time(SystemTime::now()), args.max_age());
    read_store(&config, &mut facts).await;
    facts.read_rules_file().await;
    read_queues(&config, &mut facts).await;
    show(&status_message(&Overview::of(facts), config.rules.file.as_deref()), &args)
}

async fn read_store(config: &Config, facts: &mut Facts) {
    if config.store.is_embedded() && !config.data_dir.join(STORE_FILE).exists() {
        let what = format!("store: no {STORE_FILE} in {}", config.data_dir.display());
        return facts.unreadable(what, "name the configuration (--config), or start `waypost run`");
    }
    match open_store(config).await {
        Ok(store) => {
            facts.read_store(&store).await;
            store.close().await;
        }
        Err(failure) => facts.unreadable(told(&failure), "check store.url, and whether the database runs"),
    }
}

async fn read_queues(config: &Config, facts: &mut Facts) {
    if config.bus.is_embedded() {
        match read_file(config, facts) {
            Ok(queues) => facts.queues = Some(queues),
            Err(failure) => {
                facts.unreadable(told(&failure), "name the configuration (--config), or start `waypost run`")
            }
        }
        return;
    }
    match open_bus(config).await {
        Ok(bus) => {
            facts.read_bus(&*bus).await;
            bus.close(GOODBYE_TIMEOUT).await;
        }
        Err(failure) => facts.unreadable(told(&failure), "check bus.url, and whether the broker runs"),
    }
}

/// The queues that there should be, as the file of the embedded bus has them. Where no process has it open, nobody consumes.
fn read_file(config: &Config, facts: &Facts) -> Result<Queues, Failure> {
    let failed = |error| Failure::failed(format!("bus: {error}"));
    let file = BusFile::open_read_only(&config.data_dir).map_err(failed)?;
    let consumers = if BusFile::is_in_use(&config.data_dir).map_err(failed)? { None } else { Some(0) };
    let stored = file.queues().map_err(failed)?;
    let state = |name: &String| {
        let queue = stored.iter().find(|queue| queue.name == *name)?;
        Some(QueueState { messages: queue.messages, oldest_at: queue.oldest_at, consumers })
    };
    Ok(facts.queue_names().into_iter().map(|name| (name.clone(), state(&name))).collect())
}

fn told(failure: &Failure) -> String {
    failure.message().unwrap_or("it cannot be read").to_owned()
}
