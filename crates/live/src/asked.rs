//! Which teams' messages somebody asked for lately, in this process. On a bus that has no protocol of its own for it, a tool
//! that polls consumes for a moment only, or not at all where nothing waits: that it asked says that somebody is there.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use waypost_domain::{TeamName, Timestamp};

/// Who asks at least so often has not gone away.
const COUNTS_FOR_MS: i64 = 30_000;

/// When somebody last asked, by team.
#[derive(Debug, Default)]
pub struct AskedTeams(Mutex<BTreeMap<TeamName, Timestamp>>);

impl AskedTeams {
    /// Somebody asks for the messages of `team`, which has queues.
    pub fn note(&self, team: &TeamName, now: Timestamp) {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        asked.retain(|_, at| counts(*at, now));
        asked.insert(team.clone(), now);
    }

    /// Whether somebody has asked within the last half minute.
    pub fn is_recent(&self, team: &TeamName, now: Timestamp) -> bool {
        let asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        asked.get(team).is_some_and(|at| counts(*at, now))
    }
}

/// A clock that was set back makes nothing new.
const fn counts(at: Timestamp, now: Timestamp) -> bool {
    now.millis_since(at).unsigned_abs() <= COUNTS_FOR_MS.unsigned_abs()
}
