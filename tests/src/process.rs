//! A running `waypost`, the real program, as an operator would start it: to be asked, frozen, stopped and killed.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::NamedTempFile;

use crate::eventually;
use crate::webhook::http_client;

/// Names the program under test; `cargo xtask test` sets it.
pub const BINARY_VARIABLE: &str = "WAYPOST_TEST_BIN";

const READY_DEADLINE: Duration = Duration::from_secs(60);
/// Of each stream, the newest lines.
const OUTPUT_LINES_MAX: usize = 10_000;

/// How to start it. The same settings may be started again and again, after a kill for instance.
#[derive(Debug, Clone, Default)]
pub struct WaypostSettings {
    /// The text of the TOML file for `--config`.
    pub config: String,
    /// What follows `run --config FILE`.
    pub arguments: Vec<OsString>,
    /// `WAYPOST__SECTION__KEY` overrides. Nothing named `WAYPOST…` is inherited from the test's own environment.
    pub variables: Vec<(String, String)>,
    /// Answers 200 when it is ready, e.g. `http://127.0.0.1:1234/readyz`.
    pub ready_url: String,
    /// What that answer must say instead, for a process that lacks something: e.g. `admin listener: ready`.
    pub ready_when: Option<String>,
    /// The network namespace to run in, instead of the test's own.
    pub namespace: Option<String>,
    /// Where each process that is started leaves all that it wrote, in files of its own.
    pub log_folder: Option<PathBuf>,
}

impl WaypostSettings {
    fn log_file(&self, process: u32, stream: &str) -> anyhow::Result<Option<File>> {
        let Some(folder) = &self.log_folder else { return Ok(None) };
        std::fs::create_dir_all(folder)?;
        let path = folder.join(format!("{process}.{stream}"));
        Ok(Some(File::options().create(true).append(true).open(path)?))
    }
}

/// Killed, with SIGKILL, when dropped. Its output is shown when the test has failed by then.
pub struct WaypostProcess {
    child: Child,
    output: Arc<Mutex<Output>>,
    _config: NamedTempFile,
}

#[derive(Default)]
struct Output {
    stdout: VecDeque<String>,
    stderr: VecDeque<String>,
}

impl WaypostProcess {
    /// Starts it and waits until it is ready. An error, with its output, when it ends instead.
    pub async fn start(settings: &WaypostSettings) -> anyhow::Result<Self> {
        let mut process = Self::spawn(settings)?;
        let http = http_client()?;
        let what = format!("{} answers {}", settings.ready_url, settings.ready_when.as_deref().unwrap_or("200"));
        let ready = eventually(&what, READY_DEADLINE, async || {
            if let Ok(Some(status)) = process.child.try_wait() {
                return Some(Err(status));
            }
            let answer = http.get(&settings.ready_url).timeout(Duration::from_secs(2)).send().await.ok()?;
            let is_ready = match &settings.ready_when {
                None => answer.status().as_u16() == 200,
                Some(words) => answer.text().await.is_ok_and(|text| text.contains(words)),
            };
            is_ready.then_some(Ok(()))
        });
        match ready.await {
            Ok(()) => Ok(process),
            Err(status) => bail!("waypost ended before it was ready: {status}\n{}", process.output()),
        }
    }

    /// Starts it and waits for nothing.
    pub fn spawn(settings: &WaypostSettings) -> anyhow::Result<Self> {
        let config = tempfile::Builder::new().prefix("waypost-test-").suffix(".toml").tempfile()?;
        std::fs::write(config.path(), &settings.config)?;
        let mut command = waypost_in(settings.namespace.as_deref())?;
        command.arg("run").arg("--config").arg(config.path()).args(&settings.arguments);
        command.envs(settings.variables.iter().map(|(name, value)| (name, value)));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let output = Arc::new(Mutex::new(Output::default()));
        let stdout = child.stdout.take().context("stdout is piped")?;
        let stderr = child.stderr.take().context("stderr is piped")?;
        let file = |stream: &str| settings.log_file(child.id(), stream);
        collect(stdout, Arc::clone(&output), |output| &mut output.stdout, file("stdout")?);
        collect(stderr, Arc::clone(&output), |output| &mut output.stderr, file("stderr")?);
        Ok(Self { child, output, _config: config })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `Some` when it has ended.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// SIGKILL: it gets no chance to tidy up.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        let status = self.child.wait()?;
        if status.signal().is_none() {
            bail!("waypost had ended before it was killed: {status}\n{}", self.output());
        }
        Ok(())
    }

    /// SIGTERM, as an orchestrator stops it; waits for the end.
    ///
    /// # Panics
    /// When it takes longer than `deadline`.
    pub async fn terminate(&mut self, deadline: Duration) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        Ok(eventually("waypost ends after SIGTERM", deadline, async || self.exit_status()).await)
    }

    /// SIGSTOP: it stands still, its connections stay open.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)
    }

    /// SIGCONT.
    pub fn thaw(&self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("it has a process id")?;
        // Still ours: only `wait` frees the id, and it needs `&mut self`.
        Ok(kill_process(id, signal)?)
    }

    /// What it wrote so far, for a person.
    pub fn output(&self) -> String {
        let output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        let id = self.child.id();
        let stdout: String = output.stdout.iter().map(|line| format!("{line}\n")).collect();
        let stderr: String = output.stderr.iter().map(|line| format!("{line}\n")).collect();
        format!("--- waypost {id} stdout:\n{stdout}--- waypost {id} stderr:\n{stderr}")
    }

    pub fn stdout_lines(&self) -> Vec<String> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).stdout.iter().cloned().collect()
    }

    pub fn stderr_lines(&self) -> Vec<String> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).stderr.iter().cloned().collect()
    }
}

impl Drop for WaypostProcess {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill() {
            eprintln!("cannot kill waypost {}: {error}", self.child.id());
        }
        self.child.wait().ok();
        if std::thread::panicking() {
            eprintln!("{}", self.output());
        }
    }
}

/// Sends a signal to processes that this test has started.
pub(crate) fn signal_all(ids: &[u32], signal: Signal) -> anyhow::Result<()> {
    for id in ids {
        let id = i32::try_from(*id).ok().and_then(Pid::from_raw).context("a process id")?;
        match kill_process(id, signal) {
            // A child of a server's may just have ended.
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The program with nothing to do yet, and without any `WAYPOST…` variable of ours. For other commands than `run`.
pub fn waypost() -> anyhow::Result<Command> {
    waypost_in(None)
}

fn waypost_in(namespace: Option<&str>) -> anyhow::Result<Command> {
    let mut command = match namespace {
        None => Command::new(binary()?),
        Some(namespace) => {
            // It becomes the program instead of watching over it: our child is the program itself.
            let mut command = Command::new("ip");
            command.args(["netns", "exec", namespace]).arg(binary()?);
            command
        }
    };
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"WAYPOST") {
            command.env_remove(name);
        }
    }
    Ok(command)
}

static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();

/// Has [`binary`] give what the caller has built, unless the environment names another.
pub fn use_built(path: PathBuf) {
    BUILT.get_or_init(|| Ok(path));
}

/// The program under test: the one named by the environment, else a debug build made now, once for each process. (A
/// program that merely lies there may be older than what is tested.)
pub fn binary() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os(BINARY_VARIABLE) {
        let path = PathBuf::from(path);
        ensure!(path.is_file(), "no program at {}, which {BINARY_VARIABLE} names", path.display());
        return Ok(path);
    }
    let built = BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}")));
    built.clone().map_err(|error| anyhow!("no waypost to test ({error}): build it, and name it in {BINARY_VARIABLE}"))
}

/// The cargo that runs us. It must not see what it tells us of our own package: build scripts take note of it (ring's
/// does), and half of the dependencies would be built anew for us, and again for whoever calls cargo directly.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let bytes = name.as_encoded_bytes();
        if bytes.starts_with(b"CARGO_PKG_") || bytes.starts_with(b"CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    command
}

fn build() -> anyhow::Result<PathBuf> {
    let test = std::env::current_exe().context("where this test lies")?;
    // <target>/debug/deps/<test>
    let target = test.ancestors().nth(3).context("this test lies in a build folder")?;
    let status = cargo()
        .args(["build", "--package", "waypost", "--features", "fault-injection", "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "cargo build: {status}");
    let path = target.join("debug/waypost");
    ensure!(path.is_file(), "cargo built no {}", path.display());
    Ok(path)
}

fn collect(
    stream: impl Read + Send + 'static,
    output: Arc<Mutex<Output>>,
    part: fn(&mut Output) -> &mut VecDeque<String>,
    mut file: Option<File>,
) {
    // Ends with the stream, that is with the process.
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            if let Some(file) = &mut file {
                // A line that is missing there is missed by whoever reads it.
                file.write_all(&[&line[..], b"\n"].concat()).expect("the log is written");
            }
            let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
            let lines = part(&mut output);
            if lines.len() == OUTPUT_LINES_MAX {
                lines.pop_front();
            }
            lines.push_back(String::from_utf8_lossy(&line).into_owned());
        }
    });
}
