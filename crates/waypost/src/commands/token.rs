//! `waypost token` at the store itself; over a server it is the client's.

use waypost_admin::{CallError, NewToken, Role, create_token, revoke_token, token_message};
use waypost_cli::secret_file::SecretFile;
use waypost_cli::token::{
    self, TokenCommand, TokenCreateArgs, TokenNameArgs, id_of, print_created, print_token, print_tokens,
};
use waypost_store::{Store, StoreError, TokenRow};

use crate::cli::ConfigArgs;
use crate::output;
use crate::process::Config;
use crate::process::store::open_store;
use waypost_cli::Failure;

/// Who the audit log says it was.
const ACTOR: &str = "cli";
const LIST_PAGE: u32 = 500;
const TITLE_CHARS_MAX: usize = 200;

pub(crate) async fn run(command: TokenCommand) -> Result<(), Failure> {
    if command.server().named().is_some() {
        return token::run(command).await;
    }
    match command {
        TokenCommand::Create(args) => create(args).await,
        TokenCommand::List(server) => list(&server.config, server.json).await,
        TokenCommand::Get(args) => get(args).await,
        TokenCommand::Revoke(args) => revoke(args).await,
    }
}

async fn create(args: TokenCreateArgs) -> Result<(), Failure> {
    let output = args.output.as_deref().map(SecretFile::create).transpose()?;
    let store = usable_store(&Config::of(&args.server.config)?).await?;
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
        let problem = format!("--title: at most {TITLE_CHARS_MAX} characters, no control characters");
        return Err(Failure::config(problem));
    }
    if let Some((field, problem)) = new.problems(now).into_iter().next() {
        return Err(Failure::config(format!("{field}: {problem}")));
    }
    let (id, secret) = create_token(&store, ACTOR, &new).await.map_err(failed)?;
    store.close().await;
    print_created(&format!("tokens/{id}"), &secret, output, args.server.json)
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
    store.close().await;
    print_tokens(json, &tokens.iter().map(token_message).collect::<Vec<_>>())
}

async fn get(args: TokenNameArgs) -> Result<(), Failure> {
    let id = id_of(&args.name)?;
    let store = usable_store(&Config::of(&args.server.config)?).await?;
    let token = store.token(id).await.map_err(failed)?;
    store.close().await;
    let token = token.ok_or_else(|| Failure::failed(format!("tokens/{id} does not exist")))?;
    print_token(args.server.json, &token_message(&token))
}

async fn revoke(args: TokenNameArgs) -> Result<(), Failure> {
    let id = id_of(&args.name)?;
    let store = usable_store(&Config::of(&args.server.config)?).await?;
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
