//! Contacts, as a CRM knows them. The audit log gets pseudonyms of what names a person or was said of one.

mod erasure;

use std::collections::BTreeMap;

use jiff::tz::TimeZoneDatabase;
use tonic::Request;
use waypost_domain::{Alias, AliasSet, ContactId, country, language, phone};
use waypost_grpc::error::{CallError, Violations, invalid, not_found};
use waypost_grpc::fields::{uuid_of, wire_time};
use waypost_grpc::secret::{pseudonym, random};
use waypost_grpc::{Mutation, Result, Tx, change, serve};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::contact_service_server::ContactService;
use waypost_proto::reasons::CONTACT_UNKNOWN;
use waypost_store::{Claim, ClaimOn, ContactDetails, ContactRecord, ContactUpsert, StoreError, UpsertedContact};

use super::reference::Reference;
use crate::Shared;

const ROWS_MAX: usize = 200;
const ALIAS_CHARS_MAX: usize = 256;
const ATTRIBUTES_MAX: usize = 64;
const NAME_CHARS_MAX: usize = 64;
const VALUE_CHARS_MAX: usize = 256;
/// Two partitions and we may get in each other's way; it settles in one or two.
const ATTEMPTS_MAX: u32 = 10;
/// Fields of their own here, attributes for the rules.
const TIER: &str = "tier";
const ZONE: &str = "zone";
/// An attribute that the rules know by this name.
const COUNTRY: &str = "country";

pub(crate) struct Contacts {
    pub(crate) shared: Shared,
}

serve! { ContactService for Contacts {
    get_contact: v1::GetContactRequest => v1::GetContactResponse,
    batch_upsert_contacts: v1::BatchUpsertContactsRequest => v1::BatchUpsertContactsResponse,
    split_contact: v1::SplitContactRequest => v1::SplitContactResponse,
    confirm_contact: v1::ConfirmContactRequest => v1::ConfirmContactResponse,
    refuse_claim: v1::RefuseClaimRequest => v1::RefuseClaimResponse,
    erase_contact: v1::EraseContactRequest => v1::EraseContactResponse,
}}

impl Contacts {
    async fn get_contact(&self, request: Request<v1::GetContactRequest>) -> Result<v1::GetContactResponse> {
        let request = request.into_inner();
        let v1::GetContactRequest { name, phone, bsuid, reference } = &request;
        let given = [name, phone, bsuid, reference].iter().filter(|text| !text.is_empty()).count();
        if given != 1 {
            return Err(invalid("name", "give exactly one of name, phone, bsuid and reference"));
        }
        let found = if !reference.is_empty() {
            let reference = Reference { field: "reference", text: reference, phone_number_id: "" };
            match reference.contact(&self.shared.store).await? {
                Some(id) => self.shared.store.contact(id).await,
                None => Ok(None),
            }
        } else if name.is_empty() {
            let some = |text: String| (!text.is_empty()).then_some(text);
            let aliases = AliasSet { phone: some(request.phone), bsuid: some(request.bsuid), parent_bsuid: None };
            self.shared.store.find_contact(&aliases).await
        } else {
            self.shared.store.contact(id_of("name", &request.name)?).await
        };
        // An alias is not repeated in the answer, which may be logged.
        let contact = found?.ok_or_else(|| not_found("the contact").because(CONTACT_UNKNOWN))?;
        Ok(v1::GetContactResponse { contact: Some(wire_details(contact)) })
    }

    async fn batch_upsert_contacts(
        &self,
        request: Request<v1::BatchUpsertContactsRequest>,
    ) -> Result<v1::BatchUpsertContactsResponse> {
        let (mutation, request) = Mutation::read(request)?;
        if request.contacts.is_empty() || request.contacts.len() > ROWS_MAX {
            return Err(invalid("contacts", format!("must be 1 to {ROWS_MAX}")));
        }
        let (rows, checked) = check(request.contacts);
        if mutation.validate_only() || rows.is_empty() {
            return Ok(checked);
        }
        let store = &self.shared.store;
        let key = store.pseudonym_key(random()?).await?;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let (rows, checked, key) = (rows.clone(), checked.clone(), key.clone());
            let upserted = change(store, mutation.clone(), move |tx| Box::pin(upsert(tx, rows, checked, key))).await;
            match upserted {
                Err(CallError::Store(StoreError::MergeFirst(merges))) if attempt < ATTEMPTS_MAX => {
                    store.merge(&merges).await?;
                }
                Err(CallError::Store(StoreError::Retry { .. })) if attempt < ATTEMPTS_MAX => {}
                upserted => return Ok(upserted?.into_answer()),
            }
        }
    }
}

impl Contacts {
    async fn split_contact(&self, request: Request<v1::SplitContactRequest>) -> Result<v1::SplitContactResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let contact = id_of("name", &request.name)?;
        let merged = some_id_of("merged_contact", &request.merged_contact)?;
        let store = &self.shared.store;
        let key = store.pseudonym_key(random()?).await?;
        let split = change(store, mutation, move |tx| Box::pin(split(tx, contact, merged, key))).await;
        Ok(split?.into_answer())
    }

    async fn confirm_contact(&self, request: Request<v1::ConfirmContactRequest>) -> Result<v1::ConfirmContactResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let contact = id_of("name", &request.name)?;
        let claimed = some_id_of("claimed_contact", &request.claimed_contact)?;
        let confirmed = change(&self.shared.store, mutation, move |tx| Box::pin(confirm(tx, contact, claimed))).await;
        Ok(confirmed?.into_answer())
    }

    async fn refuse_claim(&self, request: Request<v1::RefuseClaimRequest>) -> Result<v1::RefuseClaimResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let contact = id_of("name", &request.name)?;
        let on = match (some_id_of("claimed_contact", &request.claimed_contact)?, request.claimed_phone.as_str()) {
            (claimed, "") => claimed.map(ClaimOn::Contact),
            (None, number) => Some(ClaimOn::Number(phone::canonical(number).into_owned())),
            (Some(_), _) => return Err(invalid("claimed_phone", "give a contact or a number, not both")),
        };
        let refused = change(&self.shared.store, mutation, move |tx| Box::pin(refuse(tx, contact, on))).await;
        Ok(refused?.into_answer())
    }
}

async fn split(
    tx: &mut Tx,
    contact: ContactId,
    merged: Option<ContactId>,
    key: Vec<u8>,
) -> Result<v1::SplitContactResponse> {
    let split = tx.split_contact(contact, merged).await?.ok_or_else(|| not_found("a merge that can be undone"))?;
    let split_contact = name(split.split.id);
    let part_of_it = v1::Contact { merged_contacts: vec![split_contact.clone()], ..audited(&split.before, &key) };
    tx.record(&name(contact), Some(&part_of_it), Some(&audited(&split.after, &key)));
    tx.record(&split_contact, None::<&v1::Contact>, Some(&audited(&split.split, &key)));
    Ok(v1::SplitContactResponse { contact: Some(wire(split.after)), split_contact })
}

async fn confirm(tx: &mut Tx, contact: ContactId, claimed: Option<ContactId>) -> Result<v1::ConfirmContactResponse> {
    let confirmed =
        tx.confirm_contact(contact, claimed).await?.ok_or_else(|| not_found("the contact").because(CONTACT_UNKNOWN))?;
    let merged = confirmed.merged.map(name);
    let before = v1::Contact { name: name(contact), ..v1::Contact::default() };
    let merged_contacts = merged.clone().into_iter().collect();
    let after = v1::Contact { name: name(confirmed.id), merged_contacts, ..v1::Contact::default() };
    tx.record(&name(contact), Some(&before), Some(&after));
    Ok(v1::ConfirmContactResponse { name: name(confirmed.id), merged_contact: merged.unwrap_or_default() })
}

async fn refuse(tx: &mut Tx, contact: ContactId, on: Option<ClaimOn>) -> Result<v1::RefuseClaimResponse> {
    let refused =
        tx.refuse_claim(contact, on).await?.ok_or_else(|| not_found("the contact").because(CONTACT_UNKNOWN))?;
    let refused_contact = match refused {
        ClaimOn::Contact(claimed) => name(claimed),
        // Whose number it was is nobody's to read in the audit log.
        ClaimOn::Number(_) => String::new(),
    };
    let claim = v1::ContactClaim { contact: refused_contact.clone(), ..v1::ContactClaim::default() };
    let after = v1::Contact { name: name(contact), ..v1::Contact::default() };
    tx.record(&name(contact), Some(&v1::Contact { claims: vec![claim], ..after.clone() }), Some(&after));
    Ok(v1::RefuseClaimResponse { refused_contact })
}

fn id_of(field: &str, name: &str) -> Result<ContactId> {
    Ok(ContactId::from_uuid(uuid_of(field, "contacts", name)?))
}

fn some_id_of(field: &str, name: &str) -> Result<Option<ContactId>> {
    if name.is_empty() { Ok(None) } else { id_of(field, name).map(Some) }
}

/// The rows that can be stored, and an answer that says of the others why not.
fn check(contacts: Vec<v1::Contact>) -> (Vec<ContactUpsert>, v1::BatchUpsertContactsResponse) {
    let mut answer = v1::BatchUpsertContactsResponse::default();
    let mut rows = Vec::new();
    for contact in contacts {
        let problems = problems(&contact);
        if problems.is_empty() {
            rows.push(row(contact));
        } else {
            answer.rejected += 1;
        }
        answer.results.push(v1::UpsertedContact { name: String::new(), problems });
    }
    (rows, answer)
}

/// Stores `rows` and completes the answer: one of its results without problems belongs to each of them.
async fn upsert(
    tx: &mut Tx,
    rows: Vec<ContactUpsert>,
    mut answer: v1::BatchUpsertContactsResponse,
    key: Vec<u8>,
) -> Result<v1::BatchUpsertContactsResponse> {
    let upserted = tx.upsert_contacts(&rows).await?;
    // Another alias of somebody who is known is no change that the log tells of.
    tx.keep_without_record();
    let results = answer.results.iter_mut().filter(|result| result.problems.is_empty());
    for (result, (row, one)) in results.zip(rows.iter().zip(&upserted)) {
        let count = if one.after.is_new { &mut answer.created } else { &mut answer.updated };
        *count += 1;
        result.name = name(one.after.id);
        if one.after.is_new || one.before != one.after {
            record(tx, row, one, &key);
        }
    }
    Ok(answer)
}

/// What does not fit in a row. Repeats nothing of it.
fn problems(contact: &v1::Contact) -> Vec<v1::ContactProblem> {
    let mut violations = Violations::default();
    let aliases = [("phone", &contact.phone), ("bsuid", &contact.bsuid), ("parent_bsuid", &contact.parent_bsuid)];
    violations.require(aliases.iter().any(|(_, value)| !value.is_empty()), "phone", "an alias is needed");
    for (field, value) in aliases {
        violations.require(value.chars().count() <= ALIAS_CHARS_MAX && is_plain(value), field, "is not an alias");
    }
    if let Some(problem) = (!contact.phone.is_empty()).then(|| phone::international(&contact.phone).err()).flatten() {
        violations.add("phone", problem.to_string());
    }
    // What no rule could ever match would lie there in silence.
    let country = contact.attributes.get(COUNTRY).filter(|code| !code.is_empty());
    let is_language = contact.language.is_empty() || language::is_known_tag(&contact.language);
    violations.require(is_language, "language", "is no language; write its code, e.g. es or pt-BR");
    let is_zone = contact.time_zone.is_empty() || TimeZoneDatabase::bundled().get(&contact.time_zone).is_ok();
    violations.require(is_zone, "time_zone", "is no time zone; write one of the IANA's, e.g. Europe/Madrid");
    let is_country = country.is_none_or(|code| country::is_code(code));
    violations.require(is_country, "attributes.country", "is no country; write its code (ISO 3166), e.g. ES or BR");
    let short = [("language", &contact.language), ("tier", &contact.tier), ("time_zone", &contact.time_zone)];
    for (field, value) in short {
        let is_short = value.chars().count() <= NAME_CHARS_MAX && is_plain(value);
        violations.require(is_short, field, "must be at most 64 characters, without control characters");
    }
    violations.require(contact.name.is_empty(), "name", "is output only; contacts are found by their aliases");
    violations.require(contact.attributes.len() <= ATTRIBUTES_MAX, "attributes", "are more than 64");
    for (name, value) in &contact.attributes {
        let name_is_good = !name.is_empty() && name.chars().count() <= NAME_CHARS_MAX && is_plain(name);
        let value_is_good = value.chars().count() <= VALUE_CHARS_MAX && is_plain(value);
        violations.require(name_is_good && value_is_good, "attributes", "one is too long, or has control characters");
        violations.require(name != TIER && name != ZONE, "attributes", "tier and zone have fields of their own");
    }
    let problem = |(field, description)| v1::ContactProblem { field, description };
    violations.into_pairs().map(problem).collect()
}

fn is_plain(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

fn row(contact: v1::Contact) -> ContactUpsert {
    let some = |text: String| (!text.is_empty()).then_some(text);
    let mut attributes = contact.attributes;
    for (name, value) in [(TIER, contact.tier), (ZONE, contact.time_zone)] {
        attributes.extend(some(value).map(|value| (name.to_owned(), value)));
    }
    ContactUpsert {
        aliases: AliasSet {
            phone: some(contact.phone),
            bsuid: some(contact.bsuid),
            parent_bsuid: some(contact.parent_bsuid),
        },
        attributes,
        language: some(contact.language),
    }
}

fn name(id: ContactId) -> String {
    format!("contacts/{id}")
}

fn wire(record: ContactRecord) -> v1::Contact {
    let mut attributes = record.attributes;
    let language = record.language.known;
    v1::Contact {
        name: name(record.id),
        language: language.as_ref().map(|language| language.tag.clone()).unwrap_or_default(),
        language_source: language.as_ref().map(|language| language.source.as_str().to_owned()).unwrap_or_default(),
        language_confidence: language.map(|language| i32::from(language.confidence)).unwrap_or_default(),
        wa_id: record.wa_id.unwrap_or_default(),
        tier: attributes.remove(TIER).unwrap_or_default(),
        time_zone: attributes.remove(ZONE).unwrap_or_default(),
        attributes,
        profile_name: record.profile_name.unwrap_or_default(),
        username: record.username.unwrap_or_default(),
        ..v1::Contact::default()
    }
}

/// With one alias of each kind in its own field, since a person may have several: old ones are kept for what still
/// refers to them.
fn wire_details(details: ContactDetails) -> v1::Contact {
    let mut contact = wire(details.contact);
    for (alias, since) in &details.aliases {
        let value = alias.value().to_owned();
        contact.aliases.push(v1::ContactAlias {
            kind: alias.kind().to_owned(),
            value: value.clone(),
            since_time: since.map(wire_time),
        });
        match alias {
            Alias::Phone(_) if phone::canonical(&value) == value => contact.phone = value,
            // Only another spelling of it, or stored before numbers had a canonical form.
            Alias::Phone(_) if contact.phone.is_empty() => contact.phone = phone::canonical(&value).into_owned(),
            Alias::Phone(_) | Alias::PhoneClaim(_) => {}
            Alias::Bsuid(_) => contact.bsuid = value,
            Alias::ParentBsuid(_) => contact.parent_bsuid = value,
        }
    }
    contact.claims = details.claims.into_iter().map(wire_claim).collect();
    contact.merged_contacts = details.merged.iter().map(|merged| name(merged.id)).collect();
    contact.identity_change_time = details.identity_changed_at.map(wire_time);
    contact
}

fn wire_claim(claim: Claim) -> v1::ContactClaim {
    let (phone, contact) = match claim.on {
        ClaimOn::Number(number) => (number, String::new()),
        ClaimOn::Contact(id) => (String::new(), name(id)),
    };
    v1::ContactClaim { phone, contact, reason: claim.reason, since_time: claim.since.map(wire_time) }
}

/// As the audit log may have it.
fn audited(record: &ContactRecord, key: &[u8]) -> v1::Contact {
    let contact = wire(record.clone());
    let attributes: BTreeMap<String, String> =
        contact.attributes.iter().map(|(name, value)| (name.clone(), pseudonym(key, value))).collect();
    let (profile_name, username, wa_id) = (String::new(), String::new(), String::new());
    v1::Contact { attributes, profile_name, username, wa_id, ..contact }
}

fn record(tx: &mut Tx, row: &ContactUpsert, upserted: &UpsertedContact, key: &[u8]) {
    let hide = |value: Option<&String>| value.map(|value| pseudonym(key, value)).unwrap_or_default();
    let after = v1::Contact {
        phone: hide(row.aliases.phone.as_ref()),
        bsuid: hide(row.aliases.bsuid.as_ref()),
        parent_bsuid: hide(row.aliases.parent_bsuid.as_ref()),
        ..audited(&upserted.after, key)
    };
    let before = (!upserted.after.is_new).then(|| audited(&upserted.before, key));
    tx.record(&name(upserted.after.id), before.as_ref(), Some(&after));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_rule_could_match_is_refused() {
        let wrong = |phone: &str, language: &str, zone: &str, country: &str| {
            let contact = v1::Contact {
                phone: phone.to_owned(),
                language: language.to_owned(),
                time_zone: zone.to_owned(),
                attributes: [("country".to_owned(), country.to_owned())].into(),
                ..v1::Contact::default()
            };
            problems(&contact).into_iter().map(|problem| problem.field).collect::<Vec<_>>()
        };
        let none: [&str; 0] = [];
        assert_eq!(wrong("34600000005", "es", "Europe/Madrid", "ES"), none);
        assert_eq!(wrong("+34 600 000 005", "pt_BR", "America/Sao_Paulo", "BR"), none);
        assert_eq!(wrong("34600000005", "", "", ""), none, "what is empty changes nothing");
        assert_eq!(
            wrong("34600000005", "spanish", "Europe/Madird", "Spain"),
            ["language", "time_zone", "attributes.country"]
        );
        assert_eq!(wrong("34600000005", "qq", "Madrid", "es"), ["language", "time_zone", "attributes.country"]);
        assert_eq!(wrong("600000004", "es", "", ""), ["phone"]);
        assert_eq!(wrong("none", "es", "", ""), ["phone"]);
    }
}
