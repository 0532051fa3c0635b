//! Policy data as TOML. A mistake is told with the field and the line where it is.

use toml::de::{DeTable, DeValue};

use super::{DataError, DataErrors, PolicyData};

pub(super) fn read(text: &str) -> Result<PolicyData, DataErrors> {
    toml::from_str(text).map_err(|error| {
        let start = error.span().map(|span| span.start);
        let field = start.and_then(|start| field_at(text, start)).unwrap_or_default();
        let line = start.map(|start| 1 + text.as_bytes().iter().take(start).filter(|byte| **byte == b'\n').count());
        DataErrors(vec![DataError { field, line, problem: error.message().to_owned() }])
    })
}

pub(super) fn write(data: &PolicyData) -> Result<String, DataErrors> {
    toml::to_string(data)
        .map_err(|error| DataErrors(vec![DataError { field: String::new(), line: None, problem: error.to_string() }]))
}

/// The field whose key or value is at this byte; `None` where the text is no TOML, or it is about the whole.
fn field_at(text: &str, at: usize) -> Option<String> {
    let root = DeTable::parse(text).ok()?;
    in_table(root.get_ref(), at)
}

fn in_table(table: &DeTable<'_>, at: usize) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let within = match value.get_ref() {
            DeValue::Table(table) => in_table(table, at).map(|rest| format!(".{rest}")),
            DeValue::Array(items) => items.iter().enumerate().find_map(|(place, item)| {
                let table = item.get_ref().as_table()?;
                in_table(table, at).map(|rest| format!("[{place}].{rest}"))
            }),
            _ => None,
        };
        let is_here = key.span().contains(&at) || value.span().contains(&at);
        within.or_else(|| is_here.then(String::new)).map(|rest| format!("{}{rest}", key.get_ref()))
    })
}
