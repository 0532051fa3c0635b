//! Versions of the rules, activated one after the other under load. 24b.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio_postgres::{Client, Row};
use waypost_domain::NumberName;
use waypost_ledger::{MadeFact, StoreFacts};
use waypost_rules::RuleSet;
use waypost_store::{InForce, Store, StoreOptions, StoreUrl, TrialRow};
use waypost_tests::eventually;

use super::run::{RULES, Run};
use super::{Scale, last};
use crate::database;
use crate::deployment::{Backend, Deployment};
use crate::replicas::wait_for_owners;

const DEADLINE: Duration = Duration::from_secs(60);
const LARGE_RULES: usize = 10_000;
/// How much longer than a process that does nothing else, at the same moment, a router may take to read a version.
const DISTURBED: u32 = 3;

#[tokio::test]
async fn fault_24b_versions_swapped() -> anyhow::Result<()> {
    let scale = Scale::from_env();
    let deployment = Deployment::new(Backend::Servers, RULES)?.without_rules_file()?;
    let url = deployment.servers().context("servers")?.postgres_url.clone();
    let mut versions = Versions::open(&url).await?;
    let (one, two, three) = (version("frontdesk"), version("support"), version("people"));
    let (one, two, three) = (versions.push(&one).await?, versions.push(&two).await?, versions.push(&three).await?);
    let large = versions.push(&large()).await?;
    versions.activate(only(one)).await?;
    let _one = deployment.start_component("router", "one", &[]).await?;
    let _two = deployment.start_component("router", "two", &[]).await?;
    let _sender = deployment.start_component("sender", "sender", &[]).await?;
    let _door = deployment.start_component("ingress", "door", &[]).await?;
    wait_for_owners(&deployment, &[("one", 2), ("two", 2)]).await;

    let mut run = Run::start("24b versions swapped", &deployment)?;
    run.accepted(200).await;
    let number = versions.number().await?;
    let trial = |percent, numbers: &[&NumberName]| {
        let numbers = numbers.iter().map(|name| (*name).clone()).collect();
        InForce { trial: Some(TrialRow { rule_set: three, percent, numbers }), ..only(two) }
    };
    for _ in 0..scale.pick(1, 5) {
        let steps = [
            (only(two), two),
            (trial(10, &[]), three),
            (trial(60, &[]), three),
            (trial(0, &[&number]), three),
            (InForce { shadow: Some(one), ..only(three) }, three),
            (only(large), large),
            // Back.
            (only(one), one),
        ];
        for (in_force, decides) in steps {
            versions.activate(in_force).await?;
            versions.decides(decides).await?;
            last(scale.seconds(2, 8)).await;
        }
    }
    run.healed().await?;
    run.timing = Some(versions.timing);
    let (_, ledger) = run.finish().await?;
    let facts = ledger.store.context("the store was read")?;
    let timed = facts.decisions.iter().filter(|decision| decision.outcome.is_some());
    ensure!(timed.clone().count() > 0 && timed.clone().all(|decision| decision.made.is_some()), "some were not timed");
    let owners: Vec<_> = facts.leases.iter().filter_map(|lease| lease.owner.as_deref()).collect();
    ensure!(["one", "two"].iter().all(|owner| owners.contains(owner)), "not shared: {owners:?}");
    Ok(())
}

/// Rules that differ from all other versions' in every id, and in who gets what nobody else gets.
fn version(team: &str) -> String {
    RULES
        .replacen("team = \"frontdesk\"", &format!("team = \"{team}\""), 1)
        .replace("\nid = \"", &format!("\nid = \"{team}-"))
}

fn large() -> String {
    let rule = |n| format!("\n[[rules]]\nid = \"large-{n}\"\nteam = \"vip\"\nwhen = {{ keyword = \"zz{n}\" }}\n");
    version("billing") + &(0..LARGE_RULES).map(rule).collect::<String>()
}

fn only(active: i64) -> InForce {
    InForce { active, ..InForce::default() }
}

/// What these take to be read now, on a machine that is as busy as it is.
async fn reading(texts: Vec<String>) -> anyhow::Result<Duration> {
    let read = move || {
        let began = Instant::now();
        texts.iter().try_for_each(|text| RuleSet::parse(text).map(drop))?;
        Ok(began.elapsed())
    };
    tokio::task::spawn_blocking(read).await?
}

/// The store as the administration changes it.
struct Versions {
    store: Store,
    database: Client,
    hashes: HashMap<i64, String>,
    texts: HashMap<i64, String>,
    timing: Timing,
}

impl Versions {
    async fn open(url: &str) -> anyhow::Result<Self> {
        let store = Store::open(&StoreUrl::parse(url)?, StoreOptions::default()).await?;
        store.migrate().await?;
        let database = database::session(url).await?;
        // A column of the test's own: rows are inserted without a word about it, so the database notes when.
        let note = "ALTER TABLE inbox ADD COLUMN decided_at TIMESTAMPTZ DEFAULT clock_timestamp()";
        database.batch_execute(note).await?;
        let timing = Timing { url: url.to_owned(), more: BTreeMap::new() };
        Ok(Self { store, database, hashes: HashMap::new(), texts: HashMap::new(), timing })
    }

    async fn push(&mut self, text: &str) -> anyhow::Result<i64> {
        let hash = RuleSet::parse(text)?.version;
        let mut change = self.store.begin_change().await?;
        let number = change.push_rule_set(&hash, text, "a test", "").await?.number;
        change.mark_rule_set_checked(number).await?;
        change.commit(&[]).await?;
        self.hashes.insert(number, hash);
        self.texts.insert(number, text.to_owned());
        Ok(number)
    }

    async fn activate(&mut self, in_force: InForce) -> anyhow::Result<()> {
        let mut change = self.store.begin_change().await?;
        let revision = change.activate(&in_force, "a test", "", None).await?.revision;
        change.commit(&[]).await?;
        let texts: Vec<String> = in_force.numbers().map(|number| self.texts[&number].clone()).collect();
        self.timing.more.insert(revision, reading(texts).await? * DISTURBED);
        Ok(())
    }

    /// Waits until something was decided by `version` since the last activation.
    async fn decides(&mut self, version: i64) -> anyhow::Result<()> {
        let since = "SELECT count(*) FROM inbox WHERE rule_set = $1 AND decided_at > \
             (SELECT to_timestamp(max(at) / 1000.0) FROM rule_activation)";
        let what = format!("version {version} decides");
        let (database, hash) = (&self.database, &self.hashes[&version]);
        let decided = eventually(&what, DEADLINE, async || {
            let count = database.query_one(since, &[hash]).await;
            count.map(|row| (row.get::<_, i64>(0) > 0).then_some(())).transpose()
        });
        Ok(decided.await?)
    }

    /// One that customers write to.
    async fn number(&self) -> anyhow::Result<NumberName> {
        let numbers = self.store.numbers().await?;
        Ok(numbers.into_iter().next().context("a number")?.name)
    }
}

/// When each decision was made, as the database has noted it.
pub(crate) struct Timing {
    url: String,
    /// By revision: what else it takes to be in force, because this build is no release.
    more: BTreeMap<i64, Duration>,
}

impl Timing {
    /// Adds it to what the store says. Gives the longest time from an activation to the last decision by what was in
    /// force before.
    pub(crate) async fn note(&self, facts: &mut StoreFacts) -> anyhow::Result<Duration> {
        let rows = "SELECT i.decision_id::TEXT, (extract(epoch FROM i.decided_at) * 1000)::BIGINT, i.xmin::TEXT, n.name, \
             i.contact_id::TEXT FROM inbox i JOIN number n ON n.phone_number_id = i.number";
        let rows = database::session(&self.url).await?.query(rows, &[]).await?;
        let made = |row: Row| {
            let (at_ms, transaction, number, contact) = (row.get(1), row.get(2), row.get(3), row.get(4));
            (row.get(0), MadeFact { at_ms, transaction, number, contact })
        };
        let mut made: HashMap<String, MadeFact> = rows.into_iter().map(made).collect();
        for activation in &mut facts.activations {
            let more = self.more.get(&activation.revision).context("an activation of somebody else")?;
            activation.alone_from_ms += i64::try_from(more.as_millis())?;
        }
        let mut alone_after = BTreeMap::<i64, i64>::new();
        for decision in &mut facts.decisions {
            decision.made = made.remove(&decision.decision_id);
            let (Some(outcome), Some(made)) = (&decision.outcome, &decision.made) else { continue };
            let last = facts.activations.iter().rfind(|activation| activation.at_ms <= made.at_ms);
            let overdue = last.filter(|activation| activation.version_for(made) != outcome.rule_set);
            if let Some(activation) = overdue {
                let after = alone_after.entry(activation.revision).or_default();
                *after = (*after).max(made.at_ms - activation.at_ms);
            }
        }
        eprintln!("ms until an activation alone decided, by revision: {alone_after:?}");
        Ok(Duration::from_millis(u64::try_from(alone_after.into_values().max().unwrap_or_default())?))
    }
}
