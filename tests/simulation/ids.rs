//! Ids out of a seed: whatever the program makes new has the same id in every run of the seed.

use std::sync::{Mutex, PoisonError};

use fastrand::Rng;
use uuid::{Builder, Uuid};
use waypost_domain::IdSource;

use crate::time::wall_clock;

/// UUIDv7 as outside, of the simulated time and seeded dice.
#[derive(Debug)]
pub(crate) struct SeededIds(Mutex<Given>);

#[derive(Debug)]
struct Given {
    rng: Rng,
    ids: Vec<Uuid>,
}

impl SeededIds {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(Given { rng: Rng::with_seed(seed), ids: Vec::new() }))
    }

    /// Every id that was asked for, in that order.
    pub(crate) fn given(&self) -> Vec<Uuid> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).ids.clone()
    }
}

impl IdSource for SeededIds {
    fn next_id(&self) -> Uuid {
        let at_ms = u64::try_from(wall_clock().as_millis()).unwrap_or_default();
        let mut given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut random = [0; 10];
        given.rng.fill(&mut random);
        let id = Builder::from_unix_timestamp_millis(at_ms, &random).into_uuid();
        given.ids.push(id);
        id
    }
}
