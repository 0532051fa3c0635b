//! Which message goes: free-form content inside the customer service window, a template at any time. The window is that of
//! contact and number, at the instant of the attempt.
//!
//! Source: Meta's pages on sending messages ("customer service windows") and on conversation routing.

use waypost_domain::Category;
use waypost_domain::send::{Cause, FreeForm, SendContent, TemplateRequest};

use crate::asked::Asked;
use crate::data::OtherApp;
use crate::going::Going;
use crate::rule::Rule;
use crate::verdict::{Answer, Finding, Halt, Message, Warning, refuse};

/// What is asked about.
#[derive(Debug)]
pub(crate) enum Chosen<'a> {
    FreeForm(Box<FreeForm>, Vec<Warning>),
    Template { request: &'a TemplateRequest, is_substitute: bool },
}

/// The author read what the customer wrote last, or it is forced.
pub(crate) fn was_read(asked: &Asked<'_>) -> Answer {
    let unseen = asked.conversation.unseen;
    if unseen > 0 && !asked.request.force {
        return refuse(Finding::new(Rule::UnseenMessages).field("last_seen").detail(format!("{unseen} newer")));
    }
    Ok(())
}

/// `free_form`: the request's content, checked, where it is no template.
pub(crate) fn chosen<'a>(asked: &Asked<'a>, free_form: Option<(FreeForm, Vec<Warning>)>) -> Answer<Chosen<'a>> {
    let request = asked.request;
    let Some((content, warnings)) = free_form else {
        return match &request.content {
            SendContent::Template(template) => Ok(Chosen::Template { request: template, is_substitute: false }),
            SendContent::FreeForm(_) => refuse(Finding::new(Rule::ContentMissing)),
        };
    };
    if asked.conversation.window.is_open(asked.now) {
        return Ok(Chosen::FreeForm(Box::new(content), warnings));
    }
    // Whoever said stop is told so inside the window that this opened, and never by a template.
    match request.substitute.as_ref().filter(|_| request.cause != Cause::StopConfirmation) {
        Some(substitute) => Ok(Chosen::Template { request: substitute, is_substitute: true }),
        None => refuse(Finding::new(Rule::WindowClosed)),
    }
}

/// Free-form content, as what it counts: an answer, or what the requester takes it for.
pub(crate) fn free_form<'a>(asked: &Asked<'_>, content: FreeForm, warnings: Vec<Warning>) -> Going<'a> {
    Going {
        message: Message::FreeForm(content),
        template: None,
        category: asked.request.category.unwrap_or(Category::Service),
        is_substitute: false,
        language: None,
        preview: None,
        warnings,
    }
}

/// Whether another app holds the thread, which an answer would take from it. What the business begins does not.
pub(crate) fn thread_is_ours(asked: &Asked<'_>, going: &mut Going<'_>) -> Answer {
    if !asked.conversation.other_app_holds_thread || going.is_template() {
        return Ok(());
    }
    if asked.request.take_thread || asked.data.other_app == OtherApp::Send {
        going.warnings.push(Warning::TakesThread);
        return Ok(());
    }
    let finding = Finding::new(Rule::ThreadElsewhere);
    match asked.data.other_app {
        OtherApp::Refuse => refuse(finding),
        OtherApp::Wait | OtherApp::Send => Err(Halt::wait_a_moment(finding)),
    }
}
