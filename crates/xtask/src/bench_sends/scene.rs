//! What is there before anything is measured: customers who agreed, a template, requests; and the components' processes.

use std::net::SocketAddr;
use std::process::Stdio;

use anyhow::ensure;
use tokio::process::{Child, Command};
use uuid::Uuid;
use waypost_domain::consent::{Basis, ConsentEntry, Evidence, How, Said};
use waypost_domain::send::{Author, Cause, SendContent, SendId, SendRequest, TemplateRequest, Values};
use waypost_domain::team::Priority;
use waypost_domain::template::{Layout, ParameterFormat, Quality, TemplateStatus};
use waypost_domain::{
    AliasSet, Category, ConsentEntryId, ContactId, NumberName, PhoneNumberId, Template, Timestamp, WabaId,
};
use waypost_store::{NewSend, Store, StoreOptions, StoreUrl, TemplateRow};
use waypost_tests::ports::free_port;

use super::{Bench, BenchSendsArgs, NUMBER_ID, SECRET, Servers, TOKEN, WABA};
use crate::steps::root;

const NUMBER: &str = "support";
const TEMPLATE: &str = "hello_world";
/// What is stored in one transaction.
const INTAKE: usize = 500;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

impl Bench {
    pub(super) async fn set_up(args: BenchSendsArgs, servers: Servers) -> anyhow::Result<Self> {
        let binary = std::env::current_exe()?.with_file_name("waypost");
        let folder = tempfile::tempdir()?;
        let address = || SocketAddr::from(([127, 0, 0, 1], free_port()));
        let (sandbox, ingress) = (address(), address());
        std::fs::write(folder.path().join("token"), TOKEN)?;
        let database = servers.database.create_database()?;
        let broker = servers.broker.amqp_url(&servers.broker.create_vhost()?);
        let rules = root().join("deploy/rules.toml");
        for (name, rate) in [("fast", 0.0), ("paced", 80.0)] {
            let text = format!(
                "[bus]\nurl = {broker:?}\n[store]\nurl = {database:?}\nmigrate = true\n[ingress]\nlisten = \"{ingress}\"\n\
                 app_secrets = [{SECRET:?}]\nverify_token = \"t\"\n[rules]\nfile = {rules:?}\n\
                 [graph]\nbase_url = \"http://{sandbox}\"\ntoken_file = {:?}\n\
                 [sender]\nrate_per_second = {rate:?}\npair_pace = false\n[log]\nlevel = \"warn\"\n",
                folder.path().join("token"),
            );
            std::fs::write(folder.path().join(format!("{name}.toml")), text)?;
        }
        let store = Store::open(&StoreUrl::parse(&database)?, StoreOptions::default()).await?;
        let http = waypost_tests::webhook::http_client()?;
        let customers = Vec::new();
        let mut bench = Self {
            args,
            servers,
            binary,
            folder,
            database,
            store,
            customers,
            sandbox,
            ingress,
            http,
            sandbox_process: None,
        };
        for arguments in [&["migrate"][..], &["topology", "declare"]] {
            let done = bench.waypost("fast", arguments).stdout(Stdio::null()).status().await?;
            ensure!(done.success(), "{arguments:?} failed: {done}");
        }
        bench.say("customers, consent and a template");
        bench.fill().await?;
        Ok(bench)
    }

    fn waypost(&self, config: &str, arguments: &[&str]) -> Command {
        let file = self.folder.path().join(format!("{config}.toml"));
        let mut command = Command::new(&self.binary);
        command.args(arguments).arg("--config").arg(file).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// The first address is the operators'.
    pub(super) fn component(&self, config: &str, name: &str) -> anyhow::Result<(Child, SocketAddr)> {
        let ops = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut command = self.waypost(config, &["run", "--component", name]);
        command.arg("--set").arg(format!("ops.listen={ops}"));
        Ok((command.spawn()?, ops))
    }

    async fn fill(&mut self) -> anyhow::Result<()> {
        let store = &self.store;
        let number = NumberName::new(NUMBER)?;
        store.name_numbers(&[(number, PhoneNumberId::new(NUMBER_ID))]).await?;
        store.ensure_number(&PhoneNumberId::new(NUMBER_ID), "+1 555 078 3881", &WabaId::new(WABA)).await?;
        store.tell_tier("business", "TIER_UNLIMITED", store.now().await?).await?;
        let template = Template {
            name: TEMPLATE.to_owned(),
            language: "en_US".to_owned(),
            status: TemplateStatus::Approved,
            category: Category::Utility,
            announced_category: None,
            parameter_format: ParameterFormat::Positional,
            quality: Quality::Green,
            ttl_s: None,
            paused_until: None,
            layout: Layout { body: "Welcome and congratulations!!".to_owned(), ..Layout::default() },
            cards: vec![],
            has_offer_end: false,
        };
        let now = store.now().await?;
        let row = TemplateRow { waba: WabaId::new(WABA), meta_id: String::new(), template, updated_at: now };
        store.keep_templates(&[row]).await?;
        let mut entries = Vec::new();
        for n in 0..self.args.customers {
            let phone = format!("49301{n:07}");
            let aliases = AliasSet { phone: Some(phone), ..AliasSet::default() };
            let contact = store.upsert_contact(&aliases, &Default::default(), None).await?;
            entries.push(grant(contact, now));
            self.customers.push(contact);
        }
        for some in entries.chunks(INTAKE) {
            let mut change = store.begin_change().await?;
            change.append_consent(some).await?;
            change.commit(&[]).await?;
        }
        Ok(())
    }

    /// Stores so many requests, as a gateway does.
    pub(super) async fn ask(&self, name: &str, count: usize, priority: Priority) -> anyhow::Result<()> {
        let now = self.store.now().await?;
        let all: Vec<usize> = (0..count).collect();
        for some in all.chunks(INTAKE) {
            let sends: Vec<NewSend> = some
                .iter()
                .map(|n| self.request(&format!("{name}-{n}"), self.customers[n % self.customers.len()], priority, now))
                .collect::<anyhow::Result<_>>()?;
            self.store.keep_sends(&sends).await?;
        }
        Ok(())
    }

    pub(super) fn request(
        &self,
        id: &str,
        contact: ContactId,
        priority: Priority,
        now: Timestamp,
    ) -> anyhow::Result<NewSend> {
        let template = TemplateRequest {
            name: TEMPLATE.to_owned(),
            language: Some("en_US".to_owned()),
            language_fallback: None,
            values: Values::default(),
        };
        let request = SendRequest {
            priority,
            ..SendRequest::plain(
                SendId::new(id)?,
                NumberName::new(NUMBER)?,
                contact,
                Author::Agent("bench".to_owned()),
                Cause::Event(id.to_owned()),
                SendContent::Template(template),
                now,
            )
        };
        Ok(NewSend { request, ends_at: now.plus_millis(DAY_MS), resend_of: None, team: None })
    }
}

fn grant(contact: ContactId, now: Timestamp) -> ConsentEntry {
    ConsentEntry {
        id: ConsentEntryId::from_uuid(Uuid::now_v7()),
        contact,
        brand: String::new(),
        category: None,
        said: Said::Granted(Basis::Consent),
        at: Some(now),
        recorded_at: now,
        how: How::Import,
        source: None,
        recorded_by: "bench".to_owned(),
        evidence: Evidence::default(),
    }
}
