//! `waypost contacts`: one contact, or a file of them.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::Path;

use serde_json::{Map, Value, json};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::contact_service_client::ContactServiceClient;

use super::remote::{Server, connect, print_one};
use crate::cli::{ContactGetArgs, ContactsCommand, ContactsImportArgs};
use crate::exit::Failure;
use crate::output;

/// Rows of one call, as many as the administration takes.
const ROWS: usize = 200;

pub(crate) async fn run(command: ContactsCommand) -> Result<(), Failure> {
    match command {
        ContactsCommand::Get(args) => get(args).await,
        ContactsCommand::Import(args) => import(args).await,
    }
}

async fn get(args: ContactGetArgs) -> Result<(), Failure> {
    let mut client = ContactServiceClient::new(connect(&args.server).await?);
    let request = v1::GetContactRequest {
        name: args.name.unwrap_or_default(),
        phone: args.phone.unwrap_or_default(),
        bsuid: args.bsuid.unwrap_or_default(),
    };
    let contact = client.get_contact(request).await?.into_inner().contact;
    print_one(args.server.json, &contact.unwrap_or_default())
}

/// A row of the file: its line, and the contact or why it is none.
type Row = (u64, Result<v1::Contact, String>);

#[derive(Default)]
struct Tally {
    rows: u64,
    created: i64,
    updated: i64,
    rejects: Vec<Value>,
}

async fn import(args: ContactsImportArgs) -> Result<(), Failure> {
    let mut client = ContactServiceClient::new(connect(&args.server).await?);
    let rows = open(&args.file)?.filter(|row| row.as_ref().map_or(true, |(line, _)| *line >= args.from_line));
    let mut tally = Tally::default();
    let mut waiting = Vec::with_capacity(ROWS);
    let show_progress = std::io::stderr().is_terminal();
    for row in rows {
        waiting.push(row?);
        if waiting.len() == ROWS {
            send(&mut client, &args, &mut waiting, &mut tally).await?;
            if show_progress {
                progress(&tally);
            }
        }
    }
    send(&mut client, &args, &mut waiting, &mut tally).await?;
    if show_progress {
        progress(&tally);
        output::note("");
    }
    report(&args, &tally)
}

/// Sends what waits. A call that fails says where to go on.
async fn send(
    client: &mut ContactServiceClient<Server>,
    args: &ContactsImportArgs,
    waiting: &mut Vec<Row>,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let first_line = waiting.first().map_or(args.from_line, |(line, _)| *line);
    let (mut lines, mut contacts) = (Vec::new(), Vec::new());
    for (line, row) in waiting.drain(..) {
        tally.rows += 1;
        match row {
            Ok(contact) => {
                lines.push(line);
                contacts.push(contact);
            }
            Err(problem) => tally.rejects.push(json!({ "line": line, "field": "", "problem": problem })),
        }
    }
    if contacts.is_empty() {
        return Ok(());
    }
    let request = v1::BatchUpsertContactsRequest { contacts, validate_only: args.validate_only };
    let answer = client.batch_upsert_contacts(request).await.map_err(|status| {
        output::note(&format!("\nlines before {first_line} are done; go on with --from-line {first_line}"));
        Failure::from(status)
    })?;
    let answer = answer.into_inner();
    tally.created += i64::from(answer.created);
    tally.updated += i64::from(answer.updated);
    for (line, result) in lines.into_iter().zip(answer.results) {
        for problem in result.problems {
            tally.rejects.push(json!({ "line": line, "field": problem.field, "problem": problem.description }));
        }
    }
    Ok(())
}

/// Over the line before, on a terminal only.
fn progress(tally: &Tally) {
    let mut terminal = std::io::stderr().lock();
    let shown = write!(terminal, "\r{} rows, {} problems", tally.rows, tally.rejects.len());
    drop(shown.and_then(|()| terminal.flush()));
}

fn report(args: &ContactsImportArgs, tally: &Tally) -> Result<(), Failure> {
    let Tally { rows, created, updated, rejects } = tally;
    if args.server.json {
        let told = json!({ "rows": rows, "created": created, "updated": updated, "rejects": rejects });
        output::line(&told.to_string())?;
    } else {
        for reject in rejects {
            let text = |field: &str| reject[field].as_str().unwrap_or_default().to_owned();
            output::line(&format!("line {}: {}: {}", reject["line"], text("field"), text("problem")))?;
        }
        output::line(&format!("{rows} rows: {created} created, {updated} updated, {} problems", rejects.len()))?;
    }
    match rejects.len() {
        0 => Ok(()),
        _ => Err(Failure::config(format!("{}: some rows were rejected", args.file.display()))),
    }
}

fn open(file: &Path) -> Result<Box<dyn Iterator<Item = Result<Row, Failure>>>, Failure> {
    let unreadable = |error: &dyn std::fmt::Display| Failure::config(format!("{}: {error}", file.display()));
    let open = File::open(file).map_err(|error| unreadable(&error))?;
    if file.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("csv")) {
        let lines = (1..).zip(BufReader::new(open).lines());
        let lines = lines.filter(|(_, text)| text.as_ref().map_or(true, |text| !text.trim().is_empty()));
        return Ok(Box::new(lines.map(|(line, text)| match text {
            Ok(text) => Ok((line, of_json(&text))),
            Err(error) => Err(Failure::config(format!("line {line}: {error}"))),
        })));
    }
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(open);
    let columns = reader.headers().map_err(|error| unreadable(&error))?.clone();
    Ok(Box::new(reader.into_records().map(move |record| {
        let record = record.map_err(|error| Failure::config(error.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        if record.len() != columns.len() {
            return Ok((line, Err(format!("{} columns, not {}", record.len(), columns.len()))));
        }
        let fields = columns.iter().map(str::to_owned).zip(record.iter().map(|value| Value::from(value.to_owned())));
        Ok((line, of_fields(fields.collect())))
    })))
}

fn of_json(text: &str) -> Result<v1::Contact, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => of_fields(fields),
        // The parser's own words may quote the line.
        Ok(_) | Err(_) => Err("is not a JSON object".to_owned()),
    }
}

fn of_fields(fields: Map<String, Value>) -> Result<v1::Contact, String> {
    let mut contact = v1::Contact::default();
    for (name, value) in fields {
        if name == "attributes" {
            let Value::Object(attributes) = value else { return Err("attributes: is not an object".to_owned()) };
            for (name, value) in attributes {
                contact.attributes.insert(name.clone(), plain(&name, value)?);
            }
            continue;
        }
        let value = plain(&name, value)?;
        match name.as_str() {
            "phone" => contact.phone = value.trim_start_matches('+').to_owned(),
            "bsuid" => contact.bsuid = value,
            "parent_bsuid" => contact.parent_bsuid = value,
            "language" => contact.language = value,
            "tier" => contact.tier = value,
            "time_zone" => contact.time_zone = value,
            _ if value.is_empty() => {}
            _ => drop(contact.attributes.insert(name, value)),
        }
    }
    Ok(contact)
}

fn plain(name: &str, value: Value) -> Result<String, String> {
    match value {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        Value::Array(_) | Value::Object(_) => Err(format!("{name}: is not one value")),
    }
}
