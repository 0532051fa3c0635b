//! The business's numbers and what customers see of them.

use waypost_cloud_api::answer::{BusinessProfile, Number};
use waypost_cloud_api::send::{NumberWebhooks, Pin, ProfileChange};

use super::{GraphApi, Listed};
use crate::api::Call;
use crate::fault::CallError;

const FIELDS: &str = "id,display_phone_number,verified_name,status,quality_rating,name_status,throughput,\
                      code_verification_status,account_mode,host_platform,health_status,\
                      whatsapp_business_manager_messaging_limit,webhook_configuration";
const PROFILE_FIELDS: &str = "about,address,description,email,vertical,websites,profile_picture_url";

impl GraphApi {
    /// All numbers of an account.
    pub async fn numbers(&self, waba_id: &str) -> Result<Listed<Number>, CallError> {
        let mut url = self.below("waba_id", waba_id, &["phone_numbers"])?;
        url.query_pairs_mut().append_pair("fields", FIELDS);
        self.list(url, Number::read_page).await
    }

    /// State, quality, limit and health of a number.
    pub async fn number(&self, phone_number_id: &str) -> Result<Number, CallError> {
        let mut url = self.below("phone_number_id", phone_number_id, &[])?;
        url.query_pairs_mut().append_pair("fields", FIELDS);
        Ok(Number::read(&self.api.call(&Call::get(url)).await?.body)?)
    }

    /// Where a number's webhooks go.
    pub async fn set_webhooks(&self, phone_number_id: &str, webhooks: &NumberWebhooks) -> Result<(), CallError> {
        let url = self.below("phone_number_id", phone_number_id, &[])?;
        self.api.command(&Call::post(url, webhooks)).await
    }

    /// Two-step verification.
    pub async fn set_pin(&self, phone_number_id: &str, pin: &Pin) -> Result<(), CallError> {
        let url = self.below("phone_number_id", phone_number_id, &[])?;
        self.api.command(&Call::post(url, pin)).await
    }

    /// What customers see of a number.
    pub async fn profile(&self, phone_number_id: &str) -> Result<BusinessProfile, CallError> {
        let mut url = self.below("phone_number_id", phone_number_id, &["whatsapp_business_profile"])?;
        url.query_pairs_mut().append_pair("fields", PROFILE_FIELDS);
        Ok(BusinessProfile::read(&self.api.call(&Call::get(url)).await?.body)?)
    }

    /// Changes it.
    pub async fn set_profile(&self, phone_number_id: &str, change: &ProfileChange) -> Result<(), CallError> {
        let url = self.below("phone_number_id", phone_number_id, &["whatsapp_business_profile"])?;
        self.api.command(&Call::post(url, change)).await
    }
}
