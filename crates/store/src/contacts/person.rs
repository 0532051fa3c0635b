//! A contact as one transaction knows it: what is known of the person, and whether a number still says who they are.

use waypost_domain::contact::Doubt;
use waypost_domain::{KnownLanguage, LanguageMemory, LanguageSource, Timestamp};

use super::observation::Observation;
use crate::Result;
use crate::contacts::ContactRecord;
use crate::core::{Columns, Param};
use crate::records::clean;

/// What [`record`] reads, of `contact c`.
pub(crate) const RECORD: &str =
    "c.id, c.attributes, c.profile_name, c.username, c.wa_id, c.language, c.language_source,
        c.language_confidence, c.language_sample";

/// What [`Person::from_row`] reads beside it.
pub(super) const DOUBTS: &str = "c.has_bsuid, c.identity_changed_at, c.is_apart";

/// A contact as one transaction knows it.
pub(super) struct Person {
    pub(super) record: ContactRecord,
    pub(super) has_bsuid: bool,
    /// WhatsApp said that somebody else may use the number, and nobody confirmed who it is.
    pub(super) identity_changed_at: Option<Timestamp>,
    /// A person said that they are not who they were taken for.
    pub(super) is_apart: bool,
    /// When they wrote last; `None` where they never did, or where it was not asked for.
    pub(super) heard_at: Option<Timestamp>,
    pub(super) created_at: Timestamp,
    /// It lost an alias: whoever read that before must look again.
    pub(super) lost_alias: bool,
    /// Its row must be written: what is known changed, or it got its first BSUID.
    pub(super) changed: bool,
}

impl Person {
    pub(super) const fn of(record: ContactRecord) -> Self {
        Self {
            record,
            has_bsuid: false,
            identity_changed_at: None,
            is_apart: false,
            heard_at: None,
            created_at: Timestamp::from_millis(0),
            lost_alias: false,
            changed: false,
        }
    }

    pub(super) fn from_row(row: &Columns<'_>) -> Result<Self> {
        let record = record(row)?;
        Ok(Self {
            has_bsuid: row.get("has_bsuid")?,
            identity_changed_at: row.get("identity_changed_at")?,
            is_apart: row.get("is_apart")?,
            heard_at: row.get("heard_at")?,
            ..Self::of(record)
        })
    }

    /// Whether they may not be who shows a BSUID on their number, as `observation` tells. An import vouches for a number,
    /// however long it was silent; one that never wrote has nothing that could be taken for somebody else's.
    pub(super) fn doubt(&self, observation: &Observation) -> Option<Doubt> {
        if self.has_bsuid {
            return None;
        }
        if self.is_apart {
            return Some(Doubt::Apart);
        }
        if self.identity_changed_at.is_some() {
            return Some(Doubt::IdentityChanged);
        }
        let silent_before = observation.wrote.as_ref()?.silent_before;
        self.heard_at.is_some_and(|heard| heard < silent_before).then_some(Doubt::Silent)
    }
}

pub(crate) fn record(row: &Columns<'_>) -> Result<ContactRecord> {
    Ok(ContactRecord {
        id: row.get("id")?,
        attributes: row.parse("attributes", |text| serde_json::from_str(text).ok())?.unwrap_or_default(),
        profile_name: row.get("profile_name")?,
        username: row.get("username")?,
        wa_id: row.get("wa_id")?,
        language: language(row)?,
        is_new: false,
    })
}

/// A language of which nobody said who told is the CRM's: before there were others.
fn language(row: &Columns<'_>) -> Result<LanguageMemory> {
    let tag: Option<String> = row.get("language")?;
    let source = row.parse("language_source", LanguageSource::parse)?.unwrap_or(LanguageSource::Crm);
    let confidence: Option<u8> = row.get("language_confidence")?;
    let known = tag.map(|tag| KnownLanguage { tag, source, confidence: confidence.unwrap_or(100) });
    Ok(LanguageMemory { known, sample: row.get("language_sample")? })
}

/// Language, its source and confidence, and the sample, in the order in which statements take them.
pub(super) fn language_params(memory: &LanguageMemory) -> [Param<'_>; 4] {
    let known = memory.known.as_ref();
    [
        known.map(|known| clean(&known.tag)).into(),
        known.map(|known| known.source.as_str()).into(),
        known.map(|known| known.confidence).into(),
        memory.sample.as_deref().map(clean).into(),
    ]
}
