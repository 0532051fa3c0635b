//! What a decision says beside its team and priority: tags, a person, skills, an escalation ladder, its place in the
//! conversation, and what teams are told of it. Stored with it, so that whoever publishes it again says the same.

use prost::Message;
use waypost_rules::Decision;

use crate::event::InvalidField;
use crate::v1::{ConversationChange, DecisionEscalationStep, DecisionExtras};

/// Empty where there is nothing to say.
pub fn encode_extras(decision: &Decision) -> Vec<u8> {
    let escalation = decision.escalation.iter().map(|step| DecisionEscalationStep {
        after_minutes: step.after_minutes,
        clock: step.clock.as_ref().map(ToString::to_string).unwrap_or_default(),
        team: step.team.to_string(),
    });
    let extras = DecisionExtras {
        tags: decision.tags.clone(),
        person: decision.person.clone().unwrap_or_default(),
        fallback_team: decision.fallback_team.as_ref().map(ToString::to_string).unwrap_or_default(),
        skills: decision.skills.clone(),
        escalation: escalation.collect(),
        ..DecisionExtras::default()
    };
    extras.encode_to_vec()
}

/// Adds to encoded extras where the message stands in its conversation, and what teams are told of that.
pub fn add_told(extras: &mut Vec<u8>, conversation_seq: i64, changes: Vec<ConversationChange>) {
    // Messages of one type that are written one behind the other read as one:
    // <https://protobuf.dev/programming-guides/encoding/#last-one-wins>.
    extras.extend(DecisionExtras { conversation_seq, changes, ..DecisionExtras::default() }.encode_to_vec());
}

/// What a decision says beside the team, as it was stored.
pub fn decode_extras(bytes: &[u8]) -> Result<DecisionExtras, InvalidField> {
    let undecodable = |_| InvalidField { message: "DecisionExtras", field: "", problem: "undecodable" };
    DecisionExtras::decode(bytes).map_err(undecodable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use waypost_rules::{RouteInput, RuleSet};

    const FULL: &str = "default.team='a'\nhandover={ team='a', buttons=['h'] }\nteams=[{ name='a' }, { name='b' }]\n\
        calendars=[{ name='office', zone='UTC', hours=[] }]\n\
        [[rules]]\nid='r'\nteam='a'\nperson='manager'\nfallback_team='b'\ntags=['t']\nskills=['s']\n\
        escalation=[{ after_minutes=5, clock='office', team='b' }]\nwhen={ keyword='hello' }\n";

    #[test]
    fn what_was_decided_reads_back() {
        let rules = RuleSet::parse(FULL).unwrap();
        let mut input = RouteInput { text: Some("hello".into()), ..RouteInput::default() };
        input.attributes.insert("manager".into(), "Dana".into());
        let mut encoded = encode_extras(&rules.decide(&input));
        let moved = ConversationChange { kind: "moved".into(), team: "b".into() };
        add_told(&mut encoded, 7, vec![moved.clone()]);
        let extras = decode_extras(&encoded).unwrap();
        assert_eq!((extras.conversation_seq, &extras.changes[..]), (7, &[moved][..]));
        assert_eq!((extras.person.as_str(), extras.fallback_team.as_str()), ("Dana", "b"));
        assert_eq!((extras.tags, extras.skills), (vec!["t".to_owned()], vec!["s".to_owned()]));
        let step = DecisionEscalationStep { after_minutes: 5, clock: "office".into(), team: "b".into() };
        assert_eq!(extras.escalation, [step]);
        // Nobody is named: the fallback team has it already.
        input.attributes.clear();
        let extras = decode_extras(&encode_extras(&rules.decide(&input))).unwrap();
        assert_eq!((extras.person.as_str(), extras.fallback_team.as_str()), ("", ""));
    }

    #[test]
    fn nothing_takes_no_bytes() {
        let rules = RuleSet::parse(FULL).unwrap();
        assert!(encode_extras(&rules.decide(&RouteInput::default())).is_empty());
        assert_eq!(decode_extras(&[]), Ok(DecisionExtras::default()));
        assert!(decode_extras(&[0xff]).is_err());
    }
}
