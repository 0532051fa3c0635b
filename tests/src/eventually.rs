//! Waiting for something that happens elsewhere, with a deadline. The only place where tests wait by the clock.

use std::time::{Duration, Instant};

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Asks `probe` until it gives a value.
///
/// # Panics
/// With `what` was awaited, when `deadline` has passed.
pub async fn eventually<T>(what: &str, deadline: Duration, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        if let Some(value) = probe().await {
            return value;
        }
        let waited = begin.elapsed();
        assert!(waited < deadline, "waited {:.1} s in vain: {what}", waited.as_secs_f64());
        tokio::time::sleep(pause).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_asks_until_there_is_an_answer() {
        let mut asked = 0;
        let answer = eventually("the third answer", Duration::from_secs(5), async || {
            asked += 1;
            (asked == 3).then_some("yes")
        });
        assert_eq!(answer.await, "yes");
        assert_eq!(asked, 3);
    }

    #[tokio::test]
    #[should_panic(expected = "in vain: pigs fly")]
    async fn it_gives_up() {
        eventually("pigs fly", Duration::from_millis(20), async || None::<()>).await;
    }
}
