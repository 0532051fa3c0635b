//! What would become of a request now. Nothing is kept of it, and nothing rests on it: a send gets its verdict in the transaction
//! that attempts it.

use waypost_domain::send::SendRequest;
use waypost_grpc::Result;
use waypost_grpc::error::not_found;
use waypost_live::Question;
use waypost_live::sending::reach;
use waypost_policy::Record;
use waypost_proto::reasons::{CONTACT_UNKNOWN, NUMBER_UNKNOWN};
use waypost_store::NewSend;

use super::Messages;

impl Messages {
    pub(super) async fn judged(&self, send: &NewSend) -> Result<Record> {
        let request = &SendRequest { expires_at: Some(send.ends_at), ..send.request.clone() };
        let (store, sending) = (&self.shared.store, self.shared.sending.current());
        let now = store.now().await?;
        let unknown = || not_found(format!("numbers/{}", request.number)).because(NUMBER_UNKNOWN);
        let number = sending.numbers.get(&request.number).ok_or_else(unknown)?;
        let reach = reach(&sending, now);
        let facts = store.send_facts(request.contact, &request.number, reach).await?;
        let facts = facts.ok_or_else(|| not_found("the contact").because(CONTACT_UNKNOWN))?;
        let seen = request.decision_seen(&number.id);
        let seen_at = store.received_at(seen.as_slice()).await?.into_values().next();
        let places = store.portfolio_use(reach.portfolio, now).await?;
        let question = Question::new(&sending, number, &facts, seen_at, now);
        let (_, record) = question.ask(request, &places, sending.opt_in.state(&facts.aliases));
        Ok(record)
    }
}
