//! The rules in force: where they come from, and how they are replaced, always whole and only by good ones.
//!
//! They come from a file, or from the versions in the store that were activated. Both are looked at twice a second, by
//! every process for itself. Must never let a message be decided by a part of one version and a part of another.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};
use waypost_domain::{ContactId, NumberName, Team, TeamName};
use waypost_rules::{RuleErrors, RuleSet, percent};
use waypost_store::{Activation, Store, StoreError};

use crate::metrics;

const POLL_EVERY: Duration = Duration::from_millis(500);
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Why rules are not in force: the old ones stay.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    #[error("cannot read rules file {path}: {source}")]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("rules file {path} is refused:\n{errors}")]
    Refused { path: PathBuf, errors: RuleErrors },
    /// It was good when it was checked: this release reads it otherwise.
    #[error("rule set {number} is refused:\n{errors}")]
    VersionRefused { number: i64, errors: RuleErrors },
    #[error("rule set {0} is not in the store")]
    VersionMissing(i64),
    /// A defect of ours: reading it panicked.
    #[error("rule set {number} was not compiled: {source}")]
    NotCompiled {
        number: i64,
        #[source]
        source: tokio::task::JoinError,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What decides at one moment. A batch keeps what it began with.
#[derive(Debug)]
pub struct RulesInForce {
    active: Arc<RuleSet>,
    trial: Option<Trial>,
    shadow: Option<Arc<RuleSet>>,
}

/// Rules that are tried on some.
#[derive(Debug)]
struct Trial {
    rules: Arc<RuleSet>,
    percent: u8,
    numbers: BTreeSet<NumberName>,
}

impl RulesInForce {
    /// One version for everybody.
    pub fn only(rules: impl Into<Arc<RuleSet>>) -> Self {
        Self { active: rules.into(), trial: None, shadow: None }
    }

    /// The rules for a message: those on trial for whoever writes to one of its numbers and for its part of all
    /// contacts, who stay the same while the trial goes on and grows.
    pub fn for_message(&self, number: &NumberName, contact: Option<ContactId>) -> &RuleSet {
        let on_trial = self.trial.as_ref().filter(|trial| {
            let is_drawn = |contact: ContactId| percent::bucket(&trial.rules.version, &contact.to_string());
            trial.numbers.contains(number) || contact.is_some_and(|contact| is_drawn(contact) < trial.percent)
        });
        on_trial.map_or(&self.active, |trial| &trial.rules)
    }

    /// Those for everybody who is not on trial.
    pub fn active(&self) -> &RuleSet {
        &self.active
    }

    /// Rules that decide beside the others, for comparison.
    pub fn shadow(&self) -> Option<&RuleSet> {
        self.shadow.as_deref()
    }

    /// Every set whose decisions count.
    pub fn routing(&self) -> impl Iterator<Item = &RuleSet> {
        [Some(&self.active), self.trial.as_ref().map(|trial| &trial.rules)].into_iter().flatten().map(|rules| &**rules)
    }

    /// Whether any rule asks for the customer's language, one that only decides beside the others included.
    pub fn look_at_language(&self) -> bool {
        self.routing().chain(self.shadow()).any(RuleSet::looks_at_language)
    }

    /// The teams whose queues any rule asks about, one that only decides beside the others included.
    pub fn look_at_queues_of(&self) -> BTreeSet<TeamName> {
        self.routing().chain(self.shadow()).flat_map(RuleSet::looks_at_queues_of).cloned().collect()
    }

    /// Every team that a decision can name.
    pub fn team_names(&self) -> BTreeSet<TeamName> {
        self.routing().flat_map(RuleSet::team_names).collect()
    }

    /// The team as the first set that knows it describes it.
    pub fn team(&self, name: &TeamName) -> Option<&Team> {
        self.routing().find_map(|rules| rules.team(name))
    }
}

enum Source {
    /// Given, not read.
    Fixed,
    File(PathBuf),
    /// The revision that was read first.
    Store(Store, i64),
}

/// The rules in force, and where the next ones come from. Readers never lock.
pub struct Rules {
    source: Source,
    current: ArcSwap<RulesInForce>,
}

impl Rules {
    /// Rules that nothing replaces but [`replace`](Self::replace).
    pub fn fixed(rules: RuleSet) -> Self {
        Self { source: Source::Fixed, current: ArcSwap::from_pointee(RulesInForce::only(rules)) }
    }

    /// Reads a file, which is to be followed.
    pub fn open_file(path: impl Into<PathBuf>) -> Result<Self, RulesError> {
        let path = path.into();
        let rules = read_file(&path)?;
        Ok(Self { source: Source::File(path), current: ArcSwap::from_pointee(RulesInForce::only(rules)) })
    }

    /// The teams that a file's rules name, where these are good: asked again and again, beside whatever serves messages.
    pub async fn teams_of_file(path: &Path) -> Result<BTreeSet<TeamName>, RulesError> {
        read_file_apart(path).await.map(|rules| rules.team_names())
    }

    /// `None` while nothing was activated.
    pub async fn open_store(store: Store) -> Result<Option<Self>, RulesError> {
        let Some(activation) = store.activation().await? else { return Ok(None) };
        let current = load(&store, &activation, &[]).await?;
        Ok(Some(Self { source: Source::Store(store, activation.revision), current: ArcSwap::from_pointee(current) }))
    }

    /// What decides now. Keep it for one batch.
    pub fn current(&self) -> Arc<RulesInForce> {
        self.current.load_full()
    }

    /// Puts others in force, for every batch that begins from now on.
    pub fn replace(&self, rules: Arc<RulesInForce>) {
        self.current.store(rules);
    }

    /// Follows the source until `shutdown`, whatever hangs then; calls `changed` with all new rules before they are used, so that the queues
    /// of new teams are there first. When `changed` fails, they are tried again at the next look.
    pub async fn follow<F, E>(&self, shutdown: CancellationToken, changed: impl Fn(Arc<RulesInForce>) -> F)
    where
        F: Future<Output = Result<(), E>>,
        E: std::fmt::Display,
    {
        let mut follower = match &self.source {
            Source::Fixed => return,
            Source::File(path) => Follower::File { path, seen: stamp(path) },
            Source::Store(store, revision) => Follower::Store { store, seen: *revision },
        };
        let keep_up = async {
            loop {
                tokio::time::sleep(POLL_EVERY).await;
                let Some(found) = follower.poll(&self.current()).await else { continue };
                let rules = Arc::new(found.rules);
                if let Err(reason) = changed(rules.clone()).await {
                    error!(%reason, "new rules not in force yet");
                    continue;
                }
                follower.remember(found.mark);
                info!(version = rules.active.version, rules = rules.active.rule_count(), "new rules in force");
                ::metrics::counter!(metrics::RULES_READ, "outcome" => "loaded").increment(1);
                self.replace(rules);
            }
        };
        // What `changed` has begun is begun again by the next process.
        shutdown.run_until_cancelled(keep_up).await;
    }
}

type Stamp = Option<(SystemTime, u64)>;

enum Follower<'a> {
    File { path: &'a Path, seen: Stamp },
    Store { store: &'a Store, seen: i64 },
}

struct Found {
    rules: RulesInForce,
    mark: Mark,
}

enum Mark {
    Stamp(Stamp),
    Revision(i64),
}

impl Follower<'_> {
    /// What is new. What is refused is told once; what could not be read is tried again.
    async fn poll(&mut self, current: &RulesInForce) -> Option<Found> {
        match self {
            Self::File { path, seen } => {
                let now = stamp(path);
                if now == *seen {
                    return None;
                }
                match read_file_apart(path).await {
                    Ok(rules) => Some(Found { rules: RulesInForce::only(rules), mark: Mark::Stamp(now) }),
                    Err(error) => {
                        *seen = now;
                        refused(&error);
                        None
                    }
                }
            }
            Self::Store { store, seen } => match poll_store(store, *seen, current).await {
                Ok(found) => found,
                Err((revision, error)) => {
                    *seen = revision.filter(|_| !matches!(error, RulesError::Store(_))).unwrap_or(*seen);
                    refused(&error);
                    None
                }
            },
        }
    }

    fn remember(&mut self, mark: Mark) {
        match (self, mark) {
            (Self::File { seen, .. }, Mark::Stamp(stamp)) => *seen = stamp,
            (Self::Store { seen, .. }, Mark::Revision(revision)) => *seen = revision,
            (Self::File { .. }, Mark::Revision(_)) | (Self::Store { .. }, Mark::Stamp(_)) => {}
        }
    }
}

fn refused(error: &RulesError) {
    ::metrics::counter!(metrics::RULES_READ, "outcome" => "refused").increment(1);
    error!(%error, "new rules refused; the old ones stay in force");
}

async fn poll_store(
    store: &Store,
    seen: i64,
    current: &RulesInForce,
) -> Result<Option<Found>, (Option<i64>, RulesError)> {
    let activation = store.activation().await.map_err(|error| (None, error.into()))?;
    let Some(activation) = activation.filter(|activation| activation.revision != seen) else { return Ok(None) };
    let revision = activation.revision;
    let known: Vec<Arc<RuleSet>> = [Some(&current.active), current.trial.as_ref().map(|trial| &trial.rules)]
        .into_iter()
        .chain([current.shadow.as_ref()])
        .flatten()
        .cloned()
        .collect();
    let rules = load(store, &activation, &known).await.map_err(|error| (Some(revision), error))?;
    Ok(Some(Found { rules, mark: Mark::Revision(revision) }))
}

/// Reads and compiles what an activation names, except for what is `known`.
async fn load(store: &Store, activation: &Activation, known: &[Arc<RuleSet>]) -> Result<RulesInForce, RulesError> {
    let in_force = &activation.in_force;
    let active = version(store, in_force.active, known).await?;
    let trial = match &in_force.trial {
        None => None,
        Some(trial) => {
            let rules = version(store, trial.rule_set, known).await?;
            Some(Trial { rules, percent: trial.percent, numbers: trial.numbers.iter().cloned().collect() })
        }
    };
    let shadow = match in_force.shadow {
        None => None,
        Some(number) => Some(version(store, number, known).await?),
    };
    Ok(RulesInForce { active, trial, shadow })
}

async fn version(store: &Store, number: i64, known: &[Arc<RuleSet>]) -> Result<Arc<RuleSet>, RulesError> {
    let row = store.rule_set(number).await?.ok_or(RulesError::VersionMissing(number))?;
    if let Some(known) = known.iter().find(|known| known.version == row.hash) {
        return Ok(known.clone());
    }
    // A large set takes a second: not on a thread that serves messages.
    let compiled = tokio::task::spawn_blocking(move || RuleSet::restore(&row.text, &row.hash));
    let rules = compiled.await.map_err(|source| RulesError::NotCompiled { number, source })?;
    rules.map(Arc::new).map_err(|errors| RulesError::VersionRefused { number, errors })
}

/// The same on a thread that serves nobody: a large file takes a second.
async fn read_file_apart(path: &Path) -> Result<RuleSet, RulesError> {
    let file = path.to_owned();
    let reading = tokio::task::spawn_blocking(move || read_file(&file));
    reading.await.unwrap_or_else(|source| {
        Err(RulesError::Unreadable { path: path.to_owned(), source: std::io::Error::other(source) })
    })
}

fn read_file(path: &Path) -> Result<RuleSet, RulesError> {
    let unreadable = |source| RulesError::Unreadable { path: path.to_owned(), source };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > FILE_BYTES_MAX {
        return Err(unreadable(std::io::Error::other(format!("{size} bytes; at most {FILE_BYTES_MAX}"))));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    RuleSet::parse(&text).map_err(|errors| RulesError::Refused { path: path.to_owned(), errors })
}

/// Modification time and length: what tells that a file was written. A Kubernetes ConfigMap swaps a symbolic link,
/// which both follow.
fn stamp(path: &Path) -> Stamp {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests {
    use waypost_domain::IdSource;
    use waypost_store::TimeOrderedIds;

    use super::*;

    fn rules(team: &str) -> Arc<RuleSet> {
        let text =
            format!("[default]\nteam='{team}'\n[handover]\nteam='{team}'\nbuttons=['h']\n[[teams]]\nname='{team}'\n");
        Arc::new(RuleSet::parse(&text).unwrap())
    }

    fn on_trial(percent: u8, numbers: &[&str]) -> RulesInForce {
        let numbers = numbers.iter().map(|name| NumberName::new(*name).unwrap()).collect();
        let trial = Some(Trial { rules: rules("trial"), percent, numbers });
        RulesInForce { active: rules("active"), trial, shadow: None }
    }

    /// Of the hundredths that `percent` draws, those below the trial's share see it: so nobody leaves it as it grows.
    #[test]
    fn a_trial_is_for_its_share_of_the_contacts() {
        let number = NumberName::new("support").unwrap();
        let contacts: Vec<ContactId> = (0..10_000).map(|_| ContactId::from_uuid(TimeOrderedIds.next_id())).collect();
        for percent in [0, 1, 50, 99, 100] {
            let rules = on_trial(percent, &[]);
            let (mut tried, mut spared) = (BTreeSet::new(), BTreeSet::new());
            for contact in &contacts {
                let is_on_trial = rules.for_message(&number, Some(*contact)).version == rules.trial().version;
                let drawn = if is_on_trial { &mut tried } else { &mut spared };
                drawn.insert(percent::bucket(&rules.trial().version, &contact.to_string()));
            }
            assert_eq!((tried, spared), ((0..percent).collect(), (percent..100).collect()), "{percent} %");
        }
    }

    #[test]
    fn a_trial_is_for_whoever_writes_to_its_numbers() {
        let rules = on_trial(0, &["sales"]);
        for (number, is_on_trial) in [("sales", true), ("support", false)] {
            let number = NumberName::new(number).unwrap();
            for contact in [None, Some(ContactId::from_uuid(TimeOrderedIds.next_id()))] {
                let found = rules.for_message(&number, contact).version == rules.trial().version;
                assert_eq!(found, is_on_trial, "{number}, {contact:?}");
            }
        }
        // Whom nobody can tell from others cannot be kept in it.
        let number = NumberName::new("support").unwrap();
        assert_eq!(on_trial(100, &[]).for_message(&number, None).version, rules.active().version);
    }

    impl RulesInForce {
        fn trial(&self) -> &RuleSet {
            &self.trial.as_ref().unwrap().rules
        }
    }
}
