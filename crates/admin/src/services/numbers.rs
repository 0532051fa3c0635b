//! Numbers: names of ours for Meta's ids.

use std::collections::BTreeSet;

use tonic::Request;
use waypost_domain::language::is_tag;
use waypost_domain::{NumberName, PhoneNumberId};
use waypost_grpc::error::{Violations, check_etag, invalid, not_found};
use waypost_grpc::fields::{id_of, masked, wire_time};
use waypost_grpc::{Mutation, Result, Tx, change, page, serve};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::number_service_server::NumberService;
use waypost_store::NumberRow;

use crate::Shared;

const COLLECTION: &str = "numbers";
/// How Waypost names what nobody named.
const OWN_PREFIX: &str = "number-";
const ID_DIGITS_MAX: usize = 32;
/// What an update may name.
const CAN_CHANGE: [&str; 2] = [ID, LANGUAGE];
const ID: &str = "phone_number_id";
const LANGUAGE: &str = "language";
/// The etag of a name that is not there.
const NO_ETAG: &str = "0-0";

pub(crate) struct Numbers {
    pub(crate) shared: Shared,
}

serve! { NumberService for Numbers {
    get_number: v1::GetNumberRequest => v1::GetNumberResponse,
    list_numbers: v1::ListNumbersRequest => v1::ListNumbersResponse,
    update_number: v1::UpdateNumberRequest => v1::UpdateNumberResponse,
}}

impl Numbers {
    async fn get_number(&self, request: Request<v1::GetNumberRequest>) -> Result<v1::GetNumberResponse> {
        let name = number_of("name", &request.get_ref().name)?;
        let rows = self.shared.store.numbers().await?;
        let number = wire(&rows, &name).ok_or_else(|| not_found(full_name(&name)))?;
        Ok(v1::GetNumberResponse { number: Some(number) })
    }

    async fn list_numbers(&self, request: Request<v1::ListNumbersRequest>) -> Result<v1::ListNumbersResponse> {
        let request = request.get_ref();
        let size = page::size(request.page_size)?;
        let after = page::place(COLLECTION, &request.page_token, |place| Some(place.to_owned()))?;
        // A business has hundreds at most.
        let rows = self.shared.store.numbers().await?;
        let mut names: Vec<&NumberName> = rows.iter().map(|row| &row.name).collect();
        names.sort_unstable();
        names.dedup();
        names.retain(|name| after.as_deref().is_none_or(|after| name.as_str() > after));
        let next_page_token = page::cut(COLLECTION, &mut names, size, ToString::to_string);
        let numbers = names.into_iter().filter_map(|name| wire(&rows, name)).collect();
        Ok(v1::ListNumbersResponse { numbers, next_page_token })
    }

    async fn update_number(&self, request: Request<v1::UpdateNumberRequest>) -> Result<v1::UpdateNumberResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let given = request.number.ok_or_else(|| invalid("number", "is missing"))?;
        let name = number_of("number.name", &given.name)?;
        let fields = masked(request.update_mask.as_ref(), &CAN_CHANGE)?;
        check(&given, &name, &fields)?;
        let allow_missing = request.allow_missing;
        let update =
            change(&self.shared.store, mutation, move |tx| Box::pin(rename(tx, given, name, fields, allow_missing)));
        Ok(update.await?.into_answer())
    }
}

/// Gives the name to the id that is given for it, and the language.
async fn rename(
    tx: &mut Tx,
    given: v1::Number,
    name: NumberName,
    fields: BTreeSet<&'static str>,
    allow_missing: bool,
) -> Result<v1::UpdateNumberResponse> {
    let before = tx.numbers().await?;
    let known = wire(&before, &name);
    if known.is_none() && !allow_missing {
        return Err(not_found(full_name(&name)));
    }
    check_etag(&full_name(&name), &given.etag, known.as_ref().map_or(NO_ETAG, |number| &number.etag))?;
    let id = match known.filter(|_| !fields.contains(ID)) {
        Some(known) => PhoneNumberId::new(known.phone_number_id),
        None if fields.contains(ID) => PhoneNumberId::new(given.phone_number_id),
        None => return Err(not_found(full_name(&name))),
    };
    let language = fields.contains(LANGUAGE).then_some(given.language.as_str());
    tx.name_number(&name, &id, language).await?;
    let after = tx.numbers().await?;
    record(tx, &name, &before, &after);
    // Whatever went by another name before is missing there now.
    if let Some(other) = before.iter().find(|row| row.id == id && row.name != name) {
        record(tx, &other.name, &before, &after);
    }
    Ok(v1::UpdateNumberResponse { number: wire(&after, &name) })
}

fn number_of(field: &str, name: &str) -> Result<NumberName> {
    let id = id_of(field, COLLECTION, name)?;
    let problem = "must be numbers/{number}; {number} is 1 to 64 characters, without surrounding space";
    NumberName::new(id).map_err(|_| invalid(field, problem))
}

fn check(given: &v1::Number, name: &NumberName, fields: &BTreeSet<&str>) -> Result<()> {
    let mut violations = Violations::default();
    let id = &given.phone_number_id;
    let is_id = (1..=ID_DIGITS_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
    violations.require(
        is_id || !fields.contains(ID),
        "number.phone_number_id",
        "must be Meta's id of the number: digits, at most 32",
    );
    let is_language = given.language.is_empty() || is_tag(&given.language);
    violations.require(is_language, "number.language", "must be a language tag such as es or pt-BR");
    let own = name.as_str().strip_prefix(OWN_PREFIX).filter(|_| fields.contains(ID));
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
        language: row.language.clone(),
    })
}

/// Records what became of a name.
fn record(tx: &mut Tx, name: &NumberName, before: &[NumberRow], after: &[NumberRow]) {
    let audited = |rows| wire(rows, name).map(|row| v1::Number { etag: String::new(), update_time: None, ..row });
    tx.record(&full_name(name), audited(before).as_ref(), audited(after).as_ref());
}
