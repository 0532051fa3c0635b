//! A message, a token in a file, and a client with short times.

use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use waypost_cloud_api::bird::message::Template;
use waypost_cloud_api::carrier::address::PublicAddress;
use waypost_cloud_api::twilio::message::Sender;
use waypost_domain::send::{FreeForm, Mark, SendId};
use waypost_graph_client::{BirdConfig, Dialog360Config, GraphConfig, HttpConfig, Line, Outgoing, TwilioConfig};
use waypost_policy::verdict::{Address, Message};

/// Of nobody.
pub(crate) const DIGITS: &str = "15550100001";

/// What a send is made of.
pub(crate) struct Letter {
    pub address: Address,
    pub message: Message,
    pub mark: Mark,
}

impl Letter {
    pub(crate) fn new(message: Message) -> Self {
        let mark = Mark { send: SendId::new("order-17").unwrap(), attempt: 2 };
        Self { address: Address::Phone(DIGITS.to_owned()), message, mark }
    }

    pub(crate) fn text(body: &str) -> Self {
        Self::new(Message::FreeForm(FreeForm::Text { body: body.to_owned(), preview_url: false }))
    }

    pub(crate) fn outgoing(&self) -> Outgoing<'_> {
        Outgoing { address: &self.address, message: &self.message, reply_to: None, mark: &self.mark }
    }
}

pub(crate) fn line() -> Line {
    Line::new("106540352242922")
}

/// A token that is never shown by anything.
pub(crate) struct Token {
    _folder: TempDir,
    pub file: PathBuf,
}

impl Token {
    pub(crate) fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let token = Self { file: folder.path().join("token"), _folder: folder };
        token.write(text);
        token
    }

    pub(crate) fn write(&self, text: &str) {
        std::fs::write(&self.file, text).unwrap();
    }
}

/// Times that no answer of these tests takes, however busy the machine is.
pub(crate) fn http(base_url: String) -> HttpConfig {
    HttpConfig { answer_bytes_max: 64 << 10, ..with_times(base_url, [10, 10, 20]) }
}

/// Times to wait for what never comes.
pub(crate) fn hurried(base_url: String) -> HttpConfig {
    HttpConfig { answer_bytes_max: 64 << 10, ..with_times(base_url, [1, 1, 3]) }
}

/// In seconds: for the connection, the beginning of an answer, and the whole.
fn with_times(base_url: String, seconds: [u64; 3]) -> HttpConfig {
    let [connect_timeout, answer_timeout, total_timeout] = seconds.map(Duration::from_secs);
    HttpConfig { connect_timeout, answer_timeout, total_timeout, ..HttpConfig::new(base_url) }
}

pub(crate) fn graph_config(http: HttpConfig, token: &Token) -> GraphConfig {
    install_provider();
    GraphConfig { http, ..GraphConfig::new(&token.file) }
}

pub(crate) fn dialog360_config(http: HttpConfig, token: &Token) -> Dialog360Config {
    install_provider();
    Dialog360Config { http, ..Dialog360Config::new(&token.file) }
}

/// With the number of [`line`].
pub(crate) fn twilio_config(http: HttpConfig, token: &Token) -> TwilioConfig {
    install_provider();
    let webhook = PublicAddress::new("https://hooks.example.com/twilio#rc=5").unwrap();
    let senders = [(line().phone_number_id, Sender::Number("+15550199".to_owned()))].into();
    let contents = [(("order_ready".to_owned(), "en".to_owned()), "HX1".to_owned())].into();
    TwilioConfig { http, senders, contents, ..TwilioConfig::new("AC1", &token.file, webhook) }
}

/// With the number of [`line`].
pub(crate) fn bird_config(http: HttpConfig, token: &Token) -> BirdConfig {
    install_provider();
    let channels = [(line().phone_number_id, "channel-1".to_owned())].into();
    let template = Template::new("project-1/latest/en-US").unwrap();
    let templates = [(("order_ready".to_owned(), "en".to_owned()), template)].into();
    BirdConfig { http, channels, templates, ..BirdConfig::new("workspace-1", &token.file) }
}

/// Once a process.
fn install_provider() {
    // An error: another test was faster.
    rustls::crypto::ring::default_provider().install_default().unwrap_or_default();
}
