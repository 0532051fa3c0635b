//! `account_update`: how an account stands with Meta.

use waypost_domain::Timestamp;

use super::moment::moment;
use super::{word, word_of};
use crate::json::{Json, fields, fields_of, for_each, string};

/// More restrictions than this in one change have never been seen.
const RESTRICTIONS_MAX: usize = 32;

/// What became of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountUpdate {
    /// Meta's word for it; empty where there is none.
    pub event: String,
    /// Of what is told to partners: which account it is about, where that is another than the webhook's.
    pub waba: Option<String>,
    pub what: AccountEvent,
}

/// What its event means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountEvent {
    /// All that is forbidden by now.
    Restricted(Vec<Restriction>),
    /// A rule of Meta's was broken: `ADULT`, `SPAM` and their like.
    Violation(Option<String>),
    Ban(BanState, Option<Timestamp>),
    Deleted,
    /// The account, or its phone app, left the platform; or came back.
    Offboarded,
    Reconnected,
    /// A partner, which may be us, may not use the account any more.
    PartnerRemoved,
    /// Nothing that sending hangs on, or something that is new.
    Other,
}

/// Something that is forbidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restriction {
    /// `RESTRICTED_BIZ_INITIATED_MESSAGING` and its like; empty where there is none.
    pub kind: String,
    /// `None` where nothing readable is said of it.
    pub until: Option<Timestamp>,
}

/// How far a ban has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BanState {
    /// It begins at the date that is told with it.
    Scheduled,
    InForce,
    Lifted,
    /// A word that is new, or none.
    Unclear,
}

impl AccountUpdate {
    pub(super) fn read(value: &str) -> Option<Self> {
        let [event, restrictions, violation, ban, waba] =
            fields(value, &["event", "restriction_info", "violation_info", "ban_info", "waba_info"])?.values;
        let event = word(event);
        let [waba] = fields_of(waba, &["waba_id"]);
        let what = match event.as_str() {
            "ACCOUNT_RESTRICTION" | "ACCOUNT_RESTRICTED" => AccountEvent::Restricted(all_of(restrictions)),
            "ACCOUNT_VIOLATION" => {
                let [kind] = fields_of(violation, &["violation_type"]);
                AccountEvent::Violation(word_of(kind))
            }
            "DISABLED_UPDATE" | "ACCOUNT_DISABLED" => ban_of(ban),
            "ACCOUNT_DELETED" => AccountEvent::Deleted,
            "ACCOUNT_OFFBOARDED" => AccountEvent::Offboarded,
            "ACCOUNT_RECONNECTED" => AccountEvent::Reconnected,
            "PARTNER_REMOVED" | "PARTNER_APP_UNINSTALLED" => AccountEvent::PartnerRemoved,
            _ => AccountEvent::Other,
        };
        Some(Self { event, waba: string(waba), what })
    }
}

/// A list, or a single one without a list.
fn all_of(restrictions: Json<'_>) -> Vec<Restriction> {
    let mut all = Vec::new();
    let mut read = |restriction| {
        if all.len() < RESTRICTIONS_MAX {
            let [kind, until] = fields_of(Some(restriction), &["restriction_type", "expiration"]);
            all.push(Restriction { kind: word(kind), until: moment(until) });
        }
    };
    match restrictions {
        Some(single) if single.get().starts_with('{') => read(single),
        Some(list) => drop(for_each(list, read)),
        None => {}
    }
    all
}

fn ban_of(ban: Json<'_>) -> AccountEvent {
    let [state, date] = fields_of(ban, &["waba_ban_state", "waba_ban_date"]);
    let state = match word(state).as_str() {
        "SCHEDULE_FOR_DISABLE" => BanState::Scheduled,
        "DISABLE" | "DISABLED" => BanState::InForce,
        "REINSTATE" | "REINSTATED" => BanState::Lifted,
        _ => BanState::Unclear,
    };
    AccountEvent::Ban(state, moment(date))
}
