//! What becomes of each kind of message, status and change, and of the many ways in which Meta writes it.

use waypost_cloud_api::webhook::{
    Content, DecodeError, Sender, decode_contact_change, decode_echo, decode_message, decode_status, split,
};
use waypost_domain::AliasSet;

use crate::support::{aliases, change, check, check_message, contact_change, messages};

#[test]
fn texts_taps_and_media() {
    let cases = [
        (r#""type":"text","text":{"body":"Hi"}"#, "text text=Hi"),
        (r#""type":"text","text":{"body":"\u00e4\u00f6\u00e5 \ud83d\udc4b \/ \u0040"}"#, "text text=äöå 👋 / @"),
        (r#""type":"text","text":{"body":"cut \ud83d"}"#, "text text=cut \u{fffd}\u{fffd}\u{fffd}"),
        (r#""type":"text","text":{"body":42}"#, "text text=42"),
        (r#""type":"text","text":{"body":null}"#, "text"),
        (r#""type":"text","text":{"body":{"no":1}}"#, "text"),
        (r#""type":"text","text":"Hi""#, "text"),
        (r#""type":"text","text":{"body":""}"#, "text"),
        (r#""type":"text","text":null"#, "text"),
        (r#""type":"text""#, "text"),
        (r#""type":7,"text":{"body":"Hi"}"#, "7 text=Hi"),
        (r#""type":null,"text":{"body":"Hi"}"#, "? text=Hi"),
        (r#""type":"image","image":{"id":"1","caption":"See"}"#, "image text=See media=1"),
        (r#""type":"image","image":{"id":1}"#, "image media=1"),
        (r#""type":"image","image":{"caption":"See"}"#, "image text=See"),
        (r#""type":"image","image":[]"#, "image"),
        (r#""type":"video","video":{"id":"1","caption":"See"}"#, "video text=See media=1"),
        (r#""type":"document","document":{"id":"1","caption":"See","filename":"f"}"#, "document text=See media=1"),
        (r#""type":"audio","audio":{"id":"1","voice":true}"#, "audio media=1"),
        (r#""type":"sticker","sticker":{"id":"1"}"#, "sticker media=1"),
        (r#""type":"button","button":{"payload":"P","text":"No"}"#, "button text=No Template=P"),
        (r#""type":"button","button":{"text":"No"}"#, "button text=No"),
        (
            r#""type":"interactive","interactive":{"type":"button_reply","button_reply":{"id":"b","title":"Yes"}}"#,
            "interactive text=Yes Button=b",
        ),
        (
            r#""type":"interactive","interactive":{"type":"list_reply","list_reply":{"id":"r","title":"Row"}}"#,
            "interactive text=Row List=r",
        ),
        (r#""type":"interactive","interactive":{"button_reply":{"id":3}}"#, "interactive Button=3"),
        (r#""type":"interactive","interactive":{"nfm_reply":{"response_json":"{bad"}}"#, "interactive"),
        (r#""type":"interactive""#, "interactive"),
        (r#""type":"location","location":{"latitude":"1.5","longitude":2}"#, "location"),
        (r#""type":"contacts","contacts":[{"name":{}}]"#, "contacts"),
        (r#""type":"reaction","reaction":{"message_id":"x"}"#, "reaction"),
        (r#""type":"order","order":{"text":"Thanks"}"#, "order"),
        (r#""type":"edit","edit":{"message":{"type":"text","text":{"body":"new"}}}"#, "edit"),
        (r#""type":"revoke","revoke":{"original_message_id":"x"}"#, "revoke"),
        (r#""type":"unsupported","errors":[{"code":131051}]"#, "unsupported errors=[131051]"),
        (r#""type":"unknown","errors":[{"code":"131051"},{},7,{"code":1.0}]"#, "unknown errors=[131051, 1]"),
        (r#""type":"hologram","hologram":{"x":[1]}"#, "hologram"),
        (r#""type":"text","context":{"id":"q","from":"1"}"#, "text quoted=q"),
        (r#""type":"text","context":{"forwarded":true}"#, "text"),
        (r#""type":"text","referral":{"source_id":"a","source_type":"ad"}"#, "text ad=a"),
        (r#""type":"text","referral":{}"#, "text"),
        (r#""type":"text","group_id":"g""#, "text group=g"),
    ];
    for (message, want) in cases {
        check_message(message, "", want);
    }
}

/// Whoever reads a plain text may leave Meta's own JSON aside.
#[test]
fn plain_texts() {
    let cases = [
        (r#""type":"text","text":{"body":"Hi"}"#, true),
        (r#""type":"text","text":{"body":"Hi"},"context":null"#, true),
        (r#""type":"text","text":{"body":"Hi"},"context":{"forwarded":true}"#, false),
        (r#""type":"text","text":{"body":"Hi"},"referral":{"ctwa_clid":"c"}"#, false),
        (r#""type":"text","text":{"body":"Hi"},"group_id":"g""#, false),
        (r#""type":"text","text":{"body":"Hi"},"news":{"of":"tomorrow"}"#, false),
        (r#""type":"text","text":{"body":"Hi"},"text":{"body":"Ho"}"#, false),
        (r#""type":"text","text":{"body":"Hi","preview_url":true}"#, false),
        (r#""type":"text","text":{"body":{"no":1}}"#, false),
        (r#""type":"text","text":"Hi""#, false),
        (r#""type":"image","image":{"id":"1","caption":"Hi"}"#, false),
        (r#""type":"hologram","text":{"body":"Hi"}"#, false),
    ];
    for (message, want) in cases {
        let json = format!(r#"{{"from":"49151","id":"m","timestamp":"1",{message}}}"#);
        let decoded = decode_message(&json, &Sender::default()).expect(message);
        assert_eq!(decoded.is_plain_text, want, "{message}");
    }
}

#[test]
fn timestamps() {
    let cases = [
        (r#""timestamp":"1749854575""#, " at=1749854575000"),
        (r#""timestamp":1749854575"#, " at=1749854575000"),
        (r#""timestamp":"1749854575123""#, " at=1749854575123"),
        (r#""timestamp":1749854575.0"#, " at=1749854575000"),
        (r#""timestamp":" 1749854575 ""#, " at=1749854575000"),
        (r#""timestamp":"soon""#, ""),
        (r#""timestamp":"""#, ""),
        (r#""timestamp":null"#, ""),
        (r#""timestamp":[1]"#, ""),
        (r#""timestamp":99999999999999999999999"#, ""),
        (r#""timestamp":-9223372036854775808"#, " at=-9223372036854775808"),
    ];
    for (timestamp, want) in cases {
        check_message(&format!(r#"{timestamp},"type":"text""#), "", &format!("text{want}"));
    }
}

#[test]
fn echoes_belong_to_the_recipient() {
    let cases = [
        (r#""from":"9","to":"1""#, "", " phone=1"),
        (r#""from":"9","to":"1","to_user_id":"US.a""#, "", " phone=1 bsuid=US.a"),
        (r#""from":"9","to_user_id":"US.a","to_parent_user_id":"US.ENT.a""#, "", " bsuid=US.a parent=US.ENT.a"),
        (r#""from":"9","from_user_id":"US.ours""#, "", ""),
        (r#""from":"9","to":"1""#, r#"{"wa_id":"1","user_id":"US.a"}"#, " phone=1 bsuid=US.a"),
    ];
    for (ids, contacts, want) in cases {
        for (field, list) in
            [("smb_message_echoes", "message_echoes"), ("standby", "message_echoes"), ("messages", "message_echoes")]
        {
            let value = format!(r#"{{"contacts":[{contacts}],"{list}":[{{"id":"m",{ids},"type":"text"}}]}}"#);
            let body = change(&format!(r#""field":"{field}","value":{value}"#));
            check(ids, &body, &[&format!("echo m text{want}")]);
        }
    }
}

#[test]
fn identities_that_change() {
    let both = "was phone=1 bsuid=US.a is phone=2 bsuid=US.b";
    let cases = [
        (r#""from":"1""#, r#""type":"user_changed_number","wa_id":"2""#, " phone=1 was phone=1 is phone=2".to_owned()),
        (
            r#""from":"1""#,
            r#""type":"user_changed_number","new_wa_id":"2""#,
            " phone=1 was phone=1 is phone=2".to_owned(),
        ),
        (
            r#""timestamp":null"#,
            r#""type":"user_changed_number","customer":"1","wa_id":2"#,
            " phone=1 was phone=1 is phone=2".to_owned(),
        ),
        (
            r#""from":"1","from_user_id":"US.a""#,
            r#""type":"user_changed_number","wa_id":"2","user_id":"US.b""#,
            format!(" phone=1 bsuid=US.a {both}"),
        ),
        (
            r#""from":"1","from_user_id":"US.b""#,
            r#""type":"user_changed_number","wa_id":"2","user_id":"US.b","previous_user_id":"US.a""#,
            format!(" phone=1 bsuid=US.a {both}"),
        ),
        (
            r#""from":"1","from_user_id":"US.b""#,
            r#""type":"user_changed_number","wa_id":"2","user_id":"US.b""#,
            " phone=1 was phone=1 is phone=2 bsuid=US.b".to_owned(),
        ),
        (
            r#""timestamp":null"#,
            concat!(
                r#""type":"user_changed_user_id","previous_user_id":"US.a","user_id":"US.b","#,
                r#""previous_parent_user_id":"US.ENT.a","parent_user_id":"US.ENT.b""#
            ),
            " bsuid=US.a parent=US.ENT.a was bsuid=US.a parent=US.ENT.a is bsuid=US.b parent=US.ENT.b".to_owned(),
        ),
        // Only the new identity is named: nothing to rotate, but it is whose message it is.
        (r#""timestamp":null"#, r#""type":"user_changed_user_id","user_id":"US.b""#, " bsuid=US.b".to_owned()),
        (r#""from":"1""#, r#""type":"user_changed_number""#, " phone=1".to_owned()),
        (r#""from":"1""#, r#""type":"customer_identity_changed","wa_id":"2""#, " phone=1".to_owned()),
        (r#""from":"1""#, r#""type":null"#, " phone=1".to_owned()),
    ];
    for (ids, system, want) in cases {
        check_message(&format!(r#"{ids},"type":"system","system":{{{system}}}"#), "", &format!("system{want}"));
    }
}

#[test]
fn statuses() {
    let cases = [
        (r#""id":"m","status":"sent","timestamp":1,"recipient_id":"1""#, "m:sent sent phone=1 at=1000"),
        (r#""id":"m","status":"played""#, "m:played played"),
        (r#""id":"m","status":"deleted""#, "m:deleted deleted"),
        (r#""id":"m","status":"sent","recipient_id":"US.a""#, "m:sent sent bsuid=US.a"),
        (
            r#""id":"m","status":"sent","recipient_user_id":"US.a","recipient_parent_user_id":"US.ENT.a""#,
            "m:sent sent bsuid=US.a parent=US.ENT.a",
        ),
        (r#""id":"m","status":"sent","parent_recipient_user_id":"US.ENT.a""#, "m:sent sent parent=US.ENT.a"),
        (r#""id":"m","status":"sent","biz_opaque_callback_data":"wp1/x/1""#, "m:sent sent mark=wp1/x/1"),
        (r#""id":"m","status":"failed","errors":[{"code":131047},{"code":"1"}]"#, "m:failed failed errors=[131047, 1]"),
        (r#""id":"m","status":"failed","errors":"none""#, "m:failed failed"),
        (
            r#""id":"m","status":"sent","pricing":{"category":"service","type":"regular"}"#,
            "m:sent sent category=service type=regular billed=true",
        ),
        (
            concat!(
                r#""id":"m","status":"delivered","pricing":{"billable":true,"pricing_model":"PMP","#,
                r#""category":"utility","type":"free_customer_service"}"#
            ),
            "m:delivered delivered category=utility type=free_customer_service model=PMP billed=false",
        ),
        (r#""id":"m","status":"sent","pricing":{"billable":"true"}"#, "m:sent sent"),
        (
            r#""id":"m","status":"sent","pricing":{"billable":false,"category":"referral_conversion"}"#,
            "m:sent sent category=referral_conversion billed=false",
        ),
        (
            concat!(
                r#""id":"m","status":"sent","conversation":{"id":"c","expiration_timestamp":"2","#,
                r#""origin":{"type":"referral_conversion"}}"#
            ),
            "m:sent sent conversation=c origin=referral_conversion until=2000",
        ),
        (r#""id":"m","status":"sent","conversation":{},"pricing":[]"#, "m:sent sent"),
        (
            r#""id":"m","status":"warning","recipient_user_id":"US.a","biz_opaque_callback_data":"wp1/a/b/2""#,
            "m:warning warning bsuid=US.a mark=wp1/a/b/2",
        ),
        (r#""id":"m","status":"sent","conversation":{"pricing":{"category":"group_service"}}"#, {
            "m:sent sent category=group_service"
        }),
        (
            r#""id":"m","status":"read","recipient_id":"grp","recipient_type":"group","recipient_participant_id":"1""#,
            "m:read:1 read phone=1",
        ),
        (
            r#""id":"m","status":"read","recipient_id":"grp","recipient_type":"group","participant_recipient_id":"1""#,
            "m:read:1 read phone=1",
        ),
        (
            r#""id":"m","status":"read","recipient_type":"group","recipient_participant_user_id":"US.a""#,
            "m:read:US.a read bsuid=US.a",
        ),
        (r#""id":"m","status":"read","recipient_id":"grp","recipient_type":"group""#, "m:read read"),
    ];
    for (status, want) in cases {
        let body = messages(&format!(r#""statuses":[{{{status}}}]"#));
        check(status, &body, &[&format!("status {want}")]);
    }
    // Without an id or a state there is nothing to be unique but the whole.
    let body = messages(r#""statuses":[{"id":"m"},{"status":"sent"},{"id":null,"status":[]},{}]"#);
    let got = split(body.as_bytes());
    assert_eq!(got.events.len(), 4);
    assert!(got.events.iter().all(|event| event.key.starts_with("sha256:")));
}

#[test]
fn changes_of_a_contact() {
    let own = r#""metadata":{"display_phone_number":"+9 9","phone_number_id":"77"}"#;
    let cases = [
        ("user_preferences", r#""user_preferences":[{"wa_id":"1","value":"stop"}]"#, " phone=1"),
        (
            "user_preferences",
            r#""contacts":[{"wa_id":"1"}],"user_preferences":[{"wa_id":"1","user_id":"US.a"}]"#,
            " phone=1 bsuid=US.a",
        ),
        ("user_preferences", r#""contacts":[{"wa_id":"1"}],"user_preferences":[{"wa_id":"2","user_id":"US.b"}]"#, {
            " phone=1"
        }),
        ("business_username_update", r#""user_id":"US.a""#, " bsuid=US.a"),
        ("brand_new", r#""wa_id":1"#, " phone=1"),
        ("calls", r#""calls":[{"from":"1","to":"99"}]"#, " phone=1"),
        ("calls", r#""calls":[{"from":"99","to":"1"}]"#, " phone=1"),
        ("calls", r#""contacts":[{"wa_id":"1"}],"statuses":[{"id":"c","status":"RINGING"}]"#, " phone=1"),
        (
            "user_id_update",
            r#""user_id_update":[{"wa_id":"1","user_id":{"previous":"US.a","current":"US.b"}}]"#,
            " phone=1 bsuid=US.a was phone=1 bsuid=US.a is phone=1 bsuid=US.b",
        ),
        (
            "user_id_update",
            concat!(
                r#""user_id_update":[{"user_id":{"previous":"US.a","current":"US.b"},"#,
                r#""parent_user_id":{"previous":"US.ENT.a","current":"US.ENT.b"}},"#,
                r#"{"user_id":{"previous":"US.c","current":"US.d"}},{"user_id":"US.e"},7]"#
            ),
            concat!(
                " bsuid=US.a parent=US.ENT.a was bsuid=US.a parent=US.ENT.a is bsuid=US.b parent=US.ENT.b",
                " was bsuid=US.c is bsuid=US.d"
            ),
        ),
        ("messaging_handovers", r#""wa_id":"1","control_passed":{}"#, " phone=1 Gained"),
        ("messaging_handovers", r#""wa_id":"1","pass_thread_control":{"new_owner_app_id":"5"}"#, " phone=1 Gained"),
        ("messaging_handovers", r#""wa_id":"1","pass_thread_control":{"new_owner_role":"ai_agent"}"#, " phone=1 Lost"),
        ("messaging_handovers", r#""wa_id":"1","control_passed":{"target_role":"ai_agent"}"#, " phone=1 Lost"),
        ("messaging_handovers", r#""wa_id":"1","control_taken":{}"#, " phone=1 Lost"),
        ("messaging_handovers", r#""wa_id":"1","take_thread_control":{"new_owner_app_id":5}"#, " phone=1 Lost"),
        ("messaging_handovers", r#""wa_id":"1","control_released":{"previous_owner_app_id":"5"}"#, " phone=1 Gained"),
        ("messaging_handovers", r#""wa_id":"1","control_released":{"new_owner":{"app_id":"5"}}"#, " phone=1 Lost"),
        ("messaging_handovers", r#""wa_id":"1","event":"pass""#, " phone=1 Gained"),
        ("messaging_handovers", r#""wa_id":"1","action":"take""#, " phone=1 Lost"),
        ("messaging_handovers", r#""wa_id":"1","type":"release_thread_control""#, " phone=1 Gained"),
        ("messaging_handovers", r#""wa_id":"1","event":"shrug""#, " phone=1 Unknown"),
        ("messaging_handovers", r#""messaging_handovers":[{"wa_id":"1","control_taken":{}}]"#, " phone=1 Lost"),
        ("messaging_handovers", r#""sender":{"id":"1"},"recipient":{"id":"77"},"control_taken":{}"#, " phone=1 Lost"),
        ("messaging_handovers", r#""recipient":"1","control_taken":{}"#, " phone=1 Lost"),
        ("messaging_handovers", r#""event":"take""#, " Lost"),
    ];
    for (field, members, want) in cases {
        let value = format!("{{{own},{members}}}");
        let body = change(&format!(r#""field":"{field}","value":{value}"#));
        check(members, &body, &[&format!("contact {field}{want}")]);
        let again = decode_contact_change(field, &value).unwrap();
        assert_eq!(contact_change(&again), want, "{members}");
    }
}

#[test]
fn changes_of_the_account() {
    let cases = [
        ("account_update", r#""event":"ACCOUNT_DELETED""#),
        ("message_template_status_update", r#""event":"APPROVED","reason":null"#),
        ("history", r#""contacts":[{"wa_id":"1"}],"history":[{"threads":[]}],"messages":[{"id":"m"}]"#),
        ("smb_app_state_sync", r#""wa_id":"1","state_sync":[]"#),
        ("brand_new", r#""contacts":[{}]"#),
        ("brand_new", r#""messages":[{"id":"m","text":{"body":"not a message of ours"}}]"#),
        ("group_settings_update", r#""groups":[{"group_id":"g"}]"#),
    ];
    for (field, members) in cases {
        let body = change(&format!(r#""field":"{field}","value":{{{members}}}"#));
        check(members, &body, &[&format!("account {field}")]);
    }
}

#[test]
fn an_item_decoded_again_is_the_same() {
    let contacts = r#"{"wa_id":"1","user_id":"US.a","profile":{"name":"Ada","username":"ada"}}"#;
    let body = messages(&format!(
        concat!(
            r#""contacts":[{contacts}],"messages":[{{"id":"m","from":"9","type":"text","text":{{"body":"Hi"}}}},"#,
            r#"{{"id":"s","from":"1","type":"system","system":{{"type":"user_changed_number","wa_id":"2"}}}}],"#,
            r#""message_echoes":[{{"id":"e","from":"8","to":"1","type":"text"}}]"#
        ),
        contacts = contacts
    ));
    let events = split(body.as_bytes()).events;
    assert_eq!(events.len(), 3);
    for event in events {
        let (message, again): (_, fn(&str, &Sender) -> _) = match event.content {
            Content::Message(message) => (message, decode_message),
            Content::Echo(message) => (message, decode_echo),
            other => panic!("{other:?}"),
        };
        let sender = Sender {
            aliases: message.contact.clone(),
            profile_name: message.profile_name.clone(),
            username: message.username.clone(),
        };
        assert_eq!(again(event.json, &sender), Ok(message));
    }
}

#[test]
fn decoding_without_a_known_sender() {
    let json = r#"{"from":"1","from_user_id":"US.a","to":"2"}"#;
    let nobody = Sender { aliases: AliasSet::default(), profile_name: Some("Ada".into()), username: None };
    let message = decode_message(json, &nobody).unwrap();
    assert_eq!(aliases(&message.contact), " phone=1 bsuid=US.a");
    assert_eq!(message.profile_name.as_deref(), Some("Ada"));
    assert_eq!(aliases(&decode_echo(json, &nobody).unwrap().contact), " phone=2");
    for bad in ["", "7", "[]", "null", "{", "{}x", "\"text\""] {
        assert_eq!(decode_message(bad, &nobody), Err(DecodeError::NotAnObject), "{bad}");
        assert_eq!(decode_echo(bad, &nobody), Err(DecodeError::NotAnObject), "{bad}");
        assert_eq!(decode_status(bad), Err(DecodeError::NotAnObject), "{bad}");
        assert_eq!(decode_contact_change("calls", bad), Err(DecodeError::NotAnObject), "{bad}");
    }
}
