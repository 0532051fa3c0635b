//! Whose content is not for everybody: what was said while a confidential team had a conversation is for its own agents and for
//! compliance, whoever has the conversation now.

use std::collections::BTreeSet;

use waypost_domain::TeamName;
use waypost_grpc::Role::Compliance;
use waypost_grpc::{Caller, Result};

use crate::Shared;

/// The confidential teams of which a caller is none.
pub(crate) struct Withheld(BTreeSet<TeamName>);

impl Withheld {
    /// Of what they have just written themselves.
    pub(crate) const NOTHING: Self = Self(BTreeSet::new());

    pub(crate) async fn from(caller: &Caller, shared: &Shared) -> Result<Self> {
        if caller.has_any(&[Compliance]) {
            return Ok(Self::NOTHING);
        }
        let is_member = |team: &TeamName| caller.bound_to.as_ref().is_some_and(|teams| teams.contains(team));
        let teams = shared.store.teams().await?.into_iter();
        let others = teams.filter(|team| team.confidential && !is_member(&team.name));
        Ok(Self(others.map(|team| team.name).collect()))
    }

    /// Whether the content of what this team had is among it.
    pub(crate) fn has(&self, team: Option<&TeamName>) -> bool {
        team.is_some_and(|team| self.0.contains(team))
    }
}
