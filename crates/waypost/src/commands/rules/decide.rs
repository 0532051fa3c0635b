//! `waypost rules decide`: inputs in, decisions out.

use std::io::{BufWriter, Write};
use std::time::Instant;

use serde_json::{Value, json};
use waypost_rules::{Decision, Scratch};

use super::{inputs, read_rules};
use crate::cli::DecideArgs;
use crate::exit::Failure;
use crate::output;

pub(super) fn run(args: &DecideArgs) -> Result<(), Failure> {
    let rules = read_rules(&args.rules)?;
    let lines = inputs::read(&args.inputs)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    for line in &lines {
        let decision = decision_json(&rules.decide(&line.input));
        writeln!(out, "{decision}").map_err(|error| output::closed_pipe(&error))?;
    }
    out.flush().map_err(|error| output::closed_pipe(&error))?;
    if args.stats {
        let mut scratch = Scratch::default();
        let began = Instant::now();
        for line in &lines {
            std::hint::black_box(rules.choose(&line.input, &mut scratch).priority);
        }
        let taken = began.elapsed();
        let decisions = lines.len();
        let ns = taken.as_nanos() / (decisions.max(1) as u128);
        let per_second = decisions as f64 / taken.as_secs_f64().max(f64::EPSILON);
        output::note(&format!("{decisions} decisions, {per_second:.0} per second, {ns} ns per decision"));
    }
    Ok(())
}

pub(super) fn decision_json(decision: &Decision) -> Value {
    let steps = decision.escalation.iter().map(|step| {
        json!({
            "after_minutes": step.after_minutes,
            "clock": step.clock.as_ref().map(|clock| clock.as_str()),
            "team": step.team,
        })
    });
    json!({
        "rule_set": decision.rule_set,
        "rule": decision.rule,
        "phase": decision.phase.as_str(),
        "team": decision.team,
        "urgency": decision.priority.as_str(),
        "person": decision.person,
        "fallback_team": decision.fallback_team,
        "tags": decision.tags,
        "skills": decision.skills,
        "escalation": steps.collect::<Vec<_>>(),
        "why": decision.why,
    })
}
