//! The files that a configuration names, beside those that hold a part of it: whether each can be read and says what it is
//! for, and who else may read the secret ones. No content is ever shown.

use std::path::{Path, PathBuf};

use waypost_files::{FileError, TlsFiles, access, read, tls};
use waypost_ingress::Carrier;
use waypost_live::Rules;
use waypost_store::StoreUrl;

use super::{Component, Config, READ_REMEDY};
use crate::process::section::Problems;

impl Config {
    /// What is wrong with the files of these components.
    pub(crate) fn check_files(&self, components: &[Component], problems: &mut Problems) {
        let uses = |one: Component| components.contains(&one);
        if uses(Component::Ingress) {
            for (field, error) in waypost_ingress::file_problems(&self.ingress_config()) {
                problems.add(&format!("ingress.{field}"), format!("{error}{}", remedy_of(&error)));
            }
        }
        for door in self.carrier_doors().into_iter().filter(|_| uses(Component::Ingress)) {
            let key = match door.carrier {
                Carrier::Twilio if self.twilio.webhook_tokens_file.is_empty() => "twilio.auth_token_file",
                Carrier::Twilio => "twilio.webhook_tokens_file",
                Carrier::Bird { .. } => "bird.signing_keys_file",
            };
            for error in waypost_ingress::carrier_file_problems(&door) {
                problems.add(key, format!("{error}{}", remedy_of(&error)));
            }
        }
        if let Some(files) = self.grpc.tls_files().filter(|_| components.iter().any(Component::answers_grpc)) {
            for error in tls::problems(&files) {
                problems.add(grpc_key(&files, error.file()), format!("{error}{}", remedy(&error)));
            }
        }
        if let Some(file) = self.bus.ca_file.as_deref().filter(|_| !self.bus.is_embedded()) {
            let checked = read(file).and_then(|content| tls::authorities(file, &content).map(drop));
            if let Err(error) = checked {
                problems.add("bus.ca_file", format!("{error}{}", remedy(&error)));
            }
        }
        let has_store = components.iter().any(Component::has_store);
        if has_store
            && let Ok(url) = StoreUrl::parse(self.store.url.expose())
            && let Err(error) = url.check_tls()
        {
            problems.add("store.url", error);
        }
        let calls = uses(Component::Sender) || components.iter().any(Component::answers_grpc);
        // What the front door reads of it has been told already.
        let is_new = |key: &str| !(uses(Component::Ingress) && key.starts_with("twilio."));
        for (key, file) in self.carrier_tokens().filter(|(key, _)| calls && is_new(key)) {
            if let Err(error) = read(file) {
                problems.add(key, format!("{error}{}", remedy(&error)));
            }
        }
        if let Some(file) = self.rules.file.as_deref().filter(|_| uses(Component::Router))
            && let Err(error) = Rules::open_file(file)
        {
            problems.add("rules.file", error);
        }
    }

    /// Files with what carriers know us by.
    fn carrier_tokens(&self) -> impl Iterator<Item = (&'static str, &PathBuf)> {
        let tokens = [
            ("graph.token_file", &self.graph.token_file),
            ("graph.app_token_file", &self.graph.app_token_file),
            ("twilio.auth_token_file", &self.twilio.auth_token_file),
            ("bird.access_key_file", &self.bird.access_key_file),
        ];
        tokens.into_iter().filter_map(|(key, file)| Some((key, file.as_ref()?)))
    }

    /// Which secrets of these components everybody on the machine may read, and what to do about it.
    pub(crate) fn open_secrets(&self, components: &[Component]) -> Vec<String> {
        let (ingress, grpc) = (&self.ingress, &self.grpc);
        let of = |component: Component| components.contains(&component);
        let mut files: Vec<(&str, &PathBuf)> = Vec::new();
        files.extend(self.bus.url_file.iter().map(|file| ("bus.url_file", file)));
        if components.iter().any(Component::has_store) {
            files.extend(self.store.url_file.iter().map(|file| ("store.url_file", file)));
        }
        if of(Component::Ingress) {
            files.extend(ingress.app_secrets_file.iter().map(|file| ("ingress.app_secrets_file", file)));
            files.extend(ingress.verify_token_file.iter().map(|file| ("ingress.verify_token_file", file)));
            files.extend(ingress.tls_key_file.iter().map(|file| ("ingress.tls_key_file", file)));
            let tokens = self.twilio.webhook_tokens_file.iter();
            files.extend(tokens.map(|file| ("twilio.webhook_tokens_file", file)));
            files.extend(self.bird.signing_keys_file.iter().map(|file| ("bird.signing_keys_file", file)));
        }
        if of(Component::Sender) || components.iter().any(Component::answers_grpc) {
            files.extend(self.carrier_tokens());
        }
        if components.iter().any(Component::answers_grpc) {
            files.extend(grpc.tls_key_file.iter().map(|file| ("grpc.tls_key_file", file)));
        }
        let is_open = |(_, file): &(&str, &PathBuf)| access::is_for_everybody(file);
        let told = |(key, file): (&str, &PathBuf)| {
            let file = file.display();
            format!("{key}: everybody on this machine may read {file}; chmod o-r {file}")
        };
        files.into_iter().filter(is_open).map(told).collect()
    }
}

fn grpc_key(files: &TlsFiles, file: &Path) -> &'static str {
    if file == files.certificate_file {
        "grpc.tls_certificate_file"
    } else if file == files.key_file {
        "grpc.tls_key_file"
    } else {
        "grpc.client_ca_file"
    }
}

fn remedy_of(error: &waypost_ingress::IngressError) -> String {
    match error {
        waypost_ingress::IngressError::File(error) => remedy(error),
        waypost_ingress::IngressError::Config { .. } | waypost_ingress::IngressError::Listen { .. } => String::new(),
    }
}

/// What to do about it, where the error itself does not say so.
fn remedy(error: &FileError) -> String {
    match error {
        FileError::Read { .. } => format!("; {READ_REMEDY}"),
        FileError::Content { .. } | FileError::Mismatch { .. } => String::new(),
    }
}
