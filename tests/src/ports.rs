//! Free ports, for servers that cannot be told to listen on port 0 and say which they got.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::sync::Mutex;

/// Below the range from which systems take the ports of outgoing connections: one of those may otherwise get ours
/// in the moment between our look and the server's start.
const RANGE: Range<u16> = 20_000..32_000;
const ATTEMPTS: usize = 1000;

/// Given out by this process already, perhaps not yet opened by the server that it is meant for.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port on 127.0.0.1 that nobody listens on, different at every call in this process.
///
/// Another process may still take it before it is used: whoever starts a server on it says so clearly when that
/// happens.
///
/// # Panics
/// When the machine has no free port.
pub fn free_port() -> u16 {
    let mut given = GIVEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for _ in 0..ATTEMPTS {
        let port = fastrand::u16(RANGE);
        if !given.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            given.insert(port);
            return port;
        }
    }
    panic!("no free port on 127.0.0.1 in {ATTEMPTS} attempts");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_differ() {
        let ports: BTreeSet<u16> = (0..20).map(|_| free_port()).collect();
        assert_eq!(ports.len(), 20);
    }
}
