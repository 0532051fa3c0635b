//! When messages of customers were received.

use std::collections::BTreeMap;

use waypost_domain::{DecisionId, Timestamp};

use crate::core::{Param, Row, Sql, params};
use crate::{Result, Store};

pub(super) static RECEIVED: Sql = Sql::each(
    "SELECT decision_id, received_at FROM inbox WHERE decision_id IN (SELECT unhex(value) FROM json_each($1))",
    "SELECT decision_id, received_at FROM inbox WHERE decision_id = ANY($1::UUID[])",
);

impl Store {
    /// When messages of customers were received, by their decisions; what is not stored any more is left out.
    pub async fn received_at(&self, decisions: &[DecisionId]) -> Result<BTreeMap<DecisionId, Timestamp>> {
        match decisions {
            [] => Ok(BTreeMap::new()),
            _ => received(&self.read(&RECEIVED, params![ids(decisions)]).await?),
        }
    }
}

pub(super) fn ids(decisions: &[DecisionId]) -> Param<'_> {
    decisions.iter().copied().collect()
}

pub(super) fn received(rows: &[Row]) -> Result<BTreeMap<DecisionId, Timestamp>> {
    let pair = |row: &Row| {
        let row = row.of("inbox");
        Ok((row.get("decision_id")?, row.get("received_at")?))
    };
    rows.iter().map(pair).collect()
}
