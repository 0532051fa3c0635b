//! What Meta tells by webhook of our accounts, numbers and templates, made into what may be sent: in the transaction that keeps
//! the webhook, so that nothing goes by what was true before.
//!
//! Webhooks come in any order and more than once: each topic of each thing remembers when it was told last, and what is older
//! changes nothing. Good news lifts what news has barred, and of what a refusal has barred only a stop of the whole account. A
//! restriction bars what it names for as long as it says; a violation by itself bars nothing, because Meta says apart what it
//! restricts for it. Whatever takes something away is an alert until a person acknowledges it.
//!
//! Must never decide by a text of Meta's, and never put a phone number into a bar, an alert or a log.

mod meaning;
mod template;

use waypost_cloud_api::webhook::{
    AccountEvent, AccountNews, AccountUpdate, BanState, Decided, NumberNews, Restriction,
};
use waypost_domain::{NumberName, Timestamp, WabaId, phone};
use waypost_live::Sending;
use waypost_live::sending::reach;
use waypost_store::{
    BarOrigin, BarScope, BarWhat, ChangeRow, Heard, Lift, News, QUALITY, RecordTx, STANDING, SendBar, StoreError,
    ToldAt,
};

use crate::campaigns::pause_all;
use crate::metrics;
use meaning::{Standing, is_worse, restricted, standing};

/// Somebody speaks for Meta: a webhook, or an answer to the question how things stand.
pub(crate) struct Teller<'a> {
    pub(crate) tx: &'a mut RecordTx,
    pub(crate) sending: &'a Sending,
    pub(crate) waba: WabaId,
    pub(crate) at: ToldAt,
    pub(crate) now: Timestamp,
}

/// Takes in a change that the same transaction has kept. What is none of these, or is not readable, changes nothing.
pub async fn take_in(
    tx: &mut RecordTx,
    sending: &Sending,
    change: &ChangeRow,
    now: Timestamp,
) -> Result<(), StoreError> {
    let json = std::str::from_utf8(&change.json).ok();
    let Some(news) = json.and_then(|json| AccountNews::read(&change.field, json)) else { return Ok(()) };
    let at = told_at(change, tx.first_received(change).await?);
    let mut teller = Teller { tx, sending, waba: change.waba.clone(), at, now };
    match news {
        AccountNews::Template(news) => template::take_in(&mut teller, &news).await,
        AccountNews::Number(news) => teller.number(&news, change).await,
        AccountNews::Limit(tier) => teller.tier(tier.as_deref()).await,
        AccountNews::Account(update) => teller.account(&update).await,
        AccountNews::Alert(alert) => match alert.severity.as_deref() {
            Some("INFORMATIONAL") => Ok(()),
            _ => teller.alert_account(&word(alert.kind.as_deref(), "alert"), "Meta has an alert for the account").await,
        },
        AccountNews::NumberName(decided) => teller.number_name(&decided, change).await,
        AccountNews::Security(news) => {
            let of = teller.of_number(news.display_phone_number.as_deref(), change);
            teller
                .alert_of(of, &word(Some(&news.event), "security"), "the PIN of a number was changed or asked for")
                .await
        }
        AccountNews::Review(decided) => teller.review(&decided).await,
    }
}

/// The end of the second that Meta names; never later than it reached us, so that a wrong clock cannot silence what follows.
fn told_at(change: &ChangeRow, received_at: Timestamp) -> ToldAt {
    let entry = change.entry_time.map(|seconds| Timestamp::from_wire(seconds).plus_millis(999));
    ToldAt { told_at: entry.unwrap_or(received_at).min(received_at), received_at }
}

/// An alert's kind of Meta's word.
fn word(of_meta: Option<&str>, otherwise: &str) -> String {
    of_meta.filter(|word| !word.is_empty()).unwrap_or(otherwise).to_ascii_lowercase()
}

impl Teller<'_> {
    pub(crate) async fn hear(
        &mut self,
        scope: BarScope,
        name: &str,
        topic: &'static str,
        word: &str,
    ) -> Result<Heard, StoreError> {
        self.tx.hear(&News { scope, name, topic, word, at: self.at }).await
    }

    /// A person must know it, and is told once.
    pub(crate) async fn alert(&mut self, scope: BarScope, name: &str, kind: &str, why: &str) -> Result<(), StoreError> {
        if self.tx.raise_alert(scope, name, kind, why, self.at.told_at).await? {
            metrics::alert(scope, name, kind);
        }
        Ok(())
    }

    async fn alert_account(&mut self, kind: &str, why: &str) -> Result<(), StoreError> {
        let waba = self.waba.clone();
        self.alert(BarScope::Account, waba.as_str(), kind, why).await
    }

    /// Of the account where nobody knows which number it is.
    async fn alert_of(&mut self, number: Option<NumberName>, kind: &str, why: &str) -> Result<(), StoreError> {
        match number {
            Some(number) => self.alert(BarScope::Number, number.as_str(), kind, why).await,
            None => self.alert_account(kind, why).await,
        }
    }

    async fn bar(
        &mut self,
        scope: BarScope,
        name: &str,
        what: BarWhat,
        until: Option<Timestamp>,
        why: &str,
    ) -> Result<(), StoreError> {
        let bar = SendBar {
            scope,
            name: name.to_owned(),
            what,
            since: self.at.told_at,
            until,
            until_token: false,
            step: 0,
            why: why.to_owned(),
            origin: BarOrigin::News,
        };
        self.tx.bar_sends(&bar).await
    }

    /// The number that has these digits or, where none are told, this id of Meta's.
    fn of_number(&self, display: Option<&str>, change: &ChangeRow) -> Option<NumberName> {
        let digits: String = display.unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
        let phone = (!digits.is_empty()).then(|| phone::canonical(&digits).into_owned());
        let is_it = |number: &&waypost_live::OurNumber| match &phone {
            Some(_) => number.phone == phone,
            None => !change.number.is_empty() && number.id == change.number,
        };
        self.sending.numbers.values().find(is_it).map(|number| number.name.clone())
    }

    /// The limit is the portfolio's, whoever tells it.
    pub(crate) async fn tier(&mut self, tier: Option<&str>) -> Result<(), StoreError> {
        let Some(tier) = tier else { return Ok(()) };
        let portfolio = reach(self.sending, self.now).portfolio;
        self.tx.tell_tier(portfolio, tier, self.at.told_at).await
    }

    async fn number(&mut self, news: &NumberNews, change: &ChangeRow) -> Result<(), StoreError> {
        self.tier(news.tier.as_deref()).await?;
        match self.of_number(news.display_phone_number.as_deref(), change) {
            Some(number) => self.number_stands(&number, &news.event).await,
            None if matches!(standing(&news.event), Standing::Good | Standing::Unsaid) => Ok(()),
            None => {
                self.alert_account("number_standing", "a number of the account that is not ours stands badly").await
            }
        }
    }

    /// How a number stands, by Meta's word for it.
    pub(crate) async fn number_stands(&mut self, number: &NumberName, word: &str) -> Result<(), StoreError> {
        let standing = standing(word);
        if standing == Standing::Unsaid {
            return Ok(());
        }
        let name = number.as_str();
        let Heard::New { before } = self.hear(BarScope::Number, name, STANDING, word).await? else { return Ok(()) };
        let told_at = self.at.told_at;
        if matches!(standing, Standing::Good | Standing::Barred(_)) {
            self.tx.lift_bars(BarScope::Number, name, Lift::News, told_at).await?;
        }
        if let Standing::Barred(what) = standing {
            self.bar(BarScope::Number, name, what, None, &format!("the number is {word}")).await?;
        }
        if standing == Standing::Good || before.as_deref() == Some(word) {
            return Ok(());
        }
        self.alert(BarScope::Number, name, "number_standing", &format!("the number is {word}")).await
    }

    /// What customers make of a number: `GREEN`, `YELLOW`, `RED`.
    pub(crate) async fn number_quality(&mut self, number: &NumberName, word: &str) -> Result<(), StoreError> {
        let name = number.as_str();
        match self.hear(BarScope::Number, name, QUALITY, word).await? {
            Heard::New { before } if is_worse(word, before.as_deref()) => {
                let why = format!("the number's quality is {word}");
                let told = match self.pause_campaigns(&why).await? {
                    0 => why,
                    count => format!("{why}; campaigns that ran and were paused: {count}"),
                };
                self.alert(BarScope::Number, name, "quality", &told).await
            }
            Heard::New { .. } | Heard::Old => Ok(()),
        }
    }

    /// Of all numbers, which share the limit that quality is about. How many ran.
    async fn pause_campaigns(&mut self, why: &str) -> Result<usize, StoreError> {
        if !self.sending.policy.campaigns.pause_on_quality {
            return Ok(0);
        }
        Ok(pause_all(self.tx, why, self.now).await?.len())
    }

    async fn number_name(&mut self, decided: &Decided, change: &ChangeRow) -> Result<(), StoreError> {
        if decided.decision != "REJECTED" {
            return Ok(());
        }
        let of = self.of_number(decided.display_phone_number.as_deref(), change);
        self.alert_of(of, "name_rejected", "the name that customers were to see was rejected").await
    }

    async fn review(&mut self, decided: &Decided) -> Result<(), StoreError> {
        let waba = self.waba.clone();
        match self.hear(BarScope::Account, waba.as_str(), "review", &decided.decision).await? {
            Heard::New { .. } if decided.decision == "REJECTED" => {
                self.alert_account("review_rejected", "the account was rejected").await
            }
            Heard::New { .. } | Heard::Old => Ok(()),
        }
    }

    async fn account(&mut self, update: &AccountUpdate) -> Result<(), StoreError> {
        if let Some(waba) = &update.waba {
            self.waba = WabaId::new(waba.clone());
        }
        match &update.what {
            AccountEvent::Restricted(all) => self.restrict(all).await,
            AccountEvent::Violation(kind) => {
                let why = format!("Meta saw a violation of its rules: {}", kind.as_deref().unwrap_or("not said which"));
                self.alert_account("violation", &why).await
            }
            AccountEvent::Ban(BanState::InForce | BanState::Unclear, _) => {
                self.stop(&update.event, "ban", "the account is disabled").await
            }
            AccountEvent::Ban(BanState::Scheduled, from) => {
                let from = from.map_or_else(String::new, |from| format!(" from {} ms since 1970 on", from.as_millis()));
                self.alert_account("ban_scheduled", &format!("the account will be disabled{from}")).await
            }
            AccountEvent::Deleted => self.stop(&update.event, "account_deleted", "the account was deleted").await,
            AccountEvent::Offboarded => self.stop(&update.event, "account_offboarded", "the account left").await,
            AccountEvent::Ban(BanState::Lifted, _) => self.go_on("REINSTATE").await,
            AccountEvent::Reconnected => self.go_on(&update.event).await,
            AccountEvent::PartnerRemoved => {
                self.alert_account("partner_removed", "a partner, perhaps we, may not use the account any more").await
            }
            AccountEvent::Other => Ok(()),
        }
    }

    /// All that is forbidden by now: what was before is in the list, or over.
    async fn restrict(&mut self, all: &[Restriction]) -> Result<(), StoreError> {
        let told: Vec<String> = all.iter().map(meaning::told).collect();
        let waba = self.waba.clone();
        let name = waba.as_str();
        if self.hear(BarScope::Account, name, "restriction", &told.join(",")).await? == Heard::Old {
            return Ok(());
        }
        let told_at = self.at.told_at;
        self.tx.lift_bars(BarScope::Account, name, Lift::NewsOnPart, told_at).await?;
        if all.is_empty() {
            self.bar(BarScope::Account, name, BarWhat::Templates, None, "restricted, and not said in what").await?;
        }
        for restriction in all {
            if let Some(what) = restricted(&restriction.kind) {
                self.bar(BarScope::Account, name, what, restriction.until, &restriction.kind).await?;
            }
        }
        self.alert_account("restriction", &format!("the account is restricted: {}", told.join(", "))).await
    }

    /// Nothing goes from the account's numbers.
    async fn stop(&mut self, event: &str, kind: &str, why: &str) -> Result<(), StoreError> {
        let waba = self.waba.clone();
        if self.hear(BarScope::Account, waba.as_str(), STANDING, event).await? == Heard::Old {
            return Ok(());
        }
        self.bar(BarScope::Account, waba.as_str(), BarWhat::Everything, None, why).await?;
        self.alert_account(kind, why).await
    }

    /// The account is back.
    async fn go_on(&mut self, event: &str) -> Result<(), StoreError> {
        let waba = self.waba.clone();
        if self.hear(BarScope::Account, waba.as_str(), STANDING, event).await? == Heard::Old {
            return Ok(());
        }
        let told_at = self.at.told_at;
        self.tx.lift_bars(BarScope::Account, waba.as_str(), Lift::Everything, told_at).await.map(drop)
    }
}
