//! Tokens. The same functions serve the command line, which makes the first token at the store itself.

use tonic::Request;
use uuid::Uuid;
use waypost_domain::{TeamName, Timestamp};
use waypost_grpc::error::{Violations, check_etag, invalid, not_found};
use waypost_grpc::fields::{check_title, from_wire_time, team_name, team_of, uuid_of, wire_time};
use waypost_grpc::{Caller, Changed, Mutation, Result, Role, Tx, change, page, secret, serve};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::token_service_server::TokenService;
use waypost_store::{Store, TokenRow};

use crate::Shared;

const COLLECTION: &str = "tokens";

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
    /// What does not fit: field and problem.
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
pub async fn create_token(store: &Store, actor: &str, new: &NewToken) -> Result<(Uuid, String)> {
    let secret = secret::generate()?;
    let (id, hash, new) = (Uuid::now_v7(), secret::hash(&secret), new.clone());
    let mutation = local(actor, "TokenService/CreateToken");
    change(store, mutation, move |tx| Box::pin(async move { insert(tx, id, hash, &new).await })).await?;
    Ok((id, secret))
}

/// Revokes a token at the store itself. `false`: there is none, or it was revoked before.
pub async fn revoke_token(store: &Store, actor: &str, id: Uuid) -> Result<bool> {
    let is_valid = store.token(id).await?.is_some_and(|row| row.revoked_at.is_none());
    if is_valid {
        let mutation = local(actor, "TokenService/RevokeToken");
        change(store, mutation, move |tx| Box::pin(revoke(tx, id, String::new()))).await?;
    }
    Ok(is_valid)
}

fn local(actor: &str, method: &str) -> Mutation {
    Mutation::local(Caller { actor: actor.to_owned(), method: method.to_owned(), bound_to: None, roles: vec![] })
}

pub(crate) struct Tokens {
    pub(crate) shared: Shared,
}

serve! { TokenService for Tokens {
    get_token: v1::GetTokenRequest => v1::GetTokenResponse,
    list_tokens: v1::ListTokensRequest => v1::ListTokensResponse,
    create_token: v1::CreateTokenRequest => v1::CreateTokenResponse,
    revoke_token: v1::RevokeTokenRequest => v1::RevokeTokenResponse,
}}

impl Tokens {
    async fn get_token(&self, request: Request<v1::GetTokenRequest>) -> Result<v1::GetTokenResponse> {
        let id = uuid_of("name", COLLECTION, &request.get_ref().name)?;
        let row = self.shared.store.token(id).await?.ok_or_else(|| not_found(name(id)))?;
        Ok(v1::GetTokenResponse { token: Some(token_message(&row)) })
    }

    async fn list_tokens(&self, request: Request<v1::ListTokensRequest>) -> Result<v1::ListTokensResponse> {
        let request = request.get_ref();
        let size = page::size(request.page_size)?;
        let after = page::place(COLLECTION, &request.page_token, |place| Uuid::try_parse(place).ok())?;
        let mut rows = self.shared.store.tokens_after(after, size + 1).await?;
        let next_page_token = page::cut(COLLECTION, &mut rows, size, |row| row.id.to_string());
        Ok(v1::ListTokensResponse { tokens: rows.iter().map(token_message).collect(), next_page_token })
    }

    async fn create_token(&self, request: Request<v1::CreateTokenRequest>) -> Result<v1::CreateTokenResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let given = request.token.ok_or_else(|| invalid("token", "is missing"))?;
        let secret = secret::generate()?;
        let (id, hash) = (Uuid::now_v7(), secret::hash(&secret));
        let creation = change(&self.shared.store, mutation, move |tx| {
            Box::pin(async move {
                let new = read(&given, tx.now())?;
                insert(tx, id, hash, &new).await
            })
        });
        match creation.await? {
            // Shown once; it is nowhere else.
            Changed::Now(answer) => Ok(v1::CreateTokenResponse { secret, ..answer }),
            Changed::Before(answer) | Changed::Checked(answer) => Ok(answer),
        }
    }

    async fn revoke_token(&self, request: Request<v1::RevokeTokenRequest>) -> Result<v1::RevokeTokenResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let id = uuid_of("name", COLLECTION, &request.name)?;
        let revocation = change(&self.shared.store, mutation, move |tx| Box::pin(revoke(tx, id, request.etag)));
        Ok(revocation.await?.into_answer())
    }
}

fn read(given: &v1::Token, now: Timestamp) -> Result<NewToken> {
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

/// The answer is without the secret, of which only `hash` is known here.
async fn insert(tx: &mut Tx, id: Uuid, hash: Vec<u8>, new: &NewToken) -> Result<v1::CreateTokenResponse> {
    let words = |words: Vec<&str>| words.join(" ");
    let row = TokenRow {
        id,
        hash,
        title: new.title.clone(),
        roles: words(new.roles.iter().map(|role| role.as_str()).collect()),
        teams: words(new.teams.iter().map(TeamName::as_str).collect()),
        created_at: tx.now(),
        expires_at: new.expires_at,
        revoked_at: None,
    };
    tx.insert_token(&row).await?;
    tx.record(&name(id), None, Some(&audited(&row)));
    Ok(v1::CreateTokenResponse { token: Some(token_message(&row)), secret: String::new() })
}

async fn revoke(tx: &mut Tx, id: Uuid, given_etag: String) -> Result<v1::RevokeTokenResponse> {
    let before = tx.token(id).await?.ok_or_else(|| not_found(name(id)))?;
    check_etag(&name(id), &given_etag, &etag(&before))?;
    // Once is enough; a second time changes nothing.
    if tx.validate_only() || before.revoked_at.is_some() {
        return Ok(v1::RevokeTokenResponse { token: Some(token_message(&before)) });
    }
    tx.revoke_token(id).await?;
    let after = TokenRow { revoked_at: Some(tx.now()), ..before.clone() };
    tx.record(&name(id), Some(&audited(&before)), Some(&audited(&after)));
    Ok(v1::RevokeTokenResponse { token: Some(token_message(&after)) })
}

fn name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// The only change there is.
fn etag(row: &TokenRow) -> String {
    if row.revoked_at.is_some() { "revoked" } else { "valid" }.to_owned()
}

/// As it is answered, and printed.
pub fn token_message(row: &TokenRow) -> v1::Token {
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
    v1::Token { etag: String::new(), ..token_message(row) }
}

#[cfg(test)]
mod tests;
