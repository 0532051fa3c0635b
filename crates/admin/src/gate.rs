//! The gate before every call: who is it, and may they? A call without a row in [`crate::roles`], without a valid token
//! or without a role that the row names goes no further.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::body::Body;
use tonic::codegen::http::header::AUTHORIZATION;
use tonic::codegen::http::{Request, Response};
use tonic::{Code, Status};
use tower::{Layer, Service};
use waypost_domain::TeamName;
use waypost_store::{Store, TokenRow};

use crate::errors::{self, told};
use crate::roles::{Access, Role, access};
use crate::{metrics, secret};

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// For the audit log.
    pub(crate) actor: String,
    /// The teams that the call is bound to; `None` for one that is bound to none.
    pub(crate) bound_to: Option<Vec<TeamName>>,
}

impl Caller {
    /// Of a call that passed the gate.
    pub(crate) fn of<T>(request: &tonic::Request<T>) -> Result<Self, Status> {
        request.extensions().get::<Self>().cloned().ok_or_else(|| Status::internal("the call did not pass the gate"))
    }

    pub(crate) fn may_see(&self, team: &TeamName) -> bool {
        self.bound_to.as_ref().is_none_or(|teams| teams.contains(team))
    }
}

#[derive(Clone)]
pub(crate) struct Gate {
    store: Store,
    room: Arc<Semaphore>,
}

impl Gate {
    pub(crate) fn new(store: Store, requests_max: usize) -> Self {
        Self { store, room: Arc::new(Semaphore::new(requests_max)) }
    }

    /// Lets a call through, as long as the permit is held, or says why not.
    async fn admit(
        &self,
        path: &str,
        authorization: Option<&str>,
    ) -> Result<(OwnedSemaphorePermit, Option<Caller>), Status> {
        let permit = Arc::clone(&self.room).try_acquire_owned().map_err(|_| {
            denied("busy");
            told(Code::ResourceExhausted, "BUSY", "too many calls are under way; try again".to_owned(), &[])
        })?;
        let Some(needed) = access(path) else {
            denied("method");
            return Err(Status::unimplemented(format!("{path} does not exist")));
        };
        let caller = match needed {
            Access::Open => None,
            Access::AnyOf(roles) => Some(self.caller(authorization, roles).await?),
        };
        ::metrics::counter!(metrics::REQUESTS, "method" => path.to_owned()).increment(1);
        Ok((permit, caller))
    }

    async fn caller(&self, header: Option<&str>, needed: &[Role]) -> Result<Caller, Status> {
        let bearer =
            header.and_then(|header| header.split_once(' ')).filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
        let Some((_, given)) = bearer else {
            return Err(unauthenticated("TOKEN_MISSING", "authorization: a bearer token is needed"));
        };
        let token = self.store.token_by_hash(&secret::hash(given.trim())).await.map_err(errors::store)?;
        let now = self.store.now().await.map_err(errors::store)?;
        let is_valid = |token: &TokenRow| token.revoked_at.is_none() && token.expires_at.is_none_or(|end| now < end);
        let Some(token) = token.filter(is_valid) else {
            return Err(unauthenticated("TOKEN_INVALID", "authorization: the token is unknown, expired or revoked"));
        };
        let roles: Vec<Role> =
            token.roles.split(' ').filter_map(Role::parse).filter(|role| needed.contains(role)).collect();
        if roles.is_empty() {
            denied("role");
            let words: Vec<&str> = needed.iter().map(|role| role.as_str()).collect();
            let words = words.join(", ");
            let message = format!("the token has none of the roles that may do this: {words}");
            return Err(told(Code::PermissionDenied, "ROLE_MISSING", message, &[("roles", &words)]));
        }
        let is_bound = roles.iter().all(|role| *role == Role::Agent);
        let teams = || token.teams.split(' ').filter_map(|team| TeamName::new(team).ok()).collect();
        Ok(Caller { actor: format!("tokens/{}", token.id), bound_to: is_bound.then(teams) })
    }
}

fn unauthenticated(reason: &'static str, message: &str) -> Status {
    denied("token");
    told(Code::Unauthenticated, reason, message.to_owned(), &[])
}

fn denied(reason: &'static str) {
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
                Ok((_permit, caller)) => {
                    if let Some(caller) = caller {
                        request.extensions_mut().insert(caller);
                    }
                    inner.call(request).await
                }
                Err(status) => Ok(status.into_http()),
            }
        })
    }
}
