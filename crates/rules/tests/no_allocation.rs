//! Deciding allocates nothing once its scratch has grown: the way of every message. A word for people is made apart.

#![allow(clippy::unwrap_used, reason = "a test")]

use waypost_domain::Timestamp;
use waypost_rules::{RouteInput, RuleSet, Scratch, toml_form};

/// Every key of the language, switched on.
const FULL: &str = include_str!("../src/toml_form/full.toml");

#[test]
fn choosing_allocates_nothing() {
    let set = RuleSet::parse(&FULL.replace("enabled = false", "enabled = true")).unwrap();
    let document = toml_form::read(FULL).unwrap();
    let mut inputs: Vec<RouteInput> =
        document.definition.rules.iter().flat_map(|rule| &rule.samples).map(|sample| sample.input.clone()).collect();
    for input in &mut inputs {
        input.received_at = Some(Timestamp::from_millis(1_768_300_000_000));
        input.zone = Some("America/Lima".into());
    }
    inputs.push(RouteInput { text: Some("¿Dónde está MI factura A17?".repeat(20)), ..inputs[0].clone() });
    let mut scratch = Scratch::default();
    let mut decide_all = || {
        inputs.iter().for_each(|input| {
            std::hint::black_box(set.choose(input, &mut scratch).team);
        })
    };
    decide_all();
    let counted = allocation_counter::measure(decide_all);
    assert_eq!(counted.count_total, 0);
    let worded = allocation_counter::measure(|| drop(std::hint::black_box(set.decide(&inputs[0]))));
    assert!(worded.count_total > 0, "the counter counts");
}
