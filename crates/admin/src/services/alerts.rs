//! What a person must know of Meta, and who says that they do.

use std::cmp::Reverse;

use tonic::Request;
use waypost_domain::Timestamp;
use waypost_grpc::error::{check_etag, invalid, not_found};
use waypost_grpc::fields::{id_of, wire_time};
use waypost_grpc::{Mutation, Result, Tx, change, page, serve};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::alert_service_server::AlertService;
use waypost_store::{Alert, BarScope};

use super::titles::add_titles;
use crate::Shared;

const COLLECTION: &str = "alerts";
/// One for each number, account or template, and kind: there are not so many.
const ALERTS_MAX: u32 = 10_000;

pub(crate) struct Alerts {
    pub(crate) shared: Shared,
}

serve! { AlertService for Alerts {
    list_alerts: v1::ListAlertsRequest => v1::ListAlertsResponse,
    acknowledge_alert: v1::AcknowledgeAlertRequest => v1::AcknowledgeAlertResponse,
}}

impl Alerts {
    async fn list_alerts(&self, request: Request<v1::ListAlertsRequest>) -> Result<v1::ListAlertsResponse> {
        let request = request.get_ref();
        let size = page::size(request.page_size)?;
        let after = page::place(COLLECTION, &request.page_token, read_place)?;
        let store = &self.shared.store;
        let mut rows =
            if request.show_acknowledged { store.alerts(ALERTS_MAX).await? } else { store.open_alerts().await? };
        rows.sort_by_cached_key(place);
        rows.retain(|row| after.as_ref().is_none_or(|after| place(row) > *after));
        let next_page_token =
            page::cut(COLLECTION, &mut rows, size, |row| format!("{} {}", row.told_at.as_millis(), name(row)));
        let mut alerts: Vec<v1::Alert> = rows.into_iter().map(wire).collect();
        add_titles(store, &mut alerts).await?;
        Ok(v1::ListAlertsResponse { alerts, next_page_token })
    }

    async fn acknowledge_alert(
        &self,
        request: Request<v1::AcknowledgeAlertRequest>,
    ) -> Result<v1::AcknowledgeAlertResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let of = Of::read(&request.name)?;
        let etag = request.etag;
        let changed = change(&self.shared.store, mutation, move |tx| Box::pin(acknowledge(tx, of, etag))).await;
        Ok(changed?.into_answer())
    }
}

/// Who acknowledged it first stays who did.
async fn acknowledge(tx: &mut Tx, of: Of, given: String) -> Result<v1::AcknowledgeAlertResponse> {
    let resource = of.name();
    let before = tx.alert(of.scope, &of.name, &of.kind).await?.ok_or_else(|| not_found(&resource))?;
    check_etag(&resource, &given, &etag(&before))?;
    let by = tx.caller().actor.clone();
    let is_news = tx.acknowledge_alert(of.scope, &of.name, &of.kind, before.told_at, &by).await?;
    let after = tx.alert(of.scope, &of.name, &of.kind).await?.ok_or_else(|| not_found(&resource))?;
    let (before, after) = (wire(before), wire(after));
    if is_news {
        tx.record(&resource, Some(&before), Some(&after));
    }
    Ok(v1::AcknowledgeAlertResponse { alert: Some(after) })
}

/// Which one is meant.
struct Of {
    scope: BarScope,
    name: String,
    kind: String,
}

impl Of {
    fn read(name: &str) -> Result<Self> {
        let parts = id_of("name", COLLECTION, name)?.split_once('/').and_then(|(scope, rest)| {
            let (of, kind) = rest.rsplit_once('/')?;
            Some(Self { scope: BarScope::parse(scope)?, name: of.to_owned(), kind: kind.to_owned() })
        });
        parts.ok_or_else(|| invalid("name", "must be alerts/{scope}/{of}/{kind}, as the list shows it"))
    }

    fn name(&self) -> String {
        format!("{COLLECTION}/{}/{}/{}", self.scope.as_str(), self.name, self.kind)
    }
}

fn name(alert: &Alert) -> String {
    format!("{COLLECTION}/{alert}")
}

/// The newest first.
fn place(alert: &Alert) -> (Reverse<Timestamp>, String) {
    (Reverse(alert.told_at), name(alert))
}

fn read_place(text: &str) -> Option<(Reverse<Timestamp>, String)> {
    let (told_at, name) = text.split_once(' ')?;
    Some((Reverse(Timestamp::from_millis(told_at.parse().ok()?)), name.to_owned()))
}

fn etag(alert: &Alert) -> String {
    let known = if alert.acknowledged.is_some() { "-known" } else { "" };
    format!("{}{known}", alert.told_at.as_millis())
}

fn wire(alert: Alert) -> v1::Alert {
    let (name, etag) = (name(&alert), etag(&alert));
    let (acknowledge_time, acknowledger) = alert.acknowledged.unzip();
    v1::Alert {
        name,
        etag,
        kind: alert.kind,
        description: alert.why,
        start_time: Some(wire_time(alert.since)),
        update_time: Some(wire_time(alert.told_at)),
        acknowledge_time: acknowledge_time.map(wire_time),
        acknowledger: acknowledger.unwrap_or_default(),
        acknowledger_title: String::new(),
    }
}
