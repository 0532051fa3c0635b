//! The rows of a file of recipients: CSV with a header, or a JSON object a line. What cannot be read is one row's matter.

use std::path::Path;

use waypost_proto::admin_v1 as v1;
use waypost_proto::sends::{FieldViolations, parse_recipient};
use waypost_proto::sends_v1 as sends;

use crate::failure::Failure;
use crate::rows::{self, Begin, Problem, RowsFile, unreadable};
use crate::send::button_of;

/// A row, and where it stands.
pub(super) struct Row {
    pub(super) line: u64,
    /// Or why it is none.
    pub(super) recipient: Result<v1::CampaignRecipientInput, Problem>,
}

/// What a column is.
enum Column {
    Phone,
    Bsuid,
    Contact,
    /// A value of the text by its order, from 1.
    Place(usize),
    Name(String),
    HeaderText,
    HeaderImage,
    HeaderDocument,
    Button {
        place: String,
        kind: String,
    },
}

type Rows = Box<dyn Iterator<Item = Result<Row, Failure>>>;

pub(super) fn open(path: &Path) -> Result<Rows, Failure> {
    Ok(match rows::open(path)? {
        RowsFile::Csv(mut reader) => {
            let header = reader.headers().map_err(|error| unreadable(path, &error))?.clone();
            let columns = columns(&header).map_err(|problem| unreadable(path, &format!("line 1: {problem}")))?;
            let records = rows::records(reader, columns.len());
            Box::new(records.map(move |one| {
                let (Begin { line, .. }, record) = one?;
                Ok(Row { line, recipient: record.and_then(|record| of_record(&columns, &record)) })
            }))
        }
        RowsFile::JsonLines(file) => Box::new(rows::json_lines(file).map(|one| {
            let (Begin { line, .. }, text) = one?;
            Ok(Row { line, recipient: of_json(&text) })
        })),
    })
}

fn columns(header: &csv::StringRecord) -> Result<Vec<Column>, String> {
    let columns: Vec<Column> = header.iter().map(Column::of).collect();
    let says_who = |column: &Column| matches!(column, Column::Phone | Column::Bsuid | Column::Contact);
    if !columns.iter().any(says_who) {
        let names = header.iter().collect::<Vec<_>>().join(",");
        return Err(format!("no column phone, bsuid or contact in {names:?}; columns are separated by commas"));
    }
    let mut places: Vec<usize> = columns.iter().filter_map(Column::place).collect();
    places.sort_unstable();
    let is_whole = places.iter().copied().eq(1..=places.len());
    if is_whole { Ok(columns) } else { Err("the columns of values by order must be 1, 2 and so on".to_owned()) }
}

impl Column {
    fn of(name: &str) -> Self {
        match name {
            "phone" => Self::Phone,
            "bsuid" => Self::Bsuid,
            "contact" => Self::Contact,
            "header_text" => Self::HeaderText,
            "header_image" => Self::HeaderImage,
            "header_document" => Self::HeaderDocument,
            _ => match (name.parse(), name.split_once(':')) {
                (Ok(place), _) => Self::Place(place),
                (Err(_), Some((place, kind))) => Self::Button { place: place.to_owned(), kind: kind.to_owned() },
                (Err(_), None) => Self::Name(name.to_owned()),
            },
        }
    }

    const fn place(&self) -> Option<usize> {
        if let Self::Place(place) = self { Some(*place) } else { None }
    }
}

fn of_record(columns: &[Column], record: &csv::StringRecord) -> Result<v1::CampaignRecipientInput, Problem> {
    use sends::header_value::Kind;
    use sends::recipient::By;
    let text = |name: &str, value: &str| sends::Parameter {
        name: name.to_owned(),
        value: Some(sends::parameter::Value::Text(value.to_owned())),
    };
    let media = |link: &str| sends::TemplateMedia {
        at: Some(sends::template_media::At::Link(link.to_owned())),
        filename: String::new(),
    };
    let (mut by, mut header, mut by_place, mut by_name, mut buttons) = (None, None, vec![], vec![], vec![]);
    for (column, value) in columns.iter().zip(record).filter(|(_, value)| !value.is_empty()) {
        match column {
            Column::Phone => by = Some(By::Phone(value.to_owned())),
            Column::Bsuid => by = Some(By::Bsuid(value.to_owned())),
            Column::Contact => by = Some(By::Contact(crate::named::contact(value))),
            Column::Place(place) => by_place.push((*place, text("", value))),
            Column::Name(name) => by_name.push(text(name, value)),
            Column::HeaderText => header = Some(Kind::Text(text("", value))),
            Column::HeaderImage => header = Some(Kind::Image(media(value))),
            Column::HeaderDocument => header = Some(Kind::Document(media(value))),
            Column::Button { place, kind } => {
                let read = button_of(place, kind, value.to_owned());
                buttons.push(read.map_err(|problem| Problem::of_field(format!("{place}:{kind}"), problem))?);
            }
        }
    }
    by_place.sort_by_key(|(place, _)| *place);
    let values = sends::TemplateValues {
        header: header.map(|kind| sends::HeaderValue { kind: Some(kind) }),
        body: by_place.into_iter().map(|(_, value)| value).chain(by_name).collect(),
        buttons,
        ..sends::TemplateValues::default()
    };
    Ok(v1::CampaignRecipientInput { to: Some(sends::Recipient { by }), values: Some(values) })
}

fn of_json(text: &[u8]) -> Result<v1::CampaignRecipientInput, Problem> {
    parse_recipient(text).map_err(|FieldViolations(violations)| {
        let first = violations.into_iter().next();
        first.map_or_else(|| Problem::whole("cannot be read"), |one| Problem::of_field(one.field, &one.problem))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(name: &str, text: &str) -> Result<Vec<String>, String> {
        let folder = std::env::temp_dir().join(format!("waypost-campaign-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        let told = |row: Row| match row.recipient {
            Ok(recipient) => {
                let values = recipient.values.unwrap_or_default();
                let body: Vec<_> = values.body.iter().map(|one| format!("{}={:?}", one.name, one.value)).collect();
                format!("{} {:?} {} {}", row.line, recipient.to, body.join(","), values.buttons.len())
            }
            Err(Problem { field, problem }) => format!("{} {field}: {problem}", row.line),
        };
        let rows = open(&path).map(|rows| rows.map(|row| told(row.unwrap())).collect());
        std::fs::remove_dir_all(&folder).unwrap();
        rows.map_err(|refused| refused.message().unwrap_or_default().to_owned())
    }

    #[test]
    fn columns_say_who_and_what() {
        let text = "phone,2,1,city,0:url_suffix\n34600000000,b,a,Sevilla,x\n34600000001,,a,,\n34600000002,b\n";
        let rows = opened("good.csv", text).unwrap();
        let first = "2 Some(Recipient { by: Some(Phone(\"34600000000\")) }) =Some(Text(\"a\")),=Some(Text(\"b\")),\
            city=Some(Text(\"Sevilla\")) 1";
        assert_eq!(rows[0], first);
        assert!(rows[1].ends_with("=Some(Text(\"a\")) 0"), "{}", rows[1]);
        assert_eq!(rows[2], "4 : 2 columns, not 5");
        assert!(opened("button.csv", "phone,0:color\n1,red\n").unwrap()[0].starts_with("2 0:color: a button takes"));
        for (header, want) in [("telephone,1", "no column phone"), ("phone,1,3", "must be 1, 2")] {
            assert!(opened("bad.csv", &format!("{header}\n")).unwrap_err().contains(want), "{header}");
        }
    }

    #[test]
    fn csv_under_another_name_is_said_to_be_csv() {
        assert!(opened("people.txt", "phone,1\n34600000000,Ann\n").unwrap_err().contains("name it .csv"));
    }

    #[test]
    fn json_is_read_strictly() {
        let text =
            "{\"to\": {\"phone\": \"34600000000\"}, \"values\": {\"body\": [{\"text\": \"a\"}]}}\n\n{\"tel\": 1}\nx\n";
        let rows = opened("rows.jsonl", text).unwrap();
        assert_eq!(rows.len(), 3);
        assert!(rows[0].ends_with("=Some(Text(\"a\")) 0") && rows[1].starts_with("3 tel: is no field"), "{rows:?}");
        assert!(rows[2].starts_with("4 body: is no JSON"), "{rows:?}");
    }
}
