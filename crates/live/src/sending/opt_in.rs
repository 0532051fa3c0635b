//! How far what customers write was looked through for a stop, as the leases of the opt-in worker tell: who owns a partition,
//! and how old the oldest event is that its owner has not finished.

use std::collections::BTreeSet;

use waypost_domain::{Alias, AliasSet, PartitionCount, PartitionId, Timestamp};
use waypost_policy::asked::OptInState;
use waypost_store::{LeaseRow, Store, StoreError};

/// The lease name of the opt-in worker.
pub const OPTIN: &str = "optin";
/// What waits for longer may be a stop that nobody has looked at.
const BEHIND_MS: i64 = 60_000;

/// Which partitions are behind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum OptIn {
    /// No opt-in worker ever ran here.
    #[default]
    NotInstalled,
    Installed {
        partitions: PartitionCount,
        behind: BTreeSet<PartitionId>,
    },
}

impl OptIn {
    pub(super) async fn read(store: &Store) -> Result<Self, StoreError> {
        let leases = store.leases(OPTIN).await?;
        let Some(partitions) = store.layout().await?.filter(|_| !leases.is_empty()) else {
            return Ok(Self::NotInstalled);
        };
        Ok(Self::of(partitions, &leases, store.now().await?))
    }

    /// Behind are those that nobody owns, and those where something waits for too long.
    fn of(partitions: PartitionCount, leases: &[LeaseRow], now: Timestamp) -> Self {
        let is_up_to_date = |lease: &&LeaseRow| {
            let is_owned = lease.owner.is_some() && lease.expires_at >= now;
            is_owned && lease.oldest_at.is_none_or(|oldest_at| now.millis_since(oldest_at) <= BEHIND_MS)
        };
        let fine: BTreeSet<PartitionId> = leases.iter().filter(is_up_to_date).map(|lease| lease.partition).collect();
        let behind = partitions.all().filter(|partition| !fine.contains(partition)).collect();
        Self::Installed { partitions, behind }
    }

    /// For somebody with these names: their events come under any of them.
    pub fn state(&self, names: &[Alias]) -> OptInState {
        let Self::Installed { partitions, behind } = self else { return OptInState::NotInstalled };
        let partition = |name: &Alias| {
            let aliases = match name {
                Alias::Phone(phone) => AliasSet { phone: Some(phone.clone()), ..AliasSet::default() },
                Alias::Bsuid(bsuid) => AliasSet { bsuid: Some(bsuid.clone()), ..AliasSet::default() },
                Alias::ParentBsuid(parent) => AliasSet { parent_bsuid: Some(parent.clone()), ..AliasSet::default() },
                Alias::PhoneClaim(_) => return None,
            };
            Some(partitions.of_contact(&aliases, ""))
        };
        match names.iter().filter_map(partition).any(|partition| behind.contains(&partition)) {
            true => OptInState::Behind,
            false => OptInState::CaughtUp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000;

    fn lease(partition: u16, owner: Option<&str>, expires_in: i64, oldest_ago: Option<i64>) -> LeaseRow {
        LeaseRow {
            partition: PartitionId(partition),
            owner: owner.map(str::to_owned),
            epoch: 1,
            expires_at: Timestamp::from_millis(NOW + expires_in),
            published_seq: 0,
            oldest_at: oldest_ago.map(|ago| Timestamp::from_millis(NOW - ago)),
        }
    }

    #[test]
    fn behind_is_who_has_no_owner_or_waits_for_too_long() {
        let leases = [
            lease(0, Some("a"), 5_000, None),
            lease(1, Some("a"), 5_000, Some(60_000)),
            lease(2, Some("a"), 5_000, Some(60_001)),
            lease(3, None, 0, None),
            lease(4, Some("dead"), -1, None),
        ];
        let partitions = PartitionCount::new(6).unwrap();
        let OptIn::Installed { behind, .. } = OptIn::of(partitions, &leases, Timestamp::from_millis(NOW)) else {
            panic!("it is installed")
        };
        assert_eq!(behind, [2, 3, 4, 5].map(PartitionId).into(), "nobody ever took the last one");
    }

    #[test]
    fn a_contact_is_behind_under_any_of_its_names() {
        let partitions = PartitionCount::DEFAULT;
        let (phone, bsuid) =
            (Alias::Phone("16505551234".to_owned()), Alias::Bsuid("US.13491208655302741918".to_owned()));
        // As the golden vectors of partitions have it.
        let of = |behind: u16| OptIn::Installed { partitions, behind: [PartitionId(behind)].into() };
        let names = [phone.clone(), bsuid];
        assert_eq!(of(6).state(&names), OptInState::Behind);
        assert_eq!(of(3).state(&names), OptInState::Behind);
        assert_eq!(of(3).state(&[phone]), OptInState::CaughtUp);
        assert_eq!(of(0).state(&names), OptInState::CaughtUp);
        assert_eq!(OptIn::NotInstalled.state(&names), OptInState::NotInstalled);
    }
}
