//! Calls through the gate, up to the method and back, without a socket.

use std::future::{Ready, ready};

use http_body_util::BodyExt as _;
use prost::bytes::{BufMut as _, Bytes, BytesMut};
use tempfile::TempDir;
use tonic::Code;
use uuid::Uuid;
use waypost_domain::Timestamp;
use waypost_proto::admin_v1::{GetTeamRequest, GetTeamResponse, Team};
use waypost_proto::rpc::{RpcService, decode, encode};
use waypost_store::{StoreOptions, StoreUrl};

use super::*;
use crate::Mutation;

const PATH: &str = "/test.v1.TeamService/GetTeam";
const TABLE: &[(&str, Access)] = &[
    ("test.v1.TeamService/GetTeam", Access::AnyOf(&[Role::Editor, Role::Agent])),
    ("test.v1.TeamService/Missing", Access::AnyOf(&[Role::Editor])),
    ("test.v1.Other/Open", Access::Open),
];
const REQUEST_BYTES_MAX: usize = 64;
const OWNERS: &str = "wpt_owners";

/// Answers with who calls what, and which teams they are bound to.
struct Teams;

#[tonic::async_trait]
impl RpcService for Teams {
    fn name(&self) -> &'static str {
        "test.v1.TeamService"
    }

    async fn call(
        &self,
        method: &str,
        request: tonic::Request<Bytes>,
    ) -> std::result::Result<tonic::Response<Vec<u8>>, Status> {
        if !["GetTeam", "Unlisted"].contains(&method) {
            return Err(Status::unimplemented(method.to_owned()));
        }
        let caller = Caller::of(&request)?;
        let request = decode::<GetTeamRequest>(request)?.into_inner();
        let bound_to = caller.bound_to.iter().flatten().map(TeamName::as_str).collect::<Vec<_>>().join(" ");
        let team = Team { name: request.name, title: caller.method, parent: bound_to, ..Team::default() };
        Ok(encode(tonic::Response::new(GetTeamResponse { team: Some(team) })))
    }
}

/// What is behind the gate besides: tonic's own services.
#[derive(Clone)]
struct Rest;

impl Service<Request<Body>> for Rest {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<std::result::Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::result::Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        ready(Ok(Status::data_loss("the rest").into_http()))
    }
}

struct Fixture {
    _folder: TempDir,
    gated: Gated<Rest>,
    store: Store,
}

impl Fixture {
    async fn new(requests_max: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = StoreUrl::sqlite_file(folder.path().join("store.db"));
        let store = Store::open(&url, StoreOptions::default()).await.unwrap();
        store.migrate().await.unwrap();
        let mut services = Dispatch::default();
        services.request_bytes_max = REQUEST_BYTES_MAX;
        services.add(Teams);
        let table = TABLE.iter().copied().collect();
        let owner = Some(secret::hash(OWNERS));
        let gated = Gate::new(store.clone(), owner, table, services, requests_max).layer(Rest);
        Self { _folder: folder, gated, store }
    }

    /// A token of these roles; its secret.
    async fn token(&self, roles: &str, teams: &str) -> String {
        self.token_until(roles, teams, None, None).await
    }

    async fn token_until(
        &self,
        roles: &str,
        teams: &str,
        expires_at: Option<Timestamp>,
        revoked_at: Option<Timestamp>,
    ) -> String {
        let secret = secret::generate().unwrap();
        let caller = Caller { actor: "test".to_owned(), method: "T/Create".to_owned(), bound_to: None, roles: vec![] };
        let row = TokenRow {
            id: Uuid::now_v7(),
            hash: secret::hash(&secret),
            title: String::new(),
            roles: roles.to_owned(),
            teams: teams.to_owned(),
            created_at: self.store.now().await.unwrap(),
            expires_at,
            revoked_at,
        };
        let change = crate::change(&self.store, Mutation::local(caller), move |tx| {
            Box::pin(async move {
                tx.insert_token(&row).await?;
                tx.record("tokens/1", None, Some(&Team::default()));
                Ok(GetTeamResponse::default())
            })
        });
        change.await.unwrap();
        secret
    }

    /// The team in the answer, or the code of the refusal.
    async fn call(&self, path: &str, token: Option<&str>, name: &str) -> std::result::Result<Team, Code> {
        let message = prost::Message::encode_to_vec(&GetTeamRequest { name: name.to_owned() });
        let mut frame = BytesMut::new();
        frame.put_u8(0);
        frame.put_u32(u32::try_from(message.len()).unwrap());
        frame.put_slice(&message);
        let mut request = Request::post(path).header("content-type", "application/grpc");
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = Body::new(http_body_util::Full::new(frame.freeze()));
        let response = self.gated.clone().call(request.body(body).unwrap()).await.unwrap();
        if let Some(code) = response.headers().get("grpc-status") {
            return Err(Code::from_bytes(code.as_bytes()));
        }
        let body = response.into_body().collect().await.unwrap();
        assert_eq!(body.trailers().unwrap().get("grpc-status").unwrap(), "0");
        let answer: GetTeamResponse = prost::Message::decode(body.to_bytes().slice(5..)).unwrap();
        Ok(answer.team.unwrap())
    }
}

#[tokio::test]
async fn a_call_reaches_its_method_and_says_who_calls() {
    let fixture = Fixture::new(8).await;
    let editor = fixture.token("viewer editor agent", "billing").await;
    let team = fixture.call(PATH, Some(&editor), "teams/a").await.unwrap();
    assert_eq!((&*team.name, &*team.title, &*team.parent), ("teams/a", "TeamService/GetTeam", ""));
    let agent = fixture.token("viewer agent", "billing sales").await;
    let team = fixture.call(PATH, Some(&agent), "teams/a").await.unwrap();
    assert_eq!(&*team.parent, "billing sales", "nothing but agent lets them in");
}

/// It may do everything that a row names, and is bound to no team.
#[tokio::test]
async fn the_owners_token_is_in_no_store() {
    let fixture = Fixture::new(8).await;
    let team = fixture.call(PATH, Some(OWNERS), "teams/a").await.unwrap();
    assert_eq!((&*team.title, &*team.parent), ("TeamService/GetTeam", ""));
    assert_eq!(fixture.call("/test.v1.TeamService/Unlisted", Some(OWNERS), "a").await, Err(Code::Unimplemented));
    for wrong in ["wpt_owner", "wpt_owners2", &hex::encode(secret::hash(OWNERS))] {
        assert_eq!(fixture.call(PATH, Some(wrong), "a").await, Err(Code::Unauthenticated), "{wrong}");
    }
}

#[tokio::test]
async fn who_may_not_goes_no_further() {
    let fixture = Fixture::new(8).await;
    let viewer = fixture.token("viewer", "").await;
    assert_eq!(fixture.call(PATH, None, "a").await, Err(Code::Unauthenticated));
    assert_eq!(fixture.call(PATH, Some("wpt_unknown"), "a").await, Err(Code::Unauthenticated));
    assert_eq!(fixture.call(PATH, Some(&viewer), "a").await, Err(Code::PermissionDenied));
    for path in ["/test.v1.TeamService/Nonsense", "/test.v1.TeamService", "/", "/x"] {
        assert_eq!(fixture.call(path, Some(&viewer), "a").await, Err(Code::Unimplemented), "{path}");
    }
}

#[tokio::test]
async fn a_token_is_good_until_it_expires_or_is_revoked() {
    let fixture = Fixture::new(8).await;
    let now = fixture.store.now().await.unwrap();
    let hours = |hours: i64| Some(now.plus_millis(hours * 3_600_000));
    let cases = [
        ("for ever", None, None, true),
        ("for another hour", hours(1), None, true),
        ("until now", Some(now), None, false),
        ("until an hour ago", hours(-1), None, false),
        ("revoked", None, Some(now), false),
        ("revoked before it expired", hours(1), Some(now), false),
    ];
    for (name, expires_at, revoked_at, is_good) in cases {
        let token = fixture.token_until("editor", "", expires_at, revoked_at).await;
        let outcome = fixture.call(PATH, Some(&token), "a").await.map(drop);
        assert_eq!(outcome, if is_good { Ok(()) } else { Err(Code::Unauthenticated) }, "{name}");
    }
}

/// There is such a method, and no row names it: whoever calls, they do not reach it.
#[tokio::test]
async fn a_method_without_a_row_is_refused() {
    let fixture = Fixture::new(8).await;
    let everything = fixture.token(&Role::ALL.map(Role::as_str).join(" "), "a").await;
    for path in ["/test.v1.TeamService/Unlisted", "/test.v1.Other/Unlisted"] {
        for token in [None, Some("wpt_unknown"), Some(&*everything)] {
            assert_eq!(fixture.call(path, token, "a").await, Err(Code::Unimplemented), "{path} {token:?}");
        }
    }
}

#[tokio::test]
async fn a_row_without_a_method_is_none() {
    let fixture = Fixture::new(8).await;
    let editor = fixture.token("editor", "").await;
    let missing = fixture.call("/test.v1.TeamService/Missing", Some(&editor), "a").await;
    assert_eq!(missing, Err(Code::Unimplemented));
}

#[tokio::test]
async fn what_is_not_ours_goes_to_the_rest() {
    let fixture = Fixture::new(8).await;
    assert_eq!(fixture.call("/test.v1.Other/Open", None, "a").await, Err(Code::DataLoss));
}

#[tokio::test]
async fn there_are_bounds() {
    let fixture = Fixture::new(8).await;
    let editor = fixture.token("editor", "").await;
    let long = "a".repeat(REQUEST_BYTES_MAX);
    assert_eq!(fixture.call(PATH, Some(&editor), &long).await, Err(Code::OutOfRange));
    let full = Fixture::new(0).await;
    assert_eq!(full.call("/test.v1.Other/Open", None, "a").await, Err(Code::ResourceExhausted));
}
