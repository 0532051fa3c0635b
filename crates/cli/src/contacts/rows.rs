//! A file of contacts, row by row: CSV, or JSON lines. What is wrong with a row is said without repeating it.

use std::path::Path;

use serde_json::{Map, Value};
use waypost_proto::admin_v1 as v1;

use crate::failure::Failure;
use crate::rows::{self, Begin, Problem, RowsFile, unreadable};

/// A contact, or why it is none.
pub(super) struct Row {
    /// From 1.
    pub(super) line: u64,
    /// Where it begins in the file.
    pub(super) byte: u64,
    pub(super) contact: Result<v1::Contact, Problem>,
}

/// A header of which no row is a contact.
#[derive(Debug, thiserror::Error)]
enum HeaderError {
    /// Name the column that says who it is.
    #[error("line 1: no column phone, bsuid or parent_bsuid in {names:?}")]
    NobodyNamed { names: String },
    /// Write commas.
    #[error("line 1: no column phone, bsuid or parent_bsuid in {names:?}; columns are separated by commas")]
    Separator { names: String },
}

/// The columns that say who it is.
const ALIASES: [&str; 3] = ["phone", "bsuid", "parent_bsuid"];

type Rows = Box<dyn Iterator<Item = Result<Row, Failure>>>;

pub(super) fn open(path: &Path) -> Result<Rows, Failure> {
    let row =
        |(begin, contact): (Begin, Result<v1::Contact, Problem>)| Row { line: begin.line, byte: begin.byte, contact };
    Ok(match rows::open(path)? {
        RowsFile::Csv(mut reader) => {
            let columns = reader.headers().map_err(|error| unreadable(path, &error))?.clone();
            check_header(&columns).map_err(|problem| unreadable(path, &problem))?;
            let records = rows::records(reader, columns.len());
            Box::new(records.map(move |one| {
                let (begin, record) = one?;
                Ok(row((begin, record.and_then(|record| of_record(&columns, &record)))))
            }))
        }
        RowsFile::JsonLines(file) => Box::new(rows::json_lines(file).map(move |one| {
            let (begin, text) = one?;
            Ok(row((begin, of_json(&text))))
        })),
    })
}

/// Somebody's name for a column is an attribute; but without any column that says who, no row is a contact.
fn check_header(columns: &csv::StringRecord) -> Result<(), HeaderError> {
    if columns.iter().any(|column| ALIASES.contains(&column)) {
        return Ok(());
    }
    let names = columns.iter().collect::<Vec<_>>().join(",");
    let is_separated_otherwise = columns.len() == 1 && names.contains([';', '\t']);
    Err(if is_separated_otherwise { HeaderError::Separator { names } } else { HeaderError::NobodyNamed { names } })
}

fn of_record(columns: &csv::StringRecord, record: &csv::StringRecord) -> Result<v1::Contact, Problem> {
    let fields = columns.iter().map(str::to_owned).zip(record.iter().map(|value| Value::from(value.to_owned())));
    of_fields(fields.collect())
}

fn of_json(text: &[u8]) -> Result<v1::Contact, Problem> {
    let text = std::str::from_utf8(text).map_err(|_| Problem::whole("is not UTF-8"))?;
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => of_fields(fields),
        // The parser's own words may quote the line.
        Ok(_) | Err(_) => Err(Problem::whole("is not a JSON object")),
    }
}

fn of_fields(fields: Map<String, Value>) -> Result<v1::Contact, Problem> {
    let mut contact = v1::Contact::default();
    for (name, value) in fields {
        if name == "attributes" {
            let Value::Object(attributes) = value else { return Err(Problem::of_field(name, "is not an object")) };
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
        Value::Array(_) | Value::Object(_) => Err(Problem::of_field(field.to_owned(), "is not one value")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The refusal of a file of that name, or how many rows it has.
    fn opened(name: &str, text: &str) -> Result<usize, String> {
        let folder = std::env::temp_dir().join(format!("waypost-rows-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        let rows = open(&path).map(Iterator::count);
        std::fs::remove_file(&path).unwrap();
        rows.map_err(|refused| refused.message().unwrap_or_default().to_owned())
    }

    #[test]
    fn a_file_without_a_column_that_says_who_is_refused() {
        let told = opened("semicolons.csv", "phone;tier;language\n34600000000;gold;es\n").unwrap_err();
        let want = "line 1: no column phone, bsuid or parent_bsuid in \"phone;tier;language\"; columns are separated by commas";
        assert!(told.ends_with(want), "{told}");
        let told = opened("telephone.csv", "telephone,tier\n34600000000,gold\n").unwrap_err();
        assert!(told.contains("no column phone") && told.ends_with("\"telephone,tier\""), "{told}");
        for header in ["phone,tier", "tier,bsuid", "parent_bsuid"] {
            assert_eq!(opened("good.csv", &format!("{header}\n1,2\n")), Ok(1), "{header}");
        }
    }

    #[test]
    fn csv_under_another_name_is_said_to_be_csv() {
        let told = opened("crm.txt", "phone,tier\n34600000000,gold\n").unwrap_err();
        assert!(told.contains("name it .csv"), "{told}");
        assert_eq!(
            opened("crm.jsonl", "\n {\"phone\": \"34600000000\"}\nnothing\n"),
            Ok(2),
            "a bad line is one row's matter"
        );
        assert_eq!(opened("empty.jsonl", ""), Ok(0));
    }
}
