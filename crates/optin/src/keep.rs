//! What is kept of what was heard: entries of the ledger, the confirmation that the sender sends, an alert for a person. One
//! transaction, with the contacts' rows locked.

use std::collections::HashMap;
use std::sync::Arc;

use tracing::{debug, warn};
use waypost_domain::send::{Author, Cause, FreeForm, SendContent, SendId, SendRequest};
use waypost_domain::{Category, ConsentEntryId, ContactId, ContactRecord, NumberName, Timestamp};
use waypost_live::Sending;
use waypost_policy::Record;
use waypost_policy::verdict::Preview;
use waypost_rules::stopping::comparable;
use waypost_store::{ConsentTx, Ledger, NewSend, StoreError};

use crate::event::Said;
use crate::follow::{Asked, Context, Follows, follow};
use crate::meaning::{Meaning, Understood};
use crate::{OPTIN, metrics};

/// A confirmation has to come soon (47 CFR 64.1200(a)(12): within five minutes), or not at all.
const CONFIRM_WITHIN_MS: i64 = 5 * 60 * 1000;
/// How far back an offer is looked for that everyday words may answer.
const OFFER_WITHIN_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// The kind of the alert.
const SUSPECTED: &str = "suspected_stop";

/// Something that was said about consent.
pub(crate) struct Heard {
    pub(crate) said: Said,
    pub(crate) understood: Understood,
    pub(crate) number: NumberName,
    /// Of the number.
    pub(crate) brand: String,
}

/// What was heard, while the transaction is open that keeps it.
pub(crate) struct Keeping {
    tx: ConsentTx,
    sending: Arc<Sending>,
    now: Timestamp,
    /// As it goes on.
    ledgers: HashMap<ContactId, Ledger>,
    sends: Vec<NewSend>,
    entries: u64,
}

impl Keeping {
    pub(crate) fn new(tx: ConsentTx, sending: Arc<Sending>, now: Timestamp) -> Self {
        Self { tx, sending, now, ledgers: HashMap::new(), sends: Vec::new(), entries: 0 }
    }

    /// In the order in which it was said.
    pub(crate) async fn take_in(&mut self, heard: &Heard, contact: &ContactRecord) -> Result<(), StoreError> {
        let Some(asked) = self.asked(heard, contact.id).await? else { return Ok(()) };
        if !self.ledgers.contains_key(&contact.id) {
            let ledger = self.tx.ledger(contact.id).await?;
            self.ledgers.insert(contact.id, ledger);
        }
        let ledger = self.ledgers.entry(contact.id).or_default();
        let context = Context { contact: contact.id, brand: &heard.brand, said: &heard.said, now: self.now };
        let Follows { entries, confirm, a_person_must_look } = follow(ledger, &context, asked);
        self.tx.append_consent(&entries).await?;
        for entry in &entries {
            debug!(contact = %contact.id, entry = %entry.id, said = entry.said.as_str(), "consent kept");
        }
        self.entries += entries.len() as u64;
        ledger.entries.extend(entries);
        if let Some(stop) = confirm {
            self.confirm(heard, contact, stop);
        }
        if a_person_must_look {
            let why = format!(
                "contacts/{} wrote what may be a stop: marketing to them waits until `waypost consent withdraw` says that it \
                 was one, or `waypost consent dismiss` that it was none",
                contact.id
            );
            self.tx.raise_alert(&heard.number, SUSPECTED, &why, self.now).await?;
            warn!(contact = %contact.id, number = %heard.number, "what a customer wrote may be a stop; a person has to look");
        }
        Ok(())
    }

    /// What is asked for, now that it can be seen what was offered; `None`: nothing.
    async fn asked(&mut self, heard: &Heard, contact: ContactId) -> Result<Option<Asked>, StoreError> {
        Ok(match &heard.understood.meaning {
            Meaning::Stop(category) => Some(Asked::Stop(*category)),
            Meaning::Start => Some(Asked::Start),
            Meaning::Suspected => Some(Asked::Suspected),
            Meaning::Preference(preference) => Some(Asked::Preference(*preference)),
            Meaning::Everyday { words, is_tap } => {
                let policy = self.sending.policy.clone();
                let is_on = policy.stopping.everyday_numbers.contains(&heard.number);
                match is_on || self.was_offered(heard, contact, words).await? {
                    true => Some(Asked::Stop(None)),
                    // A label of ours that is no stop: it answers what we asked.
                    false if *is_tap => None,
                    false => Some(Asked::Suspected),
                }
            }
        })
    }

    /// Whether these words stood in the last thing that the business began, and that was an offer: an appointment's "cancel" is
    /// about the appointment.
    async fn was_offered(&mut self, heard: &Heard, contact: ContactId, words: &str) -> Result<bool, StoreError> {
        let since = heard.said.at.plus_millis(-OFFER_WITHIN_MS);
        let Some(offer) = self.tx.last_offer(contact, &heard.number, since).await? else { return Ok(false) };
        let record: Option<Record> = offer.verdict.and_then(|verdict| serde_json::from_slice(&verdict).ok());
        let preview = record.as_ref().and_then(|record| record.verdict.allowed()?.preview.as_ref());
        let is_marketing = offer.category == Some(Category::Marketing);
        Ok(is_marketing && preview.is_some_and(|preview| has(preview, words)))
    }

    /// One answer, inside the window that the stop opened, in the customer's language.
    fn confirm(&mut self, heard: &Heard, contact: &ContactRecord, stop: ConsentEntryId) {
        if self.now.millis_since(heard.said.at) > CONFIRM_WITHIN_MS {
            return;
        }
        let policy = self.sending.policy.clone();
        let known = contact.language.known.as_ref().map(|known| known.tag.as_str());
        let Some(body) = policy.stopping.confirmation(known, heard.understood.language.as_deref()) else { return };
        let Ok(id) = SendId::new(format!("stop-{stop}")) else { return };
        let request = SendRequest {
            expires_at: Some(self.now.plus_millis(CONFIRM_WITHIN_MS)),
            ..SendRequest::plain(
                id,
                heard.number.clone(),
                contact.id,
                Author::Automation(OPTIN.to_owned()),
                Cause::StopConfirmation,
                SendContent::FreeForm(FreeForm::Text { body: body.to_owned(), preview_url: false }),
                self.now,
            )
        };
        let ends_at = self.now.plus_millis(CONFIRM_WITHIN_MS);
        self.sends.push(NewSend { request, ends_at, resend_of: None, team: None });
    }

    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        self.tx.keep_sends(&self.sends).await?;
        self.tx.commit().await?;
        ::metrics::counter!(metrics::ENTRIES).increment(self.entries);
        Ok(())
    }
}

/// Whether the words stand in anything that the customer read.
fn has(preview: &Preview, words: &str) -> bool {
    let Preview { header, body, footer, buttons, cards } = preview;
    let texts = header.iter().chain([body]).chain(footer).chain(buttons);
    let stands_in = |text: &String| format!(" {} ", comparable(text)).contains(&format!(" {words} "));
    texts.into_iter().any(stands_in) || cards.iter().any(|card| has(card, words))
}
