//! The account, the apps that get its webhooks, what the token is good for, and what Meta has counted.

use waypost_cloud_api::answer::{Account, AppSubscription, PricingPoint, SubscribedApp, TemplatePoint, TokenInfo};
use waypost_cloud_api::send::Subscribe;

use super::{GraphApi, Listed};
use crate::api::{Call, id};
use crate::fault::{CallError, NotSent};
use crate::secret_file::SecretError;

const FIELDS: &str = "id,name,account_review_status,currency,primary_funding_id,health_status";

/// A span of time, in seconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// From then.
    pub start: i64,
    /// Until then.
    pub end: i64,
}

impl GraphApi {
    /// Review, currency, way to pay and health of an account.
    pub async fn account(&self, waba_id: &str) -> Result<Account, CallError> {
        let mut url = self.below("waba_id", waba_id, &[])?;
        url.query_pairs_mut().append_pair("fields", FIELDS);
        Ok(Account::read(&self.api.call(&Call::get(url)).await?.body)?)
    }

    /// How far Meta has verified the business that owns an account: `verified` and its like. Asked by itself, so that what
    /// Meta may tell no more costs nothing else.
    pub async fn business_verification(&self, waba_id: &str) -> Result<Option<String>, CallError> {
        let mut url = self.below("waba_id", waba_id, &[])?;
        url.query_pairs_mut().append_pair("fields", "id,business_verification_status");
        Ok(Account::read(&self.api.call(&Call::get(url)).await?.body)?.business_verification)
    }

    /// The apps that get an account's webhooks.
    pub async fn subscribed_apps(&self, waba_id: &str) -> Result<Listed<SubscribedApp>, CallError> {
        self.list(self.below("waba_id", waba_id, &["subscribed_apps"])?, SubscribedApp::read_page).await
    }

    /// Gets an account's webhooks, at another address than the app's if one is given.
    pub async fn subscribe(&self, waba_id: &str, subscribe: &Subscribe) -> Result<(), CallError> {
        let url = self.below("waba_id", waba_id, &["subscribed_apps"])?;
        self.api.command(&Call::post(url, subscribe)).await
    }

    /// Gets them no more.
    pub async fn unsubscribe(&self, waba_id: &str) -> Result<(), CallError> {
        self.api.command(&Call::delete(self.below("waba_id", waba_id, &["subscribed_apps"])?)).await
    }

    /// The fields that the app gets webhooks of. It needs the app's token.
    pub async fn app_subscriptions(&self, app_id: &str) -> Result<Vec<AppSubscription>, CallError> {
        let app = self.app.as_ref().ok_or(NotSent::NoToken(SecretError::NotConfigured))?;
        let url = self.below("app_id", app_id, &["subscriptions"])?;
        let answer = self.api.ask_with(app, &Call::get(url)).await?.done()?;
        Ok(AppSubscription::read_page(&answer.body)?.items)
    }

    /// What the token in force is good for, and for how long. It is asked with the app's token, where there is one.
    pub async fn debug_token(&self) -> Result<TokenInfo, CallError> {
        let token = self.api.secret.current().await.map_err(NotSent::NoToken)?;
        let mut url = self.url(&["debug_token"]);
        url.query_pairs_mut().append_pair("input_token", token.expose());
        let asked_with = self.app.as_ref().unwrap_or(&self.api.secret);
        let answer = self.api.ask_with(asked_with, &Call::get(url)).await?.done()?;
        Ok(TokenInfo::read(&answer.body)?)
    }

    /// Delivered messages and their cost, by day, category, kind of price, country and number. Meta keeps a year.
    pub async fn pricing(&self, waba_id: &str, span: Span) -> Result<Vec<PricingPoint>, CallError> {
        let mut url = self.below("waba_id", waba_id, &[])?;
        let Span { start, end } = span;
        let analytics = format!(
            "pricing_analytics.start({start}).end({end}).granularity(DAILY)\
             .dimensions(PRICING_CATEGORY,PRICING_TYPE,COUNTRY,PHONE)"
        );
        url.query_pairs_mut().append_pair("fields", &analytics);
        Ok(PricingPoint::read_all(&self.api.call(&Call::get(url)).await?.body)?)
    }

    /// What became of templates, by day. Meta takes ten at once and keeps 90 days.
    pub async fn template_analytics(
        &self,
        waba_id: &str,
        template_ids: &[String],
        span: Span,
    ) -> Result<Listed<TemplatePoint>, CallError> {
        let mut url = self.below("waba_id", waba_id, &["template_analytics"])?;
        for template_id in template_ids {
            id("template_ids", template_id).map_err(NotSent::Request)?;
        }
        url.query_pairs_mut()
            .append_pair("start", &span.start.to_string())
            .append_pair("end", &span.end.to_string())
            .append_pair("granularity", "DAILY")
            .append_pair("metric_types", "SENT,DELIVERED,READ,CLICKED,COST")
            .append_pair("template_ids", &format!("[{}]", template_ids.join(",")));
        let Listed { items, unreadable } = self.list(url, TemplatePoint::read_page).await?;
        Ok(Listed { items: items.into_iter().flatten().collect(), unreadable })
    }
}
