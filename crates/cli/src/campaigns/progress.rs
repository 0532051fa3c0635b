//! How far a campaign has come, for people: a bar of those that have gone or ended, and the counts.

use waypost_proto::admin_v1 as v1;

use crate::failure::Failure;
use crate::output;
use crate::show::Screen;

pub(super) fn print(campaign: &v1::Campaign) -> Result<(), Failure> {
    let Some(progress) = &campaign.progress else { return Ok(()) };
    let all = u64::from(campaign.recipient_count);
    if all == 0 {
        return Ok(());
    }
    let screen = Screen::stdout();
    let gone = all.saturating_sub(progress.planned + progress.queued + progress.attempting);
    output::line("")?;
    output::line(&screen.bar(gone, all))?;
    let counts = counts(progress);
    let width = counts.iter().map(|(what, _)| what.len()).max().unwrap_or_default();
    for (what, count) in &counts {
        output::line(&screen.cut(&format!("{what:width$}  {count}")))?;
    }
    Ok(())
}

/// Those that are not 0, in the order in which a recipient gets there.
fn counts(progress: &v1::CampaignProgress) -> Vec<(String, u64)> {
    let plain = [
        ("planned", progress.planned),
        ("queued", progress.queued),
        ("attempting", progress.attempting),
        ("uncertain", progress.uncertain),
        ("accepted", progress.accepted),
        ("delivered", progress.delivered),
        ("read", progress.read),
    ];
    let failed = progress.failed.iter().map(|one| match one.code {
        0 => ("failed".to_owned(), one.count),
        code => (format!("failed, {code}"), one.count),
    });
    let refused = progress.refused.iter().map(|one| match one.rule.as_str() {
        "" => ("refused".to_owned(), one.count),
        rule => (format!("refused, {rule}"), one.count),
    });
    let ends = [("expired", progress.expired), ("cancelled", progress.cancelled), ("rejected", progress.rejected)];
    let named = |(what, count): (&str, u64)| (what.to_owned(), count);
    let all = plain.into_iter().map(named).chain(failed).chain(refused).chain(ends.into_iter().map(named));
    all.filter(|(_, count)| *count > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_have_their_code_and_refusals_their_rule() {
        let progress = v1::CampaignProgress {
            accepted: 3,
            failed: vec![v1::CampaignFailures { code: 131_026, count: 2 }, v1::CampaignFailures { code: 0, count: 1 }],
            refused: vec![v1::CampaignRefusals { rule: "no_consent".to_owned(), count: 4 }],
            rejected: 1,
            ..v1::CampaignProgress::default()
        };
        let told: Vec<String> = counts(&progress).into_iter().map(|(what, count)| format!("{what} {count}")).collect();
        assert_eq!(told, ["accepted 3", "failed, 131026 2", "failed 1", "refused, no_consent 4", "rejected 1"]);
    }
}
