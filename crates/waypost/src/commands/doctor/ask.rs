//! Asks the store, the bus, our own address, and Meta: many at once, each within its time and all within theirs. What cannot be
//! asked is an answer, too.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::time::{Instant, timeout_at};
use waypost_bus_embedded::BusFile;
use waypost_cloud_api::answer::{Number, TokenInfo};
use waypost_cloud_api::samples::SampleParams;
use waypost_cloud_api::signature::Provider;
use waypost_domain::Timestamp;
use waypost_graph_client::{CallError, GraphApi, NotSent, SecretError};
use waypost_live::SendingLive;

use super::facts::{AccountFacts, Asked, Facts, MetaFacts, NoMeta, NotAsked, NumberFacts, Ours, Stored, StoredNumber};
use super::handshake::Shaker;
use crate::process::Config;
use crate::process::bus::open_bus;
use crate::process::store::{STORE_FILE, open_store};
use waypost_cli::Failure;

/// For the store, and for the bus.
const SERVER_WITHIN: Duration = Duration::from_secs(10);
/// For one question to Meta, lists to their last page.
const QUESTION_WITHIN: Duration = Duration::from_secs(20);
/// For all questions to Meta.
const META_WITHIN: Duration = Duration::from_secs(90);
/// Meta allows a few thousand questions an hour; it need not have them all at once.
const QUESTIONS_MAX: usize = 8;
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);
/// What Meta calls an account in `health_status`, and the app's webhooks of accounts.
const ACCOUNT_ENTITY: &str = "WABA";
const ACCOUNT_OBJECT: &str = "whatsapp_business_account";
/// What a number is called that nobody named.
const UNNAMED: &str = "number-";

/// Everything that is judged.
pub(super) async fn ask(config: &Config, ours: Ours, shaker: &Shaker) -> Facts {
    let token = config.ingress_config().verify_token;
    let handshake = async {
        match &ours.url {
            Some(url) if !ours.through_d360 => Some(shaker.shake(url, &token).await),
            Some(_) | None => None,
        }
    };
    let meta = Meta::of(config, ours.through_d360);
    let first = async {
        match &meta {
            Ok(meta) => meta.first().await.map_err(NoMeta::Unreached),
            Err(reason) => Err(reason.clone()),
        }
    };
    let (store, bus, handshake, first) = tokio::join!(store(config), bus(config), handshake, first);
    let numbers = numbers(config, store.as_ref().map_or(&[], |stored| &stored.numbers));
    let meta = match (meta, first) {
        (Ok(meta), Ok(first)) => Ok(meta.rest(first, numbers).await),
        (Err(reason), _) | (_, Err(reason)) => Err(reason),
    };
    let now_ms = Timestamp::from_system_time(SystemTime::now()).as_millis();
    Facts { now_ms, store, bus, ours: Ours { handshake, ..ours }, meta }
}

/// Whose webhooks they are.
pub(super) fn is_through_d360(config: &Config) -> bool {
    config.ingress_config().provider == Provider::D360
}

async fn within<T>(what: &str, asking: impl Future<Output = Asked<T>>) -> Asked<T> {
    let in_time = tokio::time::timeout(SERVER_WITHIN, asking).await;
    in_time.unwrap_or_else(|_| {
        let what = format!("{what}: no answer within {} s", SERVER_WITHIN.as_secs());
        Err(NotAsked { what, remedy: "check the address, the network and the server".to_owned() })
    })
}

fn failed(failure: &Failure, remedy: &str) -> NotAsked {
    let what = failure.message().unwrap_or("it cannot be reached").to_owned();
    NotAsked { what, remedy: remedy.to_owned() }
}

async fn store(config: &Config) -> Asked<Stored> {
    let is_embedded = config.store.is_embedded();
    if is_embedded && !config.data_dir.join(STORE_FILE).exists() {
        let what = format!("store: there is no {STORE_FILE} in {}", config.data_dir.display());
        return Err(NotAsked { what, remedy: "name the configuration (--config), or start `waypost run`".to_owned() });
    }
    let remedy = "check store.url, and whether the database runs; `waypost config check --connect`";
    within("store", async {
        let store = open_store(config).await.map_err(|failure| failed(&failure, remedy))?;
        let stored = read(&store, if is_embedded { "embedded store" } else { "PostgreSQL" }).await;
        store.close().await;
        stored
    })
    .await
}

async fn read(store: &waypost_store::Store, kind: &'static str) -> Asked<Stored> {
    let not_asked = |error: &dyn std::fmt::Display, remedy: &str| NotAsked {
        what: format!("store: {error}"),
        remedy: remedy.to_owned(),
    };
    store
        .require_schema()
        .await
        .map_err(|error| not_asked(&error, "run `waypost migrate`, and then the grants again"))?;
    let remedy = "run the statements of `waypost store grants` again, and see the database's log";
    let live = SendingLive::open(store.clone()).await.map_err(|error| not_asked(&error, remedy))?.current();
    let now = Timestamp::from_system_time(SystemTime::now());
    let number = |number: &waypost_live::OurNumber| StoredNumber {
        name: number.name.to_string(),
        id: number.id.to_string(),
        waba: number.waba.to_string(),
    };
    Ok(Stored {
        kind,
        policy_version: live.policy.version,
        policy_as_of: live.policy.as_of.to_string(),
        policy_age_days: live.policy.age_days(now),
        numbers: live.numbers.values().map(number).collect(),
    })
}

async fn bus(config: &Config) -> Asked<&'static str> {
    if config.bus.is_embedded() {
        let failed = |error: waypost_bus_embedded::OpenError| NotAsked {
            what: format!("bus: {error}"),
            remedy: "name the configuration (--config), or start `waypost run`".to_owned(),
        };
        return BusFile::open_read_only(&config.data_dir).map(|_| "embedded bus").map_err(failed);
    }
    let remedy = "check bus.url, and whether the broker runs; `waypost config check --connect`";
    within("bus", async {
        let bus = Box::pin(open_bus(config)).await.map_err(|failure| failed(&failure, remedy))?;
        bus.close(GOODBYE_TIMEOUT).await;
        Ok("RabbitMQ")
    })
    .await
}

/// Our names and Meta's ids, with the account where it is known. What the administration named goes before the configuration;
/// numbers that only `waypost webhook test` made up are left out, and those that are not Meta's to tell of.
fn numbers(config: &Config, stored: &[StoredNumber]) -> Vec<StoredNumber> {
    let sample = SampleParams::default().phone_number_id;
    let is_made_up = |number: &&StoredNumber| {
        let is_named = config.numbers.values().any(|id| *id == number.id) || !number.name.starts_with(UNNAMED);
        !is_named && (number.id == sample || number.waba.is_empty())
    };
    let mut numbers: Vec<StoredNumber> = stored.iter().filter(|number| !is_made_up(number)).cloned().collect();
    for (name, id) in &config.numbers {
        if !numbers.iter().any(|number| number.name == *name || number.id == *id) {
            numbers.push(StoredNumber { name: name.clone(), id: id.clone(), waba: String::new() });
        }
    }
    numbers.retain(|number| config.numbers_elsewhere().all(|id| *id != number.id));
    numbers.sort_by(|one, other| one.name.cmp(&other.name));
    numbers
}

/// Asks Meta.
struct Meta {
    api: GraphApi,
    version: String,
    until: Instant,
}

/// What everything else hangs on.
struct First {
    head: waypost_graph_client::AnswerHead,
    token: Asked<TokenInfo>,
}

impl Meta {
    fn of(config: &Config, through_d360: bool) -> Result<Self, NoMeta> {
        let Some(graph) = config.graph_config() else {
            return Err(match () {
                () if through_d360 => NoMeta::D360,
                () if config.has_numbers_elsewhere() => NoMeta::Elsewhere,
                () => NoMeta::NoToken,
            });
        };
        let version = graph.version.clone();
        let api = GraphApi::new(graph).map_err(|error| NoMeta::Config(format!("graph.{error}")))?;
        Ok(Self { api, version, until: Instant::now() + META_WITHIN })
    }

    async fn question<T>(&self, asking: impl Future<Output = Result<T, CallError>>) -> Asked<T> {
        let until = self.until.min(Instant::now() + QUESTION_WITHIN);
        match timeout_at(until, asking).await {
            Ok(answer) => answer.map_err(|error| not_asked(&error)),
            Err(_) => Err(NotAsked { what: "no answer in time".to_owned(), remedy: AGAIN.to_owned() }),
        }
    }

    /// An error: nobody answers, so that nothing else need be asked.
    async fn first(&self) -> Asked<First> {
        let (head, token) = tokio::join!(self.question(self.api.answer_head()), self.question(self.api.debug_token()));
        Ok(First { head: head?, token })
    }

    async fn rest(&self, first: First, mut numbers: Vec<StoredNumber>) -> MetaFacts {
        let First { head, token } = first;
        let targets = token.as_ref().map(targets).unwrap_or_default();
        let mut no_numbers = None;
        if numbers.is_empty() {
            match self.listed(&targets).await {
                Ok(listed) => numbers = listed,
                Err(reason) => no_numbers = Some(reason),
            }
        }
        let app_id = token.as_ref().ok().and_then(|token| token.app_id.clone());
        let app = async {
            let unknown = "the app is not known, because the token cannot be looked at".to_owned();
            let remedy = "see what is said of the token".to_owned();
            let app_id = app_id.as_deref().ok_or(NotAsked { what: unknown, remedy })?;
            let all = self.question(self.api.app_subscriptions(app_id)).await?;
            Ok(all.into_iter().find(|one| one.object == ACCOUNT_OBJECT))
        };
        let asking = stream::iter(&numbers).map(|number| self.number(number)).buffered(QUESTIONS_MAX).collect();
        let (app, asked): (_, Vec<NumberFacts>) = tokio::join!(app, asking);
        let wabas = accounts(&numbers, &asked, targets);
        let accounts = stream::iter(&wabas).map(|id| self.account(id)).buffered(QUESTIONS_MAX).collect().await;
        MetaFacts { version: self.version.clone(), head, token, app, accounts, numbers: asked, no_numbers }
    }

    /// The numbers of the accounts that the token reaches, where none is known here.
    async fn listed(&self, accounts: &BTreeSet<String>) -> Asked<Vec<StoredNumber>> {
        let mut numbers = Vec::new();
        for waba in accounts {
            let listed = self.question(self.api.numbers(waba)).await?;
            let number = |number: Number| StoredNumber { name: number.id.clone(), id: number.id, waba: waba.clone() };
            numbers.extend(listed.items.into_iter().map(number));
        }
        if numbers.is_empty() {
            let what = "no number is known: none is configured, none has had a message, and Meta lists none";
            let remedy = "name the business's numbers (numbers.NAME), or see what is said of the token";
            return Err(NotAsked { what: what.to_owned(), remedy: remedy.to_owned() });
        }
        Ok(numbers)
    }

    async fn number(&self, known: &StoredNumber) -> NumberFacts {
        let (number, profile) =
            tokio::join!(self.question(self.api.number(&known.id)), self.question(self.api.profile(&known.id)));
        NumberFacts { name: known.name.clone(), number, profile }
    }

    async fn account(&self, id: &str) -> AccountFacts {
        let apps = async { Ok(self.question(self.api.subscribed_apps(id)).await?.items) };
        let (account, verification, apps) =
            tokio::join!(self.question(self.api.account(id)), self.question(self.api.business_verification(id)), apps);
        AccountFacts { id: id.to_owned(), account, verification, apps }
    }
}

/// The accounts that a token names.
fn targets(token: &TokenInfo) -> BTreeSet<String> {
    let scopes = token.granular_scopes.iter().filter(|scope| scope.scope.starts_with("whatsapp_business_"));
    scopes.flat_map(|scope| scope.target_ids.iter().cloned()).collect()
}

/// The accounts of our numbers, by Meta's word and by the webhooks'; where neither says one, those that the token names.
fn accounts(numbers: &[StoredNumber], asked: &[NumberFacts], targets: BTreeSet<String>) -> Vec<String> {
    let by_webhook: BTreeMap<&str, &str> =
        numbers.iter().map(|number| (number.name.as_str(), number.waba.as_str())).collect();
    let of = |facts: &NumberFacts| {
        let health = facts.number.as_ref().ok().and_then(|number| number.health.as_ref());
        let entity = health.and_then(|health| health.entities.iter().find(|entity| entity.kind == ACCOUNT_ENTITY));
        let by_webhook = by_webhook.get(facts.name.as_str()).map(|&waba| waba.to_owned());
        entity.and_then(|entity| entity.id.clone()).or(by_webhook).filter(|waba| !waba.is_empty())
    };
    let ours: BTreeSet<String> = asked.iter().filter_map(of).collect();
    (if ours.is_empty() { targets } else { ours }).into_iter().collect()
}

const AGAIN: &str = "ask again; where it stays so, see https://metastatus.com";

/// What an error of the client comes to. Decided by codes.
pub(super) fn not_asked(error: &CallError) -> NotAsked {
    let remedy = match error {
        CallError::NotSent(NotSent::NoToken(SecretError::NotConfigured)) => {
            "write app id|app secret into a file, and name it in graph.app_token_file"
        }
        CallError::NotSent(NotSent::NoToken(_)) => "write the token into the file, and let this user read it",
        CallError::NotSent(NotSent::Request(_)) => "correct the id: numbers.NAME is Meta's phone_number_id",
        CallError::NotSent(_) => "check graph.base_url and graph.proxy, the name, the network and the firewall",
        CallError::Refused(_) => of_code(error.failure().and_then(|failure| failure.code)),
        CallError::Unknown(_) | CallError::Answer(_) | CallError::Pages | CallError::NotDone => AGAIN,
    };
    NotAsked { what: error.to_string(), remedy: remedy.to_owned() }
}

const fn of_code(code: Option<i64>) -> &'static str {
    match code {
        Some(0 | 102 | 190) => {
            "make another token of the system user (graph.token_file); the app's is app id|app secret (graph.app_token_file)"
        }
        Some(3 | 10 | 200..=299) => {
            "give the token whatsapp_business_management, and assign the account to its system user (business settings)"
        }
        Some(33 | 100 | 803) => {
            "correct the id (numbers.NAME is Meta's phone_number_id), or assign the account to the token's system user"
        }
        Some(4 | 17 | 32 | 613 | 80_007 | 80_008) => "Meta limits such questions: ask again in an hour",
        Some(2_635) => "set graph.version to one that is in use",
        Some(_) | None => AGAIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(name: &str, id: &str, waba: &str) -> StoredNumber {
        StoredNumber { name: name.to_owned(), id: id.to_owned(), waba: waba.to_owned() }
    }

    #[test]
    fn a_number_is_looked_at_under_our_name() {
        let mut config = Config::default();
        config
            .numbers
            .extend([("main", "1"), ("renamed", "7"), ("shop", "3")].map(|(name, id)| (name.into(), id.into())));
        let stored = [
            number("main", "1", "9"),
            number("renamed", "2", "9"),
            number("number-100000000000001", "100000000000001", "9"),
            number("number-5", "5", ""),
            number("number-6", "6", "9"),
        ];
        let want = [
            number("main", "1", "9"),
            number("number-6", "6", "9"),
            number("renamed", "2", "9"),
            number("shop", "3", ""),
        ];
        assert_eq!(numbers(&config, &stored), want);
        config.numbers.insert("test".to_owned(), "100000000000001".to_owned());
        assert!(numbers(&config, &stored).iter().any(|number| number.id == "100000000000001"), "somebody named it");
    }

    #[test]
    fn every_error_has_its_remedy() {
        let refused = |code| of_code(Some(code));
        assert!(refused(190).contains("graph.token_file") && refused(10).contains("whatsapp_business_management"));
        assert!(refused(100).contains("numbers.NAME") && refused(80_008).contains("in an hour"));
        assert_eq!((refused(2), of_code(None)), (AGAIN, AGAIN));
        let none = CallError::NotSent(NotSent::NoToken(SecretError::NotConfigured));
        assert!(not_asked(&none).remedy.contains("graph.app_token_file"));
    }
}
