//! What the processes of a deployment have said: where nothing of a customer may stand.

#[cfg(feature = "servers")]
use std::sync::PoisonError;
#[cfg(feature = "servers")]
use std::time::Duration;

#[cfg(feature = "servers")]
use waypost_ledger::TextRecord;

use super::Deployment;

impl Deployment {
    /// What each of its processes has written so far, on either stream.
    pub(crate) fn logs(&self) -> anyhow::Result<Vec<String>> {
        let mut logs = Vec::new();
        for file in std::fs::read_dir(self.log_folder())? {
            logs.push(String::from_utf8_lossy(&std::fs::read(file?.path())?).into_owned());
        }
        Ok(logs)
    }

    /// What its processes have said so far: their logs, and the metrics of those that run.
    #[cfg(feature = "servers")]
    pub(crate) async fn said(&self) -> anyhow::Result<Vec<TextRecord>> {
        let mut texts = Vec::new();
        for file in std::fs::read_dir(self.log_folder())? {
            let path = file?.path();
            let text = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
            texts.push(TextRecord { source: format!("log {}", path.display()), text });
        }
        let http = waypost_tests::webhook::http_client()?;
        let urls = self.ready_urls.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for url in urls.into_iter().map(|url| url.replace("/readyz", "/metrics")) {
            let Ok(answer) = http.get(&url).timeout(Duration::from_secs(5)).send().await else { continue };
            texts.push(TextRecord { source: format!("metrics {url}"), text: answer.text().await? });
        }
        Ok(texts)
    }

    /// The warnings and errors of its processes' logs.
    pub(crate) fn warned(&self) -> anyhow::Result<String> {
        let mut warned = String::new();
        for text in self.logs()? {
            let lines = text.lines().filter(|line| line.contains(" WARN ") || line.contains("ERROR "));
            lines.for_each(|line| warned.extend([line, "\n"]));
        }
        Ok(warned)
    }

    #[cfg(feature = "servers")]
    pub(super) fn note_ready_url(&self, url: String) {
        self.ready_urls.lock().unwrap_or_else(PoisonError::into_inner).insert(url);
    }
}
