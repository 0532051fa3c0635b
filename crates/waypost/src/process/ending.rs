//! How a process that was asked to stop comes to its end in time: within the drain time and five seconds more, whatever
//! the network does.
//!
//! The components drain; who has not by then is given up; the connections are closed; and should anything hang in spite
//! of all that, a thread of its own says what it was and ends the process. Must never wait for anything without a limit,
//! and its last word must not need the runtime, which may be what hangs.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};
use waypost_cli::HUNG;

use waypost_cli::Failure;

/// Beyond the drain time, for the components' own last words: a lease given back, a name taken off the list.
const LAST_WORDS: Duration = Duration::from_millis(1_500);
/// For what was given up to be gone. Only what blocks its thread takes longer, and that will not go.
const ABORT_TIMEOUT: Duration = Duration::from_millis(250);
/// For store, bus and operators' page to say goodbye, all together.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(2_000);
/// For the runtime to stop, in `main`.
pub(crate) const RUNTIME_TIMEOUT: Duration = Duration::from_millis(500);
/// Beyond the drain time: more than all of the above, and less than the five seconds that an operator is promised.
const LAST_DEADLINE: Duration = Duration::from_millis(4_500);
/// For the last word to be written: whoever reads our log may hang too.
const LAST_WORD_TIMEOUT: Duration = Duration::from_millis(250);

pub(crate) type Tasks = JoinSet<Result<(), Failure>>;

/// What a process does from the moment it is asked to stop.
#[derive(Clone)]
pub(crate) struct Ending {
    shutdown: CancellationToken,
    drain_timeout: Duration,
    parts: Parts,
    /// When the goodbyes are over; set by the first.
    goodbyes_end: Arc<OnceLock<tokio::time::Instant>>,
}

/// The names of what runs.
type Parts = Arc<Mutex<Vec<&'static str>>>;

/// While this lives, its part of the process counts as running.
pub(crate) struct Part {
    name: &'static str,
    parts: Parts,
}

impl Drop for Part {
    fn drop(&mut self) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = parts.iter().position(|name| *name == self.name) {
            parts.swap_remove(at);
        }
    }
}

impl Ending {
    fn new(shutdown: CancellationToken, drain_timeout: Duration) -> Self {
        Self { shutdown, drain_timeout, parts: Parts::default(), goodbyes_end: Arc::default() }
    }

    /// From `shutdown` on the process has the drain time and five seconds.
    pub(crate) fn of(shutdown: CancellationToken, drain_timeout: Duration) -> Self {
        let ending = Self::new(shutdown, drain_timeout);
        let parts = ending.parts.clone();
        ending.at_last_deadline(move || {
            let (said, hears) = mpsc::sync_channel(1);
            std::thread::spawn(move || {
                error!(hung = names(&parts), "not ended in time; leaving now");
                said.send(()).ok();
            });
            // Whether it was said or not: the process ends.
            hears.recv_timeout(LAST_WORD_TIMEOUT).ok();
            std::process::exit(i32::from(HUNG))
        });
        ending
    }

    /// Calls `leave` when the last deadline has passed, on a thread that nothing else can hold up.
    fn at_last_deadline(&self, leave: impl FnOnce() + Send + 'static) {
        let (shutdown, limit) = (self.shutdown.clone(), self.drain_timeout + LAST_DEADLINE);
        tokio::spawn(async move {
            shutdown.cancelled().await;
            std::thread::spawn(move || {
                std::thread::sleep(limit);
                leave();
            });
        });
    }

    /// Counts a part of the process as running for as long as the guard lives.
    pub(crate) fn part(&self, name: &'static str) -> Part {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).push(name);
        Part { name, parts: self.parts.clone() }
    }

    /// Starts a component.
    pub(crate) fn spawn(
        &self,
        tasks: &mut Tasks,
        name: &'static str,
        work: impl Future<Output = Result<(), Failure>> + Send + 'static,
    ) {
        let part = self.part(name);
        tasks.spawn(async move {
            let _part = part;
            work.await
        });
    }

    /// Work that may be left where it is when the process is to stop: it is done again at the next start. `None` then.
    pub(crate) async fn unless_stopped<T>(&self, name: &'static str, work: impl Future<Output = T>) -> Option<T> {
        let _part = self.part(name);
        self.shutdown.run_until_cancelled(work).await
    }

    /// Until every component has ended. When one ends by itself the process is not whole any more, and the others are
    /// stopped. Those that have not drained in time are given up.
    pub(crate) async fn of_components(&self, mut tasks: Tasks) -> Result<(), Failure> {
        let mut outcome = Ok(());
        {
            let mut time_is_up = std::pin::pin!(async {
                self.shutdown.cancelled().await;
                tokio::time::sleep(self.drain_timeout + LAST_WORDS).await;
            });
            loop {
                let ended = tokio::select! {
                    biased;
                    ended = tasks.join_next() => ended,
                    () = time_is_up.as_mut() => break,
                };
                let Some(ended) = ended else { return outcome };
                let ended = ended.unwrap_or_else(|error| Err(Failure::failed(format!("a component failed: {error}"))));
                self.shutdown.cancel();
                outcome = outcome.and(ended);
            }
        }
        let hung = names(&self.parts);
        warn!(hung, "not drained in time; given up");
        // Each ends where it waits. What was not finished is done by whoever comes next.
        if tokio::time::timeout(ABORT_TIMEOUT, tasks.shutdown()).await.is_err() {
            warn!(hung = names(&self.parts), "cannot be given up");
        }
        outcome.and(Err(Failure::Hung(format!("not drained in time: {hung}"))))
    }

    /// The goodbyes, which nobody waits for longer than a moment, however many there are.
    pub(crate) async fn close(&self, name: &'static str, goodbye: impl Future<Output = ()>) {
        let _part = self.part(name);
        let end = *self.goodbyes_end.get_or_init(|| tokio::time::Instant::now() + CLOSE_TIMEOUT);
        if tokio::time::timeout_at(end, goodbye).await.is_err() {
            warn!(name, "no answer to the goodbye");
        }
    }
}

fn names(parts: &Parts) -> String {
    parts.lock().unwrap_or_else(PoisonError::into_inner).join(", ")
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    const DRAIN: Duration = Duration::from_secs(20);

    fn ending(drain_timeout: Duration) -> Ending {
        Ending::new(CancellationToken::new(), drain_timeout)
    }

    /// All of it together leaves the last deadline nothing to do.
    #[test]
    fn the_limits_fit_into_the_promise() {
        let ordinary = LAST_WORDS + ABORT_TIMEOUT + CLOSE_TIMEOUT + RUNTIME_TIMEOUT;
        assert!(ordinary < LAST_DEADLINE, "{ordinary:?}");
        assert!(LAST_DEADLINE + LAST_WORD_TIMEOUT < Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_not_drained_in_time_is_given_up_and_named() {
        let ending = ending(DRAIN);
        let mut tasks = Tasks::new();
        ending.spawn(&mut tasks, "good", {
            let shutdown = ending.shutdown.clone();
            async move {
                shutdown.cancelled().await;
                Ok(())
            }
        });
        ending.spawn(&mut tasks, "bad", pending());
        let began = tokio::time::Instant::now();
        ending.shutdown.cancel();
        let ended = ending.of_components(tasks).await;
        assert_eq!(began.elapsed(), DRAIN + LAST_WORDS);
        assert!(matches!(&ended, Err(Failure::Hung(what)) if what.ends_with(": bad")), "{ended:?}");
        assert_eq!(names(&ending.parts), "", "it is gone");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_ends_by_itself_stops_the_others() {
        let ending = ending(DRAIN);
        let mut tasks = Tasks::new();
        ending.spawn(&mut tasks, "first", async { Err(Failure::failed("broken")) });
        let shutdown = ending.shutdown.clone();
        ending.spawn(&mut tasks, "second", async move {
            shutdown.cancelled().await;
            Ok(())
        });
        let ended = ending.of_components(tasks).await;
        assert!(matches!(&ended, Err(Failure::Failed(why)) if why == "broken"), "{ended:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn neither_a_start_nor_a_goodbye_outlasts_the_end() {
        let ending = ending(DRAIN);
        let began = tokio::time::Instant::now();
        ending.close("store", pending()).await;
        ending.close("bus", pending()).await;
        assert_eq!(began.elapsed(), CLOSE_TIMEOUT, "both together");
        assert_eq!(ending.unless_stopped("start", async { 1 }).await, Some(1));
        ending.shutdown.cancel();
        assert_eq!(ending.unless_stopped("start", pending::<()>()).await, None);
    }

    #[tokio::test]
    async fn the_last_deadline_waits_for_nobody() {
        let ending = ending(Duration::ZERO);
        let (left, leaves) = mpsc::sync_channel(1);
        ending.at_last_deadline(move || left.send(()).unwrap());
        let began = std::time::Instant::now();
        ending.shutdown.cancel();
        tokio::task::yield_now().await;
        // The runtime has this one thread, and it is blocked.
        leaves.recv_timeout(LAST_DEADLINE * 4).unwrap();
        assert!(began.elapsed() >= LAST_DEADLINE, "{:?}", began.elapsed());
    }
}
