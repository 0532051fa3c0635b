//! The server that a verb calls: its arguments, the connection, pages, and how answers are printed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use prost::Name;
use serde_json::Value;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};
use tonic::{Request, Status};
use waypost_proto::admin::to_json;
use waypost_proto::admin_v1::ListTeamsRequest;
use waypost_proto::admin_v1::team_service_client::TeamServiceClient;

pub(crate) use self::machine::scope;
pub use self::machine::{Finder, Found};
use self::reached::not_reached;
use crate::cell;
use crate::config_args::ConfigArgs;
use crate::failure::{Failure, root_cause};
use crate::output;
use crate::show::{Screen, Table};

mod machine;
mod reached;

/// The process that works on this machine by the configuration, or a server.
#[derive(Debug, Clone, Args)]
pub struct ServerArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The server to ask (its grpc.listen), not what the configuration leads to [env: WAYPOST_SERVER]
    #[arg(long, value_name = "URL", conflicts_with = "data_dir")]
    server: Option<String>,
    /// The file that holds the token, as `waypost token create` printed it. On the machine of the embedded bus none is needed
    #[arg(long, value_name = "FILE", env = "WAYPOST_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// Certificate authorities (PEM) that the server's certificate is checked by; the system's where left out
    #[arg(long, value_name = "FILE", env = "WAYPOST_CA")]
    ca: Option<PathBuf>,
    /// The caller's own certificate (PEM), where the server asks for one
    #[arg(long, value_name = "FILE", requires = "client_key")]
    client_cert: Option<PathBuf>,
    /// The key of --client-cert (PEM)
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

impl ServerArgs {
    /// The server that is named; `None` for what the configuration leads to. What was typed goes before what the
    /// environment says, and a configuration before a server that only the environment names.
    pub fn named(&self) -> Option<String> {
        let of_environment = || std::env::var("WAYPOST_SERVER").ok().filter(|url| !url.is_empty());
        self.server.clone().or_else(|| of_environment().filter(|_| !self.config.names_one()))
    }

    /// The same at another address.
    pub(crate) fn at(&self, server: String) -> Self {
        Self { server: Some(server), ..self.clone() }
    }

    /// What tells this server from others, for whoever goes on later.
    pub(crate) fn place(&self) -> String {
        let of_config = || [&self.config.data_dir, &self.config.config].into_iter().flatten().next().cloned();
        self.named().unwrap_or_else(|| of_config().map_or_else(String::new, |path| path.display().to_string()))
    }
}

/// What all verbs have that list what may be long.
#[derive(Debug, Clone, Args)]
pub(crate) struct ListArgs {
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// What the verbs have that change or delete a team, or set a number.
#[derive(Debug, Clone, Args)]
pub(crate) struct EditArgs {
    /// Only if what is changed still shows this etag
    #[arg(long, default_value = "")]
    pub(crate) etag: String,
    /// Check everything, change nothing
    #[arg(long)]
    pub(crate) validate_only: bool,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Where nothing is named, nor runs on this machine.
const DEFAULT_SERVER: &str = "https://127.0.0.1:9465";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
const PAGE_MAX: usize = 500;

/// The connection to a server, with the caller's token.
pub type Server = InterceptedService<Channel, Bearer>;

/// Puts the token into every call.
#[derive(Clone)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

/// Connects to the server that the arguments name, or to what the configuration leads to.
pub async fn connect(args: &ServerArgs) -> Result<Server, Failure> {
    if let Some(url) = args.named() {
        return connect_to(&url, args).await;
    }
    match machine::find(&args.config).await? {
        Found::Running(server) => Ok(server),
        Found::Listens(url) => connect_to(&url, args).await,
        Found::Nothing => connect_to(DEFAULT_SERVER, args).await,
    }
}

async fn connect_to(url: &str, args: &ServerArgs) -> Result<Server, Failure> {
    let bearer = args.token_file.as_deref().map(bearer_in).transpose()?;
    if !url.starts_with("https://") && !url.starts_with("http://") {
        let remedy = format!("write https://{url}, or http://{url} for one that speaks plain text");
        return Err(Failure::config(format!("--server: {url}: does not say how it is spoken to: {remedy}")));
    }
    let endpoint = Channel::from_shared(url.to_owned())
        .map_err(|error| Failure::config(format!("--server: {url}: {error}")))?
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(CALL_TIMEOUT);
    let endpoint = if url.starts_with("https:") {
        endpoint.tls_config(tls(args)?).map_err(|error| Failure::config(format!("tls: {}", root_cause(&error))))?
    } else {
        endpoint
    };
    let channel = endpoint.connect().await.map_err(|error| not_reached(url, &error))?;
    Ok(InterceptedService::new(channel, Bearer(bearer)))
}

/// The server that listens on this address of the machine, if it takes this token. Whoever listens there now may be
/// another: an address that somebody has written down can be stale.
pub async fn local_server(address: SocketAddr, token: &str) -> Option<Server> {
    let endpoint = Channel::from_shared(format!("http://{address}")).ok()?;
    let channel = endpoint.connect_timeout(CONNECT_TIMEOUT).timeout(CALL_TIMEOUT).connect().await.ok()?;
    let server = InterceptedService::new(channel, Bearer(Some(bearer(token)?)));
    let asked =
        TeamServiceClient::new(server.clone()).list_teams(ListTeamsRequest { page_size: 1, ..Default::default() });
    asked.await.ok().map(|_| server)
}

fn bearer_in(file: &Path) -> Result<MetadataValue<Ascii>, Failure> {
    let text = String::from_utf8(read(file)?).unwrap_or_default();
    bearer(&text).ok_or_else(|| Failure::config(format!("{}: holds no token", file.display())))
}

fn bearer(token: &str) -> Option<MetadataValue<Ascii>> {
    let mut value = MetadataValue::try_from(format!("Bearer {}", token.trim())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn tls(args: &ServerArgs) -> Result<ClientTlsConfig, Failure> {
    let mut tls = match &args.ca {
        Some(file) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(file)?)),
        None => ClientTlsConfig::new().with_native_roots(),
    };
    if let (Some(certificate), Some(key)) = (&args.client_cert, &args.client_key) {
        tls = tls.identity(Identity::from_pem(read(certificate)?, read(key)?));
    }
    Ok(tls)
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| Failure::config(format!("{}: {error}", file.display())))
}

/// Up to `limit` items of a list, from as many pages as that takes. `page`: size and token to items and next token.
pub(crate) async fn pages<T, F>(limit: usize, mut page: impl FnMut(i32, String) -> F) -> Result<Vec<T>, Failure>
where
    F: Future<Output = Result<(Vec<T>, String), Status>>,
{
    let mut items = Vec::new();
    let mut token = String::new();
    while items.len() < limit {
        let size = i32::try_from((limit - items.len()).min(PAGE_MAX)).unwrap_or(i32::MAX);
        let (more, next) = page(size, token).await?;
        items.extend(more);
        if next.is_empty() {
            break;
        }
        token = next;
    }
    Ok(items)
}

/// Prints a list: as a JSON array, or as a table of these fields. Whoever has a title is shown by that.
pub(crate) fn print_list<M: Name>(json: bool, items: &[M], fields: &[&str]) -> Result<(), Failure> {
    let rows: Vec<Value> = items.iter().map(|item| to_json(item, true)).collect();
    if json {
        return output::line(&Value::from(rows).to_string());
    }
    let header: Vec<String> = fields.iter().map(|field| cell::header(field)).collect();
    let mut table = Table::new(&header.iter().map(String::as_str).collect::<Vec<_>>());
    for row in &rows {
        table.add_row(fields.iter().map(|field| cell::of_item(row, field)));
    }
    output::line(&table.on(&Screen::stdout()))
}

/// Prints one thing: as a JSON object, or a field a line, without those that are empty. Whoever has a title is shown by that.
pub(crate) fn print_one<M: Name>(json: bool, item: &M) -> Result<(), Failure> {
    if json {
        return output::line(&to_json(item, true).to_string());
    }
    let item = to_json(item, false);
    let fields = cell::fields(&item);
    let width = fields.iter().map(|(field, _)| field.len()).max().unwrap_or_default();
    for (field, text) in &fields {
        output::line(&format!("{field:width$}  {text}"))?;
    }
    Ok(())
}
