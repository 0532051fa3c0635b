//! Who may call what of the administration: one table. A method that is not in it is refused.

use waypost_grpc::Access;
use waypost_grpc::Role::{self, Agent, Compliance, Editor, Operator, Publisher, Viewer};

/// All but agents, who see only their teams' part.
pub(crate) const STAFF_ROLES: &[Role] = &[Viewer, Editor, Publisher, Compliance, Operator];
/// Those who may see what is known of contacts, and what these write.
pub(crate) const READ_CONTACTS: &[Role] = &[Editor, Compliance];
const STAFF: Access = Access::AnyOf(STAFF_ROLES);
const EVERYBODY: Access = Access::AnyOf(&Role::ALL);
const SETS_UP: Access = Access::AnyOf(&[Publisher, Operator]);
const OPERATES: Access = Access::AnyOf(&[Operator]);
const EDITS: Access = Access::AnyOf(&[Editor, Publisher]);
const PUBLISHES: Access = Access::AnyOf(&[Publisher]);
/// Agents, of their teams' queues alone.
const WORKS: Access = Access::AnyOf(&[Operator, Agent]);
/// What customers agreed to, and what is sent by.
const COMPLIES: Access = Access::AnyOf(&[Compliance]);
const AUDITS: Access = Access::AnyOf(&[Compliance, Operator]);

/// Every method that can be called, by its path without the leading `/`.
pub const METHODS: &[(&str, Access)] = &[
    ("waypost.admin.v1.AlertService/ListAlerts", STAFF),
    ("waypost.admin.v1.AlertService/AcknowledgeAlert", OPERATES),
    ("waypost.admin.v1.AuditService/ListAuditRecords", AUDITS),
    ("waypost.admin.v1.AuditService/VerifyAuditChain", AUDITS),
    ("waypost.admin.v1.CalendarService/GetCalendar", STAFF),
    ("waypost.admin.v1.CalendarService/ListCalendars", STAFF),
    ("waypost.admin.v1.CalendarService/CreateCalendar", EDITS),
    ("waypost.admin.v1.CalendarService/UpdateCalendar", EDITS),
    ("waypost.admin.v1.CalendarService/DeleteCalendar", EDITS),
    ("waypost.admin.v1.CalendarService/ImportHolidays", EDITS),
    ("waypost.admin.v1.CampaignService/GetCampaign", STAFF),
    ("waypost.admin.v1.CampaignService/ListCampaigns", STAFF),
    ("waypost.admin.v1.CampaignService/CreateCampaign", EDITS),
    ("waypost.admin.v1.CampaignService/AddCampaignRecipients", Access::AnyOf(&[Editor])),
    ("waypost.admin.v1.CampaignService/ListCampaignRecipients", Access::AnyOf(READ_CONTACTS)),
    ("waypost.admin.v1.CampaignService/StartCampaign", PUBLISHES),
    ("waypost.admin.v1.CampaignService/PauseCampaign", PUBLISHES),
    ("waypost.admin.v1.CampaignService/ResumeCampaign", PUBLISHES),
    ("waypost.admin.v1.CampaignService/CancelCampaign", PUBLISHES),
    ("waypost.admin.v1.CampaignService/DeleteCampaign", EDITS),
    ("waypost.admin.v1.ConsentService/GetConsent", Access::AnyOf(READ_CONTACTS)),
    ("waypost.admin.v1.ConsentService/ListConsentEntries", Access::AnyOf(READ_CONTACTS)),
    ("waypost.admin.v1.ConsentService/ListAudience", Access::AnyOf(READ_CONTACTS)),
    ("waypost.admin.v1.ConsentService/GrantConsent", COMPLIES),
    ("waypost.admin.v1.ConsentService/WithdrawConsent", COMPLIES),
    ("waypost.admin.v1.ConsentService/DismissStop", COMPLIES),
    ("waypost.admin.v1.ContactService/GetContact", Access::AnyOf(READ_CONTACTS)),
    ("waypost.admin.v1.ContactService/BatchUpsertContacts", Access::AnyOf(&[Editor])),
    ("waypost.admin.v1.ContactService/SplitContact", Access::AnyOf(&[Editor])),
    ("waypost.admin.v1.ContactService/ConfirmContact", Access::AnyOf(&[Editor])),
    ("waypost.admin.v1.ContactService/RefuseClaim", Access::AnyOf(&[Editor])),
    ("waypost.admin.v1.ContactService/EraseContact", COMPLIES),
    ("waypost.admin.v1.DeadLetterService/ListDeadLetters", OPERATES),
    ("waypost.admin.v1.DeadLetterService/SummarizeDeadLetters", STAFF),
    ("waypost.admin.v1.DeadLetterService/ReplayDeadLetters", OPERATES),
    ("waypost.admin.v1.DeadLetterService/StartReplay", OPERATES),
    ("waypost.admin.v1.DeadLetterService/GetReplay", OPERATES),
    ("waypost.admin.v1.DeadLetterService/ListReplays", OPERATES),
    ("waypost.admin.v1.DeadLetterService/StopReplay", OPERATES),
    ("waypost.admin.v1.DeadLetterService/DiscardDeadLetters", OPERATES),
    ("waypost.admin.v1.DecisionService/GetDecision", EVERYBODY),
    ("waypost.admin.v1.DecisionService/ListDecisions", EVERYBODY),
    ("waypost.admin.v1.DecisionService/GetTrace", EVERYBODY),
    ("waypost.admin.v1.LimitService/GetLimits", STAFF),
    ("waypost.admin.v1.LimitService/ListBars", STAFF),
    ("waypost.admin.v1.LimitService/LiftBar", OPERATES),
    ("waypost.admin.v1.LimitService/GetSpend", STAFF),
    ("waypost.admin.v1.NumberService/GetNumber", STAFF),
    ("waypost.admin.v1.NumberService/ListNumbers", STAFF),
    ("waypost.admin.v1.NumberService/UpdateNumber", SETS_UP),
    ("waypost.admin.v1.PolicyService/GetPolicy", STAFF),
    ("waypost.admin.v1.PolicyService/UpdatePolicy", COMPLIES),
    ("waypost.admin.v1.PolicyService/ListPolicyVersions", STAFF),
    ("waypost.admin.v1.RuleService/GetRule", STAFF),
    ("waypost.admin.v1.RuleService/ListRules", STAFF),
    ("waypost.admin.v1.RuleService/CreateRule", EDITS),
    ("waypost.admin.v1.RuleService/UpdateRule", EDITS),
    ("waypost.admin.v1.RuleService/DeleteRule", EDITS),
    ("waypost.admin.v1.RuleSetService/GetRuleSet", STAFF),
    ("waypost.admin.v1.RuleSetService/ListRuleSets", STAFF),
    ("waypost.admin.v1.RuleSetService/CreateRuleSet", EDITS),
    ("waypost.admin.v1.RuleSetService/CheckRuleSet", EDITS),
    ("waypost.admin.v1.RuleSetService/DiffRuleSets", STAFF),
    ("waypost.admin.v1.RuleSetService/ExplainRuleSet", EVERYBODY),
    ("waypost.admin.v1.RuleSetService/DryRunRuleSet", EDITS),
    ("waypost.admin.v1.RuleSetService/CompareRuleSets", STAFF),
    ("waypost.admin.v1.RuleSetService/GetCoverage", STAFF),
    ("waypost.admin.v1.RuleSetService/GetActivation", STAFF),
    ("waypost.admin.v1.RuleSetService/ListActivations", STAFF),
    ("waypost.admin.v1.RuleSetService/ActivateRuleSet", PUBLISHES),
    ("waypost.admin.v1.RuleSetService/RollBackActivation", PUBLISHES),
    ("waypost.admin.v1.RuleSetService/EndTrial", PUBLISHES),
    ("waypost.admin.v1.RuleSetService/EndShadow", PUBLISHES),
    ("waypost.admin.v1.StatusService/GetStatus", STAFF),
    ("waypost.admin.v1.TeamQueueService/PeekMessages", WORKS),
    ("waypost.admin.v1.TeamQueueService/TakeMessages", WORKS),
    ("waypost.admin.v1.TeamQueueService/AcknowledgeMessages", WORKS),
    ("waypost.admin.v1.TeamService/GetTeam", EVERYBODY),
    ("waypost.admin.v1.TeamService/ListTeams", EVERYBODY),
    ("waypost.admin.v1.TeamService/CreateTeam", SETS_UP),
    ("waypost.admin.v1.TeamService/UpdateTeam", SETS_UP),
    ("waypost.admin.v1.TeamService/DeleteTeam", SETS_UP),
    ("waypost.admin.v1.TemplateService/GetTemplate", EVERYBODY),
    ("waypost.admin.v1.TemplateService/ListTemplates", EVERYBODY),
    ("waypost.admin.v1.TemplateService/SyncTemplates", Access::AnyOf(&[Editor, Operator])),
    ("waypost.admin.v1.TemplateService/PreviewTemplate", EVERYBODY),
    ("waypost.admin.v1.TokenService/GetToken", OPERATES),
    ("waypost.admin.v1.TokenService/ListTokens", OPERATES),
    ("waypost.admin.v1.TokenService/CreateToken", OPERATES),
    ("waypost.admin.v1.TokenService/RevokeToken", OPERATES),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// One way and the other: a method without a row could not be called, a row without a method is a mistake.
    #[test]
    fn every_method_has_its_row() {
        let services = waypost_proto::admin::descriptors().services();
        let ours = services.filter(|service| service.package_name() == "waypost.admin.v1");
        let methods = ours.flat_map(|service| {
            service.methods().map(|method| format!("{}/{}", service.full_name(), method.name())).collect::<Vec<_>>()
        });
        let ours: BTreeSet<String> = methods.collect();
        let listed: BTreeSet<String> = METHODS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert!(!ours.is_empty());
        assert_eq!(ours, listed);
        assert_eq!(METHODS.len(), METHODS.iter().map(|(name, _)| name).collect::<BTreeSet<_>>().len(), "a row twice");
    }

    #[test]
    fn what_changes_something_is_for_few() {
        for (name, access) in METHODS {
            let method = name.rsplit('/').next().unwrap();
            let reads = ["Get", "List", "Verify", "Summarize", "Diff", "Explain", "Compare", "Preview"]
                .iter()
                .any(|verb| method.starts_with(verb));
            let Access::AnyOf(roles) = access else { panic!("{name} is open") };
            assert!(!roles.is_empty(), "{name}");
            // What waits for a team is its people's.
            let is_teams = *access == WORKS && name.contains("TeamQueueService/");
            assert!(reads || is_teams || !roles.contains(&Viewer) && !roles.contains(&Agent), "{name}");
        }
    }
}
