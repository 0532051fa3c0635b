//! Numbers at Bird in this process: their configuration, for the front door and for the way out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use waypost_cloud_api::bird::message::Template;
use waypost_cloud_api::bird::signature::AGE_MAX;
use waypost_cloud_api::carrier::address::PublicAddress;
use waypost_cloud_api::carrier::{InvalidNumber, OurNumbers};
use waypost_graph_client::{BIRD_MEDIA_BASE_URL, BIRD_MEDIA_HOSTS, Bird, BirdConfig, HttpConfig};
use waypost_ingress::{Carrier, CarrierConfig, SecretSource};

use super::carriers::{Door, check_templates, templates};
use super::config::value::{one_or_many, scalar, string_map};
use super::section::{Problems, section};
use super::{Component, Config};

section! {
    /// Numbers that the business has at Bird (formerly MessageBird) instead of at Meta: where Bird posts to, and how is
    /// sent from them. Proxy and times are those of `graph`.
    BirdSection = "bird" {
        /// Bird's id of the workspace.
        #[serde(deserialize_with = "scalar")]
        workspace_id: String = String::new(),
        /// An access key, in a file that is read again when it changes. Without it nothing is sent by Bird.
        #[serde(skip_serializing_if = "Option::is_none")]
        access_key_file: Option<PathBuf> = None,
        /// Files with the signing keys of the webhook subscriptions, one a line: both while one takes the other's place.
        #[serde(deserialize_with = "one_or_many")]
        signing_keys_file: Vec<PathBuf> = Vec::new(),
        /// The public address of the webhook, as it is configured at Bird: `https://hooks.example.com/webhook/bird`. Signatures are made over it.
        webhook_url: String = String::new(),
        /// The path at which it arrives here.
        webhook_path: String = "/webhook/bird".to_owned(),
        /// How far the time of a signature may be from our clock, to either side; older webhooks are answered 401.
        webhook_age_max_s: u64 = AGE_MAX.as_secs(),
        /// Meta's id of the WhatsApp Business Account behind the channels, whose templates Meta lists to `graph.token_file`. Where it is empty the account is `workspace_id`, and has no templates.
        #[serde(deserialize_with = "scalar")]
        waba_id: String = String::new(),
        /// What every address of the API begins with; without TLS only on this machine, unless `bird.plain_http`.
        base_url: String = "https://api.bird.com".to_owned(),
        /// Whether the key may go over a network without TLS: for a stand-in.
        plain_http: bool = false,
        /// What Bird's addresses of customers' files begin with. They are asked with the key.
        media_base_url: String = BIRD_MEDIA_BASE_URL.to_owned(),
        /// Hosts that such an address may lead to, over TLS and without the key; `.example.com`: any below it.
        #[serde(deserialize_with = "one_or_many")]
        media_hosts: Vec<String> = BIRD_MEDIA_HOSTS.iter().map(|host| (*host).to_owned()).collect(),
        /// `bird.channels.<id>`: Bird's id of the channel that a number is, and the id that the number has here in place of Meta's: `bd-support = "614208aa-b153-4d5d-9989-2fddfc0ce4c3"`.
        #[serde(deserialize_with = "string_map")]
        channels: BTreeMap<String, String> = BTreeMap::new(),
        /// `bird.templates."<name>/<language>"`: which template a template is there: `project/version/locale`.
        #[serde(deserialize_with = "string_map")]
        templates: BTreeMap<String, String> = BTreeMap::new(),
    }
}

impl BirdSection {
    /// Whether the business has any number there.
    pub(crate) fn is_used(&self) -> bool {
        !self.channels.is_empty()
    }

    fn our_numbers(&self) -> Result<OurNumbers, InvalidNumber> {
        let channels = self.channels.iter().map(|(id, channel)| (id.as_str(), channel.as_str()));
        let account = if self.waba_id.is_empty() { &self.workspace_id } else { &self.waba_id };
        Ok(OurNumbers::by_channel(channels)?.of_account(Some(account.clone())))
    }

    fn check(&self, problems: &mut Problems) {
        if let Err(error) = self.our_numbers() {
            problems.add(&format!("bird.channels.{}", error.id), &error);
        }
        let is_address = PublicAddress::plain(&self.webhook_url).is_ok();
        problems.require(is_address, "bird.webhook_url", "must be https://host/path, without ? and #");
        problems.require(self.webhook_age_max_s > 0, "bird.webhook_age_max_s", "must be above 0");
        let wrong = |there: &str| Template::new(there).err().map(|error| error.to_string());
        check_templates("bird", &self.templates, wrong, problems);
    }
}

impl Config {
    /// Whatever is wrong with numbers at Bird for a process that runs these components.
    pub(super) fn check_bird(&self, components: &[Component], problems: &mut Problems) {
        let section = &self.bird;
        if !section.is_used() {
            let is_begun = !section.workspace_id.is_empty() || section.access_key_file.is_some();
            problems.require(!is_begun, "bird.channels", "needs a channel");
            return;
        }
        section.check(problems);
        // The account of its news, unless Meta's is known; and part of every address.
        problems.require(!section.workspace_id.is_empty(), "bird.workspace_id", "is needed");
        if components.contains(&Component::Ingress) {
            let other_paths = [self.ingress.path.as_str(), &self.twilio.webhook_path];
            Door { section: "bird", url: &section.webhook_url, path: &section.webhook_path, other_paths }
                .check(problems);
            problems.require(!section.signing_keys_file.is_empty(), "bird.signing_keys_file", "is needed");
        }
        if let Some(Err(error)) = self.bird_config().filter(|_| !section.workspace_id.is_empty()).map(Bird::new) {
            problems.add(&format!("bird.{}", error.key), error.problem);
        }
    }

    /// The front door's; `None`: it has none.
    pub(super) fn bird_door(&self) -> Option<CarrierConfig> {
        let section = Some(&self.bird).filter(|section| section.is_used())?;
        Some(CarrierConfig {
            carrier: Carrier::Bird { age_max: Duration::from_secs(section.webhook_age_max_s) },
            path: section.webhook_path.clone(),
            address: PublicAddress::plain(&section.webhook_url).ok()?,
            keys: section.signing_keys_file.iter().cloned().map(SecretSource::File).collect(),
            numbers: section.our_numbers().ok()?,
        })
    }

    /// `None`: nothing is sent by Bird.
    pub(super) fn bird_config(&self) -> Option<BirdConfig> {
        let section = Some(&self.bird).filter(|section| section.is_used())?;
        let key_file = section.access_key_file.clone()?;
        let http = self.carrier_http(HttpConfig::new(section.base_url.clone()), section.plain_http);
        let templates = templates(&section.templates, |there| Template::new(there).ok());
        let (media_base_url, media_hosts) = (section.media_base_url.clone(), section.media_hosts.clone());
        let config = BirdConfig::new(&section.workspace_id, key_file);
        let channels = section.channels.clone();
        Some(BirdConfig { http, channels, templates, media_base_url, media_hosts, ..config })
    }
}
