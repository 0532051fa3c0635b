//! The source of ids outside of simulations. It must stay the only place here that draws one.

use uuid::Uuid;
use waypost_domain::IdSource;

/// UUIDv7: the system's time, then random bits. Ascending within a process.
#[derive(Debug, Clone, Copy, Default)]
pub struct TimeOrderedIds;

impl IdSource for TimeOrderedIds {
    fn next_id(&self) -> Uuid {
        Uuid::now_v7()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ascend() {
        let ids: Vec<Uuid> = (0..1_000).map(|_| TimeOrderedIds.next_id()).collect();
        assert!(ids.is_sorted_by(|one, next| one < next));
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
    }
}
