//! A file of contacts to the server, in batches. After each, the rejected rows are written down and how far it is, in
//! this order: an import that breaks off goes on behind the last whole batch, and at worst sends one a second time.

use std::fs::{File, OpenOptions};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::{Deserialize, Serialize};
use serde_json::json;
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::contact_service_client::ContactServiceClient;

use super::rows::{self, Row};
use crate::failure::Failure;
use crate::output;
use crate::rows::Problem;
use crate::server::{ServerArgs, connect};

/// Rows of one call, as many as the administration takes.
const ROWS: usize = 200;
/// Rejects that are shown; a file (--rejects) gets all.
const SHOWN_MAX: usize = 1_000;

#[derive(Debug, Args)]
#[command(
    after_help = "A CSV file (*.csv) begins with the names of its columns; any other file has one JSON object a line.
Columns: phone, bsuid, parent_bsuid (at least one of these), language, tier, time_zone; any other column is an attribute
of that name. In JSON, attributes may also be an object of that name. What is empty changes nothing. A phone number needs
its country code and may be written with spaces, dashes, parentheses, + or 00. Teams see the attribute name as the
customer's name. A language is a code (es, pt-BR), a time_zone one of the IANA's (Europe/Madrid), a country a code of ISO 3166
(ES): a row with another is refused.

  phone,tier,time_zone,country
  34600000000,gold,Europe/Madrid,ES

Rows that are wrong are listed with their line, field and why, and the others are carried out; the exit code is then 3.
An import that broke off goes on where it was when the same command is given again: FILE.progress, which stands beside
the file meanwhile, says how far it is. A file that was changed since is begun anew, which does no harm."
)]
pub struct ContactsImportArgs {
    /// FILE.csv, or a file of JSON lines
    file: PathBuf,
    /// Begin at this line of the file, whatever was done before
    #[arg(long, value_name = "N")]
    from_line: Option<u64>,
    /// Write the rejected rows to this file (CSV: line, field, problem)
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Check every row, change nothing
    #[arg(long)]
    validate_only: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// How far an import is. Stands beside the file until it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Progress {
    /// What is imported, and where to: another file under the same name begins anew.
    bytes: u64,
    modified_ms: u128,
    server: String,
    /// The lines before are done.
    next_line: u64,
    tally: Tally,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Tally {
    rows: u64,
    created: i64,
    updated: i64,
    rejected: u64,
}

impl Tally {
    fn line(&self, is_only_checked: bool) -> String {
        let Self { rows, created, updated, rejected } = self;
        if is_only_checked {
            // Who is known already is not looked up for a check.
            let good = rows - rejected;
            return format!("{rows} rows: {good} can be imported, {rejected} would be rejected; nothing was changed");
        }
        format!("{rows} rows: {created} created, {updated} updated, {rejected} rejected")
    }
}

/// What a row says in the fields that hold one of a few words, for whoever has to find the wrong one.
struct Given {
    language: String,
    time_zone: String,
    country: String,
}

impl Given {
    fn of(contact: &v1::Contact) -> Self {
        Self {
            language: contact.language.clone(),
            time_zone: contact.time_zone.clone(),
            country: contact.attributes.get("country").cloned().unwrap_or_default(),
        }
    }

    fn reject(&self, line: u64, problem: v1::ContactProblem) -> Reject {
        let v1::ContactProblem { field, description } = problem;
        let value = match field.as_str() {
            "language" => &self.language,
            "time_zone" => &self.time_zone,
            "attributes.country" => &self.country,
            _ => return Reject { line, field, problem: description },
        };
        // As the file calls its columns.
        let column = field.trim_start_matches("attributes.").to_owned();
        Reject { line, field: column, problem: format!("{value:?} {description}") }
    }
}

#[derive(Debug, Serialize)]
struct Reject {
    line: u64,
    /// Empty where it is the row as a whole.
    field: String,
    problem: String,
}

struct Import {
    args: ContactsImportArgs,
    client: ContactServiceClient,
    progress: Progress,
    progress_file: Option<PathBuf>,
    rejects_file: Option<csv::Writer<File>>,
    shown: Vec<Reject>,
    bar: ProgressBar,
}

pub(super) async fn run(args: ContactsImportArgs) -> Result<(), Failure> {
    let mut import = Import::open(args).await?;
    let from = import.progress.next_line;
    let mut waiting: Vec<Row> = Vec::with_capacity(ROWS);
    for row in rows::open(&import.args.file)? {
        let row = row?;
        if row.line < from {
            continue;
        }
        if waiting.len() == ROWS {
            import.send(std::mem::take(&mut waiting), row.line, row.byte).await?;
        }
        waiting.push(row);
    }
    let end = waiting.last().map_or(from, |row| row.line + 1);
    let bytes = import.progress.bytes;
    import.send(waiting, end, bytes).await?;
    import.finish()
}

impl Import {
    async fn open(args: ContactsImportArgs) -> Result<Self, Failure> {
        let unreadable = |error: std::io::Error| Failure::config(format!("{}: {error}", args.file.display()));
        let metadata = std::fs::metadata(&args.file).map_err(unreadable)?;
        let modified = metadata.modified().map_err(unreadable)?;
        let mut progress = Progress {
            bytes: metadata.len(),
            modified_ms: modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis(),
            server: args.server.place(),
            next_line: args.from_line.unwrap_or(1),
            tally: Tally::default(),
        };
        // What is only checked can be checked again.
        let progress_file = (!args.validate_only).then(|| progress_file(&args.file));
        let before = progress_file.as_deref().and_then(read_progress).filter(|before| {
            args.from_line.is_none() && (before.bytes, before.modified_ms) == (progress.bytes, progress.modified_ms)
        });
        let goes_on = before.filter(|before| before.server == progress.server);
        let append = goes_on.is_some();
        if let Some(before) = goes_on {
            let line = before.next_line;
            output::note(&format!("going on at line {line}, where it broke off; --from-line 1 begins anew"));
            progress = before;
        }
        let rejects_file = args.rejects.as_deref().map(|file| open_rejects(file, append)).transpose()?;
        let client = ContactServiceClient::new(connect(&args.server).await?);
        let bar = bar(progress.bytes);
        Ok(Self { args, client, progress, progress_file, rejects_file, shown: Vec::new(), bar })
    }

    /// Sends a batch; `next_line` and `byte` is where the next begins.
    async fn send(&mut self, batch: Vec<Row>, next_line: u64, byte: u64) -> Result<(), Failure> {
        let rows = batch.len() as u64;
        let (mut lines, mut contacts, mut rejects) = (Vec::new(), Vec::new(), Vec::new());
        for row in batch {
            match row.contact {
                Ok(contact) => {
                    lines.push(row.line);
                    contacts.push(contact);
                }
                Err(Problem { field, problem }) => rejects.push(Reject { line: row.line, field, problem }),
            }
        }
        let mut rejected = rejects.len() as u64;
        let given: Vec<Given> = contacts.iter().map(Given::of).collect();
        if !contacts.is_empty() {
            let answer = self.upsert(contacts).await?;
            self.progress.tally.created += i64::from(answer.created);
            self.progress.tally.updated += i64::from(answer.updated);
            rejected += u64::try_from(answer.rejected).unwrap_or_default();
            for ((line, given), result) in lines.into_iter().zip(given).zip(answer.results) {
                let reject = |one: v1::ContactProblem| given.reject(line, one);
                rejects.extend(result.problems.into_iter().map(reject));
            }
        }
        rejects.sort_by_key(|reject| reject.line);
        self.write_rejects(rejects)?;
        self.progress.tally.rows += rows;
        self.progress.tally.rejected += rejected;
        self.progress.next_line = next_line;
        self.keep_progress();
        let Tally { rows, rejected, .. } = self.progress.tally;
        self.bar.set_message(format!("{rows} rows, {rejected} rejected"));
        self.bar.set_position(byte);
        Ok(())
    }

    async fn upsert(&mut self, contacts: Vec<v1::Contact>) -> Result<v1::BatchUpsertContactsResponse, Failure> {
        let request = v1::BatchUpsertContactsRequest { contacts, validate_only: self.args.validate_only };
        let answer = self.client.batch_upsert_contacts(request).await;
        answer.map(tonic::Response::into_inner).map_err(|status| {
            self.bar.abandon();
            let next_line = self.progress.next_line;
            let how = match &self.progress_file {
                Some(_) => "the same command goes on there".to_owned(),
                None => format!("go on with --from-line {next_line}"),
            };
            output::note(&format!("lines before {next_line} are done; {how}"));
            Failure::from(status)
        })
    }

    fn write_rejects(&mut self, rejects: Vec<Reject>) -> Result<(), Failure> {
        if let Some(writer) = &mut self.rejects_file {
            let failed = |error: &dyn std::fmt::Display| Failure::failed(format!("--rejects: {error}"));
            for Reject { line, field, problem } in &rejects {
                writer.write_record([&line.to_string(), field, problem]).map_err(|error| failed(&error))?;
            }
            writer.flush().map_err(|error| failed(&error))?;
        }
        let room = SHOWN_MAX - self.shown.len();
        self.shown.extend(rejects.into_iter().take(room));
        Ok(())
    }

    /// Where it cannot be kept, --from-line is what is left.
    fn keep_progress(&mut self) {
        let Some(file) = &self.progress_file else { return };
        let text = json!(self.progress).to_string();
        let new = file.with_extension("progress-new");
        let kept = std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, file));
        if let Err(error) = kept {
            output::note(&format!("{}: {error}: a break is not remembered", file.display()));
            self.progress_file = None;
        }
    }

    fn finish(self) -> Result<(), Failure> {
        self.bar.finish_and_clear();
        if let Some(file) = &self.progress_file {
            std::fs::remove_file(file).map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
        }
        let Tally { rows, created, updated, rejected } = self.progress.tally;
        if self.args.server.json {
            let summary = json!({
                "rows": rows, "created": created, "updated": updated, "rejected": rejected, "rejects": self.shown
            });
            output::line(&summary.to_string())?;
        } else {
            for Reject { line, field, problem } in &self.shown {
                let field = if field.is_empty() { String::new() } else { format!("{field}: ") };
                output::line(&format!("line {line}: {field}{problem}"))?;
            }
            output::line(&self.progress.tally.line(self.args.validate_only))?;
        }
        if rejected == 0 {
            return Ok(());
        }
        let file = self.args.file.display();
        Err(Failure::config(match &self.args.rejects {
            Some(rejects) => format!("{file}: some rows were rejected; {} has them all", rejects.display()),
            None if self.shown.len() == SHOWN_MAX => {
                format!("{file}: many rows were rejected, of which the first are shown; --rejects FILE gets all")
            }
            None => format!("{file}: some rows were rejected"),
        }))
    }
}

fn progress_file(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".progress");
    name.into()
}

fn read_progress(file: &Path) -> Option<Progress> {
    serde_json::from_slice(&std::fs::read(file).ok()?).ok()
}

fn open_rejects(file: &Path, append: bool) -> Result<csv::Writer<File>, Failure> {
    let refused = |error: &dyn std::fmt::Display| Failure::config(format!("--rejects: {}: {error}", file.display()));
    let mut options = OpenOptions::new();
    let options = if append { options.append(true) } else { options.write(true).truncate(true) };
    let open = options.create(true).open(file).map_err(|error| refused(&error))?;
    let mut writer = csv::Writer::from_writer(open);
    if !append {
        writer.write_record(["line", "field", "problem"]).map_err(|error| refused(&error))?;
    }
    Ok(writer)
}

/// On a terminal only.
fn bar(bytes: u64) -> ProgressBar {
    let terminal = std::io::stderr().is_terminal();
    let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(bytes), target);
    let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}  {eta} left");
    if let Ok(style) = style { bar.with_style(style) } else { bar }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reject_names_the_column_and_what_stands_there() {
        let given = Given {
            language: "spanish".to_owned(),
            time_zone: "Europe/Madird".to_owned(),
            country: "Spain".to_owned(),
        };
        let told = |field: &str| {
            let problem = v1::ContactProblem { field: field.to_owned(), description: "is wrong".to_owned() };
            let Reject { line, field, problem } = given.reject(7, problem);
            format!("{line} {field}: {problem}")
        };
        assert_eq!(told("language"), "7 language: \"spanish\" is wrong");
        assert_eq!(told("time_zone"), "7 time_zone: \"Europe/Madird\" is wrong");
        assert_eq!(told("attributes.country"), "7 country: \"Spain\" is wrong");
        assert_eq!(told("phone"), "7 phone: is wrong", "whom a row is of is not repeated");
    }

    #[test]
    fn a_check_says_what_would_be_done() {
        let tally = Tally { rows: 5, created: 0, updated: 0, rejected: 2 };
        assert_eq!(tally.line(true), "5 rows: 3 can be imported, 2 would be rejected; nothing was changed");
        assert_eq!(tally.line(false), "5 rows: 0 created, 0 updated, 2 rejected");
    }
}
