//! Who waits for whom, and by what it is woken.

use waypost_domain::send::{Cause, SendClass, SendRequest, SendState};
use waypost_domain::team::Priority;

use super::super::{at, name};
use super::{NOW, PORTFOLIO, accepted, answer, attempt, claim, id, new, now, person, request, sender, state};
use crate::{NewSend, PutOff, Result, Store, Verdict};

pub async fn who_waits_is_woken_by_the_one_before(store: &Store) -> Result<()> {
    let lease = sender(store, "a").await?;
    let (ann, bob) = (person(store, "p:4930901820").await?, person(store, "p:4930901821").await?);
    let event = SendRequest { cause: Cause::Event("winter".to_owned()), ..request("offer", ann) };
    assert_eq!(event.cause.class(), SendClass::BusinessStarted);
    store.keep_sends(&[new(request("a", ann)), new(request("b", ann)), new(event), new(request("x", bob))]).await?;
    let (mut tx, claimed) = claim(store, &lease, false).await?;
    let waits: Vec<bool> = claimed.iter().map(|one| one.before.is_some()).collect();
    assert_eq!(waits, [false, true, false, false], "order is kept within a number, a class and a priority");
    assert_eq!(claimed[1].before.map(|before| before.state), Some(SendState::Queued));
    let a = claimed[0].row.place;
    tx.decide(a, Verdict::Attempt(attempt()));
    tx.decide(claimed[1].row.place, Verdict::Wait { until: at(NOW * 50) });
    tx.decide(claimed[2].row.place, Verdict::Defer { until: at(NOW + 1), verdict: Some(b"[]".to_vec()), rule: None });
    let refused = Verdict::End { state: SendState::Refused, verdict: b"{}".to_vec(), rule: None };
    tx.decide(claimed[3].row.place, refused);
    tx.commit(now(), PORTFOLIO).await?;
    let b = store.send(&id("b")).await?.expect("it is stored");
    assert_eq!((b.waits, b.due_at, b.state()), (true, at(NOW * 50), SendState::Queued));
    let offer = store.send(&id("offer")).await?.expect("it is stored");
    assert_eq!((offer.waits, offer.due_at, offer.verdict), (false, at(NOW + 1), Some(b"[]".to_vec())));
    assert_eq!(state(store, "x").await?, SendState::Refused);
    assert_eq!(claim(store, &lease, false).await?.1, [], "nothing else is due");
    let attempting = store.send(&id("a")).await?.expect("it is stored");
    assert_eq!((attempting.state(), attempting.attempt, attempting.epoch), (SendState::Attempting, 1, lease.epoch));

    answer(store, &lease, a, accepted("wamid.a")).await?;
    let (tx, claimed) = claim(store, &lease, false).await?;
    drop(tx);
    let [woken] = &claimed[..] else { panic!("one, not {}", claimed.len()) };
    assert_eq!((woken.row.request.id.as_str(), woken.row.waits), ("b", false));
    assert_eq!(woken.before.map(|before| before.state), Some(SendState::Accepted));
    let offer = store.send(&id("offer")).await?.expect("it is stored");
    assert_eq!(offer.due_at, at(NOW + 1), "who was put off is not woken");
    Ok(())
}

pub async fn who_waits_is_woken_when_the_one_before_expires(store: &Store) -> Result<()> {
    let lease = sender(store, "a").await?;
    let ann = person(store, "p:4930901820").await?;
    let short = NewSend { ends_at: at(NOW + 5), ..new(request("a", ann)) };
    store.keep_sends(&[short, new(request("b", ann))]).await?;
    let (mut tx, claimed) = claim(store, &lease, false).await?;
    tx.decide(claimed[0].row.place, Verdict::Defer { until: at(NOW + 99), verdict: None, rule: None });
    tx.decide(claimed[1].row.place, Verdict::Wait { until: at(NOW * 50) });
    tx.commit(now(), PORTFOLIO).await?;
    assert_eq!(store.expire_sends(&[name("support")], at(NOW + 4), 9).await?, 0);
    assert_eq!(store.expire_sends(&[name("support")], at(NOW + 5), 9).await?, 1);
    let b = store.send(&id("b")).await?.expect("it is stored");
    assert_eq!((state(store, "a").await?, b.waits, b.due_at), (SendState::Expired, false, at(NOW + 5)));
    Ok(())
}

/// Who waits behind an attempt of a process that is gone must not wait for news of it that may never come.
pub async fn who_waits_behind_what_a_dead_sender_had_in_hand_looks_again(store: &Store) -> Result<()> {
    let lease = sender(store, "a").await?;
    let ann = person(store, "p:4930901820").await?;
    store.keep_sends(&[new(request("a", ann)), new(request("b", ann))]).await?;
    let (mut tx, claimed) = claim(store, &lease, false).await?;
    tx.decide(claimed[0].row.place, Verdict::Attempt(attempt()));
    tx.decide(claimed[1].row.place, Verdict::Wait { until: at(NOW * 50) });
    tx.commit(now(), PORTFOLIO).await?;
    store.release_lease(&lease).await?;
    let next = sender(store, "b").await?;
    let mut tx = super::step(store, &next).await?;
    assert_eq!(tx.take_over(&[name("support")], now(), at(NOW + 9)).await?, 1);
    tx.commit(now(), PORTFOLIO).await?;
    let b = store.send(&id("b")).await?.expect("it is stored");
    assert_eq!((state(store, "a").await?, b.waits, b.due_at), (SendState::Uncertain, false, now()));
    Ok(())
}

/// What ends while it waits lets nobody past those that still wait before it, nor does it keep their news from those behind.
pub async fn what_ended_while_it_waited_hides_nobody(store: &Store) -> Result<()> {
    let lease = sender(store, "a").await?;
    let ann = person(store, "p:4930901820").await?;
    let short = NewSend { ends_at: at(NOW + 5), ..new(request("b", ann)) };
    store.keep_sends(&[new(request("a", ann)), short, new(request("c", ann))]).await?;
    let (mut tx, claimed) = claim(store, &lease, false).await?;
    let a = claimed[0].row.place;
    tx.decide(a, Verdict::Attempt(attempt()));
    claimed[1..].iter().for_each(|one| tx.decide(one.row.place, Verdict::Wait { until: at(NOW * 50) }));
    tx.commit(now(), PORTFOLIO).await?;
    assert_eq!(store.expire_sends(&[name("support")], at(NOW + 5), 9).await?, 1);
    let c = store.send(&id("c")).await?.expect("it is stored");
    assert_eq!((state(store, "b").await?, c.waits), (SendState::Expired, false), "it looks again");

    let due = [(c.place, ann)];
    let mut tx = super::step(store, &lease).await?;
    let claimed = tx.claim(&due, at(NOW + 5), super::reach()).await?;
    assert_eq!(claimed[0].before.map(|before| before.state), Some(SendState::Attempting), "behind the first");
    tx.decide(c.place, Verdict::Wait { until: at(NOW * 50) });
    tx.commit(at(NOW + 5), PORTFOLIO).await?;
    answer(store, &lease, a, accepted("wamid.a")).await?;
    assert!(!store.send(&id("c")).await?.expect("it is stored").waits, "woken past what has ended");
    Ok(())
}

/// A code to sign in does not stand behind an offer.
pub async fn what_is_urgent_waits_for_nothing_that_is_not(store: &Store) -> Result<()> {
    let lease = sender(store, "a").await?;
    let ann = person(store, "p:4930901820").await?;
    let of = |text: &str, priority| new(SendRequest { priority, ..request(text, ann) });
    let (normal, urgent) = (Priority::Normal, Priority::Urgent);
    store.keep_sends(&[of("a", normal), of("b", urgent), of("c", urgent)]).await?;
    let (tx, claimed) = claim(store, &lease, true).await?;
    drop(tx);
    let waits: Vec<bool> = claimed.iter().map(|one| one.before.is_some()).collect();
    assert_eq!(waits, [false, true], "the urgent ones among themselves");
    Ok(())
}

/// What a bar had put off until its end, or until the send's own end where that is sooner.
pub async fn what_was_put_off_is_pulled_forward(store: &Store) -> Result<()> {
    let lease = sender(store, "a").await?;
    let (until, sooner, other) = (at(NOW + 900), at(NOW + 700), at(NOW + 800));
    let put_off = [("barred", until), ("ends", sooner), ("waits", until), ("quiet", other)];
    let mut sends = Vec::new();
    for (index, (text, _)) in put_off.iter().enumerate() {
        let contact = person(store, &format!("p:493090182{index}")).await?;
        let ends_at = if *text == "ends" { sooner } else { at(NOW * 100) };
        sends.push(NewSend { ends_at, ..new(request(text, contact)) });
    }
    store.keep_sends(&sends).await?;
    let (mut tx, claimed) = claim(store, &lease, false).await?;
    for (one, (text, until)) in claimed.iter().zip(put_off) {
        let verdict = match text {
            "waits" => Verdict::Wait { until },
            "quiet" => Verdict::Defer { until, verdict: None, rule: Some("quiet_hours") },
            _ => Verdict::Defer { until, verdict: None, rule: None },
        };
        tx.decide(one.row.place, verdict);
    }
    tx.commit(now(), PORTFOLIO).await?;
    let (support, sales) = ([name("support")], [name("sales")]);
    let barred = PutOff::Until(until);
    assert_eq!(store.pull_sends_forward(&sales, barred, now(), 9).await?, 0, "another number's");
    assert_eq!(store.pull_sends_forward(&support, barred, now(), 1).await?, 1);
    assert_eq!(store.pull_sends_forward(&support, barred, now(), 9).await?, 1);
    assert_eq!(store.pull_sends_forward(&support, barred, now(), 9).await?, 0);
    let due = async || {
        let mut due = Vec::new();
        for (text, _) in put_off {
            due.push(store.send(&id(text)).await?.map(|row| row.due_at));
        }
        Ok::<_, crate::StoreError>(due)
    };
    assert_eq!(due().await?, [now(), now(), until, other].map(Some));
    assert_eq!(store.pull_sends_forward(&support, PutOff::By(&["messaging_limit"]), now(), 9).await?, 0);
    let by = PutOff::By(&["messaging_limit", "quiet_hours"]);
    assert_eq!(store.pull_sends_forward(&sales, by, now(), 9).await?, 0, "another number's");
    assert_eq!(store.pull_sends_forward(&support, by, now(), 9).await?, 1);
    assert_eq!(due().await?, [now(), now(), until, now()].map(Some));
    Ok(())
}
