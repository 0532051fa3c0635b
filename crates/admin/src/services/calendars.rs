//! The calendars of a version. Each change is a new version.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use tonic::Request;
use waypost_domain::calendar::Holiday;
use waypost_domain::{Calendar, CalendarName, Timestamp};
use waypost_grpc::error::{CallError, Violations, invalid, precondition};
use waypost_grpc::fields::{content_etag, masked};
use waypost_grpc::{Result, blocking, page, serve};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::calendar_service_server::CalendarService;
use waypost_proto::{resources, rules_v1};
use waypost_rules::Rule;
use waypost_rules::atom::Atom;
use waypost_rules::model::Document;
use waypost_store::RuleSetRow;

use super::parts::{self, Part, PartRef};
use super::rule_sets::wire;
use super::versions::{VersionChange, part_name, part_of, read_document, version};
use crate::Shared;
use crate::holidays::{self, Skipped};

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

serve! { CalendarService for Calendars {
    get_calendar: v1::GetCalendarRequest => v1::GetCalendarResponse,
    list_calendars: v1::ListCalendarsRequest => v1::ListCalendarsResponse,
    create_calendar: v1::CreateCalendarRequest => v1::CreateCalendarResponse,
    update_calendar: v1::UpdateCalendarRequest => v1::UpdateCalendarResponse,
    delete_calendar: v1::DeleteCalendarRequest => v1::DeleteCalendarResponse,
    import_holidays: v1::ImportHolidaysRequest => v1::ImportHolidaysResponse,
}}

impl Calendars {
    async fn get_calendar(&self, request: Request<v1::GetCalendarRequest>) -> Result<v1::GetCalendarResponse> {
        let calendar = parts::get::<Calendar>(&self.shared, request.into_inner().name).await?;
        Ok(v1::GetCalendarResponse { calendar: Some(calendar) })
    }

    async fn list_calendars(&self, request: Request<v1::ListCalendarsRequest>) -> Result<v1::ListCalendarsResponse> {
        let request = request.into_inner();
        let size = page::size(request.page_size)?;
        let list = format!("{}/{COLLECTION}", request.parent);
        let after = page::place(&list, &request.page_token, |place| Some(place.to_owned()))?;
        let row = version(&self.shared, "parent", &request.parent).await?;
        let mut calendars = blocking(move || read_document(&row)).await?.calendars;
        calendars.sort_by(|a, b| a.name.cmp(&b.name));
        calendars.retain(|calendar| after.as_deref().is_none_or(|after| calendar.name.as_str() > after));
        let next_page_token = page::cut(&list, &mut calendars, size, |calendar| calendar.name.to_string());
        let calendars = calendars.iter().map(|one| one.wire(part_name(&request.parent, COLLECTION, one.id())));
        Ok(v1::ListCalendarsResponse { calendars: calendars.collect(), next_page_token })
    }

    async fn create_calendar(&self, request: Request<v1::CreateCalendarRequest>) -> Result<v1::CreateCalendarResponse> {
        let (change, request) = VersionChange::read(request)?;
        let id = request.calendar_id;
        CalendarName::new(id.as_str())
            .map_err(|_| invalid("calendar_id", "must be 1 to 64 of a-z, 0-9 and -, and not begin with -"))?;
        let given = request.calendar.ok_or_else(|| invalid("calendar", "is missing"))?;
        let calendar = resources::calendar_of(given, &id, "calendar").map_err(CallError::from)?;
        let changed = parts::create(&self.shared, &request.parent, calendar).await?;
        let answer = |calendar, rule_set, findings| v1::CreateCalendarResponse { calendar, rule_set, findings };
        parts::keep(&self.shared, change, changed, answer).await
    }

    async fn update_calendar(&self, request: Request<v1::UpdateCalendarRequest>) -> Result<v1::UpdateCalendarResponse> {
        let (change, request) = VersionChange::read(request)?;
        let given = request.calendar.ok_or_else(|| invalid("calendar", "is missing"))?;
        let part = PartRef { field: "calendar.name", name: given.name.clone(), etag: given.etag.clone() };
        let (_, id) = part_of(part.field, COLLECTION, &part.name)?;
        let fields = masked(request.update_mask.as_ref(), &CAN_CHANGE)?;
        let given = resources::calendar_of(given, id, "calendar").map_err(CallError::from)?;
        let merge = move |calendar: &mut Calendar| merge(calendar, &given, &fields);
        let (changed, ()) = parts::change(&self.shared, part, Calendar::FIELD, merge).await?;
        let answer = |calendar, rule_set, findings| v1::UpdateCalendarResponse { calendar, rule_set, findings };
        parts::keep(&self.shared, change, changed, answer).await
    }

    async fn delete_calendar(&self, request: Request<v1::DeleteCalendarRequest>) -> Result<v1::DeleteCalendarResponse> {
        let (change, request) = VersionChange::read(request)?;
        let part = PartRef { field: "name", name: request.name, etag: request.etag };
        let changed = parts::remove::<Calendar>(&self.shared, part).await?;
        let answer = |_, rule_set, findings| v1::DeleteCalendarResponse { rule_set, findings };
        parts::keep(&self.shared, change, changed, answer).await
    }

    async fn import_holidays(&self, request: Request<v1::ImportHolidaysRequest>) -> Result<v1::ImportHolidaysResponse> {
        let (change, request) = VersionChange::read(request)?;
        let (parent, _) = part_of("name", COLLECTION, &request.name)?;
        let begun_with = version(&self.shared, "name", parent).await?;
        if request.ical_text.len() > ICAL_BYTES_MAX {
            return Err(invalid("ical_text", format!("must have at most {ICAL_BYTES_MAX} bytes")));
        }
        let years = match &request.years[..] {
            [] => this_year_and_next(self.shared.store.now().await?)?,
            given => read_years(given)?,
        };
        let text = request.ical_text;
        let found = blocking(move || holidays::read(&text, &years).map_err(no_calendar)).await?;
        let name = request.name.clone();
        let part = PartRef { field: "name", name: request.name, etag: request.etag };
        let add = |calendar: &mut Calendar| Ok(added(calendar, found));
        let (changed, (added, skipped)) = parts::change(&self.shared, part, "ical_text", add).await?;
        let skipped_count = u32::try_from(skipped.len()).unwrap_or(u32::MAX);
        let skipped = skipped.into_iter().take(SKIPPED_MAX).map(wire_skipped).collect();
        if added.is_empty() {
            let calendar = Some(parts::get::<Calendar>(&self.shared, name).await?);
            let rule_set = Some(wire::rule_set(RuleSetRow { text: String::new(), ..begun_with }));
            let findings = vec![];
            return Ok(v1::ImportHolidaysResponse { calendar, rule_set, findings, added, skipped, skipped_count });
        }
        let answer = move |calendar, rule_set, findings| v1::ImportHolidaysResponse {
            calendar,
            rule_set,
            findings,
            added,
            skipped,
            skipped_count,
        };
        parts::keep(&self.shared, change, changed, answer).await
    }
}

impl Part for Calendar {
    type Wire = v1::Calendar;
    const COLLECTION: &'static str = COLLECTION;
    const FIELD: &'static str = "calendar";

    fn all(document: &Document) -> &[Self] {
        &document.calendars
    }

    fn all_mut(document: &mut Document) -> &mut Vec<Self> {
        &mut document.calendars
    }

    fn id(&self) -> &str {
        self.name.as_str()
    }

    fn etag(&self) -> String {
        content_etag(&rules_v1::Calendar::from(self))
    }

    fn wire(&self, name: String) -> v1::Calendar {
        v1::Calendar { etag: self.etag(), ..resources::calendar(name, self) }
    }

    fn check_unused(&self, left: &Document, name: &str) -> Result<()> {
        check_unused(left, &self.name, name)
    }
}

/// `calendar` gets these fields of `given`.
fn merge(calendar: &mut Calendar, given: &Calendar, fields: &BTreeSet<&str>) -> Result<()> {
    for field in fields {
        match *field {
            "zone" => calendar.zone.clone_from(&given.zone),
            "hours" => calendar.hours.clone_from(&given.hours),
            "holidays" => calendar.holidays.clone_from(&given.holidays),
            other => return Err(invalid("update_mask", format!("{other:?} cannot be changed"))),
        }
    }
    Ok(())
}

/// No rule may name it, in a condition or as the clock of an escalation.
fn check_unused(document: &Document, calendar: &CalendarName, name: &str) -> Result<()> {
    // A draft may hold it twice; the other one is still there.
    if document.calendars.iter().any(|other| other.name == *calendar) {
        return Ok(());
    }
    let names_it = |rule: &&Rule| {
        let is_about = |atom: &Atom| matches!(atom, Atom::Open { calendar: one, .. } if one == calendar);
        let mut literals = rule.when.iter().flat_map(|conjunct| conjunct.literals());
        literals.any(|literal| is_about(&literal.atom))
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

fn no_calendar(problems: Vec<String>) -> CallError {
    let mut violations = Violations::default();
    for problem in problems {
        violations.add("ical_text", problem);
    }
    violations.into_error()
}

fn this_year_and_next(now: Timestamp) -> Result<BTreeSet<i16>> {
    let now = jiff::Timestamp::from_millisecond(now.as_millis());
    let year =
        now.map_err(|error| CallError::Internal(format!("the store's clock: {error}")))?.to_zoned(TimeZone::UTC).year();
    Ok(BTreeSet::from([year, year + 1]))
}

fn read_years(given: &[u32]) -> Result<BTreeSet<i16>> {
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
