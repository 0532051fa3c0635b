//! `waypost calendars`.

use prost_types::FieldMask;
use tonic::Code;
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::calendar_service_client::CalendarServiceClient;
use waypost_proto::resources;
use waypost_rules::toml_form;

use super::remote::{Server, connect, pages, print_list, print_one};
use super::versions::{self, only_item};
use crate::cli::calendars::{
    CalendarDeleteArgs, CalendarGetArgs, CalendarImportArgs, CalendarSetArgs, CalendarsCommand,
};
use crate::cli::rule::BaseArgs;
use crate::exit::Failure;
use crate::output;

pub(crate) async fn run(command: CalendarsCommand) -> Result<(), Failure> {
    match command {
        CalendarsCommand::List(args) => list(args).await,
        CalendarsCommand::Get(args) => get(args).await,
        CalendarsCommand::Set(args) => set(args).await,
        CalendarsCommand::Import(args) => import(args).await,
        CalendarsCommand::Delete(args) => delete(args).await,
    }
}

fn client(server: &Server) -> CalendarServiceClient<Server> {
    CalendarServiceClient::new(server.clone())
}

async fn list(args: BaseArgs) -> Result<(), Failure> {
    let server = connect(&args.server).await?;
    let parent = versions::base(&server, &args).await?;
    let calendars = pages(usize::MAX, |page_size, page_token| {
        let mut client = client(&server);
        let request = v1::ListCalendarsRequest { parent: parent.clone(), page_size, page_token };
        async move {
            let page = client.list_calendars(request).await?.into_inner();
            Ok((page.calendars, page.next_page_token))
        }
    });
    print_list(args.server.json, &calendars.await?, &["name", "zone", "etag"])
}

async fn get(args: CalendarGetArgs) -> Result<(), Failure> {
    let server = connect(&args.of.server).await?;
    let name = name(&versions::base(&server, &args.of).await?, &args.calendar);
    let got = client(&server).get_calendar(v1::GetCalendarRequest { name }).await?.into_inner();
    let calendar = got.calendar.unwrap_or_default();
    if !args.text {
        return print_one(args.of.server.json, &calendar);
    }
    let calendar = resources::calendar_of(calendar, &args.calendar, "calendar").map_err(Failure::failed)?;
    output::line(toml_form::write_calendar(&calendar).trim_end())
}

/// Creates the calendar where the version has none of that name.
async fn set(args: CalendarSetArgs) -> Result<(), Failure> {
    let calendar = only_item(&args.file, "calendars", toml_form::read_calendars)?;
    let server = connect(&args.draft.of.server).await?;
    let parent = versions::base(&server, &args.draft.of).await?;
    let name = name(&parent, calendar.name.as_str());
    let known = match client(&server).get_calendar(v1::GetCalendarRequest { name: name.clone() }).await {
        Ok(_) => true,
        // An etag is of one that was there.
        Err(status) if status.code() == Code::NotFound && args.etag.is_empty() => false,
        Err(status) => return Err(status.into()),
    };
    let given = resources::calendar(name, &calendar);
    if known { update(&server, args, given).await } else { create(&server, args, parent, given).await }
}

async fn create(server: &Server, args: CalendarSetArgs, parent: String, calendar: v1::Calendar) -> Result<(), Failure> {
    let request = v1::CreateCalendarRequest {
        parent,
        calendar_id: calendar.name.rsplit('/').next().unwrap_or_default().to_owned(),
        calendar: Some(calendar),
        reason: args.draft.reason.clone(),
        validate_only: args.draft.validate_only,
        request_id: args.draft.request_id.clone(),
    };
    let made = client(server).create_calendar(request).await?.into_inner();
    let (rule_set, findings) = versions::check(server, &args.draft, made.rule_set, made.findings).await?;
    let answer = v1::CreateCalendarResponse { calendar: made.calendar, rule_set, findings };
    versions::print(&args.draft, &answer, answer.calendar.as_ref(), answer.rule_set.as_ref(), &answer.findings)
}

async fn update(server: &Server, args: CalendarSetArgs, calendar: v1::Calendar) -> Result<(), Failure> {
    let mut paths = vec!["zone".to_owned(), "hours".to_owned()];
    if !calendar.holidays.is_empty() {
        paths.push("holidays".to_owned());
    }
    let request = v1::UpdateCalendarRequest {
        calendar: Some(v1::Calendar { etag: args.etag, ..calendar }),
        update_mask: Some(FieldMask { paths }),
        reason: args.draft.reason.clone(),
        validate_only: args.draft.validate_only,
        request_id: args.draft.request_id.clone(),
    };
    let changed = client(server).update_calendar(request).await?.into_inner();
    let (rule_set, findings) = versions::check(server, &args.draft, changed.rule_set, changed.findings).await?;
    let answer = v1::UpdateCalendarResponse { calendar: changed.calendar, rule_set, findings };
    versions::print(&args.draft, &answer, answer.calendar.as_ref(), answer.rule_set.as_ref(), &answer.findings)
}

async fn import(args: CalendarImportArgs) -> Result<(), Failure> {
    let told = |problem: String| Failure::config(format!("{}: {problem}", args.file.display()));
    let ical_text = std::fs::read_to_string(&args.file).map_err(|error| told(error.to_string()))?;
    let server = connect(&args.draft.of.server).await?;
    let request = v1::ImportHolidaysRequest {
        name: name(&versions::base(&server, &args.draft.of).await?, &args.calendar),
        ical_text,
        years: args.years,
        etag: args.etag,
        reason: args.draft.reason.clone(),
        validate_only: args.draft.validate_only,
        request_id: args.draft.request_id.clone(),
    };
    let mut answer = client(&server).import_holidays(request).await?.into_inner();
    (answer.rule_set, answer.findings) =
        versions::check(&server, &args.draft, answer.rule_set, answer.findings).await?;
    if !args.draft.of.server.json {
        for holiday in &answer.added {
            output::line(&format!("added    {}  {}", holiday.date, holiday.name))?;
        }
        for one in &answer.skipped {
            let what = [one.date.as_str(), one.summary.as_str()].join(" ");
            output::line(&format!("skipped  line {}: {}: {}", one.line, what.trim(), one.reason))?;
        }
        output::line(&format!("{} added, {} skipped", answer.added.len(), answer.skipped_count))?;
    }
    versions::print(&args.draft, &answer, None::<&v1::Calendar>, answer.rule_set.as_ref(), &answer.findings)
}

async fn delete(args: CalendarDeleteArgs) -> Result<(), Failure> {
    let server = connect(&args.draft.of.server).await?;
    let request = v1::DeleteCalendarRequest {
        name: name(&versions::base(&server, &args.draft.of).await?, &args.calendar),
        etag: args.etag.clone(),
        reason: args.draft.reason.clone(),
        validate_only: args.draft.validate_only,
        request_id: args.draft.request_id.clone(),
    };
    let gone = client(&server).delete_calendar(request).await?.into_inner();
    let (rule_set, findings) = versions::check(&server, &args.draft, gone.rule_set, gone.findings).await?;
    let answer = v1::DeleteCalendarResponse { rule_set, findings };
    versions::print(&args.draft, &answer, None::<&v1::Calendar>, answer.rule_set.as_ref(), &answer.findings)
}

fn name(version: &str, calendar: &str) -> String {
    format!("{version}/calendars/{calendar}")
}
