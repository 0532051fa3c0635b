//! Versions of the rules, and which of them are in force. A version is never changed or deleted: stored decisions name
//! it, and going back means activating it again. What the text says is for `waypost_rules` to know.

use sqlx::FromRow;
use waypost_domain::{NumberName, Timestamp};

use crate::database::{on_reader, on_tx};
use crate::records::{clean, timestamp, unreadable};
use crate::{Change, Result, Store, StoreError};

/// A version, as it was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSetRow {
    /// From 1, in the order of pushing.
    pub number: i64,
    /// The version that decisions name: a hash of what the text says.
    pub hash: String,
    /// TOML.
    pub text: String,
    pub created_at: Timestamp,
    pub created_by: String,
    pub reason: String,
    /// `None`: a draft, which cannot be activated.
    pub checked_at: Option<Timestamp>,
}

/// What decides, by the numbers of versions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InForce {
    pub active: i64,
    /// Decides instead of `active` for some.
    pub trial: Option<TrialRow>,
    /// Decides beside it, for comparison only.
    pub shadow: Option<i64>,
}

/// A version that is tried on whoever writes to one of `numbers`, and on `percent` of all contacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialRow {
    pub rule_set: i64,
    pub percent: u8,
    pub numbers: Vec<NumberName>,
}

/// A change of what is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    /// From 1; each change is one more.
    pub revision: i64,
    pub in_force: InForce,
    pub at: Timestamp,
    pub by: String,
    pub reason: String,
}

#[derive(FromRow)]
struct RuleSetRecord {
    number: i64,
    hash: String,
    text: String,
    created_at: i64,
    created_by: String,
    reason: String,
    checked_at: Option<i64>,
}

impl From<RuleSetRecord> for RuleSetRow {
    fn from(record: RuleSetRecord) -> Self {
        Self {
            number: record.number,
            hash: record.hash,
            text: record.text,
            created_at: Timestamp::from_millis(record.created_at),
            created_by: record.created_by,
            reason: record.reason,
            checked_at: timestamp(record.checked_at),
        }
    }
}

#[derive(FromRow)]
struct ActivationRecord {
    revision: i64,
    at: i64,
    active: i64,
    trial: Option<i64>,
    trial_percent: i64,
    trial_numbers: String,
    shadow: Option<i64>,
    made_by: String,
    reason: String,
}

impl ActivationRecord {
    fn into_activation(self) -> Result<Activation> {
        let trial = match self.trial {
            None => None,
            Some(rule_set) => {
                let names: Vec<String> = serde_json::from_str(&self.trial_numbers)
                    .map_err(|_| unreadable("rule_activation", "trial_numbers"))?;
                let numbers = names.into_iter().map(NumberName::new).collect::<Result<_, _>>();
                let percent =
                    u8::try_from(self.trial_percent).map_err(|_| unreadable("rule_activation", "trial_percent"))?;
                Some(TrialRow {
                    rule_set,
                    percent,
                    numbers: numbers.map_err(|_| unreadable("rule_activation", "trial_numbers"))?,
                })
            }
        };
        Ok(Activation {
            revision: self.revision,
            in_force: InForce { active: self.active, trial, shadow: self.shadow },
            at: Timestamp::from_millis(self.at),
            by: self.made_by,
            reason: self.reason,
        })
    }
}

const RULE_SET: &str = "SELECT number, hash, text, created_at, created_by, reason, checked_at FROM rule_set";
const ACTIVATION: &str = "SELECT revision, at, active, trial, trial_percent, trial_numbers, shadow, made_by, reason \
     FROM rule_activation";

impl Store {
    pub async fn rule_set(&self, number: i64) -> Result<Option<RuleSetRow>> {
        let sql = format!("{RULE_SET} WHERE number = $1");
        let record: Option<RuleSetRecord> =
            on_reader!(self, |db| { sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(number).fetch_optional(db).await? });
        Ok(record.map(RuleSetRow::from))
    }

    /// The version that a decision names.
    pub async fn rule_set_by_hash(&self, hash: &str) -> Result<Option<RuleSetRow>> {
        let sql = format!("{RULE_SET} WHERE hash = $1");
        let record: Option<RuleSetRecord> =
            on_reader!(self, |db| { sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(hash).fetch_optional(db).await? });
        Ok(record.map(RuleSetRow::from))
    }

    /// Versions below `before`, the newest first.
    pub async fn rule_sets(&self, before: Option<i64>, limit: u32) -> Result<Vec<RuleSetRow>> {
        let sql = format!("{RULE_SET} WHERE number < $1 ORDER BY number DESC LIMIT $2");
        let records: Vec<RuleSetRecord> = on_reader!(self, |db| {
            let query = sqlx::query_as(sqlx::AssertSqlSafe(sql));
            query.bind(before.unwrap_or(i64::MAX)).bind(i64::from(limit)).fetch_all(db).await?
        });
        Ok(records.into_iter().map(RuleSetRow::from).collect())
    }

    /// What is in force; `None` before the first activation.
    pub async fn activation(&self) -> Result<Option<Activation>> {
        Ok(self.activations(None, 1).await?.into_iter().next())
    }

    /// Changes below `before`, the newest first.
    pub async fn activations(&self, before: Option<i64>, limit: u32) -> Result<Vec<Activation>> {
        let sql = format!("{ACTIVATION} WHERE revision < $1 ORDER BY revision DESC LIMIT $2");
        let records: Vec<ActivationRecord> = on_reader!(self, |db| {
            let query = sqlx::query_as(sqlx::AssertSqlSafe(sql));
            query.bind(before.unwrap_or(i64::MAX)).bind(i64::from(limit)).fetch_all(db).await?
        });
        records.into_iter().map(ActivationRecord::into_activation).collect()
    }
}

impl Change {
    /// Keeps a version as a draft and returns it. What says the same as one that is there already is that one.
    pub async fn push_rule_set(&mut self, hash: &str, text: &str, by: &str, reason: &str) -> Result<RuleSetRow> {
        let by_hash = format!("{RULE_SET} WHERE hash = $1");
        let insert = "INSERT INTO rule_set (number, created_at, hash, text, created_by, reason) \
             SELECT coalesce(max(number), 0) + 1, $1, $2, $3, $4, $5 FROM rule_set";
        let now = self.now.as_millis();
        let record: RuleSetRecord = on_tx!(&mut self.tx, |db| {
            let query = || sqlx::query_as(sqlx::AssertSqlSafe(by_hash.clone())).bind(hash);
            match query().fetch_optional(&mut *db).await? {
                Some(known) => known,
                None => {
                    let made = sqlx::query(insert).bind(now).bind(hash).bind(clean(text)).bind(clean(by));
                    made.bind(clean(reason)).execute(&mut *db).await.map(drop)?;
                    query().fetch_one(&mut *db).await?
                }
            }
        });
        Ok(record.into())
    }

    /// A draft was found to be without errors. Of one that is checked already, the first time stays.
    pub async fn mark_rule_set_checked(&mut self, number: i64) -> Result<()> {
        let sql = "UPDATE rule_set SET checked_at = coalesce(checked_at, $1) WHERE number = $2";
        let now = self.now.as_millis();
        on_tx!(&mut self.tx, |db| sqlx::query(sql).bind(now).bind(number).execute(&mut *db).await.map(drop)?);
        Ok(())
    }

    /// What is in force; `None` before the first activation.
    pub async fn activation(&mut self) -> Result<Option<Activation>> {
        let sql = format!("{ACTIVATION} ORDER BY revision DESC LIMIT 1");
        let record: Option<ActivationRecord> =
            on_tx!(&mut self.tx, |db| sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_optional(&mut *db).await?);
        record.map(ActivationRecord::into_activation).transpose()
    }

    /// Puts other versions in force. [`StoreError::Invalid`] when one is missing or a draft.
    pub async fn activate(&mut self, in_force: &InForce, by: &str, reason: &str) -> Result<Activation> {
        let trial = in_force.trial.as_ref();
        let percent = trial.map_or(0, |trial| trial.percent);
        if percent > 100 {
            return Err(StoreError::Invalid("percent must be at most 100".to_owned()));
        }
        let numbers: Vec<&str> =
            trial.map(|trial| trial.numbers.iter().map(NumberName::as_str).collect()).unwrap_or_default();
        let numbers = serde_json::Value::from(numbers).to_string();
        let revision = self.activation().await?.map_or(0, |last| last.revision) + 1;
        let checked = "SELECT count(*) FROM rule_set WHERE number = $1 AND checked_at IS NOT NULL";
        let insert = "INSERT INTO rule_activation (revision, at, active, trial, trial_percent, trial_numbers, shadow, \
             made_by, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let now = self.now;
        on_tx!(&mut self.tx, |db| {
            for number in in_force.numbers() {
                let rows: i64 = sqlx::query_scalar(checked).bind(number).fetch_one(&mut *db).await?;
                if rows == 0 {
                    return Err(StoreError::Invalid(format!("rule set {number} is missing, or a draft")));
                }
            }
            let query = sqlx::query(insert)
                .bind(revision)
                .bind(now.as_millis())
                .bind(in_force.active)
                .bind(trial.map(|trial| trial.rule_set))
                .bind(i64::from(percent))
                .bind(numbers)
                .bind(in_force.shadow)
                .bind(clean(by))
                .bind(clean(reason));
            query.execute(&mut *db).await.map(drop)?;
        });
        let (by, reason) = (clean(by).into_owned(), clean(reason).into_owned());
        Ok(Activation { revision, in_force: in_force.clone(), at: now, by, reason })
    }
}

impl InForce {
    /// Every version that is used.
    pub fn numbers(&self) -> impl Iterator<Item = i64> {
        [Some(self.active), self.trial.as_ref().map(|trial| trial.rule_set), self.shadow].into_iter().flatten()
    }
}
