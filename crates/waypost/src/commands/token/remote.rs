//! The same over a running server, which asks for a token of the role operator.

use std::time::SystemTime;

use waypost_admin::Role;
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::token_service_client::TokenServiceClient;

use super::{id_of, print_created};
use crate::cli::{ServerArgs, TokenCommand, TokenCreateArgs};
use crate::commands::remote::{Server, connect, pages, print_list, print_one};
use crate::exit::Failure;
use crate::output;

type Client = TokenServiceClient<Server>;

pub(super) async fn run(server: &ServerArgs, command: TokenCommand) -> Result<(), Failure> {
    let client = TokenServiceClient::new(connect(server).await?);
    match command {
        TokenCommand::Create(args) => create(client, server.json, args).await,
        TokenCommand::List(_) => list(client, server.json).await,
        TokenCommand::Get(args) => get(client, server.json, &args.name).await,
        TokenCommand::Revoke(args) => revoke(client, &args.name).await,
    }
}

async fn create(mut client: Client, json: bool, args: TokenCreateArgs) -> Result<(), Failure> {
    let token = v1::Token {
        title: args.title,
        roles: args.role.into_iter().map(|role: Role| role.to_wire().into()).collect(),
        teams: args.team.iter().map(|team| format!("teams/{team}")).collect(),
        expire_time: args.expires.map(|lifetime| (SystemTime::now() + lifetime).into()),
        ..v1::Token::default()
    };
    let request = v1::CreateTokenRequest { token: Some(token), ..v1::CreateTokenRequest::default() };
    let made = client.create_token(request).await?.into_inner();
    print_created(&made.token.unwrap_or_default().name, &made.secret, json)
}

async fn list(client: Client, json: bool) -> Result<(), Failure> {
    let tokens = pages(usize::MAX, |page_size, page_token| {
        let mut client = client.clone();
        async move {
            let page = client.list_tokens(v1::ListTokensRequest { page_size, page_token }).await?.into_inner();
            Ok((page.tokens, page.next_page_token))
        }
    });
    let fields = ["name", "roles", "teams", "create_time", "expire_time", "revoke_time", "title"];
    print_list(json, &tokens.await?, &fields)
}

async fn get(mut client: Client, json: bool, name: &str) -> Result<(), Failure> {
    let request = v1::GetTokenRequest { name: format!("tokens/{}", id_of(name)?) };
    let token = client.get_token(request).await?.into_inner().token;
    print_one(json, &token.unwrap_or_default())
}

async fn revoke(mut client: Client, name: &str) -> Result<(), Failure> {
    let name = format!("tokens/{}", id_of(name)?);
    let request = v1::RevokeTokenRequest { name: name.clone(), ..v1::RevokeTokenRequest::default() };
    client.revoke_token(request).await?;
    output::line(&format!("{name} is revoked"))
}
