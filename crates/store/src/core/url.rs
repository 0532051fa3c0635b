//! Where the store is. Neither an error nor a debug form shows a password.

use std::env;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr as _;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::tls::{Tls, TlsOptions, Trust};
use crate::{Result, StoreError};

/// Where the store is: `sqlite:///path/file.db` or `postgres://user:password@host:port/database?sslmode=…`.
#[derive(Clone)]
pub struct StoreUrl(pub(super) Target);

#[derive(Clone)]
pub(super) enum Target {
    Sqlite(PathBuf),
    SqliteMemory,
    Postgres(Box<Server>),
}

#[derive(Clone)]
pub(super) struct Server {
    pub(super) config: Config,
    pub(super) tls: TlsOptions,
}

impl StoreUrl {
    pub fn parse(url: &str) -> Result<Self> {
        if let Some(path) = url.strip_prefix("sqlite://") {
            if path.is_empty() || path.contains('?') {
                return Err(StoreError::Invalid("store url: expected sqlite:///path/to/file.db".into()));
            }
            return Ok(Self::sqlite_file(path));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self(Target::Postgres(Box::new(Server::parse(url, &|name| env::var(name).ok())?))));
        }
        Err(StoreError::Invalid("store url: expected sqlite:///path/to/file.db or postgres://host/database".into()))
    }

    pub fn sqlite_file(path: impl Into<PathBuf>) -> Self {
        Self(Target::Sqlite(path.into()))
    }

    /// A store that is gone when it is closed, for tests. One connection serves everything, so a reading method waits
    /// for an open transaction too.
    pub const fn sqlite_memory() -> Self {
        Self(Target::SqliteMemory)
    }

    /// Reads the certificates and keys that it names, as opening the store does.
    pub fn check_tls(&self) -> Result<()> {
        match &self.0 {
            Target::Sqlite(_) | Target::SqliteMemory => Ok(()),
            Target::Postgres(server) => Tls::of(&server.tls).map(drop),
        }
    }

    /// Whether several processes may share the store.
    pub const fn is_shared(&self) -> bool {
        matches!(self.0, Target::Postgres(_))
    }
}

impl Server {
    /// What the URL leaves out comes from libpq's variables, by `variable`.
    fn parse(url: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let malformed = || StoreError::Invalid("store url: malformed postgres:// url".into());
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let mut tls = TlsOptions {
            root_certificate: variable("PGSSLROOTCERT").map(PathBuf::from),
            certificate: variable("PGSSLCERT").map(PathBuf::from),
            key: variable("PGSSLKEY").map(PathBuf::from),
            trust: Trust::default(),
        };
        let mut mode = variable("PGSSLMODE").unwrap_or_else(|| "prefer".to_owned());
        // What the driver does not know, or knows otherwise, is taken out first.
        let mut rest = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = || percent_decoded(value).ok_or_else(malformed);
            match name {
                "sslmode" | "ssl-mode" => mode = decoded()?,
                "sslrootcert" | "ssl-root-cert" | "ssl-ca" => tls.root_certificate = Some(decoded()?.into()),
                "sslcert" | "ssl-cert" => tls.certificate = Some(decoded()?.into()),
                "sslkey" | "ssl-key" => tls.key = Some(decoded()?.into()),
                // Every statement is prepared once in each connection, however many there are.
                "statement-cache-capacity" => {}
                _ => rest.push(pair),
            }
        }
        let base = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
        let mut config = Config::from_str(&base).map_err(|_| malformed())?;
        let (ssl, trust) = match mode.to_ascii_lowercase().as_str() {
            "disable" | "allow" => (SslMode::Disable, Trust::Anybody),
            "prefer" => (SslMode::Prefer, Trust::Anybody),
            "require" => (SslMode::Require, Trust::Anybody),
            "verify-ca" => (SslMode::Require, Trust::Authority),
            "verify-full" => (SslMode::Require, Trust::AuthorityAndHost),
            _ => return Err(StoreError::Invalid("store url: no such sslmode".into())),
        };
        config.ssl_mode(ssl);
        // Who names an authority means it: libpq checks by a root certificate that is there, whatever the mode.
        tls.trust = match trust {
            Trust::Anybody if tls.root_certificate.is_some() => Trust::Authority,
            trust => trust,
        };
        complete(&mut config, variable).ok_or_else(malformed)?;
        Ok(Self { config, tls })
    }
}

/// Fills in what libpq takes from the environment.
fn complete(config: &mut Config, variable: &dyn Fn(&str) -> Option<String>) -> Option<()> {
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        config.host(variable("PGHOST").unwrap_or_else(|| "localhost".to_owned()));
    }
    if config.get_ports().is_empty()
        && let Some(port) = variable("PGPORT")
    {
        config.port(port.parse().ok()?);
    }
    if config.get_user().is_none()
        && let Some(user) = variable("PGUSER")
    {
        config.user(user);
    }
    if config.get_password().is_none()
        && let Some(password) = variable("PGPASSWORD")
    {
        config.password(password);
    }
    if config.get_dbname().is_none()
        && let Some(database) = variable("PGDATABASE")
    {
        config.dbname(database);
    }
    Some(())
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

/// Never shows a password.
impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Target::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Target::SqliteMemory => f.write_str("sqlite in memory"),
            Target::Postgres(server) => {
                let config = &server.config;
                let host = match config.get_hosts().first() {
                    Some(Host::Tcp(host)) => host.clone(),
                    #[cfg(unix)]
                    Some(Host::Unix(path)) => path.display().to_string(),
                    None => config.get_hostaddrs().first().map(ToString::to_string).unwrap_or_default(),
                };
                let port = config.get_ports().first().copied().unwrap_or(5432);
                let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
                write!(f, "postgres://{host}:{port}/{database}")
            }
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_never_show_a_password() {
        assert_eq!(StoreUrl::parse("sqlite:///a/b.db").unwrap().to_string(), "sqlite:///a/b.db");
        let shared = StoreUrl::parse("postgres://me:secret@db:6432/waypost").unwrap();
        assert_eq!(format!("{shared} {shared:?}"), "postgres://db:6432/waypost postgres://db:6432/waypost");
        assert!(shared.is_shared());
        for bad in ["", "mysql://x", "sqlite://", "sqlite::memory:", "/a/b.db", "postgres://:secret@:x/y"] {
            let error = StoreUrl::parse(bad).unwrap_err().to_string();
            assert!(error.contains("store url") && !error.contains("secret"), "{bad:?}: {error}");
        }
    }

    #[test]
    fn the_ways_to_trust_a_server_are_libpqs() {
        let parse = |url: &str| Server::parse(url, &|_| None);
        let cases = [
            ("", SslMode::Prefer, Trust::Anybody),
            ("?sslmode=disable", SslMode::Disable, Trust::Anybody),
            ("?sslmode=require", SslMode::Require, Trust::Anybody),
            ("?sslmode=require&sslrootcert=/ca.pem", SslMode::Require, Trust::Authority),
            ("?sslrootcert=/ca.pem", SslMode::Prefer, Trust::Authority),
            ("?sslmode=verify-full&sslrootcert=/ca.pem", SslMode::Require, Trust::AuthorityAndHost),
            ("?sslmode=verify-ca&sslrootcert=/ca%20.pem", SslMode::Require, Trust::Authority),
            ("?connect_timeout=3&ssl-mode=verify-full", SslMode::Require, Trust::AuthorityAndHost),
        ];
        for (query, mode, trust) in cases {
            let server = parse(&format!("postgres://me@db/waypost{query}")).unwrap();
            assert_eq!((server.config.get_ssl_mode(), server.tls.trust), (mode, trust), "{query}");
        }
        let server = parse("postgres://db/w?sslrootcert=/ca%20.pem").unwrap();
        assert_eq!(server.tls.root_certificate, Some(PathBuf::from("/ca .pem")));
        assert!(parse("postgres://db/w?sslmode=sometimes").is_err());
    }

    #[test]
    fn what_a_url_leaves_out_is_in_the_environment() {
        let variable = |name: &str| {
            let value = match name {
                "PGPASSWORD" => "secret",
                "PGUSER" => "me",
                "PGSSLMODE" => "verify-full",
                _ => return None,
            };
            Some(value.to_owned())
        };
        let server = Server::parse("postgres://db/w", &variable).unwrap();
        assert_eq!(server.config.get_password(), Some(b"secret".as_slice()));
        assert_eq!((server.config.get_user(), server.tls.trust), (Some("me"), Trust::AuthorityAndHost));
        let server = Server::parse("postgres://you:word@db/w?sslmode=disable", &variable).unwrap();
        assert_eq!(server.config.get_password(), Some(b"word".as_slice()));
        assert_eq!((server.config.get_user(), server.tls.trust), (Some("you"), Trust::Anybody));
    }
}
