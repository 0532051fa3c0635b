//! Every sample is what it says it is.

use waypost_cloud_api::samples::{SampleKind, SampleParams, envelope, sample};
use waypost_cloud_api::webhook::split;

use crate::support::event;

/// The first two words of the event that each sample gives, in the order of `SampleKind::ALL`.
const WANT: &[(&str, &str)] = &[
    ("text", "message text"),
    ("image", "message image"),
    ("video", "message video"),
    ("document", "message document"),
    ("audio", "message audio"),
    ("sticker", "message sticker"),
    ("location", "message location"),
    ("contacts", "message contacts"),
    ("button-reply", "message interactive"),
    ("list-reply", "message interactive"),
    ("template-button", "message button"),
    ("flow-reply", "message interactive"),
    ("call-permission-reply", "message interactive"),
    ("interactive-error", "message interactive"),
    ("reaction", "message reaction"),
    ("reaction-removed", "message reaction"),
    ("order", "message order"),
    ("system-number-change", "message system"),
    ("system-user-id-change", "message system"),
    ("system-identity-change", "message system"),
    ("edit", "message edit"),
    ("revoke", "message revoke"),
    ("unsupported", "message unsupported"),
    ("unknown", "message hologram"),
    ("bsuid-only", "message text"),
    ("group", "message text"),
    ("reply", "message text"),
    ("forwarded", "message text"),
    ("referral", "message text"),
    ("status-sent", "status sent"),
    ("status-delivered", "status delivered"),
    ("status-read", "status read"),
    ("status-played", "status played"),
    ("status-failed", "status failed"),
    ("status-group", "status read"),
    ("echo", "echo text"),
    ("standby", "standby text"),
    ("standby-echo", "echo text"),
    ("handover", "contact messaging_handovers"),
    ("handover-lost", "contact messaging_handovers"),
    ("user-id-update", "contact user_id_update"),
    ("user-preferences", "contact user_preferences"),
    ("call", "contact calls"),
    ("missed-call", "message call"),
    ("template-status", "account message_template_status_update"),
    ("template-paused", "account message_template_status_update"),
    ("template-components", "account message_template_components_update"),
    ("template-quality", "account message_template_quality_update"),
    ("template-category", "account template_category_update"),
    ("account-update", "account account_update"),
    ("account-violation", "account account_update"),
    ("account-ban", "account account_update"),
    ("account-review", "account account_review_update"),
    ("account-alert", "account account_alerts"),
    ("quality", "account phone_number_quality_update"),
    ("number-name", "account phone_number_name_update"),
    ("business-capability", "account business_capability_update"),
    ("security", "account security"),
    ("history", "account history"),
    ("state-sync", "account smb_app_state_sync"),
    ("errors", "account messages"),
    ("unknown-field", "account brand_new_field"),
];

#[test]
fn every_kind_is_one_event_of_its_kind() {
    assert_eq!(SampleKind::ALL.len(), WANT.len());
    for (kind, (name, want)) in SampleKind::ALL.iter().zip(WANT) {
        assert_eq!(kind.name(), *name);
        assert_eq!(SampleKind::parse(name), Some(*kind));
        for user_id in [None, Some("US.12345".to_owned())] {
            let body = sample(*kind, &SampleParams { user_id, ..SampleParams::default() }).to_string();
            let got = split(body.as_bytes());
            assert!(got.quarantined.is_empty(), "{name}");
            let [only] = got.events.as_slice() else { panic!("{name}: {} events", got.events.len()) };
            let line = event(only);
            let mut words = line.split(' ').filter(|word| !word.starts_with("wamid.SAMPLE0001"));
            assert_eq!(format!("{} {}", words.next().unwrap(), words.next().unwrap()), *want, "{name}: {line}");
        }
    }
    assert_eq!(SampleKind::parse("no-such-kind"), None);
}

#[test]
fn samples_hold_what_they_were_asked_for() {
    let params = SampleParams { user_id: Some("US.12345".into()), timestamp: 5, ..SampleParams::default() };
    let who = "phone=15550001111 bsuid=US.12345";
    let cases = [
        (SampleKind::Text, format!("message wamid.SAMPLE0001 text {who} name=Ada Sample at=5000 text=Hello")),
        (
            SampleKind::TemplateButton,
            format!(
                "message wamid.SAMPLE0001 button {who} name=Ada Sample at=5000 text=Hello Template=sample-payload \
                 quoted=wamid.SAMPLE0000"
            ),
        ),
        (
            SampleKind::SystemNumberChange,
            format!(
                "message wamid.SAMPLE0001 system {who} at=5000 was {who} is phone=15550009999 \
                 bsuid=US.10000000000000000099"
            ),
        ),
        (SampleKind::Echo, format!("echo wamid.SAMPLE0001 text {who} at=5000 text=Hello")),
        (
            SampleKind::StatusFailed,
            format!("status wamid.SAMPLE0001:failed failed {who} at=5000 mark=sample errors=[131047]"),
        ),
        (SampleKind::Handover, format!("contact messaging_handovers {who} Gained")),
        (SampleKind::HandoverLost, format!("contact messaging_handovers {who} Lost")),
    ];
    for (kind, want) in cases {
        let body = sample(kind, &params).to_string();
        assert_eq!(event(&split(body.as_bytes()).events[0]), want);
    }
}

#[test]
fn an_envelope_holds_all_its_items() {
    let params = SampleParams::default();
    let body = envelope(SampleKind::ALL.iter().map(|kind| sample(*kind, &params))).to_string();
    let got = split(body.as_bytes());
    assert!(got.quarantined.is_empty());
    assert_eq!(got.events.len(), SampleKind::ALL.len());
}
