//! The same over AMQP, as teams' tools do it: who they are is the broker's word, and an answer comes where they wait for one.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use futures_util::StreamExt;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use serde_json::{Value, json};
use waypost_tests::eventually;
use waypost_tests::postgres::PostgresServer;
use waypost_tests::proxy::FaultProxy;

use super::super::{CUSTOMERS, Scene, WITHIN};
use super::{TEAM, parked, request};
use crate::deployment::{Backend, Deployment, RULES, Servers};

const PASSWORD: &str = "secret";
/// By which RabbitMQ sends answers to the channel that asks, without a queue.
const DIRECT: &str = "amq.rabbitmq.reply-to";

/// A team's tool, under its team's user.
pub(crate) struct Tool {
    connection: Connection,
    channel: Channel,
    answers: lapin::Consumer,
    user: String,
}

impl Tool {
    /// Under a user of the team's who is made here.
    pub(crate) async fn of_new_user(deployment: &Deployment, team: &str) -> anyhow::Result<Self> {
        let servers = deployment.servers().context("servers")?;
        let user = format!("team-{team}");
        let users = servers.node.ctl(&["list_users"])?;
        if !users.lines().any(|line| line.split_whitespace().next() == Some(&*user)) {
            // Another test may be making it at this moment: then it is there for the permissions.
            servers.node.ctl(&["add_user", &user, PASSWORD]).ok();
        }
        servers.ctl(&["set_permissions", &user, "^$", r"^wa\.send$", &format!(r"^team\.{team}\.")])?;
        Self::connect(deployment, team).await
    }

    /// Under the team's user, with the permissions that it has.
    pub(crate) async fn connect(deployment: &Deployment, team: &str) -> anyhow::Result<Self> {
        let servers = deployment.servers().context("servers")?;
        let user = format!("team-{team}");
        let url = servers.node.amqp_url_of(&user, PASSWORD, &servers.vhost);
        let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let answers = channel.basic_consume(DIRECT.into(), "".into(), options, FieldTable::default()).await?;
        Ok(Self { connection, channel, answers, user })
    }

    /// Under the name of its own user.
    pub(super) async fn ask(&self, key: &str, request: &Value, correlation: &str) -> anyhow::Result<()> {
        let named = BasicProperties::default().with_user_id(self.user.as_str().into());
        self.ask_as(named, key, request, correlation).await
    }

    async fn ask_as(
        &self,
        properties: BasicProperties,
        key: &str,
        request: &Value,
        correlation: &str,
    ) -> anyhow::Result<()> {
        let properties = properties
            .with_delivery_mode(2)
            .with_reply_to(DIRECT.into())
            .with_correlation_id(ShortString::try_new(correlation)?);
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let body = request.to_string();
        let published = self.channel.basic_publish("wa.send".into(), key.into(), options, body.as_bytes(), properties);
        match published.await?.await? {
            Confirmation::Ack(None) => Ok(()),
            other => bail!("{other:?}"),
        }
    }

    /// The next answer, and which request it is to.
    async fn answer(&mut self) -> anyhow::Result<(String, Value)> {
        let next = tokio::time::timeout(WITHIN, self.answers.next()).await.context("no answer")?;
        let delivery = next.context("the channel is over")??;
        let correlation = delivery.properties.correlation_id().as_ref().context("it is known by nothing")?.to_string();
        Ok((correlation, serde_json::from_slice(&delivery.data)?))
    }

    /// What the request is answered, which must be to it.
    pub(crate) async fn answered(&mut self, request: &Value, correlation: &str) -> anyhow::Result<Value> {
        self.ask("normal", request, correlation).await?;
        let (named, answer) = self.answer().await?;
        ensure!(named == correlation, "{named}, not {correlation}: {answer}");
        Ok(answer)
    }

    pub(crate) async fn end(self) -> anyhow::Result<()> {
        Ok(self.connection.close(200, "OK".into()).await?)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_team_is_answered_and_speaks_for_itself_alone() -> anyhow::Result<()> {
    let scene = Scene::on(Deployment::new(Backend::Servers, RULES)?).await?;
    let _process = scene.start(&[]).await?;
    scene.both_write().await?;
    let mut tool = Tool::of_new_user(&scene.deployment, TEAM).await?;
    let one = request("one", CUSTOMERS[0]);
    ensure!(tool.answered(&one, "1").await? == json!({"send_id": "one", "state": "queued"}), "the first");
    let message = scene.until("one", "MESSAGE_STATE_READ").await?;
    ensure!(message["author"]["name"] == "users/team-frontdesk", "{message}");
    ensure!(tool.answered(&one, "2").await? == json!({"send_id": "one", "state": "read"}), "the same once more");
    ensure!(scene.taken()? == BTreeMap::from([("one".to_owned(), 1)]), "{:?}", scene.taken()?);
    let bad = tool.answered(&json!({"send_id": "bad"}), "3").await?;
    ensure!(bad["send_id"] == "bad" && bad["error"]["field"] == "number", "{bad}");

    // Another team's conversation.
    let mut other = Tool::of_new_user(&scene.deployment, "billing").await?;
    let refused = other.answered(&request("theirs", CUSTOMERS[0]), "4").await?;
    ensure!(refused["error"]["reason"] == "NO_CONVERSATION", "{refused}");
    // A header is nobody's word but the writer's.
    let mut headers = FieldTable::default();
    headers.insert("wp-user".into(), AMQPValue::LongString("team-frontdesk".into()));
    let forged = BasicProperties::default().with_headers(headers);
    other.ask_as(forged, "urgent", &request("forged", CUSTOMERS[0]), "5").await?;
    let (_, refused) = other.answer().await?;
    ensure!(refused["error"]["field"] == "user-id", "{refused}");
    let letters = parked(&scene)?;
    let fields: Vec<&str> = letters.iter().filter_map(|letter| letter["detail"].as_str()?.split(':').next()).collect();
    ensure!(["number", "conversation", "user-id"].iter().all(|field| fields.contains(field)), "{letters:?}");
    // The name of another user the broker itself refuses.
    let named = BasicProperties::default().with_user_id("team-frontdesk".into());
    let refused = other.ask_as(named, "normal", &request("theirs", CUSTOMERS[0]), "6").await;
    ensure!(refused.is_err() && !other.channel.status().connected(), "it must be refused");
    ensure!(scene.taken()?.len() == 1, "{:?}", scene.taken()?);
    tool.end().await
}

/// Nothing of that is the request's fault.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_waits_for_a_database_that_is_away() -> anyhow::Result<()> {
    let postgres = tokio::task::spawn_blocking(PostgresServer::start).await??;
    let url = postgres.create_database()?;
    let proxy = FaultProxy::start(([127, 0, 0, 1], postgres.port()).into()).await?;
    let through = url.replacen(&format!(":{}/", postgres.port()), &format!(":{}/", proxy.port()), 1);
    let deployment = Deployment::on(Servers::beside(url)?, RULES)?.set("store.url", &through);
    // The leases last longer than the database is away.
    let deployment = deployment.set("worker.lease_ttl_ms", "30000");
    let scene = Scene::on(deployment).await?;
    let _process = scene.start(&[]).await?;
    scene.both_write().await?;
    let mut tool = Tool::of_new_user(&scene.deployment, TEAM).await?;
    proxy.refuse(true);
    proxy.cut();
    tool.ask("urgent", &request("one", CUSTOMERS[0]), "1").await?;
    let tried_again = async || {
        let page = reqwest::get(scene.deployment.admin_url("/metrics")).await.ok()?.text().await.ok()?;
        let line =
            page.lines().find(|line| line.contains("worker_retried_total") && line.contains("gateway-requests"))?;
        line.ends_with(" 0").eq(&false).then_some(())
    };
    eventually("it is tried again", WITHIN, tried_again).await;
    proxy.heal();
    let (_, answer) = tool.answer().await?;
    ensure!(answer == json!({"send_id": "one", "state": "queued"}), "{answer}");
    scene.until("one", "MESSAGE_STATE_READ").await?;
    ensure!(parked(&scene)?.is_empty(), "{:?}", parked(&scene)?);
    Ok(())
}
