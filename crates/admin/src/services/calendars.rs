//! The calendars of a version. Each change is a new version.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use tonic::{Request, Response, Status};
use waypost_domain::calendar::Holiday;
use waypost_domain::{Calendar, CalendarName, Timestamp};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::calendar_service_server::CalendarService;
use waypost_proto::{resources, rules_v1};
use waypost_rules::Rule;
use waypost_rules::atom::Atom;
use waypost_rules::model::Document;
use waypost_store::AuditEntry;

use super::audit_entry;
use super::versions::{self, Draft, apart, check_reason, part_name, part_of, read_document, version};
use crate::errors::{self, Violations, already_exists, check_etag, invalid, not_found, precondition};
use crate::fields::{content_etag, masked, request_id};
use crate::gate::Caller;
use crate::holidays::{self, Skipped};
use crate::once::Once;
use crate::{Shared, page};

const COLLECTION: &str = "calendars";
const CAN_CHANGE: [&str; 3] = ["zone", "hours", "holidays"];
const ICAL_BYTES_MAX: usize = 1 << 20;
const YEARS_MAX: usize = 10;
/// Named in a refusal.
const RULES_NAMED_MAX: usize = 10;
const SKIPPED_MAX: usize = 500;

pub(crate) struct Calendars {
    pub(crate) shared: Shared,
}

#[tonic::async_trait]
impl CalendarService for Calendars {
    async fn get_calendar(
        &self,
        request: Request<v1::GetCalendarRequest>,
    ) -> Result<Response<v1::GetCalendarResponse>, Status> {
        let name = request.into_inner().name;
        let (parent, _) = part_of("name", COLLECTION, &name)?;
        let row = version(&self.shared, "name", parent).await?;
        let calendar = apart(move || {
            let document = read_document(&row)?;
            let place = place_of(&document, &name)?;
            Ok::<_, Status>(shown(name, &document.calendars[place]))
        });
        Ok(Response::new(v1::GetCalendarResponse { calendar: Some(calendar.await??) }))
    }

    async fn list_calendars(
        &self,
        request: Request<v1::ListCalendarsRequest>,
    ) -> Result<Response<v1::ListCalendarsResponse>, Status> {
        let request = request.into_inner();
        let size = page::size(request.page_size)?;
        let question = format!("{}/{COLLECTION}", request.parent);
        let after = page::place(&question, &request.page_token)?;
        let row = version(&self.shared, "parent", &request.parent).await?;
        let mut calendars = apart(move || read_document(&row)).await??.calendars;
        calendars.sort_by(|a, b| a.name.cmp(&b.name));
        calendars.retain(|calendar| after.as_deref().is_none_or(|after| calendar.name.as_str() > after));
        let next = page::cut(&mut calendars, size, |calendar| calendar.name.to_string());
        let calendars =
            calendars.iter().map(|one| shown(part_name(&request.parent, COLLECTION, one.name.as_str()), one));
        let next_page_token = next.map(|place| page::token(&question, &place)).unwrap_or_default();
        Ok(Response::new(v1::ListCalendarsResponse { calendars: calendars.collect(), next_page_token }))
    }

    async fn create_calendar(
        &self,
        request: Request<v1::CreateCalendarRequest>,
    ) -> Result<Response<v1::CreateCalendarResponse>, Status> {
        let caller = Caller::of(&request)?;
        let request = request.into_inner();
        let once = Once::new(request_id(&request.request_id)?, &caller, &request);
        check_reason(&request.reason)?;
        let id = request.calendar_id;
        CalendarName::new(id.as_str())
            .map_err(|_| invalid("calendar_id", "must be 1 to 64 of a-z, 0-9 and -, and not begin with -"))?;
        let given = request.calendar.ok_or_else(|| invalid("calendar", "is missing"))?;
        let calendar = resources::calendar_of(given, &id, "calendar").map_err(versions::wrong)?;
        let row = version(&self.shared, "parent", &request.parent).await?;
        let name = part_name(&request.parent, COLLECTION, &id);
        let made = calendar.clone();
        let draft = apart(move || {
            let mut document = read_document(&row)?;
            if document.calendars.iter().any(|other| other.name == made.name) {
                return Err(already_exists(&name));
            }
            document.calendars.push(made);
            Draft::of_document(&document, "calendar")
        });
        let asked = versions::Request {
            method: "CalendarService/CreateCalendar",
            caller: &caller,
            once,
            reason: request.reason,
            validate_only: request.validate_only,
        };
        let answer = versions::keep(&self.shared, asked, draft.await??, |kept| {
            let calendar = shown(part_name(&kept.rule_set.name, COLLECTION, &id), &calendar);
            let entry = entry(&caller, "CalendarService/CreateCalendar", None, Some(&calendar));
            let (rule_set, findings) = kept.without_text();
            (v1::CreateCalendarResponse { calendar: Some(calendar), rule_set, findings }, Some(entry))
        });
        Ok(Response::new(answer.await?))
    }

    async fn update_calendar(
        &self,
        request: Request<v1::UpdateCalendarRequest>,
    ) -> Result<Response<v1::UpdateCalendarResponse>, Status> {
        let caller = Caller::of(&request)?;
        let request = request.into_inner();
        let once = Once::new(request_id(&request.request_id)?, &caller, &request);
        check_reason(&request.reason)?;
        let given = request.calendar.ok_or_else(|| invalid("calendar", "is missing"))?;
        let (name, etag) = (given.name.clone(), given.etag.clone());
        let (_, id) = part_of("calendar.name", COLLECTION, &name)?;
        let fields = masked(request.update_mask.as_ref(), &CAN_CHANGE)?;
        let given = resources::calendar_of(given, id, "calendar").map_err(versions::wrong)?;
        let asked = versions::Request {
            method: "CalendarService/UpdateCalendar",
            caller: &caller,
            once,
            reason: request.reason,
            validate_only: request.validate_only,
        };
        let changed = self.changed("calendar.name", &name, etag, "calendar", |calendar| {
            for field in fields {
                match field {
                    "zone" => calendar.zone.clone_from(&given.zone),
                    "hours" => calendar.hours.clone_from(&given.hours),
                    "holidays" => calendar.holidays.clone_from(&given.holidays),
                    other => return Err(invalid("update_mask", format!("{other:?} cannot be changed"))),
                }
            }
            Ok(())
        });
        let Changed { draft, before, after, told: () } = changed.await?;
        let answer = versions::keep(&self.shared, asked, draft, |kept| {
            let calendar = shown(part_name(&kept.rule_set.name, COLLECTION, after.name.as_str()), &after);
            let entry = entry(&caller, "CalendarService/UpdateCalendar", Some(&before), Some(&calendar));
            let (rule_set, findings) = kept.without_text();
            (v1::UpdateCalendarResponse { calendar: Some(calendar), rule_set, findings }, Some(entry))
        });
        Ok(Response::new(answer.await?))
    }

    async fn delete_calendar(
        &self,
        request: Request<v1::DeleteCalendarRequest>,
    ) -> Result<Response<v1::DeleteCalendarResponse>, Status> {
        let caller = Caller::of(&request)?;
        let request = request.into_inner();
        let once = Once::new(request_id(&request.request_id)?, &caller, &request);
        check_reason(&request.reason)?;
        let name = request.name;
        let (parent, _) = part_of("name", COLLECTION, &name)?;
        let row = version(&self.shared, "name", parent).await?;
        let (of, etag) = (name.clone(), request.etag);
        let (draft, before) = apart(move || {
            let mut document = read_document(&row)?;
            let place = place_of(&document, &of)?;
            let before = document.calendars.remove(place);
            check_etag(&of, &etag, &etag_of(&before))?;
            check_unused(&document, &before.name, &of)?;
            Ok::<_, Status>((Draft::of_document(&document, "name")?, before))
        })
        .await??;
        let asked = versions::Request {
            method: "CalendarService/DeleteCalendar",
            caller: &caller,
            once,
            reason: request.reason,
            validate_only: request.validate_only,
        };
        let answer = versions::keep(&self.shared, asked, draft, |kept| {
            let entry = entry(&caller, "CalendarService/DeleteCalendar", Some(&shown(name.clone(), &before)), None);
            let (rule_set, findings) = kept.without_text();
            (v1::DeleteCalendarResponse { rule_set, findings }, Some(entry))
        });
        Ok(Response::new(answer.await?))
    }

    async fn import_holidays(
        &self,
        request: Request<v1::ImportHolidaysRequest>,
    ) -> Result<Response<v1::ImportHolidaysResponse>, Status> {
        let caller = Caller::of(&request)?;
        let request = request.into_inner();
        let once = Once::new(request_id(&request.request_id)?, &caller, &request);
        check_reason(&request.reason)?;
        part_of("name", COLLECTION, &request.name)?;
        if request.ical_text.len() > ICAL_BYTES_MAX {
            return Err(invalid("ical_text", format!("must have at most {ICAL_BYTES_MAX} bytes")));
        }
        let years = match &request.years[..] {
            [] => this_year_and_next(self.shared.store.now().await.map_err(errors::store)?)?,
            given => read_years(given)?,
        };
        let text = request.ical_text;
        let found = apart(move || holidays::read(&text, &years)).await?.map_err(|problems| {
            let mut violations = Violations::default();
            for problem in problems {
                violations.add("ical_text", problem);
            }
            violations.check().err().unwrap_or_else(|| invalid("ical_text", "is no calendar"))
        })?;
        let asked = versions::Request {
            method: "CalendarService/ImportHolidays",
            caller: &caller,
            once,
            reason: request.reason,
            validate_only: request.validate_only,
        };
        let add = |calendar: &mut Calendar| Ok(added(calendar, found));
        let changed = self.changed("name", &request.name, request.etag, "ical_text", add).await?;
        let Changed { draft, before, after, told: (added, skipped) } = changed;
        let answer = versions::keep(&self.shared, asked, draft, |kept| {
            let calendar = shown(part_name(&kept.rule_set.name, COLLECTION, after.name.as_str()), &after);
            let entry = entry(&caller, "CalendarService/ImportHolidays", Some(&before), Some(&calendar));
            let (rule_set, findings) = kept.without_text();
            let skipped_count = u32::try_from(skipped.len()).unwrap_or(u32::MAX);
            let skipped = skipped.into_iter().take(SKIPPED_MAX).map(wire_skipped).collect();
            let calendar = Some(calendar);
            (v1::ImportHolidaysResponse { calendar, rule_set, findings, added, skipped, skipped_count }, Some(entry))
        });
        Ok(Response::new(answer.await?))
    }
}

/// A version in which one calendar is another.
struct Changed<T> {
    draft: Draft,
    before: v1::Calendar,
    after: Calendar,
    told: T,
}

impl Calendars {
    /// `change` does it; `name_field` is where the calendar is named, `field` what a change that cannot be kept is
    /// blamed on.
    async fn changed<T: Send + 'static>(
        &self,
        name_field: &str,
        name: &str,
        etag: String,
        field: &'static str,
        change: impl FnOnce(&mut Calendar) -> Result<T, Status> + Send,
    ) -> Result<Changed<T>, Status> {
        let (parent, _) = part_of(name_field, COLLECTION, name)?;
        let row = version(&self.shared, name_field, parent).await?;
        let mut document = apart(move || read_document(&row)).await??;
        let place = place_of(&document, name)?;
        let before = shown(name.to_owned(), &document.calendars[place]);
        check_etag(name, &etag, &before.etag)?;
        let told = change(&mut document.calendars[place])?;
        let after = document.calendars[place].clone();
        let draft = apart(move || Draft::of_document(&document, field)).await??;
        Ok(Changed { draft, before, after, told })
    }
}

fn place_of(document: &Document, name: &str) -> Result<usize, Status> {
    let (_, id) = part_of("name", COLLECTION, name)?;
    let place = document.calendars.iter().position(|calendar| calendar.name.as_str() == id);
    place.ok_or_else(|| not_found(name))
}

/// No rule may name it, in a condition or as the clock of an escalation.
fn check_unused(document: &Document, calendar: &CalendarName, name: &str) -> Result<(), Status> {
    // A draft may hold it twice; the other one is still there.
    if document.calendars.iter().any(|other| other.name == *calendar) {
        return Ok(());
    }
    let names_it = |rule: &&Rule| {
        let asks = |atom: &Atom| matches!(atom, Atom::Open { calendar: asked, .. } if asked == calendar);
        let mut literals = rule.when.iter().flat_map(|conjunct| conjunct.literals());
        literals.any(|literal| asks(&literal.atom))
            || rule.outcome.escalation.iter().any(|step| step.clock.as_ref() == Some(calendar))
    };
    let rules: Vec<&str> = document.definition.rules.iter().filter(names_it).map(|rule| &*rule.id).collect();
    if rules.is_empty() {
        return Ok(());
    }
    let more = rules.len().saturating_sub(RULES_NAMED_MAX);
    let named = rules[..rules.len() - more].join(", ");
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Err(precondition("CALENDAR_IN_USE", name, format!("these rules name {name}: {named}{more}")))
}

fn this_year_and_next(now: Timestamp) -> Result<BTreeSet<i16>, Status> {
    let now = jiff::Timestamp::from_millisecond(now.as_millis());
    let year = now.map_err(|_| Status::internal("the store's clock is wrong"))?.to_zoned(TimeZone::UTC).year();
    Ok(BTreeSet::from([year, year + 1]))
}

fn read_years(given: &[u32]) -> Result<BTreeSet<i16>, Status> {
    let mut violations = Violations::default();
    violations.require(given.len() <= YEARS_MAX, "years", "must be at most 10");
    let mut years = BTreeSet::new();
    for (place, year) in given.iter().enumerate().take(YEARS_MAX) {
        match i16::try_from(*year).ok().filter(|year| (1970..=9998).contains(year)) {
            Some(year) => drop(years.insert(year)),
            None => violations.add(format!("years[{place}]"), "must be 1970 to 9998"),
        }
    }
    violations.check()?;
    Ok(years)
}

/// Closes `calendar` on the days that were found. A day that is a holiday already stays as it is.
fn added(calendar: &mut Calendar, found: holidays::Holidays) -> (Vec<rules_v1::Holiday>, Vec<Skipped>) {
    let holidays::Holidays { days, mut skipped } = found;
    let known: BTreeSet<_> = calendar.holidays.iter().map(|holiday| holiday.date).collect();
    let mut added = Vec::new();
    for (date, found) in days {
        if known.contains(&date) {
            let reason = "is a holiday already".to_owned();
            skipped.push(Skipped { line: found.line, summary: found.name, date: Some(date), reason });
            continue;
        }
        added.push(rules_v1::Holiday { date: date.to_string(), name: found.name.clone(), shifts: Vec::new() });
        calendar.holidays.push(Holiday { date, name: found.name, shifts: Vec::new() });
    }
    if !added.is_empty() {
        // Stable, so that what a draft has twice stays in its order.
        calendar.holidays.sort_by_key(|holiday| holiday.date);
    }
    skipped.sort_by_key(|one| (one.line, one.date));
    (added, skipped)
}

fn wire_skipped(skipped: Skipped) -> v1::SkippedEvent {
    v1::SkippedEvent {
        line: u32::try_from(skipped.line).unwrap_or(u32::MAX),
        summary: skipped.summary,
        date: skipped.date.map(|date| date.to_string()).unwrap_or_default(),
        reason: skipped.reason,
    }
}

fn etag_of(calendar: &Calendar) -> String {
    content_etag(&rules_v1::Calendar::from(calendar))
}

fn shown(name: String, calendar: &Calendar) -> v1::Calendar {
    v1::Calendar { etag: etag_of(calendar), ..resources::calendar(name, calendar) }
}

fn entry(caller: &Caller, method: &str, before: Option<&v1::Calendar>, after: Option<&v1::Calendar>) -> AuditEntry {
    let resource = after.or(before).map(|calendar| calendar.name.clone()).unwrap_or_default();
    audit_entry(caller, method, &resource, before, after)
}
