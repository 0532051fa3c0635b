//! The registry of templates, from Meta's own list: whole accounts, at the start, every hour, and when somebody has heard of
//! something that the list does not have. With it, how Meta says that the account's numbers stand, and the messaging limit.
//!
//! One process does it, under a lease; an account is asked for at most once in [`RegistryConfig::pause`], however many ask. A list
//! that cannot be had leaves what is known. Must never take a template away by a list that was not read whole.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use waypost_cloud_api::answer::{Number, TemplateListed};
use waypost_cloud_api::webhook::AccountNews;
use waypost_domain::{Template, Timestamp, WabaId};
use waypost_graph_client::{CallError, GraphApi, Listed};
use waypost_live::{Sending, SendingLive};
use waypost_store::{Sequence, Store, StoreError, TemplateListRow, TemplateRow, ToldAt};
use waypost_worker::{Due, DueConfig, DueSource, HandleError, Held, Pass, Shard, WorkerConfig};

use crate::hooks::{self, Teller};
use crate::metrics;

/// What Meta lists of an account.
#[async_trait]
pub trait Templates: Send + Sync {
    /// Every language of every template.
    async fn list(&self, waba: &WabaId) -> Result<Listed<TemplateListed>, CallError>;

    /// Every number, with its status, quality and limit.
    async fn numbers(&self, waba: &WabaId) -> Result<Listed<Number>, CallError>;
}

#[async_trait]
impl Templates for GraphApi {
    async fn list(&self, waba: &WabaId) -> Result<Listed<TemplateListed>, CallError> {
        self.templates(waba.as_str()).await
    }

    async fn numbers(&self, waba: &WabaId) -> Result<Listed<Number>, CallError> {
        GraphApi::numbers(self, waba.as_str()).await
    }
}

/// How often is listed.
#[derive(Debug, Clone)]
pub struct RegistryConfig {
    /// How old a list may become.
    pub every: Duration,
    /// How long an account is not asked for again, whatever came of it.
    pub pause: Duration,
    /// How often is looked whether one is to be asked for.
    pub poll_every: Duration,
    /// How long the lists of one look may take.
    pub pass_timeout: Duration,
    /// Accounts that Meta does not know: another carrier's.
    pub apart: BTreeSet<WabaId>,
}

impl Default for RegistryConfig {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(60 * 60),
            pause: Duration::from_secs(60),
            poll_every: Duration::from_secs(1),
            pass_timeout: Duration::from_secs(10 * 60),
            apart: BTreeSet::new(),
        }
    }
}

/// What is looked at of what was kept before, and in one transaction.
const KEPT_MAX: u32 = 10_000;
const KEPT_AT_ONCE: usize = 100;
/// Accounts in one look at most.
const ACCOUNTS_MAX: u32 = 16;

/// A running registry's parts.
pub struct Registry {
    pub config: RegistryConfig,
    pub store: Store,
    pub templates: Arc<dyn Templates>,
    /// Followed by whoever made it.
    pub sending: Arc<SendingLive>,
}

impl Registry {
    /// Runs until `shutdown`. `worker`: what the lease name [`REGISTRY`](crate::REGISTRY) is worked under.
    pub fn run(self, worker: &WorkerConfig, shutdown: CancellationToken) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        metrics::describe();
        let config = DueConfig {
            shards: worker.shards(Sequence::None),
            every: self.config.poll_every,
            rows_max: ACCOUNTS_MAX,
            pass_timeout: self.config.pass_timeout,
        };
        let store = self.store.clone();
        let source = Arc::new(Lists { registry: self, listed: Mutex::default(), has_folded: AtomicBool::new(false) });
        Box::pin(Due::new(config, store, [Shard(0)], source).run(shutdown))
    }
}

struct Lists {
    registry: Registry,
    /// What this process has listed since it started.
    listed: Mutex<HashSet<WabaId>>,
    /// What was kept before this process started is taken in.
    has_folded: AtomicBool,
}

#[async_trait]
impl DueSource for Lists {
    async fn pass(&self, held: &Held, rows_max: u32) -> Result<Pass, HandleError> {
        let Registry { config, store, sending, .. } = &self.registry;
        if !self.has_folded.load(Ordering::Relaxed) {
            self.fold(held).await?;
            self.has_folded.store(true, Ordering::Relaxed);
        }
        let now = store.now().await?;
        let known: HashMap<WabaId, TemplateListRow> =
            store.template_lists().await?.into_iter().map(|row| (row.waba.clone(), row)).collect();
        let numbers = sending.current();
        let accounts = accounts(numbers.numbers.values().map(|number| &number.waba), &config.apart);
        let mut due: Vec<&WabaId> =
            accounts.into_iter().filter(|waba| is_due(known.get(*waba), self.is_first(waba), config, now)).collect();
        let rows_max = usize::try_from(rows_max).unwrap_or(usize::MAX);
        let pass = if due.len() > rows_max { Pass::MoreIsDue } else { Pass::NothingMore };
        due.truncate(rows_max);
        for waba in &due {
            store.try_templates(waba, now).await?;
            self.list(waba).await?;
            self.look_at_numbers(held, &numbers, waba).await?;
        }
        if !due.is_empty() {
            sending.refresh().await?;
        }
        Ok(pass)
    }
}

/// Those that Meta lists.
fn accounts<'a>(of_numbers: impl Iterator<Item = &'a WabaId>, apart: &BTreeSet<WabaId>) -> BTreeSet<&'a WabaId> {
    of_numbers.filter(|waba| !waba.is_empty() && !apart.contains(*waba)).collect()
}

fn is_due(known: Option<&TemplateListRow>, is_first: bool, config: &RegistryConfig, now: Timestamp) -> bool {
    let Some(known) = known else { return true };
    if known.tried_at.is_some_and(|tried_at| now < tried_at.plus(config.pause)) {
        return false;
    }
    let Some(listed_at) = known.listed_at else { return true };
    let is_wanted = known.wanted_at.is_some_and(|wanted_at| wanted_at >= listed_at);
    is_first || is_wanted || now >= listed_at.plus(config.every)
}

impl Lists {
    /// Given a release before this one that kept what Meta told and did nothing with it, then it counts from the start on. What
    /// was taken in before is old, and changes nothing.
    async fn fold(&self, held: &Held) -> Result<(), StoreError> {
        let Registry { store, sending, .. } = &self.registry;
        let (sending, now) = (sending.current(), store.now().await?);
        for some in store.account_changes(&AccountNews::FIELDS, KEPT_MAX).await?.chunks(KEPT_AT_ONCE) {
            let mut tx = store.begin_record(&held.fence(0, None)).await?;
            for change in some {
                hooks::take_in(&mut tx, &sending, change, now).await?;
            }
            tx.commit().await?;
        }
        Ok(())
    }

    fn is_first(&self, waba: &WabaId) -> bool {
        !self.listed.lock().unwrap_or_else(PoisonError::into_inner).contains(waba)
    }

    /// The list of an account takes the place of what is known of it.
    async fn list(&self, waba: &WabaId) -> Result<(), StoreError> {
        let Registry { store, templates, .. } = &self.registry;
        let listed_at = store.now().await?;
        let listed = match templates.list(waba).await {
            Ok(listed) => listed,
            Err(error) => {
                metrics::asked("templates", "failed");
                warn!(account = %waba, %error, "templates are not listed; what is known of them stays");
                return Ok(());
            }
        };
        let before: HashMap<String, Template> =
            store.templates(Some(waba)).await?.into_iter().map(|row| (row.news_name(), row.template)).collect();
        let row = |one: &TemplateListed| {
            let (meta_id, template) = (one.id.clone().unwrap_or_default(), one.registered());
            let mut row = TemplateRow { waba: waba.clone(), meta_id, template, updated_at: listed_at };
            let known = before.get(&row.news_name());
            row.keep_pause(known);
            row
        };
        let rows: Vec<TemplateRow> = listed.items.iter().map(row).collect();
        if listed.unreadable == 0 {
            store.replace_templates(waba, &rows, listed_at).await?;
        } else {
            warn!(account = %waba, unreadable = listed.unreadable, "some templates of Meta's list cannot be read");
            store.keep_listed_templates(waba, &rows, listed_at).await?;
        }
        metrics::asked("templates", "read");
        metrics::listed(waba, listed_at);
        info!(account = %waba, templates = rows.len(), "templates listed");
        self.listed.lock().unwrap_or_else(PoisonError::into_inner).insert(waba.clone());
        Ok(())
    }

    /// What Meta says of the numbers is news like that of a webhook.
    async fn look_at_numbers(&self, held: &Held, sending: &Sending, waba: &WabaId) -> Result<(), StoreError> {
        let Registry { store, templates, .. } = &self.registry;
        let asked_at = store.now().await?;
        let listed = match templates.numbers(waba).await {
            Ok(listed) => listed,
            Err(error) => {
                metrics::asked("numbers", "failed");
                warn!(account = %waba, %error, "numbers are not looked at; what is known of them stays");
                return Ok(());
            }
        };
        let mut tx = store.begin_record(&held.fence(0, None)).await?;
        let at = ToldAt { told_at: asked_at, received_at: asked_at };
        let mut teller = Teller { tx: &mut tx, sending, waba: waba.clone(), at, now: asked_at };
        for number in &listed.items {
            teller.tier(number.messaging_limit.as_deref()).await?;
            let Some(ours) = sending.numbers.values().find(|ours| ours.id.as_str() == number.id) else { continue };
            if let Some(status) = &number.status {
                teller.number_stands(&ours.name, &status.to_ascii_uppercase()).await?;
            }
            if let Some(quality) = &number.quality_rating {
                teller.number_quality(&ours.name, quality).await?;
            }
        }
        tx.commit().await?;
        metrics::asked("numbers", "read");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_carriers_account_is_never_asked_for() {
        let all = ["1", "AC1", "", "2", "1"].map(WabaId::new);
        let apart = BTreeSet::from([WabaId::new("AC1")]);
        let asked: Vec<&str> = accounts(all.iter(), &apart).into_iter().map(WabaId::as_str).collect();
        assert_eq!(asked, ["1", "2"]);
    }

    #[test]
    fn an_account_is_asked_for_when_it_is_old_or_wanted_and_never_too_often() {
        let at = Timestamp::from_millis;
        let config = RegistryConfig {
            every: Duration::from_millis(100),
            pause: Duration::from_millis(10),
            ..RegistryConfig::default()
        };
        let row = |wanted: Option<i64>, tried: Option<i64>, listed: Option<i64>| TemplateListRow {
            waba: WabaId::new("1"),
            wanted_at: wanted.map(at),
            tried_at: tried.map(at),
            listed_at: listed.map(at),
        };
        let cases = [
            (None, true),
            (Some(row(None, Some(195), None)), false),
            (Some(row(None, Some(190), None)), true),
            (Some(row(None, Some(150), Some(150))), false),
            (Some(row(Some(149), Some(150), Some(150))), false),
            (Some(row(Some(151), Some(150), Some(150))), true),
            (Some(row(Some(199), Some(195), Some(195))), false),
            (Some(row(None, Some(100), Some(100))), true),
            (Some(row(Some(99), None, Some(150))), false),
        ];
        for (row, want) in cases {
            assert_eq!(is_due(row.as_ref(), false, &config, at(200)), want, "{row:?}");
        }
        assert!(is_due(Some(&row(None, Some(150), Some(150))), true, &config, at(200)), "at the start");
        assert!(!is_due(Some(&row(None, Some(195), Some(195))), true, &config, at(200)), "another process did");
    }
}
