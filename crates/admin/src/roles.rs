//! Who may call what: one table. A method that is not in it is refused.

use waypost_proto::admin_v1 as v1;

/// What a token may do. The roles do not include one another; a token may have several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    Viewer,
    Editor,
    Publisher,
    Compliance,
    Operator,
    /// Bound to teams.
    Agent,
}

impl Role {
    pub const ALL: [Self; 6] =
        [Self::Viewer, Self::Editor, Self::Publisher, Self::Compliance, Self::Operator, Self::Agent];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Publisher => "publisher",
            Self::Compliance => "compliance",
            Self::Operator => "operator",
            Self::Agent => "agent",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// `None`: unspecified, or of a later release.
    pub fn from_wire(role: i32) -> Option<Self> {
        match v1::Role::try_from(role).ok()? {
            v1::Role::Unspecified => None,
            v1::Role::Viewer => Some(Self::Viewer),
            v1::Role::Editor => Some(Self::Editor),
            v1::Role::Publisher => Some(Self::Publisher),
            v1::Role::Compliance => Some(Self::Compliance),
            v1::Role::Operator => Some(Self::Operator),
            v1::Role::Agent => Some(Self::Agent),
        }
    }

    pub const fn to_wire(self) -> v1::Role {
        match self {
            Self::Viewer => v1::Role::Viewer,
            Self::Editor => v1::Role::Editor,
            Self::Publisher => v1::Role::Publisher,
            Self::Compliance => v1::Role::Compliance,
            Self::Operator => v1::Role::Operator,
            Self::Agent => v1::Role::Agent,
        }
    }
}

/// Who may call a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody who can connect.
    Open,
    /// Whoever has one of these roles.
    AnyOf(&'static [Role]),
}

use Role::{Compliance, Editor, Operator, Publisher, Viewer};

/// All but agents, who see only their teams' part.
const STAFF: Access = Access::AnyOf(&[Viewer, Editor, Publisher, Compliance, Operator]);
const EVERYBODY: Access = Access::AnyOf(&Role::ALL);
const SETS_UP: Access = Access::AnyOf(&[Publisher, Operator]);
const OPERATES: Access = Access::AnyOf(&[Operator]);
const EDITS: Access = Access::AnyOf(&[Editor, Publisher]);
const PUBLISHES: Access = Access::AnyOf(&[Publisher]);
const AUDITS: Access = Access::AnyOf(&[Compliance, Operator]);

/// Every method that can be called, by its path without the leading `/`.
pub const METHODS: &[(&str, Access)] = &[
    ("grpc.health.v1.Health/Check", Access::Open),
    ("grpc.health.v1.Health/Watch", Access::Open),
    ("grpc.health.v1.Health/List", Access::Open),
    ("grpc.reflection.v1.ServerReflection/ServerReflectionInfo", STAFF),
    ("waypost.admin.v1.AuditService/ListAuditRecords", AUDITS),
    ("waypost.admin.v1.AuditService/VerifyAuditChain", AUDITS),
    ("waypost.admin.v1.CalendarService/GetCalendar", STAFF),
    ("waypost.admin.v1.CalendarService/ListCalendars", STAFF),
    ("waypost.admin.v1.CalendarService/CreateCalendar", EDITS),
    ("waypost.admin.v1.CalendarService/UpdateCalendar", EDITS),
    ("waypost.admin.v1.CalendarService/DeleteCalendar", EDITS),
    ("waypost.admin.v1.CalendarService/ImportHolidays", EDITS),
    ("waypost.admin.v1.ContactService/GetContact", Access::AnyOf(&[Editor, Compliance])),
    ("waypost.admin.v1.ContactService/BatchUpsertContacts", Access::AnyOf(&[Editor])),
    ("waypost.admin.v1.DeadLetterService/ListDeadLetters", OPERATES),
    ("waypost.admin.v1.DeadLetterService/SummarizeDeadLetters", STAFF),
    ("waypost.admin.v1.DeadLetterService/ReplayDeadLetters", OPERATES),
    ("waypost.admin.v1.DeadLetterService/DiscardDeadLetters", OPERATES),
    ("waypost.admin.v1.DecisionService/GetDecision", EVERYBODY),
    ("waypost.admin.v1.DecisionService/ListDecisions", EVERYBODY),
    ("waypost.admin.v1.NumberService/GetNumber", STAFF),
    ("waypost.admin.v1.NumberService/ListNumbers", STAFF),
    ("waypost.admin.v1.NumberService/UpdateNumber", SETS_UP),
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
    ("waypost.admin.v1.RuleSetService/ExplainRuleSet", STAFF),
    ("waypost.admin.v1.RuleSetService/DryRunRuleSet", EDITS),
    ("waypost.admin.v1.RuleSetService/GetCoverage", STAFF),
    ("waypost.admin.v1.RuleSetService/GetActivation", STAFF),
    ("waypost.admin.v1.RuleSetService/ListActivations", STAFF),
    ("waypost.admin.v1.RuleSetService/ActivateRuleSet", PUBLISHES),
    ("waypost.admin.v1.TeamService/GetTeam", EVERYBODY),
    ("waypost.admin.v1.TeamService/ListTeams", EVERYBODY),
    ("waypost.admin.v1.TeamService/CreateTeam", SETS_UP),
    ("waypost.admin.v1.TeamService/UpdateTeam", SETS_UP),
    ("waypost.admin.v1.TeamService/DeleteTeam", SETS_UP),
    ("waypost.admin.v1.TokenService/GetToken", OPERATES),
    ("waypost.admin.v1.TokenService/ListTokens", OPERATES),
    ("waypost.admin.v1.TokenService/CreateToken", OPERATES),
    ("waypost.admin.v1.TokenService/RevokeToken", OPERATES),
];

/// Who may call the method at `path`; `None` for one that nobody may.
pub fn access(path: &str) -> Option<Access> {
    let method = path.strip_prefix('/')?;
    METHODS.iter().find(|(name, _)| *name == method).map(|(_, access)| *access)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// One way and the other: a method without a row could not be called, a row without a method is a mistake.
    #[test]
    fn every_method_has_its_row() {
        let services = waypost_proto::admin::descriptors().services();
        let methods = services.flat_map(|service| {
            service.methods().map(|method| format!("{}/{}", service.full_name(), method.name())).collect::<Vec<_>>()
        });
        let ours: BTreeSet<String> = methods.collect();
        let rows = METHODS.iter().map(|(name, _)| (*name).to_owned());
        let listed: BTreeSet<String> = rows.filter(|name| name.starts_with("waypost.")).collect();
        assert!(!ours.is_empty());
        assert_eq!(ours, listed);
        assert_eq!(METHODS.len(), METHODS.iter().map(|(name, _)| name).collect::<BTreeSet<_>>().len(), "a row twice");
    }

    #[test]
    fn what_changes_something_is_for_few() {
        for (name, access) in METHODS.iter().filter(|(name, _)| name.starts_with("waypost.")) {
            let method = name.rsplit('/').next().unwrap();
            let reads =
                ["Get", "List", "Verify", "Summarize", "Diff", "Explain"].iter().any(|verb| method.starts_with(verb));
            let Access::AnyOf(roles) = access else { panic!("{name} is open") };
            assert!(!roles.is_empty(), "{name}");
            assert!(reads || !roles.contains(&Viewer) && !roles.contains(&Role::Agent), "{name}");
        }
        assert_eq!(access("/waypost.admin.v1.TeamService/Nonsense"), None);
        assert_eq!(access("waypost.admin.v1.TeamService/GetTeam"), None, "not a path");
    }

    #[test]
    fn roles_have_their_words() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
            assert_eq!(Role::from_wire(role.to_wire().into()), Some(role));
        }
        assert_eq!((Role::parse("root"), Role::from_wire(0), Role::from_wire(99)), (None, None, None));
    }
}
