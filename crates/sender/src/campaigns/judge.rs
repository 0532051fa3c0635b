//! Whether a campaign may go on, by what became of its last messages, and all of them, by what Meta makes of the
//! portfolio.
//!
//! Must never end anything: what is paused, a person looks at and goes on with.

use std::fmt::Write as _;

use tracing::warn;
use waypost_domain::{CampaignName, Timestamp};
use waypost_policy::data::CampaignData;
use waypost_store::{BarScope, Campaign, CampaignEnds, RecordTx, StoreError};

use crate::metrics;

/// What a person is told of a campaign of which too much was not wanted.
const FAILURES: &str = "campaign_failures";
/// A template that is paused, or messages that Meta held and dropped: many at once are the portfolio's matter.
const DROPPED: i64 = 132_015;

/// Why one is paused.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// With the figures, for people.
    why: String,
    /// Whether the others would come to the same end.
    is_of_all: bool,
}

/// `None`: it may go on.
pub(super) fn judge(data: &CampaignData, ends: &CampaignEnds) -> Option<Verdict> {
    let counted =
        |code: i64| -> u64 { ends.failed.iter().filter(|one| one.code == Some(code)).map(|one| one.count).sum() };
    let mut unwanted: Vec<(i64, u64)> = data.pause_codes.iter().map(|code| (*code, counted(*code))).collect();
    unwanted.retain(|(_, count)| *count > 0);
    unwanted.sort_by_key(|(code, count)| (std::cmp::Reverse(*count), *code));
    unwanted.dedup();
    let sum: u64 = unwanted.iter().map(|(_, count)| count).sum();
    if !data.pauses(ends.ended, sum) {
        return None;
    }
    let mut why = format!("{sum} of its last {} messages with an end failed", ends.ended);
    for (at, (code, count)) in unwanted.iter().enumerate() {
        let before = if at == 0 { ": " } else { ", " };
        // A String takes everything.
        write!(why, "{before}{count} by {code}").unwrap_or_default();
    }
    let is_of_all = data.pause_codes.contains(&DROPPED) && data.pauses(ends.ended, counted(DROPPED));
    Some(Verdict { why, is_of_all })
}

/// Pauses it, and all others where that is so. A person is told once for each time.
pub(super) async fn pause(
    tx: &mut RecordTx,
    campaign: &Campaign,
    Verdict { why, is_of_all }: &Verdict,
    now: Timestamp,
) -> Result<(), StoreError> {
    if !tx.pause_judged_campaign(&campaign.id, why, now).await? {
        return Ok(());
    }
    warn!(campaign = %campaign.id, why, "a campaign is paused");
    let mut told = format!("campaign {} was paused: {why}", campaign.id);
    if *is_of_all {
        let others = pause_all(tx, &told, now).await?;
        write!(told, "; {} others were paused, too", others.len()).unwrap_or_default();
    }
    let name = campaign.number.as_str();
    if tx.raise_alert(BarScope::Number, name, FAILURES, &told, now).await? {
        metrics::alert(BarScope::Number, name, FAILURES);
    }
    Ok(())
}

/// Pauses all that run: limit and standing are of the portfolio, and so of every number. Which did run.
pub(crate) async fn pause_all(tx: &mut RecordTx, why: &str, now: Timestamp) -> Result<Vec<CampaignName>, StoreError> {
    let mut paused = Vec::new();
    for id in tx.running_campaigns().await? {
        if tx.pause_campaign(&id, why, now).await? {
            warn!(campaign = %id, why, "a campaign is paused");
            paused.push(id);
        }
    }
    Ok(paused)
}

#[cfg(test)]
mod tests {
    use waypost_store::CodeCount;

    use super::*;

    fn ends(ended: u64, failed: &[(Option<i64>, u64)]) -> CampaignEnds {
        let failed = failed.iter().map(|(code, count)| CodeCount { code: *code, count: *count }).collect();
        CampaignEnds { ended, failed }
    }

    #[test]
    fn what_was_not_wanted_pauses_with_its_figures() {
        let data = CampaignData::default();
        let check = |of: CampaignEnds, want: Option<(&str, bool)>| {
            let found = judge(&data, &of);
            let found = found.as_ref().map(|verdict| (verdict.why.as_str(), verdict.is_of_all));
            assert_eq!(found, want, "{of:?}");
        };
        check(ends(0, &[]), None);
        check(ends(49, &[(Some(131_026), 49)]), None);
        check(ends(60, &[(Some(131_026), 11)]), None);
        let many = ends(60, &[(Some(131_049), 2), (Some(131_026), 10), (Some(131_047), 30), (None, 18)]);
        check(many, Some(("12 of its last 60 messages with an end failed: 10 by 131026, 2 by 131049", false)));
        // Neither a fault of ours nor one of Meta's says anything of the customers.
        check(ends(60, &[(Some(131_000), 30), (Some(132_000), 30)]), None);
        let dropped = ends(60, &[(Some(132_015), 12), (Some(131_026), 1)]);
        check(dropped, Some(("13 of its last 60 messages with an end failed: 12 by 132015, 1 by 131026", true)));
        let few_dropped = ends(60, &[(Some(132_015), 6), (Some(131_026), 6)]);
        check(few_dropped, Some(("12 of its last 60 messages with an end failed: 6 by 131026, 6 by 132015", false)));
        let twice = CampaignData { pause_codes: vec![131_026, 131_026], ..data.clone() };
        assert_eq!(judge(&twice, &ends(60, &[(Some(131_026), 11)])), None, "counted once");
    }
}
