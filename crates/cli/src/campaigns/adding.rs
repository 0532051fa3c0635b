//! Recipients to a draft, in batches: of a file, or of a query, which the server goes through page by page.

use serde::Serialize;
use serde_json::json;
use uuid::Uuid;
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::campaign_service_client::CampaignServiceClient;

use super::arguments::{CampaignAddArgs, WhomArgs};
use super::client;
use super::rows::{self, Row};
use crate::failure::Failure;
use crate::named::campaign;
use crate::output;

/// Rows of one call, as many as the administration takes.
const ROWS: usize = 500;
/// Problems that are shown; all of them are kept with the campaign.
const SHOWN_MAX: usize = 1_000;

#[derive(Debug, Default, Serialize)]
struct Added {
    added: u64,
    rejected: u64,
    skipped: u64,
    problems: Vec<Rejected>,
}

#[derive(Debug, Serialize)]
struct Rejected {
    /// Of the file; absent for a query.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    field: String,
    problem: String,
}

struct Adding {
    client: CampaignServiceClient,
    name: String,
    validate_only: bool,
    added: Added,
}

pub(super) async fn add(args: CampaignAddArgs) -> Result<(), Failure> {
    if !args.whom.says_who() {
        let problem = "nobody is named: give --file, --tier, --attribute, --reads or --everybody";
        return Err(Failure::config(problem));
    }
    let (client, name) = (client(&args.server).await?, campaign(&args.campaign));
    let mut adding = Adding { client, name, validate_only: args.validate_only, added: Added::default() };
    match &args.whom.file {
        Some(file) => {
            let mut waiting = Vec::with_capacity(ROWS);
            for row in rows::open(file)? {
                let row = row?;
                if row.line < args.from_line {
                    continue;
                }
                waiting.push(row);
                if waiting.len() == ROWS {
                    adding.send(std::mem::take(&mut waiting)).await?;
                }
            }
            adding.send(waiting).await?;
        }
        None => adding.query(args.whom).await?,
    }
    adding.finish(args.server.json)
}

impl Adding {
    fn request(&self) -> v1::AddCampaignRecipientsRequest {
        v1::AddCampaignRecipientsRequest {
            name: self.name.clone(),
            validate_only: self.validate_only,
            request_id: if self.validate_only { String::new() } else { Uuid::now_v7().to_string() },
            ..v1::AddCampaignRecipientsRequest::default()
        }
    }

    async fn send(&mut self, batch: Vec<Row>) -> Result<(), Failure> {
        let (mut lines, mut recipients) = (Vec::new(), Vec::new());
        let begin = batch.first().map_or(1, |row| row.line);
        for row in batch {
            match row.recipient {
                Ok(recipient) => {
                    lines.push(row.line);
                    recipients.push(recipient);
                }
                Err(problem) => {
                    self.reject(Rejected { line: Some(row.line), field: problem.field, problem: problem.problem })
                }
            }
        }
        if recipients.is_empty() {
            return Ok(());
        }
        let request = v1::AddCampaignRecipientsRequest { recipients, ..self.request() };
        let answer = self.client.add_campaign_recipients(request).await.map_err(|status| {
            output::note(&format!("lines before {begin} are done; go on with --from-line {begin}"));
            Failure::from(status)
        })?;
        let line = |index: u32| lines.get(usize::try_from(index).unwrap_or(usize::MAX)).copied();
        self.take(answer.into_inner(), line);
        Ok(())
    }

    async fn query(&mut self, whom: WhomArgs) -> Result<(), Failure> {
        let query = v1::CampaignContactQuery {
            tier: whom.tier,
            attributes: whom.attributes.into_iter().collect(),
            language: whom.reads,
            everybody: whom.everybody,
            values: Some(whom.values.into_wire()),
        };
        let mut page_token = String::new();
        loop {
            let request = v1::AddCampaignRecipientsRequest { query: Some(query.clone()), page_token, ..self.request() };
            let answer = self.client.add_campaign_recipients(request).await?.into_inner();
            page_token = answer.next_page_token.clone();
            self.take(answer, |_| None);
            if page_token.is_empty() {
                return Ok(());
            }
        }
    }

    fn take(&mut self, answer: v1::AddCampaignRecipientsResponse, line: impl Fn(u32) -> Option<u64>) {
        self.added.added += u64::from(answer.added);
        self.added.skipped += u64::from(answer.skipped);
        for one in answer.problems {
            self.reject(Rejected { line: line(one.index), field: one.field, problem: one.description });
        }
    }

    fn reject(&mut self, problem: Rejected) {
        self.added.rejected += 1;
        if self.added.problems.len() < SHOWN_MAX {
            self.added.problems.push(problem);
        }
    }

    fn finish(mut self, is_json: bool) -> Result<(), Failure> {
        self.added.problems.sort_by_key(|problem| problem.line);
        let Added { added, rejected, skipped, problems } = &self.added;
        if is_json {
            output::line(&json!(self.added).to_string())?;
        } else {
            for Rejected { line, field, problem } in problems {
                let line = line.map(|line| format!("line {line}: ")).unwrap_or_default();
                let field = if field.is_empty() { String::new() } else { format!("{field}: ") };
                output::line(&format!("{line}{field}{problem}"))?;
            }
            let verb = if self.validate_only { "can be added" } else { "added" };
            output::line(&format!("{added} {verb}, {rejected} rejected, {skipped} there already"))?;
        }
        if *rejected == 0 { Ok(()) } else { Err(Failure::config("some rows cannot be sent")) }
    }
}
