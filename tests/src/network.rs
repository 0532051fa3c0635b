//! A network of its own for one process, to be broken while it runs: a network namespace, joined to the machine by a pair
//! of virtual interfaces. Needs Linux, root and `ip` (Debian's `iproute2`).
//!
//! A proxy can only break what passes through it: here the process' own kernel sees what a broken network is, a link that
//! goes down, an interface that vanishes, packets that get no answer. Must never touch an interface or a namespace that
//! it did not make; both are named by our process id.

use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, ensure};

/// Of the range for benchmarks of networks (RFC 2544), which nobody routes: a pair of addresses for each network.
const RANGE: u32 = u32::from_be_bytes([198, 18, 0, 0]);
const PAIRS: u32 = 1 << 15;
/// Nobody's: frames to it are dropped by whoever gets them.
const NOBODY: &str = "02:00:00:00:00:01";
const INSIDE: &str = "eth0";

/// Removed when dropped. The processes inside must have ended by then.
#[derive(Debug)]
pub struct Network {
    /// Of the namespace, and of the interface outside.
    name: String,
    outside: Ipv4Addr,
    inside: Ipv4Addr,
}

impl Network {
    /// An error where this system, or this user, may not have one.
    pub fn new() -> anyhow::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("wp{}n{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let pair = RANGE + 4 * fastrand::u32(..PAIRS);
        // Complete before the first step: what was made is removed in any case.
        let network = Self { name, outside: Ipv4Addr::from(pair + 1), inside: Ipv4Addr::from(pair + 2) };
        ip(&["netns", "add", &network.name])?;
        network.ip_inside(&["link", "set", "lo", "up"])?;
        network.join()?;
        Ok(network)
    }

    /// Where the machine is, for the process.
    pub const fn outside(&self) -> Ipv4Addr {
        self.outside
    }

    /// Where the process is, for the machine.
    pub const fn inside(&self) -> Ipv4Addr {
        self.inside
    }

    /// For `ip netns exec`.
    pub fn namespace(&self) -> &str {
        &self.name
    }

    /// No packet arrives any more, in either direction, and nobody is told.
    pub fn drop_packets(&self) -> anyhow::Result<()> {
        let (outside, inside) = (self.outside.to_string(), self.inside.to_string());
        self.ip_inside(&["neigh", "replace", &outside, "lladdr", NOBODY, "nud", "permanent", "dev", INSIDE])?;
        ip(&["neigh", "replace", &inside, "lladdr", NOBODY, "nud", "permanent", "dev", &self.name])
    }

    /// As if the cable were pulled.
    pub fn link_down(&self) -> anyhow::Result<()> {
        ip(&["link", "set", &self.name, "down"])
    }

    /// The interface is gone, with its addresses and routes.
    pub fn remove_interface(&self) -> anyhow::Result<()> {
        ip(&["link", "del", &self.name])
    }

    /// A new pair of interfaces with the same addresses; servers that listen on them need not be told.
    pub fn heal(&self) -> anyhow::Result<()> {
        self.remove_interface().ok();
        self.join()
    }

    fn join(&self) -> anyhow::Result<()> {
        let (outside, inside) = (format!("{}/30", self.outside), format!("{}/30", self.inside));
        ip(&["link", "add", &self.name, "type", "veth", "peer", "name", INSIDE, "netns", &self.name])?;
        ip(&["addr", "add", &outside, "dev", &self.name])?;
        ip(&["link", "set", &self.name, "up"])?;
        self.ip_inside(&["addr", "add", &inside, "dev", INSIDE])?;
        self.ip_inside(&["link", "set", INSIDE, "up"])
    }

    fn ip_inside(&self, words: &[&str]) -> anyhow::Result<()> {
        ip(&[&["-n", &self.name], words].concat())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // The interfaces go with the namespace, but only when its last process has gone.
        self.remove_interface().ok();
        if let Err(error) = ip(&["netns", "del", &self.name]) {
            eprintln!("a network namespace is left: {error:#}");
        }
    }
}

fn ip(words: &[&str]) -> anyhow::Result<()> {
    let output = Command::new("ip")
        .args(words)
        .stdin(Stdio::null())
        .output()
        .context("cannot run ip; it comes with Debian's iproute2")?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ip {}: {}", words.join(" "), error.trim());
    Ok(())
}
