//! News of sends: answers and statuses in any order, failures, what nobody knows the end of.

use waypost_domain::calendar::Date;
use waypost_domain::send::SendState;
use waypost_domain::{Pricing, Status, StatusState};

use super::super::{at, name, number};
use super::{
    NOW, PORTFOLIO, accepted, answer, attempt_all, id, new, now, person, request, sender, state, status, step, tell,
};
use crate::{MonthSpend, Result, SendAnswer, SpendRow, Store, StoreError};

/// The answer, and statuses that carry our mark or the wamid, in every order: the highest state stays, each with its time.
pub async fn news_of_a_send_comes_in_any_order(store: &Store) -> Result<()> {
    let lease = sender(store, "a").await?;
    let ann = person(store, "p:4930901820").await?;
    let orders = [[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2], [2, 3, 0, 1], [3, 0, 2, 1], [1, 2, 3, 0]];
    for (at_order, order) in orders.iter().enumerate() {
        let (send, wamid) = (format!("s{at_order}"), format!("wamid.{at_order}"));
        store.keep_sends(&[new(request(&send, ann))]).await?;
        let place = attempt_all(store, &lease).await?[0];
        let mark = format!("wp1/{send}/1");
        for news in order {
            match news {
                0 => answer(store, &lease, place, accepted(&wamid)).await?,
                1 => drop(tell(store, &lease, &[status(&wamid, "sent", Some(&mark))]).await?),
                2 => drop(tell(store, &lease, &[status(&wamid, "delivered", Some(&mark))]).await?),
                _ => drop(tell(store, &lease, &[status(&wamid, "read", Some(&mark)); 1]).await?),
            }
        }
        let row = store.send(&id(&send)).await?.expect("it is stored");
        assert_eq!((row.state(), row.wamid.as_deref()), (SendState::Read, Some(&*wamid)), "{order:?}");
        let progress = row.progress;
        let times = [progress.sent_at, progress.delivered_at, progress.read_at];
        assert_eq!(times, [Some(at(NOW + 5)); 3], "{order:?}");
        assert_eq!(progress.accepted_at, Some(now()));
    }
    let folded = tell(store, &lease, &[status("wamid.theirs", "sent", None), status("wamid.0", "sent", None)]).await?;
    assert_eq!((folded.foreign, folded.failed), (1, vec![]));
    Ok(())
}

/// A status without our mark that is faster than the answer is joined by the answer.
pub async fn an_orphan_status_is_joined_by_the_answer(store: &Store) -> Result<()> {
    let lease = sender(store, "a").await?;
    let ann = person(store, "p:4930901820").await?;
    store.keep_sends(&[new(request("a", ann))]).await?;
    let place = attempt_all(store, &lease).await?[0];
    let early = crate::StatusRow {
        number: number(),
        wamid: "wamid.a".to_owned(),
        state: StatusState::Delivered,
        participant: None,
        at: Some(at(NOW + 7)),
        received_at: at(NOW + 8),
        callback_data: None,
        error_codes: vec![],
        json: b"{}".to_vec(),
    };
    let mut tx = store.begin_record(&lease.fence(0, None)).await?;
    tx.record_statuses(&[early]).await?;
    assert_eq!(tx.fold_statuses(&[status("wamid.a", "delivered", None)], now()).await?.foreign, 1);
    tx.commit().await?;
    assert_eq!(state(store, "a").await?, SendState::Attempting);
    answer(store, &lease, place, accepted("wamid.a")).await?;
    let row = store.send(&id("a")).await?.expect("it is stored");
    assert_eq!((row.state(), row.progress.delivered_at), (SendState::Delivered, Some(at(NOW + 7))));
    Ok(())
}

pub async fn a_failure_keeps_its_code_and_its_price_is_told_once(store: &Store) -> Result<()> {
    let lease = sender(store, "a").await?;
    let ann = person(store, "p:4930901820").await?;
    store.keep_sends(&[new(request("a", ann))]).await?;
    let place = attempt_all(store, &lease).await?[0];
    answer(store, &lease, place, accepted("wamid.a")).await?;
    let priced = |kind: &str| Some(Pricing { kind: Some(kind.to_owned()), ..Pricing::default() });
    let sent = Status { pricing: priced("regular"), ..status("wamid.a", "sent", None) };
    let again = Status { pricing: priced("free_entry_point"), ..sent.clone() };
    let error = waypost_domain::message::MessageError { code: 131_026, ..Default::default() };
    let failed = Status { errors: vec![error], ..status("wamid.a", "failed", None) };
    assert_eq!(tell(store, &lease, &[sent.clone(), again]).await?.priced, [], "it may never arrive");
    let folded = tell(store, &lease, std::slice::from_ref(&failed)).await?;
    let [told] = &folded.failed[..] else { panic!("one failed, not {}", folded.failed.len()) };
    assert_eq!((told.id.as_str(), told.contact, told.code), ("a", ann, Some(131_026)));
    assert_eq!(tell(store, &lease, &[failed]).await?.failed, [], "it is told once");
    tell(store, &lease, &[status("wamid.a", "sent", None)]).await?;
    let row = store.send(&id("a")).await?.expect("it is stored");
    assert_eq!((row.state(), row.progress.failed), (SendState::Failed, Some((at(NOW + 5), Some(131_026)))));
    let price = row.price.expect("it has one");
    assert_eq!((price.billed, price.kind.as_deref()), (Some(true), Some("regular")));
    let delivered = status("wamid.a", "delivered", None);
    let folded = tell(store, &lease, &[delivered.clone(), sent]).await?;
    let [priced] = &folded.priced[..] else { panic!("one price, not {}", folded.priced.len()) };
    assert_eq!((priced.number.as_str(), priced.price.billed, priced.at), ("support", Some(true), at(NOW + 5)));
    assert_eq!(tell(store, &lease, &[delivered]).await?.priced, [], "it is counted once");
    let row = store.send(&id("a")).await?.expect("it is stored");
    assert_eq!(row.state(), SendState::Delivered, "another device has it");
    assert_eq!(row.progress.failed, Some((at(NOW + 5), Some(131_026))));
    Ok(())
}

/// By day, number, category and country; and by month, whose sum tells how far the budget was acted upon.
pub async fn what_is_spent_is_summed_up(store: &Store) -> Result<()> {
    let lease = sender(store, "a").await?;
    let day = |text: &str| Date::parse(text).expect("a day");
    let row = |on: &str, number: &str, country: &str, micros: u64| SpendRow {
        day: day(on),
        number: name(number),
        category: "marketing".to_owned(),
        country: country.to_owned(),
        currency: "EUR".to_owned(),
        billed: 2,
        free: 1,
        unpriced: 1,
        micros,
    };
    assert_eq!(store.month_spend("2026-11", "EUR").await?, MonthSpend::default());
    let rows = [row("2026-11-30", "sales", "DE", 5), row("2026-11-30", "support", "DE", 7)];
    for sum in [12, 24] {
        let mut tx = store.begin_record(&lease.fence(0, None)).await?;
        tx.add_spend(&rows).await?;
        assert_eq!(tx.add_to_month("2026-11", "EUR", 12).await?, MonthSpend { micros: sum, ..MonthSpend::default() });
        tx.commit().await?;
    }
    let mut tx = store.begin_record(&lease.fence(0, None)).await?;
    tx.add_spend(&[row("2026-12-01", "sales", "", 1)]).await?;
    assert_eq!(tx.add_to_month("2026-12", "EUR", 1).await?.micros, 1, "a month of its own");
    assert_eq!(tx.add_to_month("2026-11", "USD", 1).await?.micros, 1, "a currency of its own");
    let acted = MonthSpend { micros: 24, warned_micros: Some(20), stopped_micros: None };
    tx.acted_upon_budget("2026-11", "EUR", acted).await?;
    tx.commit().await?;
    assert_eq!(store.month_spend("2026-11", "EUR").await?, acted);
    let mut tx = store.begin_record(&lease.fence(0, None)).await?;
    assert_eq!(tx.add_to_month("2026-11", "EUR", 6).await?, MonthSpend { micros: 30, ..acted });
    drop(tx);
    assert_eq!(store.month_spend("2026-11", "EUR").await?, acted, "nothing of what is not committed");
    let doubled = rows.map(|row| SpendRow { billed: 4, free: 2, unpriced: 2, micros: row.micros * 2, ..row });
    assert_eq!(store.spend(day("2026-11-01"), day("2026-12-01")).await?, doubled);
    assert_eq!(store.spend(day("2026-12-01"), day("2027-01-01")).await?, [row("2026-12-01", "sales", "", 1)]);
    Ok(())
}

pub async fn what_a_dead_sender_had_in_hand_may_have_gone(store: &Store) -> Result<()> {
    let lease = sender(store, "a").await?;
    let ann = person(store, "p:4930901820").await?;
    store.keep_sends(&[new(request("a", ann))]).await?;
    let place = attempt_all(store, &lease).await?[0];
    store.release_lease(&lease).await?;
    let next = sender(store, "b").await?;
    let late = answer(store, &lease, place, accepted("wamid.a")).await;
    assert!(matches!(late, Err(StoreError::LeaseLost { .. })), "{late:?}");
    let mut tx = step(store, &next).await?;
    assert_eq!(tx.take_over(&[name("sales")], now(), at(NOW + 9)).await?, 0);
    assert_eq!(tx.take_over(&[name("support")], now(), at(NOW + 9)).await?, 1);
    tx.commit(now(), PORTFOLIO).await?;
    assert_eq!(state(store, "a").await?, SendState::Uncertain);
    assert_eq!(store.unsettled_sends(&[name("support")], at(NOW + 8), 9).await?, []);
    let unsettled = store.unsettled_sends(&[name("support")], at(NOW + 9), 9).await?;
    assert_eq!(unsettled.iter().map(|row| row.place).collect::<Vec<_>>(), [place]);
    answer(store, &next, place, SendAnswer::Again { due_at: at(NOW) }).await?;
    let row = store.send(&id("a")).await?.expect("it is stored");
    assert_eq!((row.state(), row.maybe_duplicate), (SendState::Queued, true));
    assert_eq!(attempt_all(store, &next).await?, [place]);
    // The answer to the first attempt after all: whatever it says of a failure is not about the second.
    answer(store, &next, place, SendAnswer::Failed { code: Some(1) }).await?;
    answer(store, &next, place, SendAnswer::Later { due_at: at(NOW), code: None, counts: true }).await?;
    assert_eq!(state(store, "a").await?, SendState::Attempting);
    tell(store, &next, &[status("wamid.a", "sent", Some("wp1/a/1"))]).await?;
    assert_eq!(state(store, "a").await?, SendState::Sent);
    Ok(())
}

pub async fn what_is_put_off_is_tried_again(store: &Store) -> Result<()> {
    let lease = sender(store, "a").await?;
    let ann = person(store, "p:4930901820").await?;
    store.keep_sends(&[new(request("a", ann))]).await?;
    let place = attempt_all(store, &lease).await?[0];
    let later = |due_at: i64, counts| SendAnswer::Later { due_at: at(due_at), code: Some(131_056), counts };
    answer(store, &lease, place, later(NOW + 1, true)).await?;
    let row = store.send(&id("a")).await?.expect("it is stored");
    assert_eq!((row.state(), row.due_at, row.retries), (SendState::Queued, at(NOW + 1), 1));
    assert_eq!(row.progress.failed, Some((now(), Some(131_056))), "why it waits");
    assert_eq!(attempt_all(store, &lease).await?, [0_i64; 0], "not before its time");
    answer(store, &lease, place, SendAnswer::Lost { settle_at: at(NOW) }).await?;
    assert_eq!(state(store, "a").await?, SendState::Queued, "it is not attempting");
    Ok(())
}
