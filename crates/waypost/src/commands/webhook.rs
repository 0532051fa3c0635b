//! `waypost webhook test`: a signed sample webhook of any kind.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use waypost_cloud_api::samples::{SampleKind, SampleParams, sample};
use waypost_cloud_api::signature::{Provider, sign};
use waypost_cloud_api::webhook::{Content, split};
use waypost_store::{EventKey, Store};

use crate::cli::WebhookTestArgs;
use crate::output;
use crate::process::Config;
use crate::process::store::{STORE_FILE, open_store};
use waypost_cli::Failure;

const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a decision is waited for, and how often it is asked for.
const DECIDED_WITHIN: Duration = Duration::from_secs(5);
const ASK_EVERY: Duration = Duration::from_millis(50);

pub(crate) async fn test(args: WebhookTestArgs) -> Result<(), Failure> {
    if args.kind == "list" {
        for kind in SampleKind::ALL {
            output::line(kind.name())?;
        }
        return Ok(());
    }
    let Some(kind) = SampleKind::parse(&args.kind) else {
        return Err(Failure::config(format!(
            "no sample kind {:?}; `waypost webhook test list` prints them",
            args.kind
        )));
    };
    let body = body(kind, &args)?;
    let config = Config::of(&args.config)?;
    let secret = secret(&args, &config)?;
    let signature = sign(&secret, body.as_bytes());
    let header = match config.ingress.provider.as_str() {
        "360dialog" => Provider::D360.header_name(),
        _ => Provider::Meta.header_name(),
    };
    if args.print {
        output::note(&format!("{header}: {signature}"));
        return output::line(&body);
    }
    let url = args.to.clone().unwrap_or_else(|| address(&config));
    send(&url, header, &signature, body.clone()).await?;
    // Somebody else's Waypost keeps what it decides in a store that is not ours.
    if args.to.is_none() { tell_where(&config, body.as_bytes()).await } else { Ok(()) }
}

/// Says what became of the messages in `body`, as soon as it is decided.
async fn tell_where(config: &Config, body: &[u8]) -> Result<(), Failure> {
    let events = split(body).events;
    let messages: Vec<EventKey> = events
        .into_iter()
        .filter(|event| matches!(event.content, Content::Message(_) | Content::StandbyMessage(_)))
        .map(|event| EventKey { number: event.number, key: event.key })
        .collect();
    if messages.is_empty() || (config.store.is_embedded() && !config.data_dir.join(STORE_FILE).exists()) {
        return Ok(());
    }
    let Ok(store) = open_store(config).await else { return Ok(()) };
    for message in &messages {
        output::line(&where_it_went(&store, message).await)?;
    }
    store.close().await;
    Ok(())
}

/// Team, rule and reason.
async fn where_it_went(store: &Store, message: &EventKey) -> String {
    let deadline = tokio::time::Instant::now() + DECIDED_WITHIN;
    loop {
        let known = store.decision(message).await.ok().flatten();
        if let Some(known) = known {
            return match known.outcome {
                Some(outcome) => {
                    let team = outcome.team.map_or_else(|| "wa.unrouted".to_owned(), |team| format!("team {team}"));
                    format!("{team} ({}), by {}: {}", outcome.priority.as_str(), outcome.rule, outcome.why)
                }
                None if known.kind == "notice" => {
                    "kept, and shown with the next message: no conversation is open".to_owned()
                }
                None => format!("kept as {}", known.kind),
            };
        }
        if tokio::time::Instant::now() >= deadline {
            return format!("not decided yet; later: waypost decisions get {}", message.key);
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

fn body(kind: SampleKind, args: &WebhookTestArgs) -> Result<String, Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let params = SampleParams {
        phone_number_id: args.phone_number_id.clone(),
        from: args.from.clone(),
        text: args.text.clone(),
        wamid: format!("wamid.TEST{}", now.as_nanos()),
        timestamp: i64::try_from(now.as_secs()).unwrap_or(i64::MAX),
        ..SampleParams::default()
    };
    serde_json::to_string(&sample(kind, &params)).map_err(Failure::failed)
}

fn secret(args: &WebhookTestArgs, config: &Config) -> Result<String, Failure> {
    let file = args.secret_file.as_ref().or_else(|| config.ingress.app_secrets_file.first());
    if let Some(file) = file {
        let text = std::fs::read_to_string(file)
            .map_err(|error| Failure::config(format!("app secret {}: {error}", file.display())))?;
        // As the ingress reads it: one a line.
        let first = text.lines().map(str::trim).find(|line| !line.is_empty());
        let empty = || Failure::config(format!("app secret {}: holds none", file.display()));
        return first.map(str::to_owned).ok_or_else(empty);
    }
    match config.ingress.app_secrets.first() {
        Some(secret) => Ok(secret.expose().to_owned()),
        None => Err(Failure::config("no app secret: give --config, --secret-file or WAYPOST__INGRESS__APP_SECRETS")),
    }
}

fn address(config: &Config) -> String {
    let scheme = if config.ingress.tls_certificate_file.is_some() { "https" } else { "http" };
    format!("{scheme}://{}{}", config.ingress.listen, config.ingress.path)
}

async fn send(url: &str, header: &str, signature: &str, body: String) -> Result<(), Failure> {
    let client = reqwest::Client::builder().timeout(TIMEOUT).build().map_err(Failure::failed)?;
    let request = client.post(url).header("content-type", "application/json").header(header, signature).body(body);
    let response = request.send().await.map_err(|error| Failure::unavailable(chain(&error)))?;
    let status = response.status();
    let text = response.text().await.unwrap_or_default();
    output::line(format!("{url}: {status} {}", text.trim()).trim_end())?;
    if status.is_success() { Ok(()) } else { Err(Failure::failed(format!("the webhook answered {status}"))) }
}

/// An error with all its causes: the outermost alone says little.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
