//! The platform, made up: it keeps an account of what it took, and tells statuses in any order, late, twice or not for a while.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use fastrand::Rng;
use tokio_util::sync::CancellationToken;
use waypost_cloud_api::answer::GraphError;
use waypost_domain::send::Mark;
use waypost_domain::{AliasSet, PartitionId, Status, StatusState};
use waypost_graph_client::{Accepted, CallError, Line, Messenger, Outgoing, Refusal, Sent, Unknown};
use waypost_ledger::{Answer, Item, ItemKind, PostRecord, TakenRecord};
use waypost_policy::verdict::{Address, Message};
use waypost_store::{Sequence, Store};

use super::Defect;
use crate::time::{now_ms, sleep, wall_clock};

/// How often what is to be told is looked for.
const TELL_EVERY_MS: u64 = 50;
/// No status is later than that.
const LATE_MS: u64 = 8_000;
const LEASE_TTL: Duration = Duration::from_secs(600);
/// Codes by which something is put off, or ends.
const PUTS_OFF: [(u16, i64); 4] = [(429, 131_056), (429, 130_429), (503, 131_016), (500, 2)];
const ENDS: (u16, i64) = (400, 131_026);
/// With which what was taken fails afterwards.
const FAILS: i64 = 131_026;

pub(crate) struct Platform(Mutex<State>);

struct State {
    rng: Rng,
    defect: Defect,
    is_healed: bool,
    taken: Vec<TakenRecord>,
    /// What is to be told, by when.
    untold: BTreeMap<(u64, usize), (Mark, String, &'static str)>,
    count: usize,
    told: Vec<PostRecord>,
}

/// What it does with a request.
enum Does {
    Take { answers: bool, fails: bool },
    Lose,
    Refuse(u16, i64),
}

impl Platform {
    pub(super) fn new(rng: Rng, defect: Defect) -> Arc<Self> {
        let (taken, untold, told) = (Vec::new(), BTreeMap::new(), Vec::new());
        Arc::new(Self(Mutex::new(State { rng, defect, is_healed: false, taken, untold, count: 0, told })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on it takes everything, and answers.
    pub(super) fn heal(&self) {
        self.state().is_healed = true;
    }

    /// In its order.
    pub(super) fn taken(&self) -> Vec<TakenRecord> {
        self.state().taken.clone()
    }

    pub(super) fn told(&self) -> Vec<PostRecord> {
        self.state().told.clone()
    }

    pub(super) fn is_told(&self) -> bool {
        self.state().untold.is_empty()
    }

    /// Tells what is due, until `stop`.
    pub(super) async fn tell(self: Arc<Self>, store: Store, stop: CancellationToken) {
        let shard = PartitionId(99);
        let lease = store.acquire_lease("told", shard, "the platform", LEASE_TTL, Sequence::None).await;
        let lease = lease.expect("the store answers").expect("nobody else tells");
        while !stop.is_cancelled() {
            sleep(TELL_EVERY_MS).await;
            let due: Vec<_> = {
                let mut state = self.state();
                let rest = state.untold.split_off(&(now_ms() + 1, 0));
                std::mem::replace(&mut state.untold, rest).into_values().collect()
            };
            if due.is_empty() {
                continue;
            }
            let statuses: Vec<Status> = due.iter().map(|(mark, wamid, word)| status(mark, wamid, word)).collect();
            let mut tx = store.begin_record(&lease.fence(0, None)).await.expect("the lease lasts");
            tx.fold_statuses(&statuses, wall_clock()).await.expect("the store takes them");
            tx.commit().await.expect("the store keeps them");
            let mut state = self.state();
            for (_, wamid, word) in due {
                let number = state.told.len() as u64;
                state.told.push(post(number, wamid, word));
            }
        }
    }
}

impl State {
    fn does(&mut self) -> Does {
        if self.is_healed {
            return Does::Take { answers: true, fails: false };
        }
        match self.rng.u32(0..100) {
            0..65 => Does::Take { answers: true, fails: false },
            65..70 => Does::Take { answers: true, fails: true },
            70..82 => Does::Take { answers: false, fails: false },
            82..90 => Does::Lose,
            90..98 => {
                let (http_status, code) = PUTS_OFF[self.rng.usize(0..PUTS_OFF.len())];
                Does::Refuse(http_status, code)
            }
            _ => Does::Refuse(ENDS.0, ENDS.1),
        }
    }

    /// `at_ms`: when the request left, in a window that may end while it is on its way.
    fn take(&mut self, from: &Line, message: &Outgoing<'_>, at_ms: i64, fails: bool) -> String {
        let position = self.taken.len() as u64;
        let wamid = format!("wamid.{position}");
        let template = match message.message {
            Message::Template(template) => Some(template.name.clone()),
            Message::FreeForm(_) => None,
        };
        let Address::Phone(customer) = message.address else { unreachable!("everybody has a number") };
        self.taken.push(TakenRecord {
            position,
            at_ms,
            phone_number_id: from.phone_number_id.clone(),
            customer: customer.trim_start_matches('+').to_owned(),
            wamid: wamid.clone(),
            mark: Some(message.mark.to_string()),
            category: if template.is_some() { "utility" } else { "service" }.to_owned(),
            template,
            fails_with: fails.then_some(FAILS),
        });
        let words: &[&'static str] = if fails { &["sent", "failed"] } else { &["sent", "delivered", "read"] };
        for word in words {
            for _ in 0..=u32::from(self.rng.u32(0..5) == 0) {
                self.count += 1;
                let at = now_ms() + self.rng.u64(0..LATE_MS);
                self.untold.insert((at, self.count), (message.mark.clone(), wamid.clone(), word));
            }
        }
        wamid
    }
}

#[async_trait]
impl Messenger for Platform {
    async fn send(&self, from: &Line, message: &Outgoing<'_>) -> Sent {
        let at_ms = wall_clock().as_millis();
        let (before, after) = {
            let mut state = self.state();
            (state.rng.u64(1..120), state.rng.u64(1..120))
        };
        sleep(before).await;
        let (does, wamid) = {
            let mut state = self.state();
            let does = state.does();
            let wamid = match does {
                Does::Take { fails, .. } => {
                    if state.defect == Defect::TakeTwice {
                        state.take(from, message, at_ms, fails);
                    }
                    Some(state.take(from, message, at_ms, fails))
                }
                Does::Lose | Does::Refuse(..) => None,
            };
            (does, wamid)
        };
        sleep(after).await;
        match (does, wamid) {
            (Does::Take { answers: true, .. }, Some(wamid)) => {
                Sent::Accepted(Accepted { wamid, status: None, wa_id: None, user_id: None })
            }
            (Does::Refuse(http_status, code), _) => {
                let body = format!(r#"{{"error":{{"message":"(#{code}) no","code":{code}}}}}"#);
                let error = GraphError::read(body.as_bytes()).map(Box::new);
                Sent::Refused(Refusal { http_status, error, retry_after: None })
            }
            (Does::Take { .. } | Does::Lose, _) => Sent::Unknown(Unknown::Broken),
        }
    }

    async fn mark_read(&self, _: &Line, _: &str, _: bool) -> Result<(), CallError> {
        Ok(())
    }

    async fn credentials_version(&self) -> u64 {
        0
    }
}

fn status(mark: &Mark, wamid: &str, word: &str) -> Status {
    Status {
        id: wamid.to_owned(),
        state: StatusState::parse(word),
        timestamp: None,
        recipient: AliasSet::default(),
        participant: None,
        callback_data: Some(mark.to_string()),
        errors: vec![],
        pricing: None,
        conversation: None,
    }
}

fn post(number: u64, wamid: String, word: &str) -> PostRecord {
    PostRecord {
        number,
        started_ns: 0,
        answered_ns: u64::MAX,
        started_at_ms: wall_clock().as_millis(),
        answer: Answer::Status(200),
        signed: true,
        items: vec![Item {
            phone_number_id: String::new(),
            key: wamid,
            contact: String::new(),
            ordinal: 0,
            kind: ItemKind::Status { state: word.to_owned() },
        }],
    }
}
