//! What the commands share that call the administration: connecting, pages, printing.

use std::path::Path;
use std::time::Duration;

use comfy_table::{Table, presets};
use prost::Name;
use serde_json::Value;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};
use tonic::{Request, Status};
use waypost_proto::admin::to_json;

use crate::cli::ServerArgs;
use crate::exit::Failure;
use crate::output;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
const PAGE_MAX: usize = 500;

pub(super) type Server = InterceptedService<Channel, Bearer>;

/// Puts the token into every call.
#[derive(Clone)]
pub(super) struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

pub(super) async fn connect(args: &ServerArgs) -> Result<Server, Failure> {
    let bearer = args.token_file.as_deref().map(bearer).transpose()?;
    let endpoint = Channel::from_shared(args.server.clone())
        .map_err(|error| Failure::config(format!("--server: {}: {error}", args.server)))?
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(CALL_TIMEOUT);
    let endpoint = if args.server.starts_with("https:") {
        endpoint.tls_config(tls(args)?).map_err(|error| Failure::config(format!("tls: {}", chain(&error))))?
    } else {
        endpoint
    };
    let channel = endpoint.connect().await;
    let channel = channel.map_err(|error| Failure::unavailable(format!("{}: {}", args.server, chain(&error))))?;
    Ok(InterceptedService::new(channel, Bearer(bearer)))
}

fn bearer(file: &Path) -> Result<MetadataValue<Ascii>, Failure> {
    let text = String::from_utf8(read(file)?).unwrap_or_default();
    let mut value = MetadataValue::try_from(format!("Bearer {}", text.trim()))
        .map_err(|_| Failure::config(format!("{}: holds no token", file.display())))?;
    value.set_sensitive(true);
    Ok(value)
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

/// The transport's own text does not say what is wrong; its causes do.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Up to `limit` items of a list, from as many pages as that takes. `page`: size and token to items and next token.
pub(super) async fn pages<T, F>(limit: usize, mut page: impl FnMut(i32, String) -> F) -> Result<Vec<T>, Failure>
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

/// Prints a list: as a JSON array, or as a table of these fields.
pub(super) fn print_list<M: Name>(json: bool, items: &[M], fields: &[&str]) -> Result<(), Failure> {
    let rows: Vec<Value> = items.iter().map(|item| to_json(item, true)).collect();
    if json {
        return output::line(&Value::from(rows).to_string());
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(fields.iter().map(|field| field.to_uppercase()));
    for row in &rows {
        table.add_row(fields.iter().map(|field| plain(&row[*field])));
    }
    output::line(table.to_string().trim_end())
}

/// Prints one thing: as a JSON object, or a field a line, without those that are empty.
pub(super) fn print_one<M: Name>(json: bool, item: &M) -> Result<(), Failure> {
    if json {
        return output::line(&to_json(item, true).to_string());
    }
    let Value::Object(fields) = to_json(item, false) else { return Ok(()) };
    let width = fields.keys().map(String::len).max().unwrap_or_default();
    for (field, value) in &fields {
        output::line(&format!("{field:width$}  {}", plain(value)))?;
    }
    Ok(())
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
