//! The verbs that ask a running sandbox, over its control API.

use std::time::Duration;

use reqwest::{Client, Method, Url};
use serde_json::{Map, Value, json};

use crate::cli::sandbox::{
    At, ClockArgs, CustomerArgs, CustomerVerb, FaultArgs, FaultVerb, ListArgs, SandboxCommand, StandingArgs,
    TemplateArgs,
};
use crate::output;
use waypost_cli::Failure;

const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn run(command: SandboxCommand) -> Result<(), Failure> {
    match command {
        SandboxCommand::Fault(args) => fault(args).await,
        SandboxCommand::Customer(args) => customer(args).await,
        SandboxCommand::Accepted(args) => list(args, "accepted").await,
        SandboxCommand::Refused(args) => list(args, "refused").await,
        SandboxCommand::Template(args) => template(args).await,
        SandboxCommand::Standing(args) => standing(args).await,
        SandboxCommand::Clock(ClockArgs { at, hours }) => {
            let advance = json!({"advance_s": u64::from(hours) * 3_600});
            Sandbox::at(&at)?.print(Method::POST, &["clock"], Some(&advance)).await
        }
        SandboxCommand::State(at) => Sandbox::at(&at)?.print(Method::GET, &["state"], None).await,
    }
}

async fn fault(args: FaultArgs) -> Result<(), Failure> {
    let sandbox = Sandbox::at(&args.at)?;
    let mut fault = match args.kind {
        FaultVerb::Refuse { code, http_status, message, retry_after } => json!({
            "kind": "refuse", "code": code, "http_status": http_status, "message": message, "retry_after_s": retry_after,
        }),
        FaultVerb::FailLater { code } => json!({"kind": "fail_later", "code": code}),
        FaultVerb::Html { http_status } => json!({"kind": "html", "http_status": http_status}),
        FaultVerb::Reset { after_accept: true } => json!({"kind": "reset_after_accept"}),
        FaultVerb::Reset { after_accept: false } => json!({"kind": "reset_before_accept"}),
        FaultVerb::Slow { delay_ms } => json!({"kind": "slow", "delay_ms": delay_ms}),
        FaultVerb::BlackHole { after_accept } => json!({"kind": "black_hole", "accepted": after_accept}),
        FaultVerb::ExpireTokens => return sandbox.account(&json!({"expire_tokens": true})).await,
        FaultVerb::RestrictAccount { code } => return sandbox.account(&json!({"restriction": code})).await,
        FaultVerb::LiftRestriction => return sandbox.account(&json!({"restriction": 0})).await,
        FaultVerb::List => return sandbox.print(Method::GET, &["faults"], None).await,
        FaultVerb::Clear { id: None } => return sandbox.print(Method::DELETE, &["faults"], None).await,
        FaultVerb::Clear { id: Some(id) } => {
            return sandbox.print(Method::DELETE, &["faults", &id.to_string()], None).await;
        }
    };
    fault["phone_number_id"] = json!(args.phone_number_id);
    fault["customer"] = json!(args.customer);
    fault["times"] = json!(args.times);
    sandbox.print(Method::POST, &["faults"], Some(&fault)).await
}

async fn customer(args: CustomerArgs) -> Result<(), Failure> {
    let sandbox = Sandbox::at(&args.at)?;
    let number = args.phone_number_id;
    let (who, act) = match args.act {
        CustomerVerb::Add { number, name, user_id } => {
            let spec = json!({"phone": number, "name": name, "user_id": user_id});
            return sandbox.print(Method::POST, &["customers"], Some(&spec)).await;
        }
        CustomerVerb::List => return sandbox.print(Method::GET, &["customers"], None).await,
        CustomerVerb::Write { who, text } => (who, json!({"do": "write", "text": text, "phone_number_id": number})),
        CustomerVerb::Tap { who, label, id } => {
            let on = match (label, id) {
                (Some(label), _) => json!({"label": label}),
                (None, Some(id)) => json!({"id": id}),
                (None, None) => json!({"place": 0}),
            };
            (who, json!({"do": "tap", "on": on, "phone_number_id": number}))
        }
        CustomerVerb::Read { who } => (who, json!({"do": "read"})),
        CustomerVerb::Ignore { who } => (who, json!({"do": "reads", "at_once": false})),
        CustomerVerb::Answer { who, text } => (who, json!({"do": "answer", "text": text})),
        CustomerVerb::Block { who } => (who, json!({"do": "block"})),
        CustomerVerb::Unblock { who } => (who, json!({"do": "unblock"})),
        CustomerVerb::StopMarketing { who } => (who, json!({"do": "stop_marketing", "phone_number_id": number})),
        CustomerVerb::ResumeMarketing { who } => (who, json!({"do": "resume_marketing", "phone_number_id": number})),
        CustomerVerb::Offline { who } => (who, json!({"do": "offline"})),
        CustomerVerb::Online { who } => (who, json!({"do": "online"})),
    };
    sandbox.print(Method::POST, &["customers", &who], Some(&act)).await
}

async fn template(args: TemplateArgs) -> Result<(), Failure> {
    let decision = json!({"name": args.name, "language": args.language, "event": args.event, "reason": args.reason});
    Sandbox::at(&args.at)?.print(Method::POST, &["templates", "decide"], Some(&decision)).await
}

async fn standing(args: StandingArgs) -> Result<(), Failure> {
    let sandbox = Sandbox::at(&args.at)?;
    if args.fields.is_empty() {
        return sandbox.print(Method::GET, &["standing"], None).await;
    }
    let said: Map<String, Value> = args.fields.into_iter().collect();
    sandbox.print(Method::POST, &["standing"], Some(&Value::Object(said))).await
}

/// One line each, or whole.
async fn list(args: ListArgs, what: &str) -> Result<(), Failure> {
    let mut sandbox = Sandbox::at(&args.at)?;
    sandbox.query.push(("limit", args.limit.to_string()));
    sandbox.query.extend(args.customer.map(|customer| ("customer", customer)));
    let answer = sandbox.ask(Method::GET, &[what], None).await?;
    let entries = answer.get(what).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for entry in entries {
        if args.json {
            output::line(&entry.to_string())?;
            continue;
        }
        let text = |name: &str| entry.get(name).map_or_else(|| "-".to_owned(), plain);
        output::line(&match what {
            "accepted" => {
                let fate = entry.get("fails_with").filter(|code| !code.is_null());
                let fate = fate.map_or_else(String::new, |code| format!("   fails with {code}"));
                format!("{}   {} to {}   {}{fate}", text("at_ms"), text("kind"), text("customer"), text("wamid"))
            }
            _ => format!("{}   {} to {}   {}", text("at_ms"), text("code"), text("to"), text("details")),
        })?;
    }
    Ok(())
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A running one.
struct Sandbox {
    base: Url,
    client: Client,
    query: Vec<(&'static str, String)>,
}

impl Sandbox {
    fn at(at: &At) -> Result<Self, Failure> {
        let base = Url::parse(&at.sandbox).ok().filter(|url| !url.cannot_be_a_base());
        let base = base.ok_or_else(|| Failure::config("--sandbox: must be a URL, e.g. http://127.0.0.1:8490"))?;
        let client = Client::builder().timeout(TIMEOUT).no_proxy().build().map_err(Failure::failed)?;
        Ok(Self { base, client, query: Vec::new() })
    }

    async fn account(&self, change: &Value) -> Result<(), Failure> {
        self.print(Method::POST, &["account"], Some(change)).await
    }

    /// An answer that says nothing is not printed.
    async fn print(&self, method: Method, path: &[&str], body: Option<&Value>) -> Result<(), Failure> {
        let answer = self.ask(method, path, body).await?;
        if answer.as_object().is_some_and(Map::is_empty) {
            return Ok(());
        }
        output::line(&serde_json::to_string_pretty(&answer).map_err(Failure::failed)?)
    }

    async fn ask(&self, method: Method, path: &[&str], body: Option<&Value>) -> Result<Value, Failure> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("_sandbox").extend(path);
        }
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let unreachable = |_| {
            Failure::Unavailable(format!(
                "no sandbox at {}: `waypost sandbox` starts one; --sandbox names it",
                self.base
            ))
        };
        let response = self.client.request(method, url).body(body).send().await.map_err(unreachable)?;
        let is_success = response.status().is_success();
        let text = response.text().await.map_err(unreachable)?;
        let answer: Value =
            serde_json::from_str(&text).map_err(|_| Failure::failed("what answers there is no sandbox"))?;
        if is_success {
            return Ok(answer);
        }
        Err(Failure::failed(answer.get("error").map_or_else(|| answer.to_string(), plain)))
    }
}
