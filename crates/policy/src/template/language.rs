//! Which language of a template goes: the one that is asked for, else the contact's, else the first of those that were
//! declared to do instead. Nothing is guessed: a text that the customer cannot read is worse than none.

use waypost_domain::Template;
use waypost_domain::send::TemplateRequest;
use waypost_domain::template::is_same_language;

use crate::data::TemplateData;
use crate::rule::Rule;
use crate::verdict::{Answer, Finding, LanguageChoice, refuse};

/// For all languages without a row of their own.
const ANY: &str = "any";

/// Chosen by what exists, not by what may be sent just now: given a paused `pt_BR` and a good `en`, then a Brazilian waits.
pub(super) fn chosen<'a>(
    templates: &'a [Template],
    request: &TemplateRequest,
    of_contact: Option<&str>,
    data: &TemplateData,
) -> Answer<(&'a Template, LanguageChoice)> {
    let languages: Vec<&Template> = templates.iter().filter(|row| row.name == request.name).collect();
    if languages.is_empty() {
        return refuse(Finding::new(Rule::TemplateUnknown).field("template").detail(&request.name));
    }
    let wanted = request.language.as_deref().or(of_contact);
    let instead: &[String] = match &request.language_fallback {
        Some(declared) => declared,
        None => fallback(data, wanted),
    };
    let find = |tag: &str| languages.iter().find(|row| is_same_language(&row.language, tag)).copied();
    let as_wanted = wanted.and_then(find).map(|row| (row, false));
    let found = as_wanted.or_else(|| instead.iter().find_map(|tag| find(tag)).map(|row| (row, true)));
    let Some((row, is_fallback)) = found else {
        let has: Vec<&str> = languages.iter().map(|row| row.language.as_str()).collect();
        let detail = format!("wanted: {}; there are {}", wanted.unwrap_or("not known"), has.join(", "));
        return refuse(Finding::new(Rule::TemplateLanguage).field("language").detail(detail));
    };
    Ok((row, LanguageChoice { chosen: row.language.clone(), wanted: wanted.map(str::to_owned), is_fallback }))
}

fn fallback<'a>(data: &'a TemplateData, wanted: Option<&str>) -> &'a [String] {
    let rows = &data.language_fallback;
    let own = wanted.and_then(|wanted| rows.iter().find(|(tag, _)| is_same_language(tag, wanted)));
    own.map(|(_, instead)| instead).or_else(|| rows.get(ANY)).map_or(&[], Vec::as_slice)
}
