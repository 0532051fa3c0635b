//! What a decision costs: at 100 to 100,000 rules, beside a hash index written by hand for just these rules (the
//! floor), the `quamina` crate and a plain scan. Fails where the index is too far from the floor, grows too fast,
//! allocates, or takes too long or too much memory to build.
//!
//! `cargo bench -p waypost-rules`; figures are the best of several rounds over all inputs.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stdout, reason = "a bench reads the clock")]

mod floor;
mod workload;

use std::hint::black_box;
use std::time::{Duration, Instant};

use waypost_rules::fold::Words;
use waypost_rules::naive::Scan;
use waypost_rules::{By, RouteInput, RuleSet, Scratch, compile};

use crate::floor::Floor;

const SIZES: [usize; 4] = [100, 1_000, 10_000, 100_000];
const ROUNDS: usize = 25;
/// The cost of a decision, in that of the floor.
const RATIO_MAX: f64 = 1.6;
/// Multiplies the limits of time, for a machine that others use at the same time.
const SLACK_VARIABLE: &str = "WAYPOST_BENCH_SLACK";

fn slack() -> f64 {
    std::env::var(SLACK_VARIABLE).map_or(1.0, |slack| slack.parse().unwrap())
}
/// Beyond this a scan and quamina would take minutes.
const SCANNED_INPUTS: usize = 200;
const QUAMINA_RULES_MAX: usize = 10_000;

struct Measured {
    rules: usize,
    decide: Duration,
}

fn main() {
    println!(
        "{:>7} {:>9} {:>9} {:>6} {:>10} {:>10} {:>9}",
        "rules", "decide", "floor", "ratio", "scan", "quamina", "build"
    );
    let mut failures = Vec::new();
    let measured: Vec<Measured> = SIZES.into_iter().map(|rules| at_size(rules, &mut failures)).collect();
    let (small, large) = (&measured[1], &measured[3]);
    let growth = large.decide.as_secs_f64() / small.decide.as_secs_f64();
    println!("from {} to {} rules: {growth:.1} times", small.rules, large.rules);
    if growth > 8.0 * slack() {
        failures.push(format!("grows {growth:.1} times"));
    }
    memory(&mut failures);
    assert!(failures.is_empty(), "{}", failures.join("; "));
}

fn at_size(rules: usize, failures: &mut Vec<String>) -> Measured {
    let document = workload::document(rules);
    let inputs = workload::inputs(rules);
    let definition = std::sync::Arc::new(document.definition);
    let mut build = Duration::MAX;
    let mut set = None;
    for _ in 0..3 {
        let began = Instant::now();
        let built = compile(definition.clone(), document.teams.clone(), document.calendars.clone()).unwrap();
        build = build.min(began.elapsed());
        set = Some(built);
    }
    let set = set.unwrap();
    let floor = Floor::new(&set);
    let mut scratch = Scratch::default();
    check_same(&set, &floor, &inputs, &mut scratch);
    let mut folded = Words::default();
    let (decide, by_floor) = in_turns(
        inputs.len(),
        || decide_all(&set, &inputs, &mut scratch),
        || {
            for input in &inputs {
                black_box(floor.decide(input, &mut folded));
            }
        },
    );
    let counted = allocation_counter::measure(|| decide_all(&set, &inputs, &mut scratch));
    let scan = scan(&set, &inputs[..SCANNED_INPUTS]);
    let quamina = (rules <= QUAMINA_RULES_MAX).then(|| by_quamina(&set, &inputs[..SCANNED_INPUTS * 10]));
    let ratio = decide.as_secs_f64() / by_floor.as_secs_f64();
    let quamina_text = quamina.map_or("-".to_owned(), |time| format!("{time:.0?}"));
    println!(
        "{rules:>7} {:>9} {:>9} {ratio:>6.2} {:>10} {quamina_text:>10} {:>9}",
        format!("{decide:.2?}"),
        format!("{by_floor:.2?}"),
        format!("{scan:.0?}"),
        format!("{build:.1?}")
    );
    if ratio > RATIO_MAX * slack() {
        failures.push(format!("{rules} rules: {ratio:.2} times the floor"));
    }
    if counted.count_total > 0 {
        failures.push(format!("{rules} rules: {} allocations in {} decisions", counted.count_total, inputs.len()));
    }
    let build_max = Duration::from_millis(if rules <= 10_000 { 100 } else { 1_000 });
    if build > build_max.mul_f64(slack()) {
        failures.push(format!("{rules} rules: built in {build:.0?}"));
    }
    Measured { rules, decide }
}

fn decide_all(set: &RuleSet, inputs: &[RouteInput], scratch: &mut Scratch) {
    for input in inputs {
        black_box(set.choose(input, scratch).priority);
    }
}

/// The index and the floor take turns, so that a busy machine slows both. The best round of each, per input.
fn in_turns(inputs: usize, mut a: impl FnMut(), mut b: impl FnMut()) -> (Duration, Duration) {
    let (mut best_a, mut best_b) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        best_a = best_a.min(timed(&mut a));
        best_b = best_b.min(timed(&mut b));
    }
    let inputs = u32::try_from(inputs).unwrap();
    (best_a / inputs, best_b / inputs)
}

fn timed(mut work: impl FnMut()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

/// All three decide the same, or the comparison is worth nothing.
fn check_same(set: &RuleSet, floor: &Floor, inputs: &[RouteInput], scratch: &mut Scratch) {
    let mut folded = Words::default();
    let mut decided = 0;
    for input in inputs {
        let by_index = match set.choose(input, scratch).by {
            By::Rule { rule, .. } => Some(&*rule.id),
            By::OpenConversation | By::RuleSet => None,
        };
        let by_floor = floor.decide(input, &mut folded);
        decided += usize::from(by_index.is_some());
        assert_eq!(by_index, by_floor.map(|rule| &*set.definition().rules[rule as usize].id), "{input:?}");
    }
    assert!(decided > inputs.len() / 2, "most inputs have a rule");
}

fn scan(set: &RuleSet, inputs: &[RouteInput]) -> Duration {
    let scan = Scan::new(set);
    let mut scratch = Scratch::default();
    let time = timed(|| {
        for input in inputs {
            black_box(scan.choose(input, &mut scratch).priority);
        }
    });
    time / u32::try_from(inputs.len()).unwrap()
}

/// Buttons, words and tier + country; it knows no calendars, no order and no folding, and reads JSON.
fn by_quamina(set: &RuleSet, inputs: &[RouteInput]) -> Duration {
    let mut quamina = quamina::QuaminaBuilder::new().with_arena_byte_budget(1 << 30).build().unwrap();
    for (place, rule) in set.definition().rules.iter().enumerate() {
        quamina.add_pattern(place, &workload::quamina_pattern(rule)).unwrap();
    }
    let events: Vec<String> = inputs.iter().map(workload::quamina_event).collect();
    let time = timed(|| {
        for event in &events {
            black_box(quamina.matches_for_event(event.as_bytes()).unwrap().len());
        }
    });
    time / u32::try_from(inputs.len()).unwrap()
}

/// What a rule set of 25,000 different buttons keeps alive, its plain data and its index.
fn memory(failures: &mut Vec<String>) {
    const RULES: usize = 25_000;
    let mut set = None;
    let plain = allocation_counter::measure(|| {
        let document = workload::buttons(RULES);
        let info = allocation_counter::measure(|| {
            set =
                Some(compile(document.definition.clone(), document.teams.clone(), document.calendars.clone()).unwrap());
        });
        println!("{RULES} buttons: {} bytes per rule, all told", info.bytes_current / i64::try_from(RULES).unwrap());
        if info.bytes_current > 500 * i64::try_from(RULES).unwrap() {
            failures.push(format!("{} bytes per rule", info.bytes_current / i64::try_from(RULES).unwrap()));
        }
    });
    black_box((plain.count_total, set));
}
