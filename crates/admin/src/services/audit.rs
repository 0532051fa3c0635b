//! The audit log.

use tonic::{Request, Response, Status};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::audit_service_server::AuditService;
use waypost_store::AuditRecord;

use crate::errors::invalid;
use crate::fields::wire_time;
use crate::{Shared, errors, page};

/// Records that one call verifies.
const VERIFIED_MAX: u32 = 10_000;
/// Read at once.
const STEP: u32 = 1_000;

pub(crate) struct Audit {
    pub(crate) shared: Shared,
}

#[tonic::async_trait]
impl AuditService for Audit {
    async fn list_audit_records(
        &self,
        request: Request<v1::ListAuditRecordsRequest>,
    ) -> Result<Response<v1::ListAuditRecordsResponse>, Status> {
        let request = request.get_ref();
        let size = page::size(request.page_size)?;
        let question = format!("auditRecords {}", request.resource);
        let before = match page::place(&question, &request.page_token)? {
            Some(place) => place.parse().map_err(|_| page::bad_token())?,
            None => i64::MAX,
        };
        let resource = (!request.resource.is_empty()).then_some(request.resource.as_str());
        let mut records = self.shared.store.audit_records(before, resource, size + 1).await.map_err(errors::store)?;
        let next = page::cut(&mut records, size, |record| record.seq.to_string());
        let next_page_token = next.map(|place| page::token(&question, &place)).unwrap_or_default();
        let audit_records = records.into_iter().map(wire).collect();
        Ok(Response::new(v1::ListAuditRecordsResponse { audit_records, next_page_token }))
    }

    async fn verify_audit_chain(
        &self,
        request: Request<v1::VerifyAuditChainRequest>,
    ) -> Result<Response<v1::VerifyAuditChainResponse>, Status> {
        let from = request.get_ref().from_seq;
        if from < 0 {
            return Err(invalid("from_seq", "must not be negative"));
        }
        let mut answer = v1::VerifyAuditChainResponse { valid: true, next_seq: from.max(1), ..Default::default() };
        for _ in 0..VERIFIED_MAX / STEP {
            let verdict = self.shared.store.verify_audit(answer.next_seq, STEP).await.map_err(errors::store)?;
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
        Ok(Response::new(answer))
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
    }
}
