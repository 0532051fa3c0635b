//! What a token may do, and who may call a method. The rows of the table stand with the services; a method without a
//! row is refused.

use waypost_proto::admin_v1 as v1;

/// What a token may do. The roles do not include one another; a token may have several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads; no contacts, no audit log.
    Viewer,
    /// Writes rules and imports contacts.
    Editor,
    /// Puts rules in force, and sets up teams and numbers.
    Publisher,
    /// Reads contacts and the audit log.
    Compliance,
    /// Tokens, dead letters, teams and numbers.
    Operator,
    /// Bound to teams: sees what is theirs.
    Agent,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 6] =
        [Self::Viewer, Self::Editor, Self::Publisher, Self::Compliance, Self::Operator, Self::Agent];

    /// Its word in the store and on the command line.
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

    /// The role of that word.
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

    /// As messages have it.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_have_their_words() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
            assert_eq!(Role::from_wire(role.to_wire().into()), Some(role));
        }
        assert_eq!((Role::parse("root"), Role::from_wire(0), Role::from_wire(99)), (None, None, None));
    }
}
