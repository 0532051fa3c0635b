//! Numbers at Twilio in this process: their configuration, for the front door and for the way out.

use std::collections::BTreeMap;
use std::path::PathBuf;

use waypost_cloud_api::carrier::address::PublicAddress;
use waypost_cloud_api::carrier::{InvalidNumber, OurNumbers};
use waypost_cloud_api::twilio::message::Sender;
use waypost_domain::phone;
use waypost_graph_client::{HttpConfig, TWILIO_MEDIA_HOSTS, Twilio, TwilioConfig};
use waypost_ingress::{Carrier, CarrierConfig, SecretSource};

use super::carriers::{Door, check_templates, templates};
use super::config::value::{one_or_many, scalar, string_map};
use super::section::{Problems, section};
use super::{Component, Config};

section! {
    /// Numbers that the business has at Twilio instead of at Meta: where Twilio posts to, and how is sent from them. Proxy and
    /// times are those of `graph`.
    TwilioSection = "twilio" {
        /// The account, `AC…`.
        account_sid: String = String::new(),
        /// The account's auth token, in a file that is read again when it changes. Without it nothing is sent by Twilio.
        #[serde(skip_serializing_if = "Option::is_none")]
        auth_token_file: Option<PathBuf> = None,
        /// Files with the auth tokens that sign webhooks, one a line, where another one than `auth_token_file` counts: both while one takes the other's place.
        #[serde(deserialize_with = "one_or_many")]
        webhook_tokens_file: Vec<PathBuf> = Vec::new(),
        /// The public address of the webhook, as it is configured at Twilio: `https://hooks.example.com/webhook/twilio#rc=5&rp=all`. Signatures are made over it, and statuses are sent to it.
        webhook_url: String = String::new(),
        /// The path at which it arrives here.
        webhook_path: String = "/webhook/twilio".to_owned(),
        /// Meta's id of the WhatsApp Business Account behind the numbers, whose templates Meta lists to `graph.token_file`. Where it is empty the account is `account_sid`, and has no templates.
        #[serde(deserialize_with = "scalar")]
        waba_id: String = String::new(),
        /// What every address of the API begins with; without TLS only on this machine, unless `twilio.plain_http`.
        base_url: String = "https://api.twilio.com".to_owned(),
        /// Whether the token may go over a network without TLS: for a stand-in.
        plain_http: bool = false,
        /// Hosts that Twilio's address of a customer's file may lead to, over TLS and without the token; `.example.com`: any below it.
        #[serde(deserialize_with = "one_or_many")]
        media_hosts: Vec<String> = TWILIO_MEDIA_HOSTS.iter().map(|host| (*host).to_owned()).collect(),
        /// `twilio.numbers.<id>`: a number there, and the id that it has here in place of Meta's: `tw-support = "+15550199"`.
        #[serde(deserialize_with = "string_map")]
        numbers: BTreeMap<String, String> = BTreeMap::new(),
        /// `twilio.messaging_services.<id>`: the messaging service (`MG…`) that this number is sent from by.
        #[serde(deserialize_with = "string_map")]
        messaging_services: BTreeMap<String, String> = BTreeMap::new(),
        /// `twilio.templates."<name>/<language>"`: which content (`HX…`) a template is there.
        #[serde(deserialize_with = "string_map")]
        templates: BTreeMap<String, String> = BTreeMap::new(),
    }
}

impl TwilioSection {
    /// Whether the business has any number there.
    pub(crate) fn is_used(&self) -> bool {
        !self.numbers.is_empty()
    }

    /// The files that hold what webhooks are signed with.
    pub(crate) fn webhook_tokens(&self) -> Vec<PathBuf> {
        let own = if self.webhook_tokens_file.is_empty() { self.auth_token_file.as_ref() } else { None };
        self.webhook_tokens_file.iter().chain(own).cloned().collect()
    }

    fn our_numbers(&self) -> Result<OurNumbers, InvalidNumber> {
        let numbers = self.numbers.iter().map(|(id, number)| (id.as_str(), number.as_str()));
        let account = Some(self.waba_id.clone()).filter(|waba| !waba.is_empty());
        Ok(OurNumbers::by_phone(numbers)?.of_account(account))
    }

    fn senders(&self) -> BTreeMap<String, Sender> {
        let sender = |(id, number): (&String, &String)| {
            let sender = match self.messaging_services.get(id) {
                Some(service) => Sender::Service(service.clone()),
                None => Sender::Number(format!("+{}", phone::digits(number).unwrap_or_default())),
            };
            (id.clone(), sender)
        };
        self.numbers.iter().map(sender).collect()
    }

    fn check(&self, problems: &mut Problems) {
        if let Err(error) = self.our_numbers() {
            problems.add(&format!("twilio.numbers.{}", error.id), &error);
        }
        let is_address = PublicAddress::new(&self.webhook_url);
        if let Err(error) = is_address {
            problems.add("twilio.webhook_url", error);
        }
        for (id, service) in &self.messaging_services {
            let key = format!("twilio.messaging_services.{id}");
            problems.require(self.numbers.contains_key(id), &key, "has no number in twilio.numbers");
            problems.require(service.starts_with("MG"), &key, "is no messaging service (MG…)");
        }
        let wrong = |there: &str| (!there.starts_with("HX")).then(|| "is no content (HX…)".to_owned());
        check_templates("twilio", &self.templates, wrong, problems);
    }
}

impl Config {
    /// Whatever is wrong with numbers at Twilio for a process that runs these components.
    pub(super) fn check_twilio(&self, components: &[Component], problems: &mut Problems) {
        let section = &self.twilio;
        if !section.is_used() {
            let is_begun = !section.account_sid.is_empty() || section.auth_token_file.is_some();
            problems.require(!is_begun, "twilio.numbers", "needs a number");
            return;
        }
        section.check(problems);
        if components.contains(&Component::Ingress) {
            let other_paths = [self.ingress.path.as_str(), &self.bird.webhook_path];
            let (url, path) = (&section.webhook_url, &section.webhook_path);
            Door { section: "twilio", url, path, other_paths }.check(problems);
            let has_token = !section.webhook_tokens().is_empty();
            problems.require(has_token, "twilio.auth_token_file", "is needed (or twilio.webhook_tokens_file)");
        }
        if let Some(Err(error)) = self.twilio_config().map(Twilio::new) {
            problems.add(&format!("twilio.{}", error.key), error.problem);
        }
    }

    /// The front door's; `None`: it has none.
    pub(super) fn twilio_door(&self) -> Option<CarrierConfig> {
        let section = Some(&self.twilio).filter(|section| section.is_used())?;
        Some(CarrierConfig {
            carrier: Carrier::Twilio,
            path: section.webhook_path.clone(),
            address: PublicAddress::new(&section.webhook_url).ok()?,
            keys: section.webhook_tokens().into_iter().map(SecretSource::File).collect(),
            numbers: section.our_numbers().ok()?,
        })
    }

    /// `None`: nothing is sent by Twilio.
    pub(super) fn twilio_config(&self) -> Option<TwilioConfig> {
        let section = Some(&self.twilio).filter(|section| section.is_used())?;
        let webhook = PublicAddress::new(&section.webhook_url).ok()?;
        let token_file = section.auth_token_file.clone()?;
        let http = self.carrier_http(HttpConfig::new(section.base_url.clone()), section.plain_http);
        let contents = templates(&section.templates, |there| Some(there.to_owned()));
        let senders = section.senders();
        let media_hosts = section.media_hosts.clone();
        let config = TwilioConfig::new(&section.account_sid, token_file, webhook);
        Some(TwilioConfig { http, senders, contents, media_hosts, ..config })
    }
}
