//! Which partition an event belongs to: a stable hash, so that every publisher on every machine and in every
//! release agrees. Correctness never rests on it (unique keys and row locks carry that); order and speed do.

use std::fmt;
use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::contact::AliasSet;
use crate::phone;

/// How many partitions there are: 1 to 99. Fixed at first start; the queues' names carry two digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionCount(u16);

impl PartitionCount {
    pub const DEFAULT: Self = Self(8);
    /// Of work that one process does.
    pub const ONE: Self = Self(1);
    pub const MAX: u16 = 99;

    pub const fn new(count: u16) -> Option<Self> {
        if count >= 1 && count <= Self::MAX { Some(Self(count)) } else { None }
    }

    pub const fn get(self) -> u16 {
        self.0
    }

    pub fn all(self) -> impl Iterator<Item = PartitionId> {
        (0..self.0).map(PartitionId)
    }

    /// The partition of an arbitrary key.
    pub fn of_key(self, key: &str) -> PartitionId {
        // Fixed for ever: see the golden vectors below.
        let mut hasher = SipHasher13::new_with_keys(0x7761_7970_6f73_7431, 0x7061_7274_6974_696f);
        hasher.write(key.as_bytes());
        let hash = hasher.finish();
        PartitionId(u16::try_from(hash % u64::from(self.0)).unwrap_or_default())
    }

    /// The partition of a contact: by BSUID, else by the phone number's canonical form. `fallback` serves an event that
    /// names nobody.
    pub fn of_contact(self, aliases: &AliasSet, fallback: &str) -> PartitionId {
        if let Some(bsuid) = &aliases.bsuid {
            return self.of_key(bsuid);
        }
        match &aliases.phone {
            Some(phone) => self.of_key(&phone::canonical(phone)),
            None => self.of_key(aliases.parent_bsuid.as_deref().unwrap_or(fallback)),
        }
    }
}

/// A partition's number, below its [`PartitionCount`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId(pub u16);

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{:02}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_one_of_the_first_release() {
        let of = |key: &str| PartitionCount::DEFAULT.of_key(key).0;
        let keys = ["US.13491208655302741918", "16505551234", "wamid.HBgL", "", "äöå"];
        assert_eq!(keys.map(of), [3, 6, 5, 7, 4]);
    }

    /// A number that is its own canonical form stays where the first release put it; other spellings of it come there.
    #[test]
    fn a_number_has_one_partition_however_it_is_spelt() {
        let of = |phone: &str| {
            let aliases = AliasSet { phone: Some(phone.to_owned()), ..AliasSet::default() };
            PartitionCount::DEFAULT.of_contact(&aliases, "x").0
        };
        let own = ["16505551234", "34600000107", "5511987650001", "525512340001", "5491112340023", "447700900123"];
        assert_eq!(own.map(of), own.map(|number| PartitionCount::DEFAULT.of_key(number).0));
        assert_eq!(own.map(of), GOLDEN);
        let others = ["+1 650 555 1234", "0034600000107", "551187650001", "5215512340001", "541112340023"];
        assert_eq!(others.map(of), GOLDEN[..5]);
    }
    const GOLDEN: [u16; 6] = [6, 0, 7, 5, 5, 5];

    #[test]
    fn a_contact_is_placed_by_bsuid_before_phone() {
        let count = PartitionCount::new(64).unwrap();
        let both = AliasSet { phone: Some("1".into()), bsuid: Some("US.2".into()), ..AliasSet::default() };
        assert_eq!(count.of_contact(&both, "x"), count.of_key("US.2"));
        let phone = AliasSet { phone: Some("1".into()), ..AliasSet::default() };
        assert_eq!(count.of_contact(&phone, "x"), count.of_key("1"));
        assert_eq!(count.of_contact(&AliasSet::default(), "x"), count.of_key("x"));
    }

    #[test]
    fn the_count_has_bounds() {
        assert!(PartitionCount::new(0).is_none());
        assert!(PartitionCount::new(100).is_none());
        assert_eq!(PartitionCount::new(8), Some(PartitionCount::DEFAULT));
    }
}
