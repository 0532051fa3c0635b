//! How much may be sent, what waits, what may not be sent for now, and what was spent.

mod spend;

use std::collections::BTreeMap;
use std::sync::Arc;

use tonic::Request;
use waypost_grpc::error::{check_etag, invalid, not_found};
use waypost_grpc::fields::{id_of, wire_time};
use waypost_grpc::{Mutation, Result, Tx, change, page, serve};
use waypost_live::{PORTFOLIO, Sending, SendingLive};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::limit_service_server::LimitService;
use waypost_store::{BarKey, BarScope, PortfolioUse, QUALITY, QueuedSends, STANDING, SendBar};

use super::policy;
use crate::Shared;

const COLLECTION: &str = "bars";

pub(crate) struct Limits {
    shared: Shared,
    /// Read again at each call, as far as it has changed.
    sending: Arc<SendingLive>,
}

serve! { LimitService for Limits {
    get_limits: v1::GetLimitsRequest => v1::GetLimitsResponse,
    list_bars: v1::ListBarsRequest => v1::ListBarsResponse,
    lift_bar: v1::LiftBarRequest => v1::LiftBarResponse,
    get_spend: v1::GetSpendRequest => v1::GetSpendResponse,
}}

impl Limits {
    pub(crate) fn new(shared: Shared) -> Self {
        let sending = SendingLive::new(shared.store.clone());
        Self { shared, sending }
    }

    async fn get_limits(&self, _request: Request<v1::GetLimitsRequest>) -> Result<v1::GetLimitsResponse> {
        let store = &self.shared.store;
        self.sending.refresh().await?;
        let (sending, now) = (self.sending.current(), store.now().await?);
        let portfolio = store.portfolio_use(PORTFOLIO, now).await?;
        let queued = store.queued_sends().await?;
        let mut standing = store.told(BarScope::Number, STANDING).await?;
        let mut quality = store.told(BarScope::Number, QUALITY).await?;
        let mut numbers: BTreeMap<String, v1::NumberLimits> = BTreeMap::new();
        for name in sending.numbers.keys().map(ToString::to_string) {
            let limits = v1::NumberLimits {
                number: format!("numbers/{name}"),
                quality: quality.remove(&name).unwrap_or_default(),
                standing: standing.remove(&name).unwrap_or_default(),
                ..v1::NumberLimits::default()
            };
            numbers.insert(name, limits);
        }
        for one in &queued {
            add(&mut numbers, one);
        }
        for bar in sending.bars.iter().filter(|bar| bar.is_in_force(now)) {
            for number in sending.barred_numbers(bar) {
                if let Some(limits) = numbers.get_mut(number.name.as_str()) {
                    limits.bars.push(name(bar));
                }
            }
        }
        let numbers = numbers.into_values().collect();
        Ok(v1::GetLimitsResponse { limits: Some(limits(&sending, portfolio, numbers)) })
    }

    async fn list_bars(&self, request: Request<v1::ListBarsRequest>) -> Result<v1::ListBarsResponse> {
        let request = request.get_ref();
        let size = page::size(request.page_size)?;
        let after: Option<String> = page::place(COLLECTION, &request.page_token, |place| Some(place.to_owned()))?;
        let store = &self.shared.store;
        let now = store.now().await?;
        let mut bars = store.send_bars().await?;
        bars.retain(|bar| bar.is_in_force(now) && after.as_ref().is_none_or(|after| name(bar) > *after));
        bars.sort_by_cached_key(name);
        let next_page_token = page::cut(COLLECTION, &mut bars, size, name);
        Ok(v1::ListBarsResponse { bars: bars.into_iter().map(wire).collect(), next_page_token })
    }

    async fn lift_bar(&self, request: Request<v1::LiftBarRequest>) -> Result<v1::LiftBarResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let key = read_name(&request.name)?;
        let etag = request.etag;
        let lifted = change(&self.shared.store, mutation, move |tx| Box::pin(lift(tx, key, etag))).await;
        Ok(lifted?.into_answer())
    }

    async fn get_spend(&self, request: Request<v1::GetSpendRequest>) -> Result<v1::GetSpendResponse> {
        let data = policy::in_force(&self.shared.store).await?.spend;
        let spend = spend::of_month(&self.shared.store, data.as_ref(), &request.get_ref().month).await?;
        Ok(v1::GetSpendResponse { spend: Some(spend) })
    }
}

async fn lift(tx: &mut Tx, key: BarKey, given: String) -> Result<v1::LiftBarResponse> {
    let resource = format!("{COLLECTION}/{key}");
    let now = tx.now();
    let found = tx.send_bar(&key).await?.filter(|bar| bar.is_in_force(now));
    let bar = wire(found.ok_or_else(|| not_found(&resource))?);
    check_etag(&resource, &given, &bar.etag)?;
    tx.lift_bar(&key).await?;
    tx.record(&resource, Some(&bar), None);
    Ok(v1::LiftBarResponse { bar: Some(bar) })
}

fn limits(sending: &Sending, portfolio: PortfolioUse, numbers: Vec<v1::NumberLimits>) -> v1::Limits {
    let data = &sending.policy.messaging_limit;
    let places = data.places(portfolio.tier.as_deref()).unwrap_or_default();
    v1::Limits {
        places,
        reserved_places: data.reserve(places),
        used_places: portfolio.used,
        next_free_time: portfolio.next_free_at.map(wire_time),
        tier: portfolio.tier.unwrap_or_default(),
        numbers,
    }
}

/// Of a number that is not ours any more, too: what waits there goes nowhere.
fn add(numbers: &mut BTreeMap<String, v1::NumberLimits>, queued: &QueuedSends) {
    let name = queued.number.to_string();
    let limits = numbers
        .entry(name.clone())
        .or_insert_with(|| v1::NumberLimits { number: format!("numbers/{name}"), ..v1::NumberLimits::default() });
    match queued.is_urgent {
        true => limits.urgent_sends = queued.sends,
        false => limits.normal_sends = queued.sends,
    }
    let due_at = wire_time(queued.due_at);
    let is_sooner =
        limits.next_due_time.is_none_or(|first| (due_at.seconds, due_at.nanos) < (first.seconds, first.nanos));
    if is_sooner {
        limits.next_due_time = Some(due_at);
    }
}

fn name(bar: &SendBar) -> String {
    format!("{COLLECTION}/{}", bar.key())
}

fn read_name(name: &str) -> Result<BarKey> {
    BarKey::parse(id_of("name", COLLECTION, name)?)
        .ok_or_else(|| invalid("name", "must be bars/{scope}/{of}/{what}/{origin}, as the list shows it"))
}

fn wire(bar: SendBar) -> v1::Bar {
    v1::Bar {
        name: name(&bar),
        start_time: Some(wire_time(bar.since)),
        end_time: bar.until.map(wire_time),
        until_token: bar.until_token,
        repetitions: bar.step,
        etag: bar.since.as_millis().to_string(),
        reason: bar.why,
    }
}
