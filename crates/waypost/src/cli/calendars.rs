//! The command line of `waypost calendars`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::rule::{BaseArgs, PartChangeArgs, PartShowArgs};

#[derive(Debug, Subcommand)]
#[command(
    after_help = "A version of the rules never changes: set, import and delete make a new version out of another,
check it and name it; activate it as any other. Its text is written anew, so comments are lost."
)]
pub(crate) enum CalendarsCommand {
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
pub(crate) struct CalendarGetArgs {
    /// The calendar's name
    pub(crate) calendar: String,
    #[command(flatten)]
    pub(crate) show: PartShowArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost calendars set office.toml --reason 'open on Saturdays'

The file has one [[calendars]] and nothing else, as in a rules file. Where it has no holidays, those of a calendar that is
there already stay.")]
pub(crate) struct CalendarSetArgs {
    /// A file (TOML) with one calendar, as in a rules file
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) change: PartChangeArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost calendars import holidays.ics --calendar office
  waypost calendars import holidays.ics --calendar office --years 2026,2027,2028 --validate-only

Events that last whole days count, yearly ones in each of the years. What is left out is listed with its line and why. A
day that is a holiday already stays as it is.")]
pub(crate) struct CalendarImportArgs {
    /// An iCalendar file (RFC 5545)
    #[arg(value_name = "FILE.ics")]
    pub(crate) file: PathBuf,
    /// The calendar that is closed on these days
    #[arg(long, value_name = "NAME")]
    pub(crate) calendar: String,
    /// Take the days of these years; this year and the next where left out
    #[arg(long, value_name = "YEAR,...", value_delimiter = ',')]
    pub(crate) years: Vec<u32>,
    #[command(flatten)]
    pub(crate) change: PartChangeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CalendarDeleteArgs {
    /// The calendar's name
    pub(crate) calendar: String,
    #[command(flatten)]
    pub(crate) change: PartChangeArgs,
}
