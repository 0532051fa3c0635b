//! A private RabbitMQ node: own ports, own folder, own port mapper, no plugins. Needs Debian's `rabbitmq-server` package
//! (or any RabbitMQ from 3.10 on), no service manager and no root. Must never touch a node that it did not start.
//!
//! Every test gets a virtual host of its own. Making one takes a second of Erlang start-up, so they are made in
//! batches, and claimed by creating a file: several test processes share one node that way ([`RabbitNode::handle`],
//! [`NodeHandle::attach_from_env`]).

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};

use crate::ports::free_port;

mod node;

pub use node::RabbitNode;

/// Names the file that describes the node which the test run has started.
pub const NODE_ENV: &str = "WAYPOST_TEST_RABBITMQ_NODE";
/// The administrator's URL of that node, for tests that need no virtual host of their own.
pub const URL_ENV: &str = "WAYPOST_TEST_AMQP_URL";
/// Names the folder of RabbitMQ's scripts where it is not a usual one.
pub const PROGRAMS_ENV: &str = "WAYPOST_TEST_RABBITMQ_BIN";

const START_TIMEOUT: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(50);
/// Virtual hosts made by one call of rabbitmqctl.
const VHOST_BATCH: usize = 24;
const VHOSTS_MAX: usize = 2_000;
const USER: &str = "guest";
const PASSWORD: &str = "guest";

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
