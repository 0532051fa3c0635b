//! How commands on this machine reach the process that works on a data folder: at a loopback address, with a token. Both are
//! in a file of the folder that its owner alone can read, and who can read that can read the folder's data anyway. The token
//! is made anew by each start, and is kept nowhere else; of a process that was killed the file stays, and is worth nothing.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use waypost_cli::{Beside, ConfigArgs, Failure, Finder, Found, Server, ServerArgs, connect, local_server};

use super::Config;

const FILE: &str = "admin.json";
/// A port that is free: several deployments may share a machine.
pub(super) const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// A process that does not answer by then is frozen, or is another one.
const ANSWERS_WITHIN: Duration = Duration::from_secs(3);

#[derive(Serialize, Deserialize)]
struct Written {
    address: SocketAddr,
    token: String,
}

/// The file of a running process, which removes it at the end.
pub(super) struct LocalFile(PathBuf);

impl LocalFile {
    /// Writes it whole: a reader finds this one, or that of the process before.
    pub(super) fn write(folder: &Path, address: SocketAddr, token: String) -> io::Result<Self> {
        let (path, new) = (folder.join(FILE), folder.join("admin.json.new"));
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(serde_json::to_string(&Written { address, token })?.as_bytes())?;
        drop(file);
        fs::rename(&new, &path)?;
        Ok(Self(path))
    }
}

impl Drop for LocalFile {
    fn drop(&mut self) {
        // What cannot be removed is found stale.
        drop(fs::remove_file(&self.0));
    }
}

impl Config {
    /// Whether the process lets commands on this machine in: where it alone has the bus.
    pub(super) fn is_local(&self) -> bool {
        self.bus.is_embedded() && self.grpc.local
    }
}

/// The process that works on the configuration's data folder, where it runs and answers.
pub(crate) async fn running(config: &Config) -> Option<Server> {
    if !config.bus.is_embedded() {
        return None;
    }
    let text = fs::read(config.data_dir.join(FILE)).ok()?;
    let written: Written = serde_json::from_slice(&text).ok()?;
    // The token goes nowhere but to this machine, whatever the file says.
    if !written.address.ip().is_loopback() {
        return None;
    }
    tokio::time::timeout(ANSWERS_WITHIN, local_server(written.address, &written.token)).await.ok()?
}

/// What a verb works on that can do so in two ways.
pub(crate) enum Reached {
    /// The server that is named, or the process that works on the data folder of the configuration.
    Server(Server),
    /// What the configuration names itself.
    Here(Box<Config>),
}

/// What the arguments of a verb lead to.
pub(crate) async fn reach(args: &ServerArgs) -> Result<Reached, Failure> {
    if args.named().is_some() {
        return connect(args).await.map(Reached::Server);
    }
    let config = Config::of(&args.config)?;
    let server = running(&config).await;
    Ok(server.map_or_else(|| Reached::Here(Box::new(config)), Reached::Server))
}

/// How the client's verbs find the process of this machine.
pub(crate) fn finder() -> Finder {
    |args| Box::pin(find(args))
}

async fn find(args: ConfigArgs) -> Result<Found, Failure> {
    let config = Config::of(&args)?;
    if let Some(server) = running(&config).await {
        return Ok(Found::Running(server));
    }
    if let Some(url) = listening(&config) {
        return Ok(Found::Listens(url));
    }
    let is_named = args.names_one() || args.found_beside() == Some(Beside::Used);
    if !is_named {
        return Ok(Found::Nothing);
    }
    let remedy = "name the server: --server, --token-file";
    if config.is_local() {
        let folder = config.data_dir.display();
        let problem = format!("no waypost answers that works on {folder} (data_dir)");
        return Err(Failure::unavailable(format!("{problem}: start `waypost run`, or {remedy}")));
    }
    Err(Failure::unavailable(format!("the configuration names no administration (grpc.listen): {remedy}")))
}

/// Where the administration listens for callers with a token, as it is reached from this machine.
fn listening(config: &Config) -> Option<String> {
    let mut address = config.grpc.listen?;
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    let scheme = if config.grpc.tls_files().is_some() { "https" } else { "http" };
    Some(format!("{scheme}://{address}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_owner_alone_reads_it_and_it_is_gone_with_the_process() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("admin.json.new"), "half").unwrap();
        let path = folder.path().join(FILE);
        let first = LocalFile::write(folder.path(), LISTEN, "one".to_owned()).unwrap();
        // That of a process that was killed.
        std::mem::forget(first);
        let second = LocalFile::write(folder.path(), LISTEN, "two".to_owned()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let written: Written = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!((written.address, &*written.token), (LISTEN, "two"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        drop(second);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    /// Nobody there, nonsense, somebody elsewhere, or somebody who is not Waypost and says nothing.
    #[tokio::test]
    async fn a_stale_file_leads_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
        assert!(running(&config).await.is_none());
        fs::write(folder.path().join(FILE), "{").unwrap();
        assert!(running(&config).await.is_none());
        let silent = std::net::TcpListener::bind(LISTEN).unwrap();
        let gone = std::net::TcpListener::bind(LISTEN).unwrap().local_addr().unwrap();
        for address in [gone, silent.local_addr().unwrap(), SocketAddr::from(([192, 0, 2, 1], 1))] {
            let file = LocalFile::write(folder.path(), address, "wpt_x".to_owned()).unwrap();
            assert!(running(&config).await.is_none(), "{address}");
            drop(file);
        }
    }

    #[test]
    fn an_administration_that_listens_is_reached_at_this_machine() {
        let mut config = Config::default();
        assert_eq!(listening(&config), None);
        config.grpc.listen = Some(SocketAddr::from(([0, 0, 0, 0], 9465)));
        assert_eq!(listening(&config).as_deref(), Some("http://127.0.0.1:9465"));
        config.grpc.tls_certificate_file = Some("c".into());
        config.grpc.tls_key_file = Some("k".into());
        assert_eq!(listening(&config).as_deref(), Some("https://127.0.0.1:9465"));
    }
}
