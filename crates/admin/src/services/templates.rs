//! The registry of templates.

use std::collections::{BTreeSet, HashMap, HashSet};

use tonic::Request;
use waypost_domain::WabaId;
use waypost_grpc::error::{invalid, not_found, precondition};
use waypost_grpc::{Mutation, Result, change, page, serve};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::template_service_server::TemplateService;
use waypost_proto::sends::{RegistryName, read_values, wire_finding, wire_preview, wire_registered, wire_warning};
use waypost_store::TemplateRow;

use super::policy::in_force;
use crate::{Shared, TemplateSource};

#[cfg(test)]
mod tests;

const COLLECTION: &str = "templates";

pub(crate) struct Templates {
    pub(crate) shared: Shared,
}

serve! { TemplateService for Templates {
    get_template: v1::GetTemplateRequest => v1::GetTemplateResponse,
    list_templates: v1::ListTemplatesRequest => v1::ListTemplatesResponse,
    sync_templates: v1::SyncTemplatesRequest => v1::SyncTemplatesResponse,
    preview_template: v1::PreviewTemplateRequest => v1::PreviewTemplateResponse,
}}

impl Templates {
    async fn get_template(&self, request: Request<v1::GetTemplateRequest>) -> Result<v1::GetTemplateResponse> {
        let row = self.row(&request.get_ref().name).await?;
        Ok(v1::GetTemplateResponse { template: Some(wire(&row)) })
    }

    async fn list_templates(&self, request: Request<v1::ListTemplatesRequest>) -> Result<v1::ListTemplatesResponse> {
        let v1::ListTemplatesRequest { page_size, page_token, account, status } = request.into_inner();
        let size = page::size(page_size)?;
        let list = format!("{COLLECTION} {account} {status}");
        let after = page::place(&list, &page_token, |place| Some(place.to_owned()))?;
        let account = (!account.is_empty()).then(|| WabaId::new(account));
        // Meta allows an account 6,000 at most.
        let rows = self.shared.store.templates(account.as_ref()).await?;
        let mut templates: Vec<v1::Template> = rows.iter().map(wire).collect();
        templates.sort_by(|one, other| one.name.cmp(&other.name));
        templates.retain(|one| status.is_empty() || one.status == status);
        templates.retain(|one| after.as_deref().is_none_or(|after| one.name.as_str() > after));
        let next_page_token = page::cut(&list, &mut templates, size, |one| one.name.clone());
        Ok(v1::ListTemplatesResponse { templates, next_page_token })
    }

    async fn sync_templates(&self, request: Request<v1::SyncTemplatesRequest>) -> Result<v1::SyncTemplatesResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let Some(source) = &self.shared.templates else {
            let message = "this server has no way to WhatsApp, whose lists of templates are to be read";
            return Err(precondition("SENDING_OFF", COLLECTION, message));
        };
        let mut answer = v1::SyncTemplatesResponse::default();
        for account in self.accounts(request.account).await? {
            self.sync(&**source, &account, mutation.validate_only(), &mut answer).await?;
        }
        // The lists are Meta's and are kept already: what is recorded is who had them read.
        let recorded = answer;
        let synced = change(&self.shared.store, mutation, move |tx| {
            Box::pin(async move {
                tx.record(COLLECTION, None, Some(&recorded));
                Ok(recorded)
            })
        });
        Ok(synced.await?.into_answer())
    }

    async fn preview_template(
        &self,
        request: Request<v1::PreviewTemplateRequest>,
    ) -> Result<v1::PreviewTemplateResponse> {
        let v1::PreviewTemplateRequest { name, values } = request.into_inner();
        let values = read_values(values.unwrap_or_default(), "values")?;
        let row = self.row(&name).await?;
        let store = &self.shared.store;
        let data = in_force(store).await?;
        let answer = match waypost_policy::preview(&row.template, &values, &data, store.now().await?) {
            Ok((preview, warnings)) => v1::PreviewTemplateResponse {
                preview: Some(wire_preview(&preview)),
                finding: None,
                warnings: warnings.iter().map(wire_warning).collect(),
            },
            Err(finding) => v1::PreviewTemplateResponse { finding: Some(wire_finding(&finding)), ..Default::default() },
        };
        Ok(answer)
    }
}

impl Templates {
    async fn row(&self, name: &str) -> Result<TemplateRow> {
        let problem = "must be templates/{account}/{name}/{language}";
        let named = RegistryName::parse(name).ok_or_else(|| invalid("name", problem))?;
        let rows = self.shared.store.templates(Some(&named.account)).await?;
        let found = rows.into_iter().find(|row| named.is_of(&row.waba, &row.template));
        found.ok_or_else(|| not_found(name))
    }

    /// The one that is named, else all that numbers of ours belong to.
    async fn accounts(&self, named: String) -> Result<BTreeSet<WabaId>> {
        if !named.is_empty() {
            return Ok(BTreeSet::from([WabaId::new(named)]));
        }
        let numbers = self.shared.store.numbers().await?;
        Ok(numbers.into_iter().map(|number| number.waba).filter(|account| !account.is_empty()).collect())
    }

    async fn sync(
        &self,
        source: &dyn TemplateSource,
        account: &WabaId,
        validate_only: bool,
        answer: &mut v1::SyncTemplatesResponse,
    ) -> Result<()> {
        let store = &self.shared.store;
        let listed_at = store.now().await?;
        let listed = source.templates(account).await;
        let listed = listed.map_err(|error| precondition("NOT_LISTED", account.as_str(), error.to_string()))?;
        let before: HashMap<String, TemplateRow> =
            store.templates(Some(account)).await?.into_iter().map(|row| (row.news_name(), row)).collect();
        let mut rows = listed.rows;
        let mut named = HashSet::new();
        let (mut added, mut changed) = (0, 0);
        for row in &mut rows {
            row.updated_at = listed_at;
            let name = row.news_name();
            match before.get(&name) {
                Some(known) => {
                    row.keep_pause(Some(&known.template));
                    changed += i32::from(known.template != row.template);
                }
                None => added += 1,
            }
            named.insert(name);
        }
        let is_whole = listed.unreadable == 0;
        let gone = before.keys().filter(|name| is_whole && !named.contains(*name)).count();
        answer.listed += i32::try_from(rows.len()).unwrap_or(i32::MAX);
        answer.added += added;
        answer.changed += changed;
        answer.deleted += i32::try_from(gone).unwrap_or(i32::MAX);
        if validate_only {
            return Ok(());
        }
        match is_whole {
            true => store.replace_templates(account, &rows, listed_at).await?,
            false => store.keep_listed_templates(account, &rows, listed_at).await?,
        }
        Ok(())
    }
}

fn wire(row: &TemplateRow) -> v1::Template {
    wire_registered(&row.waba, &row.template, row.updated_at)
}
