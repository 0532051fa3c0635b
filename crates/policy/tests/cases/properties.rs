//! What holds whatever is asked: scenes are drawn from good ones with any changes, and judged.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use waypost_domain::consent::{Basis, Stop};
use waypost_domain::send::{Author, Cause};
use waypost_domain::team::Priority;
use waypost_domain::template::TemplateStatus;
use waypost_domain::{Category, EffectiveConsent, Window};
use waypost_policy::Verdict;
use waypost_policy::asked::{Age, Bar, Barred, OptInState, Payment};
use waypost_policy::data::OtherApp;
use waypost_policy::verdict::Message;

use crate::scene::{HOUR_MS, Scene, granted, name, text};

type Change = fn(&mut Scene);

/// Each can only forbid more.
const RESTRICTIONS: &[(&str, Change)] = &[
    ("suppressed", |s| s.contact.is_suppressed = true),
    ("blocked", |s| s.contact.is_blocked = true),
    ("deceased", |s| s.contact.is_deceased = true),
    ("minor", |s| s.contact.age = Age::Minor),
    ("dispute", |s| s.contact.has_dispute = true),
    ("suspected stop", |s| s.contact.has_suspected_stop = true),
    ("no marketing consent", |s| s.contact.consents.marketing = EffectiveConsent::Unknown),
    ("marketing withdrawn", |s| s.contact.consents.marketing = EffectiveConsent::Withdrawn),
    ("no utility consent", |s| s.contact.consents.utility = EffectiveConsent::Pending),
    ("no authentication consent", |s| s.contact.consents.authentication = EffectiveConsent::Unknown),
    ("a country that is not served", |s| s.contact.country = Some("SY".to_owned())),
    ("a region that is not served", |s| s.contact.region = Some("UA-43".to_owned())),
    ("closed countries", |s| s.health.closed_countries = vec!["ES".to_owned(), "US".to_owned()]),
    ("no more marketing countries", |s| s.data.countries.no_marketing.push("ES".to_owned())),
    ("account stopped", |s| s.health.account.push(bar(Barred::Everything))),
    ("templates stopped", |s| s.health.number.push(bar(Barred::Templates))),
    ("marketing stopped", |s| s.health.number.push(bar(Barred::Category(Category::Marketing)))),
    ("no payment", |s| s.health.payment = Payment::Missing { free_answers_left: 0 }),
    ("paused", |s| set_status(s, &TemplateStatus::Paused)),
    ("disabled", |s| set_status(s, &TemplateStatus::Disabled)),
    ("archived", |s| set_status(s, &TemplateStatus::Archived)),
    ("a stricter category", |s| {
        // Each category has a consent of its own, and this is about the category alone: nobody gains the better one.
        if !matches!(s.contact.consents.utility, EffectiveConsent::Granted(_)) {
            s.contact.consents.marketing = s.contact.consents.utility;
        }
        let utility = s.templates.iter_mut().filter(|row| row.category == Category::Utility);
        utility.for_each(|row| row.category = Category::Marketing);
    }),
    ("for adults", |s| s.data.templates.for_adults = vec![name(Category::Utility).to_owned()]),
    ("worker behind", |s| s.opt_in = OptInState::Behind),
    ("much marketing", |s| s.marketing_sent_at.extend([s.now; 9])),
    ("many automatic messages", |s| s.automatic_sent_at.extend([s.now; 99])),
    ("refused by Meta", |s| s.marketing_refused_until = Some(s.now.plus_millis(HOUR_MS))),
    ("unread", |s| s.conversation.unseen += 1),
    ("thread elsewhere", |s| s.conversation.other_app_holds_thread = true),
    ("no places", |s| s.places.used = u32::MAX),
    ("a lower tier", |s| s.tier = None),
    ("all hours quiet", |s| s.data.quiet_hours.categories = Category::ALL.to_vec()),
    ("over", |s| s.request.expires_at = Some(s.now)),
    ("a language that is not there", |s| s.templates.clear()),
];

/// Those that may allow more, or something else.
const OTHER_CHANGES: &[(&str, Change)] = &[
    ("stopped", |s| s.contact.consents.stop = Some(Stop { at: s.now, is_confirmed: false })),
    ("stopped long ago", |s| {
        s.contact.consents.stop = Some(Stop { at: s.now.plus_millis(-99 * HOUR_MS), is_confirmed: true });
    }),
    ("marketing by contract", |s| s.contact.consents.marketing = granted(Basis::Contract)),
    ("code consent", |s| s.contact.consents.authentication = granted(Basis::Consent)),
    ("window closed", |s| s.conversation.window = Window::CLOSED),
    ("window open", |s| s.conversation.window = Window::until(s.now.plus_millis(HOUR_MS))),
    ("American", |s| (s.contact.phone, s.contact.bsuid) = (Some("12015550123".to_owned()), None)),
    ("by user id", |s| s.contact.phone = None),
    ("no zone", |s| s.contact.zone = None),
    ("bot", |s| s.request.author = Author::Bot("flow".to_owned())),
    ("agent", |s| s.request.author = Author::Agent("kim".to_owned())),
    ("asked for", |s| s.request.cause = Cause::CustomerAsked),
    ("confirms", |s| s.request.cause = Cause::StopConfirmation),
    ("declared marketing", |s| s.request.category = Some(Category::Marketing)),
    ("declared utility", |s| s.request.category = Some(Category::Utility)),
    ("urgent", |s| s.request.priority = Priority::Urgent),
    ("forced", |s| (s.request.force, s.request.take_thread) = (true, true)),
    ("says nothing", |s| s.say(text(""))),
    ("waits for the thread", |s| s.data.other_app = OtherApp::Wait),
    ("has a place", |s| s.places.has_contact = true),
    ("adult", |s| s.contact.age = Age::Adult),
];

fn bar(what: Barred) -> Bar {
    Bar { what, until: None, why: "a test".to_owned() }
}

fn set_status(scene: &mut Scene, status: &TemplateStatus) {
    scene.templates.iter_mut().for_each(|row| row.status = status.clone());
}

fn base() -> impl Strategy<Value = Scene> {
    let categories = || select(vec![Category::Utility, Category::Marketing, Category::Authentication]);
    let scene = prop_oneof![
        Just(Scene::answer()),
        categories().prop_map(Scene::template),
        categories().prop_map(Scene::substituted),
    ];
    // Through a week, so that nights and Sundays are met.
    (scene, 0..7 * 24_i64).prop_map(|(scene, hours)| {
        scene.with(|s| {
            let later = |at: waypost_domain::Timestamp| at.plus_millis(hours * HOUR_MS);
            s.now = later(s.now);
            s.request.created_at = later(s.request.created_at);
            s.request.expires_at = s.request.expires_at.map(later);
            s.conversation.window.ends_at = s.conversation.window.ends_at.map(later);
        })
    })
}

fn any_scene() -> impl Strategy<Value = Scene> {
    let changes: Vec<Change> = RESTRICTIONS.iter().chain(OTHER_CHANGES).map(|(_, change)| *change).collect();
    (base(), vec(select(changes), 0..6))
        .prop_map(|(scene, changes)| scene.with(|s| changes.iter().for_each(|change| change(s))))
}

/// Scenes that mostly are good: what would otherwise be refused for two reasons is not seen to be refused for each.
fn nearly_good() -> impl Strategy<Value = Scene> {
    let changes: Vec<Change> = OTHER_CHANGES.iter().map(|(_, change)| *change).collect();
    (base(), vec(select(changes), 0..3))
        .prop_map(|(scene, changes)| scene.with(|s| changes.iter().for_each(|change| change(s))))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_marketing_without_consent(scene in prop_oneof![any_scene(), nearly_good()]) {
        let Verdict::Allowed(allowed) = scene.verdict() else { return Ok(()) };
        let is_declared = scene.request.category == Some(Category::Marketing);
        if allowed.category == Category::Marketing || is_declared {
            prop_assert_eq!(allowed.category, Category::Marketing);
            let EffectiveConsent::Granted(grant) = scene.contact.consents.marketing else {
                return Err(TestCaseError::fail("no consent"));
            };
            prop_assert!(grant.basis != Basis::Contract);
            prop_assert_eq!(allowed.consent, Some(grant));
            prop_assert_eq!(scene.contact.consents.stop, None);
            let is_american = scene.contact.phone.as_deref().is_some_and(|phone| phone.starts_with("1201"));
            prop_assert!(!is_american);
        }
    }

    #[test]
    fn nothing_free_form_outside_the_window(scene in prop_oneof![any_scene(), nearly_good()]) {
        let Verdict::Allowed(allowed) = scene.verdict() else { return Ok(()) };
        match allowed.message {
            Message::FreeForm(_) => prop_assert!(scene.conversation.window.is_open(scene.now)),
            Message::Template(message) => {
                let row = scene.templates.iter().find(|row| row.name == message.name).unwrap();
                prop_assert!(matches!(row.status, TemplateStatus::Approved), "{:?}", row.status);
                prop_assert!(allowed.category >= row.category);
            }
        }
    }

    #[test]
    fn a_restriction_never_allows_more(
        scene in prop_oneof![any_scene(), nearly_good()],
        restriction in select(RESTRICTIONS.to_vec()),
    ) {
        let before = scene.verdict();
        let after = scene.with(restriction.1).verdict();
        prop_assert!(before.allowed().is_some() || after.allowed().is_none(), "{}: {before:?}", restriction.0);
    }

    #[test]
    fn waits_have_an_end_that_is_in_time(scene in any_scene()) {
        match scene.verdict() {
            Verdict::Deferred { until, .. } => {
                prop_assert!(until > scene.now);
                prop_assert!(scene.request.expires_at.is_none_or(|expires_at| until <= expires_at));
            }
            Verdict::Expired(_) => prop_assert!(scene.request.expires_at.is_some()),
            Verdict::Allowed(_) | Verdict::Refused(_) => {}
        }
    }
}

/// Each restriction is seen to forbid something, else it would prove nothing above.
#[test]
fn each_restriction_forbids_something() {
    let night = |scene: Scene| scene.with(|s| s.now = s.now.plus_millis(10 * HOUR_MS));
    let asked_for = |scene: Scene| scene.with(|s| s.request.cause = Cause::CustomerAsked);
    let bases = [
        Scene::answer(),
        Scene::answer().with(|s| s.request.author = Author::Bot("flow".to_owned())),
        Scene::template(Category::Utility),
        Scene::template(Category::Utility).with(|s| s.contact.consents.marketing = EffectiveConsent::Unknown),
        Scene::template(Category::Utility).with(|s| s.places.used = 1_000),
        night(Scene::template(Category::Utility)),
        Scene::template(Category::Marketing),
        asked_for(Scene::template(Category::Authentication)),
        Scene::template(Category::Authentication).with(|s| s.contact.consents.authentication = granted(Basis::Consent)),
    ];
    for (name, change) in RESTRICTIONS {
        let forbids = |scene: &Scene| {
            scene.verdict().allowed().is_some() && scene.clone().with(change).verdict().allowed().is_none()
        };
        assert!(bases.iter().any(forbids), "{name} forbids nothing");
    }
}
