//! The customer service window ends while sends wait, and clocks differ. 23 and 17.
//!
//! Nobody waits for a day: the customers' messages come as late as Meta may tell of them.

use std::time::Duration;

use anyhow::ensure;
use waypost_domain::send::SendState;
use waypost_ledger::Invariant;
use waypost_sandbox::Said;

use super::super::Scale;
use super::desk::{Asking, Desk, What, phone};
use crate::outbound::NUMBER_ID;

/// The program keeps off the last minute of a window.
const WINDOW: Duration = Duration::from_secs(24 * 60 * 60 - 60);
const SKEW: Duration = Duration::from_secs(600);

/// Each wrote so long ago that `left` is left of the window by the program's account, and is told of now.
async fn written_long_ago(desk: &Desk, customers: usize, left: Duration) -> anyhow::Result<()> {
    for n in 0..customers {
        desk.control().say_late(&phone(n), NUMBER_ID, &Said::text("zebulon"), WINDOW - left)?;
    }
    known(desk, customers).await
}

/// So many have written, and the template is known.
async fn known(desk: &Desk, customers: usize) -> anyhow::Result<()> {
    let windows = "SELECT count(*) FROM conversation WHERE window_ends_at IS NOT NULL";
    desk.until_count("they have written", windows, i64::try_from(customers)?).await;
    desk.until_count("the template is listed", "SELECT count(*) FROM template", 1).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_23_window_ends_while_queued() -> anyhow::Result<()> {
    let scale = Scale::from_env();
    let (customers, left) = scale.pick((30, Duration::from_secs(5)), (300, Duration::from_secs(40)));
    let with = |deployment: crate::deployment::Deployment| deployment.set("sender.rate_per_second", "10");
    let mut desk = Desk::open("23 window ends while queued", customers, |_| {}, with).await?;
    written_long_ago(&desk, customers, left).await?;
    for part in 0..3 {
        let what = if part == 1 { What::AnswerOrTemplate } else { What::Answer };
        desk.ask_all((0..customers).map(|n| Asking::new(format!("a{n}-{part}"), n, what))).await?;
    }
    let (_, ledger) = desk.finish().await?;
    let of = |state: SendState| ledger.sends.rows.iter().filter(move |row| row.state == state).count();
    let templates = ledger.sends.taken.iter().filter(|taken| taken.template.is_some()).count();
    let (went, refused) = (of(SendState::Read), of(SendState::Refused));
    ensure!(
        went - templates > 0 && templates > 0 && refused > 0,
        "{went} went, {templates} as templates, {refused} not"
    );
    ensure!(went + refused == 3 * customers && of(SendState::Failed) == 0, "{:?}", ledger.sends.rows);
    let rules = ledger.sends.rows.iter().filter(|row| row.state == SendState::Refused);
    ensure!(rules.clone().all(|row| row.rule.as_deref() == Some("window_closed")), "{:?}", rules.collect::<Vec<_>>());
    Ok(())
}

/// How a customer's message comes by Meta's clock, and what becomes of the answer.
struct Case {
    word: &'static str,
    ago: Duration,
    is_answered: bool,
}

/// Meta's clock is ten minutes ahead of ours, within the minute that we keep off, and ten minutes behind. Who wrote just
/// now is answered in each case; of who wrote a day ago the window is not taken for longer than it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_17_clocks_differ() -> anyhow::Result<()> {
    const CUSTOMERS: usize = 8;
    let mut desk = Desk::open("17 clocks differ", 4 * CUSTOMERS, |_| {}, |deployment| deployment).await?;
    let (seconds, now) = (Duration::from_secs, Duration::ZERO);
    let steps = [
        (true, SKEW, vec![Case { word: "ahead", ago: now, is_answered: true }]),
        // 50 s ahead. By our account 45 s are left, by Meta's 55.
        (false, SKEW - seconds(50), vec![Case { word: "edge", ago: WINDOW + seconds(5), is_answered: true }]),
        (
            false,
            SKEW + seconds(50),
            vec![
                Case { word: "behind", ago: now, is_answered: true },
                Case { word: "yesterday", ago: WINDOW + seconds(120), is_answered: false },
            ],
        ),
    ];
    let mut first = 0;
    for (is_ahead, by, cases) in steps {
        if is_ahead {
            desk.control().advance(by)
        } else {
            desk.control().turn_back(by)
        }
        for Case { word, ago, is_answered } in cases {
            let customers = first..first + CUSTOMERS;
            first += CUSTOMERS;
            for n in customers.clone() {
                desk.control().say_late(&phone(n), NUMBER_ID, &Said::text("zebulon"), ago)?;
            }
            known(&desk, first).await?;
            desk.ask_all(customers.map(|n| Asking::new(format!("{word}{n}"), n, What::Answer))).await?;
            desk.drained().await?;
            let state = if is_answered { "IN ('accepted', 'sent', 'delivered', 'read')" } else { "= 'refused'" };
            let right = format!("SELECT count(*) FROM send WHERE id LIKE '{word}%' AND state {state}");
            let right = desk.journal.count(&right).await?;
            ensure!(right == i64::try_from(CUSTOMERS)?, "{word}: {right} of {CUSTOMERS}");
        }
    }
    desk.finish().await?;
    Ok(())
}

/// A clock that is further behind than we keep off takes a window for open that has ended: then Meta's word ends it, and the
/// next answer is not even tried.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metas_word_ends_a_window_that_our_clock_keeps_open() -> anyhow::Result<()> {
    let mut desk = Desk::open("17 our clock is behind", 1, |_| {}, |deployment| deployment).await?;
    desk.control().advance(SKEW);
    desk.control().say_late(&phone(0), NUMBER_ID, &Said::text("zebulon"), WINDOW + Duration::from_secs(120))?;
    known(&desk, 1).await?;
    desk.ask_all([Asking::new("first", 0, What::Answer)]).await?;
    desk.until_count("Meta refuses it", "SELECT count(*) FROM send WHERE error_code = 131047", 1).await;
    desk.ask_all([Asking::new("second", 0, What::Answer), Asking::new("third", 0, What::AnswerOrTemplate)]).await?;
    desk.drained().await?;
    let verdict = desk.judge_quickly().await?;
    // The first of them is what the clock costs.
    ensure!(verdict.of(Invariant::I5).count() == 1 && verdict.counts.taken == 2, "{verdict}");
    Ok(())
}
