//! Nothing is lost and nothing is doubled: every part of a POST is one event or one quarantine record.

use waypost_cloud_api::webhook::{DEPTH_MAX, ITEMS_MAX, QuarantineReason, split};

use crate::support::{change, check, messages};

#[test]
fn whole_bodies_that_are_no_webhooks() {
    let bodies: [&[u8]; 15] = [
        b"",
        b" ",
        b"hello",
        b"7",
        b"null",
        b"[]",
        b"{}",
        b"{\"entry\":null}",
        b"{\"entry\":{}}",
        b"{\"entry\":\"x\"}",
        b"{\"entry\":[]",
        b"{\"entry\":[]} x",
        b"{\"entry\":[],\"entry\":[]}",
        b"{\"entry\":[{\"id\":\"\xff\"}]}",
        b"{\"entry\":[{\"id\":\"1\",}]}",
    ];
    for body in bodies {
        let got = split(body);
        assert!(got.events.is_empty());
        let [part] = got.quarantined.as_slice() else { panic!("{:?}", String::from_utf8_lossy(body)) };
        assert_eq!((part.reason, part.position, part.bytes), (QuarantineReason::UnparseableBody, None, body));
    }
}

#[test]
fn parts_that_are_not_what_they_should_be() {
    let text = r#"{"id":"m","type":"text"}"#;
    let cases: Vec<(String, Vec<&str>)> = vec![
        (r#"{"entry":[]}"#.into(), vec![]),
        (r#"{"object":"page","entry":[{"changes":[]}]}"#.into(), vec![]),
        (r#"{"entry":[7]}"#.into(), vec!["quarantined unparseable_part 0.0.0 7"]),
        (
            r#"{"entry":[{},{"changes":{}},{"changes":null}]}"#.into(),
            vec![
                "quarantined unparseable_part 0.0.0 {}",
                r#"quarantined unparseable_part 1.0.0 {"changes":{}}"#,
                r#"quarantined unparseable_part 2.0.0 {"changes":null}"#,
            ],
        ),
        (
            r#"{"entry":[{"changes":[7,{},{"value":7},{"field":"x","value":{}}]}]}"#.into(),
            vec![
                "account x",
                "quarantined unparseable_part 0.0.0 7",
                "quarantined unparseable_part 0.1.0 {}",
                r#"quarantined unparseable_part 0.2.0 {"value":7}"#,
            ],
        ),
        (
            messages(&format!(r#""messages":[{text},7,"x",null,[],{text}]"#)),
            vec![
                "message m text",
                "message m text",
                "quarantined unparseable_part 0.0.1 7",
                "quarantined unparseable_part 0.0.2 \"x\"",
                "quarantined unparseable_part 0.0.3 null",
                "quarantined unparseable_part 0.0.4 []",
            ],
        ),
        (
            messages(r#""messages":{"id":"m"},"statuses":[{"id":"s","status":"read"}],"message_echoes":"e""#),
            vec![
                "status s:read read",
                r#"quarantined unparseable_part 0.0.0 {"id":"m"}"#,
                "quarantined unparseable_part 0.0.2 \"e\"",
            ],
        ),
        // A list given twice: reading one of the two would lose the other.
        (
            messages(r#""messages":[],"messages":[{"id":"m"}]"#),
            vec![concat!(
                r#"quarantined unparseable_part 0.0.0 {"field":"messages","value":"#,
                r#"{"messages":[],"messages":[{"id":"m"}]}}"#
            )],
        ),
        (
            change(r#""value":{},"value":{"messages":[]}"#),
            vec![r#"quarantined unparseable_part 0.0.0 {"value":{},"value":{"messages":[]}}"#],
        ),
    ];
    for (body, want) in cases {
        check(&body, &body, &want);
    }
}

#[test]
fn fields_and_what_stands_in_them() {
    let cases = [
        (r#""field":"messages","value":{"messages":[{"id":"m"}]}"#, vec!["message m ?"]),
        (r#""field":"","value":{"messages":[{"id":"m"}]}"#, vec!["message m ?"]),
        (r#""field":null,"value":{"statuses":[{"id":"m","status":"sent"}]}"#, vec!["status m:sent sent"]),
        (r#""value":{"messages":[{"id":"m"}]}"#, vec!["message m ?"]),
        (r#""field":"standby","value":{"messages":[{"id":"m"}]}"#, vec!["standby m ?"]),
        (
            r#""field":"standby","value":{"statuses":[{"id":"m","status":"sent"}],"message_echoes":[{"id":"e"}]}"#,
            vec!["status m:sent sent", "echo e ?"],
        ),
        (
            r#""field":"smb_message_echoes","value":{"message_echoes":[{"id":"a"},{"id":"b"}]}"#,
            vec!["echo a ?", "echo b ?"],
        ),
        (
            r#""field":"smb_message_echoes","value":{"message_echoes":[{"id":"a"}],"messages":[{"id":"m"}]}"#,
            vec!["echo a ?", "account smb_message_echoes"],
        ),
        (r#""field":"smb_message_echoes","value":{}"#, vec!["account smb_message_echoes"]),
        // Neither messages nor statuses.
        (r#""field":"messages","value":{}"#, vec!["account messages"]),
        (r#""field":"messages","value":{"messages":[],"statuses":[]}"#, vec!["account messages"]),
        (r#""field":"messages","value":{"contacts":[{"wa_id":"1"}]}"#, vec!["contact messages phone=1"]),
        (r#""value":{"event":"X"}"#, vec!["account "]),
        (r#""field":7,"value":{}"#, vec!["account 7"]),
        (r#""field":["x"],"value":{}"#, vec!["account "]),
        // Something else beside them.
        (
            r#""field":"messages","value":{"messages":[{"id":"m"}],"calls":[{"wa_id":"1"}]}"#,
            vec!["message m ?", "account messages"],
        ),
        (r#""field":"messages","value":{"messages":[{"id":"m"}],"calls":[],"x":{ },"y":null}"#, vec!["message m ?"]),
        // Errors go with the messages beside them, and are news of their own where there are none.
        (
            r#""field":"messages","value":{"messages":[{"id":"m","errors":[{"code":1}]},{"id":"n"}],"errors":[{"code":131000}]}"#,
            vec!["message m ? errors=[1, 131000]", "message n ? errors=[131000]"],
        ),
        (r#""field":"messages","value":{"errors":[{"code":131000}]}"#, vec!["account messages"]),
        (
            r#""field":"messages","value":{"statuses":[{"id":"m","status":"sent"}],"errors":[{"code":131000}]}"#,
            vec!["status m:sent sent", "account messages"],
        ),
        (r#""field":"messages","value":{"messages":[{"id":"m"}],"errors":[]}"#, vec!["message m ?"]),
        (
            r#""field":"messages","value":{"messages":[7],"errors":[{"code":1}]}"#,
            vec!["account messages", "quarantined unparseable_part 0.0.0 7"],
        ),
        // A call's statuses are not those of a message.
        (r#""field":"calls","value":{"statuses":[{"id":"c","status":"RINGING"}]}"#, vec!["account calls"]),
    ];
    for (members, want) in cases {
        check(members, &change(members), &want);
    }
}

#[test]
fn every_event_says_where_it_stood_and_whom_it_reached() {
    let value = |number: &str| {
        format!(
            concat!(
                r#"{{"metadata":{{"phone_number_id":{},"display_phone_number":"+1 5"}},"#,
                r#""messages":[{{"id":"a"}},{{"id":"b"}}],"statuses":[{{"id":"a","status":"sent"}}],"calls":[1]}}"#
            ),
            number
        )
    };
    let body = format!(
        concat!(
            r#"{{"entry":[{{"id":1,"time":"170","changes":[{{"field":"messages","value":{}}},"#,
            r#"{{"field":"standby","value":{}}}]}},"#,
            r#"{{"id":"2","changes":[{{"field":"x","value":{{"display_phone_number":"3"}}}}]}}]}}"#
        ),
        value("77"),
        value("\"78\"")
    );
    let got: Vec<String> = split(body.as_bytes())
        .events
        .into_iter()
        .map(|event| {
            let at = event.position;
            let time = event.entry_time.unwrap_or_default();
            format!(
                "{}.{}.{} {} {time} {:?} {:?}",
                at.entry,
                at.change,
                at.item,
                event.waba_id,
                event.number.as_str(),
                event.display_phone_number
            )
        })
        .collect();
    let first =
        |change: u32, number: u32| (0..4).map(move |item| format!("0.{change}.{item} 1 170 \"{number}\" \"+1 5\""));
    let want: Vec<String> = first(0, 77).chain(first(1, 78)).chain(["1.0.0 2 0 \"\" \"3\"".to_owned()]).collect();
    assert_eq!(got, want);
}

#[test]
fn keys_are_equal_for_repetitions_only() {
    let key = |body: &str| split(body.as_bytes()).events.into_iter().map(|event| event.key).collect::<Vec<_>>();
    let timed = |time: u32, value: &str| {
        key(&format!(r#"{{"entry":[{{"id":"W","time":{time},"changes":[{{"field":"f","value":{value}}}]}}]}}"#))
    };
    assert_eq!(key(&messages(r#""messages":[{"id":"m"},{"id":7}]"#)), ["m", "7"]);
    let standby = change(r#""field":"standby","value":{"messages":[{"id":"m"}]}"#);
    assert_eq!(key(&standby), ["m"], "the same message, whichever field it comes in");
    let unnamed = messages(r#""messages":[{"text":{"body":"a b"}}]"#);
    assert_eq!(key(&unnamed), key(&unnamed), "Meta repeats a POST byte by byte");
    let other = messages("\"messages\" : [ { \"text\": {\"body\":\"a b\"}}\n]");
    assert_ne!(key(&unnamed), key(&other), "without an id, an equal message of another POST is another message");
    assert_ne!(
        key(&messages(r#""messages":[{"text":{"body":"a b"}}]"#)),
        key(&messages(r#""messages":[{"text":{"body":"ab"}}]"#))
    );
    assert_eq!(timed(1, r#"{"event": "X"}"#), timed(1, r#"{"event":"X"}"#));
    assert_ne!(timed(1, r#"{"event":"X"}"#), timed(2, r#"{"event":"X"}"#), "an equal change later is another one");
}

#[test]
fn the_json_of_an_event_is_a_slice_of_the_body() {
    let body = messages(r#""messages":[ {"id" : "m", "text":{"body":"\u00e4 \/ 👋"} } ]"#);
    let got = split(body.as_bytes());
    assert_eq!(got.events[0].json, r#"{"id" : "m", "text":{"body":"\u00e4 \/ 👋"} }"#);
    assert!(body.as_bytes().as_ptr_range().contains(&got.events[0].json.as_ptr()));
    let other = change(r#""field":"x","value": {"a" : 1}"#);
    assert_eq!(split(other.as_bytes()).events[0].json, r#"{"a" : 1}"#);
}

#[test]
fn a_deep_item_costs_only_itself() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let item = |id: &str, depth: usize| format!(r#"{{"id":"{id}","new":{}}}"#, nested(depth));
    let brackets = "[{".repeat(200);
    let cases = [
        (item("a", DEPTH_MAX - 1), item("b", 1), vec!["message a ?".to_owned(), "message b ?".to_owned()]),
        (
            item("a", DEPTH_MAX),
            item("b", 1),
            vec!["message b ?".to_owned(), format!("quarantined too_deep 0.0.0 {}", item("a", DEPTH_MAX))],
        ),
        (
            item("a", 1),
            item("b", 100_000),
            vec!["message a ?".to_owned(), format!("quarantined too_deep 0.0.1 {}", item("b", 100_000))],
        ),
        (
            // Brackets in a string are text, behind an escaped quote too.
            format!(r#"{{"id":"a","text":{{"body":"\"{brackets}"}}}}"#),
            item("b", 1),
            vec![format!("message a ? text=\"{brackets}"), "message b ?".to_owned()],
        ),
    ];
    for (first, second, want) in cases {
        let want: Vec<&str> = want.iter().map(String::as_str).collect();
        check("depth", &messages(&format!(r#""messages":[{first},{second}]"#)), &want);
    }
}

#[test]
fn bombs() {
    let open = "[".repeat(4 << 20);
    let objects = r#"{"a":"#.repeat(800_000);
    let cases = [
        (open.clone(), QuarantineReason::TooDeep),
        (objects, QuarantineReason::TooDeep),
        (format!(r#"{{"entry":{open}"#), QuarantineReason::TooDeep),
        (messages(&format!(r#""messages":[{}{{}}]"#, "{},".repeat(ITEMS_MAX))), QuarantineReason::UnparseableBody),
        (messages(&format!(r#""messages":[{}7]"#, "7,".repeat(ITEMS_MAX))), QuarantineReason::UnparseableBody),
        (
            messages(&format!(r#""contacts":[{}{{}}],"messages":[{{}}]"#, "{},".repeat(ITEMS_MAX))),
            QuarantineReason::UnparseableBody,
        ),
        (format!(r#"{{"entry":[{}7]}}"#, "7,".repeat(ITEMS_MAX)), QuarantineReason::UnparseableBody),
    ];
    for (body, want) in cases {
        let got = split(body.as_bytes());
        assert!(got.events.is_empty());
        let [part] = got.quarantined.as_slice() else { panic!("{} records", got.quarantined.len()) };
        assert_eq!((part.reason, part.position, part.bytes.len()), (want, None, body.len()));
    }
    let full = messages(&format!(r#""messages":[{}{{}}]"#, "{},".repeat(ITEMS_MAX - 1)));
    assert_eq!(split(full.as_bytes()).events.len(), ITEMS_MAX);
}

/// Equal messages without an id are as many as there are; the same POST once more is none.
#[test]
fn equal_messages_without_an_id_are_two() {
    let ok = r#"{"from":"1","type":"text","text":{"body":"ok"}}"#;
    let keys = |body: &str| split(body.as_bytes()).events.into_iter().map(|event| event.key).collect::<Vec<_>>();
    let twice = messages(&format!(r#""messages":[{ok},{ok}],"message_echoes":[{ok}]"#));
    let once = messages(&format!(r#""messages":[{ok}]"#));
    let elsewhere = once.replacen("\"W\"", "\"V\"", 1);
    let mut all: Vec<String> = [&twice, &once, &elsewhere].into_iter().flat_map(|body| keys(body)).collect();
    assert_eq!((keys(&twice), keys(&once)), (all[..3].to_vec(), all[3..4].to_vec()));
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 5);
}

/// What a hostile body makes is bounded by what it is: names around names, and errors beside many messages, are copied.
#[test]
fn little_is_not_made_into_much() {
    let bytes_made = |body: &str| {
        let got = split(body.as_bytes());
        got.events.iter().map(|event| format!("{:?}", event.content).len()).sum::<usize>()
    };
    let form = |response: &str| {
        let response = serde_json::to_string(response).unwrap();
        messages(&format!(
            r#""messages":[{{"id":"m","type":"interactive","interactive":{{"nfm_reply":{{"response_json":{response}}}}}}}]"#
        ))
    };
    let long = "k".repeat(100_000);
    let wide = (0..100).map(|n| format!("\"a{n}\":1")).collect::<Vec<_>>().join(",");
    let nested = (0..100)
        .fold("{}".to_owned(), |inner, n| if n % 25 == 0 { format!("{{\"n\":{inner},{wide}}}") } else { inner });
    let many = vec!["{}"; 9_000].join(",");
    let error = format!(r#"{{"code":1,"title":"{long}","error_data":{{"details":"{long}"}}}}"#);
    let beside = format!(r#""field":"messages","value":{{"messages":[{many}],"errors":[{error},{error}]}}"#);
    let bodies =
        [form(&format!("{{\"{long}\":{{{wide}}}}}")), form(&format!("{{\"{long}\":{nested}}}")), change(&beside)];
    for body in bodies {
        let made = bytes_made(&body);
        // What Rust shows of a message that says nothing is long itself.
        assert!(made < 16 * body.len() + 9_000 * 1_000, "{} bytes of {}", made, body.len());
    }
    // The beginning of a long name is kept.
    let body = form(&format!("{{\"{long}\":{{\"answer\":\"yes\"}}}}"));
    let got = split(body.as_bytes());
    let said = format!("{:?}", got.events[0].content);
    assert!(said.contains("k.answer") && said.contains("yes") && said.len() < 2_000, "{} bytes", said.len());
}
