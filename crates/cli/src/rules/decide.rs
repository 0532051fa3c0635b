//! `waypost rules decide`: inputs in, decisions out.

use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};
use waypost_domain::Binding;
use waypost_rules::{Decision, Scratch};

use super::{inputs, read_rules};
use crate::failure::Failure;
use crate::output;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  echo '{\"text\":\"my invoice\",\"attributes\":{\"tier\":\"gold\"}}' | waypost rules decide --rules rules.toml
  waypost rules decide --rules rules.toml --inputs inputs.jsonl --stats > decisions.jsonl

An input may have: text, words (by part: {\"caption\": \"…\"}), form, group, forwarded, quoted, reply,
type, number, template, referral, referral_type, referral_url, attributes, tier, language, language_source, country, at
(2026-12-01T09:00:00+01:00), zone, previous_team, previous_age_s, window_left_s, first_contact, contact, open_team,
open_urgency, open_binding (loose, firm, held), open_waits, team_staffed ({\"billing\": true}), team_waiting
({\"billing\": 60}). Blank lines are left out; a line that is no input ends the
command with code 3.")]
pub struct DecideArgs {
    /// The rules file
    #[arg(long, value_name = "FILE")]
    rules: PathBuf,
    /// Inputs as JSON lines; - for standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    inputs: PathBuf,
    /// Print decisions per second and ns per decision to standard error, reading and printing excluded
    #[arg(long)]
    stats: bool,
    /// Decisions are JSON lines always; this changes nothing
    #[arg(long)]
    json: bool,
}

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

fn decision_json(decision: &Decision) -> Value {
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
        "binding": decision.binding.map(Binding::as_str),
        "asks_for_person": decision.asks_for_person,
        "suggested_team": decision.suggested_team,
        "why": decision.why,
    })
}
