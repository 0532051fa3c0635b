//! The node's processes: started, stopped, killed, joined to a cluster. Ends what it started, by process id, and nothing
//! else.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rustix::process::Signal;
use tempfile::TempDir;

use super::{NodeHandle, POLL, START_TIMEOUT, programs_folder};
use crate::ports::free_port;
use crate::process::signal_all;

const EPMD_TIMEOUT: Duration = Duration::from_secs(10);
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// A running node and its port mapper; dropping it kills both.
#[derive(Debug)]
pub struct RabbitNode {
    handle: NodeHandle,
    /// In a cluster the first node's serves all.
    epmd: Option<Child>,
    server: Option<Child>,
    _folder: TempDir,
}

impl RabbitNode {
    /// Starts a node and waits until it accepts connections: about 6 s on an idle machine.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_on(Ipv4Addr::LOCALHOST)
    }

    /// The same, listening on another address of this machine: one that only the test's own processes can reach, because
    /// everybody knows the password.
    pub fn start_on(address: Ipv4Addr) -> anyhow::Result<Self> {
        let programs = programs_folder()?;
        let folder = tempfile::Builder::new().prefix("waypost-rabbitmq-").tempdir()?;
        let handle = NodeHandle { address, ..NodeHandle::new(folder.path(), programs, free_port()) };
        handle.write_files(&format!("WAYPOST{}{}", handle.epmd_port, std::process::id()))?;
        let epmd = Some(handle.start_epmd()?);
        let mut node = Self { handle, epmd, server: None, _folder: folder };
        // Before the node asks for it: Erlang would start one that outlives us.
        let epmd_address = SocketAddr::from((Ipv4Addr::LOCALHOST, node.handle.epmd_port));
        ensure!(accepts(epmd_address, EPMD_TIMEOUT, || Ok(()))?, "epmd does not accept connections");
        node.start_again()?;
        Ok(node)
    }

    /// A cluster of so many nodes, the first of which must be dropped last: about half a minute.
    pub fn start_cluster(nodes: usize) -> anyhow::Result<Vec<Self>> {
        let first = Self::start()?;
        let cookie = fs::read_to_string(first.handle.cookie())?;
        let mut others = Vec::new();
        for _ in 1..nodes {
            let folder = tempfile::Builder::new().prefix("waypost-rabbitmq-").tempdir()?;
            let handle = NodeHandle::new(folder.path(), programs_folder()?, first.handle.epmd_port);
            handle.write_files(&cookie)?;
            let mut node = Self { handle, epmd: None, server: None, _folder: folder };
            node.start_again()?;
            node.ctl(&["stop_app"])?;
            node.ctl(&["join_cluster", &first.handle.name])?;
            node.ctl(&["start_app"])?;
            others.push(node);
        }
        Ok([first].into_iter().chain(others).collect())
    }

    /// Starts the node after [`stop`](Self::stop) or [`kill`](Self::kill), on the same port and the same data.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        ensure!(self.server.is_none(), "the node is running");
        self.server = Some(self.handle.start_server()?);
        self.wait_until_it_accepts()
    }

    /// What others need to use the node: its address and rabbitmqctl.
    pub fn handle(&self) -> &NodeHandle {
        &self.handle
    }

    /// The process id of the running node.
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Child::id)
    }

    pub fn amqp_url(&self, vhost: &str) -> String {
        self.handle.amqp_url(vhost)
    }

    pub fn ctl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.handle.ctl(arguments)
    }

    pub fn create_vhost(&self) -> anyhow::Result<String> {
        self.handle.create_vhost()
    }

    /// SIGKILL: no goodbye to clients, nothing flushed that was not confirmed.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut server) = self.server.take() {
            server.kill()?;
            server.wait()?;
        }
        Ok(())
    }

    /// SIGSTOP: it stands still, its connections stay open.
    pub fn freeze(&self) -> anyhow::Result<()> {
        signal_all(&self.pids()?, Signal::STOP)
    }

    /// SIGCONT.
    pub fn thaw(&self) -> anyhow::Result<()> {
        signal_all(&self.pids()?, Signal::CONT)
    }

    fn pids(&self) -> anyhow::Result<Vec<u32>> {
        Ok(vec![self.pid().context("the node is not running")?])
    }

    /// An orderly shutdown: clients are told, data is kept.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        let Some(mut server) = self.server.take() else { return Ok(()) };
        // SIGTERM is RabbitMQ's own way to be stopped; the standard library can only send SIGKILL.
        let sent = Command::new("kill").args(["-TERM", &server.id().to_string()]).status();
        let begin = Instant::now();
        while begin.elapsed() < STOP_TIMEOUT {
            if server.try_wait()?.is_some() {
                return Ok(());
            }
            thread::sleep(POLL);
        }
        server.kill()?;
        server.wait()?;
        bail!("the node did not stop within {STOP_TIMEOUT:?} of SIGTERM ({sent:?}) and was killed")
    }

    fn wait_until_it_accepts(&mut self) -> anyhow::Result<()> {
        let Self { handle, server, .. } = self;
        let up = accepts(SocketAddr::from((handle.address, handle.port)), START_TIMEOUT, || {
            let Some(status) = server.as_mut().and_then(|child| child.try_wait().transpose()).transpose()? else {
                return Ok(());
            };
            *server = None;
            Err(handle.why_it_ended(status))
        })?;
        ensure!(up, "the node accepts no connections after {START_TIMEOUT:?}; see {}", handle.output().display());
        Ok(())
    }
}

/// Whether somebody listens on `address` before `timeout` has passed. `check` may end the wait with an error.
fn accepts(
    address: SocketAddr,
    timeout: Duration,
    mut check: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<bool> {
    let begin = Instant::now();
    while begin.elapsed() < timeout {
        if TcpStream::connect_timeout(&address, POLL).is_ok() {
            return Ok(true);
        }
        check()?;
        thread::sleep(POLL);
    }
    Ok(false)
}

impl Drop for RabbitNode {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            end(server);
        }
        if let Some(epmd) = &mut self.epmd {
            end(epmd);
        }
    }
}

/// A child that has ended by itself is nothing to complain about, and a destructor has nobody to complain to.
fn end(child: &mut Child) {
    if child.kill().is_ok() {
        child.wait().ok();
    }
}
