//! `waypost sandbox`: the Cloud API on this machine, until it is asked to end.

mod client;

use std::path::Path;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use waypost_sandbox::{
    CustomerSpec, Limits, NumberConfig, Platform, PlatformConfig, SandboxError, Strangers, Unprefixed,
};

use crate::cli::sandbox::{SandboxArgs, SandboxRunArgs};
use crate::output;
use crate::process::signals::stop_on_signals;
use waypost_cli::Failure;

const GRAPH_VERSION: &str = "v26.0";

pub(crate) async fn run(args: SandboxArgs) -> Result<(), Failure> {
    match args.command {
        Some(command) => client::run(command).await,
        None => serve(args.run).await,
    }
}

async fn serve(args: SandboxRunArgs) -> Result<(), Failure> {
    let shutdown = CancellationToken::new();
    stop_on_signals(shutdown.clone())?;
    let platform = Platform::start(config(&args)?).await.map_err(failure)?;
    for phone in &args.customer {
        platform.control().add_customer(CustomerSpec::of_phone(phone));
    }
    tell(&args, &platform)?;
    shutdown.cancelled().await;
    platform.shutdown().await;
    Ok(())
}

fn config(args: &SandboxRunArgs) -> Result<PlatformConfig, Failure> {
    let mut config = PlatformConfig::new(args.app_secret.as_str(), args.token.as_str());
    config.listen = args.listen;
    config.webhook_url.clone_from(&args.webhook_url);
    config.waba_id.clone_from(&args.waba_id);
    config.numbers = args.phone_number_id.iter().map(|(id, number)| NumberConfig::new(id, number)).collect();
    config.templates = templates(&args.template)?;
    if args.anyone {
        config.strangers = Strangers::Join;
    }
    if args.any_prefix {
        config.unprefixed = Unprefixed::International;
    }
    if args.refuse_at_once {
        config.late_codes.clear();
    }
    if args.no_limits {
        config.limits = Limits::lifted();
    }
    let delivery = &mut config.delivery;
    (delivery.sent_ms, delivery.delivered_ms, delivery.read_ms) =
        (0..=args.delay_ms, 0..=args.delay_ms, 0..=args.delay_ms);
    (delivery.out_of_order_percent, delivery.double_percent, delivery.missing_percent) =
        (args.untidy, args.untidy, args.untidy);
    Ok(config)
}

/// Those of the files, or the one that every new account has.
fn templates(files: &[impl AsRef<Path>]) -> Result<Vec<Value>, Failure> {
    if files.is_empty() {
        let body = "Welcome and congratulations!! This message demonstrates your ability to send a message.";
        let components = json!([{"type": "BODY", "text": body}]);
        return Ok(vec![
            json!({"name": "hello_world", "language": "en_US", "category": "UTILITY", "components": components}),
        ]);
    }
    let mut templates = Vec::new();
    for file in files {
        let file = file.as_ref();
        let wrong =
            |problem: &dyn std::fmt::Display| Failure::config(format!("--template {}: {problem}", file.display()));
        let text = std::fs::read_to_string(file).map_err(|error| wrong(&error))?;
        let mut value: Value = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
        // As Meta lists them.
        if let Some(data) = value.get_mut("data") {
            value = data.take();
        }
        match value {
            Value::Array(list) => templates.extend(list),
            one => templates.push(one),
        }
    }
    Ok(templates)
}

fn tell(args: &SandboxRunArgs, platform: &Platform) -> Result<(), Failure> {
    let url = platform.url();
    let (id, _) = args.phone_number_id.first().ok_or_else(|| Failure::config("--phone-number-id: none is given"))?;
    output::line(&format!("Graph API  {url}/{GRAPH_VERSION}   phone_number_id {id}   waba_id {}", args.waba_id))?;
    output::line(&match &args.webhook_url {
        Some(webhook) => format!("webhooks   {webhook}, signed (X-Hub-Signature-256)"),
        None => "webhooks   none are sent: --webhook-url names where they go".to_owned(),
    })?;
    output::line(&format!("control    {url}/_sandbox, or `waypost sandbox fault`, `customer`, `accepted` (--help)"))?;
    let to = args.customer.first().map_or("4915100000001", String::as_str);
    let body = json!({
        "messaging_product": "whatsapp", "to": format!("+{to}"), "type": "template",
        "template": {"name": "hello_world", "language": {"code": "en_US"}},
    });
    // A token that somebody chose is not for the terminal's memory.
    let token = if args.token == "sandbox-token" { "sandbox-token" } else { "$TOKEN" };
    output::line(&format!(
        "try        curl {url}/{GRAPH_VERSION}/{id}/messages -H 'Authorization: Bearer {token}' -d '{body}'"
    ))
}

fn failure(error: SandboxError) -> Failure {
    match &error {
        SandboxError::Listen(source) => Failure::failed(format!("{error}: {source}")),
        SandboxError::Config { .. } | SandboxError::Template(_) => Failure::config(error),
        SandboxError::Client(_)
        | SandboxError::NoAnswer(_)
        | SandboxError::HandshakeRefused { .. }
        | SandboxError::WrongChallenge => Failure::failed(error),
    }
}
