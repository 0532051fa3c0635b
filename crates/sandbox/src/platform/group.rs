//! Groups: several customers and one number in one thread. A message is one, and is delivered to each member.

use std::sync::Arc;

use serde_json::{Value, json};
use waypost_cloud_api::send::Message;
use waypost_domain::Category;

use super::actor::ActorError;
use super::error::ApiError;
use super::judge::{Ask, Kind};
use super::members::Group;
use super::outbox::{Pricing, Sent, Stage};
use super::state::State;

const MEMBERS_MAX: usize = 8;

impl State {
    /// Its id.
    pub(crate) fn add_group(&mut self, number: u32, members: Vec<u32>) -> Result<String, ActorError> {
        if members.is_empty() || members.len() > MEMBERS_MAX {
            return Err(ActorError::NoRoom);
        }
        let id = format!("Y2FwaV9ncm91cDpzYW5kYm94{:06}", self.groups.len());
        let group = Group { id: Arc::from(id.as_str()), number, members, window_ends_ms: 0 };
        self.groups.insert(id.clone(), group);
        Ok(id)
    }

    /// The group of this number by its id.
    pub(crate) fn group_mut(&mut self, number: u32, id: &str) -> Option<&mut Group> {
        self.groups.get_mut(id).filter(|group| group.number == number)
    }

    /// A message to a group: the answer.
    pub(crate) fn take_for_group(
        &mut self,
        ask: &Ask,
        message: &Message,
        id: &str,
        kind: &Kind,
        body: Arc<Value>,
    ) -> Result<Value, ApiError> {
        let group = self.group_mut(ask.number, id);
        let group = group.ok_or_else(|| ApiError::new(131_009, "to is no group of this number"))?;
        let (group_id, members, is_open) = (group.id.clone(), group.members.clone(), ask.now_ms < group.window_ends_ms);
        let category = match kind.category {
            Category::Service => "group_service",
            Category::Utility => "group_utility",
            Category::Marketing => "group_marketing",
            Category::Authentication => {
                return Err(ApiError::new(131_055, "Authentication templates cannot be sent to groups"));
            }
        };
        let closed = || ApiError::new(131_047, "Nobody in the group has written in the last 24 hours");
        let failure = (!is_open && !kind.needs_no_window).then(closed);
        if let Some(failure) = failure.clone().filter(|failure| !self.config.late_codes.contains(&failure.code)) {
            return Err(failure);
        }
        let price = if kind.category == Category::Service { "free_group_customer_service" } else { "regular" };
        let wamid = self.new_wamid(&group_id);
        let name = self.number(ask.number).ok_or_else(ApiError::no_object)?.name.clone();
        let to_member = |state: &Self, member: u32| {
            Some(Arc::new(Sent {
                wamid: wamid.clone(),
                number: name.clone(),
                customer: Some(member),
                person: state.people.get(member)?.person.clone(),
                group: Some(group_id.clone()),
                is_to_user_id: false,
                expires_ms: ask.now_ms.saturating_add(kind.ttl_ms),
                callback_data: message.callback_data.clone(),
                pricing: Some(Pricing { category, kind: price }),
                is_reaction: false,
                is_voice: kind.is_voice,
            }))
        };
        let each: Vec<Arc<Sent>> = members.iter().filter_map(|member| to_member(self, *member)).collect();
        let Some(first) = each.first() else { return Err(ApiError::no_object()) };
        self.remember(ask, message, kind.category, first, body, failure.as_ref().map(|failure| failure.code));
        match failure {
            Some(failure) => self.schedule(ask.now_ms, first, Some(failure)),
            None => self.deliver_to_group(ask.now_ms, &each),
        }
        let contact = json!({"input": id, "wa_id": id});
        Ok(json!({"messaging_product": "whatsapp", "contacts": [contact], "messages": [{"id": wamid}]}))
    }

    /// `sent` once, the rest for each member.
    fn deliver_to_group(&mut self, now_ms: i64, each: &[Arc<Sent>]) {
        let sent_ms = now_ms + self.pause(&self.config.delivery.sent_ms.clone());
        if let Some(first) = each.first() {
            self.tell(first, &[(sent_ms, Stage::Sent)]);
        }
        self.deliver_waiting(sent_ms, each.to_vec());
    }
}
