//! Processor time of whole process trees, from `/proc`: a broker and a database are trees, and so is what they forked.

use std::collections::HashMap;
use std::time::Duration;

/// Linux' unit in `/proc/<pid>/stat` on every architecture that we run on.
const TICK: Duration = Duration::from_millis(10);

/// User and system time of `pid`, its living descendants, and the dead ones it waited for.
pub(crate) fn tree_time(pid: u32) -> Duration {
    let processes = read_all();
    let mut total = 0;
    let mut wanted = vec![pid];
    while let Some(pid) = wanted.pop() {
        if let Some(process) = processes.get(&pid) {
            total += process.ticks;
        }
        wanted.extend(processes.iter().filter(|(_, process)| process.parent == pid).map(|(child, _)| *child));
    }
    TICK * u32::try_from(total).unwrap_or(u32::MAX)
}

/// Of this process alone, without its children.
pub(crate) fn own_time() -> Duration {
    let ticks = read_all().get(&std::process::id()).map_or(0, |process| process.own_ticks);
    TICK * u32::try_from(ticks).unwrap_or(u32::MAX)
}

struct Process {
    parent: u32,
    own_ticks: u64,
    /// With those of children that ended and were waited for.
    ticks: u64,
}

fn read_all() -> HashMap<u32, Process> {
    let mut processes = HashMap::new();
    let Ok(entries) = std::fs::read_dir("/proc") else { return processes };
    for entry in entries.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if let Some(process) = parse(&stat) {
            processes.insert(pid, process);
        }
    }
    processes
}

/// The second field is the command in parentheses and may hold anything; what follows is counted from its end.
fn parse(stat: &str) -> Option<Process> {
    let rest: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |field: usize| rest.get(field)?.parse::<u64>().ok();
    let own_ticks = number(11)? + number(12)?;
    let ticks = own_ticks + number(13)? + number(14)?;
    Some(Process { parent: u32::try_from(number(1)?).ok()?, own_ticks, ticks })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_from_the_command_s_end() {
        let process = parse("7 (a b) c) S 3 7 7 0 -1 4194560 1 0 0 0 10 5 2 1 20 0 1 0 1 1 1").unwrap();
        assert_eq!((process.parent, process.own_ticks, process.ticks), (3, 15, 18));
    }
}
