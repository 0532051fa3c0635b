//! Caps of our own, Meta's refusals of marketing, and its limit on customers.

use waypost_domain::send::Author;
use waypost_domain::team::Priority;
use waypost_domain::{Category, Timestamp, Window};
use waypost_policy::data::Cap;

use crate::scene::{HOUR_MS, Scene, check, check_scene, until};

fn ago(scene: &Scene, hours: &[i64]) -> Vec<Timestamp> {
    hours.iter().map(|hours| scene.now.plus_millis(-hours * HOUR_MS)).collect()
}

/// So many hours ago.
fn after_marketing(hours: &[i64]) -> Scene {
    Scene::template(Category::Marketing).with(|s| {
        s.marketing_sent_at = ago(s, hours);
        s.request.expires_at = None;
    })
}

#[test]
fn marketing_has_caps() {
    check_scene(&after_marketing(&[3]), "allowed");
    let two = after_marketing(&[3, 20]);
    check_scene(&two, "deferred frequency_cap");
    assert_eq!(until(&two).millis_since(two.now), 4 * HOUR_MS, "when the one of 20 hours ago is a day old");
    check_scene(&after_marketing(&[3, 24]), "allowed");
    // Three, where two are allowed: the second has to be a day old.
    assert_eq!(until(&after_marketing(&[3, 10, 20])).millis_since(two.now), 14 * HOUR_MS);
    let week = after_marketing(&[25, 50, 75, 100, 125, 160]);
    check_scene(&week, "deferred frequency_cap");
    assert_eq!(until(&week).millis_since(week.now), 8 * HOUR_MS);
    check(
        after_marketing(&[3, 20]),
        |s| s.request.expires_at = Some(s.now.plus_millis(HOUR_MS)),
        "expired frequency_cap",
    );
    check(Scene::template(Category::Utility), |s| s.marketing_sent_at = ago(s, &[1, 2, 3]), "allowed");
}

#[test]
fn machines_end_where_a_person_has_to_look() {
    let bot = |messages: usize| {
        Scene::answer().with(|s| {
            s.request.author = Author::Bot("flow".to_owned());
            s.data.automatic = Cap { messages: 5, period_minutes: 10 };
            s.automatic_sent_at = vec![s.now.plus_millis(-60_000); messages];
        })
    };
    check_scene(&bot(4), "allowed");
    check_scene(&bot(5), "refused automatic_cap");
    check(bot(5), |s| s.now = s.now.plus_millis(9 * 60_000), "allowed");
    check(bot(9), |s| s.request.author = Author::Agent("kim".to_owned()), "allowed");
    check(bot(9), |s| s.request.author = Author::Automation("late".to_owned()), "refused automatic_cap");
    check(bot(9), |s| s.request.author = Author::Campaign("winter".to_owned()), "allowed");
}

#[test]
fn meta_s_refusal_of_marketing_is_waited_for() {
    let refused = |s: &mut Scene| s.marketing_refused_until = Some(s.now.plus_millis(24 * HOUR_MS));
    check(Scene::template(Category::Marketing), refused, "deferred marketing_refused");
    check(Scene::template(Category::Utility), refused, "allowed");
    // Marketing in an open window does not count for Meta's cap.
    check(
        Scene::template(Category::Marketing),
        |s| {
            refused(s);
            s.conversation.window = Window::until(s.now.plus_millis(1));
        },
        "allowed",
    );
    check(Scene::template(Category::Marketing), |s| s.marketing_refused_until = Some(s.now), "allowed");
}

#[test]
fn the_limit_is_on_customers_outside_windows() {
    let used = |used: u32| {
        move |s: &mut Scene| {
            s.places.used = used;
            s.places.next_free_at = Some(s.now.plus_millis(HOUR_MS));
        }
    };
    let utility = || Scene::template(Category::Utility);
    // 2,000 places, 100 of them for urgent sends.
    assert!(utility().with(used(1_899)).allowed().takes_place);
    let full = utility().with(used(1_900));
    check_scene(&full, "deferred messaging_limit");
    assert_eq!(until(&full).millis_since(full.now), HOUR_MS);
    check(utility().with(used(1_900)), |s| s.request.priority = Priority::Urgent, "allowed");
    check(utility().with(used(2_000)), |s| s.request.priority = Priority::Urgent, "deferred messaging_limit");
    // Who has a place, or is in a window, takes none.
    let has = utility().with(used(2_000)).with(|s| s.places.has_contact = true);
    assert!(!has.allowed().takes_place);
    let open = utility().with(used(2_000)).with(|s| s.conversation.window = Window::until(s.now.plus_millis(1)));
    assert!(!open.allowed().takes_place);
    assert!(!Scene::answer().with(used(2_000)).allowed().takes_place);
}

#[test]
fn tiers_are_data() {
    for (tier, used, want) in [
        (Some("TIER_UNLIMITED"), u32::MAX, "allowed"),
        (Some("TIER_10K"), 9_499, "allowed"),
        (Some("TIER_10K"), 9_500, "deferred messaging_limit"),
        (Some("TIER_250"), 236, "allowed"),
        (Some("TIER_250"), 237, "deferred messaging_limit"),
        // Not told, or a word that nobody knows: the lowest.
        (None, 237, "deferred messaging_limit"),
        (Some("TIER_5M"), 237, "deferred messaging_limit"),
    ] {
        let change = |s: &mut Scene| (s.tier, s.places.used) = (tier.map(str::to_owned), used);
        check(Scene::template(Category::Utility), change, want);
    }
    check(
        Scene::template(Category::Utility),
        |s| {
            s.data.messaging_limit.tiers.insert("TIER_5M".to_owned(), 5_000_000);
            (s.tier, s.places.used) = (Some("TIER_5M".to_owned()), 4_000_000);
        },
        "allowed",
    );
}
