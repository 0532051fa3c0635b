//! The listener: HTTP/1.1 connections, bodies with a limit, and answers that never come or connections that are reset.
//! It knows nothing of messages.
//!
//! Our own loop over hyper, and no web framework: only whoever holds the socket can reset it.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use super::error::ApiError;
use super::reply::Reply;

/// After an accept that failed for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// A request whose body has arrived.
pub(crate) struct Arrived {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) bearer: Option<String>,
    pub(crate) content_type: String,
    pub(crate) body: Bytes,
    /// Where it arrived, for addresses in answers.
    pub(crate) host: String,
}

/// Says what is answered to a request.
pub(crate) trait Handler: Send + Sync + 'static {
    fn handle(&self, request: &Arrived) -> Reply;

    /// What every answer says in its head besides.
    fn head(&self, path: &str) -> Vec<(&'static str, String)>;
}

/// The connection is to be reset.
#[derive(Debug, thiserror::Error)]
#[error("the connection is reset on demand")]
struct ResetOnDemand;

/// Serves until `shutdown`; what is under way then is answered, as long as it takes no longer than `drain`.
pub(crate) async fn serve(
    listener: TcpListener,
    handler: Arc<impl Handler>,
    body_bytes_max: usize,
    shutdown: CancellationToken,
    drain: Duration,
) {
    let tasks = TaskTracker::new();
    let cut_off = CancellationToken::new();
    while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, _)) => {
                let (shutdown, cut_off) = (shutdown.clone(), cut_off.clone());
                let connection = connection(stream, handler.clone(), body_bytes_max, shutdown);
                tasks.spawn(async move {
                    cut_off.run_until_cancelled(connection).await;
                });
            }
            Err(error) => {
                warn!(%error, "cannot accept connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    tasks.close();
    tokio::time::timeout(drain, tasks.wait()).await.unwrap_or_default();
    cut_off.cancel();
    tasks.wait().await;
}

async fn connection(stream: TcpStream, handler: Arc<impl Handler>, body_bytes_max: usize, shutdown: CancellationToken) {
    // Without it small answers wait for each other; where it fails they do.
    stream.set_nodelay(true).unwrap_or_default();
    let service = service_fn(move |request| {
        let handler = handler.clone();
        Box::pin(async move { answer(request, &*handler, body_bytes_max).await })
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let served = {
        let mut served = poll_fn(|context| connection.poll_without_shutdown(context));
        tokio::select! {
            served = &mut served => Some(served),
            () = shutdown.cancelled() => None,
        }
    };
    let served = match served {
        Some(served) => served,
        None => {
            Pin::new(&mut connection).graceful_shutdown();
            poll_fn(|context| connection.poll_without_shutdown(context)).await
        }
    };
    let is_reset = served.is_err_and(|error| is_reset_on_demand(&error));
    let stream = connection.into_parts().io.into_inner();
    if is_reset {
        // The peer gets RST instead of FIN; where that fails it sees an end without an answer.
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap_or_default();
    }
}

fn is_reset_on_demand(error: &hyper::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.is::<ResetOnDemand>() {
            return true;
        }
        source = cause.source();
    }
    false
}

async fn answer(
    request: Request<Incoming>,
    handler: &impl Handler,
    body_bytes_max: usize,
) -> Result<Response<Full<Bytes>>, ResetOnDemand> {
    let path = request.uri().path().to_owned();
    let reply = match arrived(request, body_bytes_max).await {
        Ok(arrived) => handler.handle(&arrived),
        Err(reply) => reply,
    };
    match reply {
        Reply::Answer { http_status, content_type, body, after, retry_after_s } => {
            if !after.is_zero() {
                tokio::time::sleep(after).await;
            }
            let mut response = Response::builder().status(http_status).header(header::CONTENT_TYPE, &*content_type);
            for (name, value) in handler.head(&path) {
                response = response.header(name, value);
            }
            if let Some(seconds) = retry_after_s {
                response = response.header(header::RETRY_AFTER, seconds);
            }
            // A status that is none was asked for by a fault; nothing can be said with it.
            response.body(Full::new(body)).map_err(|_| ResetOnDemand)
        }
        Reply::Reset => Err(ResetOnDemand),
        Reply::BlackHole => std::future::pending().await,
    }
}

async fn arrived(request: Request<Incoming>, body_bytes_max: usize) -> Result<Arrived, Reply> {
    let (head, body) = request.into_parts();
    let text = |name: header::HeaderName| {
        let value = head.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let bearer = text(header::AUTHORIZATION);
    let bearer = bearer.strip_prefix("Bearer ").or_else(|| bearer.strip_prefix("OAuth "));
    let body = match Limited::new(body, body_bytes_max).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Err(Reply::error(&ApiError::new(100, "The request is too large").with_status(413)));
        }
        // The client is gone, or sent no HTTP.
        Err(_) => return Err(Reply::Reset),
    };
    Ok(Arrived {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        bearer: bearer.map(|token| token.trim().to_owned()),
        content_type: text(header::CONTENT_TYPE),
        host: text(header::HOST),
        body,
    })
}
