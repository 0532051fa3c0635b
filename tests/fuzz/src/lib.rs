//! What must hold for any bytes that somebody sends: one function for each door, called by libFuzzer and by ordinary
//! tests. It panics when something does not hold, and must never read or write anything but its argument.

pub mod bird;
mod carrier;
pub mod envelope;
pub mod fold;
pub mod keywords;
pub mod rule_set;
pub mod rules;
pub mod sends;
pub mod signature;
mod tree;
pub mod twilio;
pub mod webhook;
mod wire;
pub mod words;

/// A fuzz target.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Of its binary, and of the folder with its cases.
    pub name: &'static str,
    /// Panics on a finding.
    pub check: fn(&[u8]),
    /// Good inputs of every kind, to start from.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// What its parsers look for, so that random changes reach their inner parts.
    pub words: &'static [&'static str],
}

pub const TARGETS: [Target; 12] = [
    Target { name: "webhook", check: webhook::check, seeds: webhook::seeds, words: webhook::WORDS },
    Target { name: "signature", check: signature::check, seeds: signature::seeds, words: signature::WORDS },
    Target { name: "twilio", check: twilio::check, seeds: twilio::seeds, words: twilio::WORDS },
    Target { name: "bird", check: bird::check, seeds: bird::seeds, words: bird::WORDS },
    Target { name: "sends", check: sends::check, seeds: sends::seeds, words: sends::WORDS },
    Target { name: "envelope", check: envelope::check, seeds: envelope::seeds, words: envelope::WORDS },
    Target { name: "fold", check: fold::check, seeds: fold::seeds, words: fold::WORDS },
    Target { name: "keywords", check: keywords::check, seeds: keywords::seeds, words: keywords::WORDS },
    Target { name: "words", check: words::check, seeds: words::seeds, words: words::WORDS },
    Target { name: "rules", check: rules::check, seeds: rules::seeds, words: rules::WORDS },
    Target { name: "rule_set", check: rule_set::check, seeds: rule_set::seeds, words: rule_set::WORDS },
    Target {
        name: "rule_set_edits",
        check: rule_set::check_edits,
        seeds: rule_set::edits,
        words: rule_set::EDIT_WORDS,
    },
];
