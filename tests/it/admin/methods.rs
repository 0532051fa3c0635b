//! Every method has its command, on the administration and on the gateway.

use std::collections::BTreeSet;

use waypost_tests::process::waypost;

/// Which command calls which method. A method without a command is not done.
const COMMANDS: &[(&str, &[&str])] = &[
    ("AuditService/ListAuditRecords", &["audit", "list"]),
    ("AuditService/VerifyAuditChain", &["audit", "verify"]),
    ("CalendarService/CreateCalendar", &["calendars", "set"]),
    ("CalendarService/DeleteCalendar", &["calendars", "delete"]),
    ("CalendarService/GetCalendar", &["calendars", "get"]),
    ("CalendarService/ImportHolidays", &["calendars", "import"]),
    ("CalendarService/ListCalendars", &["calendars", "list"]),
    ("CalendarService/UpdateCalendar", &["calendars", "set"]),
    ("CampaignService/AddCampaignRecipients", &["campaigns", "add"]),
    ("CampaignService/CancelCampaign", &["campaigns", "cancel"]),
    ("CampaignService/CreateCampaign", &["campaigns", "create"]),
    ("CampaignService/DeleteCampaign", &["campaigns", "delete"]),
    ("CampaignService/GetCampaign", &["campaigns", "show"]),
    ("CampaignService/ListCampaignRecipients", &["campaigns", "recipients"]),
    ("CampaignService/ListCampaigns", &["campaigns", "list"]),
    ("CampaignService/PauseCampaign", &["campaigns", "pause"]),
    ("CampaignService/ResumeCampaign", &["campaigns", "resume"]),
    ("CampaignService/StartCampaign", &["campaigns", "start"]),
    ("ConsentService/DismissStop", &["consent", "dismiss"]),
    ("ConsentService/GetConsent", &["consent", "show"]),
    ("ConsentService/GrantConsent", &["consent", "grant"]),
    ("ConsentService/ListAudience", &["consent", "audience"]),
    ("ConsentService/ListConsentEntries", &["consent", "history"]),
    ("ConsentService/WithdrawConsent", &["consent", "withdraw"]),
    ("ContactService/BatchUpsertContacts", &["contacts", "import"]),
    ("ContactService/ConfirmContact", &["contacts", "confirm"]),
    ("ContactService/RefuseClaim", &["contacts", "refuse"]),
    ("ContactService/GetContact", &["contacts", "get"]),
    ("ContactService/EraseContact", &["contacts", "erase"]),
    ("ContactService/SplitContact", &["contacts", "split"]),
    ("DeadLetterService/DiscardDeadLetters", &["dead-letters", "discard"]),
    ("DeadLetterService/ListDeadLetters", &["dead-letters", "list"]),
    ("DeadLetterService/ReplayDeadLetters", &["dead-letters", "replay"]),
    ("DeadLetterService/GetReplay", &["dead-letters", "replay"]),
    ("DeadLetterService/ListReplays", &["dead-letters", "replays"]),
    ("DeadLetterService/StartReplay", &["dead-letters", "replay"]),
    ("DeadLetterService/StopReplay", &["dead-letters", "stop"]),
    ("DeadLetterService/SummarizeDeadLetters", &["dead-letters", "summary"]),
    ("DecisionService/GetDecision", &["decisions", "get"]),
    ("DecisionService/GetTrace", &["trace"]),
    ("DecisionService/ListDecisions", &["decisions", "list"]),
    ("MediaService/DownloadMedia", &["media", "download"]),
    ("MediaService/UploadMedia", &["media", "upload"]),
    ("NumberService/GetNumber", &["numbers", "get"]),
    ("NumberService/ListNumbers", &["numbers", "list"]),
    ("NumberService/UpdateNumber", &["numbers", "set"]),
    ("LimitService/GetLimits", &["limits", "show"]),
    ("LimitService/GetSpend", &["limits", "spend"]),
    ("LimitService/LiftBar", &["limits", "lift"]),
    ("LimitService/ListBars", &["limits", "bars"]),
    ("AlertService/AcknowledgeAlert", &["alerts", "acknowledge"]),
    ("AlertService/ListAlerts", &["alerts", "list"]),
    ("RuleService/CreateRule", &["rules", "create-rule"]),
    ("RuleService/DeleteRule", &["rules", "delete-rule"]),
    ("RuleService/GetRule", &["rules", "get-rule"]),
    ("RuleService/ListRules", &["rules", "list-rules"]),
    ("RuleService/UpdateRule", &["rules", "update-rule"]),
    ("RuleSetService/ActivateRuleSet", &["rules", "activate"]),
    ("RuleSetService/CheckRuleSet", &["rules", "check"]),
    ("RuleSetService/CompareRuleSets", &["rules", "compare"]),
    ("RuleSetService/CreateRuleSet", &["rules", "push"]),
    ("RuleSetService/DiffRuleSets", &["rules", "diff"]),
    ("RuleSetService/DryRunRuleSet", &["rules", "dry-run"]),
    ("RuleSetService/EndShadow", &["rules", "shadow"]),
    ("RuleSetService/EndTrial", &["rules", "trial", "end"]),
    ("RuleSetService/ExplainRuleSet", &["rules", "explain"]),
    ("RuleSetService/GetActivation", &["rules", "active"]),
    ("RuleSetService/GetCoverage", &["rules", "coverage"]),
    ("RuleSetService/GetRuleSet", &["rules", "get"]),
    ("RuleSetService/ListActivations", &["rules", "history"]),
    ("RuleSetService/ListRuleSets", &["rules", "list"]),
    ("RuleSetService/RollBackActivation", &["rules", "rollback"]),
    ("StatusService/GetStatus", &["status"]),
    ("TeamQueueService/AcknowledgeMessages", &["tail"]),
    ("TeamQueueService/PeekMessages", &["tail"]),
    ("TeamQueueService/TakeMessages", &["tail"]),
    ("TemplateService/GetTemplate", &["templates", "show"]),
    ("TemplateService/ListTemplates", &["templates", "list"]),
    ("TemplateService/PreviewTemplate", &["templates", "preview"]),
    ("TemplateService/SyncTemplates", &["templates", "sync"]),
    ("PolicyService/GetPolicy", &["policy", "show"]),
    ("PolicyService/ListPolicyVersions", &["policy", "history"]),
    ("PolicyService/UpdatePolicy", &["policy", "set"]),
    ("ConversationService/DeleteExternalRef", &["conversations", "delete-ref"]),
    ("ConversationService/GetConversation", &["conversations", "show"]),
    ("ConversationService/ListConversations", &["conversations", "list"]),
    ("ConversationService/ListEntries", &["conversations", "show"]),
    ("ConversationService/SetExternalRef", &["conversations", "set-ref"]),
    ("MessageService/CancelMessage", &["messages", "cancel"]),
    ("MessageService/GetMessage", &["messages", "show"]),
    ("MessageService/ListMessages", &["messages", "list"]),
    ("MessageService/MarkRead", &["messages", "read"]),
    ("MessageService/ResendMessage", &["messages", "resend"]),
    ("MessageService/SendMessage", &["send"]),
    ("TeamService/CreateTeam", &["teams", "create"]),
    ("TeamService/DeleteTeam", &["teams", "delete"]),
    ("TeamService/GetTeam", &["teams", "get"]),
    ("TeamService/ListTeams", &["teams", "list"]),
    ("TeamService/UpdateTeam", &["teams", "update"]),
    ("TokenService/CreateToken", &["token", "create"]),
    ("TokenService/GetToken", &["token", "get"]),
    ("TokenService/ListTokens", &["token", "list"]),
    ("TokenService/RevokeToken", &["token", "revoke"]),
];

#[test]
fn every_method_has_its_command() -> anyhow::Result<()> {
    let services = waypost_proto::admin::descriptors().services();
    let methods: BTreeSet<String> = services
        .flat_map(|service| {
            let name = |method: &str| format!("{}/{method}", service.name());
            service.methods().map(|method| name(method.name())).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(methods, COMMANDS.iter().map(|(method, _)| (*method).to_owned()).collect());
    for (method, words) in COMMANDS {
        let help = waypost()?.args(*words).arg("--help").output()?;
        let help = String::from_utf8_lossy(&help.stdout).into_owned();
        // The command itself, and one that can ask a server.
        let usage = format!("Usage: waypost {} ", words.join(" "));
        assert!(help.contains(&usage) && help.contains("--server"), "{method}: {help}");
    }
    Ok(())
}
