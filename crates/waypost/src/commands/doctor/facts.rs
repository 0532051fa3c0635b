//! What was asked, and what was answered: all that is judged, and nothing of how it was come by.

use reqwest::Url;
use waypost_cloud_api::answer::{Account, AppSubscription, BusinessProfile, Number, SubscribedApp, TokenInfo};
use waypost_graph_client::AnswerHead;

use super::handshake::Handshake;

/// Why there is no answer, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotAsked {
    pub(crate) what: String,
    pub(crate) remedy: String,
}

pub(crate) type Asked<T> = Result<T, NotAsked>;

/// All of it.
#[derive(Debug)]
pub(crate) struct Facts {
    /// By this machine's clock, in milliseconds since the epoch.
    pub(crate) now_ms: i64,
    pub(crate) store: Asked<Stored>,
    pub(crate) bus: Asked<&'static str>,
    pub(crate) ours: Ours,
    pub(crate) meta: Result<MetaFacts, NoMeta>,
}

/// Where webhooks are to come.
#[derive(Debug, Clone)]
pub(crate) struct Ours {
    /// `None`: nobody said.
    pub(crate) url: Option<Url>,
    /// `None` where it was not tried: without an address, and at a provider that has no handshake.
    pub(crate) handshake: Option<Handshake>,
    /// Webhooks come from 360dialog, whose app Meta sends them to.
    pub(crate) through_d360: bool,
}

/// What the store says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    /// What it is: `PostgreSQL`, `embedded store`.
    pub(crate) kind: &'static str,
    pub(crate) policy_version: u32,
    /// The day on which its facts were looked at last, and how long that is ago.
    pub(crate) policy_as_of: String,
    pub(crate) policy_age_days: i64,
    pub(crate) numbers: Vec<StoredNumber>,
}

/// A number as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredNumber {
    pub(crate) name: String,
    pub(crate) id: String,
    /// Empty while no webhook has shown it.
    pub(crate) waba: String,
}

/// Why Meta was not asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoMeta {
    /// There is no token.
    NoToken,
    /// There is none because 360dialog is what this installation talks to.
    D360,
    /// There is none, and the numbers are at other carriers.
    Elsewhere,
    /// The keys `graph.*` cannot be used.
    Config(String),
    /// Nobody answers.
    Unreached(NotAsked),
}

/// What Meta says.
#[derive(Debug)]
pub(crate) struct MetaFacts {
    /// The version that is asked for.
    pub(crate) version: String,
    pub(crate) head: AnswerHead,
    pub(crate) token: Asked<TokenInfo>,
    /// What the app gets of accounts; `None`: nothing.
    pub(crate) app: Asked<Option<AppSubscription>>,
    pub(crate) accounts: Vec<AccountFacts>,
    pub(crate) numbers: Vec<NumberFacts>,
    /// Where no number is known here, and Meta does not list any either.
    pub(crate) no_numbers: Option<NotAsked>,
}

/// What Meta says of an account.
#[derive(Debug)]
pub(crate) struct AccountFacts {
    pub(crate) id: String,
    pub(crate) account: Asked<Account>,
    pub(crate) verification: Asked<Option<String>>,
    pub(crate) apps: Asked<Vec<SubscribedApp>>,
}

/// What Meta says of a number.
#[derive(Debug)]
pub(crate) struct NumberFacts {
    /// Ours, or Meta's id where it has none.
    pub(crate) name: String,
    pub(crate) number: Asked<Number>,
    pub(crate) profile: Asked<BusinessProfile>,
}

impl MetaFacts {
    /// Whose the token is.
    pub(crate) fn app_id(&self) -> Option<&str> {
        self.token.as_ref().ok()?.app_id.as_deref()
    }

    /// Where the app's webhooks go: as the app says, or else as a number does.
    pub(crate) fn app_callback(&self) -> Option<&str> {
        let of_app = self.app.as_ref().ok().and_then(Option::as_ref).and_then(|app| app.callback_url.as_deref());
        let numbers = || self.numbers.iter().filter_map(|number| number.number.as_ref().ok());
        let of_number = || numbers().find_map(|number| number.webhooks.of_app.as_deref());
        of_app.or_else(of_number).filter(|url| !url.is_empty())
    }
}
