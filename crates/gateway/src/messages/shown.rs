//! Messages as they are shown: what was asked, how far it has come, and why.

use waypost_domain::send::SendState;
use waypost_grpc::Result;
use waypost_grpc::fields::wire_time;
use waypost_grpc::titles::titles;
use waypost_policy::Record;
use waypost_proto::gateway_v1 as v1;
use waypost_proto::sends::{wire_message, wire_verdict};
use waypost_store::SendRow;

use super::{COLLECTION, Messages};
use crate::confidential::Withheld;

impl Messages {
    pub(super) async fn shown(&self, withheld: &Withheld, row: SendRow) -> Result<v1::Message> {
        Ok(self.all_shown(withheld, vec![row]).await?.pop().unwrap_or_default())
    }

    pub(super) async fn all_shown(&self, withheld: &Withheld, rows: Vec<SendRow>) -> Result<Vec<v1::Message>> {
        let mut messages: Vec<v1::Message> = rows.iter().map(|row| shown(withheld, row)).collect();
        let names = messages.iter().filter_map(|message| message.author.as_ref()).map(|author| author.name.as_str());
        let titles = titles(&self.shared.store, names).await?;
        for author in messages.iter_mut().filter_map(|message| message.author.as_mut()) {
            author.title = titles.get(&author.name).cloned().unwrap_or_default();
        }
        Ok(messages)
    }
}

fn shown(withheld: &Withheld, row: &SendRow) -> v1::Message {
    let has_content = !row.is_forgotten && !withheld.has(row.team.as_ref());
    let is_queued = row.progress.state == SendState::Queued;
    // One of a later release is not shown rather than shown half.
    let record = row.verdict.as_deref().and_then(|json| serde_json::from_slice::<Record>(json).ok());
    let record = record.filter(|record| has_content && record.format <= Record::FORMAT);
    let mut message = wire_message(&row.request, &row.progress);
    if let Some(request) = message.request.as_mut().filter(|_| !has_content) {
        (request.content, request.substitute) = (None, None);
    }
    v1::Message {
        due_time: is_queued.then(|| wire_time(row.due_at)),
        attempts: row.attempt,
        message_id: row.wamid.clone().unwrap_or_default(),
        verdict: record.as_ref().map(wire_verdict),
        resend_of: row.resend_of.as_ref().map(|id| format!("{COLLECTION}/{id}")).unwrap_or_default(),
        maybe_duplicate: row.maybe_duplicate,
        expire_time: Some(wire_time(row.ends_at)),
        ..message
    }
}
