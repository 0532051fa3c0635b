//! What becomes of campaigns in the end: they are deleted when they are old, and their names are not given again.

use std::time::Duration;

use super::campaigns::{LIMITS, campaign, good, id, people, plan, planner, running};
use super::janitor::all_for;
use super::sends::sender;
use crate::{JanitorReport, Result, Retention, Store};

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
