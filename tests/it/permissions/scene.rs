//! Servers on which nobody may do more than is printed, a deployment on them, and who runs what there.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, ensure};
use serde_json::Value;
use waypost_bus_rabbitmq::RabbitBus;
use waypost_tests::ports::free_port;
use waypost_tests::postgres::PostgresServer;
use waypost_tests::process::waypost;
use waypost_tests::rabbitmq::RabbitNode;
use waypost_tests::{WaypostProcess, WaypostSettings, eventually};

use super::{QUEUED_WITHIN, parse};
use crate::deployment::{Deployment, RULES, Servers};

const PASSWORD: &str = "secret";
/// Of a number that nobody writes to.
const SALES_NUMBER_ID: &str = "100000000000009";
/// The team whose user stands for those of all teams.
const TEAM: &str = "billing";
/// For a command that must not use the bus, or the store.
const NO_BUS: &str = "amqp://nobody:none@127.0.0.1:1/none";
const NO_STORE: &str = "postgres://nobody@127.0.0.1:1/none";
const CALENDAR: &str = "[[calendars]]\nname = \"office\"\nzone = \"Europe/Lisbon\"\nhours = []\n";

/// What `waypost topology definitions --users` prints: names, and what runs under them.
pub(super) struct Table(Vec<Row>);

#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    bus_user: Option<String>,
    store_role: Option<String>,
    verbs: Vec<String>,
    /// It asks a running administration.
    is_remote: bool,
    pub(super) touches_nothing: bool,
}

impl Table {
    fn read(printed: &str) -> Self {
        let lines = printed.lines().filter_map(|line| line.strip_prefix('#'));
        let rows = lines.filter_map(|line| {
            let cells: Vec<&str> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
            let [bus_user, store_role, runs] = cells[..] else { return None };
            let (verbs, note) = runs.split_once(" (").unwrap_or((runs, ""));
            let name = |cell: &str| (cell != "-").then(|| cell.replace("TEAM", TEAM));
            Some(Row {
                bus_user: name(bus_user),
                store_role: name(store_role),
                verbs: verbs.split(", ").map(str::to_owned).collect(),
                is_remote: note.starts_with("they ask"),
                touches_nothing: note.starts_with("no server"),
            })
        });
        Self(rows.collect())
    }

    /// The row that says most of this verb and its arguments.
    pub(super) fn row_of(&self, words: &str) -> Option<Row> {
        let says = |verb: &&String| words == verb.as_str() || words.starts_with(&format!("{verb} "));
        let best = |row: &Row| row.verbs.iter().filter(says).map(String::len).max();
        self.0.iter().filter(|row| best(row).is_some()).max_by_key(|row| best(row)).cloned()
    }
}

pub(super) struct Scene {
    pub(super) deployment: Deployment,
    pub(super) table: Table,
    /// Every command that was run, without what the test adds.
    pub(super) ran: Vec<String>,
    server: String,
    token_file: PathBuf,
    postgres: PostgresServer,
    _node: RabbitNode,
}

impl Scene {
    /// Servers with the printed users, roles, queues and rights, and nothing else.
    pub(super) async fn prepare() -> anyhow::Result<Self> {
        let node = tokio::task::spawn_blocking(RabbitNode::start).await??;
        let postgres = tokio::task::spawn_blocking(PostgresServer::start).await??;
        let servers = Servers::new_on(node.handle(), postgres.create_database()?)?;
        let address = format!("127.0.0.1:{}", free_port());
        let deployment = Deployment::on(servers, &format!("{RULES}\n{CALENDAR}"))?
            .without_rules_file()?
            .set("grpc.listen", &address)
            // Naming is a right that more than one component needs.
            .set("numbers.sales", SALES_NUMBER_ID)
            // The janitor's rights are needed too.
            .set("retention.every_s", "1");
        let token_file = deployment.folder.path().join("token");
        let (server, table, ran) = (format!("http://{address}"), Table(Vec::new()), Vec::new());
        let mut scene = Self { deployment, table, ran, server, token_file, postgres, _node: node };
        let database = scene.database()?;
        // Nobody has a right because everybody has it.
        scene
            .sql(&format!("REVOKE ALL ON DATABASE {database} FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC"))?;
        scene.grant()?;
        scene.table = Table::read(&scene.as_administrator(&["--users"])?);
        scene.run_ok(&["migrate"])?;
        scene.grant()?;
        scene.make_users()?;
        scene.import_definitions()?;
        Ok(scene)
    }

    fn servers(&self) -> anyhow::Result<&Servers> {
        self.deployment.servers().context("servers")
    }

    fn database(&self) -> anyhow::Result<String> {
        let url = &self.servers()?.postgres_url;
        Ok(url.rsplit('/').next().context("a database")?.to_owned())
    }

    fn sql(&self, statements: &str) -> anyhow::Result<String> {
        self.postgres.handle().sql_on(&self.servers()?.postgres_url, statements)
    }

    fn grant(&mut self) -> anyhow::Result<()> {
        let printed = waypost()?.args(["store", "grants", "--database", &self.database()?]).output()?;
        ensure!(printed.status.success(), "{printed:?}");
        self.ran.push("store grants".to_owned());
        self.sql(&String::from_utf8(printed.stdout)?).map(drop)
    }

    /// For who asks before rules are active.
    fn rules_file(&self) -> String {
        format!("rules.file={}", self.file("rules.toml"))
    }

    /// `topology definitions`, by whoever sets up the servers, before rules are active.
    fn as_administrator(&self, words: &[&str]) -> anyhow::Result<String> {
        let rules = self.rules_file();
        let words = [&["topology", "definitions", "--set", &rules], words].concat();
        let printed = self.deployment.command(&words)?.output()?;
        ensure!(printed.status.success(), "{printed:?}");
        Ok(String::from_utf8(printed.stdout)?)
    }

    /// As the printed commands say, with a password.
    fn make_users(&mut self) -> anyhow::Result<()> {
        let printed = self.run_ok(&["topology", "definitions", "--users", "--set", &self.rules_file()])?;
        let users = printed.lines().filter_map(|line| line.strip_prefix("rabbitmqctl add_user "));
        for user in users {
            self.servers()?.node.ctl(&["add_user", user, PASSWORD])?;
        }
        Ok(())
    }

    pub(super) fn import_definitions(&self) -> anyhow::Result<()> {
        let file = self.file("definitions.json");
        std::fs::write(&file, self.as_administrator(&[])?)?;
        self.servers()?.node.ctl(&["import_definitions", &file]).map(drop)
    }

    pub(super) fn file(&self, name: &str) -> String {
        self.deployment.folder.path().join(name).display().to_string()
    }

    /// rabbitmqctl, on the deployment's virtual host.
    pub(super) fn ctl(&self, words: &[&str]) -> anyhow::Result<String> {
        self.servers()?.ctl(words)
    }

    /// The administrator's connection.
    pub(super) async fn bus(&self) -> anyhow::Result<Arc<RabbitBus>> {
        self.servers()?.bus().await
    }

    /// What is parked, once it is so many.
    pub(super) async fn parked(&mut self, place: &str, count: usize) -> anyhow::Result<Value> {
        let is_so_many = |letters: &Value| letters.as_array().is_some_and(|all| all.len() == count);
        let words = ["dead-letters", "list", "--from", place];
        let look = async || self.json(&words).ok().filter(is_so_many);
        Ok(eventually(&format!("{count} are parked: {place}"), QUEUED_WITHIN, look).await)
    }

    /// The configuration that the table means for these words.
    fn variables(&self, words: &str) -> anyhow::Result<Vec<(&'static str, String)>> {
        let row = self.table.row_of(words).with_context(|| format!("{words} has no row"))?;
        let servers = self.servers()?;
        let bus = row.bus_user.map(|user| servers.node.amqp_url_of(&user, PASSWORD, &servers.vhost));
        let store = row.store_role.map(|role| servers.postgres_url.replacen("postgres@", &format!("{role}@"), 1));
        Ok(vec![
            ("WAYPOST__BUS__URL", bus.unwrap_or_else(|| NO_BUS.to_owned())),
            ("WAYPOST__STORE__URL", store.unwrap_or_else(|| NO_STORE.to_owned())),
            ("WAYPOST__STORE__MIGRATE", "false".to_owned()),
        ])
    }

    /// One component, in a process of its own, under its names.
    pub(super) async fn start(&mut self, component: &str) -> anyhow::Result<WaypostProcess> {
        let words = format!("run --component {component}");
        let variables = self.variables(&words)?;
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.ran.push(words);
        self.deployment.start_component(component, component, &variables).await
    }

    /// All components in one process.
    pub(super) async fn start_all(&mut self) -> anyhow::Result<WaypostProcess> {
        let variables = self.variables("run")?.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.ran.push("run".to_owned());
        WaypostProcess::start(&WaypostSettings { variables, ..self.deployment.process_settings() }).await
    }

    fn command(&self, words: &[&str]) -> anyhow::Result<Command> {
        let all = words.join(" ");
        let row = self.table.row_of(&all).with_context(|| format!("{all} has no row"))?;
        if row.is_remote {
            let mut command = waypost()?;
            command.args(words).args(["--server", &self.server, "--token-file"]).arg(&self.token_file);
            return Ok(command);
        }
        let mut command = self.deployment.command(words)?;
        command.envs(self.variables(&all)?);
        Ok(command)
    }

    /// Runs it, which must end with this code; gives what it printed, and said besides.
    pub(super) fn run(&mut self, words: &[&str], code: i32) -> anyhow::Result<String> {
        let output = self.command(words)?.output()?;
        let (told, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.code() == Some(code), "{words:?}: {}, not {code}: {told}{said}", output.status);
        for denied in ["permission denied", "ACCESS_REFUSED"] {
            ensure!(!said.contains(denied), "{words:?}: {said}");
        }
        self.ran.push(words.join(" "));
        Ok(if code == 0 { told.into_owned() } else { format!("{told}{said}") })
    }

    pub(super) fn run_ok(&mut self, words: &[&str]) -> anyhow::Result<String> {
        self.run(words, 0)
    }

    /// However it ends, as long as nothing was denied.
    pub(super) fn attempt(&mut self, words: &[&str]) -> anyhow::Result<()> {
        let output = self.command(words)?.output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        let is_denied = ["permission denied", "ACCESS_REFUSED"].iter().any(|denied| said.contains(denied));
        ensure!(!is_denied, "{words:?}: {said}");
        self.ran.push(words.join(" "));
        Ok(())
    }

    pub(super) fn json(&mut self, words: &[&str]) -> anyhow::Result<Value> {
        parse(&self.run_ok(&[words, &["--json"]].concat())?)
    }

    /// One that may do everything, for the verbs that ask the administration.
    pub(super) fn make_token(&mut self) -> anyhow::Result<()> {
        let roles = ["viewer", "editor", "publisher", "compliance", "operator"];
        let roles: Vec<&str> = roles.into_iter().flat_map(|role| ["--role", role]).collect();
        let secret = self.run_ok(&[&["token", "create"], &roles[..]].concat())?;
        Ok(std::fs::write(&self.token_file, secret)?)
    }

    /// The processes have met no right that they lack, but for the one that the test took from them.
    pub(super) async fn nothing_was_denied(&self) -> anyhow::Result<()> {
        for record in self.deployment.said().await? {
            let denied = record.text.lines().find(|line| line.contains("permission denied for"));
            ensure!(denied.is_none(), "{}: {denied:?}", record.source);
            // lapin tells of every channel that ends a question of ours: whether a queue may be declared.
            let ours = record.text.lines().filter(|line| !line.contains("lapin::"));
            let refused: Vec<&str> = ours.filter(|line| line.contains("ACCESS_REFUSED")).collect();
            let is_known = refused.iter().all(|line| line.contains("'wa.teams'") && line.contains("'waypost-admin'"));
            ensure!(is_known, "{}: {refused:?}", record.source);
        }
        Ok(())
    }
}
