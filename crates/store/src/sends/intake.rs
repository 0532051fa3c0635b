//! How a request gets in: once, whoever asks how often.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ring::digest::{SHA256, digest};
use waypost_domain::send::{SendId, SendRequest};
use waypost_domain::{CampaignName, TeamName, Timestamp};

use super::row::{NewRow, SEND};
use crate::core::{Param, Row, Sql, Statement, params};
use crate::{Result, Store, StoreError};

/// A request to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSend {
    /// Its contact must be one that is there.
    pub request: SendRequest,
    /// From when on it is of no use: the request's own word, or what is usual for its kind.
    pub ends_at: Timestamp,
    /// The send that a person wants to go once more.
    pub resend_of: Option<SendId>,
    /// Who has the conversation that it is in.
    pub team: Option<TeamName>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredSend {
    New,
    /// The same request was stored before.
    Known,
    /// Another request has this id.
    Conflict,
}

static INSERT: LazyLock<Sql> = LazyLock::new(|| SEND.insert("ON CONFLICT (id) DO NOTHING"));

/// The statement that stores these, of a campaign where they are one's, beside what they follow from; what is stored under an id
/// before stays. `None`: there is nothing.
pub(crate) fn storing<'a>(sends: &'a [NewSend], campaign: Option<&'a CampaignName>) -> Result<Option<Statement<'a>>> {
    let rows = sends.iter().map(|send| send.row(campaign, send.fingerprint()?)).collect::<Result<Vec<_>>>()?;
    Ok((!rows.is_empty()).then(|| Statement::rows(&INSERT, rows)))
}

static FINGERPRINTS: Sql = Sql::each(
    "SELECT id, fingerprint FROM send WHERE id IN (SELECT value FROM json_each($1))",
    "SELECT id, fingerprint FROM send WHERE id = ANY($1::TEXT[])",
);

impl NewSend {
    /// Of what was asked for: not of when, since whoever asks again does so later.
    fn fingerprint(&self) -> Result<Vec<u8>> {
        let timeless = Timestamp::from_millis(0);
        let request = SendRequest { created_at: timeless, ..self.request.clone() };
        Ok(digest(&SHA256, &encoded(&request)?).as_ref().to_vec())
    }

    /// Its columns.
    fn row<'a>(&'a self, campaign: Option<&'a CampaignName>, fingerprint: Vec<u8>) -> Result<Vec<Param<'a>>> {
        let Self { request, ends_at, resend_of, team } = self;
        let (resend_of, team) = (resend_of.as_ref(), team.as_ref());
        let json = encoded(request)?;
        Ok(NewRow { request, ends_at: *ends_at, resend_of, campaign, fingerprint, json, team }.params())
    }
}

fn encoded(request: &SendRequest) -> Result<Vec<u8>> {
    serde_json::to_vec(request).map_err(|error| StoreError::Invalid(format!("a request to send: {error}")))
}

fn fingerprints(rows: &[Row]) -> Result<HashMap<String, Vec<u8>>> {
    let fingerprint = |row: &Row| {
        let row = row.of(SEND.name);
        Ok((row.get("id")?, row.get("fingerprint")?))
    };
    rows.iter().map(fingerprint).collect()
}

impl Store {
    /// Stores requests under their ids, all or none; returns what became of each, in their order. Of several with one id in
    /// the same call the first counts.
    pub async fn keep_sends(&self, sends: &[NewSend]) -> Result<Vec<StoredSend>> {
        if sends.is_empty() {
            return Ok(vec![]);
        }
        let ids: Param<'_> = sends.iter().map(|send| &send.request.id).collect();
        let mut tx = self.begin().await?;
        let before = fingerprints(&tx.query(&FINGERPRINTS, params![ids.clone()]).await?)?;
        let prints = sends.iter().map(NewSend::fingerprint).collect::<Result<Vec<_>>>()?;
        let mut rows = Vec::with_capacity(sends.len());
        for (send, print) in sends.iter().zip(&prints) {
            if before.contains_key(send.request.id.as_str()) {
                continue;
            }
            rows.push(send.row(None, print.clone())?);
        }
        let mut after = HashMap::new();
        if !rows.is_empty() {
            // What another process stores at this moment is not stored again, and is compared.
            let statements = vec![Statement::rows(&INSERT, rows), Statement::new(&FINGERPRINTS, params![ids])];
            let answers = tx.run(statements).await?;
            after = fingerprints(answers.last().map(|answer| &answer.rows[..]).unwrap_or_default())?;
        }
        tx.commit().await?;
        let mut seen = HashSet::new();
        let mut outcomes = Vec::with_capacity(sends.len());
        for (send, print) in sends.iter().zip(&prints) {
            let id = send.request.id.as_str();
            let is_new = seen.insert(id) && !before.contains_key(id);
            outcomes.push(match before.get(id).or_else(|| after.get(id)) {
                Some(stored) if stored != print => StoredSend::Conflict,
                _ if is_new => StoredSend::New,
                _ => StoredSend::Known,
            });
        }
        Ok(outcomes)
    }
}
