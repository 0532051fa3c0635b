//! The last value that is allowed, and the first that is not.

use waypost_cloud_api::handshake::verify;
use waypost_cloud_api::samples::{SampleKind, SampleParams, sample};
use waypost_cloud_api::webhook::{Content, DEPTH_MAX, ITEMS_MAX, split};

use crate::support::{change, check, check_message, messages};

#[test]
fn a_query_may_be_as_long_as_it_says() {
    const QUERY_BYTES_MAX: usize = 4096;
    let of_length = |bytes: usize| {
        let query = "hub.mode=subscribe&hub.verify_token=t&hub.challenge=1&x=";
        format!("{query}{}", "y".repeat(bytes - query.len()))
    };
    assert_eq!(verify(&of_length(QUERY_BYTES_MAX), "t").as_deref(), Ok("1"));
    assert!(verify(&of_length(QUERY_BYTES_MAX + 1), "t").is_err());
}

#[test]
fn what_stands_side_by_side_is_not_deep() {
    let siblings = vec!["[{}]"; DEPTH_MAX * 10].join(",");
    check_message(&format!(r#""type":"text","new":[{siblings}]"#), "", "text");
}

#[test]
fn names_may_be_written_with_escapes() {
    check_message(r#""\u0074ype":"text","te\u0078t":{"b\u006fdy":"hi"}"#, "", "text text=hi");
    let body = messages(
        r#""messages":[{"id":"m","type":"interactive","interactive":{"nfm_reply":{"response_json":"{\"\\u0061nswer\":\"yes\"}"}}}]"#,
    );
    assert!(format!("{:?}", split(body.as_bytes()).events[0].content).contains("\"answer\""));
}

#[test]
fn an_entry_that_says_something_twice_is_kept_whole() {
    let body = r#"{"entry":[{"id":"W","changes":[],"changes":[{"field":"f","value":{}}]},{"id":"W","changes":[]}]}"#;
    let got = split(body.as_bytes());
    assert_eq!((got.events.len(), got.quarantined.len()), (0, 1));
}

#[test]
fn as_many_errors_are_kept_as_a_person_reads() {
    for (count, kept) in [(15, 15), (16, 16), (17, 16)] {
        let errors = (0..count).map(|code| format!(r#"{{"code":{code}}}"#)).collect::<Vec<_>>().join(",");
        let body = messages(&format!(r#""messages":[{{"id":"m","errors":[{errors}]}}]"#));
        let Content::Message(message) = &split(body.as_bytes()).events[0].content else { panic!("{body}") };
        assert_eq!(message.errors.len(), kept);
    }
}

#[test]
fn of_two_listed_people_the_one_who_wrote_is_meant() {
    let contacts = r#"{"wa_id":"1555","profile":{"name":"Ada"}},{"wa_id":"1666","profile":{"name":"Bea"}}"#;
    check_message(r#""from":"1666""#, contacts, "? phone=1666 name=Bea");
    // People are looked at as long as there may be items.
    let many = (0..ITEMS_MAX + 5).map(|n| format!(r#"{{"wa_id":"{n}"}}"#)).collect::<Vec<_>>().join(",");
    let got =
        split(messages(&format!(r#""contacts":[{many}],"messages":[{{"id":"m"}}]"#)).as_bytes()).quarantined.len();
    assert_eq!(got, 1, "more than is read is kept whole");
}

#[test]
fn a_bsuid_may_be_as_long_as_meta_says() {
    for (id, kind) in [("US.", "bsuid"), ("US.ENT.", "parent")] {
        let id = |bytes: usize| format!("{id}{}", "x".repeat(bytes - id.len()));
        check_message(&format!(r#""from":"{}""#, id(135)), "", &format!("? {kind}={}", id(135)));
        check_message(&format!(r#""from":"{}""#, id(136)), "", &format!("? phone={}", id(136)));
    }
}

#[test]
fn only_a_handover_is_asked_for_its_parties() {
    let of = |field: &str, value: &str| change(&format!(r#""field":"{field}","value":{value}"#));
    let value = r#"{"recipient":{"wa_id":"1555"}}"#;
    check("a handover", &of("messaging_handovers", value), &["contact messaging_handovers phone=1555 Unknown"]);
    let named = r#"{"contacts":[{"wa_id":"1666"}],"recipient":{"wa_id":"1555"}}"#;
    check(
        "who is named already",
        &of("messaging_handovers", named),
        &["contact messaging_handovers phone=1666 Unknown"],
    );
    check("something else", &of("user_preferences", value), &["account user_preferences"]);
}

#[test]
fn samples_have_what_their_kind_needs() {
    let params = SampleParams::default();
    let bsuid = sample(SampleKind::BsuidOnly, &params).to_string();
    assert!(bsuid.contains(r#""from_user_id":"US.10000000000000000001""#), "{bsuid}");
    let sent = sample(SampleKind::StatusSent, &params);
    let pricing = &sent["entry"][0]["changes"][0]["value"]["statuses"][0]["pricing"];
    assert_eq!((&pricing["billable"], &pricing["category"]), (&true.into(), &"service".into()), "{sent}");
}
