//! A private RabbitMQ node: own ports, own folder, own port mapper, no plugins. Needs Debian's `rabbitmq-server` package
//! (or any RabbitMQ from 3.10 on), no service manager and no root. Must never touch a node that it did not start.
//!
//! Every test gets a virtual host of its own. Making one takes a second of Erlang start-up, so they are made in
//! batches, and claimed by creating a file: several test processes share one node that way ([`RabbitNode::handle`],
//! [`NodeHandle::attach_from_env`]).

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::ports::free_port;
use crate::process::signal_all;

/// Names the file that describes the node which the test run has started.
pub const NODE_ENV: &str = "WAYPOST_TEST_RABBITMQ_NODE";
/// The administrator's URL of that node, for tests that need no virtual host of their own.
pub const URL_ENV: &str = "WAYPOST_TEST_AMQP_URL";
/// Names the folder of RabbitMQ's scripts where it is not a usual one.
pub const PROGRAMS_ENV: &str = "WAYPOST_TEST_RABBITMQ_BIN";

const START_TIMEOUT: Duration = Duration::from_secs(120);
const EPMD_TIMEOUT: Duration = Duration::from_secs(10);
const STOP_TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);
/// Virtual hosts made by one call of rabbitmqctl.
const VHOST_BATCH: usize = 24;
const VHOSTS_MAX: usize = 2_000;
const USER: &str = "guest";
const PASSWORD: &str = "guest";

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

/// Where a node is and how to talk to it, for any process on this machine. Owns nothing.
#[derive(Debug, Clone)]
pub struct NodeHandle {
    name: String,
    /// Where it listens for clients.
    address: Ipv4Addr,
    port: u16,
    dist_port: u16,
    epmd_port: u16,
    folder: PathBuf,
    programs: PathBuf,
}

impl NodeHandle {
    /// The node that the test run has started.
    pub fn attach_from_env() -> anyhow::Result<Self> {
        let file = std::env::var_os(NODE_ENV).with_context(|| {
            format!("{NODE_ENV} is not set: run `cargo xtask test`, which starts a private RabbitMQ and sets it")
        })?;
        let file = PathBuf::from(file);
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        Self::from_text(&text).with_context(|| format!("{} does not describe a node", file.display()))
    }

    fn new(folder: &Path, programs: PathBuf, epmd_port: u16) -> Self {
        let port = free_port();
        let (name, dist_port) = (format!("waypost{port}@localhost"), free_port());
        Self { name, address: Ipv4Addr::LOCALHOST, port, dist_port, epmd_port, folder: folder.to_owned(), programs }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The node that leads a quorum queue.
    pub fn leader_of(&self, vhost: &str, queue: &str) -> anyhow::Result<String> {
        let list = self.ctl(&["list_queues", "--no-table-headers", "--vhost", vhost, "name", "leader"])?;
        let line = list.lines().find_map(|line| line.strip_prefix(queue)?.strip_prefix('\t'));
        Ok(line.with_context(|| format!("no leader of {queue} in {list}"))?.trim().to_owned())
    }

    /// The file to name in [`NODE_ENV`].
    pub fn description_file(&self) -> PathBuf {
        self.folder.join("node.txt")
    }

    /// `vhost` is a name of letters, digits and dashes, or `/`.
    pub fn amqp_url(&self, vhost: &str) -> String {
        self.amqp_url_of(USER, PASSWORD, vhost)
    }

    pub fn amqp_url_of(&self, user: &str, password: &str, vhost: &str) -> String {
        format!("amqp://{user}:{password}@{}:{}/{}", self.address, self.port, vhost.replace('/', "%2f"))
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs rabbitmqctl against this node and gives its output. Costs about a second of processor time.
    pub fn ctl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self
            .command("rabbitmqctl")
            .args(["--quiet", "--node", &self.name])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .context("cannot run rabbitmqctl")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(text);
        }
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(anyhow!("rabbitmqctl {arguments:?} failed ({}): {text}{error}", output.status))
    }

    /// Raises the alarm of a full disk, which blocks whoever publishes, or ends it.
    pub fn set_disk_alarm(&self, raised: bool) -> anyhow::Result<()> {
        // More than any disk has, and RabbitMQ's default.
        self.ctl(&["set_disk_free_limit", if raised { "900000GB" } else { "50MB" }]).map(drop)
    }

    /// A virtual host that nobody else uses; the administrator may do everything in it.
    pub fn create_vhost(&self) -> anyhow::Result<String> {
        for number in 0..VHOSTS_MAX {
            if !claim(&self.claims().join(number.to_string()))? {
                continue;
            }
            let batch = number / VHOST_BATCH;
            self.make_batch(batch)?;
            return Ok(vhost_name(number));
        }
        bail!("all {VHOSTS_MAX} virtual hosts are in use")
    }

    /// Makes a batch of virtual hosts unless somebody has; waits while somebody does.
    fn make_batch(&self, batch: usize) -> anyhow::Result<()> {
        let done = self.claims().join(format!("batch-{batch}-made"));
        if claim(&self.claims().join(format!("batch-{batch}")))? {
            self.ctl(&["eval", &making_of(batch)])?;
            claim(&done)?;
            return Ok(());
        }
        let begin = Instant::now();
        while !done.exists() {
            ensure!(begin.elapsed() < START_TIMEOUT, "another process failed to make virtual hosts");
            thread::sleep(POLL);
        }
        Ok(())
    }

    fn claims(&self) -> PathBuf {
        self.folder.join("vhosts")
    }

    fn cookie(&self) -> PathBuf {
        self.folder.join("home/.erlang.cookie")
    }

    fn output(&self) -> PathBuf {
        self.folder.join("output.txt")
    }

    fn write_files(&self, cookie_text: &str) -> anyhow::Result<()> {
        for folder in ["home", "data", "log", "vhosts"] {
            fs::create_dir(self.folder.join(folder))?;
        }
        // The cookie is the whole security of Erlang's distribution.
        let mut cookie = OpenOptions::new().write(true).create_new(true).mode(0o400).open(self.cookie())?;
        cookie.write_all(cookie_text.as_bytes())?;
        fs::write(self.folder.join("plugins"), "[].")?;
        // A small write-ahead log: the default of 512 MiB would be memory that tests never use.
        let mut settings = "raft.wal_max_size_bytes = 67108864\nlog.file.level = info\n".to_owned();
        if !self.address.is_loopback() {
            settings += "loopback_users = none\n";
        }
        fs::write(self.folder.join("rabbitmq.conf"), settings)?;
        fs::write(self.description_file(), self.to_text())?;
        Ok(())
    }

    fn start_epmd(&self) -> anyhow::Result<Child> {
        Command::new("epmd")
            .args(["-address", "127.0.0.1", "-port", &self.epmd_port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start epmd; it comes with Erlang: apt-get install rabbitmq-server")
    }

    fn start_server(&self) -> anyhow::Result<Child> {
        let output = File::options().create(true).append(true).open(self.output())?;
        self.command("rabbitmq-server")
            // The script then becomes the Erlang machine instead of watching over it: our child is the node itself.
            .env("RUNNING_UNDER_SYSTEMD", "1")
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("cannot start rabbitmq-server")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command
            .env("HOME", self.folder.join("home"))
            .env("RABBITMQ_NODENAME", &self.name)
            .env("RABBITMQ_NODE_IP_ADDRESS", self.address.to_string())
            .env("RABBITMQ_NODE_PORT", self.port.to_string())
            .env("RABBITMQ_DIST_PORT", self.dist_port.to_string())
            .env("RABBITMQ_MNESIA_BASE", self.folder.join("data"))
            .env("RABBITMQ_LOG_BASE", self.folder.join("log"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", self.folder.join("plugins"))
            .env("RABBITMQ_CONFIG_FILE", self.folder.join("rabbitmq.conf"))
            .env("RABBITMQ_CONF_ENV_FILE", "/nonexistent")
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", self.epmd_port.to_string())
            // Idle schedulers would otherwise spin on the processors that the tests need.
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none",
            );
        command
    }

    fn why_it_ended(&self, status: ExitStatus) -> anyhow::Error {
        let text = fs::read_to_string(self.output()).unwrap_or_default();
        let tail: Vec<&str> = text.lines().rev().take(20).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        anyhow!("rabbitmq-server ended with {status}:\n{}", tail.join("\n"))
    }

    fn to_text(&self) -> String {
        format!(
            "name={}\naddress={}\nport={}\ndist_port={}\nepmd_port={}\nfolder={}\nprograms={}\n",
            self.name,
            self.address,
            self.port,
            self.dist_port,
            self.epmd_port,
            self.folder.display(),
            self.programs.display()
        )
    }

    fn from_text(text: &str) -> anyhow::Result<Self> {
        let value = |key: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
                .with_context(|| format!("{key} is missing"))
        };
        Ok(Self {
            name: value("name")?.to_owned(),
            address: value("address")?.parse().context("address")?,
            port: value("port")?.parse().context("port")?,
            dist_port: value("dist_port")?.parse().context("dist_port")?,
            epmd_port: value("epmd_port")?.parse().context("epmd_port")?,
            folder: value("folder")?.into(),
            programs: value("programs")?.into(),
        })
    }
}

fn vhost_name(number: usize) -> String {
    format!("t{number:04}")
}

/// Erlang that makes a batch of virtual hosts.
fn making_of(batch: usize) -> String {
    let names: Vec<String> = (batch * VHOST_BATCH..(batch + 1) * VHOST_BATCH)
        .map(|number| format!("<<\"{}\">>", vhost_name(number)))
        .collect();
    format!(
        "[begin rabbit_vhost:add(N, <<\"tests\">>), \
         rabbit_auth_backend_internal:set_permissions(<<\"{USER}\">>, N, <<\".*\">>, <<\".*\">>, <<\".*\">>, <<\"tests\">>) \
         end || N <- [{}]], ok.",
        names.join(",")
    )
}

/// Creates `file`; false when it is there already.
fn claim(file: &Path) -> anyhow::Result<bool> {
    match OpenOptions::new().write(true).create_new(true).open(file) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error).with_context(|| format!("cannot create {}", file.display())),
    }
}

/// The folder of RabbitMQ's own scripts. Not `/usr/sbin`: Debian's wrapper there changes the user and drops the
/// environment.
pub fn programs_folder() -> anyhow::Result<PathBuf> {
    let mut candidates: Vec<PathBuf> = std::env::var_os(PROGRAMS_ENV).map(PathBuf::from).into_iter().collect();
    candidates.push(PathBuf::from("/usr/lib/rabbitmq/bin"));
    for base in ["/usr/lib/rabbitmq/lib", "/usr/local/lib/rabbitmq/lib", "/opt/rabbitmq", "/opt/homebrew/opt/rabbitmq"]
    {
        let base = Path::new(base);
        candidates.push(base.join("sbin"));
        let inside = fs::read_dir(base).into_iter().flatten().flatten();
        candidates.extend(inside.map(|entry| entry.path().join("sbin")));
    }
    candidates
        .into_iter()
        .find(|folder| folder.join("rabbitmq-server").exists() && folder.join("rabbitmqctl").exists())
        .context("RabbitMQ is not installed: apt-get install rabbitmq-server (its service may stay stopped)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_read_back() {
        let handle = NodeHandle {
            name: "a@localhost".to_owned(),
            address: Ipv4Addr::new(198, 18, 0, 1),
            port: 1,
            dist_port: 2,
            epmd_port: 3,
            folder: "/a/b".into(),
            programs: "/c".into(),
        };
        assert_eq!(NodeHandle::from_text(&handle.to_text()).unwrap().to_text(), handle.to_text());
        assert!(NodeHandle::from_text("name=x").is_err());
    }

    #[test]
    fn the_root_vhost_is_escaped() {
        let handle = NodeHandle {
            name: String::new(),
            address: Ipv4Addr::LOCALHOST,
            port: 5,
            dist_port: 0,
            epmd_port: 0,
            folder: PathBuf::new(),
            programs: PathBuf::new(),
        };
        assert_eq!(handle.amqp_url("/"), "amqp://guest:guest@127.0.0.1:5/%2f");
    }
}
