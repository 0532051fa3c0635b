//! What the fuzzers found stays found: every case runs again, and each target gets a few thousand mutations of its
//! cases on every test run. `cargo xtask fuzz` runs the same targets for long.

#[path = "../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "elsewhere it is a crate of its own")]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use waypost_rules::RuleSet;

use crate::workspace;
use targets::{TARGETS, Target};

/// For each target; together well below a second of an idle core per thousand.
const MUTATIONS: u64 = 3_000;
/// Where each input is a rule set, which is compiled in both of its forms.
const RULE_SETS: u64 = 400;
const MUTATED_BYTES_MAX: usize = 8 << 10;

#[test]
fn every_case_holds() {
    for target in TARGETS {
        for (name, bytes) in cases(target) {
            hold(target, &name, &bytes);
        }
        for (number, bytes) in (target.seeds)().into_iter().enumerate() {
            hold(target, &format!("seed {number}"), &bytes);
        }
    }
}

#[test]
fn mutations_of_the_cases_hold() {
    for target in TARGETS {
        let mut cases: Vec<Vec<u8>> = cases(target).into_iter().map(|(_, bytes)| bytes).collect();
        cases.extend((target.seeds)());
        let mutations = if target.name.starts_with("rule") { RULE_SETS } else { MUTATIONS };
        for seed in 0..mutations {
            let mut dice = fastrand::Rng::with_seed(seed);
            let mut bytes = cases[dice.usize(..cases.len())].clone();
            for _ in 0..dice.usize(1..6) {
                mutate(&mut bytes, target.words, &cases, &mut dice);
            }
            bytes.truncate(MUTATED_BYTES_MAX);
            hold(target, &format!("mutation {seed}"), &bytes);
        }
    }
}

/// Eight times the size may take so much more processor time; what grows with the square of the size takes 64.
const GROWTH_MAX: u32 = 24;
const SMALL_BYTES: usize = 32 << 10;
const LARGE_BYTES: usize = 8 * SMALL_BYTES;

/// Bodies that are made to be expensive, and rules files of many rules: time grows with the size, not with its square.
#[test]
fn time_grows_with_the_size() {
    let split = |bytes: &[u8]| drop(waypost_cloud_api::webhook::split(bytes));
    for (name, nasty) in NASTY_BODIES {
        grows_evenly(name, nasty, split);
    }
    let parse = |bytes: &[u8]| drop(RuleSet::parse(&String::from_utf8_lossy(bytes)));
    for (name, nasty) in NASTY_RULES {
        grows_evenly(name, nasty, parse);
    }
}

fn grows_evenly(name: &str, nasty: &Nasty, work: impl Fn(&[u8])) {
    let time = |size: usize| {
        let bytes = nasty.bytes(size);
        let times = (0..2).map(|_| {
            let begin = processor_time();
            work(&bytes);
            processor_time() - begin
        });
        times.min().expect("it ran").max(Duration::from_micros(200))
    };
    let (small, large) = (time(SMALL_BYTES), time(LARGE_BYTES));
    assert!(large < small * GROWTH_MAX, "{name}: {small:?}, and {large:?} for eight times the size");
}

/// Of this thread, whatever else the machine is doing.
fn processor_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.try_into().expect("not negative"), now.tv_nsec.try_into().expect("below a second"))
}

/// `before`, then `again` as often as there is room, then `after`.
struct Nasty {
    before: &'static str,
    again: &'static str,
    after: &'static str,
}

impl Nasty {
    fn bytes(&self, size: usize) -> Vec<u8> {
        let count = size.saturating_sub(self.before.len() + self.after.len()) / self.again.len();
        // A list or a file of numbered things: the last of them without its comma.
        let mut text = self.before.to_owned();
        for number in 0..count {
            text.push_str(&self.again.replace('#', &number.to_string()));
        }
        if text.ends_with(',') {
            text.pop();
        }
        (text + self.after).into_bytes()
    }
}

const fn nasty(before: &'static str, again: &'static str, after: &'static str) -> Nasty {
    Nasty { before, again, after }
}

const NASTY_BODIES: &[(&str, &Nasty)] = &[
    ("opening brackets", &nasty("", "[", "")),
    ("opening objects", &nasty("", "{\"a\":", "")),
    ("a string without an end", &nasty("{\"entry\":\"", "\\\"", "")),
    ("white space", &nasty("{\"entry\":[", " ", "]}")),
    ("keys", &nasty("{\"entry\":[],", "\"#\":[],", "}")),
    ("doubled keys", &nasty("{", "\"entry\":[],", "}")),
    ("entries", &nasty("{\"entry\":[", "{\"changes\":[]},", "]}")),
    ("changes", &nasty("{\"entry\":[{\"changes\":[", "{\"field\":\"messages\",\"value\":{}},", "]}]}")),
    (
        "messages",
        &nasty(
            "{\"entry\":[{\"changes\":[{\"value\":{\"messages\":[",
            "{\"id\":\"#\",\"from\":\"#\",\"type\":\"text\",\"text\":{\"body\":\"\\ud83d\"}},",
            "]}}]}]}",
        ),
    ),
    (
        "messages and no contact",
        &nasty("{\"entry\":[{\"changes\":[{\"value\":{\"contacts\":[{},{}],\"messages\":[", "{},", "]}}]}]}"),
    ),
    (
        "contacts",
        &nasty(
            "{\"entry\":[{\"changes\":[{\"value\":{\"messages\":[{}],\"message_echoes\":[{}],\"contacts\":[",
            "{\"wa_id\":\"#\"},",
            "]}}]}]}",
        ),
    ),
    (
        "changes with contacts",
        &nasty(
            "{\"entry\":[{\"changes\":[",
            "{\"value\":{\"messages\":[{\"from\":\"#\"}],\"contacts\":[{\"wa_id\":\"#\"},{\"wa_id\":\"b\"}]}},",
            "]}]}",
        ),
    ),
    (
        "errors beside messages",
        &nasty("{\"entry\":[{\"changes\":[{\"value\":{\"messages\":[{},{}],\"errors\":[", "{\"code\":#},", "]}}]}]}"),
    ),
    (
        "people whose id changes",
        &nasty(
            "{\"entry\":[{\"changes\":[{\"field\":\"user_id_update\",\"value\":{\"user_id_update\":[",
            "{\"wa_id\":\"#\",\"user_id\":{\"previous\":\"a#\",\"current\":\"b#\"}},",
            "]}}]}]}",
        ),
    ),
    (
        "deep items",
        &nasty(
            "{\"entry\":[{\"changes\":[{\"value\":{\"messages\":[",
            "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]],",
            "]}}]}]}",
        ),
    ),
];

const RULES_HEAD: &str = "[default]\nteam='a'\n[handover]\nteam='a'\nbuttons=['h']\n[[teams]]\nname='a'\n";

const NASTY_RULES: &[(&str, &Nasty)] = &[
    ("rules", &nasty(RULES_HEAD, "[[rules]]\nid='r#'\nteam='a'\nwhen={keyword='k#'}\n", "")),
    ("mistaken rules", &nasty(RULES_HEAD, "[[rules]]\nid='r#'\nteam='b'\nwhen={keyword='!'}\n", "")),
    ("teams", &nasty(RULES_HEAD, "[[teams]]\nname='t#'\noverflow_team='a'\n", "")),
    ("handover words", &nasty("[handover]\nteam='a'\nwords.en=[", "'w#',\n", "]\n")),
    ("a keyword", &nasty("[[rules]]\nid='r'\nteam='a'\nwhen={keyword='", "k\u{301}", "'}\n")),
    ("opening brackets", &nasty("a=", "[", "")),
    ("opening tables", &nasty("a=", "{a=", "")),
    ("a dotted key", &nasty("", "a.", "a=1")),
];

/// Runs one input, and says which it was when it fails.
fn hold(target: Target, name: &str, bytes: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| (target.check)(bytes))).is_err() {
        panic!("{}: {name}: {}", target.name, bytes.escape_ascii());
    }
}

fn cases(target: Target) -> Vec<(String, Vec<u8>)> {
    let folder = workspace::root().join("tests/fuzz/cases").join(target.name);
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("the entry is readable").path();
        let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
        cases.push((name, std::fs::read(&path).expect("the case is readable")));
    }
    cases.sort();
    cases
}

fn mutate(bytes: &mut Vec<u8>, words: &[&str], cases: &[Vec<u8>], dice: &mut fastrand::Rng) {
    let at = dice.usize(..=bytes.len());
    let end = bytes.len().min(at + dice.usize(..32));
    match dice.u8(..7) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..end)),
        2 => {
            let word = dice.choice(words).expect("there are words");
            bytes.splice(at..at, word.bytes());
        }
        3 => {
            let word = dice.choice(words).expect("there are words");
            bytes.splice(at..end, word.bytes());
        }
        4 => {
            let copy = bytes[at..end].to_vec();
            let to = dice.usize(..=bytes.len());
            bytes.splice(to..to, copy);
        }
        5 => {
            let other = dice.choice(cases).expect("there are cases");
            let from = dice.usize(..=other.len());
            bytes.splice(at.., other[from..].iter().copied());
        }
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = dice.u8(..);
            }
        }
    }
}
