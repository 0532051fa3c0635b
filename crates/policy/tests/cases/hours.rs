//! Quiet hours by the customer's clock.

use waypost_domain::Category;

use crate::scene::{Scene, at, check, check_scene, until};

fn marketing(now: &str) -> Scene {
    Scene::template(Category::Marketing).with(|s| {
        s.now = at(now);
        s.request.created_at = s.now;
        s.request.expires_at = None;
    })
}

/// A customer of this number, of whom nothing more is known.
fn of(phone: &str, now: &str) -> Scene {
    marketing(now).with(|s| (s.contact.phone, s.contact.bsuid, s.contact.zone) = (Some(phone.to_owned()), None, None))
}

#[track_caller]
fn check_until(scene: &Scene, want: &str) {
    check_scene(scene, "deferred quiet_hours");
    assert_eq!(until(scene), at(want));
}

#[test]
fn marketing_waits_for_the_morning_at_the_customer_s_place() {
    // Madrid has UTC+1 in winter.
    check_scene(&marketing("2026-12-01T18:59"), "allowed");
    check_until(&marketing("2026-12-01T19:00"), "2026-12-02T07:00");
    check_until(&marketing("2026-12-02T06:59"), "2026-12-02T07:00");
    check_scene(&marketing("2026-12-02T07:00"), "allowed");
    // Tokyo, by the zone that is known of them.
    let in_tokyo = |now: &str| marketing(now).with(|s| s.contact.zone = Some("Asia/Tokyo".to_owned()));
    check_until(&in_tokyo("2026-12-01T12:00"), "2026-12-01T23:00");
    // Whoever has no such zone is of their country.
    let nowhere = marketing("2026-12-01T12:00").with(|s| s.contact.zone = Some("Mars/Olympus".to_owned()));
    check_scene(&nowhere, "allowed");
}

#[test]
fn answers_never_wait_and_others_by_the_data() {
    let night = "2026-12-01T23:00";
    check(
        Scene::answer(),
        |s| s.conversation.window = waypost_domain::Window::until(at("2026-12-02T01:00")),
        "allowed",
    );
    check(Scene::template(Category::Utility), |s| s.now = at(night), "allowed");
    check(
        Scene::template(Category::Utility),
        |s| {
            s.now = at(night);
            s.data.quiet_hours.categories.push(Category::Utility);
        },
        "deferred quiet_hours",
    );
    check(marketing(night), |s| s.data.quiet_hours.categories.clear(), "allowed");
    // What is free-form and sells, too.
    let sells = Scene::answer().with(|s| {
        s.now = at("2026-12-01T20:00");
        s.request.category = Some(Category::Marketing);
    });
    check_scene(&sells, "deferred quiet_hours");
}

#[test]
fn where_the_zone_is_not_known_every_clock_of_the_country_counts() {
    // Madrid and the Canaries: 08:00 in Las Palmas is 09:00 in Madrid, and 20:00 in Madrid is the end.
    check_until(&of("34600000147", "2026-12-01T07:30"), "2026-12-01T08:00");
    check_until(&of("34600000147", "2026-12-01T19:00"), "2026-12-02T08:00");
    // From Kaliningrad (UTC+2) to Kamchatka (UTC+12) two hours are left.
    check_until(&of("79160000001", "2026-12-01T05:59"), "2026-12-01T06:00");
    check_scene(&of("79160000001", "2026-12-01T07:59"), "allowed");
    check_until(&of("79160000001", "2026-12-01T08:00"), "2026-12-02T06:00");
    // By BSUID.
    let by_bsuid =
        of("", "2026-12-01T07:30").with(|s| (s.contact.phone, s.contact.bsuid) = (None, Some("PT.7".to_owned())));
    check_until(&by_bsuid, "2026-12-01T09:00");
}

#[test]
fn countries_have_hours_and_days_of_their_own() {
    let in_france = |now: &str| of("33600000001", now);
    check_scene(&in_france("2026-12-01T19:29"), "allowed");
    check_until(&in_france("2026-12-01T19:30"), "2026-12-02T07:00");
    // Saturday evening: Sunday is quiet.
    check_until(&in_france("2026-12-05T20:00"), "2026-12-07T07:00");
    check_until(&in_france("2026-12-06T12:00"), "2026-12-07T07:00");
    check_until(&in_france("2026-12-25T12:00"), "2026-12-26T07:00");
    // India has a half hour: 10:00 there is 04:30.
    check_until(&of("919800000001", "2026-12-01T04:29"), "2026-12-01T04:30");
    // The CRM's word on the country goes before the number.
    let moved = of("34600000147", "2026-12-06T12:00").with(|s| s.contact.country = Some("FR".to_owned()));
    check_until(&moved, "2026-12-07T07:00");
    check_scene(
        &of("34600000147", "2026-12-06T12:00").with(|s| s.contact.country = Some("Francia".to_owned())),
        "allowed",
    );
}

#[test]
fn clocks_that_change_move_the_morning() {
    // In the night to 28 March 2027 Madrid goes to UTC+2.
    check_until(&marketing("2027-03-27T22:00"), "2027-03-28T06:00");
    check_until(&marketing("2027-10-30T22:00"), "2027-10-31T07:00");
}

#[test]
fn it_expires_where_the_morning_is_too_late() {
    let offer = |ends: &str| marketing("2026-12-01T22:00").with(|s| s.request.expires_at = Some(at(ends)));
    check_scene(&offer("2026-12-02T06:00"), "expired quiet_hours");
    check_scene(&offer("2026-12-02T07:00"), "expired quiet_hours");
    check_scene(&offer("2026-12-02T07:01"), "deferred quiet_hours");
}
