//! Campaigns on their way to the queue: planned by two processes of which one dies, at their pace, and paused.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use waypost_domain::campaign::CampaignStep;
use waypost_domain::message::MessageError;
use waypost_domain::send::{Parameter, TemplateRequest, Values};
use waypost_domain::template::TemplateStatus;
use waypost_domain::{CampaignName, CampaignState, Category, ContactId, PartitionCount};
use waypost_policy::PolicyData;
use waypost_sender::{CAMPAIGNS, Campaigns, CampaignsConfig, Wake};
use waypost_store::{Alert, Campaign, CampaignFigures, NewRecipient};
use waypost_worker::WorkerConfig;

use crate::platform::Does;
use crate::rig::{PATIENCE, Rig, name, status};

pub(crate) fn id() -> CampaignName {
    CampaignName::new("winter").unwrap()
}

/// A campaign that runs, for these.
pub(crate) async fn running(rig: &Rig, people: &[ContactId], change_it: impl FnOnce(&mut Campaign)) {
    let mut campaign = Campaign {
        id: id(),
        number: name("support"),
        template: TemplateRequest {
            name: "offer".to_owned(),
            language: Some("de".to_owned()),
            language_fallback: None,
            values: Values::default(),
        },
        pace_per_minute: 0,
        state: CampaignState::Draft,
        start_at: None,
        expires_at: None,
        ended_at: None,
        created_at: rig.now().await,
        created_by: "a test".to_owned(),
        recipients: 0,
        note: String::new(),
        version: 1,
    };
    change_it(&mut campaign);
    let values = || Values { body: vec![Parameter::positional("Ann")], ..Values::default() };
    let rows: Vec<_> = people.iter().map(|contact| NewRecipient(Ok((*contact, values())))).collect();
    let mut change = rig.store.begin_change().await.unwrap();
    change.create_campaign(&campaign).await.unwrap();
    change.add_recipients(&mut campaign, &rows, false).await.unwrap();
    campaign.state = CampaignState::Running;
    change.update_campaign(&mut campaign).await.unwrap();
    change.commit(&[]).await.unwrap();
}

/// A process that plans.
async fn plan(rig: &Rig, instance: &str) -> (CancellationToken, JoinHandle<()>) {
    let worker = WorkerConfig {
        lease_ttl: Duration::from_millis(500),
        lease_renew_every: Duration::from_millis(50),
        ..WorkerConfig::new(CAMPAIGNS, instance, PartitionCount::new(1).unwrap())
    };
    let campaigns = Campaigns {
        config: CampaignsConfig {
            poll_every: Duration::from_millis(10),
            batch_max: 7,
            settle_every: Duration::from_millis(20),
            ..CampaignsConfig::default()
        },
        store: rig.store.clone(),
        sending: rig.sending().await,
        wake: Wake::default(),
    };
    let stop = CancellationToken::new();
    (stop.clone(), tokio::spawn(campaigns.run(&worker, stop)))
}

async fn until(rig: &Rig, what: &str, holds: impl Fn(&CampaignFigures, &Campaign) -> bool) -> CampaignFigures {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let figures = rig.store.campaign_figures(&id()).await.unwrap();
        let campaign = rig.store.campaign(&id()).await.unwrap().unwrap();
        if holds(&figures, &campaign) {
            return figures;
        }
        assert!(tokio::time::Instant::now() < deadline, "{what} in time: {figures:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn people(rig: &Rig, count: usize) -> Vec<ContactId> {
    rig.template("offer", Category::Utility, TemplateStatus::Approved).await;
    let mut people = Vec::new();
    for n in 0..count {
        let person = rig.stranger(&format!("4915100{n:05}")).await;
        rig.agrees(person).await;
        people.push(person);
    }
    people
}

/// Case 24.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_planners_of_which_one_dies_make_one_send_each() {
    let rig = Rig::new().await;
    let people = people(&rig, 60).await;
    running(&rig, &people, |_| {}).await;
    let (_, first) = plan(&rig, "one").await;
    let (stop, second) = plan(&rig, "two").await;
    until(&rig, "some are queued", |figures, _| figures.queued > 0).await;
    first.abort();
    rig.start("a");
    let figures = until(&rig, "all are accepted", |figures, _| figures.accepted == 60).await;
    assert_eq!(figures, CampaignFigures { accepted: 60, ..CampaignFigures::default() });
    let campaign = rig.store.campaign(&id()).await.unwrap().unwrap();
    assert_eq!(campaign.state, CampaignState::Running, "nothing is delivered yet");
    let ids: Vec<String> = people.iter().map(|person| format!("campaigns/winter/{person}")).collect();
    for id in &ids {
        assert_eq!(rig.row(id).await.attempt, 1, "{id}");
    }
    let told: Vec<_> = ids.iter().map(|id| status(id, 1, "delivered")).collect();
    rig.tell(&told).await;
    let over = |_: &CampaignFigures, campaign: &Campaign| campaign.state == CampaignState::Completed;
    assert_eq!(until(&rig, "it is over", over).await.delivered, 60);
    stop.cancel();
    tokio::time::timeout(PATIENCE, second).await.expect("it ends").unwrap();
    rig.stop().await;
}

/// Nobody is written to without consent because a campaign says so; what is of no use any more does not go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_campaign_bypasses_nothing_and_ends_with_its_time() {
    let rig = Rig::new().await;
    let mut people = people(&rig, 3).await;
    people.push(rig.stranger("491519999999").await);
    let in_a_moment = rig.now().await.plus_millis(400);
    // So slow that the last ones never have their turn.
    running(&rig, &people, |campaign| {
        campaign.pace_per_minute = 60;
        campaign.expires_at = Some(in_a_moment);
    })
    .await;
    let (stop, planning) = plan(&rig, "one").await;
    let figures = until(&rig, "the rest is expired", |figures, _| figures.expired >= 2).await;
    assert_eq!(figures.planned, 0, "{figures:?}");
    stop.cancel();
    tokio::time::timeout(PATIENCE, planning).await.expect("it ends").unwrap();

    let mut change = rig.store.begin_change().await.unwrap();
    let other = CampaignName::new("spring").unwrap();
    let spring = rig.store.campaign(&id()).await.unwrap().unwrap();
    let mut spring =
        Campaign { id: other.clone(), expires_at: None, recipients: 0, state: CampaignState::Draft, ..spring };
    change.create_campaign(&spring).await.unwrap();
    let values = Values { body: vec![Parameter::positional("Ann")], ..Values::default() };
    change.add_recipients(&mut spring, &[NewRecipient(Ok((people[3], values)))], false).await.unwrap();
    spring.state = spring.state.step(CampaignStep::Start { later: false }).unwrap();
    change.update_campaign(&mut spring).await.unwrap();
    change.commit(&[]).await.unwrap();
    rig.start("a");
    let (stop, planning) = plan(&rig, "two").await;
    let row = format!("campaigns/spring/{}", people[3]);
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while rig.store.campaign_figures(&other).await.unwrap().refused.is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "it is refused in time");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let refused = rig.store.campaign_figures(&other).await.unwrap().refused;
    assert_eq!((refused[0].rule.as_str(), refused[0].count), (rig.rule(&row).await.as_str(), 1));
    stop.cancel();
    tokio::time::timeout(PATIENCE, planning).await.expect("it ends").unwrap();
    rig.stop().await;
}

/// Code 132015 would come for each of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_template_that_meta_paused_pauses_its_campaigns() {
    let rig = Rig::new().await;
    let people = people(&rig, 2).await;
    running(&rig, &people, |_| {}).await;
    rig.template("offer", Category::Utility, TemplateStatus::Paused).await;
    let (stop, planning) = plan(&rig, "one").await;
    let is_paused = |_: &CampaignFigures, campaign: &Campaign| campaign.state == CampaignState::Paused;
    let figures = until(&rig, "it is paused", is_paused).await;
    assert_eq!(figures.planned, 2);
    let alerts = rig.store.open_alerts().await.unwrap();
    assert_eq!(alerts[0].to_string(), "template/102290129340398/offer/de/campaign_paused");
    assert!(alerts[0].why.contains("winter"), "{}", alerts[0].why);
    stop.cancel();
    tokio::time::timeout(PATIENCE, planning).await.expect("it ends").unwrap();
}

/// Given too many who do not want it, then the rest is not written to before a person goes on; from then on counts
/// what goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_failures_pause_a_campaign() {
    let rig = Rig::new().await;
    let text = PolicyData::DEFAULT_TEXT.replace("pause_of_least = 50", "pause_of_least = 4");
    rig.policy(text.replace("version = 1\n", "version = 2\n")).await;
    let people = people(&rig, 20).await;
    rig.platform.always(Does::Refuse(400, 131_026));
    running(&rig, &people, |campaign| campaign.pace_per_minute = 300).await;
    rig.start("a");
    let (stop, planning) = plan(&rig, "one").await;
    let is_paused = |_: &CampaignFigures, campaign: &Campaign| campaign.state == CampaignState::Paused;
    let figures = until(&rig, "it is paused", is_paused).await;
    assert!(figures.planned > 0, "{figures:?}");
    let campaign = rig.store.campaign(&id()).await.unwrap().unwrap();
    assert!(campaign.note.contains("by 131026"), "{}", campaign.note);
    let alerts = rig.store.open_alerts().await.unwrap();
    let told = |alert: &&Alert| alert.to_string() == "number/support/campaign_failures";
    let alert = alerts.iter().find(told).unwrap_or_else(|| panic!("{alerts:?}"));
    assert_eq!(alert.why, format!("campaign winter was paused: {}", campaign.note));

    rig.platform.always(Does::Accept);
    let mut change = rig.store.begin_change().await.unwrap();
    let mut winter = change.campaign(&id()).await.unwrap().unwrap();
    winter.state = winter.state.step(CampaignStep::Resume { later: false }).unwrap();
    change.update_campaign(&mut winter).await.unwrap();
    change.commit(&[]).await.unwrap();
    let rest = |figures: &CampaignFigures, _: &Campaign| figures.planned + figures.queued + figures.attempting == 0;
    let figures = until(&rig, "the rest goes", rest).await;
    assert!(figures.accepted > 0, "{figures:?}");
    assert_eq!(rig.store.campaign(&id()).await.unwrap().unwrap().state, CampaignState::Running, "once for the same");
    stop.cancel();
    tokio::time::timeout(PATIENCE, planning).await.expect("it ends").unwrap();
    rig.stop().await;
}

/// Dropped by Meta's pacing of the portfolio, others would be, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_that_meta_drops_pause_all_campaigns() {
    let rig = Rig::new().await;
    let text = PolicyData::DEFAULT_TEXT.replace("pause_of_least = 50", "pause_of_least = 4");
    rig.policy(text.replace("version = 1\n", "version = 2\n")).await;
    let people = people(&rig, 6).await;
    running(&rig, &people[..5], |_| {}).await;
    let spring = CampaignName::new("spring").unwrap();
    running(&rig, &people[5..], |campaign| campaign.id = spring.clone()).await;
    rig.start("a");
    let (first, planning) = plan(&rig, "one").await;
    until(&rig, "all are accepted", |figures, _| figures.accepted == 5).await;
    let dropped = |person: &ContactId| {
        let mut status = status(&format!("campaigns/winter/{person}"), 1, "failed");
        status.errors = vec![MessageError { code: 132_015, title: None, details: None }];
        status
    };
    let told: Vec<_> = people[..4].iter().map(dropped).collect();
    rig.tell(&told).await;
    let is_paused = |_: &CampaignFigures, campaign: &Campaign| campaign.state == CampaignState::Paused;
    until(&rig, "it is paused", is_paused).await;
    let other = rig.store.campaign(&spring).await.unwrap().unwrap();
    assert_eq!(other.state, CampaignState::Paused, "{other:?}");
    assert!(other.note.contains("campaign winter was paused: 4 of its last 4"), "{}", other.note);
    first.cancel();
    tokio::time::timeout(PATIENCE, planning).await.expect("it ends").unwrap();
    rig.stop().await;
}
