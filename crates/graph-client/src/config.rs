//! Where the platform is, and how long we wait for it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

/// Meta lets customers send 100 MB.
pub(crate) const MEDIA_BYTES_MAX: u64 = 100 << 20;

/// How one service is reached over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfig {
    /// What every address begins with. Without TLS only on this machine, unless `allow_plain_http`.
    pub base_url: String,
    /// Whether a token may go over a network that everybody can read: for a sandbox on a network of its own.
    pub allow_plain_http: bool,
    /// None is ever taken from the environment.
    pub proxy: Option<ProxyUrl>,
    /// For the name, TCP and TLS together.
    pub connect_timeout: Duration,
    /// From the connection to the first bytes of the answer.
    pub answer_timeout: Duration,
    /// For the whole of a call; of media, for each pause in the bytes.
    pub total_timeout: Duration,
    /// A body that is slower than this has stopped: a large one is given as much more time.
    pub bytes_per_second_min: u64,
    /// What is read of an answer at most; media have a limit of their own.
    pub answer_bytes_max: usize,
    /// Connections that wait to be used again.
    pub idle_connections_max: usize,
    /// After which such a connection is closed.
    pub idle_timeout: Duration,
}

/// `http://host:port` of a proxy, perhaps with a name and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl(pub String);

/// The password is a secret.
impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProxyUrl(…)")
    }
}

impl HttpConfig {
    /// What suits the API of a platform.
    pub fn new(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            allow_plain_http: false,
            proxy: None,
            connect_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(20),
            total_timeout: Duration::from_secs(30),
            bytes_per_second_min: 64 << 10,
            answer_bytes_max: 4 << 20,
            idle_connections_max: 256,
            idle_timeout: Duration::from_secs(30),
        }
    }

    /// The base, without a slash at its end.
    pub(crate) fn base(&self) -> Result<Url, ConfigError> {
        let invalid = |problem| ConfigError { key: "base_url", problem };
        let mut base = Url::parse(&self.base_url).map_err(|_| invalid("is no URL"))?;
        if base.query().is_some() || base.fragment().is_some() || !base.username().is_empty() {
            return Err(invalid("has more than a scheme, a host and a path"));
        }
        match base.scheme() {
            "https" => {}
            "http" if self.allow_plain_http || is_here(&base) => {}
            "http" => return Err(invalid("would send the token without TLS")),
            _ => return Err(invalid("is neither https nor http")),
        }
        let is_with_slash = base.path().ends_with('/');
        if let (true, Ok(mut segments)) = (is_with_slash, base.path_segments_mut()) {
            segments.pop_if_empty();
        }
        Ok(base)
    }

    /// Whether the times fit each other: the end of the whole must never come while nothing is written yet, because a call
    /// that was cut off is one of which nobody knows.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let problem = match self {
            Self { connect_timeout, .. } if connect_timeout.is_zero() => Some(("connect_timeout", "is 0")),
            Self { answer_timeout, .. } if answer_timeout.is_zero() => Some(("answer_timeout", "is 0")),
            Self { connect_timeout, answer_timeout, total_timeout, .. }
                if *total_timeout < *connect_timeout + *answer_timeout =>
            {
                Some(("total_timeout", "is shorter than connect_timeout and answer_timeout together"))
            }
            Self { bytes_per_second_min: 0, .. } => Some(("bytes_per_second_min", "is 0")),
            Self { answer_bytes_max: 0, .. } => Some(("answer_bytes_max", "is 0")),
            _ => None,
        };
        problem.map_or(Ok(()), |(key, problem)| Err(ConfigError { key, problem }))
    }
}

/// Meta's Graph API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphConfig {
    /// How it is reached.
    pub http: HttpConfig,
    /// `v26.0`
    pub version: String,
    /// Holds the token, and nothing else. It is read again when it changes.
    pub token_file: PathBuf,
    /// Holds the app's token (`app id|app secret`), for the few calls that want it.
    pub app_token_file: Option<PathBuf>,
    /// Hosts, or ends of hosts that begin with a dot, which are shown the token when media are fetched from them. The host of
    /// the base URL is.
    pub media_hosts: Vec<String>,
    /// What is fetched of a file at most.
    pub media_bytes_max: u64,
}

impl GraphConfig {
    /// The API of today, with the token of a file.
    pub fn new(token_file: impl Into<PathBuf>) -> Self {
        Self {
            http: HttpConfig::new("https://graph.facebook.com"),
            version: "v26.0".to_owned(),
            token_file: token_file.into(),
            app_token_file: None,
            media_hosts: vec!["lookaside.fbsbx.com".to_owned()],
            media_bytes_max: MEDIA_BYTES_MAX,
        }
    }

    /// `v` and two numbers.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let is_version = self.version.strip_prefix('v').and_then(|rest| rest.split_once('.'));
        if is_version.is_some_and(|(major, minor)| is_number(major) && is_number(minor)) {
            return self.http.check();
        }
        Err(ConfigError { key: "version", problem: "is not like v26.0" })
    }
}

/// What has to be corrected in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{key} {problem}")]
pub struct ConfigError {
    /// The field of [`HttpConfig`] or [`GraphConfig`].
    pub key: &'static str,
    /// Why it cannot be used.
    pub problem: &'static str,
}

/// Whether it is on this machine.
fn is_here(url: &Url) -> bool {
    url.host_str().is_some_and(|host| host == "localhost" || host.starts_with("127.") || host == "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_over_tls_or_stays_here() {
        let check = |base_url: &str, allow_plain_http, want: Result<&str, &str>| {
            let config = HttpConfig { allow_plain_http, ..HttpConfig::new(base_url) };
            let base = config.base().map(|base| base.to_string()).map_err(|error| error.to_string());
            assert_eq!(base.as_deref().map_err(String::as_str), want, "{base_url}");
        };
        check("https://graph.facebook.com", false, Ok("https://graph.facebook.com/"));
        check("https://proxy.example/graph/", false, Ok("https://proxy.example/graph"));
        check("http://127.0.0.1:8080", false, Ok("http://127.0.0.1:8080/"));
        check("http://localhost:8080", false, Ok("http://localhost:8080/"));
        check("http://sandbox:8080", true, Ok("http://sandbox:8080/"));
        check("http://sandbox:8080", false, Err("base_url would send the token without TLS"));
        check("ftp://sandbox", true, Err("base_url is neither https nor http"));
        check("https://me:secret@x", false, Err("base_url has more than a scheme, a host and a path"));
        check("https://x?y", false, Err("base_url has more than a scheme, a host and a path"));
        check("graph", false, Err("base_url is no URL"));
    }

    #[test]
    fn times_fit_each_other_and_the_version_is_one() {
        let good = GraphConfig::new("token");
        assert_eq!(good.check(), Ok(()));
        for version in ["", "26.0", "v26", "v.0", "v26.", "v26.0/me"] {
            let config = GraphConfig { version: version.to_owned(), ..good.clone() };
            assert_eq!(config.check().map_err(|error| error.key), Err("version"), "{version}");
        }
        let key_of = |http: HttpConfig| http.check().map_err(|error| error.key);
        assert_eq!(key_of(HttpConfig { connect_timeout: Duration::ZERO, ..good.http.clone() }), Err("connect_timeout"));
        assert_eq!(key_of(HttpConfig { answer_timeout: Duration::ZERO, ..good.http.clone() }), Err("answer_timeout"));
        let short = Duration::from_secs(24);
        assert_eq!(key_of(HttpConfig { total_timeout: short, ..good.http.clone() }), Err("total_timeout"));
        assert_eq!(key_of(HttpConfig { bytes_per_second_min: 0, ..good.http.clone() }), Err("bytes_per_second_min"));
        assert_eq!(key_of(HttpConfig { answer_bytes_max: 0, ..good.http }), Err("answer_bytes_max"));
    }
}
