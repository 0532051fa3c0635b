//! What teams are told of a conversation beside its messages: that they lose it, or that somebody asks for them. Read from
//! what is stored with the decision, so whoever publishes that again tells the same.

use waypost_bus::Message;
use waypost_domain::TeamName;
use waypost_domain::team::Priority;
use waypost_proto::conversation_changed::{self, ChangeKind, ConversationChanged};
use waypost_proto::team_message::CONTENT_TYPE;
use waypost_proto::v1::DecisionExtras;

use crate::batch::Outgoing;
use crate::deliver::{Diverted, Routed};

/// Of a decision, as it is stored.
pub(crate) fn changes(outgoing: &Outgoing, extras: &DecisionExtras) -> Vec<Routed> {
    let mut notices = Vec::new();
    for change in &extras.changes {
        // A kind of a later release is for that one to tell.
        let (Some(kind), Ok(team)) = (ChangeKind::parse(&change.kind), TeamName::new(&*change.team)) else { continue };
        notices.push(notice(outgoing, extras, kind, &team, outgoing.decision.team.as_ref()));
    }
    notices
}

/// To the team whose queue did not take the message, where another team has it.
pub(crate) fn diverted(outgoing: &Outgoing, extras: &DecisionExtras, diverted: &Diverted) -> Option<Routed> {
    let to = diverted.to.as_ref()?;
    Some(notice(outgoing, extras, ChangeKind::Diverted, &diverted.from, Some(to)))
}

fn notice(
    outgoing: &Outgoing,
    extras: &DecisionExtras,
    kind: ChangeKind,
    team: &TeamName,
    to: Option<&TeamName>,
) -> Routed {
    let inbound = &outgoing.inbound;
    let changed = ConversationChanged {
        kind,
        team,
        to,
        why: &outgoing.decision.why,
        decision: outgoing.id,
        wamid: inbound.content.message().and_then(|message| message.id.as_deref()),
        post_id: &inbound.post_id,
        received_at: inbound.received_at,
        phone_number_id: &inbound.key.number,
        number: &outgoing.number,
        contact: outgoing.contact.as_ref().map(|contact| contact.id),
        conversation: outgoing.conversation_id,
        conversation_seq: extras.conversation_seq,
    };
    Routed {
        message: Message {
            id: changed.id().to_string(),
            kind: conversation_changed::KIND.to_owned(),
            content_type: CONTENT_TYPE.to_owned(),
            body: changed.encode(),
            ..Message::default()
        },
        team: Some(team.clone()),
        // Whoever works on a conversation hears that it is gone before they read on.
        priority: Priority::Urgent,
        phase: outgoing.decision.phase.clone(),
        received_at: inbound.received_at,
        is_notice: true,
    }
}
