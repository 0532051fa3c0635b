//! A private PostgreSQL server: own port, own data folder, no password. Needs Debian's `postgresql` package (or any
//! PostgreSQL from 15 on) and no service manager. The server refuses root, so where the tests run as root it runs as
//! the user `postgres`. Must never touch a server that it did not start.
//!
//! Every test makes a database of its own ([`PostgresHandle::create_database`]); several test processes share one
//! server ([`PostgresHandle::attach_from_env`]).

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

use crate::ports::free_port;
use crate::process::signal_all;

/// The administrator's URL of the server that the test run has started.
pub const URL_ENV: &str = "WAYPOST_TEST_POSTGRES_URL";
/// Names the folder of PostgreSQL's programs where it is not a usual one.
pub const PROGRAMS_ENV: &str = "WAYPOST_TEST_POSTGRES_BIN";

const START_TIMEOUT: Duration = Duration::from_secs(60);
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(50);
const CONNECTIONS_MAX: u32 = 200;
const USER: &str = "postgres";
const PROGRAMS: [&str; 4] = ["initdb", "postgres", "psql", "pg_isready"];

/// A running server; dropping it stops it.
#[derive(Debug)]
pub struct PostgresServer {
    handle: PostgresHandle,
    server: Option<Child>,
    address: Ipv4Addr,
    port: u16,
    folder: TempDir,
}

impl PostgresServer {
    /// Makes a cluster and waits until it accepts connections: about 2 s on an idle machine.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_on(Ipv4Addr::LOCALHOST)
    }

    /// The same, listening on another address of this machine: one that only the test's own processes can reach, because
    /// everybody is trusted.
    pub fn start_on(address: Ipv4Addr) -> anyhow::Result<Self> {
        let programs = programs_folder()?;
        let folder = tempfile::Builder::new().prefix("waypost-postgres-").tempdir()?;
        let port = free_port();
        let admin_url = format!("postgres://{USER}@{address}:{port}/postgres");
        let mut server = Self { handle: PostgresHandle { admin_url, programs }, server: None, address, port, folder };
        server.make_cluster()?;
        server.start_again()?;
        Ok(server)
    }

    /// Starts the server after [`stop`](Self::stop) or [`kill`](Self::kill), on the same port and the same data.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        ensure!(self.server.is_none(), "the server is running");
        let log = File::options().create(true).append(true).open(self.log())?;
        let child = self
            .command("postgres")
            .arg("-D")
            .arg(self.data())
            .args(["-p", &self.port.to_string()])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start postgres")?;
        self.server = Some(child);
        self.wait_until_it_accepts()
    }

    /// What others need to use the server.
    pub fn handle(&self) -> &PostgresHandle {
        &self.handle
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id of the running server.
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Child::id)
    }

    /// The administrator's URL of `database`.
    pub fn url(&self, database: &str) -> String {
        self.handle.url(database)
    }

    pub fn create_database(&self) -> anyhow::Result<String> {
        self.handle.create_database()
    }

    /// SIGKILL to the postmaster: its children notice and end themselves. What was committed is recovered at the next
    /// start.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut server) = self.server.take() {
            server.kill()?;
            server.wait()?;
        }
        Ok(())
    }

    /// SIGSTOP to the server and to every process of its: it stands still, its connections stay open.
    pub fn freeze(&self) -> anyhow::Result<()> {
        // The server first: it starts nothing more then.
        signal_all(&[self.running_pid()?], Signal::STOP)?;
        signal_all(&self.backends()?, Signal::STOP)
    }

    /// SIGCONT.
    pub fn thaw(&self) -> anyhow::Result<()> {
        signal_all(&self.backends()?, Signal::CONT)?;
        signal_all(&[self.running_pid()?], Signal::CONT)
    }

    fn running_pid(&self) -> anyhow::Result<u32> {
        self.pid().context("the server is not running")
    }

    /// The processes that the server has started, one for each connection and a few more.
    fn backends(&self) -> anyhow::Result<Vec<u32>> {
        let id = self.running_pid()?;
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).context("only Linux says")?;
        children.split_whitespace().map(|id| id.parse().context("a process id")).collect()
    }

    /// A fast shutdown: open transactions are rolled back, connections ended.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        let Some(mut server) = self.server.take() else { return Ok(()) };
        // <https://www.postgresql.org/docs/15/server-shutdown.html>: SIGINT is the fast one.
        let pid = i32::try_from(server.id()).ok().and_then(Pid::from_raw).context("process id")?;
        let sent = kill_process(pid, Signal::INT);
        let begin = Instant::now();
        while begin.elapsed() < STOP_TIMEOUT {
            if server.try_wait()?.is_some() {
                return Ok(());
            }
            thread::sleep(POLL);
        }
        server.kill()?;
        server.wait()?;
        bail!("postgres did not stop within {STOP_TIMEOUT:?} of SIGINT ({sent:?}) and was killed")
    }

    fn make_cluster(&self) -> anyhow::Result<()> {
        let folder = self.folder.path();
        if geteuid().is_root() {
            let done =
                Command::new("chown").arg(format!("{USER}:")).arg(folder).status().context("cannot run chown")?;
            ensure!(done.success(), "cannot give {} to the user {USER}", folder.display());
        }
        let output = self
            .command("initdb")
            .arg("-D")
            .arg(self.data())
            .args(["--username", USER, "--auth=trust", "--encoding=UTF8", "--locale=C"])
            .stdin(Stdio::null())
            .output()
            .context("cannot run initdb")?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "initdb failed ({}): {error}", output.status);
        let settings = format!(
            "\nlisten_addresses = '{}'\nunix_socket_directories = '{}'\nmax_connections = {CONNECTIONS_MAX}\n",
            self.address,
            folder.display()
        );
        if !self.address.is_loopback() {
            let file = self.data().join("pg_hba.conf");
            let given = fs::read_to_string(&file)?;
            // The pair of addresses that the interface has.
            fs::write(file, format!("{given}\nhost all all {}/30 trust\n", self.address))?;
        }
        let file = self.data().join("postgresql.conf");
        let given = fs::read_to_string(&file)?;
        fs::write(file, given + &settings)?;
        Ok(())
    }

    fn wait_until_it_accepts(&mut self) -> anyhow::Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < START_TIMEOUT {
            let ready = self
                .handle
                .client("pg_isready")
                .args(["--quiet", "--dbname", &self.handle.admin_url])
                .status()
                .context("cannot run pg_isready")?;
            if ready.success() {
                return Ok(());
            }
            if let Some(status) = self.server.as_mut().and_then(|child| child.try_wait().transpose()).transpose()? {
                self.server = None;
                return Err(self.why_it_ended(status));
            }
            thread::sleep(POLL);
        }
        bail!("postgres accepts no connections after {START_TIMEOUT:?}; see {}", self.log().display())
    }

    fn why_it_ended(&self, status: ExitStatus) -> anyhow::Error {
        let text = fs::read_to_string(self.log()).unwrap_or_default();
        let tail: Vec<&str> = text.lines().rev().take(20).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        anyhow!("postgres ended with {status}:\n{}", tail.join("\n"))
    }

    /// One of the programs that refuse to run as root.
    fn command(&self, program: &str) -> Command {
        let program = self.handle.programs.join(program);
        let mut command = if geteuid().is_root() {
            // It becomes the program instead of watching over it: our child is the server itself.
            let mut command = Command::new("setpriv");
            command.args([&format!("--reuid={USER}"), &format!("--regid={USER}"), "--init-groups", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        // The tests' own folder may be closed to the other user.
        command.current_dir(self.folder.path());
        without_settings(&mut command);
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log.txt")
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("{error:#}");
        }
    }
}

/// Where a server is, for any process on this machine. Owns nothing.
#[derive(Debug, Clone)]
pub struct PostgresHandle {
    admin_url: String,
    programs: PathBuf,
}

impl PostgresHandle {
    /// The server that the test run has started.
    pub fn attach_from_env() -> anyhow::Result<Self> {
        let admin_url = std::env::var(URL_ENV).with_context(|| {
            format!("{URL_ENV} is not set: run `cargo xtask test`, which starts a private PostgreSQL and sets it")
        })?;
        Ok(Self { admin_url, programs: programs_folder()? })
    }

    /// The administrator's URL of `database`.
    pub fn url(&self, database: &str) -> String {
        with_database(&self.admin_url, database)
    }

    /// An empty database that nobody else uses; gives its URL.
    pub fn create_database(&self) -> anyhow::Result<String> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("t{}_{number}_{:08x}", std::process::id(), fastrand::u32(..));
        // template0: nobody can be connected to it, which would make this fail.
        self.sql(&format!("CREATE DATABASE {name} TEMPLATE template0"))?;
        Ok(self.url(&name))
    }

    /// Runs one statement as the administrator and gives its rows, a line each.
    pub fn sql(&self, statement: &str) -> anyhow::Result<String> {
        self.sql_on(&self.admin_url, statement)
    }

    /// The same in the database of this URL.
    pub fn sql_on(&self, url: &str, statement: &str) -> anyhow::Result<String> {
        let output = self
            .client("psql")
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"])
            .args(["--dbname", url, "--command", statement])
            .stdin(Stdio::null())
            .output()
            .context("cannot run psql")?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "psql failed ({}): {error}", output.status);
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        without_settings(&mut command);
        command
    }
}

/// PostgreSQL's programs heed variables named `PG…`, which may speak of somebody's real server.
fn without_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"PG") {
            command.env_remove(name);
        }
    }
}

fn with_database(url: &str, database: &str) -> String {
    let (place, settings) = match url.split_once('?') {
        Some((place, settings)) => (place, format!("?{settings}")),
        None => (url, String::new()),
    };
    let authority = place.find("://").map_or(0, |at| at + 3);
    let end = place[authority..].find('/').map_or(place.len(), |at| authority + at);
    format!("{}/{database}{settings}", &place[..end])
}

/// The folder of PostgreSQL's programs, of the newest version found.
pub fn programs_folder() -> anyhow::Result<PathBuf> {
    let mut candidates: Vec<PathBuf> = std::env::var_os(PROGRAMS_ENV).map(PathBuf::from).into_iter().collect();
    // Debian's folders are named by version alone, so a longer number is a later one.
    let inside = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = inside.map(|entry| entry.path().join("bin")).collect();
    versions.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
    candidates.extend(versions.into_iter().rev());
    candidates.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    let is_whole = |folder: &Path| PROGRAMS.iter().all(|program| folder.join(program).is_file());
    candidates
        .into_iter()
        .find(|folder| is_whole(folder))
        .context("PostgreSQL is not installed: apt-get install postgresql (its service may stay stopped)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_of_a_url_is_replaced() {
        for (url, want) in [
            ("postgres://me@127.0.0.1:5432/postgres", "postgres://me@127.0.0.1:5432/t1"),
            ("postgres://me:secret@db", "postgres://me:secret@db/t1"),
            ("postgresql://db/a?sslmode=disable", "postgresql://db/t1?sslmode=disable"),
        ] {
            assert_eq!(with_database(url, "t1"), want);
        }
    }

    #[cfg(feature = "servers")]
    #[test]
    fn a_server_keeps_its_databases_and_ends_with_its_guard() {
        let mut server = PostgresServer::start().unwrap();
        let first = server.create_database().unwrap();
        assert_ne!(first, server.create_database().unwrap());
        let count = "SELECT count(*) FROM pg_database WHERE datname LIKE 't%\\_%\\_%'";
        let count_made = |server: &PostgresServer| server.handle().sql(count).unwrap().trim().to_owned();
        assert_eq!(server.handle().sql("SHOW fsync").unwrap().trim(), "on");
        server.stop().unwrap();
        assert_eq!(server.pid(), None);
        server.start_again().unwrap();
        server.kill().unwrap();
        server.start_again().unwrap();
        assert_eq!(count_made(&server), "2");
        let (folder, port) = (server.folder.path().to_owned(), server.port());
        drop(server);
        assert!(!folder.exists());
        assert!(std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
    }
}
