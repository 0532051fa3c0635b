//! Numbers: names of ours for Meta's ids.

use tonic::{Request, Response, Status};
use waypost_domain::{NumberName, PhoneNumberId};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::number_service_server::NumberService;
use waypost_store::{AuditEntry, NumberRow};

use super::audit_entry;
use crate::errors::{self, Violations, check_etag, invalid, not_found};
use crate::fields::{id_of, masked, wire_time};
use crate::gate::Caller;
use crate::{Shared, page};

const COLLECTION: &str = "numbers";
/// How Waypost names what nobody named.
const OWN_PREFIX: &str = "number-";
const ID_DIGITS_MAX: usize = 32;
/// What an update may name.
const CAN_CHANGE: [&str; 1] = ["phone_number_id"];
/// The etag of a name that is not there.
const NO_ETAG: &str = "0-0";

pub(crate) struct Numbers {
    pub(crate) shared: Shared,
}

#[tonic::async_trait]
impl NumberService for Numbers {
    async fn get_number(
        &self,
        request: Request<v1::GetNumberRequest>,
    ) -> Result<Response<v1::GetNumberResponse>, Status> {
        let name = number_of("name", &request.get_ref().name)?;
        let rows = self.shared.store.numbers().await.map_err(errors::store)?;
        let number = wire(&rows, &name).ok_or_else(|| not_found(&full_name(&name)))?;
        Ok(Response::new(v1::GetNumberResponse { number: Some(number) }))
    }

    async fn list_numbers(
        &self,
        request: Request<v1::ListNumbersRequest>,
    ) -> Result<Response<v1::ListNumbersResponse>, Status> {
        let request = request.get_ref();
        let size = page::size(request.page_size)?;
        let after = page::place(COLLECTION, &request.page_token)?;
        // A business has hundreds at most.
        let rows = self.shared.store.numbers().await.map_err(errors::store)?;
        let mut names: Vec<&NumberName> = rows.iter().map(|row| &row.name).collect();
        names.sort_unstable();
        names.dedup();
        names.retain(|name| after.as_deref().is_none_or(|after| name.as_str() > after));
        let next = page::cut(&mut names, size, ToString::to_string);
        let next_page_token = next.map(|place| page::token(COLLECTION, &place)).unwrap_or_default();
        let numbers = names.into_iter().filter_map(|name| wire(&rows, name)).collect();
        Ok(Response::new(v1::ListNumbersResponse { numbers, next_page_token }))
    }

    async fn update_number(
        &self,
        request: Request<v1::UpdateNumberRequest>,
    ) -> Result<Response<v1::UpdateNumberResponse>, Status> {
        let caller = Caller::of(&request)?;
        let request = request.into_inner();
        let given = request.number.ok_or_else(|| invalid("number", "is missing"))?;
        let name = number_of("number.name", &given.name)?;
        masked(request.update_mask.as_ref(), &CAN_CHANGE)?;
        check(&given, &name)?;
        let mut change = self.shared.store.begin_change().await.map_err(errors::store)?;
        let before = change.numbers().await.map_err(errors::store)?;
        let known = wire(&before, &name);
        if known.is_none() && !request.allow_missing {
            return Err(not_found(&full_name(&name)));
        }
        let etag = known.as_ref().map_or(NO_ETAG, |number| &number.etag);
        check_etag(&full_name(&name), &given.etag, etag)?;
        let id = PhoneNumberId::new(given.phone_number_id);
        change.name_number(&name, &id).await.map_err(errors::store)?;
        let after = change.numbers().await.map_err(errors::store)?;
        let answer = v1::UpdateNumberResponse { number: wire(&after, &name) };
        if request.validate_only {
            return Ok(Response::new(answer));
        }
        let mut entries = vec![entry(&caller, &name, &before, &after)];
        // Whatever went by another name before is missing there now.
        let other = before.iter().find(|row| row.id == id && row.name != name);
        entries.extend(other.map(|row| entry(&caller, &row.name, &before, &after)));
        change.commit(&entries).await.map_err(errors::store)?;
        Ok(Response::new(answer))
    }
}

fn number_of(field: &str, name: &str) -> Result<NumberName, Status> {
    let id = id_of(field, COLLECTION, name)?;
    let wrong = "must be numbers/{number}; {number} is 1 to 64 characters, without surrounding space";
    NumberName::new(id).map_err(|_| invalid(field, wrong))
}

fn check(given: &v1::Number, name: &NumberName) -> Result<(), Status> {
    let mut violations = Violations::default();
    let id = &given.phone_number_id;
    let is_id = (1..=ID_DIGITS_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
    violations.require(is_id, "number.phone_number_id", "must be Meta's id of the number: digits, at most 32");
    let own = name.as_str().strip_prefix(OWN_PREFIX);
    violations.require(own.is_none_or(|of| of == id), "number.name", "must not begin with number-");
    violations.check()
}

fn full_name(name: &NumberName) -> String {
    format!("{COLLECTION}/{name}")
}

/// The number of that name: the id that goes by it now, and the others. `None` where no id does.
fn wire(rows: &[NumberRow], name: &NumberName) -> Option<v1::Number> {
    let mut named: Vec<&NumberRow> = rows.iter().filter(|row| row.name == *name).collect();
    named.sort_by_key(|row| row.since);
    let etag = format!("{}-{}", named.len(), named.iter().map(|row| row.revision).sum::<i64>());
    let updated_at = named.iter().filter_map(|row| row.updated_at).max();
    let row = named.pop()?;
    Some(v1::Number {
        name: full_name(name),
        phone_number_id: row.id.to_string(),
        display_number: row.display.clone(),
        waba_id: row.waba.to_string(),
        since_time: Some(wire_time(row.since)),
        former_phone_number_ids: named.iter().map(|row| row.id.to_string()).collect(),
        update_time: updated_at.map(wire_time),
        etag,
    })
}

/// What became of a name.
fn entry(caller: &Caller, name: &NumberName, before: &[NumberRow], after: &[NumberRow]) -> AuditEntry {
    let audited = |rows| wire(rows, name).map(|row| v1::Number { etag: String::new(), update_time: None, ..row });
    let (before, after) = (audited(before), audited(after));
    audit_entry(caller, "NumberService/UpdateNumber", &full_name(name), before.as_ref(), after.as_ref())
}
