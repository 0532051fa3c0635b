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
use crate::cli::rule::{BaseArgs, DraftArgs, PartChangeArgs, PartShowArgs};
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
    let PartShowArgs { text, of } = args.show;
    let server = connect(&of.server).await?;
    let name = name(&versions::base(&server, &of).await?, &args.calendar);
    let got = client(&server).get_calendar(v1::GetCalendarRequest { name }).await?.into_inner();
    let calendar = got.calendar.unwrap_or_default();
    if !text {
        return print_one(of.server.json, &calendar);
    }
    let calendar = resources::calendar_of(calendar, &args.calendar, "calendar").map_err(Failure::failed)?;
    output::line(toml_form::write_calendar(&calendar).trim_end())
}

/// Creates the calendar where the version has none of that name.
async fn set(args: CalendarSetArgs) -> Result<(), Failure> {
    let calendar = only_item(&args.file, "calendars", toml_form::read_calendars)?;
    let PartChangeArgs { etag, draft } = args.change;
    let server = connect(&draft.of.server).await?;
    let parent = versions::base(&server, &draft.of).await?;
    let name = name(&parent, calendar.name.as_str());
    let known = match client(&server).get_calendar(v1::GetCalendarRequest { name: name.clone() }).await {
        Ok(_) => true,
        // An etag is of one that was there.
        Err(status) if status.code() == Code::NotFound && etag.is_empty() => false,
        Err(status) => return Err(status.into()),
    };
    let given = v1::Calendar { etag, ..resources::calendar(name, &calendar) };
    if known { update(&server, draft, given).await } else { create(&server, draft, parent, given).await }
}

async fn create(server: &Server, draft: DraftArgs, parent: String, calendar: v1::Calendar) -> Result<(), Failure> {
    let request = v1::CreateCalendarRequest {
        parent,
        calendar_id: calendar.name.rsplit('/').next().unwrap_or_default().to_owned(),
        calendar: Some(calendar),
        reason: draft.reason.clone(),
        validate_only: draft.validate_only,
        request_id: draft.request_id.clone(),
    };
    let answer = client(server).create_calendar(request).await?.into_inner();
    versions::finish(server, &draft, answer).await
}

async fn update(server: &Server, draft: DraftArgs, calendar: v1::Calendar) -> Result<(), Failure> {
    let mut paths = vec!["zone".to_owned(), "hours".to_owned()];
    if !calendar.holidays.is_empty() {
        paths.push("holidays".to_owned());
    }
    let request = v1::UpdateCalendarRequest {
        calendar: Some(calendar),
        update_mask: Some(FieldMask { paths }),
        reason: draft.reason.clone(),
        validate_only: draft.validate_only,
        request_id: draft.request_id.clone(),
    };
    let answer = client(server).update_calendar(request).await?.into_inner();
    versions::finish(server, &draft, answer).await
}

async fn import(args: CalendarImportArgs) -> Result<(), Failure> {
    let told = |problem: String| Failure::config(format!("{}: {problem}", args.file.display()));
    let ical_text = std::fs::read_to_string(&args.file).map_err(|error| told(error.to_string()))?;
    let PartChangeArgs { etag, draft } = args.change;
    let server = connect(&draft.of.server).await?;
    let request = v1::ImportHolidaysRequest {
        name: name(&versions::base(&server, &draft.of).await?, &args.calendar),
        ical_text,
        years: args.years,
        etag,
        reason: draft.reason.clone(),
        validate_only: draft.validate_only,
        request_id: draft.request_id.clone(),
    };
    let mut answer = client(&server).import_holidays(request).await?.into_inner();
    versions::check(&server, &draft, &mut answer).await?;
    if !draft.of.server.json {
        for holiday in &answer.added {
            output::line(&format!("added    {}  {}", holiday.date, holiday.name))?;
        }
        for one in &answer.skipped {
            let what = [one.date.as_str(), one.summary.as_str()].join(" ");
            output::line(&format!("skipped  line {}: {}: {}", one.line, what.trim(), one.reason))?;
        }
        output::line(&format!("{} added, {} skipped", answer.added.len(), answer.skipped_count))?;
    }
    versions::print(&draft, &answer)
}

async fn delete(args: CalendarDeleteArgs) -> Result<(), Failure> {
    let PartChangeArgs { etag, draft } = args.change;
    let server = connect(&draft.of.server).await?;
    let request = v1::DeleteCalendarRequest {
        name: name(&versions::base(&server, &draft.of).await?, &args.calendar),
        etag,
        reason: draft.reason.clone(),
        validate_only: draft.validate_only,
        request_id: draft.request_id.clone(),
    };
    let answer = client(&server).delete_calendar(request).await?.into_inner();
    versions::finish(&server, &draft, answer).await
}

fn name(version: &str, calendar: &str) -> String {
    format!("{version}/calendars/{calendar}")
}
