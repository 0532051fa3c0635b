//! Meta's lists of templates, for the administration: read over the Graph API, where this process may call it.

use std::sync::Arc;

use async_trait::async_trait;
use waypost_admin::{NotListed, TemplateList, TemplateSource};
use waypost_domain::{Timestamp, WabaId};
use waypost_graph_client::GraphApi;
use waypost_store::TemplateRow;

use super::Config;
use waypost_cli::Failure;

struct MetaLists(GraphApi);

#[async_trait]
impl TemplateSource for MetaLists {
    async fn templates(&self, account: &WabaId) -> Result<TemplateList, NotListed> {
        let listed = self.0.templates(account.as_str()).await.map_err(|error| NotListed(error.to_string()))?;
        let row = |one: waypost_cloud_api::answer::TemplateListed| TemplateRow {
            waba: account.clone(),
            template: one.registered(),
            meta_id: one.id.unwrap_or_default(),
            updated_at: Timestamp::from_millis(0),
        };
        Ok(TemplateList { rows: listed.items.into_iter().map(row).collect(), unreadable: listed.unreadable })
    }
}

/// `None`: there is no token for it.
pub(crate) fn source(config: &Config) -> Result<Option<Arc<dyn TemplateSource>>, Failure> {
    let Some(graph) = config.graph_config() else { return Ok(None) };
    let api = GraphApi::new(graph).map_err(|error| Failure::config(format!("graph.{error}")))?;
    Ok(Some(Arc::new(MetaLists(api))))
}
