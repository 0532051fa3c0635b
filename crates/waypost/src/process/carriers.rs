//! Numbers at other carriers than Meta in this process: which there are, what their doors have in common, and by whom
//! which number is sent from.

use std::collections::BTreeMap;
use std::sync::Arc;

use reqwest::Url;
use waypost_graph_client::{Bird, ByNumber, ConfigError, GraphApi, MediaByNumber, MediaStore, Messenger, Twilio};
use waypost_ingress::CarrierConfig;

use super::section::Problems;
use super::{Component, Config};
use waypost_cli::Failure;

/// What the configuration says of a carrier's door.
pub(super) struct Door<'a> {
    /// The section's name.
    pub(super) section: &'static str,
    pub(super) url: &'a str,
    pub(super) path: &'a str,
    /// Of the other doors.
    pub(super) other_paths: [&'a str; 2],
}

impl Door<'_> {
    pub(super) fn check(&self, problems: &mut Problems) {
        let key = format!("{}.webhook_path", self.section);
        let is_path = self.path.starts_with('/') && !self.other_paths.contains(&self.path);
        problems.require(is_path, &key, "must start with / and be another one than ingress.path and other carriers'");
        // A proxy leaves the path as it is: it is signed.
        let is_signed = Url::parse(self.url).map_or(true, |url| url.path() == self.path);
        let problem = format!("must be the path of {}.webhook_url", self.section);
        problems.require(!is_path || is_signed, &key, &problem);
    }
}

/// By name and language; what is wrong with one is told by [`check_templates`].
pub(super) fn templates<T>(
    section: &BTreeMap<String, String>,
    read: impl Fn(&str) -> Option<T>,
) -> BTreeMap<(String, String), T> {
    let template = |(key, there): (&String, &String)| {
        let (name, language) = key.rsplit_once('/')?;
        Some(((name.to_owned(), language.to_owned()), read(there)?))
    };
    section.iter().filter_map(template).collect()
}

/// `wrong`: what is wrong with what a template is at the carrier.
pub(super) fn check_templates(
    section: &'static str,
    templates: &BTreeMap<String, String>,
    wrong: impl Fn(&str) -> Option<String>,
    problems: &mut Problems,
) {
    for (template, there) in templates {
        let key = format!("{section}.templates.{template}");
        let is_named =
            template.rsplit_once('/').is_some_and(|(name, language)| !name.is_empty() && !language.is_empty());
        problems.require(is_named, &key, "must be a name and a language: order_ready/en_US");
        if let Some(problem) = wrong(there) {
            problems.add(&key, problem);
        }
    }
}

impl Config {
    /// Ids of the numbers that are not at Meta.
    pub(crate) fn numbers_elsewhere(&self) -> impl Iterator<Item = &String> {
        self.twilio.numbers.keys().chain(self.bird.channels.keys())
    }

    /// Whether there is any.
    pub(crate) fn has_numbers_elsewhere(&self) -> bool {
        self.numbers_elsewhere().next().is_some()
    }

    /// Whatever is wrong with numbers at other carriers for a process that runs these components.
    pub(crate) fn check_carriers(&self, components: &[Component], problems: &mut Problems) {
        self.check_twilio(components, problems);
        self.check_bird(components, problems);
        for id in self.bird.channels.keys().filter(|id| self.twilio.numbers.contains_key(*id)) {
            problems.add(&format!("bird.channels.{id}"), "is the id of a number at Twilio");
        }
    }

    /// The front door's, beside Meta's.
    pub(crate) fn carrier_doors(&self) -> Vec<CarrierConfig> {
        self.twilio_door().into_iter().chain(self.bird_door()).collect()
    }

    /// Whoever carries messages: each number by its own carrier; `None`: there is a token for none.
    pub(super) fn messenger(&self, graph: Option<Arc<GraphApi>>) -> Result<Option<Arc<dyn Messenger>>, Failure> {
        let graph = graph.map(|graph| graph as Arc<dyn Messenger>);
        let twilio = self.twilio_client()?.map(|twilio| Arc::new(twilio) as Arc<dyn Messenger>);
        let bird = self.bird_client()?.map(|bird| Arc::new(bird) as Arc<dyn Messenger>);
        let has_token = [&graph, &twilio, &bird].into_iter().any(Option::is_some);
        if !has_token || !self.has_numbers_elsewhere() {
            return Ok(graph);
        }
        // Without a token of their carrier they wait: Meta knows nothing of them.
        let carriers = ByNumber::new(graph)
            .with(self.twilio.numbers.keys().cloned(), twilio.as_ref())
            .with(self.bird.channels.keys().cloned(), bird.as_ref());
        Ok(Some(Arc::new(carriers)))
    }

    /// Where files of messages are: each number's at its own carrier; `None`: there is a token for none.
    pub(super) fn media(&self, graph: Option<Arc<GraphApi>>) -> Result<Option<Arc<dyn MediaStore>>, Failure> {
        let graph = graph.map(|graph| graph as Arc<dyn MediaStore>);
        let twilio = self.twilio_client()?.map(|twilio| Arc::new(twilio) as Arc<dyn MediaStore>);
        let bird = self.bird_client()?.map(|bird| Arc::new(bird) as Arc<dyn MediaStore>);
        let has_token = [&graph, &twilio, &bird].into_iter().any(Option::is_some);
        if !has_token || !self.has_numbers_elsewhere() {
            return Ok(graph);
        }
        let stores = MediaByNumber::new(graph)
            .with(self.twilio.numbers.keys().cloned(), twilio.as_ref())
            .with(self.bird.channels.keys().cloned(), bird.as_ref());
        Ok(Some(Arc::new(stores)))
    }

    fn twilio_client(&self) -> Result<Option<Twilio>, Failure> {
        self.twilio_config().map(Twilio::new).transpose().map_err(|error| unusable("twilio", &error))
    }

    fn bird_client(&self) -> Result<Option<Bird>, Failure> {
        self.bird_config().map(Bird::new).transpose().map_err(|error| unusable("bird", &error))
    }

    /// The Graph API; `None`: there is no token for it.
    pub(super) fn graph(&self) -> Result<Option<Arc<GraphApi>>, Failure> {
        let graph = self.graph_config().map(GraphApi::new).transpose();
        Ok(graph.map_err(|error| unusable("graph", &error))?.map(Arc::new))
    }
}

fn unusable(section: &str, error: &ConfigError) -> Failure {
    Failure::config(format!("{section}.{error}"))
}
