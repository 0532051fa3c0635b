//! `waypost token` at the store itself; over a server it is the client's.

use serde_json::{Value, json};
use waypost_admin::{CallError, NewToken, Role, create_token, revoke_token};
use waypost_cli::secret_file::SecretFile;
use waypost_cli::token::{self, TokenCommand, TokenCreateArgs, TokenNameArgs, id_of, print_created};
use waypost_domain::Timestamp;
use waypost_store::{Store, StoreError, TokenRow};

use crate::cli::ConfigArgs;
use crate::output;
use crate::process::Config;
use crate::process::store::open_store;
use waypost_cli::Failure;
use waypost_cli::show::{Screen, Table};

/// Who the audit log says it was.
const ACTOR: &str = "cli";
const LIST_PAGE: u32 = 500;
const TITLE_CHARS_MAX: usize = 200;

pub(crate) async fn run(command: TokenCommand) -> Result<(), Failure> {
    if let Some(server) = command.place().server() {
        return token::run(&server, command).await;
    }
    match command {
        TokenCommand::Create(args) => create(args).await,
        TokenCommand::List(args) => list(&args.place.config, args.place.json).await,
        TokenCommand::Get(args) => get(args).await,
        TokenCommand::Revoke(args) => revoke(args).await,
    }
}

async fn create(args: TokenCreateArgs) -> Result<(), Failure> {
    let output = args.output.as_deref().map(SecretFile::create).transpose()?;
    let store = usable_store(&Config::of(&args.place.config)?).await?;
    let now = store.now().await.map_err(failed)?;
    let lifetime_ms = |lifetime: std::time::Duration| i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX);
    let mut new = NewToken {
        title: args.title,
        roles: args.role.into_iter().filter_map(|role| Role::from_wire(role.into())).collect(),
        teams: args.team,
        expires_at: args.expires.map(|lifetime| now.plus_millis(lifetime_ms(lifetime))),
    };
    new.roles.sort_unstable();
    new.roles.dedup();
    if new.title.chars().count() > TITLE_CHARS_MAX || new.title.contains(char::is_control) {
        return Err(Failure::config("--title: at most 200 characters, no control characters"));
    }
    if let Some((field, problem)) = new.problems(now).into_iter().next() {
        return Err(Failure::config(format!("{field}: {problem}")));
    }
    let (id, secret) = create_token(&store, ACTOR, &new).await.map_err(failed)?;
    store.close().await;
    print_created(&format!("tokens/{id}"), &secret, output, args.place.json)
}

async fn list(config: &ConfigArgs, json: bool) -> Result<(), Failure> {
    let store = usable_store(&Config::of(config)?).await?;
    let mut tokens: Vec<TokenRow> = Vec::new();
    loop {
        let page = store.tokens_after(tokens.last().map(|token| token.id), LIST_PAGE).await.map_err(failed)?;
        let is_last = page.len() < LIST_PAGE as usize;
        tokens.extend(page);
        if is_last {
            break;
        }
    }
    let now = store.now().await.map_err(failed)?;
    store.close().await;
    if json {
        let tokens: Vec<Value> = tokens.iter().map(|token| as_json(token, now)).collect();
        return output::line(&Value::from(tokens).to_string());
    }
    let mut table = Table::new(&["NAME", "ROLES", "TEAMS", "STATE", "TITLE"]);
    for token in &tokens {
        let name = format!("tokens/{}", token.id);
        table.add_row([&name, &token.roles, &token.teams, state(token, now), &token.title]);
    }
    output::line(&table.on(&Screen::stdout()))
}

async fn get(args: TokenNameArgs) -> Result<(), Failure> {
    let id = id_of(&args.name)?;
    let store = usable_store(&Config::of(&args.place.config)?).await?;
    let token = store.token(id).await.map_err(failed)?;
    let now = store.now().await.map_err(failed)?;
    store.close().await;
    let token = as_json(&token.ok_or_else(|| Failure::failed(format!("tokens/{id} does not exist")))?, now);
    if args.place.json {
        return output::line(&token.to_string());
    }
    for (field, value) in token.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        output::line(&format!("{field:13}  {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)))?;
    }
    Ok(())
}

async fn revoke(args: TokenNameArgs) -> Result<(), Failure> {
    let id = id_of(&args.name)?;
    let store = usable_store(&Config::of(&args.place.config)?).await?;
    let revoked = revoke_token(&store, ACTOR, id).await.map_err(failed)?;
    store.close().await;
    if revoked {
        output::line(&format!("tokens/{id} is revoked"))
    } else {
        Err(Failure::failed(format!("tokens/{id} does not exist, or was revoked before")))
    }
}

async fn usable_store(config: &Config) -> Result<Store, Failure> {
    let store = open_store(config).await?;
    if config.store.is_embedded() || config.store.migrate {
        store.migrate().await.map_err(failed)?;
    }
    store.require_schema().await.map_err(failed)?;
    Ok(store)
}

fn failed(error: impl Into<CallError>) -> Failure {
    match error.into() {
        CallError::Store(error @ StoreError::Unavailable(_)) => Failure::unavailable(format!("store: {error}")),
        CallError::Store(other) => Failure::failed(format!("store: {other}")),
        other => Failure::failed(other.to_string()),
    }
}

fn state(token: &TokenRow, now: Timestamp) -> &'static str {
    if token.revoked_at.is_some() {
        "revoked"
    } else if token.expires_at.is_some_and(|end| end <= now) {
        "expired"
    } else {
        "valid"
    }
}

fn as_json(token: &TokenRow, now: Timestamp) -> Value {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    json!({
        "name": format!("tokens/{}", token.id),
        "title": token.title,
        "roles": words(&token.roles),
        "teams": words(&token.teams),
        "state": state(token, now),
        "created_at_ms": token.created_at.as_millis(),
        "expires_at_ms": token.expires_at.map(Timestamp::as_millis),
        "revoked_at_ms": token.revoked_at.map(Timestamp::as_millis),
    })
}
