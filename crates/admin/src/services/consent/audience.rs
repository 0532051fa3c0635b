//! Who may be written to in a category, for all that consent says, and why: by the same fold as each attempt of a send.

use tonic::Request;
use uuid::Uuid;
use waypost_domain::consent::{EffectiveConsent, Folded};
use waypost_domain::{Category, ContactId, Timestamp};
use waypost_grpc::error::invalid;
use waypost_grpc::fields::wire_time;
use waypost_grpc::{Result, page};
use waypost_proto::admin_v1 as v1;
use waypost_proto::sends::{read_category, wire_grant};
use waypost_store::{Reach, SendFacts};

use super::Consent;

impl Consent {
    pub(super) async fn list_audience(
        &self,
        request: Request<v1::ListAudienceRequest>,
    ) -> Result<v1::ListAudienceResponse> {
        let request = request.into_inner();
        let size = page::size(request.page_size)?;
        let category = match read_category(request.category) {
            Some(Category::Service) => return Err(invalid("category", "needs no consent: these are answers")),
            Some(category) => category,
            None => return Err(invalid("category", "must be authentication, utility or marketing")),
        };
        let list = format!("audience {} {}", category.as_str(), request.brand);
        let parse = |place: &str| Uuid::try_parse(place).ok().map(ContactId::from_uuid);
        let after = page::place(&list, &request.page_token, parse)?;
        let store = &self.shared.store;
        let mut contacts = store.contacts_after(after, size + 1).await?;
        let next_page_token = page::cut(&list, &mut contacts, size, |contact| contact.id.to_string());
        let ids: Vec<ContactId> = contacts.iter().map(|contact| contact.id).collect();
        let now = store.now().await?;
        // Of no limit: only what they agreed to is asked.
        let reach = Reach { recent_since: now, verdicts_since: now, portfolio: "", places_since: now };
        let facts = store.consent_facts(&ids, reach).await?;
        let members = facts.iter().filter_map(|facts| member(facts, &request.brand, category, now)).collect();
        Ok(v1::ListAudienceResponse { members, next_page_token })
    }
}

/// `None`: they may not be written to.
fn member(facts: &SendFacts, brand: &str, category: Category, now: Timestamp) -> Option<v1::AudienceMember> {
    let Folded { consents, has_suspected_stop } = facts.consents(brand, now);
    let EffectiveConsent::Granted(grant) = consents.of(category)? else { return None };
    if consents.stop.is_some() || (has_suspected_stop && category == Category::Marketing) {
        return None;
    }
    let entry = facts.consent.iter().find(|entry| Some(entry.id) == grant.entry)?;
    Some(v1::AudienceMember {
        contact: format!("contacts/{}", facts.contact.id),
        grant: Some(wire_grant(&grant)),
        said_time: entry.at.map(wire_time),
        how: entry.how.as_str().to_owned(),
    })
}
