//! Whom a draft is for: rows that somebody lists, or contacts that fit a query. Each is checked as far as it can be before its turn,
//! and what does not fit is kept as rejected. Must never repeat in a problem what a row says: answers may be logged.

use std::collections::BTreeMap;

use tonic::Request;
use uuid::Uuid;
use waypost_domain::contact::ContactRecord;
use waypost_domain::send::{TemplateRequest, Values};
use waypost_domain::{AliasSet, CampaignName, ContactId, Template, Timestamp};
use waypost_grpc::error::{invalid, not_found, precondition};
use waypost_grpc::{Mutation, Result, Tx, change, page};
use waypost_policy::PolicyData;
use waypost_policy::verdict::Finding;
use waypost_proto::admin_v1 as v1;
use waypost_proto::rule_set::FieldViolations;
use waypost_proto::sends::{Recipient, read_recipient, read_values};
use waypost_store::{NewRecipient, RecipientProblem, Store};

use super::wire::{name, wire, wire_problem};
use super::{Campaigns, keep, locked, named, require_draft, templates_of, texts};
use crate::services::policy::in_force;

/// Rows of a call.
const ROWS_MAX: usize = 500;
/// Contacts that a call with a query looks at, and how many of them at once.
const LOOKED_AT_MAX: usize = 5_000;
const LOOKED_AT: u32 = 1_000;
const RECIPIENTS_MAX: u32 = 1_000_000;
const TIER: &str = "tier";

/// What rows are checked against.
struct Check {
    template: TemplateRequest,
    templates: Vec<Template>,
    data: PolicyData,
    now: Timestamp,
}

/// Rows to be added, and where a query goes on.
#[derive(Default)]
struct Found {
    rows: Vec<NewRecipient>,
    next: Option<ContactId>,
    is_query: bool,
}

impl Campaigns {
    pub(super) async fn add_campaign_recipients(
        &self,
        request: Request<v1::AddCampaignRecipientsRequest>,
    ) -> Result<v1::AddCampaignRecipientsResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let id = named("name", &request.name)?;
        let store = &self.shared.store;
        let campaign = store.campaign(&id).await?.ok_or_else(|| not_found(name(&id)))?;
        let check = Check {
            templates: templates_of(store, &campaign.number).await?.unwrap_or_default(),
            template: campaign.template,
            data: in_force(store).await?,
            now: store.now().await?,
        };
        let list = format!("query {id}");
        let found = match request.query {
            Some(_) if !request.recipients.is_empty() => {
                return Err(invalid("query", "cannot be beside recipients"));
            }
            Some(query) => {
                let read = |place: &str| Some(ContactId::from_uuid(Uuid::try_parse(place).ok()?));
                let after = page::place(&list, &request.page_token, read)?;
                Query::read(query)?.found(store, &check, after).await?
            }
            None if request.recipients.is_empty() || request.recipients.len() > ROWS_MAX => {
                return Err(invalid("recipients", format!("must be 1 to {ROWS_MAX}, or a query")));
            }
            None => listed(store, &check, request.recipients).await?,
        };
        let next_page_token = found.next.map(|next| page::token(&list, &next.to_string())).unwrap_or_default();
        let added = change(store, mutation, move |tx| Box::pin(add(tx, id, found, next_page_token))).await?;
        Ok(added.into_answer())
    }
}

async fn add(
    tx: &mut Tx,
    id: CampaignName,
    found: Found,
    next_page_token: String,
) -> Result<v1::AddCampaignRecipientsResponse> {
    let mut campaign = locked(tx, &id, "").await?;
    require_draft(&campaign, "added to")?;
    let count = u32::try_from(found.rows.len()).unwrap_or(u32::MAX);
    if campaign.recipients.saturating_add(count) > RECIPIENTS_MAX {
        return Err(precondition("CAMPAIGN_FULL", name(&id), "a campaign has at most 1,000,000 recipients"));
    }
    let before = wire(&campaign, None);
    let outcomes = tx.add_recipients(&mut campaign, &found.rows, found.is_query).await?;
    let mut answer = v1::AddCampaignRecipientsResponse { next_page_token, ..Default::default() };
    for (index, outcome) in (0..).zip(outcomes) {
        match outcome {
            None => answer.skipped += 1,
            Some((_, None)) => answer.added += 1,
            Some((row, Some(problem))) => answer.problems.push(wire_problem(row, index, problem)),
        }
    }
    if answer.added > 0 || !answer.problems.is_empty() {
        keep(tx, &mut campaign, &before).await?;
    }
    Ok(answer)
}

fn problem(field: &str, problem: impl Into<String>) -> RecipientProblem {
    RecipientProblem { field: field.to_owned(), problem: problem.into() }
}

/// The first of them: a row has one.
fn first(FieldViolations(violations): FieldViolations) -> RecipientProblem {
    violations.into_iter().next().map_or_else(|| problem("", "does not fit"), |one| problem(&one.field, one.problem))
}

/// The rows of a list, each with the contact that it names.
async fn listed(store: &Store, check: &Check, rows: Vec<v1::CampaignRecipientInput>) -> Result<Found> {
    let mut read = Vec::with_capacity(rows.len());
    for row in rows {
        let to = read_recipient(row.to, "to").map_err(first);
        let values = read_values(row.values.unwrap_or_default(), "values").map_err(first);
        read.push(to.and_then(|to| Ok((to, values?))));
    }
    let (mut ids, mut aliases) = (Vec::new(), Vec::new());
    for (to, _) in read.iter().flatten() {
        let none = AliasSet { phone: None, bsuid: None, parent_bsuid: None };
        match to.clone() {
            Recipient::Contact(id) => ids.push(id),
            Recipient::Phone(phone) => aliases.push(AliasSet { phone: Some(phone), ..none }),
            Recipient::Bsuid(bsuid) => aliases.push(AliasSet { bsuid: Some(bsuid), ..none }),
        }
    }
    let mut by_id = store.contact_records(&ids).await?.into_iter();
    let mut by_alias = store.find_contacts(&aliases).await?.into_iter();
    let rows = read.into_iter().map(|row| {
        let row = row.and_then(|(to, values)| {
            let found = match to {
                Recipient::Contact(_) => by_id.next(),
                Recipient::Phone(_) | Recipient::Bsuid(_) => by_alias.next(),
            };
            let contact = found.flatten().ok_or_else(|| problem("to", "nobody is known by it"))?;
            check.fits(&contact, values)
        });
        NewRecipient(row)
    });
    Ok(Found { rows: rows.collect(), next: None, is_query: false })
}

impl Check {
    /// Whether the values are all that the contact's language of the template needs.
    fn fits(&self, contact: &ContactRecord, values: Values) -> Result<(ContactId, Values), RecipientProblem> {
        let request = TemplateRequest { values, ..self.template.clone() };
        let language = contact.language.known.as_ref().map(|known| known.tag.as_str());
        match waypost_policy::fits(&self.templates, &request, language, &self.data, self.now) {
            Ok(_) => Ok((contact.id, request.values)),
            Err(finding) => Err(of_finding(&finding)),
        }
    }
}

fn of_finding(finding: &Finding) -> RecipientProblem {
    let field = finding.field.as_deref().unwrap_or_default();
    let is_whole = matches!(field, "" | "template" | "language");
    let field = if is_whole { field.to_owned() } else { format!("values.{field}") };
    let detail = finding.detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default();
    RecipientProblem { field, problem: format!("{}{detail}", finding.rule.sentence()) }
}

/// Which contacts, and what they get.
struct Query {
    attributes: BTreeMap<String, String>,
    language: String,
    values: Values,
}

impl Query {
    fn read(query: v1::CampaignContactQuery) -> Result<Self> {
        let v1::CampaignContactQuery { tier, mut attributes, language, everybody, values } = query;
        if !tier.is_empty() {
            attributes.insert(TIER.to_owned(), tier);
        }
        let is_narrow = !attributes.is_empty() || !language.is_empty();
        if is_narrow == everybody {
            return Err(invalid("query.everybody", "say whom it is for, or that it is for everybody; not both"));
        }
        let values = read_values(values.unwrap_or_default(), "query.values")?;
        Ok(Self { attributes, language, values })
    }

    async fn found(&self, store: &Store, check: &Check, mut after: Option<ContactId>) -> Result<Found> {
        let mut rows = Vec::new();
        let mut looked_at = 0;
        while looked_at < LOOKED_AT_MAX {
            let contacts = store.contacts_after(after, LOOKED_AT).await?;
            let is_last = contacts.len() < usize::try_from(LOOKED_AT).unwrap_or(usize::MAX);
            looked_at += contacts.len();
            for contact in contacts {
                after = Some(contact.id);
                if self.fits(&contact) {
                    let filled = texts::filled(&self.values, &contact.attributes);
                    rows.push(NewRecipient(filled.and_then(|values| check.fits(&contact, values))));
                }
                if rows.len() == ROWS_MAX {
                    return Ok(Found { rows, next: after, is_query: true });
                }
            }
            if is_last {
                return Ok(Found { rows, next: None, is_query: true });
            }
        }
        Ok(Found { rows, next: after, is_query: true })
    }

    fn fits(&self, contact: &ContactRecord) -> bool {
        let has = |(name, value): (&String, &String)| contact.attributes.get(name) == Some(value);
        let reads = || contact.language.known.as_ref().is_some_and(|known| is_language(&known.tag, &self.language));
        self.attributes.iter().all(has) && (self.language.is_empty() || reads())
    }
}

/// `pt-BR` is `pt`, too.
fn is_language(tag: &str, wanted: &str) -> bool {
    let plain = |text: &str| text.replace('_', "-").to_ascii_lowercase();
    let (tag, wanted) = (plain(tag), plain(wanted));
    tag.strip_prefix(&wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_its_regions_too() {
        for (tag, wanted, want) in
            [("pt-BR", "pt", true), ("pt_br", "pt-BR", true), ("pt", "pt-BR", false), ("ptx", "pt", false)]
        {
            assert_eq!(is_language(tag, wanted), want, "{tag} for {wanted}");
        }
    }

    #[test]
    fn a_query_says_whom_it_is_for() {
        let query = |tier: &str, everybody| v1::CampaignContactQuery {
            tier: tier.to_owned(),
            everybody,
            ..v1::CampaignContactQuery::default()
        };
        assert!(Query::read(query("", false)).is_err() && Query::read(query("gold", true)).is_err());
        assert_eq!(Query::read(query("gold", false)).unwrap().attributes[TIER], "gold");
        assert!(Query::read(query("", true)).unwrap().attributes.is_empty());
    }
}
