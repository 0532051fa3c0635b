//! What lies in a team's queue, as a line for a person: when, how urgent, which, of what kind, who and what. Must never
//! let a customer's text steer the terminal.

use serde_json::Value;
use waypost_proto::{conversation_changed, team_message};

use crate::show::{Screen, short_id};

/// `priority` is the queue's, `body` a document of ours; of what somebody else put there, little is known.
pub(super) fn line(screen: &Screen, priority: &str, body: &str) -> String {
    let document: Value = serde_json::from_str(body).unwrap_or_default();
    let text = |path: &str| {
        let text = document["data"].pointer(path).and_then(Value::as_str).unwrap_or_default();
        text.replace(char::is_control, " ")
    };
    let (kind, decision, said) = if document["type"] == conversation_changed::EVENT_TYPE {
        (text("/kind"), text("/decision_id"), format!("{}: {}", screen.team(&text("/to_team")), text("/why")))
    } else {
        let is_notice = document["type"] == team_message::NOTICE_TYPE;
        let kind = if is_notice { "notice".to_owned() } else { text("/message/type") };
        let contact = [text("/contact/name"), text("/contact/phone"), text("/contact/user_id"), "unknown".to_owned()];
        // What an earlier release published has no summary.
        let what = [text("/message/summary"), text("/message/text"), format!("[{}]", text("/message/type"))];
        let (rule, why) = (text("/routing/rule"), text("/routing/why"));
        let id = document["id"].as_str().unwrap_or_default().replace(char::is_control, " ");
        (kind, id, format!("{}: {}  ({rule}: {why})", first(contact), first(what)))
    };
    let at = document["time"].as_str().map(short_time).unwrap_or_default();
    let priority = screen.priority(&format!("{priority:<6}"));
    let told = format!("{at:<15}  {priority}  {:<8}  {kind:<11}  {said}", short_id(&decision));
    screen.cut(told.trim_end()).into_owned()
}

/// `12-01 09:00:00Z` of `2026-12-01T09:00:00.125Z`.
fn short_time(time: &str) -> String {
    let time = time.get(5..19).unwrap_or_default().replace('T', " ").replace(char::is_control, " ");
    if time.is_empty() { time } else { format!("{time}Z") }
}

/// The first that says something.
fn first<const N: usize>(texts: [String; N]) -> String {
    texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "24f07525-119d-59fd-92a8-eb1a552abc3d";

    fn told(priority: &str, document: &Value) -> String {
        line(&Screen::default(), priority, &document.to_string())
    }

    #[test]
    fn a_message_says_when_which_and_what() {
        let mut document = json!({
            "type": team_message::EVENT_TYPE, "id": ID, "time": "2026-12-01T09:00:00.125Z",
            "data": {
                "contact": { "name": "Ada\u{1b}[31m", "phone": "15550001111" },
                "message": { "type": "text", "summary": "my\ninvoice" },
                "routing": { "rule": "invoices", "why": "it says so" },
            },
        });
        let want = "12-01 09:00:00Z  urgent  24f07525  text         Ada [31m: my invoice  (invoices: it says so)";
        assert_eq!(told("urgent", &document), want);
        document["type"] = team_message::NOTICE_TYPE.into();
        assert!(told("normal", &document).contains("normal  24f07525  notice       Ada"));
    }

    #[test]
    fn a_change_says_who_has_the_conversation_now() {
        let document = json!({
            "type": conversation_changed::EVENT_TYPE, "id": "0", "time": "2026-12-01T09:00:00.125Z",
            "data": { "kind": "moved", "decision_id": ID, "to_team": "billing", "why": "by a rule" },
        });
        let want = "12-01 09:00:00Z  urgent  24f07525  moved        billing: by a rule";
        assert_eq!(told("urgent", &document), want);
    }

    #[test]
    fn what_is_none_of_ours_is_a_line_too() {
        for document in [json!(null), json!([1]), json!({ "time": "ä", "id": 7, "data": { "message": {} } })] {
            assert_eq!(
                told("normal", &document),
                format!("{:<15}  normal  {:<8}  {:<11}  unknown: []  (: )", "", "", "")
            );
        }
    }
}
