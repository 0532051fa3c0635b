//! How many teams' queues rules may ask about.

use std::collections::BTreeSet;

use waypost_domain::TeamName;

use crate::model::Definition;

/// Teams whose queues a set asks about at most: each of them costs questions to the broker, and room in stored inputs.
pub const QUEUES_MAX: usize = 16;
/// What is known of them is stored with each decision, in at most so many bytes: 16 names of 25 letters.
pub const QUEUES_BYTES_MAX: usize = 16 * bytes(25);

/// Of one team, its name twice, whether it is staffed and how many wait, as they are stored.
const fn bytes(name: usize) -> usize {
    2 * name + 18
}

pub(crate) fn problem(definition: &Definition) -> Option<String> {
    let queues: BTreeSet<&TeamName> = definition.queues_of().collect();
    let asked = format!("ask about the queues of {} teams (team_staffed, team_waiting)", queues.len());
    let needs: usize = queues.iter().map(|team| bytes(team.as_str().len())).sum();
    if queues.len() > QUEUES_MAX {
        return Some(format!("{asked}; at most {QUEUES_MAX}"));
    }
    let limit = format!("their names take {needs} bytes with what is known, at most {QUEUES_BYTES_MAX}");
    (needs > QUEUES_BYTES_MAX).then(|| format!("{asked}; {limit}: ask about fewer, or shorten names"))
}
