//! Files of rows: CSV with a header, or a JSON object a line. What is wrong with a row is said without repeating it, and is that
//! row's matter alone.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use csv::StringRecord;

use crate::failure::Failure;

/// A file of rows, by what it is called and begins with.
pub(crate) enum RowsFile {
    Csv(csv::Reader<BufReader<File>>),
    JsonLines(BufReader<File>),
}

/// What is wrong with a row, and where.
#[derive(Debug)]
pub(crate) struct Problem {
    /// Empty where it is the row as a whole.
    pub(crate) field: String,
    pub(crate) problem: String,
}

/// Where a row begins: its line, from 1, and its byte.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begin {
    pub(crate) line: u64,
    pub(crate) byte: u64,
}

/// A row, and where it stands; or what is wrong with it as a whole.
type Row<T> = Result<(Begin, Result<T, Problem>), Failure>;

impl Problem {
    pub(crate) fn whole(problem: &str) -> Self {
        Self::of_field(String::new(), problem)
    }

    pub(crate) fn of_field(field: String, problem: &str) -> Self {
        Self { field, problem: problem.to_owned() }
    }
}

/// Opens it. What is called neither CSV nor JSON is JSON if it begins so.
pub(crate) fn open(path: &Path) -> Result<RowsFile, Failure> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let mut file = BufReader::new(file);
    let is_named = |name: &str| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(name));
    if is_named("csv") {
        let reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(file);
        return Ok(RowsFile::Csv(reader));
    }
    if !["jsonl", "ndjson", "json"].into_iter().any(is_named) {
        let first = first_byte(&mut file).map_err(|error| unreadable(path, &error))?;
        if first.is_some_and(|first| first != b'{') {
            return Err(unreadable(path, &"begins with no JSON object: is it CSV? Then name it .csv"));
        }
    }
    Ok(RowsFile::JsonLines(file))
}

pub(crate) fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::config(format!("{}: {error}", path.display()))
}

/// The first that is no space, as far as one look goes.
fn first_byte(reader: &mut impl BufRead) -> std::io::Result<Option<u8>> {
    Ok(reader.fill_buf()?.trim_ascii_start().first().copied())
}

/// The rows below a header of so many columns.
pub(crate) fn records(reader: csv::Reader<BufReader<File>>, columns: usize) -> impl Iterator<Item = Row<StringRecord>> {
    reader.into_records().map(move |record| match record {
        Ok(record) => {
            let begin = record.position().map_or(Begin { line: 0, byte: 0 }, begin);
            let is_whole = record.len() == columns;
            let problem = format!("{} columns, not {columns}", record.len());
            Ok((begin, if is_whole { Ok(record) } else { Err(Problem::whole(&problem)) }))
        }
        Err(error) => match (error.kind(), error.position()) {
            // The next one is whole again.
            (csv::ErrorKind::Utf8 { .. }, Some(place)) => Ok((begin(place), Err(Problem::whole("is not UTF-8")))),
            _ => Err(Failure::config(error.to_string())),
        },
    })
}

fn begin(place: &csv::Position) -> Begin {
    Begin { line: place.line(), byte: place.byte() }
}

/// The lines that are not blank.
pub(crate) fn json_lines(reader: BufReader<File>) -> impl Iterator<Item = Result<(Begin, Vec<u8>), Failure>> {
    let mut byte = 0;
    let lines = (1..).zip(reader.split(b'\n')).map(move |(line, text)| {
        let text = text.map_err(|error| Failure::config(format!("line {line}: {error}")))?;
        let begin = Begin { line, byte };
        byte += text.len() as u64 + 1;
        Ok((!text.trim_ascii().is_empty()).then_some((begin, text)))
    });
    lines.filter_map(Result::transpose)
}
