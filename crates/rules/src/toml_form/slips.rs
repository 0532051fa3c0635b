//! What is to be done about a text that is no TOML: the slips of people who write rules in a word processor, or came from
//! another language. It only adds to what the parser says, and guesses by one line.

/// `at` is the byte at which the parser stopped, `problem` what it said.
pub(super) fn remedy(text: &str, at: usize, problem: &str) -> Option<String> {
    let line = line_at(text, at);
    if let Some(told) = foreign_in(line).iter().find_map(|(column, c)| foreign(*column, *c)) {
        return Some(told);
    }
    let says = |words: &str| problem.contains(words);
    let told = if says("unclosed array table") || says("unclosed table") {
        "a heading has as many brackets behind as in front: [handover], [[rules]]".to_owned()
    } else if says("key with no value") {
        no_equals_sign(line)
    } else if says("missing comma between array elements") {
        "put a comma between the values, or ] behind the last one".to_owned()
    } else if says("missing comma between key-value pairs") || says("extra assignment") {
        "put a comma between them, or } behind the last one".to_owned()
    } else if says("string values must be quoted") {
        "put the text in quotes: \"...\"".to_owned()
    } else if says("invalid boolean") {
        "true and false are written in small letters".to_owned()
    } else if says("duplicate key") {
        twice(text, at, line)
    } else if says("missing escaped value") {
        "in \"...\" a \\ is written as \\\\; in '...' it stands for itself".to_owned()
    } else if says("invalid basic string") || says("invalid literal string") {
        "a text ends with the quote that it began with, on the same line".to_owned()
    } else if says("unexpected key or value") {
        more_on_the_line(line)
    } else {
        return None;
    };
    Some(told)
}

fn line_at(text: &str, at: usize) -> &str {
    let at = text.floor_char_boundary(at);
    let begin = text[..at].rfind('\n').map_or(0, |end| end + 1);
    text[begin..].lines().next().unwrap_or_default()
}

/// What is not ASCII outside of texts in quotes and of the comment, with its column from 1.
fn foreign_in(line: &str) -> Vec<(usize, char)> {
    let (mut foreign, mut within) = (Vec::new(), Vec::new());
    let mut quote = None;
    let mut chars = (1..).zip(line.chars());
    while let Some((column, c)) = chars.next() {
        match (quote, c) {
            (Some(open), c) if open == c => {
                quote = None;
                within.clear();
            }
            (Some('"'), '\\') => drop(chars.next()),
            (Some(_), c) => within.push((column, c)),
            (None, '"' | '\'') => quote = Some(c),
            (None, '#') => break,
            (None, c) => foreign.push((column, c)),
        }
    }
    // A text that does not end: perhaps one of them was meant for its end.
    foreign.extend(within.into_iter().filter(|(_, c)| is_quote(*c)));
    foreign.retain(|(_, c)| !c.is_ascii());
    foreign
}

const fn is_quote(c: char) -> bool {
    matches!(c, '\u{2018}'..='\u{201f}' | '\u{ab}' | '\u{bb}' | '\u{2039}' | '\u{203a}' | '\u{ff02}' | '\u{ff07}')
}

/// About a character that a keyboard for programs does not have.
fn foreign(column: usize, c: char) -> Option<String> {
    let unseen = match c {
        '\u{feff}' => Some("a byte order mark, as where two files were joined"),
        '\u{a0}' | '\u{2007}' | '\u{202f}' => Some("a no-break space"),
        '\u{2028}' | '\u{2029}' | '\u{85}' => Some("a line break of a word processor"),
        '\u{ad}' => Some("a soft hyphen"),
        '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            Some("a character that cannot be seen")
        }
        c if c.is_whitespace() => Some("a space of another width"),
        _ => None,
    };
    if let Some(unseen) = unseen {
        let code = u32::from(c);
        return Some(format!("in column {column} there is {unseen} (U+{code:04X}): delete it, and type a plain space"));
    }
    if is_quote(c) {
        return Some(format!("{c} is a quote of a word processor: type \" instead, as in \"billing\""));
    }
    let plain = match c {
        '\u{2010}'..='\u{2015}' | '\u{2212}' => Some('-'),
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0),
        _ => None,
    };
    plain.map(|plain| format!("type {plain} instead of {c}"))
}

fn no_equals_sign(line: &str) -> String {
    let line = line.trim_start();
    if line.starts_with("//") || line.starts_with("--") || line.starts_with(';') {
        return "a comment begins with #".to_owned();
    }
    let key = line.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-' | '.' | '"'));
    match key.map(|end| line.split_at(end)) {
        Some((key, rest)) if rest.trim_start().starts_with(':') => format!("write {key} = instead of {key}:"),
        Some((key, _)) if !key.is_empty() => format!("a key, = and a value: {key} = ..."),
        _ => "a line is a key, = and a value, or a heading such as [[rules]]".to_owned(),
    }
}

fn twice(text: &str, at: usize, line: &str) -> String {
    let key = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let key: String = text.get(at..).unwrap_or_default().chars().take_while(key).collect();
    let heading = line.trim_start();
    if matches!(&*key, "rules" | "teams" | "calendars") && heading.starts_with('[') {
        return format!("each of them begins with [[{key}]], with two brackets");
    }
    match &*key {
        "when" => {
            "alternatives stand in one list: when = [{ ... }, { ... }]; another rule begins with [[rules]]".to_owned()
        }
        _ if heading.starts_with('[') => format!("put both together under one [{key}]"),
        _ => format!("{key} is there twice; is a heading such as [[rules]] missing between the two?"),
    }
}

fn more_on_the_line(line: &str) -> String {
    let before_comment = line.split('#').next().unwrap_or_default().trim_end();
    if before_comment.contains(';') {
        return "a line ends without a semicolon".to_owned();
    }
    if before_comment.matches('\'').count() % 2 == 1 {
        return "a text with ' in it stands in \"...\"".to_owned();
    }
    let value = before_comment.split_once('=').map_or("", |(_, value)| value.trim());
    if value.starts_with(|c: char| c.is_ascii_digit()) && value.contains(',') {
        return "a number has no commas: 1000".to_owned();
    }
    if value.starts_with('(') {
        return "lists stand in [ ], conditions in { }".to_owned();
    }
    "each key = value has a line of its own; several on one line stand in { }, with commas between them".to_owned()
}
