//! The front door's secrets and its certificate: read at the start, and read again when their files change.

use std::path::PathBuf;

use rustls::ServerConfig;
use secrecy::ExposeSecret;
use waypost_cloud_api::carrier::signature::SigningKeys;
use waypost_cloud_api::signature::AppSecrets;
use waypost_files::{FileError, Reload, Reloadable, tls};

use crate::config::{Carrier, CarrierConfig, IngressConfig, SecretSource, TlsFiles};
use crate::error::IngressError;
use crate::metrics::Metrics;

/// Looks at the files of `value` once, and counts what became of them.
pub(crate) async fn refresh<T, E>(value: &mut Reloadable<T, E>, metrics: &Metrics)
where
    E: std::error::Error + From<FileError> + 'static,
{
    match value.refresh().await {
        None => {}
        Some(Reload::Loaded) => metrics.reloads_loaded.increment(1),
        Some(Reload::Rejected) => metrics.reloads_rejected.increment(1),
    }
}

pub(crate) fn app_secrets(sources: Vec<SecretSource>) -> Result<Reloadable<AppSecrets, IngressError>, IngressError> {
    let files = files_of(&sources);
    let build = move |contents: &[Vec<u8>]| {
        AppSecrets::new(secrets(&sources, contents)?)
            .map_err(|_| IngressError::Config { field: "app_secrets", problem: "must not hold an empty secret" })
    };
    Reloadable::load("app secrets", files, build)
}

/// The keys that a carrier may sign with.
pub(crate) fn signing_keys(
    carrier: Carrier,
    sources: Vec<SecretSource>,
) -> Result<Reloadable<SigningKeys, IngressError>, IngressError> {
    let files = files_of(&sources);
    let build = move |contents: &[Vec<u8>]| {
        let texts = secrets(&sources, contents)?;
        let keys = match carrier {
            Carrier::Twilio => SigningKeys::sha1(texts),
            Carrier::Bird { .. } => SigningKeys::sha256(texts),
        };
        keys.map_err(|_| IngressError::Config { field: "carriers.keys", problem: "must not hold an empty key" })
    };
    let what = match carrier {
        Carrier::Twilio => "Twilio's auth tokens",
        Carrier::Bird { .. } => "Bird's signing keys",
    };
    Reloadable::load(what, files, build)
}

/// The tokens that the handshake may show.
pub(crate) fn verify_tokens(source: SecretSource) -> Result<Reloadable<Vec<String>, IngressError>, IngressError> {
    let sources = vec![source];
    let files = files_of(&sources);
    let build = move |contents: &[Vec<u8>]| {
        let tokens = secrets(&sources, contents)?;
        if tokens.iter().any(String::is_empty) {
            return Err(IngressError::Config { field: "verify_token", problem: "must not be empty" });
        }
        Ok(tokens)
    };
    Reloadable::load("verify token", files, build)
}

pub(crate) fn tls_config(tls: TlsFiles) -> Result<Reloadable<ServerConfig>, IngressError> {
    Ok(tls::server_config(tls.into(), &[b"http/1.1"])?)
}

/// Everything that is wrong with the files that `config` names, each with its field of the configuration.
pub fn file_problems(config: &IngressConfig) -> Vec<(&'static str, IngressError)> {
    let mut problems = Vec::new();
    let is_file = |source: &&SecretSource| matches!(source, SecretSource::File(_));
    for source in config.app_secrets.iter().filter(is_file) {
        problems.extend(app_secrets(vec![source.clone()]).err().map(|error| ("app_secrets_file", error)));
    }
    if let Some(source) = Some(&config.verify_token).filter(is_file) {
        problems.extend(verify_tokens(source.clone()).err().map(|error| ("verify_token_file", error)));
    }
    if let Some(files) = config.tls.clone() {
        let files = files.into();
        problems.extend(tls::problems(&files).into_iter().map(|error| (tls_field(&files, &error), error.into())));
    }
    problems
}

/// What is wrong with the files of a carrier's keys.
pub fn carrier_file_problems(config: &CarrierConfig) -> Vec<IngressError> {
    let files = config.keys.iter().filter(|source| matches!(source, SecretSource::File(_)));
    files.filter_map(|source| signing_keys(config.carrier, vec![source.clone()]).err()).collect()
}

fn tls_field(files: &waypost_files::TlsFiles, error: &FileError) -> &'static str {
    if error.file() == files.certificate_file { "tls_certificate_file" } else { "tls_key_file" }
}

fn files_of(sources: &[SecretSource]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for source in sources {
        match source {
            SecretSource::Inline(_) => {}
            SecretSource::File(file) => files.push(file.clone()),
        }
    }
    files
}

/// All secrets of `sources`; `contents` are those of the files among them, in their order.
fn secrets(sources: &[SecretSource], contents: &[Vec<u8>]) -> Result<Vec<String>, IngressError> {
    let mut secrets = Vec::new();
    let mut contents = contents.iter();
    for source in sources {
        let file = match source {
            SecretSource::Inline(secret) => {
                secrets.push(secret.expose_secret().to_owned());
                continue;
            }
            SecretSource::File(file) => file,
        };
        let unusable = |problem: &str| FileError::Content { file: file.clone(), problem: problem.to_owned() };
        let content = contents.next().map_or(&[][..], Vec::as_slice);
        let text = std::str::from_utf8(content).map_err(|_| unusable("is not UTF-8 text"))?;
        let before = secrets.len();
        secrets.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
        if secrets.len() == before {
            return Err(unusable("holds no secret").into());
        }
    }
    Ok(secrets)
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use waypost_cloud_api::signature::Provider;

    use super::*;
    use crate::config::Limits;

    /// What is wrong with a value of the configuration itself is no file's.
    #[test]
    fn only_files_have_problems_of_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let problems = |source: SecretSource| {
            let config = IngressConfig {
                listen: ([127, 0, 0, 1], 0).into(),
                path: "/".to_owned(),
                provider: Provider::Meta,
                app_secrets: vec![source.clone()],
                verify_token: source,
                carriers: vec![],
                tls: None,
                limits: Limits::default(),
            };
            file_problems(&config).into_iter().map(|(field, _)| field).collect::<Vec<_>>()
        };
        assert!(problems(SecretSource::Inline(SecretString::from(String::new()))).is_empty());
        let missing = SecretSource::File(folder.path().join("none"));
        assert_eq!(problems(missing), ["app_secrets_file", "verify_token_file"]);
    }
}
