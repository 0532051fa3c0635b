//! Parked messages: kept once, listed, replayed as a job, discarded.

use std::time::Duration;

use uuid::Uuid;
use waypost_domain::PartitionId;

use super::{TTL, at, begin_record};
use crate::{
    Lease, ParkedContent, ParkedFilter, ParkedMessage, ParkedRow, Parking, ReplayJob, ReplayStep, Result, Sequence,
    Store, StoreError,
};

const CLAIM: Duration = Duration::from_secs(60);

fn letter(id: &str, parked_at: i64) -> ParkedMessage {
    let headers = [("wp-reason", "undecodable-event"), ("odd\0", "\0'ü")];
    let body = vec![0, 255, 1];
    ParkedMessage {
        row: ParkedRow {
            parking: Parking::DeadLetters,
            message_id: id.to_owned(),
            reason: "undecodable-event".to_owned(),
            detail: "no\0 envelope".to_owned(),
            origin: "wa.in.p00".to_owned(),
            attempts: 3,
            replays: 0,
            kind: "waypost.event.v1".to_owned(),
            parked_at: at(parked_at),
            body_bytes: 3,
        },
        content: ParkedContent {
            content_type: "application/x-protobuf".to_owned(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            body,
        },
    }
}

fn with(letter: ParkedMessage, change: impl FnOnce(&mut ParkedMessage)) -> ParkedMessage {
    let mut letter = letter;
    change(&mut letter);
    letter
}

async fn mover(store: &Store) -> Result<Lease> {
    store.migrate().await?;
    let lease = store.acquire_lease("parking", PartitionId(0), "one", TTL, Sequence::None).await?;
    Ok(lease.expect("the shard is free"))
}

async fn park(store: &Store, lease: &Lease, letters: &[ParkedMessage]) -> Result<u64> {
    let mut tx = begin_record(store, lease).await?;
    let new = tx.park(letters).await?;
    tx.commit().await?;
    Ok(new)
}

async fn listed(store: &Store, filter: &ParkedFilter) -> Result<Vec<String>> {
    let rows = store.parked(filter, None, 100).await?;
    Ok(rows.into_iter().map(|(_, row)| row.message_id).collect())
}

const ALL: ParkedFilter = ParkedFilter::all(Parking::DeadLetters);

pub async fn parked_messages_are_found_by_their_bytes(store: &Store) -> Result<()> {
    let lease = mover(store).await?;
    let body = |id: &str, body: &[u8]| with(letter(id, 10), |letter| letter.content.body = body.to_vec());
    let letters = [body("a", b"\xff\0wamid.A\xff"), body("b", b"wamid.B"), body("c", b"WAMID.A")];
    park(store, &lease, &letters).await?;
    for (text, found) in [("wamid.A", &["a"][..]), ("wamid", &["a", "b"]), ("wamid.C", &[]), ("%", &[])] {
        let holding = store.parked_holding(text).await?;
        let mut ids: Vec<&str> = holding.iter().map(|letter| &*letter.row.message_id).collect();
        ids.sort_unstable();
        assert_eq!(ids, found, "{text}");
    }
    Ok(())
}

pub async fn a_parked_message_is_kept_once(store: &Store) -> Result<()> {
    let lease = mover(store).await?;
    let first = letter("a", 10);
    assert_eq!(park(store, &lease, &[first.clone(), letter("b", 10)]).await?, 2);
    let moved_again = with(first.clone(), |letter| letter.row.parked_at = at(99));
    assert_eq!(park(store, &lease, &[moved_again.clone(), moved_again]).await?, 0, "the commit was not acknowledged");
    assert_eq!(park(store, &lease, &[]).await?, 0);
    let others = [
        with(first.clone(), |letter| letter.row.origin = "team.vip.urgent".to_owned()),
        with(first.clone(), |letter| letter.row.replays = 1),
        with(first.clone(), |letter| letter.content.body.push(2)),
        with(first.clone(), |letter| letter.row.parking = Parking::Unrouted),
    ];
    assert_eq!(park(store, &lease, &others).await?, 4, "they only have the same id");
    let rows = store.parked_of(&["a".to_owned()]).await?;
    assert_eq!(rows.len(), 5);
    let shown = ParkedRow { detail: "no\u{fffd} envelope".to_owned(), ..first.row };
    assert!(rows.contains(&shown), "as it was when it was moved first: {rows:?}");

    store.release_lease(&lease).await?;
    store.acquire_lease("parking", PartitionId(0), "two", TTL, Sequence::None).await?.expect("it is free");
    let late = park(store, &lease, &[letter("late", 1)]).await;
    assert!(matches!(late, Err(StoreError::LeaseLost { .. })), "{late:?}");
    Ok(())
}

pub async fn parked_messages_are_listed_and_grouped(store: &Store) -> Result<()> {
    let lease = mover(store).await?;
    assert_eq!((listed(store, &ALL).await?.len(), store.parked_counts().await?.len()), (0, 0));
    let refused = with(letter("c", 30), |letter| letter.row.reason = "rejected".to_owned());
    let elsewhere = with(letter("d", 5), |letter| letter.row.parking = Parking::Unrouted);
    park(store, &lease, &[refused, letter("z", 10), letter("b", 10), letter("a", 20), elsewhere]).await?;

    let mut pages = Vec::new();
    let mut after = None;
    while let Some((place, row)) = store.parked(&ALL, after, 1).await?.pop() {
        pages.push(row.message_id);
        after = Some(place);
    }
    assert_eq!(pages, ["z", "b", "a", "c"], "by time, and those that were moved at once in their order");
    let whole = store.parked_messages(&ALL, None, 1).await?;
    assert_eq!(whole[0].1.content, letter("z", 10).content, "byte by byte, and header by header");
    let reason = ParkedFilter { reason: Some("rejected".to_owned()), ..ALL };
    let ids = ParkedFilter { message_ids: vec!["a".to_owned(), "d".to_owned()], ..ALL };
    let before = ParkedFilter { before: Some(at(20)), ..ALL };
    for (filter, want) in [(&reason, &["c"][..]), (&ids, &["a"]), (&before, &["z", "b"])] {
        assert_eq!(listed(store, filter).await?, want, "{filter:?}");
    }
    let groups = store.parked_groups(&ALL).await?;
    let shown: Vec<_> = groups.iter().map(|one| (&*one.reason, one.count, one.first_at, one.last_at)).collect();
    assert_eq!(shown, [("undecodable-event", 3, at(10), at(20)), ("rejected", 1, at(30), at(30))]);
    let counts: Vec<_> =
        store.parked_counts().await?.into_iter().map(|one| (one.parking, one.count, one.oldest_at)).collect();
    let expected = [(Parking::DeadLetters, 4, at(10)), (Parking::Unrouted, 1, at(5))];
    assert!(counts.len() == 2 && expected.iter().all(|one| counts.contains(one)), "{counts:?}");
    Ok(())
}

async fn begin(store: &Store, filter: &ParkedFilter, limit: u32) -> Result<Option<ReplayJob>> {
    let mut change = store.begin_change().await?;
    let job = change.begin_replay(filter, limit, "tokens/1").await?;
    change.commit(&[]).await?;
    Ok(job)
}

async fn in_hand(store: &Store, job: &ReplayJob) -> Result<Vec<(String, Uuid)>> {
    let messages = store.replay_messages(job.id, 100).await?;
    messages.into_iter().map(|(id, message)| Ok((message?.row.message_id, id))).collect()
}

pub async fn a_replay_gets_beyond_what_it_leaves(store: &Store) -> Result<()> {
    let lease = mover(store).await?;
    assert_eq!(begin(store, &ALL, 10).await?, None, "nothing is parked");
    park(store, &lease, &["a", "b", "c", "d"].map(|id| letter(id, 10))).await?;
    let first = begin(store, &ALL, 2).await?.expect("a job");
    let second = begin(store, &ALL, 2).await?.expect("another");
    assert_eq!((first.total, second.total), (2, 2));
    assert_eq!(begin(store, &ALL, 2).await?, None, "all are in hand");
    assert_eq!(store.open_replays().await?, [first.id, second.id]);

    let claimed = store.claim_replay(first.id, "one", CLAIM).await?.expect("it is free");
    assert_eq!(claimed, first);
    assert_eq!(store.claim_replay(first.id, "two", CLAIM).await?, None, "somebody works on it");
    let theirs = in_hand(store, &first).await?;
    let (_, whole) = store.replay_messages(first.id, 1).await?.remove(0);
    assert_eq!(whole?.content, letter("", 0).content);
    let why = "no-way-back".to_owned();
    let step = ReplayStep { replayed: vec![theirs[0].1], left: vec![(theirs[1].1, why.clone())] };
    store.advance_replay(claimed.id, &step).await?;
    assert_eq!(in_hand(store, &first).await?, []);
    store.end_replay(first.id, "two").await?;
    assert_eq!(store.replay_job(first.id).await?.and_then(|job| job.ended_at), None, "it is not theirs");
    store.end_replay(first.id, "one").await?;
    let ended = store.replay_job(first.id).await?.expect("it is remembered");
    assert_eq!((ended.replayed, ended.unfinished(), ended.left_because.get(&why)), (1, 0, Some(&1)));
    assert!(ended.ended_at.is_some() && !ended.stopped);
    assert_eq!(store.claim_replay(first.id, "one", CLAIM).await?, None, "it has ended");

    // What was left stands behind what was never tried.
    let mut change = store.begin_change().await?;
    assert_eq!(change.stop_replay(second.id).await?, Some(second.clone()));
    assert_eq!(change.stop_replay(Uuid::nil()).await?, None);
    change.commit(&[]).await?;
    assert_eq!(listed(store, &ALL).await?.len(), 3, "none is lost");
    let third = begin(store, &ALL, 2).await?.expect("a third");
    let untried: Vec<String> = in_hand(store, &third).await?.into_iter().map(|(id, _)| id).collect();
    assert!(!untried.contains(&theirs[1].0), "{untried:?}");
    let latest: Vec<_> = store.replay_jobs(2).await?.into_iter().map(|job| (job.id, job.stopped)).collect();
    assert!(latest.contains(&(third.id, false)), "{latest:?}");
    assert_eq!(store.open_replays().await?, [third.id]);
    Ok(())
}

pub async fn a_replay_is_gone_on_with_when_its_worker_is_gone(store: &Store) -> Result<()> {
    let lease = mover(store).await?;
    park(store, &lease, &[letter("a", 10), letter("b", 10)]).await?;
    let job = begin(store, &ALL, 10).await?.expect("a job");
    let claimed = store.claim_replay(job.id, "one", Duration::ZERO).await?.expect("it is free");
    let again = store.claim_replay(job.id, "two", CLAIM).await?;
    assert_eq!(again, Some(job.clone()), "the claim ran out");
    // The first is slow, and not gone: what both published counts once, whoever is first to write it down.
    let theirs = in_hand(store, &job).await?;
    let step = ReplayStep { replayed: vec![theirs[0].1], left: Vec::new() };
    for _ in 0..2 {
        store.advance_replay(claimed.id, &step).await?;
        assert_eq!(store.replay_job(job.id).await?.map(|job| job.replayed), Some(1));
    }
    assert_eq!(in_hand(store, &job).await?, theirs[1..]);
    store.release_replay(job.id, "one").await?;
    assert_eq!(store.claim_replay(job.id, "three", CLAIM).await?, None, "it is not theirs to release");
    store.release_replay(job.id, "two").await?;
    assert!(store.claim_replay(job.id, "three", CLAIM).await?.is_some(), "nobody waits for a claim to run out");
    Ok(())
}

pub async fn a_replay_that_is_stopped_in_a_step_lets_go_after_it(store: &Store) -> Result<()> {
    let lease = mover(store).await?;
    park(store, &lease, &[letter("a", 10), letter("b", 10)]).await?;
    let job = begin(store, &ALL, 10).await?.expect("a job");
    store.claim_replay(job.id, "one", CLAIM).await?.expect("it is free");
    let theirs = in_hand(store, &job).await?;
    let mut change = store.begin_change().await?;
    change.stop_replay(job.id).await?;
    assert_eq!(change.discard_parked(&ALL, 10).await?, [""; 0], "it is being published");
    assert_eq!(change.parked_in_hand(&ALL).await?, 2);
    change.commit(&[]).await?;
    store.let_go(job.id, "two").await?;
    assert_eq!(begin(store, &ALL, 10).await?, None, "nor does somebody else let go of it");
    assert_eq!(store.claim_replay(job.id, "one", CLAIM).await?, None);
    store.advance_replay(job.id, &ReplayStep { replayed: vec![theirs[0].1], left: Vec::new() }).await?;
    assert_eq!(store.replay_job(job.id).await?.map(|job| (job.replayed, job.stopped)), Some((1, true)));
    assert_eq!(store.open_replays().await?, [job.id], "somebody has to let go");
    store.let_go(job.id, "one").await?;
    assert!(store.open_replays().await?.is_empty());
    assert_eq!(begin(store, &ALL, 10).await?.map(|job| job.total), Some(1));
    Ok(())
}

/// In PostgreSQL and in SQLite alike: what is damaged is found, and the rest with it.
pub async fn a_damaged_row_does_not_hide_the_others(store: &Store) -> Result<()> {
    let lease = mover(store).await?;
    park(store, &lease, &[letter("a", 10), letter("b", 20)]).await?;
    store.script("UPDATE parked SET headers = '[' WHERE message_id = 'a'").await?;
    let job = begin(store, &ALL, 10).await?.expect("a job");
    let found = store.replay_messages(job.id, 10).await?;
    assert!(matches!(found[0].1, Err(StoreError::Unreadable { .. })), "{:?}", found[0]);
    assert!(found[1].1.is_ok());
    Ok(())
}

pub async fn what_follows_a_message_is_bounded(store: &Store) -> Result<()> {
    let lease = mover(store).await?;
    let many: Vec<_> = (0..102).map(|number| with(letter("a", 10), |one| one.row.replays = number)).collect();
    park(store, &lease, &many).await?;
    park(store, &lease, &[letter("", 10)]).await?;
    assert_eq!(store.parked_of(&["a".to_owned(), String::new()]).await?.len(), 100);
    assert!(store.parked_of(&[String::new()]).await?.is_empty(), "many have none");
    Ok(())
}

pub async fn parked_messages_are_discarded(store: &Store) -> Result<()> {
    let lease = mover(store).await?;
    let refused = with(letter("c", 5), |letter| letter.row.reason = "rejected".to_owned());
    park(store, &lease, &[letter("a", 10), letter("b", 20), refused]).await?;
    let some = ParkedFilter { message_ids: vec!["a".to_owned(), "x".to_owned()], ..ALL };
    let mut change = store.begin_change().await?;
    assert_eq!(change.parked_ids(&some).await?, [("a".to_owned(), false)].into());
    assert_eq!(change.discard_parked(&some, 10).await?, ["a"]);
    assert_eq!(change.discard_parked(&ALL, 1).await?, ["c"]);
    assert_eq!(change.begin_replay(&ALL, 10, "tokens/1").await?.map(|job| job.total), Some(1));
    assert_eq!(change.parked_ids(&ALL).await?, [("b".to_owned(), true)].into());
    assert_eq!(change.discard_parked(&ALL, 10).await?, [""; 0], "a replay has it in hand");
    change.commit(&[]).await?;
    assert_eq!(listed(store, &ALL).await?, ["b"]);
    Ok(())
}
