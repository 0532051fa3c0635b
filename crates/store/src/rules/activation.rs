//! Which versions are in force since when. The last row counts; going back is another row.

use std::sync::LazyLock;

use waypost_domain::{NumberName, Timestamp};

use crate::admin::AuditedTx;
use crate::core::{Columns, Param, Row, Sql, Statement, Table, params};
use crate::records::clean;
use crate::{Result, Store, StoreError};

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
    /// Where it went back: the revision that it went to; where that had gone back too, where that went.
    pub rolled_back_to: Option<i64>,
}

static ACTIVATION: Table = Table {
    name: "rule_activation",
    columns: &[
        ("revision", "BIGINT"),
        ("at", "BIGINT"),
        ("active", "BIGINT"),
        ("trial", "BIGINT"),
        ("trial_percent", "BIGINT"),
        ("trial_numbers", "TEXT"),
        ("shadow", "BIGINT"),
        ("made_by", "TEXT"),
        ("reason", "TEXT"),
        ("rolled_back_to", "BIGINT"),
    ],
};

impl Activation {
    fn from_row(row: &Columns<'_>) -> Result<Self> {
        let trial = match row.get("trial")? {
            None => None,
            Some(rule_set) => Some(TrialRow {
                rule_set,
                percent: row.get("trial_percent")?,
                numbers: row.parse("trial_numbers", names)?.unwrap_or_default(),
            }),
        };
        Ok(Self {
            revision: row.get("revision")?,
            in_force: InForce { active: row.get("active")?, trial, shadow: row.get("shadow")? },
            at: row.get("at")?,
            by: row.get("made_by")?,
            reason: row.get("reason")?,
            rolled_back_to: row.get("rolled_back_to")?,
        })
    }

    /// In the order of [`ACTIVATION`].
    fn params(&self) -> Vec<Param<'_>> {
        let trial = self.in_force.trial.as_ref();
        let numbers: Vec<&str> =
            trial.map(|trial| trial.numbers.iter().map(NumberName::as_str).collect()).unwrap_or_default();
        params![
            self.revision,
            self.at,
            self.in_force.active,
            trial.map(|trial| trial.rule_set),
            trial.map_or(0, |trial| trial.percent),
            serde_json::Value::from(numbers).to_string(),
            self.in_force.shadow,
            &self.by,
            &self.reason,
            self.rolled_back_to,
        ]
    }
}

fn names(json: &str) -> Option<Vec<NumberName>> {
    let names: Vec<String> = serde_json::from_str(json).ok()?;
    names.into_iter().map(|name| NumberName::new(name).ok()).collect()
}

static INSERT: LazyLock<Sql> = LazyLock::new(|| ACTIVATION.insert(""));

static LAST: LazyLock<Sql> = LazyLock::new(|| {
    ACTIVATION.select(
        "ORDER BY revision DESC
        LIMIT 1",
    )
});

static BELOW: LazyLock<Sql> = LazyLock::new(|| {
    ACTIVATION.select(
        "WHERE revision < $1
        ORDER BY revision DESC
        LIMIT $2",
    )
});

static IS_CHECKED: Sql = Sql::both("SELECT number FROM rule_set WHERE number = $1 AND checked_at IS NOT NULL");

impl Store {
    /// What is in force; `None` before the first activation.
    pub async fn activation(&self) -> Result<Option<Activation>> {
        only(&self.read(&LAST, vec![]).await?)
    }

    /// Changes below `before`, the newest first.
    pub async fn activations(&self, before: Option<i64>, limit: u32) -> Result<Vec<Activation>> {
        let rows = self.report(&BELOW, params![before.unwrap_or(i64::MAX), limit]).await?;
        rows.iter().map(|row| Activation::from_row(&row.of(ACTIVATION.name))).collect()
    }
}

impl AuditedTx {
    /// What is in force; `None` before the first activation.
    pub async fn activation(&mut self) -> Result<Option<Activation>> {
        only(&self.tx.query(&LAST, vec![]).await?)
    }

    /// Puts other versions in force. [`StoreError::Invalid`] when one is missing or a draft. `rolled_back_to`: for whoever
    /// goes back.
    pub async fn activate(
        &mut self,
        in_force: &InForce,
        by: &str,
        reason: &str,
        rolled_back_to: Option<i64>,
    ) -> Result<Activation> {
        if in_force.trial.as_ref().is_some_and(|trial| trial.percent > 100) {
            return Err(StoreError::Invalid("percent must be at most 100".to_owned()));
        }
        let numbers: Vec<i64> = in_force.numbers().collect();
        let mut asked = vec![Statement::new(&LAST, vec![])];
        asked.extend(numbers.iter().map(|number| Statement::new(&IS_CHECKED, params![*number])));
        let mut answers = self.tx.run(asked).await?.into_iter();
        let last = answers.next().map_or(Ok(None), |answer| only(&answer.rows))?;
        for (number, answer) in numbers.iter().zip(answers) {
            if answer.rows.is_empty() {
                return Err(StoreError::Invalid(format!("rule set {number} is missing, or a draft")));
            }
        }
        let activation = Activation {
            revision: last.map_or(0, |last| last.revision) + 1,
            in_force: in_force.clone(),
            at: self.now,
            by: clean(by).into_owned(),
            reason: clean(reason).into_owned(),
            rolled_back_to,
        };
        self.tx.run(vec![Statement::rows(&INSERT, vec![activation.params()])]).await?;
        Ok(activation)
    }
}

impl InForce {
    /// Every version that is used.
    pub fn numbers(&self) -> impl Iterator<Item = i64> {
        [Some(self.active), self.trial.as_ref().map(|trial| trial.rule_set), self.shadow].into_iter().flatten()
    }
}

fn only(rows: &[Row]) -> Result<Option<Activation>> {
    rows.first().map(|row| Activation::from_row(&row.of(ACTIVATION.name))).transpose()
}
