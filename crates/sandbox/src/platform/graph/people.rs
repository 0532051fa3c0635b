//! Customers from the business's side: whom it blocks, and who holds their threads.

use serde_json::{Value, json};
use waypost_cloud_api::send::{BlockUsers, ControlAction, Customer as Addressed, JsonBody as _, ThreadControl};

use super::fields::{limit, page};
use super::{Answer, Ask, no_path, success};
use crate::platform::content::of_field_error;
use crate::platform::error::ApiError;
use crate::platform::state::{Holder, State};

/// In one call, and in all.
const BLOCKED_AT_ONCE_MAX: usize = 1_000;
const BLOCKED_MAX: usize = 64_000;
const METADATA_MAX: usize = 2_000;

pub(super) fn block_users(state: &mut State, ask: &Ask<'_>, method: &str, number: u32) -> Answer {
    match method {
        "GET" => Ok(blocked(state, ask)),
        "POST" => block(state, ask, number, true),
        "DELETE" => block(state, ask, number, false),
        _ => Err(no_path(ask)),
    }
}

fn blocked(state: &State, ask: &Ask<'_>) -> Value {
    let after = ask.parameter("after").and_then(|after| after.parse::<usize>().ok());
    let from = after.map_or(0, |after| after + 1);
    let mut blocked = state.people.iter().enumerate().skip(from).filter(|(_, customer)| customer.is_blocked);
    let on_page: Vec<(usize, Value)> = blocked
        .by_ref()
        .take(limit(ask))
        .map(|(place, customer)| (place, json!({"messaging_product": "whatsapp", "wa_id": customer.person.id()})))
        .collect();
    let has_more = blocked.next().is_some();
    let cursor = |entry: Option<&(usize, Value)>| entry.map(|(place, _)| place.to_string());
    let (first, last) = (cursor(on_page.first()), cursor(on_page.last()));
    page(ask, on_page.into_iter().map(|(_, user)| user).collect(), first, last, has_more)
}

fn block(state: &mut State, ask: &Ask<'_>, number: u32, blocks: bool) -> Answer {
    let request = BlockUsers::from_value(&ask.body).map_err(|error| of_field_error(&error))?;
    let users = request.users.as_slice();
    if users.len() > BLOCKED_AT_ONCE_MAX {
        return Err(ApiError::new(100, "block_users must have 1000 users at most"));
    }
    let has_room = state.people.iter().filter(|customer| customer.is_blocked).count() + users.len() <= BLOCKED_MAX;
    if blocks && !has_room {
        return Err(ApiError::new(139_101, "The block list has 64000 users at most"));
    }
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for user in users {
        match block_one(state, ask.now_ms, number, user, blocks) {
            Ok(entry) => done.push(entry),
            Err(error) => {
                let error =
                    json!({"message": "Failed to block", "code": error.code, "error_data": {"details": error.details}});
                failed.push(json!({"input": user.as_str(), "errors": [error]}));
            }
        }
    }
    let done_name = if blocks { "added_users" } else { "removed_users" };
    let mut answer = json!({"messaging_product": "whatsapp", "block_users": {done_name: done}});
    if !failed.is_empty() {
        answer["block_users"]["failed_users"] = json!(failed);
        answer["error"] = ApiError::new(139_100, "Failed to block some users").to_answer("A0")["error"].clone();
    }
    Ok(answer)
}

fn block_one(state: &mut State, now_ms: i64, number: u32, user: &Addressed, blocks: bool) -> Answer {
    let index = state.people.find(user.as_str()).ok_or_else(|| ApiError::new(131_021, "User does not exist"))?;
    let thread = state.threads.get(&(number, index));
    if blocks && thread.is_none_or(|thread| now_ms >= thread.window_ends_ms) {
        return Err(ApiError::new(131_047, "User has not messaged in the last 24 hours"));
    }
    let customer = state.people.get_mut(index).ok_or_else(ApiError::no_object)?;
    customer.is_blocked = blocks;
    let mut entry = json!({"input": user.as_str(), "user_id": customer.person.user_id});
    if let Some(phone) = &customer.person.phone {
        entry["wa_id"] = json!(phone);
    }
    Ok(entry)
}

pub(super) fn thread_control(state: &mut State, ask: &Ask<'_>, number: u32) -> Answer {
    let control = ThreadControl::from_value(&ask.body).map_err(|error| of_field_error(&error))?;
    if control.metadata.as_ref().is_some_and(|metadata| metadata.chars().count() > METADATA_MAX) {
        return Err(ApiError::new(100, "metadata must have 2000 characters at most"));
    }
    let no_customer = || ApiError::new(131_026, "Message Undeliverable.");
    let customer = state.people.find(control.customer.as_str()).ok_or_else(no_customer)?;
    let thread = state.threads.entry((number, customer)).or_default();
    thread.holder = match (control.action, thread.holder) {
        (ControlAction::Take, Holder::OtherKeeps) => {
            return Err(ApiError::new(2_494_191, "The app that holds the thread keeps it"));
        }
        (ControlAction::Take | ControlAction::Release, _) => Holder::Business,
        (ControlAction::Pass | ControlAction::PassToAgent, _) => Holder::Other,
    };
    Ok(success())
}
