//! What becomes of campaigns in the end: they are paused for what became of their last messages, and deleted when they
//! are old; their names are not given again.

use std::time::Duration;

use super::begin_record;
use super::campaigns::{LIMITS, campaign, good, id, now, people, plan, planner, running};
use super::janitor::all_for;
use super::sends::{accepted, answer, attempt_all, sender, status};
use crate::{CampaignEnds, CodeCount, JanitorReport, Result, Retention, SendAnswer, Store};

const DAY_MS: i64 = 24 * 3600 * 1000;

/// Recipients in steps, and the campaign when it has none any more. What was sent stays, and bears its name.
pub async fn the_janitor_deletes_campaigns_after_their_recipients(store: &Store) -> Result<()> {
    sender(store, "one").await?;
    let plans = planner(store).await?;
    let rows: Vec<_> = people(store, 3).await?.into_iter().map(good).collect();
    for name in ["old", "young", "open"] {
        running(store, &mut campaign(name), &rows).await?;
    }
    assert_eq!(plan(store, &plans, "old", LIMITS).await?, 3);
    let now = store.now().await?;
    for (name, days) in [("old", 41), ("young", 39)] {
        let ended_at = now.plus_millis(-days * DAY_MS).as_millis();
        let over = format!("UPDATE campaign SET state = 'completed', ended_at = {ended_at} WHERE id = '{name}'");
        store.script(&over).await?;
    }
    let long = Duration::from_secs(100 * 365 * 24 * 3600);
    let retention = Retention { campaigns: Duration::from_secs(40 * 24 * 3600), ..all_for(long) };
    let pass = async || store.janitor_pass(&retention, long, 2).await;
    let forgot =
        |campaign_recipients, campaigns| JanitorReport { campaign_recipients, campaigns, ..Default::default() };
    assert_eq!(pass().await?, forgot(2, 0), "no more than the limit");
    assert!(store.campaign(&id("old")).await?.is_some(), "somebody is in it");
    assert_eq!(pass().await?, forgot(1, 1));
    assert_eq!(pass().await?, JanitorReport::default());
    assert_eq!(store.campaign(&id("old")).await?, None);
    for name in ["young", "open"] {
        assert!(store.campaign(&id(name)).await?.is_some(), "{name}");
        assert_eq!(store.campaign_recipients(&id(name), None, 0, 9).await?.len(), 3, "{name}");
    }
    assert_eq!(store.campaign_figures(&id("old")).await?.queued, 3, "what was to be sent is another thing");
    let mut change = store.begin_change().await?;
    assert!(change.was_campaign(&id("old")).await?, "a second one would send nothing");
    assert!(!change.was_campaign(&id("young")).await?, "nothing of it was sent");
    Ok(())
}

/// What arrived and what failed counts, from the last that went on back; not what is on its way. Paused for it, a
/// campaign is judged anew by what goes from then on.
pub async fn a_campaign_is_judged_by_its_last_messages(store: &Store) -> Result<()> {
    let lease = sender(store, "one").await?;
    let plans = planner(store).await?;
    let rows: Vec<_> = people(store, 6).await?.into_iter().map(good).collect();
    running(store, &mut campaign("winter"), &rows).await?;
    running(store, &mut campaign("other"), &rows[..1]).await?;
    plan(store, &plans, "winter", crate::BatchLimits { rows_max: 5, ..LIMITS }).await?;
    let places = attempt_all(store, &lease).await?;
    let ends = async |limit| {
        let mut ends = store.campaign_ends(&id("winter"), limit).await?;
        ends.failed.sort_by_key(|one| one.code);
        Ok::<_, crate::StoreError>(ends)
    };
    assert_eq!(ends(10).await?, CampaignEnds::default(), "nobody knows");
    for (place, wamid) in places.iter().zip(["w0", "w1", "w2", "w3"]) {
        answer(store, &lease, *place, accepted(wamid)).await?;
    }
    answer(store, &lease, places[4], SendAnswer::Failed { code: Some(131_026) }).await?;
    let mut tx = begin_record(store, &plans).await?;
    let told = [status("w0", "read", None), status("w1", "failed", None), status("w2", "delivered", None)];
    tx.fold_statuses(&told, now()).await?;
    tx.commit().await?;
    let count = |code| CodeCount { code, count: 1 };
    let all = CampaignEnds { ended: 4, failed: vec![count(None), count(Some(131_026))] };
    assert_eq!(ends(10).await?, all, "one is on its way");
    assert_eq!(ends(3).await?, CampaignEnds { ended: 2, failed: vec![count(Some(131_026))] }, "the last three");

    let mut tx = begin_record(store, &plans).await?;
    assert_eq!(tx.running_campaigns().await?, [id("other"), id("winter")]);
    assert!(tx.pause_judged_campaign(&id("winter"), "too many", now()).await?);
    assert!(!tx.pause_judged_campaign(&id("winter"), "too many", now()).await?, "it does not run");
    assert_eq!(tx.running_campaigns().await?, [id("other")]);
    tx.commit().await?;
    assert_eq!(store.campaign(&id("winter")).await?.map(|one| one.note).as_deref(), Some("too many"));
    assert_eq!(ends(10).await?, CampaignEnds::default(), "a person has seen them");
    super::campaigns::step(store, "winter", waypost_domain::campaign::CampaignStep::Resume { later: false }).await?;
    plan(store, &plans, "winter", LIMITS).await?;
    let [place] = attempt_all(store, &lease).await?[..] else { panic!("one more") };
    answer(store, &lease, place, SendAnswer::Failed { code: Some(131_049) }).await?;
    assert_eq!(ends(10).await?, CampaignEnds { ended: 1, failed: vec![count(Some(131_049))] });
    Ok(())
}
