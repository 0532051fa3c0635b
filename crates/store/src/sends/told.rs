//! Statuses of our sends: joined by Meta's id, or by our mark where that came before the answer did.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use waypost_domain::send::{Mark, SendId, SendState, Told};
use waypost_domain::{ContactId, NumberName, Pricing, Status, Timestamp};

use super::answers::{Changed, writing};
use super::facts::{asking_survivors, survivors};
use super::row::{COLUMNS, SEND, SendPrice, SendRow};
use super::spend::PricedSend;
use super::tx::SendTx;
use crate::Result;
use crate::changes::RecordTx;
use crate::core::{Param, Sql, params};
use crate::records::key;

/// What the statuses of a batch came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FoldedStatuses {
    /// Sends that failed now.
    pub failed: Vec<FailedSend>,
    /// Sends that cost something, or nothing, as is known now.
    pub priced: Vec<PricedSend>,
    /// Statuses of messages that we did not send.
    pub foreign: u64,
}

/// A send that Meta gave up after it had taken it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedSend {
    pub id: SendId,
    /// Who it was sent to is by now.
    pub contact: ContactId,
    pub number: NumberName,
    pub template: Option<String>,
    pub code: Option<i64>,
}

static LOCK: LazyLock<Sql> = LazyLock::new(|| {
    let with = |wamids: &str, ids: &str, lock: &str| {
        format!(
            "SELECT {COLUMNS} FROM send s
            WHERE s.place IN (
                SELECT place FROM send WHERE wamid {wamids} UNION SELECT place FROM send WHERE id {ids})
            ORDER BY s.place{lock}"
        )
    };
    Sql::made_each(
        with("IN (SELECT value FROM json_each($1))", "IN (SELECT value FROM json_each($2))", ""),
        with("= ANY($1::TEXT[])", "= ANY($2::TEXT[])", " FOR NO KEY UPDATE OF s"),
    )
});

static CLOSE_WINDOW: Sql = Sql::both(
    "UPDATE conversation SET window_ends_at = $3
    WHERE contact_id = $1 AND number = $2 AND window_ends_at > $3",
);

fn price(pricing: &Pricing) -> SendPrice {
    SendPrice { billed: pricing.is_billed(), kind: pricing.kind.clone(), category: pricing.category.clone() }
}

impl RecordTx {
    /// Takes statuses in. Each may come any number of times, in any order, before the answer or after it. What they say of a
    /// group's members is not looked at.
    pub async fn fold_statuses(&mut self, statuses: &[Status], now: Timestamp) -> Result<FoldedStatuses> {
        let mut folded = FoldedStatuses::default();
        let ours: Vec<(&Status, Option<Mark>)> = statuses
            .iter()
            .filter(|status| status.participant.is_none())
            .map(|status| (status, status.callback_data.as_deref().and_then(Mark::parse)))
            .collect();
        if ours.is_empty() {
            return Ok(folded);
        }
        let wamids: Param<'_> = ours.iter().map(|(status, _)| key(&status.id)).collect();
        let ids: Param<'_> = ours.iter().filter_map(|(_, mark)| Some(&mark.as_ref()?.send)).collect();
        let rows = self.fenced.tx.query(&LOCK, params![wamids, ids]).await?;
        let mut changed = rows
            .iter()
            .map(|row| SendRow::from_row(&row.of(SEND.name)).map(Changed::of))
            .collect::<Result<Vec<_>>>()?;
        let mut by_id: HashMap<SendId, usize> = HashMap::new();
        let mut by_wamid: HashMap<String, usize> = HashMap::new();
        for (at, one) in changed.iter().enumerate() {
            by_id.insert(one.row.request.id.clone(), at);
            by_wamid.extend(one.row.wamid.clone().map(|wamid| (wamid, at)));
        }
        for (status, mark) in &ours {
            let found = by_wamid.get(&*key(&status.id)).or_else(|| by_id.get(&mark.as_ref()?.send));
            let Some(one) = found.and_then(|at| changed.get_mut(*at)) else {
                folded.foreign += 1;
                continue;
            };
            let was_priced = one.priced().is_some();
            one.take_status(status, now);
            if let Some((price, at)) = one.priced().filter(|_| !was_priced) {
                let (number, recipient) = (one.row.request.number.clone(), status.recipient.clone());
                folded.priced.push(PricedSend { number, recipient, price: price.clone(), at });
            }
        }
        let failed = |one: &Changed| one.row.state() == SendState::Failed && one.before != SendState::Failed;
        folded.failed = changed.iter().filter(|one| failed(one)).map(|one| FailedSend::of(&one.row)).collect();
        self.fenced.tx.run(writing(&changed, now)?).await?;
        self.find_survivors(&mut folded.failed).await?;
        Ok(folded)
    }

    /// Contacts may have merged since it was sent.
    async fn find_survivors(&mut self, failed: &mut [FailedSend]) -> Result<()> {
        if failed.is_empty() {
            return Ok(());
        }
        let contacts: BTreeSet<ContactId> = failed.iter().map(|one| one.contact).collect();
        let answers = self.fenced.tx.run(vec![asking_survivors(&contacts)]).await?;
        let survivors = answers.first().map(survivors).transpose()?.unwrap_or_default();
        for one in failed {
            one.contact = survivors.get(&one.contact).copied().unwrap_or(one.contact);
        }
        Ok(())
    }

    /// Meta says that the customer service window is closed, whatever our clock says.
    pub async fn close_window(&mut self, contact: ContactId, number: &NumberName, at: Timestamp) -> Result<()> {
        self.fenced.tx.execute(&CLOSE_WINDOW, params![contact, number, at]).await.map(drop)
    }
}

impl SendTx {
    /// The same, said in an answer.
    pub async fn close_window(&mut self, contact: ContactId, number: &NumberName, at: Timestamp) -> Result<()> {
        self.fenced.tx.execute(&CLOSE_WINDOW, params![contact, number, at]).await.map(drop)
    }
}

impl Changed {
    fn take_status(&mut self, status: &Status, now: Timestamp) {
        if !status.id.is_empty() {
            self.row.wamid.get_or_insert_with(|| key(&status.id).into_owned());
        }
        if let Some(told) = Told::of_status(status, now) {
            self.tell(&told, now);
        }
        if let Some(pricing) = status.pricing.as_ref().filter(|_| self.row.price.is_none()) {
            self.row.price = Some(price(pricing));
        }
    }

    /// Its price, and when it arrived: what never does is not charged for.
    fn priced(&self) -> Option<(&SendPrice, Timestamp)> {
        let progress = &self.row.progress;
        let at = progress.delivered_at.or(progress.read_at).or(progress.played_at)?;
        Some((self.row.price.as_ref()?, at))
    }
}

impl FailedSend {
    fn of(row: &SendRow) -> Self {
        Self {
            id: row.request.id.clone(),
            contact: row.request.contact,
            number: row.request.number.clone(),
            template: row.template.clone(),
            code: row.progress.failed.and_then(|(_, code)| code),
        }
    }
}
