//! What clients of WhatsApp ask for, as the sandbox reads it, and what Meta answers: a request is written again as it was
//! read, or the field is named that is wrong; an answer is accepted, refused or neither, and something is done about it.

use waypost_cloud_api::answer::{
    Account, BlockAnswer, GraphError, MediaUrl, Number, SendAnswer, SendOutcome, TemplateListed, TokenInfo, is_success,
};
use waypost_cloud_api::error_code::{Circumstances, Do, Failure, Seen, decide};
use waypost_cloud_api::send::{BlockUsers, JsonBody, Pin, Request, ThreadControl};
use waypost_domain::send::Mark;

pub const WORDS: &[&str] = &[
    "{\"messaging_product\":\"whatsapp\",\"to\":\"+34600000105\",\"type\":\"",
    "\"recipient\":\"US.1349\"",
    "\"recipient_type\":\"group\"",
    "\"status\":\"read\"",
    "\"text\":{\"body\":\"a\"}",
    "\"template\":{\"name\":\"a\",\"language\":{\"code\":\"en\"},\"components\":[",
    "{\"type\":\"header\",\"parameters\":[",
    "{\"type\":\"body\",\"parameters\":[",
    "{\"type\":\"button\",\"sub_type\":\"url\",\"index\":\"0\",\"parameters\":[",
    "{\"type\":\"carousel\",\"cards\":[{\"card_index\":0,\"components\":[",
    "\"parameter_name\":",
    "\"interactive\":{\"type\":\"",
    "\"action\":{",
    "\"buttons\":[",
    "\"sections\":[",
    "\"rows\":[",
    "\"biz_opaque_callback_data\":\"wp1/",
    "\"error\":{\"code\":",
    "131000",
    "\"is_transient\":true",
    "\"messages\":[{\"id\":",
    "\"data\":[",
    "\"paging\":{\"next\":",
    "\"health_status\":{",
    "\\ud83d",
    "null",
    "]}",
    "}]",
];

pub fn check(data: &[u8]) {
    again::<Request>(data);
    again::<ThreadControl>(data);
    again::<BlockUsers>(data);
    again::<Pin>(data);
    let text = String::from_utf8_lossy(data);
    if let Some(mark) = Mark::parse(&text) {
        assert_eq!(mark.to_string(), text);
    }
    answer(data);
}

fn again<T: JsonBody + PartialEq + std::fmt::Debug>(data: &[u8]) {
    match T::decode(data) {
        Ok(read) => assert_eq!(T::decode(&read.encode()).as_ref(), Ok(&read)),
        Err(error) => assert!(!error.path.is_empty()),
    }
}

fn answer(data: &[u8]) {
    let error = GraphError::read(data);
    for http_status in [200, 400, 429, 503] {
        match SendOutcome::read(http_status, data) {
            SendOutcome::Accepted(answer) => assert_eq!(SendAnswer::read(&answer.encode()), Ok(answer)),
            SendOutcome::Refused(refused) => assert_eq!(Some(refused), error),
            SendOutcome::Unclear => {
                assert!(error.is_none());
                let failure = Failure::in_answer(http_status, None);
                assert_ne!(decide(&failure, Circumstances::default()).action, Do::Terminal, "lost without Meta's word");
            }
        }
        let failure = Failure::in_answer(http_status, error.as_ref());
        let is_settled = |action| !matches!(action, Do::SettleThenRetry(_));
        let in_status = Failure { seen: Seen::InStatus, ..failure };
        assert!(is_settled(decide(&in_status, Circumstances::default()).action), "a failed status is certain");
    }
    // Either is right: they must not panic.
    drop((is_success(data), MediaUrl::read(data), Number::read(data), Number::read_page(data), Account::read(data)));
    drop((TemplateListed::read(data), TemplateListed::read_page(data), TokenInfo::read(data), BlockAnswer::read(data)));
}

/// A request or an answer of each kind.
pub fn seeds() -> Vec<Vec<u8>> {
    let template = r#"{"name":"a","language":{"code":"en"},"components":[
        {"type":"header","parameters":[{"type":"image","image":{"id":"7"}}]},
        {"type":"body","parameters":[{"type":"text","parameter_name":"n","text":"a"}]},
        {"type":"limited_time_offer","parameters":[
            {"type":"limited_time_offer","limited_time_offer":{"expiration_time_ms":1}}]},
        {"type":"button","sub_type":"url","index":"0","parameters":[{"type":"text","text":"a"}]},
        {"type":"carousel","cards":[{"card_index":0,"components":[{"type":"body","parameters":[]}]}]}]}"#;
    let list = r#"{"type":"list","body":{"text":"b"},"action":{"button":"o","sections":[
        {"title":"s","rows":[{"id":"i","title":"t","description":"d"}]}]}}"#;
    let flow = r#"{"type":"flow","body":{"text":"b"},"action":{"name":"flow","parameters":{"flow_message_version":"3",
        "flow_id":"1","flow_cta":"c","flow_action":"navigate","flow_action_payload":{"screen":"S","data":{}}}}}"#;
    let bodies = [
        ("text", r#"{"body":"a","preview_url":true}"#),
        ("document", r#"{"link":"https://a.example","caption":"c","filename":"f"}"#),
        ("location", r#"{"latitude":"1","longitude":2}"#),
        ("reaction", r#"{"message_id":"m","emoji":""}"#),
        ("contacts", r#"[{"name":{"formatted_name":"A"},"phones":[{"phone":"+1"}]}]"#),
        ("template", template),
        ("interactive", list),
        ("interactive", flow),
    ];
    let message = |(kind, body): (&str, &str)| {
        format!(r#"{{"messaging_product":"whatsapp","to":"+34600000105","type":"{kind}","{kind}":{body}}}"#)
    };
    let others = [
        r#"{"messaging_product":"whatsapp","status":"read","message_id":"m","typing_indicator":{"type":"text"}}"#,
        r#"{"messaging_product":"whatsapp","to":"+34600000105","action":"pass","control_pass":{"target_role":"ai_agent"}}"#,
        r#"{"messaging_product":"whatsapp","block_users":[{"user":"+34600000105"}]}"#,
        r#"{"pin":"123456"}"#,
        "wp1/0192d3c4/1",
        r#"{"messages":[{"id":"m","message_status":"accepted"}],"contacts":[{"input":"+1","wa_id":"1"}]}"#,
        r#"{"error":{"code":131000,"error_subcode":33,"is_transient":true,"error_data":{"details":"d"}}}"#,
        r#"{"data":[{"id":"1","name":"n","language":"l","status":"s","components":[{"type":"BODY","text":"{{1}}"}]}]}"#,
        r#"{"id":"1","health_status":{"can_send_message":"BLOCKED","entities":[{"errors":[{"error_code":1}]}]}}"#,
        r#"{"data":{"is_valid":true,"expires_at":0,"granular_scopes":[{"scope":"s","target_ids":["1"]}]}}"#,
        "<html>Bad Gateway</html>",
    ];
    bodies.into_iter().map(message).chain(others.map(str::to_owned)).map(String::into_bytes).collect()
}
