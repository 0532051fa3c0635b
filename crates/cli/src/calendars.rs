//! `waypost calendars`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use prost_types::FieldMask;
use tonic::Code;
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::calendar_service_client::CalendarServiceClient;
use waypost_proto::resources;
use waypost_rules::toml_form;

use crate::failure::Failure;
use crate::output;
use crate::parts::{self, BaseArgs, DraftArgs, PartChangeArgs, PartShowArgs, only_item};
use crate::server::{Server, connect, pages, print_list, print_one};

#[derive(Debug, Subcommand)]
#[command(
    after_help = "A version of the rules never changes: set, import and delete make a new version out of another,
check it and name it; activate it as any other. Its text is written anew, so comments are lost."
)]
pub enum CalendarsCommand {
    /// List the calendars of a version
    List(BaseArgs),
    /// Show one calendar; with --text as it stands in a rules file
    Get(CalendarGetArgs),
    /// Make a version with a calendar more, or with other hours
    Set(CalendarSetArgs),
    /// Make a version whose calendar is closed on the days of an .ics file besides
    Import(CalendarImportArgs),
    /// Make a version without a calendar that no rule names
    Delete(CalendarDeleteArgs),
}

#[derive(Debug, Args)]
pub struct CalendarGetArgs {
    /// The calendar's name
    calendar: String,
    #[command(flatten)]
    show: PartShowArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost calendars set office.toml --reason 'open on Saturdays'

The file has one [[calendars]] and nothing else, as in a rules file. Where it has no holidays, those of a calendar that is
there already stay.")]
pub struct CalendarSetArgs {
    /// A file (TOML) with one calendar, as in a rules file
    file: PathBuf,
    #[command(flatten)]
    change: PartChangeArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost calendars import holidays.ics --calendar office
  waypost calendars import holidays.ics --calendar office --years 2026,2027,2028 --validate-only

Events that last whole days count, yearly ones in each of the years. What is left out is listed with its line and why. A
day that is a holiday already stays as it is.")]
pub struct CalendarImportArgs {
    /// An iCalendar file (RFC 5545)
    #[arg(value_name = "FILE.ics")]
    file: PathBuf,
    /// The calendar that is closed on these days
    #[arg(long, value_name = "NAME")]
    calendar: String,
    /// Take the days of these years; this year and the next where left out
    #[arg(long, value_name = "YEAR,...", value_delimiter = ',')]
    years: Vec<u32>,
    #[command(flatten)]
    change: PartChangeArgs,
}

#[derive(Debug, Args)]
pub struct CalendarDeleteArgs {
    /// The calendar's name
    calendar: String,
    #[command(flatten)]
    change: PartChangeArgs,
}

pub(crate) async fn run(command: CalendarsCommand) -> Result<(), Failure> {
    match command {
        CalendarsCommand::List(args) => list(args).await,
        CalendarsCommand::Get(args) => get(args).await,
        CalendarsCommand::Set(args) => set(args).await,
        CalendarsCommand::Import(args) => import(args).await,
        CalendarsCommand::Delete(args) => delete(args).await,
    }
}

fn client(server: &Server) -> CalendarServiceClient {
    CalendarServiceClient::new(server.clone())
}

async fn list(args: BaseArgs) -> Result<(), Failure> {
    let server = connect(&args.server).await?;
    let parent = parts::base(&server, &args).await?;
    let calendars = pages(usize::MAX, |page_size, page_token| {
        let client = client(&server);
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
    let name = name(&parts::base(&server, &of).await?, &args.calendar);
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
    let parent = parts::base(&server, &draft.of).await?;
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
        parent: parent.clone(),
        calendar_id: calendar.name.rsplit('/').next().unwrap_or_default().to_owned(),
        calendar: Some(calendar),
        reason: draft.reason.clone(),
        validate_only: draft.validate_only,
        request_id: draft.request_id.clone(),
    };
    let answer = client(server).create_calendar(request).await?.into_inner();
    parts::finish(server, &draft, &parent, answer).await
}

async fn update(server: &Server, draft: DraftArgs, calendar: v1::Calendar) -> Result<(), Failure> {
    let mut paths = vec!["zone".to_owned(), "hours".to_owned()];
    if !calendar.holidays.is_empty() {
        paths.push("holidays".to_owned());
    }
    let name = calendar.name.clone();
    let request = v1::UpdateCalendarRequest {
        calendar: Some(calendar),
        update_mask: Some(FieldMask { paths }),
        reason: draft.reason.clone(),
        validate_only: draft.validate_only,
        request_id: draft.request_id.clone(),
    };
    let answer = client(server).update_calendar(request).await?.into_inner();
    parts::finish(server, &draft, &name, answer).await
}

async fn import(args: CalendarImportArgs) -> Result<(), Failure> {
    let unreadable = |problem: String| Failure::config(format!("{}: {problem}", args.file.display()));
    let ical_text = std::fs::read_to_string(&args.file).map_err(|error| unreadable(error.to_string()))?;
    let PartChangeArgs { etag, draft } = args.change;
    let server = connect(&draft.of.server).await?;
    let name = name(&parts::base(&server, &draft.of).await?, &args.calendar);
    let request = v1::ImportHolidaysRequest {
        name: name.clone(),
        ical_text,
        years: args.years,
        etag,
        reason: draft.reason.clone(),
        validate_only: draft.validate_only,
        request_id: draft.request_id.clone(),
    };
    let mut answer = client(&server).import_holidays(request).await?.into_inner();
    parts::check(&server, &draft, &mut answer).await?;
    if !draft.of.server.json {
        for holiday in &answer.added {
            output::line(&format!("added    {}  {}", holiday.date, holiday.name))?;
        }
        for skipped in &answer.skipped {
            let what = [skipped.date.as_str(), skipped.summary.as_str()].join(" ");
            output::line(&format!("skipped  line {}: {}: {}", skipped.line, what.trim(), skipped.reason))?;
        }
        output::line(&format!("{} added, {} skipped", answer.added.len(), answer.skipped_count))?;
    }
    parts::print(&draft, &name, &answer)
}

async fn delete(args: CalendarDeleteArgs) -> Result<(), Failure> {
    let PartChangeArgs { etag, draft } = args.change;
    let server = connect(&draft.of.server).await?;
    let name = name(&parts::base(&server, &draft.of).await?, &args.calendar);
    let request = v1::DeleteCalendarRequest {
        name: name.clone(),
        etag,
        reason: draft.reason.clone(),
        validate_only: draft.validate_only,
        request_id: draft.request_id.clone(),
    };
    let answer = client(&server).delete_calendar(request).await?.into_inner();
    parts::finish(&server, &draft, &name, answer).await
}

fn name(version: &str, calendar: &str) -> String {
    format!("{version}/calendars/{calendar}")
}
