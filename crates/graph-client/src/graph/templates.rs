//! Templates of an account (<https://developers.facebook.com/docs/whatsapp/business-management-api/message-templates>). What a
//! template may hold is Meta's to say: what is given goes there as it is.

use bytes::Bytes;
use reqwest::Method;
use serde_json::{Map, Value};
use waypost_cloud_api::answer::{ExampleHandle, TemplateCreated, TemplateListed, UploadSession};

use super::{GraphApi, Listed};
use crate::api::{Call, Scheme, id};
use crate::body::Payload;
use crate::fault::{CallError, NotSent};

const FIELDS: &str = "id,name,language,status,category,correct_category,previous_category,parameter_format,components,\
                      quality_score,rejected_reason,message_send_ttl_seconds";
const PAGE_ITEMS: &str = "100";

impl GraphApi {
    /// All of an account, each language of each name.
    pub async fn templates(&self, waba_id: &str) -> Result<Listed<TemplateListed>, CallError> {
        let mut url = self.below("waba_id", waba_id, &["message_templates"])?;
        url.query_pairs_mut().append_pair("fields", FIELDS).append_pair("limit", PAGE_ITEMS);
        self.list(url, TemplateListed::read_page).await
    }

    /// One name in one language.
    pub async fn template(&self, template_id: &str) -> Result<TemplateListed, CallError> {
        let mut url = self.below("template_id", template_id, &[])?;
        url.query_pairs_mut().append_pair("fields", FIELDS);
        Ok(TemplateListed::read(&self.api.call(&Call::get(url)).await?.body)?)
    }

    /// Files a template for review. It may be filed under another category than asked for: see the answer.
    pub async fn create_template(
        &self,
        waba_id: &str,
        template: &Map<String, Value>,
    ) -> Result<TemplateCreated, CallError> {
        let url = self.below("waba_id", waba_id, &["message_templates"])?;
        Ok(TemplateCreated::read(&self.api.call(&Call::post_fields(url, template)).await?.body)?)
    }

    /// Files it anew with these components; Meta keeps name and language, and counts the changes.
    pub async fn edit_template(&self, template_id: &str, changes: &Map<String, Value>) -> Result<(), CallError> {
        let url = self.below("template_id", template_id, &[])?;
        self.api.command(&Call::post_fields(url, changes)).await
    }

    /// One language of a name. An approved name cannot be used again for 30 days.
    pub async fn delete_template(&self, waba_id: &str, name: &str, template_id: &str) -> Result<(), CallError> {
        let mut url = self.below("waba_id", waba_id, &["message_templates"])?;
        let template_id = id("template_id", template_id).map_err(NotSent::Request)?;
        url.query_pairs_mut().append_pair("hsm_id", template_id).append_pair("name", name);
        self.api.command(&Call::delete(url)).await
    }

    /// A name in every language that it has.
    pub async fn delete_template_in_all_languages(&self, waba_id: &str, name: &str) -> Result<(), CallError> {
        let mut url = self.below("waba_id", waba_id, &["message_templates"])?;
        url.query_pairs_mut().append_pair("name", name);
        self.api.command(&Call::delete(url)).await
    }

    /// Ends a pause that pacing made. One for quality ends by itself.
    pub async fn unpause_template(&self, template_id: &str) -> Result<(), CallError> {
        self.api.command(&Call::post_nothing(self.below("template_id", template_id, &["unpause"])?)).await
    }

    /// Gives Meta a file as the example of a template's header. It cannot be sent.
    pub async fn upload_example(&self, app_id: &str, mime_type: &str, file: Bytes) -> Result<ExampleHandle, CallError> {
        let mut url = self.below("app_id", app_id, &["uploads"])?;
        url.query_pairs_mut()
            .append_pair("file_name", "example")
            .append_pair("file_length", &file.len().to_string())
            .append_pair("file_type", mime_type);
        let session = UploadSession::read(&self.api.call(&Call::post_nothing(url)).await?.body)?;
        // `upload:…?sig=…`
        let (path, signature) = session.id.split_once('?').unwrap_or((&session.id, ""));
        let mut url = self.below("id", path, &[])?;
        url.set_query(Some(signature).filter(|signature| !signature.is_empty()));
        let call = Call {
            headers: &[("file_offset", "0")],
            scheme: Some(Scheme::OAuth),
            ..Call::new(Method::POST, url, Some(Payload::bytes(file)))
        };
        Ok(ExampleHandle::read(&self.api.call(&call).await?.body)?)
    }
}
