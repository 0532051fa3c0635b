//! iCalendar's lowest layer (RFC 5545, section 3.1): folded lines, and what a line says. Linear in the text.

/// `NAME;PARAMETER=VALUE:value`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Property {
    /// Where it begins in the text, from 1.
    pub(super) line: usize,
    /// In capitals.
    pub(super) name: String,
    /// Names in capitals; values as they are, without their quotes.
    parameters: Vec<(String, String)>,
    pub(super) value: String,
}

impl Property {
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// `value` as text: without its backslashes, in one line, of at most `chars_max` characters.
    pub(super) fn text(&self, chars_max: usize) -> String {
        let mut text = String::new();
        let mut chars = self.value.chars();
        while let Some(c) = chars.next() {
            let escaped = if c == '\\' { chars.next() } else { Some(c) };
            match (c, escaped) {
                ('\\', Some('n' | 'N')) => text.push(' '),
                (_, Some(c)) if c.is_control() => text.push(' '),
                (_, Some(c)) => text.push(c),
                (_, None) => {}
            }
        }
        text.trim().chars().take(chars_max).collect()
    }
}

/// The lines of a text, put together again where they were folded, with the number of the first of each.
pub(super) fn unfold(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').split('\n')) {
        let line = line.strip_suffix('\r').unwrap_or(line);
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some((_, folded))) => folded.push_str(rest),
            _ if line.trim().is_empty() => {}
            _ => lines.push((number, line.to_owned())),
        }
    }
    lines
}

/// `None` for what is no property.
pub(super) fn property(line: usize, text: &str) -> Option<Property> {
    let end = text.find([';', ':'])?;
    let (name, mut rest) = text.split_at(end);
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return None;
    }
    let mut parameters = Vec::new();
    while let Some(parameter) = rest.strip_prefix(';') {
        let (key, values) = parameter.split_once('=')?;
        let (value, after) = parameter_value(values)?;
        parameters.push((key.to_ascii_uppercase(), value));
        rest = after;
    }
    let value = rest.strip_prefix(':')?.to_owned();
    Some(Property { line, name: name.to_ascii_uppercase(), parameters, value })
}

/// One value or several with commas between, each perhaps in quotes; and what comes behind.
fn parameter_value(mut text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    loop {
        let (one, after) = match text.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => text.split_at(text.find([',', ';', ':'])?),
        };
        value.push_str(one);
        let Some(more) = after.strip_prefix(',') else { return Some((value, after)) };
        value.push(',');
        text = more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded_lines_are_one() {
        let text = "\u{feff}SUMMARY:New Year's \r\n  Day\r\n\r\nX:1\n\t2\nY:3";
        let want = [(1, "SUMMARY:New Year's  Day"), (4, "X:12"), (6, "Y:3")].map(|(n, line)| (n, line.to_owned()));
        assert_eq!(unfold(text), want);
    }

    #[test]
    fn a_line_has_a_name_parameters_and_a_value() {
        let read = property(7, "dtstart;value=DATE;X-A=\"a;b:c\",d:2026:1").unwrap();
        assert_eq!((read.line, read.name.as_str(), read.value.as_str()), (7, "DTSTART", "2026:1"));
        assert_eq!((read.parameter("VALUE"), read.parameter("X-A")), (Some("DATE"), Some("a;b:c,d")));
        for bad in ["", "X", ":1", "X;A:1", "X;A=\"1:2", "X;A=1", "no name:1"] {
            assert_eq!(property(1, bad), None, "{bad:?}");
        }
    }

    #[test]
    fn text_has_no_backslashes_and_one_line() {
        let text = |value: &str| property(1, &format!("SUMMARY:{value}")).unwrap().text(12);
        assert_eq!(text(r"A\, B\; C\\ D\nE"), r"A, B; C\ D E");
        assert_eq!(text("1234567890123"), "123456789012");
        assert_eq!(text("end\\"), "end");
    }
}
