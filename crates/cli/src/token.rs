//! `waypost token`: the tokens of the administration. Here are its arguments, and its run over a server; the run on a store
//! is the binary's.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use serde_json::json;
use uuid::Uuid;
use waypost_domain::TeamName;
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::token_service_client::TokenServiceClient;

use crate::failure::Failure;
use crate::output;
use crate::secret_file::SecretFile;
use crate::server::{ServerArgs, connect, pages, print_list, print_one};
use crate::times::span;

/// A token says who calls the administration (gRPC) and what they may do. With --server, these commands ask a running
/// server, as every other does, and need a token of the role operator. Otherwise they work on the store that the
/// configuration names, also while waypost runs; whoever can read the store's secret can use them: so the first token is
/// made. WAYPOST_SERVER names the server where no configuration is named.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Create a token and print it, once: only its hash is stored
    Create(TokenCreateArgs),
    /// List the tokens, without their secrets
    List(ServerArgs),
    /// Show one token, without its secret
    Get(TokenNameArgs),
    /// Make a token worthless, at once
    Revoke(TokenNameArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost token create --config waypost.toml --role operator --title 'Kim, platform' --output token
  waypost token create --config waypost.toml --role agent --team billing --expires 90d
  waypost token create --server https://waypost.example.com:9465 --token-file token --role viewer

Roles: viewer (looks), editor (keeps customer data current), publisher (changes what is in force),
compliance (reads the audit log and customer data, keeps consent and policy), operator (runs the
system, sends), agent (sees what concerns the --team named, and sends there). They do not include
one another.")]
pub struct TokenCreateArgs {
    /// What it may do; may be given several times
    #[arg(long, value_name = "ROLE", required = true, value_parser = role_parser())]
    pub role: Vec<v1::Role>,
    /// The team that the role agent is bound to; may be given several times
    #[arg(long, value_name = "TEAM", value_parser = |name: &str| TeamName::new(name))]
    pub team: Vec<TeamName>,
    /// After this time it is worthless, e.g. 12h or 90d; never when left out
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub expires: Option<Duration>,
    /// What it is for, for people
    #[arg(long, default_value = "")]
    pub title: String,
    /// Write the secret to this new file, which you alone can read, instead of printing it
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub server: ServerArgs,
}

#[derive(Debug, Args)]
pub struct TokenNameArgs {
    /// Which, as `waypost token list` shows it: tokens/0192…
    pub name: String,
    #[command(flatten)]
    pub server: ServerArgs,
}

/// The roles, in the words that people use.
const ROLES: [(&str, v1::Role); 6] = [
    ("viewer", v1::Role::Viewer),
    ("editor", v1::Role::Editor),
    ("publisher", v1::Role::Publisher),
    ("compliance", v1::Role::Compliance),
    ("operator", v1::Role::Operator),
    ("agent", v1::Role::Agent),
];

impl TokenCommand {
    /// Where it is to work: a server, or the store.
    pub fn server(&self) -> &ServerArgs {
        match self {
            Self::Create(args) => &args.server,
            Self::List(server) => server,
            Self::Get(args) | Self::Revoke(args) => &args.server,
        }
    }
}

type Client = TokenServiceClient;

/// Over a server, which wants a token of the role operator.
pub async fn run(command: TokenCommand) -> Result<(), Failure> {
    let server = command.server();
    let (client, json) = (TokenServiceClient::new(connect(server).await?), server.json);
    match command {
        TokenCommand::Create(args) => create(client, json, args).await,
        TokenCommand::List(_) => list(client, json).await,
        TokenCommand::Get(args) => get(client, json, &args.name).await,
        TokenCommand::Revoke(args) => revoke(client, &args.name).await,
    }
}

async fn create(client: Client, json: bool, args: TokenCreateArgs) -> Result<(), Failure> {
    let output = args.output.as_deref().map(SecretFile::create).transpose()?;
    let token = v1::Token {
        title: args.title,
        roles: args.role.into_iter().map(i32::from).collect(),
        teams: args.team.iter().map(|team| format!("teams/{team}")).collect(),
        expire_time: args.expires.map(|lifetime| (SystemTime::now() + lifetime).into()),
        ..v1::Token::default()
    };
    let request = v1::CreateTokenRequest { token: Some(token), ..v1::CreateTokenRequest::default() };
    let made = client.create_token(request).await?.into_inner();
    print_created(&made.token.unwrap_or_default().name, &made.secret, output, json)
}

async fn list(client: Client, json: bool) -> Result<(), Failure> {
    let tokens = pages(usize::MAX, |page_size, page_token| {
        let client = client.clone();
        async move {
            let page = client.list_tokens(v1::ListTokensRequest { page_size, page_token }).await?.into_inner();
            Ok((page.tokens, page.next_page_token))
        }
    });
    print_tokens(json, &tokens.await?)
}

async fn get(client: Client, json: bool, name: &str) -> Result<(), Failure> {
    let request = v1::GetTokenRequest { name: format!("tokens/{}", id_of(name)?) };
    let token = client.get_token(request).await?.into_inner().token;
    print_token(json, &token.unwrap_or_default())
}

async fn revoke(client: Client, name: &str) -> Result<(), Failure> {
    let name = format!("tokens/{}", id_of(name)?);
    let request = v1::RevokeTokenRequest { name: name.clone(), ..v1::RevokeTokenRequest::default() };
    client.revoke_token(request).await?;
    output::line(&format!("{name} is revoked"))
}

/// What `list` shows, wherever it was read.
pub fn print_tokens(json: bool, tokens: &[v1::Token]) -> Result<(), Failure> {
    print_list(json, tokens, &["name", "roles", "teams", "create_time", "expire_time", "revoke_time", "title"])
}

/// What `get` shows, wherever it was read.
pub fn print_token(json: bool, token: &v1::Token) -> Result<(), Failure> {
    print_one(json, token)
}

/// The secret goes into its file, or alone to standard output.
pub fn print_created(name: &str, secret: &str, file: Option<SecretFile>, json: bool) -> Result<(), Failure> {
    if let Some(mut file) = file {
        let path = file.path().display().to_string();
        file.keep(secret).map_err(|error| {
            Failure::failed(format!("{path}: {error}; {name} was created, and nobody has its secret: revoke it"))
        })?;
        if json {
            return output::line(&json!({ "name": name, "file": path }).to_string());
        }
        return output::line(&format!("{name} was created; its secret is in {path}"));
    }
    if json {
        return output::line(&json!({ "name": name, "secret": secret }).to_string());
    }
    output::note(&format!("{name} was created; this is its secret, shown only now:"));
    output::line(secret)
}

/// The id of a token that is given with its collection or without.
pub fn id_of(name: &str) -> Result<Uuid, Failure> {
    let id = name.strip_prefix("tokens/").unwrap_or(name);
    Uuid::try_parse(id).map_err(|_| Failure::config(format!("{name}: expected tokens/ID")))
}

fn role_parser() -> impl TypedValueParser<Value = v1::Role> {
    PossibleValuesParser::new(ROLES.map(|(word, _)| word)).map(|word| {
        let role = ROLES.iter().find(|(known, _)| *known == word);
        role.map_or(v1::Role::Unspecified, |(_, role)| *role)
    })
}
