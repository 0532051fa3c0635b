//! A file of contacts, row by row: CSV, or JSON lines. What is wrong with a row is said without repeating it.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde_json::{Map, Value};
use waypost_proto::admin_v1 as v1;

use crate::failure::Failure;

/// A contact, or why it is none.
pub(super) struct Row {
    /// From 1.
    pub(super) line: u64,
    /// Where it begins in the file.
    pub(super) byte: u64,
    pub(super) contact: Result<v1::Contact, Problem>,
}

/// What is wrong, and where.
pub(super) struct Problem {
    /// Empty where it is the row as a whole.
    pub(super) field: String,
    pub(super) problem: String,
}

type Rows = Box<dyn Iterator<Item = Result<Row, Failure>>>;

pub(super) fn open(path: &Path) -> Result<Rows, Failure> {
    let unreadable = |error: &dyn std::fmt::Display| Failure::config(format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    if path.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("csv")) {
        return Ok(json_lines(BufReader::new(file)));
    }
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(file);
    let columns = reader.headers().map_err(|error| unreadable(&error))?.clone();
    Ok(Box::new(reader.into_records().map(move |record| match record {
        Ok(record) => {
            let (line, byte) = record.position().map_or((0, 0), |place| (place.line(), place.byte()));
            Ok(Row { line, byte, contact: of_record(&columns, &record) })
        }
        Err(error) => match (error.kind(), error.position()) {
            // The next one is whole again.
            (csv::ErrorKind::Utf8 { .. }, Some(place)) => {
                Ok(Row { line: place.line(), byte: place.byte(), contact: Err(whole("is not UTF-8")) })
            }
            _ => Err(Failure::config(error.to_string())),
        },
    })))
}

fn json_lines(reader: BufReader<File>) -> Rows {
    let mut byte = 0;
    let lines = (1..).zip(reader.split(b'\n')).map(move |(line, text)| {
        let text = text.map_err(|error| Failure::config(format!("line {line}: {error}")))?;
        let begin = byte;
        byte += text.len() as u64 + 1;
        let text = String::from_utf8(text);
        let is_blank = text.as_ref().is_ok_and(|text| text.trim().is_empty());
        let contact = text.map_err(|_| whole("is not UTF-8")).and_then(|text| of_json(&text));
        Ok((!is_blank).then_some(Row { line, byte: begin, contact }))
    });
    Box::new(lines.filter_map(Result::transpose))
}

fn of_record(columns: &csv::StringRecord, record: &csv::StringRecord) -> Result<v1::Contact, Problem> {
    if record.len() != columns.len() {
        return Err(whole(&format!("{} columns, not {}", record.len(), columns.len())));
    }
    let fields = columns.iter().map(str::to_owned).zip(record.iter().map(|value| Value::from(value.to_owned())));
    of_fields(fields.collect())
}

fn of_json(text: &str) -> Result<v1::Contact, Problem> {
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => of_fields(fields),
        // The parser's own words may quote the line.
        Ok(_) | Err(_) => Err(whole("is not a JSON object")),
    }
}

fn of_fields(fields: Map<String, Value>) -> Result<v1::Contact, Problem> {
    let mut contact = v1::Contact::default();
    for (name, value) in fields {
        if name == "attributes" {
            let Value::Object(attributes) = value else { return Err(of_field(name, "is not an object")) };
            for (name, value) in attributes {
                let value = plain(&format!("attributes.{name}"), value)?;
                contact.attributes.insert(name, value);
            }
            continue;
        }
        let value = plain(&name, value)?;
        match name.as_str() {
            "phone" => contact.phone = value,
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

fn plain(field: &str, value: Value) -> Result<String, Problem> {
    match value {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        Value::Array(_) | Value::Object(_) => Err(of_field(field.to_owned(), "is not one value")),
    }
}

fn whole(problem: &str) -> Problem {
    of_field(String::new(), problem)
}

fn of_field(field: String, problem: &str) -> Problem {
    Problem { field, problem: problem.to_owned() }
}
