//! What is due, as far as there is room: the urgent ones first, and a few places kept for those that would never come up
//! otherwise.

use waypost_domain::{ContactId, NumberName, Timestamp};
use waypost_store::{DueSend, Store, StoreError};

/// A send's place, and whom it is for.
pub(crate) type Due = (i64, ContactId);

/// So many may go from each of these numbers. Of ten places, `normal_share` are kept for normal sends.
pub(crate) async fn due(
    store: &Store,
    room: &[(NumberName, u32)],
    normal_share: u32,
    now: Timestamp,
) -> Result<Vec<Due>, StoreError> {
    let urgent = store.due_sends(room, true, now).await?;
    let mut wanted = Vec::with_capacity(room.len());
    for (number, free) in room {
        let taken = of(&urgent, number).len();
        let left = free.saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX));
        wanted.push((number.clone(), left.max(kept(*free, normal_share))));
    }
    let normal = store.due_sends(&wanted, false, now).await?;
    let mut due = Vec::new();
    for (number, free) in room {
        due.extend(share(of(&urgent, number), of(&normal, number), *free));
    }
    Ok(due)
}

fn kept(free: u32, normal_share: u32) -> u32 {
    free.saturating_mul(normal_share).div_ceil(10).min(free)
}

fn of(sends: &[DueSend], number: &NumberName) -> Vec<Due> {
    sends.iter().filter(|one| one.number == *number).map(|one| (one.place, one.contact)).collect()
}

/// All the normal ones that were asked for, and as many of the urgent ones as there is room for beside them.
fn share(urgent: Vec<Due>, normal: Vec<Due>, free: u32) -> impl Iterator<Item = Due> {
    let free = usize::try_from(free).unwrap_or(usize::MAX);
    let beside = free.saturating_sub(normal.len());
    urgent.into_iter().take(beside).chain(normal)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn urgent_ones_leave_a_few_places() {
        let due = |from: i64, count: u32| -> Vec<Due> {
            (from..from + i64::from(count)).map(|place| (place, ContactId::from_uuid(Uuid::nil()))).collect()
        };
        let cases: [(u32, u32, u32, (usize, usize)); 5] =
            [(10, 20, 5, (8, 2)), (10, 5, 20, (5, 5)), (10, 10, 0, (10, 0)), (10, 0, 3, (0, 3)), (1, 5, 5, (0, 1))];
        for (free, urgent, normal, want) in cases {
            let asked = free.saturating_sub(urgent).max(kept(free, 2));
            let shared: Vec<Due> = share(due(0, urgent.min(free)), due(100, normal.min(asked)), free).collect();
            let urgent_went = shared.iter().filter(|(place, _)| *place < 100).count();
            assert_eq!((urgent_went, shared.len() - urgent_went), want, "{free} places");
        }
    }
}
