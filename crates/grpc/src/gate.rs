//! The gate before every call: who is it, and may they? A call without a row in the tables of roles, without a valid
//! token or without a role that the row names goes no further.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::header::AUTHORIZATION;
use tonic::codegen::http::{Request, Response};
use tower::{Layer, Service};
use waypost_domain::TeamName;
use waypost_store::{Store, TokenRow};

use crate::dispatch::Dispatch;
use crate::error::CallError;
use crate::roles::{Access, Role};
use crate::{Result, metrics, secret};

/// Who calls, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// For the audit log.
    pub actor: String,
    /// `Service/Method`, for the audit log.
    pub method: String,
    /// The teams that the call is bound to; `None` for one that is bound to none.
    pub bound_to: Option<Vec<TeamName>>,
    /// All that their token may do, whatever this method needs.
    pub roles: Vec<Role>,
}

impl Caller {
    /// Of a call that passed the gate.
    pub fn of<T>(request: &tonic::Request<T>) -> Result<Self> {
        let caller = request.extensions().get::<Self>().cloned();
        caller.ok_or_else(|| CallError::Internal("the call did not pass the gate".to_owned()))
    }

    /// Whoever owns this machine's files, of which no token is asked: they may do everything.
    pub fn owner(method: impl Into<String>) -> Self {
        Self { actor: OWNER.to_owned(), method: method.into(), bound_to: None, roles: Role::ALL.to_vec() }
    }

    /// Whether what belongs to `team` may be shown to them.
    pub fn may_see(&self, team: &TeamName) -> bool {
        self.bound_to.as_ref().is_none_or(|teams| teams.contains(team))
    }

    /// Whether they have one of these roles.
    pub fn has_any(&self, roles: &[Role]) -> bool {
        self.roles.iter().any(|role| roles.contains(role))
    }
}

/// Who may call each method, by its path without the leading `/`.
pub(crate) type AccessTable = HashMap<&'static str, Access>;

/// Who the audit log says it was, where the owner's token was shown.
const OWNER: &str = "local";

#[derive(Clone)]
pub(crate) struct Gate {
    store: Store,
    /// The hash of the owner's token.
    owner: Option<Arc<[u8]>>,
    table: Arc<AccessTable>,
    services: Arc<Dispatch>,
    permits: Arc<Semaphore>,
}

impl Gate {
    /// Calls go on to `services`, or to what is behind the gate where these have no such method.
    pub(crate) fn new(
        store: Store,
        owner: Option<Vec<u8>>,
        table: AccessTable,
        services: Dispatch,
        requests_max: usize,
    ) -> Self {
        let permits = Arc::new(Semaphore::new(requests_max));
        Self { store, owner: owner.map(Into::into), table: Arc::new(table), services: Arc::new(services), permits }
    }

    /// Lets a call through, as long as the permit is held, or says why not.
    async fn admit(&self, path: &str, authorization: Option<&str>) -> Result<(OwnedSemaphorePermit, Option<Caller>)> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().map_err(|_| CallError::Busy)?;
        let method = path.strip_prefix('/').unwrap_or_default();
        let access = self.table.get(method).ok_or_else(|| CallError::NoSuchMethod(path.to_owned()))?;
        let caller = match access {
            Access::Open => None,
            Access::AnyOf(roles) => Some(self.caller(method, authorization, roles).await?),
        };
        ::metrics::counter!(metrics::REQUESTS, "method" => path.to_owned()).increment(1);
        Ok((permit, caller))
    }

    async fn caller(&self, method: &str, header: Option<&str>, needed: &[Role]) -> Result<Caller> {
        let bearer =
            header.and_then(|header| header.split_once(' ')).filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
        let (_, given) = bearer.ok_or(CallError::TokenMissing)?;
        let hash = secret::hash(given.trim());
        let short = method.rsplit_once('.').map_or(method, |(_, method)| method).to_owned();
        if self.owner.as_deref() == Some(&*hash) {
            return Ok(Caller::owner(short));
        }
        let token = self.store.token_by_hash(&hash).await?;
        let now = self.store.now().await?;
        let is_valid = |token: &TokenRow| token.revoked_at.is_none() && token.expires_at.is_none_or(|end| now < end);
        let token = token.filter(is_valid).ok_or(CallError::TokenInvalid)?;
        let roles: Vec<Role> = token.roles.split(' ').filter_map(Role::parse).collect();
        let mut fitting = roles.iter().filter(|role| needed.contains(role)).peekable();
        if fitting.peek().is_none() {
            let words: Vec<&str> = needed.iter().map(|role| role.as_str()).collect();
            return Err(CallError::RoleMissing { roles: words.join(", ") });
        }
        let is_bound = fitting.all(|role| *role == Role::Agent);
        let teams = || token.teams.split(' ').filter_map(|team| TeamName::new(team).ok()).collect();
        let actor = format!("tokens/{}", token.id);
        Ok(Caller { actor, method: short, bound_to: is_bound.then(teams), roles })
    }
}

fn count_refusal(error: &CallError) {
    let reason = match error {
        CallError::Busy => "busy",
        CallError::NoSuchMethod(_) => "method",
        CallError::TokenMissing | CallError::TokenInvalid => "token",
        CallError::RoleMissing { .. } => "role",
        CallError::Invalid(_)
        | CallError::NotFound { .. }
        | CallError::AlreadyExists(_)
        | CallError::EtagMismatch { .. }
        | CallError::Precondition { .. }
        | CallError::Store(_)
        | CallError::Bus(_)
        | CallError::Internal(_) => return,
    };
    ::metrics::counter!(metrics::DENIED, "reason" => reason).increment(1);
}

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated { gate: self.clone(), inner }
    }
}

/// What stands behind the gate.
#[derive(Clone)]
pub(crate) struct Gated<S> {
    gate: Gate,
    inner: S,
}

impl<S> Service<Request<Body>> for Gated<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let gate = self.gate.clone();
        // The one that was polled ready goes along; the clone waits its own turn.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let path = request.uri().path().to_owned();
            let authorization = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
            let authorization = authorization.map(str::to_owned);
            match gate.admit(&path, authorization.as_deref()).await {
                Ok((permit, caller)) => {
                    if let Some(caller) = caller {
                        request.extensions_mut().insert(caller);
                    }
                    match gate.services.find(&path) {
                        Some(method) => Ok(method.answer(request, permit).await),
                        None => {
                            let _held = permit;
                            inner.call(request).await
                        }
                    }
                }
                Err(error) => {
                    count_refusal(&error);
                    Ok(Status::from(error).into_http())
                }
            }
        })
    }
}

#[cfg(test)]
mod tests;
