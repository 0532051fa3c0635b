//! A body of every kind of message, as Meta takes it.

use serde_json::{Value, json};

/// What Meta takes in the field named like the type, by type. Each is read, and written again the same.
pub(super) fn bodies() -> Vec<(&'static str, Value)> {
    [plain(), choices(), products_and_requests(), templates(), templates_of_cards()].concat()
}

fn plain() -> Vec<(&'static str, Value)> {
    vec![
        ("text", json!({"body": "a", "preview_url": true})),
        ("image", json!({"id": "7", "caption": "c"})),
        ("image", json!({"link": "https://a.example/a.png"})),
        ("video", json!({"id": "7", "caption": "c"})),
        ("document", json!({"link": "https://a.example/a.pdf", "caption": "c", "filename": "a.pdf"})),
        ("audio", json!({"id": "7"})),
        ("audio", json!({"id": "7", "voice": true})),
        ("sticker", json!({"id": "7"})),
        ("location", json!({"latitude": "1.5", "longitude": "-179.25", "name": "n", "address": "a"})),
        ("reaction", json!({"message_id": "wamid.1", "emoji": "👍"})),
        ("reaction", json!({"message_id": "wamid.1", "emoji": ""})),
        (
            "contacts",
            json!([{
                "name": {"formatted_name": "Ada L", "first_name": "Ada", "last_name": "L", "prefix": "Dr"},
                "birthday": "1990-01-01",
                "org": {"company": "c", "department": "d", "title": "t"},
                "phones": [{"phone": "+1", "wa_id": "1", "type": "CELL"}],
                "emails": [{"email": "a@a.example", "type": "WORK"}],
                "addresses": [{"street": "s", "city": "c", "state": "st", "zip": "z", "country": "C",
                    "country_code": "CC", "type": "HOME"}],
                "urls": [{"url": "https://a.example", "type": "WORK"}],
            }]),
        ),
    ]
}

fn choices() -> Vec<(&'static str, Value)> {
    let media_header = media_header();
    vec![
        (
            "interactive",
            json!({"type": "button", "header": media_header, "body": {"text": "b"}, "footer": {"text": "f"},
                "action": {"buttons": [{"type": "reply", "reply": {"id": "i", "title": "t"}}]}}),
        ),
        (
            "interactive",
            json!({"type": "list", "header": {"type": "text", "text": "h"}, "body": {"text": "b"},
            "action": {"button": "open", "sections": [
                {"title": "s", "rows": [{"id": "i", "title": "t", "description": "d"}, {"id": "j", "title": "u"}]},
            ]}}),
        ),
        (
            "interactive",
            json!({"type": "cta_url", "header": {"type": "image", "image": {"link": "https://a.example/a.png"}},
                "body": {"text": "b"},
                "action": {"name": "cta_url", "parameters": {"display_text": "d", "url": "https://a.example"}}}),
        ),
        (
            "interactive",
            json!({"type": "flow", "body": {"text": "b"}, "action": {"name": "flow", "parameters": {
                "flow_message_version": "3", "flow_id": "1", "flow_cta": "Go", "flow_token": "t", "mode": "draft",
                "flow_action": "navigate", "flow_action_payload": {"screen": "S", "data": {"a": [1]}}}}}),
        ),
        (
            "interactive",
            json!({"type": "flow", "body": {"text": "b"}, "action": {"name": "flow", "parameters": {
                "flow_message_version": "3", "flow_name": "n", "flow_cta": "Go", "flow_action": "data_exchange"}}}),
        ),
    ]
}

fn products_and_requests() -> Vec<(&'static str, Value)> {
    let sections = product_sections();
    vec![
        (
            "interactive",
            json!({"type": "location_request_message", "body": {"text": "b"}, "action": {"name": "send_location"}}),
        ),
        (
            "interactive",
            json!({"type": "request_contact_info", "body": {"text": "b"}, "action": {"name": "request_contact_info"}}),
        ),
        (
            "interactive",
            json!({"type": "product", "footer": {"text": "f"},
                "action": {"catalog_id": "c", "product_retailer_id": "p"}}),
        ),
        (
            "interactive",
            json!({"type": "product_list", "header": {"type": "text", "text": "h"}, "body": {"text": "b"},
                "action": {"catalog_id": "c", "sections": sections}}),
        ),
        (
            "interactive",
            json!({"type": "catalog_message", "body": {"text": "b"}, "action": {"name": "catalog_message",
                "parameters": {"thumbnail_product_retailer_id": "p"}}}),
        ),
    ]
}

fn templates() -> Vec<(&'static str, Value)> {
    let media_header = media_header();
    vec![
        ("template", template(json!([]))),
        (
            "template",
            template(json!([
                {"type": "header", "parameters": [{"type": "text", "text": "h"}]},
                {"type": "body", "parameters": [
                    {"type": "text", "text": "a"},
                    {"type": "currency", "currency": {"fallback_value": "$1", "code": "USD", "amount_1000": 1000}},
                    {"type": "date_time", "date_time": {"fallback_value": "today", "year": 2026, "hour": 9}},
                ]},
                {"type": "button", "sub_type": "quick_reply", "index": "0",
                    "parameters": [{"type": "payload", "payload": "p"}]},
                {"type": "button", "sub_type": "url", "index": "1", "parameters": [{"type": "text", "text": "x"}]},
                {"type": "button", "sub_type": "flow", "index": "2", "parameters": [
                    {"type": "action", "action": {"flow_token": "t", "flow_action_data": {"a": 1}}}]},
                {"type": "button", "sub_type": "flow", "index": "3"},
            ])),
        ),
        (
            "template",
            template(json!([
                {"type": "header", "parameters": [media_header]},
                {"type": "body", "parameters": [
                    {"type": "text", "parameter_name": "code", "text": "a"},
                    {"type": "text", "parameter_name": "customer_name", "text": "b"},
                ]},
                {"type": "limited_time_offer", "parameters": [
                    {"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": 1_767_225_600_000_i64}}]},
                {"type": "button", "sub_type": "copy_code", "index": "0",
                    "parameters": [{"type": "coupon_code", "coupon_code": "25OFF"}]},
            ])),
        ),
    ]
}

fn templates_of_cards() -> Vec<(&'static str, Value)> {
    let sections = product_sections();
    vec![
        (
            "template",
            template(json!([
                {"type": "carousel", "cards": [
                    {"card_index": 0, "components": [
                        {"type": "header", "parameters": [{"type": "image", "image": {"id": "7"}}]},
                        {"type": "body", "parameters": [{"type": "text", "text": "a"}]},
                        {"type": "button", "sub_type": "quick_reply", "index": "0",
                            "parameters": [{"type": "payload", "payload": "p"}]},
                    ]},
                    {"card_index": 1, "components": [
                        {"type": "header", "parameters": [
                            {"type": "product", "product": {"catalog_id": "c", "product_retailer_id": "p"}}]},
                    ]},
                ]},
            ])),
        ),
        (
            "template",
            template(json!([
                {"type": "header", "parameters": [
                    {"type": "location", "location": {"latitude": "1", "longitude": "2"}}]},
                {"type": "button", "sub_type": "CATALOG", "index": "0", "parameters": [
                    {"type": "action", "action": {"thumbnail_product_retailer_id": "p"}}]},
                {"type": "button", "sub_type": "mpm", "index": "1", "parameters": [
                    {"type": "action", "action": {"thumbnail_product_retailer_id": "p", "sections": sections}}]},
            ])),
        ),
    ]
}

fn media_header() -> Value {
    json!({"type": "document", "document": {"id": "7", "filename": "a.pdf"}})
}

fn product_sections() -> Value {
    json!([{"title": "s", "product_items": [{"product_retailer_id": "p"}]}])
}

pub(super) fn template(components: Value) -> Value {
    let mut template = json!({"name": "order_update", "language": {"code": "pt_BR"}});
    if components != json!([]) {
        template["components"] = components;
    }
    template
}
