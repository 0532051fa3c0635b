//! Tokens. The same functions serve the command line, which makes the first token at the store itself.

use tonic::{Request, Response, Status};
use uuid::Uuid;
use waypost_domain::{TeamName, Timestamp};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::token_service_server::TokenService;
use waypost_store::{Change, Store, StoreError, TokenRow};

use super::audit_entry;
use crate::errors::{self, Violations, check_etag, invalid, not_found};
use crate::fields::{check_title, from_wire_time, request_id, team_name, team_of, uuid_of, wire_time};
use crate::gate::Caller;
use crate::once::Once;
use crate::roles::Role;
use crate::{Shared, page, secret};

/// What a new token shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    pub title: String,
    pub roles: Vec<Role>,
    /// What [`Role::Agent`] is bound to.
    pub teams: Vec<TeamName>,
    pub expires_at: Option<Timestamp>,
}

impl NewToken {
    /// What is wrong with it: field and problem.
    pub fn problems(&self, now: Timestamp) -> Vec<(&'static str, &'static str)> {
        let is_agent = self.roles.contains(&Role::Agent);
        let checks = [
            (!self.roles.is_empty(), "roles", "at least one is needed"),
            (!is_agent || !self.teams.is_empty(), "teams", "the role agent needs at least one"),
            (is_agent || self.teams.is_empty(), "teams", "only the role agent is bound to teams"),
            (self.expires_at.is_none_or(|end| end > now), "expire_time", "is in the past"),
        ];
        checks.into_iter().filter(|(holds, ..)| !holds).map(|(_, field, problem)| (field, problem)).collect()
    }
}

/// Creates a token at the store itself, as the command line does. Returns its id and its secret.
pub async fn create_token(store: &Store, actor: &str, new: &NewToken) -> Result<(Uuid, String), StoreError> {
    let mut change = store.begin_change().await?;
    let (row, secret) = insert(&mut change, new).await?;
    let caller = Caller { actor: actor.to_owned(), bound_to: None };
    let entry = audit_entry(&caller, "TokenService/CreateToken", &name(row.id), None, Some(&audited(&row)));
    change.commit(&[entry]).await?;
    Ok((row.id, secret))
}

/// Revokes a token at the store itself. `false`: there is none, or it was revoked before.
pub async fn revoke_token(store: &Store, actor: &str, id: Uuid) -> Result<bool, StoreError> {
    let mut change = store.begin_change().await?;
    let Some(before) = change.token(id).await?.filter(|row| row.revoked_at.is_none()) else { return Ok(false) };
    revoke(change, &Caller { actor: actor.to_owned(), bound_to: None }, &before).await?;
    Ok(true)
}

pub(crate) struct Tokens {
    pub(crate) shared: Shared,
}

#[tonic::async_trait]
impl TokenService for Tokens {
    async fn get_token(&self, request: Request<v1::GetTokenRequest>) -> Result<Response<v1::GetTokenResponse>, Status> {
        let id = uuid_of("name", "tokens", &request.get_ref().name)?;
        let row = self.shared.store.token(id).await.map_err(errors::store)?;
        let row = row.ok_or_else(|| not_found(&name(id)))?;
        Ok(Response::new(v1::GetTokenResponse { token: Some(wire(&row)) }))
    }

    async fn list_tokens(
        &self,
        request: Request<v1::ListTokensRequest>,
    ) -> Result<Response<v1::ListTokensResponse>, Status> {
        let request = request.get_ref();
        let size = page::size(request.page_size)?;
        let after = page::place("tokens", &request.page_token)?;
        let after = after.map(|id| Uuid::try_parse(&id)).transpose().map_err(|_| page::bad_token())?;
        let mut rows = self.shared.store.tokens_after(after, size + 1).await.map_err(errors::store)?;
        let next = page::cut(&mut rows, size, |row| row.id.to_string());
        let next_page_token = next.map(|place| page::token("tokens", &place)).unwrap_or_default();
        Ok(Response::new(v1::ListTokensResponse { tokens: rows.iter().map(wire).collect(), next_page_token }))
    }

    async fn create_token(
        &self,
        request: Request<v1::CreateTokenRequest>,
    ) -> Result<Response<v1::CreateTokenResponse>, Status> {
        let caller = Caller::of(&request)?;
        let request = request.into_inner();
        let once = Once::new(request_id(&request.request_id)?, &caller, &request);
        let mut change = self.shared.store.begin_change().await.map_err(errors::store)?;
        if let Some(answer) = once.answer(&mut change).await? {
            return Ok(Response::new(answer));
        }
        let new = read(&request.token.ok_or_else(|| invalid("token", "is missing"))?, change.now())?;
        let (row, secret) = insert(&mut change, &new).await.map_err(errors::store)?;
        let mut answer = v1::CreateTokenResponse { token: Some(wire(&row)), secret: String::new() };
        if request.validate_only {
            return Ok(Response::new(answer));
        }
        once.remember(&mut change, &answer).await?;
        let entry = audit_entry(&caller, "TokenService/CreateToken", &name(row.id), None, Some(&audited(&row)));
        change.commit(&[entry]).await.map_err(errors::store)?;
        answer.secret = secret;
        Ok(Response::new(answer))
    }

    async fn revoke_token(
        &self,
        request: Request<v1::RevokeTokenRequest>,
    ) -> Result<Response<v1::RevokeTokenResponse>, Status> {
        let caller = Caller::of(&request)?;
        let request = request.into_inner();
        let id = uuid_of("name", "tokens", &request.name)?;
        let mut change = self.shared.store.begin_change().await.map_err(errors::store)?;
        let row = change.token(id).await.map_err(errors::store)?.ok_or_else(|| not_found(&name(id)))?;
        check_etag(&name(id), &request.etag, &etag(&row))?;
        // Once is enough; a second time changes nothing.
        let row = if request.validate_only || row.revoked_at.is_some() {
            row
        } else {
            revoke(change, &caller, &row).await.map_err(errors::store)?
        };
        Ok(Response::new(v1::RevokeTokenResponse { token: Some(wire(&row)) }))
    }
}

fn read(given: &v1::Token, now: Timestamp) -> Result<NewToken, Status> {
    let mut violations = Violations::default();
    check_title(&mut violations, "token.title", &given.title);
    let mut roles: Vec<Role> = given.roles.iter().filter_map(|role| Role::from_wire(*role)).collect();
    violations.require(roles.len() == given.roles.len(), "token.roles", "one is unspecified or unknown");
    roles.sort_unstable();
    roles.dedup();
    let mut teams = Vec::new();
    for (place, team) in given.teams.iter().enumerate() {
        match team_of("", team) {
            Ok(team) => teams.push(team),
            Err(_) => violations.add(format!("token.teams[{place}]"), "must be teams/{team}"),
        }
    }
    let new = NewToken {
        title: given.title.clone(),
        roles,
        teams,
        expires_at: given.expire_time.as_ref().map(from_wire_time),
    };
    for (field, problem) in new.problems(now) {
        violations.add(format!("token.{field}"), problem);
    }
    violations.check()?;
    Ok(new)
}

async fn insert(change: &mut Change, new: &NewToken) -> Result<(TokenRow, String), StoreError> {
    let secret = secret::generate().map_err(|error| StoreError::Invalid(error.to_string()))?;
    let words = |words: Vec<&str>| words.join(" ");
    let row = TokenRow {
        id: Uuid::now_v7(),
        hash: secret::hash(&secret),
        title: new.title.clone(),
        roles: words(new.roles.iter().map(|role| role.as_str()).collect()),
        teams: words(new.teams.iter().map(TeamName::as_str).collect()),
        created_at: change.now(),
        expires_at: new.expires_at,
        revoked_at: None,
    };
    change.insert_token(&row).await?;
    Ok((row, secret))
}

async fn revoke(mut change: Change, caller: &Caller, before: &TokenRow) -> Result<TokenRow, StoreError> {
    change.revoke_token(before.id).await?;
    let after = TokenRow { revoked_at: Some(change.now()), ..before.clone() };
    let states = (audited(before), audited(&after));
    let entry = audit_entry(caller, "TokenService/RevokeToken", &name(before.id), Some(&states.0), Some(&states.1));
    change.commit(&[entry]).await?;
    Ok(after)
}

fn name(id: Uuid) -> String {
    format!("tokens/{id}")
}

/// The only change there is.
fn etag(row: &TokenRow) -> String {
    if row.revoked_at.is_some() { "revoked" } else { "valid" }.to_owned()
}

fn wire(row: &TokenRow) -> v1::Token {
    let teams = row.teams.split(' ').filter_map(|team| TeamName::new(team).ok());
    v1::Token {
        name: name(row.id),
        title: row.title.clone(),
        roles: row.roles.split(' ').filter_map(Role::parse).map(|role| role.to_wire().into()).collect(),
        teams: teams.map(|team| team_name(&team)).collect(),
        create_time: Some(wire_time(row.created_at)),
        expire_time: row.expires_at.map(wire_time),
        revoke_time: row.revoked_at.map(wire_time),
        etag: etag(row),
    }
}

fn audited(row: &TokenRow) -> v1::Token {
    v1::Token { etag: String::new(), ..wire(row) }
}
