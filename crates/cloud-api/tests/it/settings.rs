//! What is set of a number and an account.

use serde_json::json;
use waypost_cloud_api::send::{JsonBody, NumberWebhooks, ProfileChange, Subscribe, WebhookAddress};

fn address() -> WebhookAddress {
    WebhookAddress { callback_uri: "https://a.example/hook".to_owned(), verify_token: "secret".to_owned() }
}

#[test]
fn a_profile_is_changed_where_something_is_said() {
    let change = ProfileChange {
        about: Some(String::new()),
        websites: Some(vec!["https://a.example".to_owned()]),
        picture_handle: Some("4:h".to_owned()),
        ..ProfileChange::default()
    };
    let want = json!({"messaging_product": "whatsapp", "about": "", "websites": ["https://a.example"],
        "profile_picture_handle": "4:h"});
    assert_eq!(change.to_value(), want);
    assert_eq!(ProfileChange::from_value(&want), Ok(change));
    let wrong = json!({"messaging_product": "whatsapp", "websites": ["https://a.example", 1]});
    let error = ProfileChange::from_value(&wrong).expect_err("a number is no website").to_string();
    assert_eq!(error, "websites must be a list of texts");
}

#[test]
fn webhooks_go_elsewhere_and_back() {
    let set = json!({"override_callback_uri": "https://a.example/hook", "verify_token": "secret"});
    let cases = [(Some(address()), set.clone(), set), (None, json!({}), json!({"override_callback_uri": ""}))];
    for (address, of_account, of_number) in cases {
        assert_eq!(Subscribe(address.clone()).to_value(), of_account);
        assert_eq!(Subscribe::from_value(&of_account), Ok(Subscribe(address.clone())));
        let of_number = json!({"webhook_configuration": of_number});
        assert_eq!(NumberWebhooks(address.clone()).to_value(), of_number);
        assert_eq!(NumberWebhooks::from_value(&of_number), Ok(NumberWebhooks(address)));
    }
    assert!(!format!("{:?}", address()).contains("secret"));
    let half = json!({"override_callback_uri": "https://a.example/hook"});
    assert_eq!(Subscribe::from_value(&half).expect_err("no token").to_string(), "verify_token is missing");
}
