//! Values of a text's variables: complete, by name or by order as the template has them, fit to be sent, and not too long
//! once they are filled in.
//!
//! Source: Meta's pages on template components, and its error codes 132000, 132005, 132012 and 132018.

use std::collections::HashSet;

use waypost_domain::send::{Parameter, ParameterValue};
use waypost_domain::template::ParameterFormat;

use crate::blank::is_blank;
use crate::data::Whitespace;
use crate::rule::Rule;
use crate::verdict::{Answer, Finding, refuse};

/// More spaces in a row than this are refused by Meta.
const SPACES_MAX: usize = 4;

/// How one text is filled.
pub(super) struct Fill<'a> {
    /// Its name in findings.
    pub(super) field: &'a str,
    pub(super) format: ParameterFormat,
    pub(super) whitespace: Whitespace,
    /// Characters of the filled text.
    pub(super) max: usize,
}

impl Fill<'_> {
    /// The values in the order of the text's variables, as they go, and the text with them in it.
    pub(super) fn text(&self, text: &str, given: &[Parameter]) -> Answer<(Vec<Parameter>, String)> {
        let variables = variables(text, self.format);
        let ordered = match self.format {
            ParameterFormat::Positional => self.by_order(&variables, given)?,
            ParameterFormat::Named => self.by_name(&variables, given)?,
        };
        let mut sent = Vec::with_capacity(ordered.len());
        for (variable, parameter) in variables.iter().zip(ordered) {
            sent.push(self.fit(variable, parameter)?);
        }
        let filled = fill(text, |variable| {
            let place = variables.iter().position(|known| *known == variable)?;
            sent.get(place).map(|parameter| parameter.value.text())
        });
        let length = filled.chars().count();
        if length > self.max {
            let detail = format!("{length} characters of at most {}", self.max);
            return refuse(Finding::new(Rule::FilledTooLong).field(self.field).detail(detail));
        }
        Ok((sent, filled))
    }

    fn by_order<'p>(&self, variables: &[&str], given: &'p [Parameter]) -> Answer<Vec<&'p Parameter>> {
        if let Some(named) = given.iter().find_map(|parameter| parameter.name.as_ref()) {
            let finding = Finding::new(Rule::ParameterForm).field(format!("{}.{named}", self.field));
            return refuse(finding.detail("the template's variables have no names; give values in their order"));
        }
        if given.len() < variables.len() {
            return refuse(self.missing(variables[given.len()]));
        }
        if given.len() > variables.len() {
            let finding = Finding::new(Rule::ParameterUnknown).field(format!("{}.{}", self.field, variables.len() + 1));
            return refuse(finding.detail(format!("{} of {}", given.len(), variables.len())));
        }
        Ok(given.iter().collect())
    }

    fn by_name<'p>(&self, variables: &[&str], given: &'p [Parameter]) -> Answer<Vec<&'p Parameter>> {
        let mut seen = HashSet::new();
        for (at, parameter) in given.iter().enumerate() {
            let Some(name) = parameter.name.as_deref() else {
                let finding = Finding::new(Rule::ParameterForm).field(format!("{}[{at}]", self.field));
                return refuse(finding.detail(format!("has no name; there are {}", variables.join(", "))));
            };
            let field = format!("{}.{name}", self.field);
            if !variables.contains(&name) {
                let finding = Finding::new(Rule::ParameterUnknown).field(field);
                return refuse(finding.detail(format!("there are {}", variables.join(", "))));
            }
            if !seen.insert(name) {
                return refuse(Finding::new(Rule::ParameterUnknown).field(field).detail("is given twice"));
            }
        }
        let of = |variable: &&str| given.iter().find(|parameter| parameter.name.as_deref() == Some(variable));
        variables.iter().map(|variable| of(variable).ok_or_else(|| self.missing(variable).into())).collect()
    }

    /// The value as it goes.
    fn fit(&self, variable: &str, parameter: &Parameter) -> Answer<Parameter> {
        let field = || format!("{}.{variable}", self.field);
        if let ParameterValue::Currency { code, .. } = &parameter.value
            && !(code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()))
        {
            return refuse(Finding::new(Rule::ParameterInvalid).field(field()).detail("a currency such as EUR"));
        }
        let mut parameter = parameter.clone();
        let folded = fold_whitespace(parameter.value.text());
        if is_blank(&folded) {
            return refuse(Finding::new(Rule::ParameterBlank).field(field()));
        }
        if self.whitespace == Whitespace::Refuse && folded != parameter.value.text() {
            return refuse(Finding::new(Rule::ParameterWhitespace).field(field()));
        }
        *parameter.value.text_mut() = folded;
        Ok(parameter)
    }

    fn missing(&self, variable: &str) -> Finding {
        Finding::new(Rule::ParameterMissing).field(format!("{}.{variable}", self.field))
    }
}

/// The names of the variables of a text: by number, or in the order in which they come.
pub(super) fn variables(text: &str, format: ParameterFormat) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for (_, name, _) in places(text) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if format == ParameterFormat::Positional {
        names.sort_by_key(|name| name.parse::<u32>().unwrap_or(u32::MAX));
    }
    names
}

/// Runs of space that Meta would refuse become one space; others stay as they are.
pub(super) fn fold_whitespace(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_breaking) {
        folded.push_str(&rest[..start]);
        let run_end = rest[start..].find(|c| !is_breaking(c)).map_or(rest.len(), |length| start + length);
        let run = &rest[start..run_end];
        let is_refused = run.contains(|c| c != ' ') || run.len() > SPACES_MAX;
        folded.push_str(if is_refused { " " } else { run });
        rest = &rest[run_end..];
    }
    folded.push_str(rest);
    folded
}

/// A space, or what breaks a line or jumps in it. A no-break space, as in `12 €`, is a character like others.
const fn is_breaking(c: char) -> bool {
    matches!(c, ' ' | '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn fill<'v>(text: &str, value_of: impl Fn(&str) -> Option<&'v str>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut written = 0;
    for (start, name, end) in places(text) {
        filled.push_str(&text[written..start]);
        filled.push_str(value_of(name).unwrap_or_default());
        written = end;
    }
    filled.push_str(&text[written..]);
    filled
}

/// Where variables stand: start, name, end. `{{1}}` and `{{ name }}`; anything else in braces is text.
fn places(text: &str) -> impl Iterator<Item = (usize, &str, usize)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let start = from + text[from..].find("{{")?;
            let end = start + text[start..].find("}}")? + 2;
            let name = text[start + 2..end - 2].trim();
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            if !name.is_empty() && name.bytes().all(is_name) {
                from = end;
                return Some((start, name, end));
            }
            from = start + 2;
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whitespace_that_meta_refuses_becomes_one_space() {
        for (text, want) in [
            ("a b", "a b"),
            ("a    b", "a    b"),
            ("a     b", "a b"),
            ("a\nb", "a b"),
            ("a \r\n\t b", "a b"),
            ("a\u{2028}b", "a b"),
            ("12\u{a0}€", "12\u{a0}€"),
            ("\n", " "),
            ("a\n", "a "),
            ("", ""),
        ] {
            assert_eq!(fold_whitespace(text), want, "{text:?}");
        }
    }

    #[test]
    fn variables_stand_in_double_braces() {
        let positional = |text| variables(text, ParameterFormat::Positional);
        assert_eq!(positional("{{2}} and {{1}}, {{2}} again, {{10}}"), ["1", "2", "10"]);
        assert_eq!(
            variables("{{ customer_name }}: {{code}} {{}} {{a b}} {x} {{{{y}}", ParameterFormat::Named),
            ["customer_name", "code", "y"]
        );
        assert_eq!(fill("{{1}}-{{2}}-{{1}}", |name| Some(if name == "1" { "é" } else { "{{1}}" })), "é-{{1}}-é");
    }
}
