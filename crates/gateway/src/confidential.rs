//! Whose content is not for everybody: what was said while a confidential team had a conversation is for its own agents and for
//! compliance, whoever has the conversation now.

use std::collections::BTreeSet;

use waypost_domain::TeamName;
use waypost_grpc::Role::Compliance;
use waypost_grpc::{Caller, Result};

use crate::Shared;

/// The confidential teams of which a caller is none.
pub(crate) struct Withheld(BTreeSet<TeamName>);

impl Withheld {
    /// Of what they have just written themselves.
    pub(crate) const NOTHING: Self = Self(BTreeSet::new());

    pub(crate) async fn from(caller: &Caller, shared: &Shared) -> Result<Self> {
        if caller.has_any(&[Compliance]) {
            return Ok(Self::NOTHING);
        }
        let is_member = |team: &TeamName| caller.bound_to.as_ref().is_some_and(|teams| teams.contains(team));
        let teams = shared.store.teams().await?.into_iter();
        let others = teams.filter(|team| team.confidential && !is_member(&team.name));
        Ok(Self(others.map(|team| team.name).collect()))
    }

    /// Whether the content of what this team had is among it.
    pub(crate) fn has(&self, team: Option<&TeamName>) -> bool {
        team.is_some_and(|team| self.0.contains(team))
    }
}

#[cfg(test)]
mod tests {
    use tonic::Status;
    use tonic_types::StatusExt as _;
    use waypost_domain::Conversation;
    use waypost_grpc::Role;
    use waypost_proto::gateway_v1 as v1;
    use waypost_proto::gateway_v1::message_service_server::MessageService;
    use waypost_proto::sends_v1 as sends;
    use waypost_store::InboxWrites;

    use crate::conversations::tests::{Scene, Who, call, name};
    use crate::messages::Messages;

    fn reason(status: &Status) -> String {
        status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
    }

    #[tokio::test]
    async fn what_a_confidential_team_wrote_is_shown_to_it_and_compliance_as_a_message_too() {
        let scene = Scene::new().await;
        let talk = scene.talk("34600000001", Some("billing")).await;
        scene.answered(&talk, "get well", 20, "people").await;
        let messages = Messages { shared: scene.shared() };
        let get = async |who: Who| {
            let request = v1::GetMessageRequest { name: "messages/at-20".to_owned() };
            let got = MessageService::get_message(&messages, call(request, who)).await;
            got.map(|got| got.into_inner().message.unwrap())
        };
        let list = async |who: Who| {
            let conversation = format!("conversations/{}", talk.id);
            let request = v1::ListMessagesRequest { conversation, ..v1::ListMessagesRequest::default() };
            MessageService::list_messages(&messages, call(request, who)).await.unwrap().into_inner().messages
        };
        let has_content = |message: &v1::Message| message.request.as_ref().unwrap().content.is_some();
        for (who, is_shown) in
            [(Who::AgentOf("billing"), false), (Who::Has(Role::Operator), false), (Who::Has(Role::Compliance), true)]
        {
            let (one, all) = (get(who).await.unwrap(), list(who).await);
            assert_eq!((has_content(&one), all.iter().map(has_content).collect()), (is_shown, vec![is_shown]));
            assert_eq!(one.state(), v1::MessageState::Queued);
        }
        let request = v1::ResendMessageRequest {
            name: "messages/at-20".to_owned(),
            send_id: "again".to_owned(),
            force: true,
            validate_only: false,
        };
        let refused = MessageService::resend_message(&messages, call(request, Who::Has(Role::Operator))).await;
        assert_eq!(reason(&refused.unwrap_err()), "CONTENT_WITHHELD");
    }

    /// The first answer may have been lost.
    #[tokio::test]
    async fn a_repeated_request_is_the_same_though_its_conversation_has_moved() {
        let scene = Scene::new().await;
        let talk = scene.talk("34600000001", Some("billing")).await;
        let messages = Messages { shared: scene.shared() };
        let send = async |id: &str, team: &'static str| {
            let text = sends::Text { body: "Hello".to_owned(), preview_url: false };
            let message = sends::SendRequest {
                send_id: id.to_owned(),
                number: "numbers/number-1".to_owned(),
                to: Some(sends::Recipient { by: Some(sends::recipient::By::Phone("+34600000001".to_owned())) }),
                content: Some(sends::Content { kind: Some(sends::content::Kind::Text(text)) }),
                ..sends::SendRequest::default()
            };
            let request = v1::SendMessageRequest { message: Some(message), validate_only: false };
            let sent = MessageService::send_message(&messages, call(request, Who::AgentOf(team))).await;
            sent.map(|sent| sent.into_inner().existed)
        };
        assert!(!send("one", "billing").await.unwrap());
        let moved = Conversation { team: Some(name("people")), ..talk };
        scene.write(&InboxWrites { conversations: &[moved], ..InboxWrites::default() }).await;
        assert!(send("one", "billing").await.unwrap(), "known");
        assert_eq!(reason(&send("two", "billing").await.unwrap_err()), "NO_CONVERSATION");
        assert!(!send("two", "people").await.unwrap());
    }
}
