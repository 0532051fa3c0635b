//! Campaigns: rows become sends once, whoever plans and whoever is killed; a pause and an end hold for all of them.

use waypost_domain::campaign::CampaignStep;
use waypost_domain::send::{
    Author, Cause, Parameter, SendContent, SendId, SendRequest, SendState, TemplateRequest, Values,
};
use waypost_domain::team::Priority;
use waypost_domain::{CampaignName, CampaignState, Category, ContactId, Timestamp};

use super::sends::{accepted, answer, attempt, claim, new, person, request, sender, status};
use super::{TTL, at, begin_record, contact_of, name};
use crate::{
    AuditEntry, BatchLimits, Campaign, CampaignFigures, CodeCount, Lease, NewRecipient, OpenCampaign, PlannedBatch,
    RecipientProblem, RecipientState, Result, RuleCount, SendAnswer, Sequence, Store, StoreError, Verdict,
};

/// As of the sends' suite.
pub(super) const NOW: i64 = 1_000_000;
pub(super) const LIMITS: BatchLimits = BatchLimits { rows_max: 10, due_max: 100 };

pub(super) fn now() -> Timestamp {
    at(NOW)
}

pub(super) fn id(text: &str) -> CampaignName {
    CampaignName::new(text).expect("a valid name")
}

pub(super) fn campaign(text: &str) -> Campaign {
    Campaign {
        id: id(text),
        number: name("support"),
        template: TemplateRequest {
            name: "offer".to_owned(),
            language: None,
            language_fallback: Some(vec!["en".to_owned()]),
            values: Values::default(),
        },
        pace_per_minute: 0,
        state: CampaignState::Draft,
        start_at: None,
        expires_at: None,
        ended_at: None,
        created_at: at(1),
        created_by: "a test".to_owned(),
        recipients: 0,
        note: String::new(),
        version: 1,
    }
}

pub(super) fn good(contact: ContactId) -> NewRecipient {
    let values = Values { body: vec![Parameter::positional("Ünal")], ..Values::default() };
    NewRecipient(Ok((contact, values)))
}

fn bad(field: &str) -> NewRecipient {
    NewRecipient(Err(RecipientProblem { field: field.to_owned(), problem: "is wrong".to_owned() }))
}

pub(super) fn record() -> AuditEntry {
    AuditEntry {
        actor: "a test".to_owned(),
        method: "test".to_owned(),
        resource: "campaigns/x".to_owned(),
        before: String::new(),
        after: String::new(),
    }
}

/// A running campaign with these rows.
pub(super) async fn running(store: &Store, campaign: &mut Campaign, rows: &[NewRecipient]) -> Result<()> {
    let mut change = store.begin_change().await?;
    change.create_campaign(campaign).await?;
    change.add_recipients(campaign, rows, false).await?;
    campaign.state = CampaignState::Running;
    change.update_campaign(campaign).await?;
    change.commit(&[record()]).await
}

pub(super) async fn step(store: &Store, text: &str, step: CampaignStep) -> Result<()> {
    let mut change = store.begin_change().await?;
    let mut campaign = change.campaign(&id(text)).await?.expect("it is there");
    campaign.state = campaign.state.step(step).expect("it can be made");
    change.update_campaign(&mut campaign).await?;
    if campaign.state == CampaignState::Paused {
        change.wake_behind_campaign(&campaign.id, now()).await?;
    }
    change.commit(&[record()]).await
}

/// Whoever plans.
pub(super) async fn planner(store: &Store) -> Result<Lease> {
    let lease = store.acquire_lease("campaigns", waypost_domain::PartitionId(0), "one", TTL, Sequence::None).await?;
    Ok(lease.expect("it is free"))
}

fn sends(batch: &PlannedBatch, at: Timestamp) -> Vec<crate::NewSend> {
    let good = batch.rows.iter().filter(|row| row.problem.is_none());
    let send = |row: &crate::Planned| SendRequest {
        id: batch.campaign.id.send_id(row.contact).expect("an id"),
        number: batch.campaign.number.clone(),
        author: Author::Campaign(batch.campaign.id.to_string()),
        cause: Cause::Event(batch.campaign.id.to_string()),
        content: SendContent::Template(TemplateRequest {
            values: row.values.clone(),
            ..batch.campaign.template.clone()
        }),
        priority: Priority::Normal,
        created_at: at,
        ..request("x", row.contact)
    };
    good.map(|row| new(send(row))).collect()
}

/// One transaction of whoever plans; how many rows it took.
pub(super) async fn plan(store: &Store, lease: &Lease, text: &str, limits: BatchLimits) -> Result<usize> {
    let mut tx = begin_record(store, lease).await?;
    let Some(batch) = tx.planned_recipients(&id(text), now(), limits).await? else { return Ok(0) };
    tx.queue_recipients(&batch, &sends(&batch, at(NOW - 1)), now()).await?;
    tx.commit().await?;
    Ok(batch.rows.len())
}

pub(super) async fn people(store: &Store, count: usize) -> Result<Vec<ContactId>> {
    let mut people = Vec::new();
    for n in 0..count {
        people.push(person(store, &format!("p:1555000{n:04}")).await?);
    }
    Ok(people)
}

async fn figures(store: &Store, text: &str) -> Result<CampaignFigures> {
    store.campaign_figures(&id(text)).await
}

async fn settle(store: &Store, lease: &Lease, text: &str, at: Timestamp) -> Result<bool> {
    let mut tx = begin_record(store, lease).await?;
    let ended = tx.settle_campaign(&id(text), at).await?;
    tx.commit().await?;
    Ok(ended)
}

/// Rows are added as they come, with a place each; who is there twice, or cannot be sent to, is kept with the reason.
pub async fn recipients_are_added_once(store: &Store) -> Result<()> {
    store.migrate().await?;
    let people = people(store, 2).await?;
    let mut draft = campaign("winter");
    let mut change = store.begin_change().await?;
    change.create_campaign(&draft).await?;
    let rows = [good(people[0]), bad("to.phone"), good(people[0]), good(people[1])];
    let outcomes = change.add_recipients(&mut draft, &rows, false).await?;
    let problem = |outcome: &Option<(u32, Option<RecipientProblem>)>| {
        let (place, problem) = outcome.clone().expect("it was added");
        (place, problem.map(|problem| format!("{} {}", problem.field, problem.problem)))
    };
    let told: Vec<_> = outcomes.iter().map(problem).collect();
    let twice = Some("to is the contact of row 1".to_owned());
    assert_eq!(told, [(1, None), (2, Some("to.phone is wrong".to_owned())), (3, twice), (4, None)]);
    let again = change.add_recipients(&mut draft, &[good(people[1])], true).await?;
    assert_eq!(again, [None], "a query passes over who is there");
    change.update_campaign(&mut draft).await?;
    change.commit(&[record()]).await?;

    let stored = store.campaign(&id("winter")).await?.expect("it is kept");
    assert_eq!((stored.clone(), stored.recipients, stored.version), (draft.clone(), 4, 2));
    let rows = store.campaign_recipients(&id("winter"), None, 0, 10).await?;
    assert_eq!(rows.iter().map(|row| row.place).collect::<Vec<_>>(), [1, 2, 3, 4]);
    let rejected = store.campaign_recipients(&id("winter"), Some(RecipientState::Rejected), 2, 10).await?;
    assert_eq!(rejected.iter().map(|row| (row.place, row.contact)).collect::<Vec<_>>(), [(3, None)]);
    let counted = figures(store, "winter").await?;
    assert_eq!(counted, CampaignFigures { rejected: 2, planned: 2, ..CampaignFigures::default() });

    let mut change = store.begin_change().await?;
    change.create_campaign(&Campaign { created_at: at(2), ..campaign("autumn") }).await?;
    change.commit(&[record()]).await?;
    let listed = store.campaigns(None, None, 1).await?;
    assert_eq!(listed[0].id, id("autumn"), "the newest first");
    let rest = store.campaigns(Some(CampaignState::Draft), Some(&(at(2), id("autumn"))), 10).await?;
    assert_eq!(rest.len(), 1);
    assert!(store.open_campaigns().await?.is_empty(), "none was started");
    let mut change = store.begin_change().await?;
    change.delete_campaign(&id("winter")).await?;
    change.commit(&[record()]).await?;
    assert_eq!(store.campaign(&id("winter")).await?, None);
    assert!(store.campaign_recipients(&id("winter"), None, 0, 10).await?.is_empty());
    Ok(())
}

/// Each row is one send, with its values, whether a transaction came to nothing or was made twice.
pub async fn a_row_becomes_one_send(store: &Store) -> Result<()> {
    let lease = sender(store, "one").await?;
    let plans = planner(store).await?;
    let people = people(store, 3).await?;
    let rows = [good(people[0]), bad("to"), good(people[1]), good(people[2])];
    running(store, &mut campaign("winter"), &rows).await?;
    let mut tx = begin_record(store, &plans).await?;
    let batch = tx.planned_recipients(&id("winter"), now(), LIMITS).await?.expect("it runs");
    assert_eq!(batch.rows.iter().map(|row| row.place).collect::<Vec<_>>(), [1, 3, 4]);
    tx.queue_recipients(&batch, &sends(&batch, now()), now()).await?;
    drop(tx);
    assert_eq!(figures(store, "winter").await?.planned, 3, "killed before the commit: nothing happened");

    let two = BatchLimits { rows_max: 2, ..LIMITS };
    assert_eq!((plan(store, &plans, "winter", two).await?, plan(store, &plans, "winter", two).await?), (2, 1));
    assert_eq!(plan(store, &plans, "winter", two).await?, 0);
    let former = Lease { epoch: plans.epoch - 1, ..plans.clone() };
    let refused = begin_record(store, &former).await.err();
    assert!(matches!(refused, Some(StoreError::LeaseLost { .. })), "a former planner writes nothing");
    let (tx, claimed) = claim(store, &lease, false).await?;
    drop(tx);
    let texts: Vec<_> = claimed.iter().map(|one| one.row.request.id.to_string()).collect();
    assert_eq!(texts, people.iter().map(|person| format!("campaigns/winter/{person}")).collect::<Vec<_>>());
    let SendContent::Template(template) = &claimed[0].row.request.content else { panic!("a template") };
    assert_eq!(template.values.body, [Parameter::positional("Ünal")]);
    assert_eq!(claimed[0].row.campaign, Some(id("winter")));
    let counted = figures(store, "winter").await?;
    assert_eq!(counted, CampaignFigures { rejected: 1, queued: 3, ..CampaignFigures::default() });
    Ok(())
}

/// Who became one person after the rows were added gets one message; an id that somebody else used is no send of the campaign.
pub async fn one_person_gets_one_send(store: &Store) -> Result<()> {
    let lease = super::owner(store).await?;
    sender(store, "one").await?;
    let plans = planner(store).await?;
    let (one, other) = (contact_of(store, &lease, "p:15550001").await?, contact_of(store, &lease, "b:US.1").await?);
    let third = person(store, "p:15550003").await?;
    running(store, &mut campaign("winter"), &[good(other), good(third), good(one)]).await?;
    let first = BatchLimits { rows_max: 1, ..LIMITS };
    assert_eq!(plan(store, &plans, "winter", first).await?, 1, "while they were two");
    let theirs = request(&format!("campaigns/winter/{third}"), third);
    store.keep_sends(&[new(theirs)]).await?;
    store.merge(&[crate::Merge::of(one, other)]).await?;
    assert_eq!(plan(store, &plans, "winter", LIMITS).await?, 2);
    let rows = store.campaign_recipients(&id("winter"), Some(RecipientState::Rejected), 0, 10).await?;
    let told: Vec<_> = rows.iter().map(|row| (row.place, row.problem.clone().expect("why").problem)).collect();
    let taken = "another message was sent under the id that is this row's".to_owned();
    assert_eq!(told, [(2, taken), (3, "is the contact of row 1".to_owned())]);
    assert_eq!(figures(store, "winter").await?.queued, 1);
    Ok(())
}

/// A pace, and how much of a campaign may wait for its number, bound what is put in the queue.
pub async fn a_campaign_is_queued_at_its_pace(store: &Store) -> Result<()> {
    sender(store, "one").await?;
    let plans = planner(store).await?;
    let people = people(store, 8).await?;
    let rows: Vec<_> = people.iter().map(|person| good(*person)).collect();
    running(store, &mut Campaign { pace_per_minute: 60, ..campaign("slow") }, &rows).await?;
    assert_eq!(plan(store, &plans, "slow", LIMITS).await?, 2, "of a second, and one to begin with");
    assert_eq!(plan(store, &plans, "slow", LIMITS).await?, 0, "not before the next second");
    running(store, &mut campaign("fast"), &rows).await?;
    let few_due = BatchLimits { rows_max: 10, due_max: 3 };
    assert_eq!((plan(store, &plans, "fast", few_due).await?, plan(store, &plans, "fast", few_due).await?), (3, 0));
    Ok(())
}

/// What is queued of a paused campaign is neither found nor claimed, and nobody waits behind it; resumed, it goes.
pub async fn a_pause_holds_its_own_sends_alone(store: &Store) -> Result<()> {
    let lease = sender(store, "one").await?;
    let plans = planner(store).await?;
    let people = people(store, 2).await?;
    running(store, &mut campaign("winter"), &[good(people[0]), good(people[1])]).await?;
    plan(store, &plans, "winter", LIMITS).await?;
    let after = SendRequest { cause: Cause::Event("order".to_owned()), ..request("after", people[0]) };
    store.keep_sends(&[new(after)]).await?;
    let due = store.due_sends(&[(name("support"), 10)], false, now()).await?;
    assert_eq!(due.len(), 3);
    let (mut tx, claimed) = claim(store, &lease, false).await?;
    let waiting = claimed.iter().find(|one| one.row.request.id.as_str() == "after").expect("claimed");
    assert!(waiting.before.is_some(), "the campaign's is before it");
    tx.decide(waiting.row.place, Verdict::Wait { until: at(NOW * 50) });
    tx.commit(now(), "portfolio").await?;

    step(store, "winter", CampaignStep::Pause).await?;
    let mut tx = super::sends::step(store, &lease).await?;
    let stale: Vec<_> = due.iter().map(|due| (due.place, due.contact)).collect();
    let claimed = tx.claim(&stale, now(), super::sends::reach()).await?;
    let ids: Vec<_> = claimed.iter().map(|one| (one.row.request.id.as_str(), one.before)).collect();
    assert_eq!(ids, [("after", None)], "whoever had looked before the pause, and who waited");
    drop(tx);
    assert_eq!(store.due_sends(&[(name("support"), 10)], false, now()).await?.len(), 1);
    assert_eq!(plan(store, &plans, "winter", LIMITS).await?, 0, "nothing more is queued");
    let open = store.open_campaigns().await?;
    let left = |one: &OpenCampaign| (one.campaign.state, one.has_planned, one.has_queued);
    assert_eq!(open.iter().map(left).collect::<Vec<_>>(), [(CampaignState::Paused, false, true)]);

    step(store, "winter", CampaignStep::Resume { later: false }).await?;
    let due = store.due_sends(&[(name("support"), 10)], false, now()).await?;
    let after = store.send(&SendId::new("after").expect("valid")).await?.expect("it is kept").place;
    assert_eq!((due.len(), due[0].place), (3, after), "nobody waits behind a campaign, however early it was due");
    assert!(due[0].due_at > due[1].due_at);
    assert_eq!(store.next_due_send(&[name("support")]).await?, Some(at(NOW - 1)));
    Ok(())
}

/// Cases 5 and 24: what was accepted stays counted so; the campaign ends when every row has an end, and not before.
pub async fn a_campaign_ends_when_every_row_has_an_end(store: &Store) -> Result<()> {
    let lease = sender(store, "one").await?;
    let plans = planner(store).await?;
    let people = people(store, 5).await?;
    let rows: Vec<_> = people.iter().map(|person| good(*person)).collect();
    running(store, &mut campaign("winter"), &rows).await?;
    assert!(!settle(store, &plans, "winter", now()).await?, "nothing was planned");
    plan(store, &plans, "winter", LIMITS).await?;
    let (mut tx, claimed) = claim(store, &lease, false).await?;
    let places: Vec<i64> = claimed.iter().map(|one| one.row.place).collect();
    let marketing = || crate::Attempt { category: Category::Marketing, ..attempt() };
    places[..4].iter().for_each(|place| tx.decide(*place, Verdict::Attempt(marketing())));
    let rule = Some("no_consent");
    tx.decide(places[4], Verdict::End { state: SendState::Refused, verdict: b"{}".to_vec(), rule });
    tx.commit(now(), "portfolio").await?;
    for (place, wamid) in places.iter().zip(["w0", "w1", "w2"]) {
        answer(store, &lease, *place, accepted(wamid)).await?;
    }
    answer(store, &lease, places[3], SendAnswer::Failed { code: Some(131_026) }).await?;
    let mut tx = begin_record(store, &plans).await?;
    tx.fold_statuses(&[status("w0", "read", None), status("w1", "failed", None)], now()).await?;
    tx.commit().await?;
    let counted = figures(store, "winter").await?;
    let want = CampaignFigures {
        accepted: 3,
        delivered: 1,
        read: 1,
        failed: vec![CodeCount { code: None, count: 1 }, CodeCount { code: Some(131_026), count: 1 }],
        failed_after_acceptance: 1,
        refused: vec![RuleCount { rule: "no_consent".to_owned(), count: 1 }],
        ..CampaignFigures::default()
    };
    let mut sorted = counted.clone();
    sorted.failed.sort_by_key(|one| one.code);
    assert_eq!(sorted, want);
    assert!(!settle(store, &plans, "winter", now()).await?, "one is on its way");
    let mut tx = begin_record(store, &plans).await?;
    tx.fold_statuses(&[status("w2", "delivered", None)], now()).await?;
    tx.commit().await?;
    assert!(settle(store, &plans, "winter", now()).await?);
    let ended = store.campaign(&id("winter")).await?.expect("it is there");
    assert_eq!((ended.state, ended.ended_at), (CampaignState::Completed, Some(now())));
    assert!(!settle(store, &plans, "winter", now()).await? && store.open_campaigns().await?.is_empty());
    Ok(())
}

/// Cancelled: what has not gone does not go, in steps; what has gone is followed to its end. A message that nobody hears of holds
/// up the end for no more than Meta keeps it.
pub async fn what_is_left_of_a_campaign_is_ended_in_steps(store: &Store) -> Result<()> {
    let lease = sender(store, "one").await?;
    let plans = planner(store).await?;
    let people = people(store, 5).await?;
    let rows: Vec<_> = people.iter().map(|person| good(*person)).collect();
    running(store, &mut campaign("winter"), &rows).await?;
    plan(store, &plans, "winter", BatchLimits { rows_max: 1, ..LIMITS }).await?;
    super::sends::attempt_all(store, &lease).await?;
    plan(store, &plans, "winter", BatchLimits { rows_max: 2, ..LIMITS }).await?;
    step(store, "winter", CampaignStep::Cancel).await?;
    assert!(store.due_sends(&[(name("support"), 10)], false, now()).await?.is_empty());
    let mut tx = begin_record(store, &plans).await?;
    assert_eq!(tx.end_planned(&id("winter"), RecipientState::Cancelled, 1).await?, 1);
    assert_eq!(tx.end_planned(&id("winter"), RecipientState::Cancelled, 5).await?, 1);
    assert_eq!(tx.cancel_campaign_sends(&id("winter"), now(), 1).await?, 1);
    assert_eq!(tx.cancel_campaign_sends(&id("winter"), now(), 5).await?, 1);
    assert_eq!(tx.cancel_campaign_sends(&id("winter"), now(), 5).await?, 0);
    tx.commit().await?;
    let counted = figures(store, "winter").await?;
    assert_eq!(counted, CampaignFigures { attempting: 1, cancelled: 4, ..CampaignFigures::default() });
    assert!(!settle(store, &plans, "winter", now()).await?);
    let month = now().plus_millis(31 * 24 * 60 * 60 * 1000);
    assert!(settle(store, &plans, "winter", month).await?);
    assert_eq!(store.campaign(&id("winter")).await?.expect("it is there").state, CampaignState::Cancelled);
    let mut scheduled = Campaign { start_at: Some(at(NOW + 5)), ..campaign("later") };
    running(store, &mut scheduled, &[good(people[0])]).await?;
    let mut change = store.begin_change().await?;
    let mut later = change.campaign(&id("later")).await?.expect("it is there");
    later.state = CampaignState::Scheduled;
    change.update_campaign(&mut later).await?;
    change.commit(&[record()]).await?;
    let mut tx = begin_record(store, &plans).await?;
    assert!(!tx.begin_campaign(&id("later"), at(NOW + 4)).await?);
    assert!(tx.begin_campaign(&id("later"), at(NOW + 5)).await?, "its time has come");
    assert!(!tx.begin_campaign(&id("later"), at(NOW + 5)).await?);
    Ok(())
}
