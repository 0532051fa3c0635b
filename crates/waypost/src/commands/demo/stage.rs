//! WhatsApp on this machine, for the demo: the sandbox's platform, with its webhooks led to the demo's front door, and what
//! the store has to know of it before anything is sent.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use serde_json::{Value, json};
use waypost_cli::Failure;
use waypost_domain::{PhoneNumberId, WabaId};
use waypost_sandbox::{Limits, NumberConfig, Platform, PlatformConfig, SandboxConfig};
use waypost_store::Store;

use super::script::{ANSWER_WAITS, ANSWER_WAITS_BODY, OFFER, OFFER_BODY, TEMPLATE_LANGUAGE};
use crate::process::{Config, templates};

const TOKEN_FILE: &str = "whatsapp-token";
/// What the platform remembers of what it took.
const LOG_MAX: usize = 100_000;
const POLL_MS: u64 = 20;

/// The platform, and the configuration of whoever sends through it.
pub(super) struct Stage {
    pub(super) platform: Platform,
    pub(super) config: Config,
}

impl Stage {
    /// `customers`: whose number, account, webhook and secret it shares.
    pub(super) async fn open(config: &Config, store: &Store, customers: &SandboxConfig) -> Result<Self, Failure> {
        let token = format!("demo-{}", uuid::Uuid::now_v7().simple());
        let platform = PlatformConfig {
            webhook_url: Some(customers.webhook_url.clone()),
            app_secret: customers.app_secret.clone(),
            waba_id: customers.waba_id.clone(),
            numbers: vec![NumberConfig::new(&customers.phone_number_id, &customers.display_phone_number)],
            templates: vec![
                template(ANSWER_WAITS, "UTILITY", ANSWER_WAITS_BODY),
                template(OFFER, "MARKETING", OFFER_BODY),
            ],
            // Nobody waits for Meta's pace here.
            limits: Limits::lifted(),
            log_max: LOG_MAX,
            seed: customers.seed,
            ..PlatformConfig::new("", token.as_str())
        };
        let platform = Platform::start(platform).await.map_err(Failure::failed)?;
        let mut config = config.clone();
        let file = config.data_dir.join(TOKEN_FILE);
        let written = fs::File::options().write(true).create_new(true).mode(0o600).open(&file);
        written
            .and_then(|mut file| file.write_all(token.as_bytes()))
            .map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
        config.graph.base_url = platform.url();
        config.graph.token_file = Some(file);
        (config.sender.rate_per_second, config.sender.pair_pace, config.sender.poll_ms) = (0.0, false, POLL_MS);
        let account = WabaId::new(customers.waba_id.clone());
        let number = PhoneNumberId::new(customers.phone_number_id.clone());
        let known = store.ensure_number(&number, &customers.display_phone_number, &account).await;
        known.map_err(|error| Failure::failed(format!("store: {error}")))?;
        register_templates(&config, store, &account).await?;
        Ok(Self { platform, config })
    }
}

/// Meta's list is read and kept, as `waypost templates sync` does.
async fn register_templates(config: &Config, store: &Store, account: &WabaId) -> Result<(), Failure> {
    let Some(source) = templates::source(config)? else { return Ok(()) };
    let listed = source.templates(account).await.map_err(Failure::failed)?;
    store.keep_templates(&listed.rows).await.map_err(|error| Failure::failed(format!("store: {error}")))
}

fn template(name: &str, category: &str, body: &str) -> Value {
    let components = json!([{"type": "BODY", "text": body}]);
    json!({"name": name, "language": TEMPLATE_LANGUAGE, "category": category, "components": components})
}
