//! What Meta answers, of every kind.

use serde_json::{Value, json};
use waypost_cloud_api::answer::{
    Account, AnswerError, AppSubscription, BlockAnswer, BlockedUser, BusinessProfile, CanSend, Clicks, Component,
    ExampleHandle, Expiry, GraphError, MediaUrl, MessageStatus, Number, PricingPoint, SendAnswer, SendOutcome,
    SubscribedApp, TemplateCreated, TemplateListed, TemplatePoint, TokenInfo, UploadSession, Uploaded, is_success,
};

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn an_accepted_message() {
    let body = json!({"messaging_product": "whatsapp",
        "contacts": [{"input": "+5511987654321", "wa_id": "551187654321 ", "user_id": "BR.1349"}],
        "messages": [{"id": "wamid.1", "message_status": "accepted"}]});
    let SendOutcome::Accepted(answer) = SendOutcome::read(200, &bytes(&body)) else { panic!("accepted") };
    assert_eq!(answer.messages[0].id, "wamid.1");
    let contact = &answer.contacts[0];
    assert_eq!(contact.input, text("+5511987654321"));
    assert_eq!((&contact.wa_id, &contact.user_id), (&text("551187654321"), &text("BR.1349")));
    assert_eq!(SendAnswer::read(&answer.encode()), Ok(answer));

    let words = [
        ("accepted", MessageStatus::Accepted),
        ("held_for_quality_assessment", MessageStatus::HeldForQualityAssessment),
        ("paused", MessageStatus::Paused),
        ("new", MessageStatus::Other("new".to_owned())),
    ];
    for (word, want) in words {
        let answer = SendAnswer::read(&bytes(&json!({"messages": [{"id": "m", "message_status": word}]}))).unwrap();
        assert_eq!(answer.messages[0].status.as_ref(), Some(&want));
        assert_eq!(want.as_str(), word);
    }
    let blank = SendAnswer::read(br#"{"messages":[{"id":"m"}],"contacts":[{"wa_id":" "}]}"#).unwrap();
    assert_eq!(blank.contacts[0].wa_id, None);
    let plain = SendAnswer::read(br#"{"messages":[{"id":"m"}]}"#).unwrap();
    assert_eq!((plain.messages[0].status.clone(), plain.contacts.len()), (None, 0));
}

/// Given anything but an id or an error, then what became of the message is not known: it must not be sent again blindly.
#[test]
fn an_answer_that_says_neither() {
    let cases: [(u16, &[u8]); 8] = [
        (200, b""),
        (200, b"<html>"),
        (200, b"{}"),
        (200, br#"{"messages":[]}"#),
        (200, br#"{"messages":[{}]}"#),
        (500, br#"{"messages":[{"id":"m"}]}"#),
        (502, b"<html>Bad Gateway</html>"),
        (200, b"\xff\xfe"),
    ];
    for (status, body) in cases {
        assert_eq!(SendOutcome::read(status, body), SendOutcome::Unclear, "{status} {}", body.escape_ascii());
    }
    // An error counts before anything else.
    let both = br#"{"error":{"code":131000},"messages":[{"id":"m"}]}"#;
    assert!(matches!(SendOutcome::read(200, both), SendOutcome::Refused(error) if error.code == Some(131_000)));
}

#[test]
fn errors() {
    let full = json!({"error": {
        "message": "(#131030) Recipient phone number not in allowed list", "type": "OAuthException", "code": "131030",
        "error_data": {"messaging_product": "whatsapp", "details": "Add it"}, "error_subcode": 2_655_007,
        "is_transient": true, "error_user_title": "T", "error_user_msg": "M", "fbtrace_id": "A1"}});
    let want = GraphError {
        code: Some(131_030),
        subcode: Some(2_655_007),
        kind: text("OAuthException"),
        message: text("(#131030) Recipient phone number not in allowed list"),
        details: text("Add it"),
        is_transient: true,
        user_title: text("T"),
        user_message: text("M"),
        fbtrace_id: text("A1"),
    };
    assert_eq!(GraphError::read(&bytes(&full)), Some(want));

    let cases = [
        (r#"{"error":{"code":1,"error_data":"as text"}}"#, Some((Some(1), text("as text")))),
        (r#"{"error":{"message":"no code"}}"#, Some((None, None))),
        (r#"{"error":"internal server error"}"#, Some((None, None))),
        (r#"{"error":{"code":1,"error_data":{"details":7}}}"#, Some((Some(1), text("7")))),
        (r#"{"error":{"code":"one","is_transient":"false"}}"#, Some((None, None))),
        (r#"{"code":190}"#, None),
        (r#"{"error":null}"#, None),
        (r#"{"error":""}"#, None),
        ("<html>", None),
        ("", None),
    ];
    for (body, want) in cases {
        let read = GraphError::read(body.as_bytes());
        assert!(read.as_ref().is_none_or(|error| !error.is_transient), "{body}");
        assert_eq!(read.map(|error| (error.code, error.details)), want, "{body}");
    }
    let as_text = GraphError::read(br#"{"error":"internal server error"}"#).unwrap();
    assert_eq!(as_text.message, text("internal server error"));
}

/// Half a surrogate pair, where a translated text was cut, must not hide the code.
#[test]
fn an_error_with_a_broken_text() {
    let error = GraphError::read(br#"{"error":{"message":"a\ud83d","code":190,"error_data":{"details":"\udc00"}}}"#);
    assert_eq!(error.and_then(|error| error.code), Some(190));
}

#[test]
fn media() {
    assert_eq!(Uploaded::read(br#"{"id":985569392615996}"#).map(|upload| upload.id), Ok("985569392615996".to_owned()));
    assert_eq!(Uploaded::read(b"{}"), Err(AnswerError::Missing("id")));
    for size in [json!("103632"), json!(103_632)] {
        let body = json!({"url": "https://a.example/m", "mime_type": "image/png", "sha256": "72fd", "file_size": size,
            "id": "12"});
        let media = MediaUrl::read(&bytes(&body)).unwrap();
        assert_eq!((media.url.as_str(), media.file_size), ("https://a.example/m", Some(103_632)));
        assert_eq!((media.mime_type.as_deref(), media.sha256.as_deref()), (Some("image/png"), Some("72fd")));
        assert_eq!(format!("{media:?}"), "MediaUrl(…)");
    }
    assert_eq!(MediaUrl::read(br#"{"id":"1"}"#), Err(AnswerError::Missing("url")));
    assert_eq!(UploadSession::read(br#"{"id":"upload:MTph?sig=A"}"#).map(|it| it.id), Ok("upload:MTph?sig=A".into()));
    assert_eq!(UploadSession::read(br#"{"id":"77"}"#), Err(AnswerError::Missing("id")));
    assert_eq!(ExampleHandle::read(br#"{"h":"4::aW"}"#).map(|it| it.handle), Ok("4::aW".to_owned()));
}

#[test]
fn success() {
    assert_eq!(is_success(br#"{"success":true}"#), Ok(true));
    assert_eq!(is_success(br#"{"success":"true"}"#), Ok(true));
    assert_eq!(is_success(br#"{"success":false}"#), Ok(false));
    assert_eq!(is_success(b"{}"), Err(AnswerError::Missing("success")));
    assert_eq!(is_success(b"<html>"), Err(AnswerError::NotAnObject));
}

#[test]
fn pages_of_templates() {
    let body = json!({
        "data": [
            {"id": 7, "name": "order_update", "language": "en_US", "status": "APPROVED", "category": "MARKETING",
                "previous_category": "UTILITY", "correct_category": "UTILITY", "parameter_format": "NAMED",
                "quality_score": {"score": "GREEN", "date": 1}, "rejected_reason": "NONE",
                "components": [
                    {"type": "HEADER", "format": "IMAGE", "example": {}},
                    {"type": "BODY", "text": "Hello {{customer_name}}"},
                    {"type": "FOOTER", "code_expiration_minutes": 5},
                    {"type": "BUTTONS", "buttons": [
                        {"type": "QUICK_REPLY", "text": "Yes"}, 7,
                        {"type": "URL", "text": "Track", "url": "https://a.example/{{1}}"}]},
                    {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "Soon over", "has_expiration": true}},
                    {"type": "CAROUSEL", "cards": [{"components": [
                        {"type": "BODY", "text": "A"}, {"type": "CAROUSEL", "cards": []}]}]},
                    {"type": "HOLOGRAM"},
                ]},
            {"name": "nameless"},
        ],
        "paging": {"cursors": {"before": "a", "after": "b"}, "next": "https://graph.example/?access_token=T&after=b"},
    });
    let page = TemplateListed::read_page(&bytes(&body)).unwrap();
    assert_eq!((page.items.len(), page.unreadable), (1, 1));
    let next = page.next.unwrap();
    assert_eq!(next.after, text("b"));
    assert_eq!(format!("{next:?}"), "NextPage(…)");
    let template = &page.items[0];
    assert_eq!((template.id.as_deref(), template.status.as_str(), template.is_named), (Some("7"), "APPROVED", true));
    assert_eq!((&template.category, &template.quality), (&text("MARKETING"), &text("GREEN")));
    let kinds: Vec<&str> = template.components.iter().map(component).collect();
    assert_eq!(
        kinds,
        ["IMAGE", "Hello {{customer_name}}", "5 min", "QUICK_REPLY,,URL", "Soon over", "A,CAROUSEL", { "HOLOGRAM" }]
    );

    let last = json!({"data": [], "paging": {"cursors": {"after": "b"}}});
    assert_eq!(TemplateListed::read_page(&bytes(&last)).unwrap().next, None);
    assert_eq!(TemplateListed::read_page(b"{}"), Err(AnswerError::Missing("data")));
    let one = json!({"id": "7", "name": "n", "language": "en", "status": "PAUSED", "quality_score": "RED"});
    let one = TemplateListed::read(&bytes(&one)).unwrap();
    assert_eq!((one.status.as_str(), one.quality, one.is_named), ("PAUSED", text("RED"), false));
    let created = TemplateCreated::read(br#"{"id":"9","status":"PENDING","category":"MARKETING"}"#).unwrap();
    assert_eq!((created.id.as_str(), created.category), ("9", text("MARKETING")));
}

/// One word for what was read.
fn component(component: &Component) -> &'static str {
    let word = match component {
        Component::Header { format, .. } => format.clone(),
        Component::Body { text } => text.clone().unwrap_or_default(),
        Component::Footer { code_expires_minutes, .. } => format!("{} min", code_expires_minutes.unwrap_or_default()),
        Component::Buttons(buttons) => buttons.iter().map(|button| button.kind.as_str()).collect::<Vec<_>>().join(","),
        Component::LimitedTimeOffer { text, .. } => text.clone().unwrap_or_default(),
        Component::Carousel(cards) => cards.iter().flatten().map(self::component).collect::<Vec<_>>().join(","),
        Component::Other { kind } => kind.clone(),
    };
    word.leak()
}

#[test]
fn numbers_and_accounts() {
    let body = json!({
        "id": "109", "display_phone_number": "+1 555", "verified_name": "Shop", "status": "CONNECTED",
        "quality_rating": "GREEN", "name_status": "APPROVED", "throughput": {"level": "STANDARD"},
        "code_verification_status": "VERIFIED", "account_mode": "LIVE", "host_platform": "CLOUD_API",
        "whatsapp_business_manager_messaging_limit": "TIER_2K",
        "webhook_configuration": {"phone_number": "https://n.example", "application": "https://a.example"},
        "health_status": {"can_send_message": "LIMITED", "entities": [
            {"entity_type": "PHONE_NUMBER", "id": "109", "can_send_message": "AVAILABLE"},
            {"entity_type": "WABA", "id": 2, "can_send_message": "BLOCKED", "additional_info": ["a"], "errors": [
                {"error_code": 141_006, "error_description": "No payment", "possible_solution": "Pay"}]},
            {"can_send_message": "SOON"}]},
    });
    let number = Number::read(&bytes(&body)).unwrap();
    assert_eq!((number.id.as_str(), number.status.as_deref()), ("109", Some("CONNECTED")));
    assert_eq!((number.throughput.as_deref(), number.messaging_limit.as_deref()), (Some("STANDARD"), Some("TIER_2K")));
    assert_eq!((number.webhooks.of_number, number.webhooks.of_account), (text("https://n.example"), None));
    let health = number.health.unwrap();
    assert_eq!(health.can_send, CanSend::Limited);
    let states: Vec<&CanSend> = health.entities.iter().map(|entity| &entity.can_send).collect();
    assert_eq!(states, [&CanSend::Available, &CanSend::Blocked, &CanSend::Other("SOON".to_owned())]);
    assert_eq!(health.entities[1].errors[0].code, Some(141_006));
    assert_eq!(health.entities[1].additional_info, ["a"]);

    let page = Number::read_page(br#"{"data":[{"id":"1"},{"id":"2"},{}]}"#).unwrap();
    assert_eq!((page.items.len(), page.unreadable, page.next), (2, 1, None));
    assert_eq!(Number::read(b"{}"), Err(AnswerError::Missing("id")));

    let account = Account::read(br#"{"id":"2","account_review_status":"APPROVED","currency":"EUR"}"#).unwrap();
    assert_eq!((account.review_status, account.primary_funding_id, account.health), (text("APPROVED"), None, None));
}

#[test]
fn tokens() {
    let body = json!({"data": {"app_id": "1", "is_valid": true, "expires_at": 0, "data_access_expires_at": 1_767_225_600,
        "scopes": ["whatsapp_business_messaging"],
        "granular_scopes": [{"scope": "whatsapp_business_messaging", "target_ids": ["2", 3]}, {"target_ids": []}]}});
    let token = TokenInfo::read(&bytes(&body)).unwrap();
    assert!(token.is_valid);
    assert_eq!((token.expires, token.data_access_expires), (Expiry::Never, Expiry::At(1_767_225_600)));
    assert_eq!(token.scopes, ["whatsapp_business_messaging"]);
    assert_eq!(token.granular_scopes.len(), 1);
    assert_eq!(token.granular_scopes[0].target_ids, ["2", "3"]);
    let ended = TokenInfo::read(br#"{"data":{"is_valid":false,"error":{"code":190,"subcode":463,"message":"ended"}}}"#);
    let ended = ended.unwrap();
    assert_eq!((ended.is_valid, ended.expires, ended.error.and_then(|error| error.code)), {
        (false, Expiry::Unknown, Some(190))
    });
    assert_eq!(TokenInfo::read(b"{}"), Err(AnswerError::Missing("data")));
}

#[test]
fn blocked_customers_beside_an_error() {
    let body = json!({
        "block_users": {
            "added_users": [{"input": "+1", "wa_id": "1"}],
            "failed_users": [{"input": "+2", "wa_id": "2", "errors": [{"code": 131_047, "message": "m",
                "error_data": {"details": "not written"}}]}]},
        "error": {"code": 139_100}});
    let answer = BlockAnswer::read(&bytes(&body)).unwrap();
    assert_eq!((answer.added.len(), answer.removed.len(), answer.failed.len()), (1, 0, 1));
    let error = answer.failed[0].error.as_ref().unwrap();
    assert_eq!((error.code, &error.details), (Some(131_047), &text("not written")));
    assert_eq!(answer.error.and_then(|error| error.code), Some(139_100));
    assert_eq!(BlockAnswer::read(b"{}"), Err(AnswerError::Missing("block_users")));
}

#[test]
fn a_profile() {
    let body = json!({"data": [{"about": "Open", "websites": ["https://a.example", "https://b.example"],
        "vertical": "RETAIL", "email": null, "messaging_product": "whatsapp"}]});
    let want = BusinessProfile {
        about: text("Open"),
        vertical: text("RETAIL"),
        websites: vec!["https://a.example".to_owned(), "https://b.example".to_owned()],
        ..BusinessProfile::default()
    };
    assert_eq!(BusinessProfile::read(&bytes(&body)), Ok(want));
    assert_eq!(BusinessProfile::read(br#"{"data":[]}"#), Err(AnswerError::Missing("data")));
}

#[test]
fn subscriptions() {
    let body = json!({"data": [{"whatsapp_business_api_data": {"id": 12, "name": "Shop", "link": "x"},
        "override_callback_uri": "https://a.example/hook"}, {}]});
    let apps = SubscribedApp::read_page(&bytes(&body)).unwrap().items;
    assert_eq!((&apps[0].id, &apps[0].name), (&text("12"), &text("Shop")));
    assert_eq!(apps[0].override_callback_uri, text("https://a.example/hook"));
    assert_eq!((apps.len(), &apps[1].override_callback_uri), (2, &None));
    let body = json!({"data": [{"object": "whatsapp_business_account", "callback_url": "https://a.example", "active": true,
        "fields": [{"name": "messages", "version": "v26.0"}, "account_update"]}, {"active": true}]});
    let page = AppSubscription::read_page(&bytes(&body)).unwrap();
    assert_eq!((page.items[0].is_active, page.unreadable), (true, 1));
    assert_eq!(page.items[0].fields, ["messages", "account_update"]);
}

#[test]
fn blocked_customers_in_a_list() {
    for body in [
        json!({"data": [{"messaging_product": "whatsapp", "wa_id": "15550100001"}, {"wa_id": "15550100002"}]}),
        json!({"data": [{"block_users": [{"wa_id": "15550100001"}, {"wa_id": "15550100002"}]}]}),
    ] {
        let users = BlockedUser::read_page(&bytes(&body)).unwrap().items.concat();
        assert_eq!(users.len(), 2);
        assert_eq!(users[1].wa_id, text("15550100002"));
    }
}

#[test]
fn what_meta_has_counted() {
    let body = json!({"id": "1", "pricing_analytics": {"data": [{"data_points": [
        {"start": 1, "end": 2, "country": "DE", "pricing_category": "MARKETING", "pricing_type": "REGULAR",
            "volume": 300, "cost": 12.3456},
        {"start": "3", "end": 4, "volume": "7", "cost": 0}, {"end": 4}]}]}});
    let points = PricingPoint::read_all(&bytes(&body)).unwrap();
    assert_eq!(points.len(), 2);
    assert_eq!((points[0].volume, &points[0].cost, &points[0].country), (Some(300), &text("12.3456"), &text("DE")));
    assert_eq!((points[1].start, points[1].volume, &points[1].category), (3, Some(7), &None));
    assert_eq!(PricingPoint::read_all(br#"{"id":"1"}"#), Ok(Vec::new()));

    let body = json!({"data": [{"granularity": "DAILY", "data_points": [
        {"template_id": "9", "start": 1, "end": 2, "sent": 5, "delivered": 4, "read": 3,
            "clicked": [{"type": "quick_reply_button", "button_content": "Yes", "count": 2}],
            "cost": [{"type": "amount_spent", "value": 0.51}, {"type": "cost_per_delivered"}]}]}]});
    let page = TemplatePoint::read_page(&bytes(&body)).unwrap();
    let point = &page.items[0][0];
    assert_eq!((point.template_id.as_str(), point.sent, point.delivered, point.read), ("9", Some(5), Some(4), Some(3)));
    assert_eq!(point.clicked, [Clicks { kind: text("quick_reply_button"), button: text("Yes"), count: Some(2) }]);
    assert_eq!(point.costs, [("amount_spent".to_owned(), "0.51".to_owned())]);
}
