//! Quiet hours by the customer's clock.

use waypost_domain::Category;
use waypost_domain::calendar::{Date, TimeOfDay};

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
    // From an evening before to eight o'clock behind it: at two, by half an hour, at midnight, and into the day before.
    let table = [
        ("America/New_York", "2027-03-14T02:00", "2027-03-14T12:00"),
        ("America/New_York", "2027-11-07T03:00", "2027-11-07T13:00"),
        ("Australia/Lord_Howe", "2027-04-03T12:00", "2027-04-03T21:30"),
        ("Australia/Lord_Howe", "2027-10-02T12:00", "2027-10-02T21:00"),
        ("Pacific/Chatham", "2027-04-03T12:00", "2027-04-03T19:15"),
        ("Asia/Beirut", "2027-03-27T20:00", "2027-03-28T05:00"),
        ("America/Santiago", "2027-04-04T02:00", "2027-04-04T12:00"),
        ("America/Santiago", "2027-09-05T03:00", "2027-09-05T11:00"),
        // Which goes back for Ramadan.
        ("Africa/Casablanca", "2027-02-06T23:00", "2027-02-07T08:00"),
    ];
    for (zone, now, want) in table {
        let there = |now: &str| marketing(now).with(|s| s.contact.zone = Some(zone.to_owned()));
        check_until(&there(now), want);
        check_scene(&there(want), "allowed");
    }
}

/// Quiet from two to three in the morning, when that hour is skipped and when it comes twice.
#[test]
fn quiet_hours_that_are_skipped_or_come_twice() {
    let early = |now: &str| {
        let hours = |s: &mut Scene| {
            let quiet = &mut s.data.quiet_hours.default;
            (quiet.from, quiet.to) = (TimeOfDay::parse("02:00").unwrap(), TimeOfDay::parse("03:00").unwrap());
        };
        marketing(now).with(hours)
    };
    check_until(&early("2027-03-27T01:30"), "2027-03-27T02:00");
    for now in ["2027-03-28T00:59", "2027-03-28T01:00", "2027-03-28T01:30"] {
        check_scene(&early(now), "allowed");
    }
    for now in ["2027-10-31T00:00", "2027-10-31T00:59", "2027-10-31T01:30"] {
        check_until(&early(now), "2027-10-31T02:00");
    }
    check_scene(&early("2027-10-30T23:59"), "allowed");
    check_scene(&early("2027-10-31T02:00"), "allowed");
}

#[test]
fn a_leap_day_and_the_end_of_a_year_are_days_like_others() {
    check_until(&marketing("2028-02-28T22:00"), "2028-02-29T07:00");
    check_until(&marketing("2028-02-29T22:00"), "2028-03-01T07:00");
    check_until(&marketing("2027-02-28T22:00"), "2027-03-01T07:00");
    check_until(&marketing("2027-12-31T22:00"), "2028-01-01T07:00");
    // New Year's Day is quiet in France, which begins at 23:00 UTC.
    check_until(&of("33600000001", "2026-12-31T22:59"), "2027-01-02T07:00");
    // A day that the customer's clock has already, and ours has not.
    let leap_day = |now: &str| {
        marketing(now).with(|s| {
            s.contact.zone = Some("Pacific/Auckland".to_owned());
            s.data.quiet_hours.default.dates = vec![Date::parse("2028-02-29").unwrap()];
        })
    };
    check_scene(&leap_day("2028-02-28T03:00"), "allowed");
    check_until(&leap_day("2028-02-28T20:00"), "2028-02-29T19:00");
    check_scene(&leap_day("2028-02-29T20:00"), "allowed");
}

#[test]
fn it_expires_where_the_morning_is_too_late() {
    let offer = |ends: &str| marketing("2026-12-01T22:00").with(|s| s.request.expires_at = Some(at(ends)));
    check_scene(&offer("2026-12-02T06:00"), "expired quiet_hours");
    check_scene(&offer("2026-12-02T07:00"), "expired quiet_hours");
    check_scene(&offer("2026-12-02T07:01"), "deferred quiet_hours");
}
