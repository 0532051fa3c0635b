//! The audit log.

use tonic::Request;
use waypost_grpc::error::invalid;
use waypost_grpc::fields::wire_time;
use waypost_grpc::{Result, page, serve};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::audit_service_server::AuditService;
use waypost_store::AuditRecord;

use super::titles::add_titles;
use crate::Shared;

/// Records that one call verifies.
const VERIFIED_MAX: u32 = 10_000;
/// Read at once.
const STEP: u32 = 1_000;

pub(crate) struct Audit {
    pub(crate) shared: Shared,
}

serve! { AuditService for Audit {
    list_audit_records: v1::ListAuditRecordsRequest => v1::ListAuditRecordsResponse,
    verify_audit_chain: v1::VerifyAuditChainRequest => v1::VerifyAuditChainResponse,
}}

impl Audit {
    async fn list_audit_records(
        &self,
        request: Request<v1::ListAuditRecordsRequest>,
    ) -> Result<v1::ListAuditRecordsResponse> {
        let request = request.get_ref();
        let size = page::size(request.page_size)?;
        let list = format!("auditRecords {}", request.resource);
        let before = page::place(&list, &request.page_token, |place| place.parse().ok())?.unwrap_or(i64::MAX);
        let resource = (!request.resource.is_empty()).then_some(request.resource.as_str());
        let mut records = self.shared.store.audit_records(before, resource, size + 1).await?;
        let next_page_token = page::cut(&list, &mut records, size, |record| record.seq.to_string());
        let mut audit_records: Vec<v1::AuditRecord> = records.into_iter().map(wire).collect();
        add_titles(&self.shared.store, &mut audit_records).await?;
        Ok(v1::ListAuditRecordsResponse { audit_records, next_page_token })
    }

    async fn verify_audit_chain(
        &self,
        request: Request<v1::VerifyAuditChainRequest>,
    ) -> Result<v1::VerifyAuditChainResponse> {
        let from = request.get_ref().from_seq;
        if from < 0 {
            return Err(invalid("from_seq", "must not be negative"));
        }
        let mut answer = v1::VerifyAuditChainResponse { valid: true, next_seq: from.max(1), ..Default::default() };
        for _ in 0..VERIFIED_MAX / STEP {
            let verdict = self.shared.store.verify_audit(answer.next_seq, STEP).await?;
            answer.verified += i64::try_from(verdict.verified).unwrap_or_default();
            answer.next_seq = verdict.next.unwrap_or_default();
            answer.head_seq = verdict.head.seq;
            answer.head_hash = hex::encode(verdict.head.hash);
            if let Some((seq, problem)) = verdict.broken {
                answer.valid = false;
                answer.broken_record = name(seq);
                answer.problem = problem.to_owned();
            }
            if answer.next_seq == 0 {
                break;
            }
        }
        Ok(answer)
    }
}

fn name(seq: i64) -> String {
    format!("auditRecords/{seq}")
}

fn wire(record: AuditRecord) -> v1::AuditRecord {
    v1::AuditRecord {
        name: name(record.seq),
        time: Some(wire_time(record.at)),
        actor: record.entry.actor,
        method: record.entry.method,
        resource: record.entry.resource,
        before: record.entry.before,
        after: record.entry.after,
        hash: hex::encode(record.hash),
        actor_title: String::new(),
    }
}
