//! Changes that a call asks for: one transaction, in which the request is answered as before if it came before, and
//! which cannot be committed without a record of what it did.

use std::ops::{Deref, DerefMut};

use futures_util::future::BoxFuture;
use prost::{Message, Name};
use ring::digest::{Context, SHA256};
use uuid::Uuid;
use waypost_proto::admin::to_json;
use waypost_proto::mutating::MutatingRequest;
use waypost_store::{AnsweredRequest, AuditEntry, AuditedTx, Store};

use crate::error::{CallError, invalid};
use crate::gate::Caller;
use crate::{Result, fields};

/// Who changes something, and how they want it done.
#[derive(Debug, Clone)]
pub struct Mutation {
    caller: Caller,
    request_id: Option<Uuid>,
    /// Of the caller and the whole request: an id is good for one request only.
    fingerprint: Vec<u8>,
    validate_only: bool,
}

impl Mutation {
    /// Of a call that passed the gate.
    pub fn read<M: MutatingRequest>(request: tonic::Request<M>) -> Result<(Self, M)> {
        let caller = Caller::of(&request)?;
        let message = request.into_inner();
        let request_id = fields::request_id(message.request_id())?;
        let fingerprint = fingerprint(&[M::full_name().as_bytes(), caller.actor.as_bytes(), &message.encode_to_vec()]);
        Ok((Self { caller, request_id, fingerprint, validate_only: message.validate_only() }, message))
    }

    /// By somebody who is not a caller: the command line, at the store itself.
    pub fn local(caller: Caller) -> Self {
        Self { caller, request_id: None, fingerprint: Vec::new(), validate_only: false }
    }

    /// Who changes it.
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Whether it is only to be checked.
    pub const fn validate_only(&self) -> bool {
        self.validate_only
    }
}

fn fingerprint(parts: &[&[u8]]) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context.finish().as_ref().to_vec()
}

/// What became of a change.
#[derive(Debug, PartialEq, Eq)]
pub enum Changed<A> {
    /// It is durable, with its audit records.
    Now(A),
    /// It was made when the same request came before; this was answered then.
    Before(A),
    /// It could be made, and was not: the request was only to be checked.
    Checked(A),
}

impl<A> Changed<A> {
    /// The answer, whichever it is.
    pub fn into_answer(self) -> A {
        match self {
            Self::Now(answer) | Self::Before(answer) | Self::Checked(answer) => answer,
        }
    }
}

/// The transaction of a change: the store's own, to read and to write, and the records of what is done in it.
pub struct Tx {
    change: AuditedTx,
    mutation: Mutation,
    records: Vec<AuditEntry>,
    needs_record: bool,
}

impl Deref for Tx {
    type Target = AuditedTx;

    fn deref(&self) -> &AuditedTx {
        &self.change
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut AuditedTx {
        &mut self.change
    }
}

impl Tx {
    /// Who changes it.
    pub const fn caller(&self) -> &Caller {
        &self.mutation.caller
    }

    /// Whether it is only to be checked: whatever is written is taken back.
    pub const fn validate_only(&self) -> bool {
        self.mutation.validate_only
    }

    /// Records what became of `resource`: as it was, `None` for a new one, and as it is, `None` for one that is gone.
    pub fn record<M: Name>(&mut self, resource: &str, before: Option<&M>, after: Option<&M>) {
        let json = |message: Option<&M>| message.map(|message| to_json(message, false).to_string()).unwrap_or_default();
        self.records.push(AuditEntry {
            actor: self.mutation.caller.actor.clone(),
            method: self.mutation.caller.method.clone(),
            resource: resource.to_owned(),
            before: json(before),
            after: json(after),
        });
    }

    /// What is written is kept even where nothing was recorded.
    pub const fn keep_without_record(&mut self) {
        self.needs_record = false;
    }

    async fn begin(store: &Store, mutation: Mutation) -> Result<Self> {
        let change = store.begin_change().await?;
        Ok(Self { change, mutation, records: Vec::new(), needs_record: true })
    }

    /// What was answered when the same request came before.
    async fn answered(&mut self) -> Result<Option<Vec<u8>>> {
        let Some(id) = self.mutation.request_id.filter(|_| !self.mutation.validate_only) else { return Ok(None) };
        let Some(answered) = self.change.answered(id).await? else { return Ok(None) };
        if answered.fingerprint != self.mutation.fingerprint {
            return Err(invalid("request_id", "was used for another request"));
        }
        Ok(Some(answered.response))
    }

    /// Remembers the answer that is about to be given, and commits. Without a record nothing is kept.
    async fn commit(mut self, answer: Vec<u8>) -> Result<()> {
        if self.records.is_empty() && self.needs_record {
            return Ok(());
        }
        if let Some(id) = self.mutation.request_id {
            let answered = AnsweredRequest { fingerprint: self.mutation.fingerprint, response: answer };
            self.change.remember(id, &answered).await?;
        }
        Ok(self.change.commit(&self.records).await?)
    }
}

/// Makes a change: answers as before if the same request was answered before; else lets `work` read, check, write and
/// [record](Tx::record) in one transaction, and commits it, unless the request is only to be checked.
///
/// Changes are made one after the other, so `work` should wait for nothing but the store.
pub async fn change<A: Message + Default>(
    store: &Store,
    mutation: Mutation,
    work: impl for<'tx> FnOnce(&'tx mut Tx) -> BoxFuture<'tx, Result<A>> + Send,
) -> Result<Changed<A>> {
    let mut tx = Tx::begin(store, mutation).await?;
    if let Some(response) = tx.answered().await? {
        let answer = A::decode(&*response);
        return answer.map(Changed::Before).map_err(|error| CallError::Internal(format!("a stored answer: {error}")));
    }
    let answer = work(&mut tx).await?;
    if tx.validate_only() {
        return Ok(Changed::Checked(answer));
    }
    tx.commit(answer.encode_to_vec()).await?;
    Ok(Changed::Now(answer))
}
