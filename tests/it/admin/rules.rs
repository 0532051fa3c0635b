//! Rules as data: a whole version as a document, and its rules one by one. Each change is a new version.

use prost_types::FieldMask;
use tonic::{Code, Status};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::create_rule_set_request::Rules;
use waypost_proto::admin_v1::rule_service_client::RuleServiceClient;
use waypost_proto::admin_v1::rule_set_service_client::RuleSetServiceClient;
use waypost_proto::rules_v1;
use waypost_proto::rules_v1::outcome::Target;

use super::server::{AdminServer, Caller, told};
use super::terminal::Terminal;

pub(super) const RULES: &str = waypost_tests::two_teams!(
    r#"
# This note is lost with the first change.
[[calendars]]
name = "office"
zone = "Europe/Madrid"
hours = [{ days = "mon-fri", from = "09:00", to = "17:00" }]
holidays = [{ date = 2026-12-25, name = "Christmas", hours = [{ from = "09:00", to = "12:00" }] }]

[[rules]]
id = "invoices"
priority = 5
team = "billing"
tags = ["money"]
when = { keyword = ["invoice"] }

[[rules]]
id = "night"
phase = "default"
team = "frontdesk"
when = { closed = "office" }
"#
);

pub(super) fn rule_sets(caller: &Caller) -> RuleSetServiceClient {
    RuleSetServiceClient::new(caller.clone())
}

fn rules(caller: &Caller) -> RuleServiceClient {
    RuleServiceClient::new(caller.clone())
}

/// Keeps a text as a version and gives its name.
pub(super) async fn push(caller: &Caller, text: &str) -> anyhow::Result<String> {
    let request = v1::CreateRuleSetRequest { rules: Some(Rules::Text(text.to_owned())), ..Default::default() };
    Ok(rule_sets(caller).create_rule_set(request).await?.into_inner().rule_set.unwrap_or_default().name)
}

pub(super) async fn version(caller: &Caller, name: &str, view: v1::RuleSetView) -> Result<v1::RuleSet, Status> {
    let request = v1::GetRuleSetRequest { name: name.to_owned(), view: view.into() };
    Ok(rule_sets(caller).get_rule_set(request).await?.into_inner().rule_set.unwrap_or_default())
}

pub(super) async fn versions(caller: &Caller) -> Result<usize, Status> {
    Ok(rule_sets(caller).list_rule_sets(v1::ListRuleSetsRequest::default()).await?.into_inner().rule_sets.len())
}

async fn get(caller: &Caller, name: &str) -> Result<v1::Rule, Status> {
    let request = v1::GetRuleRequest { name: name.to_owned() };
    Ok(rules(caller).get_rule(request).await?.into_inner().rule.unwrap_or_default())
}

fn update(rule: v1::Rule, paths: &[&str]) -> v1::UpdateRuleRequest {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    v1::UpdateRuleRequest { rule: Some(rule), update_mask: Some(FieldMask { paths }), ..Default::default() }
}

#[tokio::test]
async fn a_version_goes_out_as_a_document_and_comes_back_as_itself() -> anyhow::Result<()> {
    let server = AdminServer::start_without_rules().await?;
    let editor = server.caller("editor").await?;
    let name = push(&editor, RULES).await?;
    let plain = version(&editor, &name, v1::RuleSetView::Unspecified).await?;
    assert_eq!((plain.text.as_str(), plain.document), (RULES, None));
    let basic = version(&editor, &name, v1::RuleSetView::Basic).await?;
    assert_eq!((basic.text.as_str(), basic.document), ("", None));
    let full = version(&editor, &name, v1::RuleSetView::Full).await?;
    assert_eq!(full.text, RULES);
    let document = full.document.unwrap_or_default();

    let create = |document: rules_v1::RuleSetDocument| v1::CreateRuleSetRequest {
        rules: Some(Rules::Document(document)),
        ..Default::default()
    };
    let client = rule_sets(&editor);
    let same = client.create_rule_set(create(document.clone())).await?.into_inner().rule_set.unwrap_or_default();
    assert_eq!((&same.name, &same.version), (&name, &full.version), "it says the same");

    let mut other = document.clone();
    let definition = other.definition.get_or_insert_default();
    definition.rules[0].priority = 6;
    let made = client.create_rule_set(create(other.clone())).await?.into_inner().rule_set.unwrap_or_default();
    let kept = version(&editor, &made.name, v1::RuleSetView::Full).await?;
    assert_eq!((made.name.as_str(), kept.document), ("ruleSets/2", Some(other)));
    assert!(kept.text.contains("priority = 6") && !kept.text.contains('#'), "{}", kept.text);

    // Every mistake is named, at its place in the request.
    let mut wrong = document;
    wrong.calendars[0].holidays[0].date = "Christmas".to_owned();
    let definition = wrong.definition.get_or_insert_default();
    definition.default_route = None;
    definition.rules[0].when[0].literals[0].atom = None;
    definition.rules[1].valid_from_ms = Some(i64::MAX);
    let refused = client.create_rule_set(create(wrong)).await.expect_err("wrong");
    assert_eq!(refused.code(), Code::InvalidArgument);
    let want = [
        "document.definition.default_route",
        "document.definition.rules[0].when[0].literals[0].atom",
        "document.definition.rules[1].valid_from_ms",
        "document.calendars[0].holidays[0].date",
    ];
    assert_eq!(told(&refused), want);
    let nothing = client.create_rule_set(v1::CreateRuleSetRequest::default()).await.expect_err("nothing");
    assert_eq!(told(&nothing), ["text"]);
    let request = v1::GetRuleSetRequest { name, view: 9 };
    assert_eq!(told(&client.get_rule_set(request).await.expect_err("no view")), ["view"]);
    assert_eq!(versions(&editor).await?, 2, "nothing else was kept");
    Ok(())
}

#[tokio::test]
async fn a_rule_is_created_changed_and_deleted_each_time_in_a_new_version() -> anyhow::Result<()> {
    let server = AdminServer::start_without_rules().await?;
    let editor = server.caller("editor").await?;
    let client = rules(&editor);
    let base = push(&editor, RULES).await?;
    let invoices = get(&editor, &format!("{base}/rules/invoices")).await?;

    let mut changed = invoices.clone();
    (changed.priority, changed.title) = (7, "Money".to_owned());
    changed.outcome.get_or_insert_default().tags.clear();
    changed.outcome.get_or_insert_default().target = Some(Target::Team("frontdesk".to_owned()));
    let request_id = "0192f0a0-0000-7000-8000-000000000010".to_owned();
    let request = v1::UpdateRuleRequest { request_id, ..update(changed.clone(), &["priority", "outcome.team"]) };
    let trial = v1::UpdateRuleRequest { validate_only: true, request_id: String::new(), ..request.clone() };
    let tried = client.update_rule(trial).await?.into_inner();
    let (tried_rule, tried_set) = (tried.rule.unwrap_or_default(), tried.rule_set.unwrap_or_default());
    assert_eq!((tried_rule.priority, tried_rule.name.as_str(), tried_set.name.as_str()), (7, "", ""));
    assert_eq!(versions(&editor).await?, 1, "only validated");

    let answer = client.update_rule(request.clone()).await?.into_inner();
    let again = client.update_rule(request).await?.into_inner();
    assert_eq!(answer, again, "carried out once");
    let (after, rule_set) = (answer.rule.unwrap_or_default(), answer.rule_set.unwrap_or_default());
    assert_eq!((after.name.as_str(), rule_set.name.as_str()), ("ruleSets/2/rules/invoices", "ruleSets/2"));
    assert_eq!((rule_set.version.as_str(), rule_set.text.as_str()), (tried_set.version.as_str(), ""));
    let outcome = after.outcome.clone().unwrap_or_default();
    assert_eq!((after.priority, after.title.as_str()), (7, ""), "only what the mask names");
    assert_eq!(outcome.target, Some(Target::Team("frontdesk".to_owned())));
    assert_eq!(outcome.tags, ["money"]);
    assert_eq!(get(&editor, &after.name).await?, after);
    assert_eq!(get(&editor, &invoices.name).await?, invoices, "the old version is as it was");

    let stale = v1::Rule { name: after.name.clone(), ..changed.clone() };
    let stale = client.update_rule(update(stale, &["*"])).await.expect_err("the etag is old");
    assert_eq!((stale.code(), told(&stale)), (Code::Aborted, vec!["ETAG_MISMATCH".to_owned()]));

    // What has errors is kept as a draft, and says which.
    let target = Some(Target::Team("nobody".to_owned()));
    let outcome = Some(rules_v1::Outcome { target, ..rules_v1::Outcome::default() });
    let rule = v1::Rule { outcome, when: invoices.when.clone(), ..v1::Rule::default() };
    let create = v1::CreateRuleRequest {
        parent: rule_set.name.clone(),
        rule_id: "a/b".to_owned(),
        rule: Some(rule),
        reason: "to see".to_owned(),
        ..Default::default()
    };
    let made = client.create_rule(create.clone()).await?.into_inner();
    assert_eq!(made.rule.unwrap_or_default().name, "ruleSets/3/rules/a/b");
    let errors: Vec<_> = made.findings.iter().map(|one| (one.severity(), one.rule.as_str())).collect();
    assert!(errors.contains(&(v1::Severity::Error, "a/b")), "{errors:?}");
    assert_eq!(made.rule_set.unwrap_or_default().reason, "to see");
    let twice = v1::CreateRuleRequest { parent: "ruleSets/3".to_owned(), ..create };
    assert_eq!(client.create_rule(twice).await.expect_err("it exists").code(), Code::AlreadyExists);

    let delete = v1::DeleteRuleRequest { name: "ruleSets/3/rules/a/b".to_owned(), ..Default::default() };
    let gone = client.delete_rule(delete.clone()).await?.into_inner();
    assert_eq!(gone.rule_set.unwrap_or_default().name, "ruleSets/2", "it says the same as before");
    let stale = v1::DeleteRuleRequest { etag: "old".to_owned(), ..delete };
    assert_eq!(client.delete_rule(stale).await.expect_err("etag").code(), Code::Aborted);

    let compliance = Terminal::new(&server, "compliance")?;
    let records = compliance.json(&["audit", "list", "--resource", "ruleSets/2/rules/invoices"])?;
    assert_eq!(records[0]["method"], "RuleService/UpdateRule");
    let before = records[0]["before"].as_str().unwrap_or_default();
    assert!(before.contains("ruleSets/1/rules/invoices"), "{records}");
    assert_eq!(compliance.json(&["audit", "verify"])?["valid"], true);
    Ok(())
}

#[tokio::test]
async fn rules_are_listed_by_page_phase_and_team() -> anyhow::Result<()> {
    let server = AdminServer::start_without_rules().await?;
    let editor = server.caller("editor").await?;
    let viewer = server.caller("viewer").await?;
    let parent = push(&editor, RULES).await?;
    let list = async |request: v1::ListRulesRequest| {
        let page = rules(&viewer).list_rules(v1::ListRulesRequest { parent: parent.clone(), ..request }).await?;
        let page = page.into_inner();
        let names: Vec<String> = page.rules.into_iter().map(|rule| rule.name).collect();
        Ok::<_, Status>((names, page.next_page_token))
    };
    let (invoices, night) = (format!("{parent}/rules/invoices"), format!("{parent}/rules/night"));
    let one = || v1::ListRulesRequest { page_size: 1, ..Default::default() };
    let (first, token) = list(one()).await?;
    assert_eq!(first, std::slice::from_ref(&invoices));
    let next = v1::ListRulesRequest { page_token: token.clone(), ..one() };
    assert_eq!(list(next.clone()).await?, (vec![night.clone()], String::new()));
    let phase = rules_v1::Phase::Default.into();
    assert_eq!(list(v1::ListRulesRequest { phase, ..Default::default() }).await?.0, [night]);
    let team = "teams/billing".to_owned();
    assert_eq!(list(v1::ListRulesRequest { team, ..Default::default() }).await?.0, [invoices]);

    let refused = |request| async { told(&list(request).await.expect_err("refused")) };
    assert_eq!(refused(v1::ListRulesRequest { phase, ..next }).await, ["page_token"], "of another question");
    assert_eq!(refused(v1::ListRulesRequest { page_token: "x".into(), ..Default::default() }).await, ["page_token"]);
    assert_eq!(refused(v1::ListRulesRequest { page_size: -1, ..Default::default() }).await, ["page_size"]);
    assert_eq!(refused(v1::ListRulesRequest { team: "billing".into(), ..Default::default() }).await, ["team"]);
    assert_eq!(refused(v1::ListRulesRequest { phase: 99, ..Default::default() }).await, ["phase"]);
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_with_a_rule_is_named_and_nothing_is_kept() -> anyhow::Result<()> {
    let server = AdminServer::start_without_rules().await?;
    let editor = server.caller("editor").await?;
    let client = rules(&editor);
    let base = push(&editor, RULES).await?;
    let named = |name: &str| v1::Rule { name: name.to_owned(), ..v1::Rule::default() };
    let invoices = named("ruleSets/1/rules/invoices");
    let person = Target::Person(rules_v1::Person { team: "billing".to_owned(), ..Default::default() });
    let outcome = |target| Some(rules_v1::Outcome { target: Some(target), ..Default::default() });
    let far = Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 });
    let twice = ["billing", "billing"].map(|team| rules_v1::Share { team: team.to_owned(), percent: 50 });
    let split = Target::Split(rules_v1::Split { shares: twice.to_vec() });
    let cases = [
        (v1::UpdateRuleRequest::default(), Code::InvalidArgument, vec!["rule"]),
        (update(named("rules/invoices"), &["*"]), Code::InvalidArgument, vec!["rule.name"]),
        (update(named("ruleSets/9/rules/x"), &["*"]), Code::NotFound, vec!["NOT_FOUND"]),
        (update(named("ruleSets/1/rules/x"), &["*"]), Code::NotFound, vec!["NOT_FOUND"]),
        (update(invoices.clone(), &[]), Code::InvalidArgument, vec!["update_mask"]),
        (update(invoices.clone(), &["priority", "etag"]), Code::InvalidArgument, vec!["update_mask"]),
        (update(invoices.clone(), &["outcome.nobody"]), Code::InvalidArgument, vec!["update_mask"]),
        (
            update(v1::Rule { phase: 99, valid_from: far, ..invoices.clone() }, &["*"]),
            Code::InvalidArgument,
            vec!["rule.phase", "rule.valid_from"],
        ),
        (
            update(v1::Rule { title: "x".repeat(201), ..invoices.clone() }, &["title"]),
            Code::InvalidArgument,
            vec!["rule.title"],
        ),
        (
            update(v1::Rule { outcome: outcome(person), ..invoices.clone() }, &["outcome.team"]),
            Code::InvalidArgument,
            vec!["rule.outcome.team"],
        ),
        // A split names each team once.
        (
            update(v1::Rule { outcome: outcome(split), ..invoices.clone() }, &["outcome"]),
            Code::InvalidArgument,
            vec!["rule.outcome.split.shares"],
        ),
        (
            v1::UpdateRuleRequest { request_id: "1".to_owned(), ..update(invoices.clone(), &["*"]) },
            Code::InvalidArgument,
            vec!["request_id"],
        ),
        (
            v1::UpdateRuleRequest { reason: "x".repeat(501), ..update(invoices, &["*"]) },
            Code::InvalidArgument,
            vec!["reason"],
        ),
    ];
    for (number, (request, code, fields)) in cases.into_iter().enumerate() {
        let refused = client.update_rule(request).await.expect_err("refused");
        assert_eq!(
            (refused.code(), told(&refused)),
            (code, fields.into_iter().map(str::to_owned).collect()),
            "{number}"
        );
    }
    for rule_id in [String::new(), "x".repeat(101), "a\nb".to_owned()] {
        let rule = Some(v1::Rule::default());
        let request = v1::CreateRuleRequest { parent: base.clone(), rule_id, rule, ..Default::default() };
        assert_eq!(told(&client.create_rule(request).await.expect_err("no id")), ["rule_id"]);
    }
    assert_eq!(versions(&editor).await?, 1, "nothing was kept");
    Ok(())
}

#[tokio::test]
async fn a_viewer_changes_no_rule() -> anyhow::Result<()> {
    let server = AdminServer::start_without_rules().await?;
    let editor = server.caller("editor").await?;
    push(&editor, RULES).await?;
    let viewer = server.caller("viewer").await?;
    let delete = v1::DeleteRuleRequest { name: "ruleSets/1/rules/invoices".to_owned(), ..Default::default() };
    let refused = rules(&viewer).delete_rule(delete).await.expect_err("may not");
    assert_eq!((refused.code(), told(&refused)), (Code::PermissionDenied, vec!["ROLE_MISSING".to_owned()]));
    assert_eq!(versions(&editor).await?, 1, "nothing was kept");
    Ok(())
}

#[tokio::test]
async fn the_command_for_rules_has_every_verb() -> anyhow::Result<()> {
    let server = AdminServer::start_without_rules().await?;
    let editor = Terminal::new(&server, "editor")?;
    assert!(editor.fails(&["rules", "list-rules"], 1)?.contains("no version yet"));
    push(&server.caller("editor").await?, RULES).await?;
    let file = |name: &str, text: &str| server.file(name, text);
    let voucher = "[[rules]]\nid = \"vouchers\"\nteam = \"billing\"\nwhen = { keyword = \"voucher\" }\n";
    let made = editor.json(&["rules", "create-rule", &file("one.toml", voucher)?, "--reason", "campaign"])?;
    assert_eq!(
        (&made["rule"]["name"], &made["rule_set"]["state"]),
        (&"ruleSets/2/rules/vouchers".into(), &"RULE_SET_STATE_CHECKED".into())
    );
    let changed = editor.json(&[
        "rules",
        "update-rule",
        "vouchers",
        "--priority",
        "-3",
        "--enabled",
        "false",
        "--urgency",
        "urgent",
    ])?;
    let rule = &changed["rule"];
    assert_eq!(
        (&rule["priority"], &rule["disabled"], &rule["outcome"]["urgency"]),
        (&"-3".into(), &true.into(), &"URGENCY_URGENT".into())
    );
    assert_eq!(rule["outcome"]["team"], "billing", "what was not given stays");
    let text = editor.run(&["rules", "get-rule", "vouchers", "--text"])?;
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.starts_with("[[rules]]\nid = \"vouchers\"\npriority = -3\nenabled = false\n"), "{text}");
    let whole =
        editor.json(&["rules", "update-rule", "vouchers", "--file", &file("two.toml", voucher)?, "--base", "3"])?;
    assert_eq!(whole["rule_set"]["name"], "ruleSets/2", "as it was");
    let listed = editor.json(&["rules", "list-rules", "--team", "billing", "--base", "ruleSets/2"])?;
    assert_eq!(listed.as_array().map(Vec::len), Some(2), "{listed}");
    let gone = editor.json(&["rules", "delete-rule", "vouchers", "--base", "2"])?;
    assert_eq!(gone["rule_set"]["name"], "ruleSets/1");

    assert!(editor.fails(&["rules", "create-rule", &file("no.toml", RULES)?], 3)?.contains("unknown key"));
    assert!(editor.fails(&["rules", "create-rule", &file("none.toml", "")?], 3)?.contains("has no [[rules]]"));
    assert!(editor.fails(&["rules", "update-rule", "vouchers"], 3)?.contains("nothing to change"));
    assert!(editor.fails(&["rules", "update-rule", "vouchers", "--valid-from", "soon"], 3)?.contains("--valid-from"));
    assert!(editor.fails(&["rules", "get-rule", "nothing"], 1)?.contains("does not exist"));
    let refused = editor.fails(&["rules", "update-rule", "vouchers", "--team", "nobody"], 1)?;
    assert!(refused.contains("errors"), "{refused}");
    Ok(())
}

#[tokio::test]
async fn the_former_command_for_rules_does_the_same_and_names_the_new_one() -> anyhow::Result<()> {
    let server = AdminServer::start_without_rules().await?;
    let editor = Terminal::new(&server, "editor")?;
    push(&server.caller("editor").await?, RULES).await?;
    for (former, new) in [(&["list"][..], &["list-rules"][..]), (&["get", "invoices"], &["get-rule", "invoices"])] {
        let [former, new] = [("rule", former), ("rules", new)].map(|(noun, words)| [&[noun], words].concat());
        let (answer, expected) = (editor.run(&former)?, editor.run(&new)?);
        assert!(answer.status.success() && answer.stdout == expected.stdout, "{former:?}: {answer:?}");
        let note = String::from_utf8_lossy(&answer.stderr).into_owned();
        let of_new = String::from_utf8_lossy(&expected.stderr).into_owned();
        assert!(note.ends_with(&of_new) && note.lines().count() == of_new.lines().count() + 1, "{note}");
        assert!(note.contains(&format!("`waypost {}`", new[..2].join(" "))), "{note}");
        assert!(!of_new.contains("`waypost"), "{of_new}");
    }
    let help = editor.run(&["--help"])?;
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    assert!(!help.lines().any(|line| line.trim_start().starts_with("rule ")), "it is hidden: {help}");
    Ok(())
}
