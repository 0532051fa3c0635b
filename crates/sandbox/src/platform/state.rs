//! The platform's whole state: plain and synchronous, given the time. Nothing here waits, and nothing here is HTTP.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use waypost_domain::phone;

use super::address::Addresses;
use super::config::PlatformConfig;
use super::error::ApiError;
use super::fault::Faults;
use super::limits::{PairPace, Reached, Throughput};
use super::log::{AcceptedMessage, PostedStatus, ReadMessage, RefusedMessage, Ring, SaidMessage};
use super::media::MediaStore;
use super::members::Group;
use super::outbox::{Item, Next, NumberName, Outbox, Sent};
use super::people::People;
use super::standing::Standing;
use super::templates::Templates;

/// The customer service window.
pub(crate) const WINDOW_MS: i64 = 24 * 60 * 60 * 1000;
/// Messages that a reaction or a read receipt may speak of.
pub(crate) const SPOKEN_OF_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// A month of the free tier.
const MONTH_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// Of a user's name in a wamid.
const WAMID_USER_MAX: usize = 127;

pub(crate) struct State {
    pub(crate) config: PlatformConfig,
    /// When each valid token ends, in milliseconds.
    pub(crate) tokens: HashMap<String, i64>,
    pub(crate) numbers: Vec<Number>,
    number_places: HashMap<String, u32>,
    pub(crate) people: People,
    /// By number and customer.
    pub(crate) threads: HashMap<(u32, u32), Thread>,
    /// By their ids.
    pub(crate) groups: HashMap<String, Group>,
    pub(crate) templates: Templates,
    /// Messages of templates that are held, by the template's id.
    pub(crate) held: HashMap<u64, Vec<Arc<Sent>>>,
    pub(crate) reached: Reached,
    pub(crate) media: MediaStore,
    pub(crate) account: Account,
    pub(crate) standing: Standing,
    /// Whether the app is subscribed to the account.
    pub(crate) is_subscribed: bool,
    pub(crate) faults: Faults,
    pub(crate) outbox: Outbox,
    pub(crate) accepted: Ring<AcceptedMessage>,
    pub(crate) refused: Ring<RefusedMessage>,
    pub(crate) reads: Ring<ReadMessage>,
    pub(crate) said: Ring<SaidMessage>,
    pub(crate) statuses: Ring<PostedStatus>,
    pub(crate) received: Received,
    pub(crate) addresses: Addresses,
    pub(crate) hooks: HookCounts,
    pub(crate) rng: Rng,
    wamids: u64,
}

/// A number of the business.
pub(crate) struct Number {
    pub(crate) name: Arc<NumberName>,
    pub(crate) digits: String,
    pub(crate) verified_name: String,
    pub(crate) throughput: Throughput,
    pub(crate) is_registered: bool,
    /// Meta's rating: `GREEN`, `YELLOW` or `RED`.
    pub(crate) quality: &'static str,
    /// What customers see of the business.
    pub(crate) profile: Map<String, Value>,
    /// Which month is counted, and its free-form messages.
    service: (i64, u32),
}

/// One number and one customer.
#[derive(Default)]
pub(crate) struct Thread {
    pub(crate) window_ends_ms: i64,
    pub(crate) pair: PairPace,
    /// The last message that can be tapped.
    pub(crate) tappable: Option<Tappable>,
    pub(crate) holder: Holder,
}

/// Who answers a customer, where several apps share the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// The app that this sandbox is for.
    #[default]
    Business,
    /// Another one, until this one sends or takes.
    Other,
    /// Another one, from which nobody takes it.
    OtherKeeps,
}

#[derive(Clone)]
pub(crate) struct Tappable {
    pub(crate) wamid: String,
    /// The whole request.
    pub(crate) body: Arc<Value>,
}

/// What is true of the whole account.
pub(crate) struct Account {
    /// The code that sends are refused with.
    pub(crate) restriction: Option<i64>,
    pub(crate) has_payment: bool,
}

/// What became of webhooks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HookCounts {
    pub(crate) posts: u64,
    /// Things told in POSTs that were answered 200.
    pub(crate) told: u64,
    /// Things that were not, however often they were sent.
    pub(crate) given_up: u64,
}

/// Messages of customers, of which the oldest are forgotten.
#[derive(Default)]
pub(crate) struct Received {
    at_ms: HashMap<Arc<str>, i64>,
    order: VecDeque<Arc<str>>,
}

impl Received {
    pub(crate) fn insert(&mut self, wamid: &str, at_ms: i64, max: usize) {
        let wamid: Arc<str> = Arc::from(wamid);
        self.at_ms.insert(wamid.clone(), at_ms);
        self.order.push_back(wamid);
        if self.order.len() > max
            && let Some(oldest) = self.order.pop_front()
        {
            self.at_ms.remove(&oldest);
        }
    }

    /// Whether there is such a message, of the last 30 days.
    pub(crate) fn is_recent(&self, wamid: &str, now_ms: i64) -> bool {
        self.at_ms.get(wamid).is_some_and(|at_ms| now_ms - at_ms <= SPOKEN_OF_MS)
    }
}

impl Number {
    /// Whether one more free-form message is within the free tier.
    pub(crate) fn takes_free_service(&mut self, now_ms: i64, max: u32) -> bool {
        let month = now_ms / MONTH_MS;
        if self.service.0 != month {
            self.service = (month, 0);
        }
        self.service.1 += 1;
        self.service.1 <= max
    }
}

impl State {
    pub(crate) fn new(config: PlatformConfig) -> Result<Self, ApiError> {
        let mut state = Self {
            tokens: config.tokens.iter().map(|token| (token.expose_secret().to_owned(), i64::MAX)).collect(),
            numbers: Vec::new(),
            number_places: HashMap::new(),
            people: People::default(),
            threads: HashMap::new(),
            groups: HashMap::new(),
            templates: Templates::default(),
            held: HashMap::new(),
            reached: Reached::default(),
            media: MediaStore::default(),
            is_subscribed: config.webhook_url.is_some(),
            account: Account { restriction: None, has_payment: true },
            standing: Standing::default(),
            faults: Faults::default(),
            outbox: Outbox::new(config.delivery.lanes, config.delivery.pending_max),
            accepted: Ring::new(config.log_max),
            refused: Ring::new(config.log_max),
            reads: Ring::new(config.log_max),
            said: Ring::new(config.log_max),
            statuses: Ring::new(config.log_max),
            received: Received::default(),
            addresses: Addresses { of_app: config.webhook_url.as_deref().map(Arc::from), ..Addresses::default() },
            hooks: HookCounts::default(),
            rng: Rng::with_seed(config.seed),
            wamids: fastrand::u64(..),
            config,
        };
        for number in state.config.numbers.clone() {
            let place = u32::try_from(state.numbers.len()).unwrap_or(u32::MAX);
            state.number_places.insert(number.phone_number_id.clone(), place);
            let digits = phone::digits(&number.display_phone_number);
            state.numbers.push(Number {
                digits: digits.map_or_else(String::new, std::borrow::Cow::into_owned),
                verified_name: number.verified_name,
                throughput: Throughput::default(),
                is_registered: true,
                quality: "GREEN",
                profile: Map::new(),
                service: (0, 0),
                name: Arc::new(NumberName {
                    phone_number_id: number.phone_number_id,
                    display_phone_number: number.display_phone_number,
                }),
            });
        }
        for definition in state.config.templates.clone() {
            let id = state.templates.create(&definition)?;
            state.templates.set_status(id, "APPROVED");
        }
        Ok(state)
    }

    /// Who asks must hold a token that is valid.
    pub(crate) fn authorise(&self, token: Option<&str>, now_ms: i64) -> Result<(), ApiError> {
        let Some(token) = token else {
            return Err(ApiError::new(190, "An access token is required to request this resource."));
        };
        match self.tokens.get(token) {
            Some(ends_ms) if now_ms < *ends_ms => Ok(()),
            Some(_) => Err(ApiError {
                subcode: Some(463),
                ..ApiError::new(190, "Error validating access token: Session has expired.")
            }),
            None => Err(ApiError::new(190, "Invalid OAuth access token - Cannot parse access token")),
        }
    }

    pub(crate) fn number_place(&self, phone_number_id: &str) -> Option<u32> {
        self.number_places.get(phone_number_id).copied()
    }

    pub(crate) fn number(&self, place: u32) -> Option<&Number> {
        self.numbers.get(usize::try_from(place).ok()?)
    }

    pub(crate) fn number_mut(&mut self, place: u32) -> Option<&mut Number> {
        self.numbers.get_mut(usize::try_from(place).ok()?)
    }

    /// Of a message that `user` is in: Meta's own form, in which the user can be exchanged.
    pub(crate) fn new_wamid(&mut self, user: &str) -> String {
        self.wamids = self.wamids.wrapping_add(1);
        let user = &user.as_bytes()[..user.len().min(WAMID_USER_MAX)];
        let mut bytes = vec![0x1c, 0x18, u8::try_from(user.len()).unwrap_or_default()];
        bytes.extend_from_slice(user);
        bytes.extend([0x15, 0x02, 0x00, 0x11, 0x18, 0x14]);
        bytes.extend_from_slice(format!("3EB0{:016X}", self.wamids).as_bytes());
        bytes.push(0);
        format!("wamid.{}", STANDARD.encode(bytes))
    }

    /// News of the account.
    pub(crate) fn tell_account(&mut self, now_ms: i64, field: &'static str, value: Value) {
        self.outbox.push(0, now_ms, Item::Change { field, value: Arc::new(value), number: None });
    }

    /// What a lane has to do now.
    pub(crate) fn next_post(&mut self, lane: usize, now_ms: i64) -> Next {
        let addresses = &self.addresses;
        self.outbox.next(lane, now_ms, self.config.delivery.batch_max, |item| addresses.of(item))
    }

    pub(crate) fn is_in_percent(&mut self, percent: u8) -> bool {
        percent > 0 && self.rng.u8(0..100) < percent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wamid_is_of_metas_form() {
        let mut state = State::new(PlatformConfig::new("secret", "token")).unwrap();
        let wamid = state.new_wamid("4915100000000");
        let other = waypost_cloud_api::wamid::with_user(&wamid, "DE.7").unwrap();
        assert_eq!(waypost_cloud_api::wamid::with_user(&other, "4915100000000").as_ref(), Some(&wamid));
        assert_ne!(state.new_wamid("4915100000000"), wamid);
    }

    #[test]
    fn a_token_is_known_and_has_not_ended() {
        let mut state = State::new(PlatformConfig::new("secret", "token")).unwrap();
        state.tokens.insert("old".to_owned(), 5);
        let code = |token| state.authorise(token, 10).err().map(|error| (error.code, error.http_status()));
        assert_eq!(code(Some("token")), None);
        for token in [None, Some("other"), Some("old")] {
            assert_eq!(code(token), Some((190, 401)), "{token:?}");
        }
    }
}
