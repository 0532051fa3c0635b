//! What sending goes by, as it stands in the store: our numbers, the templates, what may not be sent for now, and the data of the
//! rules. Looked at every second; whoever changes it is believed within that time.

mod opt_in;
mod question;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};
use waypost_domain::{NumberName, PhoneNumberId, Template, Timestamp, WabaId, phone};
use waypost_policy::PolicyData;
use waypost_policy::asked::{Bar, Barred, Health, Payment};
use waypost_store::{BarScope, BarWhat, SendBar, Store, StoreError};

pub use opt_in::{OPTIN, OptIn};
pub use question::{PORTFOLIO, Question, reach};

const POLL_EVERY: Duration = Duration::from_secs(1);

/// One of our numbers, as messages are sent from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OurNumber {
    pub name: NumberName,
    /// The id that it has today.
    pub id: PhoneNumberId,
    pub waba: WabaId,
    /// Digits of the canonical form; `None` while no webhook has shown it.
    pub phone: Option<String>,
    pub brand: String,
}

/// All of it at one moment.
#[derive(Debug, Clone, Default)]
pub struct Sending {
    pub policy: Arc<PolicyData>,
    pub templates: Arc<HashMap<WabaId, Vec<Template>>>,
    pub bars: Vec<SendBar>,
    pub numbers: BTreeMap<NumberName, OurNumber>,
    /// Meta's word for the messaging limit; `None` while it has not told.
    pub tier: Option<String>,
    /// How far what customers write was looked through for a stop.
    pub opt_in: OptIn,
}

/// Follows it. Readers never lock.
pub struct SendingLive {
    store: Store,
    current: ArcSwap<Sending>,
    /// Held while it is read: two who read at once must not put the older one last.
    seen: Mutex<Seen>,
    changed: watch::Sender<u64>,
}

/// Of what the memory is.
#[derive(Debug, Default)]
struct Seen {
    templates: Option<i64>,
    policy: Option<u32>,
}

impl SendingLive {
    /// Knows nothing yet, so that nothing may be sent.
    pub fn new(store: Store) -> Arc<Self> {
        Arc::new(Self { store, current: ArcSwap::default(), seen: Mutex::default(), changed: watch::Sender::new(0) })
    }

    /// Reads it for the first time.
    pub async fn open(store: Store) -> Result<Arc<Self>, StoreError> {
        let live = Self::new(store);
        live.refresh().await?;
        Ok(live)
    }

    pub fn current(&self) -> Arc<Sending> {
        self.current.load_full()
    }

    /// Told after every change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Reads what has changed, now.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let mut seen = self.seen.lock().await;
        let before = self.current.load_full();
        let (bars, numbers) = (self.store.send_bars().await?, self.numbers().await?);
        let tier = self.store.portfolio_tier(PORTFOLIO).await?;
        let opt_in = OptIn::read(&self.store).await?;
        let revision = self.store.templates_revision().await?;
        let has_templates = seen.templates == Some(revision);
        let templates = if has_templates { before.templates.clone() } else { self.templates().await? };
        let newest = self.store.policy_data(1).await?.into_iter().next();
        let version = newest.as_ref().map(|row| row.version);
        let has_policy = seen.policy == version;
        let policy = match newest {
            Some(row) if !has_policy => match PolicyData::from_toml(&row.text) {
                Ok(data) => Arc::new(data),
                Err(errors) => {
                    // It was checked when it was stored: a later release wrote it, or somebody went around us.
                    error!(version = row.version, %errors, "policy data cannot be read; what was in force stays");
                    before.policy.clone()
                }
            },
            _ => before.policy.clone(),
        };
        let has_rest =
            before.bars == bars && before.numbers == numbers && before.tier == tier && before.opt_in == opt_in;
        if has_templates && has_policy && has_rest {
            return Ok(());
        }
        self.current.store(Arc::new(Sending { policy, templates, bars, numbers, tier, opt_in }));
        *seen = Seen { templates: Some(revision), policy: version };
        self.changed.send_modify(|count| *count += 1);
        Ok(())
    }

    async fn templates(&self) -> Result<Arc<HashMap<WabaId, Vec<Template>>>, StoreError> {
        let mut templates: HashMap<WabaId, Vec<Template>> = HashMap::new();
        for row in self.store.templates(None).await? {
            templates.entry(row.waba).or_default().push(row.template);
        }
        Ok(Arc::new(templates))
    }

    async fn numbers(&self) -> Result<BTreeMap<NumberName, OurNumber>, StoreError> {
        let mut numbers = BTreeMap::new();
        // In the order in which the ids got the name: the last one has it.
        for row in self.store.numbers().await? {
            if row.id.is_empty() {
                continue;
            }
            let digits: String = row.display.chars().filter(char::is_ascii_digit).collect();
            let phone = (!digits.is_empty()).then(|| phone::canonical(&digits).into_owned());
            let number = OurNumber { name: row.name.clone(), id: row.id, waba: row.waba, phone, brand: row.brand };
            numbers.insert(row.name, number);
        }
        Ok(numbers)
    }

    /// Keeps up with the store until `shutdown`, whether it answers or not.
    pub async fn follow(&self, shutdown: CancellationToken) {
        let keep_up = async {
            loop {
                tokio::time::sleep(POLL_EVERY).await;
                if let Err(error) = self.refresh().await {
                    warn!(%error, "what sending goes by is not read; it stays as it was");
                }
            }
        };
        shutdown.run_until_cancelled(keep_up).await;
    }
}

impl Sending {
    /// What may not be sent from this number, for policy to judge.
    pub fn health(&self, number: &OurNumber, now: Timestamp) -> Health {
        let mut health = Health::default();
        for bar in self.bars.iter().filter(|bar| bar.is_in_force(now)) {
            let is_account =
                bar.scope == BarScope::App || bar.scope == BarScope::Account && bar.name == number.waba.as_str();
            let list = match bar.scope {
                BarScope::Country => {
                    health.closed_countries.push(bar.name.clone());
                    continue;
                }
                BarScope::Number if bar.name == number.name.as_str() => &mut health.number,
                BarScope::App | BarScope::Account if is_account => &mut health.account,
                BarScope::App | BarScope::Account | BarScope::Number | BarScope::Template => continue,
            };
            let what = match bar.what {
                BarWhat::Everything => Barred::Everything,
                BarWhat::Templates => Barred::Templates,
                BarWhat::Category(category) => Barred::Category(category),
                BarWhat::Paid => {
                    health.payment = Payment::Missing { free_answers_left: 0 };
                    continue;
                }
            };
            list.push(Bar { what, until: bar.until, why: bar.why.clone() });
        }
        health
    }

    /// The numbers that a bar is about.
    pub fn barred_numbers(&self, bar: &SendBar) -> impl Iterator<Item = &OurNumber> {
        self.numbers.values().filter(move |number| match bar.scope {
            BarScope::App | BarScope::Country => true,
            BarScope::Template => bar.name.split_once('/').is_some_and(|(waba, _)| waba == number.waba.as_str()),
            BarScope::Account => bar.name == number.waba.as_str(),
            BarScope::Number => bar.name == number.name.as_str(),
        })
    }

    /// Whether nothing at all may be sent from this number, so that nothing need be looked at.
    pub fn is_stopped(&self, number: &OurNumber, now: Timestamp) -> bool {
        let Health { account, number, .. } = self.health(number, now);
        account.iter().chain(&number).any(|bar| bar.what == Barred::Everything)
    }

    /// The templates of the number's account.
    pub fn templates_of(&self, number: &OurNumber) -> &[Template] {
        self.templates.get(&number.waba).map_or(&[], Vec::as_slice)
    }
}
