//! What Meta has counted: messages and their cost, and what became of templates. Approximate, says Meta
//! (<https://developers.facebook.com/docs/whatsapp/business-management-api/analytics>).
//!
//! Amounts stay text, as they came: they are money.

use super::{AnswerError, Page, each, fields};
use crate::json::{Json, fields_of, integer, object, string};

object! {
    PricingObject {
        start: "start",
        end: "end",
        country: "country",
        phone_number: "phone_number",
        category: "pricing_category",
        kind: "pricing_type",
        tier: "tier",
        volume: "volume",
        cost: "cost",
    }
}

/// Messages that were delivered in a span of time. What was not asked to be told apart is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PricingPoint {
    /// Seconds since the epoch.
    pub start: i64,
    /// Seconds since the epoch.
    pub end: i64,
    /// Of the customers, by two letters.
    pub country: Option<String>,
    /// Of the business.
    pub phone_number: Option<String>,
    /// `MARKETING` and its like.
    pub category: Option<String>,
    /// `REGULAR` and its like.
    pub kind: Option<String>,
    /// How many the price is for.
    pub tier: Option<String>,
    /// Messages.
    pub volume: Option<i64>,
    /// In the account's currency.
    pub cost: Option<String>,
}

/// What became of a template on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplatePoint {
    /// Meta's id of the name in a language.
    pub template_id: String,
    /// Seconds since the epoch.
    pub start: i64,
    /// Seconds since the epoch.
    pub end: i64,
    /// Messages.
    pub sent: Option<i64>,
    /// Messages.
    pub delivered: Option<i64>,
    /// Messages.
    pub read: Option<i64>,
    /// By button.
    pub clicked: Vec<Clicks>,
    /// `amount_spent`, `cost_per_delivered` and their like, each with its amount.
    pub costs: Vec<(String, String)>,
}

/// How often a button was tapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clicks {
    /// `quick_reply_button`, `unique_url_button` and their like.
    pub kind: Option<String>,
    /// Its label.
    pub button: Option<String>,
    /// Taps.
    pub count: Option<i64>,
}

impl PricingPoint {
    /// The answer to GET `/{waba_id}?fields=pricing_analytics…`. An account without messages has none.
    pub fn read_all(body: &[u8]) -> Result<Vec<Self>, AnswerError> {
        let [analytics, _id] = fields(body, &["pricing_analytics", "id"])?;
        let [data] = fields_of(analytics, &["data"]);
        Ok(each(data, |part| Some(points(part, Self::of))).into_iter().flatten().collect())
    }

    fn of(point: Json<'_>) -> Option<Self> {
        let (point, _) = PricingObject::read(point?.get())?;
        Some(Self {
            start: integer(point.start)?,
            end: integer(point.end)?,
            country: string(point.country),
            phone_number: string(point.phone_number),
            category: string(point.category),
            kind: string(point.kind),
            tier: string(point.tier),
            volume: integer(point.volume),
            cost: string(point.cost),
        })
    }
}

impl TemplatePoint {
    /// The answer to GET `/{waba_id}/template_analytics`.
    pub fn read_page(body: &[u8]) -> Result<Page<Vec<Self>>, AnswerError> {
        Page::read_with(body, |part| Some(points(part, Self::of)))
    }

    fn of(point: Json<'_>) -> Option<Self> {
        let [template_id, start, end, sent, delivered, read, clicked, cost] =
            fields_of(point, &["template_id", "start", "end", "sent", "delivered", "read", "clicked", "cost"]);
        Some(Self {
            template_id: string(template_id)?,
            start: integer(start)?,
            end: integer(end)?,
            sent: integer(sent),
            delivered: integer(delivered),
            read: integer(read),
            clicked: each(clicked, |clicks| {
                let [kind, button, count] = fields_of(clicks, &["type", "button_content", "count"]);
                Some(Clicks { kind: string(kind), button: string(button), count: integer(count) })
            }),
            costs: each(cost, |cost| {
                let [kind, value] = fields_of(cost, &["type", "value"]);
                Some((string(kind)?, string(value)?))
            }),
        })
    }
}

/// `data_points` of a part of the answer.
fn points<T>(part: Json<'_>, read: impl Fn(Json<'_>) -> Option<T>) -> Vec<T> {
    let [points] = fields_of(part, &["data_points"]);
    each(points, read)
}
