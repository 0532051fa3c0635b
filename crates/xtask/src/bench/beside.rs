//! Two builds by turns on the same servers: whether a change made anything slower.

use std::sync::Arc;

use serde_json::json;

use super::http::Requests;
use super::report::{Row, Spread};
use super::sent::webhook;
use super::{Bench, SECRET};

/// What a phase cost one build and the other, in the same round.
type Pair = (Row, Row);
type Figure = fn(&Row) -> f64;

const FIGURES: [(&str, Figure); 3] =
    [("messages/s", |row| row.per_second), ("client µs", |row| row.client_us), ("database µs", |row| row.database_us)];

pub(super) async fn run(ours: &Bench, theirs: &Bench) -> anyhow::Result<()> {
    for bench in [ours, theirs] {
        phases(bench, "warm-up", ours.args.messages / 10).await?;
    }
    let (mut ingress, mut router): (Vec<Pair>, Vec<Pair>) = (Vec::new(), Vec::new());
    for round in 0..ours.args.rounds {
        ours.say(&format!("round {} of {}", round + 1, ours.args.rounds));
        let name = format!("r{round}");
        let messages = ours.args.messages;
        // Who goes first changes: what came before may have left the servers something to do.
        let (of_ours, of_theirs) = if round % 2 == 0 {
            let of_ours = phases(ours, &name, messages).await?;
            (of_ours, phases(theirs, &name, messages).await?)
        } else {
            let of_theirs = phases(theirs, &name, messages).await?;
            (phases(ours, &name, messages).await?, of_theirs)
        };
        ingress.push((of_ours.0, of_theirs.0));
        router.push((of_ours.1, of_theirs.1));
    }
    if ours.args.json {
        println!("{}", json!({ "ingress": to_json(&ingress), "router": to_json(&router) }));
    } else {
        print!("{}", table(&[("ingress", &ingress), ("router", &router)]));
    }
    Ok(())
}

/// Ingress and router.
async fn phases(bench: &Bench, name: &str, messages: usize) -> anyhow::Result<(Row, Row)> {
    let messages = messages / bench.inbound.len() * bench.inbound.len();
    let bodies = (0..messages).map(|n| webhook(name, n, ""));
    bench.ingress_and_router(&Arc::new(Requests::new("/webhook", SECRET, bodies))).await
}

/// A figure of a phase: of ours, of theirs, and ours to theirs, each taken within its round.
fn figures(rounds: &[Pair]) -> [(&'static str, Spread, Spread, Spread); 3] {
    FIGURES.map(|(name, value)| {
        let all = |of: &dyn Fn(&Pair) -> f64| Spread::of(rounds.iter().map(of).collect());
        let ratio = all(&|(ours, theirs)| value(ours) / value(theirs));
        (name, all(&|(ours, _)| value(ours)), all(&|(_, theirs)| value(theirs)), ratio)
    })
}

fn to_json(rounds: &[Pair]) -> serde_json::Value {
    let entry = |(name, ours, theirs, ratio): (&str, Spread, Spread, Spread)| {
        let figures = json!({
            "ours": ours.median, "theirs": theirs.median, "ratio": ratio.median, "ratio_range": [ratio.min, ratio.max],
        });
        (name.to_owned(), figures)
    };
    figures(rounds).into_iter().map(entry).collect::<serde_json::Map<_, _>>().into()
}

fn table(phases: &[(&str, &[Pair])]) -> String {
    let mut lines = vec![format!("{:<22} {:>9} {:>9} {:>7}", "", "ours", "theirs", "ratio")];
    for (phase, rounds) in phases {
        for (name, ours, theirs, ratio) in figures(rounds) {
            if !ratio.max.is_finite() {
                // The ingress asks the database nothing.
                continue;
            }
            let Spread { median, min, max } = ratio;
            let name = format!("{phase} {name}");
            let both = format!("{:>9.1} {:>9.1}", ours.median, theirs.median);
            lines.push(format!("{name:<22} {both} {median:>7.3}  ({min:.3} to {max:.3})"));
        }
    }
    lines.join("\n") + "\n"
}
