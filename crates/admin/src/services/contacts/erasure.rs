//! Forgetting a person. The audit log keeps whose id it was, who asked for it and how much went: nothing that leads to anybody.

use tonic::Request;
use waypost_domain::ContactId;
use waypost_grpc::error::{CallError, not_found, precondition};
use waypost_grpc::fields::wire_time;
use waypost_grpc::secret::random;
use waypost_grpc::{Mutation, Result, Tx, change};
use waypost_proto::admin_v1 as v1;
use waypost_proto::reasons::{CONTACT_UNKNOWN, LEGAL_HOLD};
use waypost_store::{Erased, ErasedPerson, LooseErased, Store, StoreError};

use super::{ATTEMPTS_MAX, Contacts, Reference, id_of, name};

/// The attribute of who must not be erased, because a court or an authority may ask for it.
const HOLD: &str = "legal_hold";

impl Contacts {
    pub(super) async fn erase_contact(
        &self,
        request: Request<v1::EraseContactRequest>,
    ) -> Result<v1::EraseContactResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let store = &self.shared.store;
        let key = store.pseudonym_key(random()?).await?;
        let contact = sought(store, &request.reference).await?;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let person = store.person_to_erase(contact).await?.ok_or_else(unknown)?;
            if person.erased_at.is_none() {
                refuse_held(store, person.contact).await?;
            }
            let mut loose = match mutation.validate_only() {
                true => LooseErased::default(),
                false => store.erase_loose(&person).await?,
            };
            if person.erased_at.is_some() {
                return Ok(answer(&person, Erased::default(), loose));
            }
            let (found, key) = (person.clone(), key.clone());
            let keeps_proof = request.keep_proof;
            let erased = change(store, mutation.clone(), move |tx| Box::pin(erase(tx, found, key, keeps_proof))).await;
            match erased {
                Err(CallError::Store(StoreError::Retry { .. })) if attempt < ATTEMPTS_MAX => {}
                erased => {
                    let mut answer = erased?.into_answer();
                    if !mutation.validate_only() {
                        // What came meanwhile.
                        loose += store.erase_loose(&person).await?;
                    }
                    count(&mut answer, loose);
                    return Ok(answer);
                }
            }
        }
    }
}

/// Whom is meant; who was erased is known by the id alone.
async fn sought(store: &Store, text: &str) -> Result<ContactId> {
    let reference = Reference { field: "reference", text, phone_number_id: "" };
    if let Some(contact) = reference.contact(store).await? {
        return Ok(contact);
    }
    if text.starts_with("contacts/") { id_of("reference", text) } else { Err(unknown()) }
}

fn unknown() -> CallError {
    not_found("the contact").because(CONTACT_UNKNOWN)
}

async fn refuse_held(store: &Store, contact: ContactId) -> Result<()> {
    let details = store.contact(contact).await?;
    let is_held = details.is_some_and(|details| {
        details.contact.attributes.get(HOLD).is_some_and(|value| !matches!(value.as_str(), "" | "false" | "no" | "0"))
    });
    match is_held {
        true => Err(precondition(LEGAL_HOLD, name(contact), "its attribute legal_hold forbids to erase it")),
        false => Ok(()),
    }
}

async fn erase(tx: &mut Tx, person: ErasedPerson, key: Vec<u8>, keeps_proof: bool) -> Result<v1::EraseContactResponse> {
    let erased = tx.erase_person(&person, &key, keeps_proof).await?;
    let person = ErasedPerson { erased_at: Some(tx.now()), ..person };
    let answer = answer(&person, erased, LooseErased::default());
    tx.record(&answer.name, None, Some(&answer));
    Ok(answer)
}

fn answer(person: &ErasedPerson, erased: Erased, loose: LooseErased) -> v1::EraseContactResponse {
    let mut answer = v1::EraseContactResponse {
        name: name(person.contact),
        erase_time: person.erased_at.map(wire_time),
        aliases: wire(erased.aliases),
        conversations: wire(erased.conversations),
        transcript_entries: wire(erased.transcript),
        files: wire(erased.files),
        cancelled_messages: wire(erased.cancelled),
        messages: wire(erased.sends),
        campaign_rows: wire(erased.campaign_rows),
        consent_entries: wire(erased.consent_entries),
        events: wire(erased.statuses),
        ..v1::EraseContactResponse::default()
    };
    count(&mut answer, loose);
    answer
}

fn count(answer: &mut v1::EraseContactResponse, loose: LooseErased) {
    answer.transcript_entries += wire(loose.transcript);
    answer.decisions += wire(loose.inbox);
    answer.parked_messages += wire(loose.parked);
    answer.events += wire(loose.statuses + loose.changes);
}

fn wire(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
