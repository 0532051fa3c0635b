//! Which template goes, in which language, and whether it is one that may be sent and is complete.
//!
//! Source: Meta's pages on template management, components, pausing and categorisation.

mod buttons;
mod language;
mod parameters;

use waypost_domain::send::{HeaderValue, Parameter, TemplateMessage, TemplateRequest, Values};
use waypost_domain::template::{Layout, ParameterFormat, Quality, TemplateHeader, TemplateStatus};
use waypost_domain::{Template, Timestamp};

use self::parameters::Fill;
use crate::asked::Asked;
use crate::content;
use crate::data::{PolicyData, Whitespace};
use crate::going::Going;
use crate::rule::Rule;
use crate::verdict::{Answer, Finding, Halt, Message, Preview, Warning, refuse};

const HEADER_MAX: usize = 60;
const BODY_MAX: usize = 1024;
const OFFER_BODY_MAX: usize = 600;
const CARD_BODY_MAX: usize = 160;

/// The template with its values, where it is one that can be sent.
pub(crate) fn filled<'a>(asked: &Asked<'a>, request: &TemplateRequest, is_substitute: bool) -> Answer<Going<'a>> {
    let of_contact = asked.contact.language.as_deref();
    let (template, choice) = language::chosen(asked.templates, request, of_contact, &asked.data.templates)?;
    is_sendable(template)?;
    let (values, preview) = with_values(template, &request.values, asked.data.templates.whitespace, asked.now)?;
    let warnings = warnings(asked, template, choice.is_fallback);
    Ok(Going {
        message: Message::Template(TemplateMessage {
            name: template.name.clone(),
            language: template.language.clone(),
            values,
        }),
        template: Some(template),
        // By what it is now; by what somebody asked for only where that is stricter.
        category: asked.request.category.map_or(template.category, |asked_for| asked_for.max(template.category)),
        is_substitute,
        language: Some(choice),
        preview: Some(preview),
        warnings,
    })
}

/// What a customer would read of a template with these values, and what to know about it; or why it cannot go like that,
/// whoever it is for.
pub fn preview(
    template: &Template,
    values: &Values,
    data: &PolicyData,
    now: Timestamp,
) -> Result<(Preview, Vec<Warning>), Finding> {
    let filled = is_sendable(template).and_then(|()| with_values(template, values, data.templates.whitespace, now));
    filled.map(|(_, preview)| (preview, own_warnings(template))).map_err(Halt::into_finding)
}

/// Which language of the template somebody who reads `language` would get, with all the values that it needs; or why none. Whether
/// it may be sent just now is not asked: that may change before it is sent.
pub fn fits<'a>(
    templates: &'a [Template],
    request: &TemplateRequest,
    language: Option<&str>,
    data: &PolicyData,
    now: Timestamp,
) -> Result<&'a Template, Finding> {
    let found = language::chosen(templates, request, language, &data.templates)
        .and_then(|(found, _)| with_values(found, &request.values, data.templates.whitespace, now).map(|_| found));
    found.map_err(Halt::into_finding)
}

/// The languages of the template of which one would go: one where the request names its language, else whichever a contact reads.
pub fn languages<'a>(templates: &'a [Template], request: &TemplateRequest, data: &PolicyData) -> Vec<&'a Template> {
    match &request.language {
        Some(_) => {
            language::chosen(templates, request, None, &data.templates).into_iter().map(|(row, _)| row).collect()
        }
        None => templates.iter().filter(|row| row.name == request.name).collect(),
    }
}

/// The values, each where it belongs, and what the customer reads.
fn with_values(
    template: &Template,
    given: &Values,
    whitespace: Whitespace,
    now: Timestamp,
) -> Answer<(Values, Preview)> {
    let form = Form { format: template.parameter_format, whitespace };
    let body_max = if template.has_offer_end { OFFER_BODY_MAX } else { BODY_MAX };
    let (mut values, mut preview) = form.part("", &template.layout, given, body_max)?;
    if given.cards.len() != template.cards.len() {
        let detail = format!("{} of {}", given.cards.len(), template.cards.len());
        return refuse(Finding::new(Rule::CardCount).field("cards").detail(detail));
    }
    for (at, (card, of_card)) in template.cards.iter().zip(&given.cards).enumerate() {
        let (values_of_card, preview_of_card) = form.part(&format!("cards[{at}]."), card, of_card, CARD_BODY_MAX)?;
        values.cards.push(values_of_card);
        preview.cards.push(preview_of_card);
    }
    values.offer_ends_at_ms = offer_end(template, given.offer_ends_at_ms, now)?;
    Ok((values, preview))
}

/// Whether its pause is over. A pause ends by itself, so the send waits.
pub(crate) fn is_not_paused(going: &Going<'_>) -> Answer {
    match going.template {
        Some(template) if template.status == TemplateStatus::Paused => {
            Err(Halt::wait(template.paused_until, Finding::new(Rule::TemplatePaused)))
        }
        Some(_) | None => Ok(()),
    }
}

fn is_sendable(template: &Template) -> Answer {
    let rule = match &template.status {
        TemplateStatus::Approved | TemplateStatus::Flagged | TemplateStatus::Paused => return Ok(()),
        TemplateStatus::Disabled => Rule::TemplateDisabled,
        TemplateStatus::Archived => Rule::TemplateArchived,
        TemplateStatus::Pending | TemplateStatus::InAppeal | TemplateStatus::Rejected => Rule::TemplateNotApproved,
        TemplateStatus::LimitExceeded | TemplateStatus::Locked => Rule::TemplateNotApproved,
        TemplateStatus::PendingDeletion | TemplateStatus::Deleted => Rule::TemplateNotApproved,
        // Unknown to us: not known to be sendable.
        TemplateStatus::Other(_) => Rule::TemplateNotApproved,
    };
    refuse(Finding::new(rule).field("template").detail(format!(
        "{} in {}",
        template.status.as_str(),
        template.language
    )))
}

fn offer_end(template: &Template, given: Option<i64>, now: Timestamp) -> Answer<Option<i64>> {
    let field = "offer_ends_at_ms";
    match given {
        None if template.has_offer_end => refuse(Finding::new(Rule::ParameterMissing).field(field)),
        Some(_) if !template.has_offer_end => refuse(Finding::new(Rule::ParameterUnknown).field(field)),
        Some(ends_at) if ends_at <= now.as_millis() => {
            refuse(Finding::new(Rule::ParameterInvalid).field(field).detail("the offer has ended"))
        }
        given => Ok(given),
    }
}

fn warnings(asked: &Asked<'_>, template: &Template, is_fallback: bool) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if let Some(asked_for) = asked.request.category.filter(|asked_for| *asked_for < template.category) {
        warnings.push(Warning::CategoryChanged { asked: asked_for, now: template.category });
    }
    if is_fallback {
        warnings.push(Warning::LanguageFallback { chosen: template.language.clone() });
    }
    warnings.extend(own_warnings(template));
    warnings
}

/// What there is to know about a template, however it is used.
fn own_warnings(template: &Template) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if let Some(to) = template.announced_category.filter(|to| *to != template.category) {
        warnings.push(Warning::CategoryWillChange { to });
    }
    if template.status == TemplateStatus::Flagged {
        warnings.push(Warning::TemplateFlagged);
    }
    if template.quality == Quality::Red {
        warnings.push(Warning::TemplateQualityLow);
    }
    warnings
}

/// How the values of a template are given.
struct Form {
    format: ParameterFormat,
    whitespace: Whitespace,
}

impl Form {
    /// The values of a template or card, each where it belongs, and what the customer reads. `prefix` of the fields' names.
    fn part(&self, prefix: &str, layout: &Layout, given: &Values, body_max: usize) -> Answer<(Values, Preview)> {
        let (header, header_text) =
            self.header(&format!("{prefix}header"), layout.header.as_ref(), given.header.as_ref())?;
        let (body, body_text) = self.fill(&format!("{prefix}body"), body_max).text(&layout.body, &given.body)?;
        let buttons = buttons::given(&format!("{prefix}buttons"), &layout.buttons, &given.buttons)?;
        // The code goes twice: in Meta's text and in its button.
        buttons::codes_agree(&format!("{prefix}buttons"), &buttons, &body)?;
        let preview = Preview {
            header: header_text,
            body: body_text,
            footer: layout.footer.clone(),
            buttons: layout.buttons.iter().map(|button| button.label().to_owned()).collect(),
            cards: Vec::new(),
        };
        Ok((Values { header, body, buttons, cards: Vec::new(), offer_ends_at_ms: None }, preview))
    }

    fn header(
        &self,
        field: &str,
        header: Option<&TemplateHeader>,
        given: Option<&HeaderValue>,
    ) -> Answer<(Option<HeaderValue>, Option<String>)> {
        if let Some(TemplateHeader::Text(text)) = header {
            let given: &[Parameter] = match given {
                None => &[],
                Some(HeaderValue::Text(parameter)) => std::slice::from_ref(parameter),
                Some(_) => return refuse(Finding::new(Rule::HeaderType).field(field).detail("a text")),
            };
            let (parameters, text) = self.fill(field, HEADER_MAX).text(text, given)?;
            return Ok((parameters.into_iter().next().map(HeaderValue::Text), Some(text)));
        }
        let Some(header) = header else {
            let unknown = Finding::new(Rule::ParameterUnknown).field(field).detail("the template has no header");
            return given.map_or(Ok((None, None)), |_| refuse(unknown));
        };
        let Some(given) = given else {
            return refuse(Finding::new(Rule::HeaderMissing).field(field).detail(kind(header)));
        };
        match (header, given) {
            (TemplateHeader::Image, HeaderValue::Image(source))
            | (TemplateHeader::Video, HeaderValue::Video(source))
            | (TemplateHeader::Document, HeaderValue::Document { source, .. }) => content::source(field, source)?,
            (TemplateHeader::Location, HeaderValue::Location { latitude, longitude, .. }) => {
                content::place(&format!("{field}."), *latitude, *longitude)?;
            }
            _ => return refuse(Finding::new(Rule::HeaderType).field(field).detail(kind(header))),
        }
        Ok((Some(given.clone()), None))
    }

    const fn fill<'a>(&self, field: &'a str, max: usize) -> Fill<'a> {
        Fill { field, format: self.format, whitespace: self.whitespace, max }
    }
}

const fn kind(header: &TemplateHeader) -> &'static str {
    match header {
        TemplateHeader::Text(_) => "a text",
        TemplateHeader::Image => "an image",
        TemplateHeader::Video => "a video",
        TemplateHeader::Document => "a document",
        TemplateHeader::Location => "a location",
    }
}
