//! What carriers with forms of their own have in common: how a message is handed over, what none of them carries, and
//! which file is meant.

use std::collections::BTreeMap;

use waypost_cloud_api::carrier::SendOutcome;
use waypost_cloud_api::carrier::file_id::FileId;
use waypost_cloud_api::send::{FieldError, Problem};

use crate::api::{Api, Call, id};
use crate::fault::{CallError, NotSent};
use crate::http::Fault;
use crate::messenger::{Accepted, Line, Outgoing, Sent};

/// How a carrier's answer of any status is read.
pub(crate) type Read = fn(u16, &[u8]) -> SendOutcome;

/// Asks once, unless the call cannot be written.
pub(crate) async fn hand_over(api: &Api, call: Result<Call, FieldError>, read: Read) -> Sent {
    let call = match call {
        Ok(call) => call,
        Err(error) => return Sent::NotSent(NotSent::Request(error)),
    };
    let answer = match api.ask(&call).await {
        Ok(answer) => answer,
        Err(Fault::NotSent(reason)) => return Sent::NotSent(reason),
        Err(Fault::Unknown(reason)) => return Sent::Unknown(reason),
    };
    match read(answer.status, &answer.body) {
        SendOutcome::Accepted(id) => Sent::Accepted(Accepted { wamid: id, status: None, wa_id: None, user_id: None }),
        SendOutcome::Refused(error) => Sent::Refused(answer.refusal(Some(error))),
        SendOutcome::Unclear if answer.says_nothing() => Sent::Unknown(answer.unreadable()),
        SendOutcome::Unclear => Sent::Refused(answer.refusal(None)),
    }
}

/// What one of our numbers is at its carrier. `which`: the key that lists them.
pub(crate) fn ours<'a, T>(
    numbers: &'a BTreeMap<String, T>,
    from: &Line,
    which: &'static str,
) -> Result<&'a T, FieldError> {
    numbers
        .get(&from.phone_number_id)
        .ok_or_else(|| FieldError { path: "phone_number_id".to_owned(), problem: Problem::MustBe(which) })
}

/// What is Meta's alone: quoting, and a messaging account that pays.
pub(crate) fn has_no_extras(from: &Line, outgoing: &Outgoing<'_>) -> Result<(), FieldError> {
    let extras =
        [("reply_to", outgoing.reply_to.is_some()), ("messaging_account_id", from.messaging_account_id.is_some())];
    extras.into_iter().find(|(_, is_there)| *is_there).map_or(Ok(()), |(field, _)| Err(not_carried(field)))
}

/// Customers are shown neither that we have read nor that we are typing.
pub(crate) fn no_receipt(typing: bool) -> CallError {
    NotSent::Request(not_carried(if typing { "typing" } else { "read" })).into()
}

/// A customer's file is known by its message and itself, each a part of its address.
pub(crate) fn file_of(media_id: &str) -> Result<FileId<'_>, CallError> {
    let file = FileId::read(media_id);
    for part in file.message.iter().chain([&file.file]) {
        id("media_id", part).map_err(NotSent::Request)?;
    }
    Ok(file)
}

/// Files are sent by their link, and taken away by nobody. `call`: what is not done there.
pub(crate) fn no_files(call: &str) -> CallError {
    let problem = Problem::MustBe("of a number at Meta: other carriers take files by their link alone");
    NotSent::Request(FieldError { path: call.to_owned(), problem }).into()
}

fn not_carried(field: &str) -> FieldError {
    FieldError { path: field.to_owned(), problem: Problem::MustBe("absent: its carrier does not carry it") }
}
