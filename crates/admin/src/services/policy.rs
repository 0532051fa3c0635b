//! Versions of the policy data. What it may say is for `waypost-policy`, which names every mistake.

use tonic::Request;
use waypost_grpc::error::{Violations, check_etag, invalid, not_found};
use waypost_grpc::fields::{id_of, wire_time};
use waypost_grpc::{CallError, Mutation, Result, Tx, change, page, serve};
use waypost_policy::PolicyData;
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::policy_service_server::PolicyService;
use waypost_store::{PolicyDataRow, Store};

use super::titles::add_titles;
use crate::Shared;

const COLLECTION: &str = "policies";
/// A version is written by a person: nobody writes so many.
const VERSIONS_MAX: u32 = 10_000;
const REASON_CHARS_MAX: usize = 500;

pub(crate) struct Policies {
    pub(crate) shared: Shared,
}

serve! { PolicyService for Policies {
    get_policy: v1::GetPolicyRequest => v1::GetPolicyResponse,
    update_policy: v1::UpdatePolicyRequest => v1::UpdatePolicyResponse,
    list_policy_versions: v1::ListPolicyVersionsRequest => v1::ListPolicyVersionsResponse,
}}

impl Policies {
    async fn get_policy(&self, request: Request<v1::GetPolicyRequest>) -> Result<v1::GetPolicyResponse> {
        let name = &request.get_ref().name;
        let mut found = if name.is_empty() {
            let newest = self.shared.store.policy_data(1).await?.pop();
            newest.map_or_else(built_in, wire)
        } else {
            let version = version_of(name)?;
            let rows = self.shared.store.policy_data(VERSIONS_MAX).await?;
            let is_first = rows.is_empty() && version == PolicyData::default().version;
            let row = rows.into_iter().find(|row| row.version == version).map(wire);
            row.or_else(|| is_first.then(built_in)).ok_or_else(|| not_found(name))?
        };
        add_titles(&self.shared.store, [&mut found]).await?;
        Ok(v1::GetPolicyResponse { policy: Some(found) })
    }

    async fn update_policy(&self, request: Request<v1::UpdatePolicyRequest>) -> Result<v1::UpdatePolicyResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let given = request.policy.ok_or_else(|| invalid("policy", "is missing"))?;
        let data = read(&given.text)?;
        let mut violations = Violations::default();
        let is_short = request.reason.chars().count() <= REASON_CHARS_MAX;
        violations.require(is_short, "reason", "must have at most 500 characters");
        violations.check()?;
        let reason = request.reason;
        let updated =
            change(&self.shared.store, mutation, move |tx| Box::pin(push(tx, given, data.version, reason))).await;
        Ok(updated?.into_answer())
    }

    async fn list_policy_versions(
        &self,
        request: Request<v1::ListPolicyVersionsRequest>,
    ) -> Result<v1::ListPolicyVersionsResponse> {
        let request = request.get_ref();
        let size = page::size(request.page_size)?;
        let before: Option<u32> = page::place(COLLECTION, &request.page_token, |place| place.parse().ok())?;
        let mut rows = self.shared.store.policy_data(VERSIONS_MAX).await?;
        rows.retain(|row| before.is_none_or(|before| row.version < before));
        let next_page_token = page::cut(COLLECTION, &mut rows, size, |row| row.version.to_string());
        let without_text = |row: PolicyDataRow| v1::Policy { text: String::new(), ..wire(row) };
        let mut policies: Vec<v1::Policy> = rows.into_iter().map(without_text).collect();
        add_titles(&self.shared.store, &mut policies).await?;
        Ok(v1::ListPolicyVersionsResponse { policies, next_page_token })
    }
}

async fn push(tx: &mut Tx, given: v1::Policy, version: u32, reason: String) -> Result<v1::UpdatePolicyResponse> {
    let previous = tx.policy_data().await?.map_or_else(built_in, wire);
    check_etag(&previous.name, &given.etag, &previous.etag)?;
    if version <= previous.version {
        let problem = format!("version must be above {}, which is in force", previous.version);
        return Err(invalid("policy.text", problem));
    }
    let row = PolicyDataRow {
        version,
        created_at: tx.now(),
        created_by: tx.caller().actor.clone(),
        note: reason,
        text: given.text,
    };
    tx.push_policy_data(&row).await?;
    let policy = wire(row);
    tx.record(&policy.name, Some(&previous), Some(&policy));
    Ok(v1::UpdatePolicyResponse { policy: Some(policy), previous: Some(previous) })
}

/// The data that is judged by now.
pub(super) async fn in_force(store: &Store) -> Result<PolicyData> {
    match store.policy_data(1).await?.first() {
        Some(row) => PolicyData::from_toml(&row.text)
            .map_err(|errors| CallError::Internal(format!("policy data {}: {errors}", row.version))),
        None => Ok(PolicyData::default()),
    }
}

/// The data that a text says; every mistake is named.
fn read(text: &str) -> Result<PolicyData> {
    let refuse = |problems: Vec<String>| {
        let mut violations = Violations::default();
        problems.into_iter().for_each(|problem| violations.add("policy.text", problem));
        violations.into_error()
    };
    let data =
        PolicyData::from_toml(text).map_err(|errors| refuse(errors.0.iter().map(ToString::to_string).collect()))?;
    let errors = data.errors();
    if errors.is_empty() { Ok(data) } else { Err(refuse(errors.iter().map(ToString::to_string).collect())) }
}

fn version_of(name: &str) -> Result<u32> {
    let id = id_of("name", COLLECTION, name)?;
    id.parse().map_err(|_| invalid("name", "must be policies/{version} with a number"))
}

/// What comes with the release.
fn built_in() -> v1::Policy {
    of_text(PolicyData::default().version, PolicyData::DEFAULT_TEXT.to_owned())
}

fn wire(row: PolicyDataRow) -> v1::Policy {
    v1::Policy {
        create_time: Some(wire_time(row.created_at)),
        creator: row.created_by,
        reason: row.note,
        ..of_text(row.version, row.text)
    }
}

fn of_text(version: u32, text: String) -> v1::Policy {
    // One that this release cannot read has no day.
    let as_of = PolicyData::from_toml(&text).map(|data| data.as_of.to_string()).unwrap_or_default();
    v1::Policy {
        name: format!("{COLLECTION}/{version}"),
        text,
        version,
        as_of,
        etag: version.to_string(),
        ..v1::Policy::default()
    }
}
