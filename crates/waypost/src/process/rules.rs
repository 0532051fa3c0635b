//! The rules of this process: where they come from, and what must be there before they decide.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::warn;
use waypost_bus::Bus;
use waypost_domain::Team;
use waypost_live::{Rules, RulesError, RulesInForce};
use waypost_ops::{State, Switch};
use waypost_rules::RuleSet;
use waypost_store::{Store, StoreError};

use super::Config;
use super::section::section;
use super::store::open_store;
use waypost_cli::Failure;

const NO_RULES: &str = "no rules are active, and rules.file names none";
const REMEDY: &str = "`waypost rules push` and `waypost rules activate`, or set rules.file";
const RULES_EVERY: Duration = Duration::from_millis(500);

section! {
    /// The rules that decide.
    RulesSection = "rules" {
        /// The rules file (TOML), looked at twice a second. Without one: the versions in the store that are activated.
        #[serde(skip_serializing_if = "Option::is_none")]
        file: Option<PathBuf> = None,
    }
}

/// The rules in force: the file that the configuration names, else what was activated.
pub(crate) async fn rules_of(config: &Config) -> Result<Arc<RulesInForce>, Failure> {
    if let Some(file) = &config.rules.file {
        return Rules::open_file(file).map(|rules| rules.current()).map_err(Failure::config);
    }
    let store = open_store(config).await?;
    store.require_schema().await.map_err(|error| Failure::failed(format!("store: {error}")))?;
    let rules = Rules::open_store(store.clone()).await;
    store.close().await;
    match rules.map_err(Failure::failed)? {
        Some(rules) => Ok(rules.current()),
        None => Err(Failure::failed(NO_RULES)),
    }
}

/// The same for a process that goes on to follow them. Waits for the first activation, which `state` says meanwhile;
/// `None` when the process is asked to stop before.
pub(crate) async fn open_rules(
    config: &Config,
    store: &Store,
    state: &Switch,
    shutdown: &CancellationToken,
) -> Result<Option<Arc<Rules>>, Failure> {
    if let Some(file) = &config.rules.file {
        return Rules::open_file(file).map(|rules| Some(Arc::new(rules))).map_err(Failure::config);
    }
    let mut is_logged = false;
    loop {
        match Rules::open_store(store.clone()).await {
            Ok(Some(rules)) => return Ok(Some(Arc::new(rules))),
            Ok(None) if is_logged => {}
            Ok(None) => {
                is_logged = true;
                state.set(State::NotReady(format!("{NO_RULES}: {REMEDY}")));
                warn!("{NO_RULES}: messages wait in the partitions' queues");
            }
            Err(RulesError::Store(error)) if error.is_transient() => warn!(%error, "rules not read yet"),
            Err(error) => return Err(Failure::failed(error)),
        }
        if shutdown.run_until_cancelled(tokio::time::sleep(RULES_EVERY)).await.is_none() {
            return Ok(None);
        }
    }
}

/// Makes the queues and the teams of rules before they are used, and keeps what the rules say. `before`: the rules that
/// were adopted last; where these have all the teams, the queues are there, and a slow broker holds no activation up.
pub(crate) async fn adopt_rules(
    config: &Config,
    bus: &dyn Bus,
    store: &Store,
    rules: &RulesInForce,
    before: Option<&RulesInForce>,
) -> Result<(), Failure> {
    let failed = |error: StoreError| Failure::failed(format!("teams: {error}"));
    let mut teams = rules.team_names();
    if config.bus.declare && !before.is_some_and(|before| teams.is_subset(&before.team_names())) {
        // A broken bus may have lost what the administration once declared.
        let stored = store.teams().await.map_err(failed)?;
        teams.extend(stored.into_iter().map(|team| team.name));
        let queues = config.topology_for(&teams);
        bus.declare(&queues).await.map_err(|error| Failure::failed(format!("topology: {error}")))?;
    }
    // All at once: whoever is not among them counts as left out of the rules.
    let teams: Vec<Team> = rules.routing().flat_map(|set| set.teams.iter().cloned()).collect();
    store.upsert_teams(&teams).await.map_err(failed)?;
    for set in rules.routing() {
        keep_text(store, set).await?;
    }
    waypost_router::metrics::begin(rules);
    Ok(())
}

/// Keeps what rules of a file say, for whoever asks later why they decided so. Routing does not stand still for it: a
/// store that refuses, as one does whose rights were not granted anew, is only told of.
async fn keep_text(store: &Store, rules: &RuleSet) -> Result<(), Failure> {
    match store.keep_rule_text(&rules.version, &rules.text()).await {
        Ok(()) => Ok(()),
        Err(error) if error.is_transient() => Err(Failure::failed(format!("rules: {error}"))),
        Err(error) => {
            warn!(version = rules.version, %error, "what the rules say is not kept; their decisions cannot be explained");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bus::open_bus;
    use super::super::store::ready_store;
    use super::*;

    fn rules(teams: &[&str]) -> RulesInForce {
        let of = |team: &&str| format!("[[teams]]\nname = '{team}'\n");
        let teams: String = teams.iter().map(of).collect();
        let text = format!("[default]\nteam = 'desk'\n[handover]\nteam = 'desk'\nbuttons = ['h']\n{teams}");
        RulesInForce::only(RuleSet::parse(&text).unwrap())
    }

    /// A broker that is slow, or away, would hold up each activation of rules whose queues have long been there.
    #[tokio::test]
    async fn the_broker_is_asked_only_for_new_teams() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
        let (bus, store) = (open_bus(&config).await.unwrap(), ready_store(&config).await.unwrap());
        let before = rules(&["desk", "people"]);
        adopt_rules(&config, &*bus, &store, &before, None).await.unwrap();
        bus.close(Duration::from_secs(10)).await;
        for (teams, is_adopted) in [(&["desk"][..], true), (&["desk", "people"], true), (&["desk", "vip"], false)] {
            let adopted = adopt_rules(&config, &*bus, &store, &rules(teams), Some(&before)).await;
            assert_eq!(adopted.is_ok(), is_adopted, "{teams:?}");
        }
        store.close().await;
    }
}
