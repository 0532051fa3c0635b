//! The consent ledger. The audit log gets an entry as it was kept, with a pseudonym of who collected it: that is a person.

mod audience;

use std::collections::BTreeSet;

use tonic::Request;
use uuid::Uuid;
use waypost_domain::consent::{Basis, ConsentEntry, Evidence, Folding, How, Said, fold};
use waypost_domain::{Alias, Category, ConsentEntryId, ContactId, Timestamp};
use waypost_grpc::error::{Violations, invalid};
use waypost_grpc::fields::from_wire_time;
use waypost_grpc::recipients;
use waypost_grpc::secret::{pseudonym, random};
use waypost_grpc::{Mutation, Result, Tx, change, page, serve};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::consent_service_server::ConsentService;
use waypost_proto::sends::{read_basis, read_category, read_evidence, read_recipient, wire_consents, wire_entry};
use waypost_proto::sends_v1;
use waypost_store::Store;

use super::titles::add_titles;
use crate::Shared;

const BRAND_CHARS_MAX: usize = 64;
const SOURCE_CHARS_MAX: usize = 256;

pub(crate) struct Consent {
    pub(crate) shared: Shared,
}

serve! { ConsentService for Consent {
    get_consent: v1::GetConsentRequest => v1::GetConsentResponse,
    list_consent_entries: v1::ListConsentEntriesRequest => v1::ListConsentEntriesResponse,
    list_audience: v1::ListAudienceRequest => v1::ListAudienceResponse,
    grant_consent: v1::GrantConsentRequest => v1::GrantConsentResponse,
    withdraw_consent: v1::WithdrawConsentRequest => v1::WithdrawConsentResponse,
    dismiss_stop: v1::DismissStopRequest => v1::DismissStopResponse,
}}

impl Consent {
    async fn get_consent(&self, request: Request<v1::GetConsentRequest>) -> Result<v1::GetConsentResponse> {
        let store = &self.shared.store;
        let contact = contact(store, request.into_inner().contact).await?;
        let ledger = Ledger::read(store, contact).await?;
        let mut answer = v1::GetConsentResponse { contact: format!("contacts/{contact}"), ..Default::default() };
        let mut brands: BTreeSet<&str> = ledger.entries.iter().map(|entry| entry.brand.as_str()).collect();
        if ledger.suppressed_at.is_some() && brands.is_empty() {
            brands.insert("");
        }
        for brand in brands {
            let (consents, stop) = ledger.holds(brand);
            answer.consents.extend(consents);
            answer.stops.extend(stop);
        }
        Ok(answer)
    }

    async fn list_consent_entries(
        &self,
        request: Request<v1::ListConsentEntriesRequest>,
    ) -> Result<v1::ListConsentEntriesResponse> {
        let request = request.into_inner();
        let size = page::size(request.page_size)?;
        let store = &self.shared.store;
        let contact = contact(store, request.contact).await?;
        // One person says a few dozen things at most. Entries are never changed, so a place is their number.
        let list = format!("consentEntries {contact}");
        let seen = page::place(&list, &request.page_token, |place| place.parse::<usize>().ok())?;
        let entries = Ledger::read(store, contact).await?.entries;
        let mut rows: Vec<(usize, &ConsentEntry)> = entries.iter().enumerate().rev().collect();
        rows.retain(|(place, _)| seen.is_none_or(|seen| *place < seen));
        let next_page_token = page::cut(&list, &mut rows, size, |(place, _)| place.to_string());
        let mut consent_entries: Vec<v1::ConsentEntry> = rows.into_iter().map(|(_, entry)| wire_entry(entry)).collect();
        add_titles(store, &mut consent_entries).await?;
        Ok(v1::ListConsentEntriesResponse { consent_entries, next_page_token })
    }

    async fn grant_consent(&self, request: Request<v1::GrantConsentRequest>) -> Result<v1::GrantConsentResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let basis = read_basis(request.basis).ok_or_else(|| invalid("basis", "is not known to this release"))?;
        let evidence = read_evidence(request.evidence.unwrap_or_default(), "evidence")?;
        let mut violations = Violations::default();
        let categories = categories(&mut violations, &request.categories);
        violations.require(!request.categories.is_empty(), "categories", "must name at least one");
        let needs_proof = basis == Basis::Consent;
        let problem = "is needed: what they were shown when they agreed";
        violations.require(!needs_proof || !evidence.wording.is_empty(), "evidence.wording", problem);
        let problem = "is needed: where it was collected";
        violations.require(!needs_proof || !evidence.source.is_empty(), "evidence.source", problem);
        let not_for_marketing = basis == Basis::Contract && categories.contains(&Some(Category::Marketing));
        violations.require(!not_for_marketing, "basis", "a contract is none for marketing");
        let said =
            New { said: Said::Granted(basis), categories, evidence, ..New::of(request.said_time, request.source_id) };
        let new = said.checked(violations, request.brand)?;
        let kept = self.keep(mutation, request.contact, new).await?;
        Ok(kept)
    }

    async fn withdraw_consent(
        &self,
        request: Request<v1::WithdrawConsentRequest>,
    ) -> Result<v1::WithdrawConsentResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let evidence = read_evidence(request.evidence.unwrap_or_default(), "evidence")?;
        let mut violations = Violations::default();
        let mut categories = categories(&mut violations, &request.categories);
        if request.categories.is_empty() {
            categories.push(None);
        }
        violations.require(!evidence.source.is_empty(), "evidence.source", "is needed: how it came");
        let said = New { said: Said::Withdrawn, categories, evidence, ..New::of(request.said_time, request.source_id) };
        let new = said.checked(violations, request.brand)?;
        let v1::GrantConsentResponse { consent_entries, consents } = self.keep(mutation, request.contact, new).await?;
        Ok(v1::WithdrawConsentResponse { consent_entries, consents })
    }

    async fn dismiss_stop(&self, request: Request<v1::DismissStopRequest>) -> Result<v1::DismissStopResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let evidence = read_evidence(request.evidence.unwrap_or_default(), "evidence")?;
        let mut violations = Violations::default();
        violations.require(!evidence.source.is_empty(), "evidence.source", "is needed: how it is known");
        let said = New { said: Said::NoStop, categories: vec![None], evidence, ..New::of(None, request.source_id) };
        let new = said.checked(violations, request.brand)?;
        let v1::GrantConsentResponse { consent_entries, consents } = self.keep(mutation, request.contact, new).await?;
        Ok(v1::DismissStopResponse { consent_entries, consents })
    }

    /// All answers have the same fields.
    async fn keep(
        &self,
        mutation: Mutation,
        named: Option<sends_v1::Recipient>,
        new: New,
    ) -> Result<v1::GrantConsentResponse> {
        let store = &self.shared.store;
        let contact = contact(store, named).await?;
        let ledger = Ledger::read(store, contact).await?;
        let key = store.pseudonym_key(random()?).await?;
        let kept = change(store, mutation, move |tx| Box::pin(append(tx, contact, ledger, new, key))).await?;
        Ok(kept.into_answer())
    }
}

/// What is to be kept, an entry for each category.
struct New {
    said: Said,
    brand: String,
    /// `None`: all.
    categories: Vec<Option<Category>>,
    at: Option<Timestamp>,
    source: Option<String>,
    evidence: Evidence,
}

impl New {
    fn of(said_time: Option<prost_types::Timestamp>, source_id: String) -> Self {
        Self {
            said: Said::Withdrawn,
            brand: String::new(),
            categories: Vec::new(),
            at: said_time.as_ref().map(from_wire_time),
            source: (!source_id.is_empty()).then_some(source_id),
            evidence: Evidence::default(),
        }
    }

    fn checked(self, mut violations: Violations, brand: String) -> Result<Self> {
        let is_brand = brand.chars().count() <= BRAND_CHARS_MAX && !brand.chars().any(char::is_control);
        violations.require(is_brand, "brand", "must have at most 64 characters, and no control characters");
        let is_source = self.source.as_ref().is_none_or(|source| source.chars().count() <= SOURCE_CHARS_MAX);
        violations.require(is_source, "source_id", "must have at most 256 characters");
        violations.check()?;
        Ok(Self { brand, ..self })
    }
}

fn categories(violations: &mut Violations, given: &[i32]) -> Vec<Option<Category>> {
    let mut categories = BTreeSet::new();
    for (place, category) in given.iter().enumerate() {
        let field = format!("categories[{place}]");
        match read_category(*category) {
            Some(Category::Service) => violations.add(field, "needs no consent: these are answers"),
            Some(category) => drop(categories.insert(category)),
            None => violations.add(field, "must be authentication, utility or marketing"),
        }
    }
    categories.into_iter().map(Some).collect()
}

async fn contact(store: &Store, named: Option<sends_v1::Recipient>) -> Result<ContactId> {
    recipients::contact(store, read_recipient(named, "contact")?).await
}

async fn append(
    tx: &mut Tx,
    contact: ContactId,
    mut ledger: Ledger,
    new: New,
    key: Vec<u8>,
) -> Result<v1::GrantConsentResponse> {
    let now = tx.now();
    if new.at.is_some_and(|at| at > now) {
        return Err(invalid("said_time", "is in the future"));
    }
    let actor = tx.caller().actor.clone();
    let entry = |category: &Option<Category>| ConsentEntry {
        id: ConsentEntryId::from_uuid(Uuid::now_v7()),
        contact,
        brand: new.brand.clone(),
        category: *category,
        said: new.said,
        at: Some(new.at.unwrap_or(now)),
        recorded_at: now,
        how: How::Api,
        source: new.source.clone(),
        recorded_by: actor.clone(),
        evidence: new.evidence.clone(),
    };
    let entries: Vec<ConsentEntry> = new.categories.iter().map(entry).collect();
    tx.append_consent(&entries).await?;
    for entry in &entries {
        let mut record = wire_entry(entry);
        if let Some(evidence) = record.evidence.as_mut().filter(|evidence| !evidence.collector.is_empty()) {
            evidence.collector = pseudonym(&key, &evidence.collector);
        }
        record.creator.clear();
        tx.record(&format!("contacts/{contact}"), None, Some(&record));
    }
    let consent_entries = entries.iter().map(wire_entry).collect();
    ledger.entries.extend(entries);
    ledger.now = now;
    Ok(v1::GrantConsentResponse { consent_entries, consents: ledger.holds(&new.brand).0 })
}

/// What a contact said, and all who became part of it.
struct Ledger {
    /// In the order in which they were written down.
    entries: Vec<ConsentEntry>,
    merged_at: Option<Timestamp>,
    /// When somebody who was named as they are was erased.
    suppressed_at: Option<Timestamp>,
    contact: ContactId,
    now: Timestamp,
}

impl Ledger {
    async fn read(store: &Store, contact: ContactId) -> Result<Self> {
        let parts = store.parts_of_contact(contact).await?;
        let details = store.contact(contact).await?;
        let merged_at = details.iter().flat_map(|details| &details.merged).map(|merged| merged.at).max();
        let aliases: Vec<Alias> = details.into_iter().flat_map(|details| details.aliases.into_keys()).collect();
        let suppressed_at = store.suppressed_at(&aliases).await?;
        let entries = store.consent_entries(&parts).await?;
        Ok(Self { entries, merged_at, suppressed_at, contact, now: store.now().await? })
    }

    /// For a brand, by category; and its stop.
    fn holds(&self, brand: &str) -> (Vec<v1::Consent>, Option<v1::ConsentStop>) {
        let folding = Folding { now: self.now, merged_at: self.merged_at, reconfirm_ms: None, confirmed_at: None };
        let erasure = self.suppressed_at.map(|at| ConsentEntry::erasure(self.contact, brand, at));
        wire_consents(brand, &fold(self.entries.iter().chain(&erasure), brand, &folding).consents)
    }
}
