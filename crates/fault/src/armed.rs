//! The faults themselves, compiled with the feature `fault-injection` only.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Signal, getpid, kill_process};

use super::Sabotage;

const KILLPOINT: &str = "WAYPOST_KILLPOINT";
const ARMED_BY: &str = "WAYPOST_KILLPOINT_ARMED_BY";
const POISON: &str = "WAYPOST_POISON";
const SABOTAGE: &str = "WAYPOST_SABOTAGE";

/// The process is at the point `name`.
pub fn point(name: &str) {
    static ARMED: OnceLock<Option<KillPoint>> = OnceLock::new();
    let read = || {
        let armed_by = std::env::var_os(ARMED_BY).map(PathBuf::from);
        Some(KillPoint { armed_by, ..KillPoint::parse(&std::env::var(KILLPOINT).ok()?)? })
    };
    if let Some(armed) = ARMED.get_or_init(read)
        && armed.is_due(name)
    {
        armed.effect.happen(name);
    }
}

/// The event with this key is being handled.
pub fn poison(key: &str) {
    static ARMED: OnceLock<Option<(Effect, String)>> = OnceLock::new();
    let read = || parse_poison(&std::env::var(POISON).ok()?);
    if let Some((effect, poisoned)) = ARMED.get_or_init(read)
        && poisoned == key
    {
        effect.happen("poison");
    }
}

/// Whether this promise is to be broken.
pub fn sabotaged(sabotage: Sabotage) -> bool {
    static ARMED: OnceLock<Option<String>> = OnceLock::new();
    ARMED.get_or_init(|| std::env::var(SABOTAGE).ok()).as_deref() == Some(sabotage.name())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// SIGKILL: nothing is tidied up, and no core is written.
    Abort,
    /// SIGSTOP to the whole process.
    Stop,
    Panic,
}

impl Effect {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "abort" => Some(Self::Abort),
            "stop" => Some(Self::Stop),
            "panic" => Some(Self::Panic),
            _ => None,
        }
    }

    fn happen(self, place: &str) {
        match self {
            Self::Abort => {
                kill_process(getpid(), Signal::KILL).ok();
                // The signal may reach another thread first.
                std::process::abort();
            }
            // Every thread stops before anything more happens, or nearly so.
            Self::Stop => drop(kill_process(getpid(), Signal::STOP)),
            Self::Panic => panic!("fault injected at {place}"),
        }
    }
}

struct KillPoint {
    name: String,
    /// Counted from one.
    nth: u64,
    effect: Effect,
    reached: AtomicU64,
    /// Nothing is counted before this file is there.
    armed_by: Option<PathBuf>,
}

impl KillPoint {
    /// `name:n` or `name:n:effect`.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let (name, nth) = (parts.next()?.to_owned(), parts.next()?.parse().ok()?);
        let effect = parts.next().map_or(Some(Effect::Abort), Effect::parse)?;
        parts.next().is_none().then_some(Self { name, nth, effect, reached: AtomicU64::new(0), armed_by: None })
    }

    fn is_due(&self, name: &str) -> bool {
        let is_armed = || self.armed_by.as_ref().is_none_or(|file| file.exists());
        self.name == name && is_armed() && self.reached.fetch_add(1, Ordering::Relaxed) + 1 == self.nth
    }
}

/// `effect:key`.
fn parse_poison(text: &str) -> Option<(Effect, String)> {
    let (effect, key) = text.split_once(':')?;
    Some((Effect::parse(effect)?, key.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_due_once() {
        let armed = KillPoint::parse("here:2:stop").unwrap();
        assert_eq!(armed.effect, Effect::Stop);
        let due: Vec<bool> = ["here", "there", "here", "here"].map(|name| armed.is_due(name)).to_vec();
        assert_eq!(due, [false, false, true, false]);
    }

    #[test]
    fn a_point_may_wait_for_a_file() {
        let file = std::env::temp_dir().join(format!("waypost-armed-{}", std::process::id()));
        let armed = KillPoint { armed_by: Some(file.clone()), ..KillPoint::parse("here:1").unwrap() };
        assert!(!armed.is_due("here"));
        std::fs::write(&file, "").unwrap();
        let is_due = armed.is_due("here");
        std::fs::remove_file(&file).unwrap();
        assert!(is_due);
    }

    #[test]
    fn what_is_not_understood_arms_nothing() {
        for text in ["", "here", "here:x", "here:1:jump", "here:1:stop:more"] {
            assert!(KillPoint::parse(text).is_none(), "{text:?}");
        }
        assert!(KillPoint::parse("here:1").is_some_and(|armed| armed.effect == Effect::Abort));
        assert!(parse_poison("panic").is_none() && parse_poison("jump:x").is_none());
        assert_eq!(parse_poison("abort:wamid.A:B"), Some((Effect::Abort, "wamid.A:B".to_owned())));
    }

    #[test]
    fn nothing_happens_unless_asked_for() {
        point("here");
        poison("wamid.A");
        assert!(Sabotage::ALL.iter().all(|sabotage| !sabotaged(*sabotage)));
    }
}
