//! A request to send, and whom it is for.

use uuid::Uuid;
use waypost_domain::send::{Author, Cause, FreeForm, SendContent, SendId, SendRequest, TemplateRequest};
use waypost_domain::team::Priority;
use waypost_domain::{Category, ContactId, ConversationId, NumberName, Timestamp, phone};

use super::content::{read_content, wire_content};
use super::template::{read_template, wire_template};
use super::{FieldViolations, Problems, plain, some, time};
use crate::sends_v1 as wire;
use wire::recipient::By;

/// Characters of the longest id of Meta's that we take; theirs are shorter.
const META_ID_CHARS_MAX: usize = 256;

/// A request as somebody wrote it: all of it but who they are, which contact that is, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct SendDraft {
    pub id: SendId,
    pub number: NumberName,
    pub to: Recipient,
    pub conversation: Option<ConversationId>,
    pub content: SendContent,
    pub cause: Cause,
    /// A program wrote it, by its own word.
    pub is_bot: bool,
    pub category: Option<Category>,
    pub substitute: Option<TemplateRequest>,
    pub priority: Priority,
    pub expires_at: Option<Timestamp>,
    pub last_seen: Option<String>,
    pub reply_to: Option<String>,
    pub force: bool,
    pub strict_order: bool,
    pub shorten: bool,
    pub take_thread: bool,
}

/// Whom it is for, as they were named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    Contact(ContactId),
    /// Digits of the canonical form.
    Phone(String),
    Bsuid(String),
}

impl SendDraft {
    /// The request, with what only whoever takes it in knows.
    pub fn into_request(self, contact: ContactId, author: Author, created_at: Timestamp) -> SendRequest {
        SendRequest {
            id: self.id,
            number: self.number,
            contact,
            conversation: self.conversation,
            author,
            cause: self.cause,
            content: self.content,
            category: self.category,
            substitute: self.substitute,
            priority: self.priority,
            created_at,
            expires_at: self.expires_at,
            last_seen: self.last_seen,
            reply_to: self.reply_to,
            force: self.force,
            strict_order: self.strict_order,
            shorten: self.shorten,
            take_thread: self.take_thread,
        }
    }
}

/// A request; every mistake is named below `at`, which may be empty.
pub fn read_send(request: wire::SendRequest, at: &str) -> Result<SendDraft, FieldViolations> {
    let mut problems = Problems::default();
    let draft = draft(&mut problems, request);
    problems.finish(draft).map_err(|FieldViolations(mut violations)| {
        if !at.is_empty() {
            violations.iter_mut().for_each(|violation| violation.field.insert_str(0, &format!("{at}.")));
        }
        FieldViolations(violations)
    })
}

fn draft(problems: &mut Problems, request: wire::SendRequest) -> Option<SendDraft> {
    let id = SendId::new(request.send_id).ok();
    let id = id.or_else(|| problems.refuse("send_id", "must be 1 to 128 visible ASCII characters, without spaces"));
    let number = number(problems, &request.number);
    let to = recipient(problems, "to", request.to);
    let conversation = conversation(problems, &request.conversation);
    let content = match request.content {
        Some(content) => read_content(problems, "content", content),
        None => problems.refuse("content", "must say what is to be sent"),
    };
    let cause = cause(problems, request.cause, request.event);
    let category = category(problems, request.category);
    let substitute = request.substitute.map(|substitute| read_template(problems, "substitute", substitute));
    let priority = priority(problems, request.priority);
    let expires_at = problems.time("expire_time", request.expire_time);
    for (field, id) in [("last_seen", &request.last_seen), ("reply_to", &request.reply_to)] {
        if id.chars().count() > META_ID_CHARS_MAX {
            problems.refuse::<()>(field, "is not an id of a message");
        }
    }
    let is_reaction = matches!(content, Some(SendContent::FreeForm(FreeForm::Reaction(_))));
    if is_reaction && !request.reply_to.is_empty() {
        problems.refuse::<()>("reply_to", "is for what is shown below a message: a reaction stands on one");
    }
    Some(SendDraft {
        id: id?,
        number: number?,
        to: to?,
        conversation,
        content: content?,
        cause: cause?,
        is_bot: request.bot,
        category,
        substitute: substitute.flatten(),
        priority: priority?,
        expires_at,
        last_seen: some(request.last_seen),
        reply_to: some(request.reply_to),
        force: request.force,
        strict_order: request.strict_order,
        shorten: request.shorten,
        take_thread: request.take_thread,
    })
}

fn number(problems: &mut Problems, name: &str) -> Option<NumberName> {
    let number = name.strip_prefix("numbers/").and_then(|name| NumberName::new(name).ok());
    number.or_else(|| problems.refuse("number", "must be numbers/{number}"))
}

fn conversation(problems: &mut Problems, name: &str) -> Option<ConversationId> {
    if name.is_empty() {
        return None;
    }
    let id = name.strip_prefix("conversations/").and_then(|id| Uuid::try_parse(id).ok());
    let id = id.or_else(|| problems.refuse("conversation", "must be conversations/{conversation} with a UUID"));
    id.map(ConversationId::from_uuid)
}

/// Whom a field names; mistakes are named by `at`.
pub fn read_recipient(recipient: Option<wire::Recipient>, at: &str) -> Result<Recipient, FieldViolations> {
    let mut problems = Problems::default();
    let recipient = self::recipient(&mut problems, at, recipient);
    problems.finish(recipient)
}

fn recipient(problems: &mut Problems, at: &str, recipient: Option<wire::Recipient>) -> Option<Recipient> {
    match recipient.and_then(|recipient| recipient.by) {
        Some(By::Contact(name)) => {
            let id = name.strip_prefix("contacts/").and_then(|id| Uuid::try_parse(id).ok());
            let id = id.or_else(|| problems.refuse(format!("{at}.contact"), "must be contacts/{contact} with a UUID"));
            id.map(|id| Recipient::Contact(ContactId::from_uuid(id)))
        }
        Some(By::Phone(number)) => match phone::international(&number) {
            Ok(digits) => Some(Recipient::Phone(phone::canonical(&digits).into_owned())),
            // Its text says what is wrong, and repeats nothing.
            Err(problem) => problems.refuse(format!("{at}.phone"), problem.to_string()),
        },
        Some(By::Bsuid(id)) => {
            let is_id = !id.is_empty() && id.chars().count() <= META_ID_CHARS_MAX && !id.chars().any(char::is_control);
            if is_id {
                Some(Recipient::Bsuid(id))
            } else {
                problems.refuse(format!("{at}.bsuid"), "is not a user's id")
            }
        }
        None => problems.refuse(at, "must have exactly one of contact, phone and bsuid"),
    }
}

fn cause(problems: &mut Problems, cause: i32, event: String) -> Option<Cause> {
    let cause = match wire::Cause::try_from(cause) {
        Ok(wire::Cause::Unspecified | wire::Cause::Reply) => Cause::Reply,
        Ok(wire::Cause::CustomerAsked) => Cause::CustomerAsked,
        Ok(wire::Cause::StopConfirmation) => Cause::StopConfirmation,
        Ok(wire::Cause::Event) if event.is_empty() => {
            return problems.refuse("event", "must say what happened, by its id");
        }
        Ok(wire::Cause::Event) => return Some(Cause::Event(event)),
        Err(_) => return problems.refuse("cause", "is not known to this release"),
    };
    if event.is_empty() { Some(cause) } else { problems.refuse("event", "goes with the cause event only") }
}

fn category(problems: &mut Problems, category: i32) -> Option<Category> {
    if category == wire::Category::Unspecified as i32 {
        return None;
    }
    read_category(category).or_else(|| problems.refuse("category", "is not known to this release"))
}

/// `None`: it is unspecified, or not known to this release.
pub fn read_category(category: i32) -> Option<Category> {
    Category::ALL.into_iter().find(|known| i32::from(wire_category(*known)) == category)
}

fn priority(problems: &mut Problems, priority: i32) -> Option<Priority> {
    match wire::Priority::try_from(priority) {
        Ok(wire::Priority::Unspecified | wire::Priority::Normal) => Some(Priority::Normal),
        Ok(wire::Priority::Urgent) => Some(Priority::Urgent),
        Err(_) => problems.refuse("priority", "is not known to this release"),
    }
}

/// As messages have it.
pub const fn wire_category(category: Category) -> wire::Category {
    match category {
        Category::Service => wire::Category::Service,
        Category::Authentication => wire::Category::Authentication,
        Category::Utility => wire::Category::Utility,
        Category::Marketing => wire::Category::Marketing,
    }
}

/// A request as it was written, to the contact that it was found to be for.
pub fn wire_send(request: &SendRequest) -> wire::SendRequest {
    let (cause, event) = match &request.cause {
        Cause::Reply => (wire::Cause::Reply, String::new()),
        Cause::CustomerAsked => (wire::Cause::CustomerAsked, String::new()),
        Cause::StopConfirmation => (wire::Cause::StopConfirmation, String::new()),
        Cause::Event(event) => (wire::Cause::Event, event.clone()),
    };
    let priority = match request.priority {
        Priority::Normal => wire::Priority::Normal,
        Priority::Urgent => wire::Priority::Urgent,
    };
    wire::SendRequest {
        send_id: request.id.to_string(),
        number: format!("numbers/{}", request.number),
        to: Some(wire::Recipient { by: Some(By::Contact(format!("contacts/{}", request.contact))) }),
        conversation: request.conversation.map(|id| format!("conversations/{id}")).unwrap_or_default(),
        content: Some(wire_content(&request.content)),
        cause: cause.into(),
        event,
        bot: matches!(request.author, Author::Bot(_)),
        category: request.category.map(wire_category).unwrap_or_default().into(),
        substitute: request.substitute.as_ref().map(wire_template),
        priority: priority.into(),
        expire_time: request.expires_at.map(time),
        last_seen: plain(&request.last_seen),
        reply_to: plain(&request.reply_to),
        force: request.force,
        strict_order: request.strict_order,
        shorten: request.shorten,
        take_thread: request.take_thread,
    }
}
