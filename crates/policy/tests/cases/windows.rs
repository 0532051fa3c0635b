//! Free-form content inside the window only, per contact and number; and who holds the thread.

use waypost_domain::send::Cause;
use waypost_domain::window::window_end;
use waypost_domain::{Category, Window};
use waypost_policy::Warning;
use waypost_policy::data::OtherApp;

use crate::scene::{HOUR_MS, Scene, at, check, check_scene, until};

#[test]
fn answers_go_inside_the_window_only() {
    check(Scene::answer(), |_| {}, "allowed");
    check(Scene::answer(), |s| s.conversation.window = Window::CLOSED, "refused window_closed");
    check(Scene::answer(), |s| s.conversation.window = Window::until(s.now), "refused window_closed");
    check(Scene::answer(), |s| s.conversation.window = Window::until(s.now.plus_millis(1)), "allowed");
    check(Scene::template(Category::Utility), |_| {}, "allowed");
}

/// A day is one of 24 hours, less the minute, on whatever day the clocks of the customer are changed.
#[test]
fn a_window_lasts_as_long_when_clocks_change() {
    let table = [
        ("Europe/Madrid", "2027-03-27T20:00", "2027-03-28T19:58", "2027-03-28T19:59"),
        ("Europe/Madrid", "2027-10-30T20:00", "2027-10-31T19:58", "2027-10-31T19:59"),
        ("America/Santiago", "2027-04-03T20:00", "2027-04-04T19:58", "2027-04-04T19:59"),
        ("Pacific/Auckland", "2028-02-28T12:00", "2028-02-29T11:58", "2028-02-29T11:59"),
        ("UTC", "2027-12-31T23:00", "2028-01-01T22:58", "2028-01-01T22:59"),
    ];
    for (zone, wrote, open, closed) in table {
        for (now, want) in [(open, "allowed"), (closed, "refused window_closed")] {
            let answer = Scene::answer().with(|s| {
                s.contact.zone = Some(zone.to_owned());
                s.now = at(now);
                (s.request.created_at, s.request.expires_at) = (s.now, None);
                s.conversation.window = Window::until(window_end(at(wrote), None));
            });
            check_scene(&answer, want);
        }
    }
}

#[test]
fn who_did_not_read_what_came_is_told() {
    check(Scene::answer(), |s| s.conversation.unseen = 2, "refused unseen_messages last_seen");
    let forced = Scene::answer().with(|s| (s.conversation.unseen, s.request.force) = (2, true));
    assert_eq!(forced.allowed().warnings, [Warning::Unseen { messages: 2 }]);
}

#[test]
fn an_answer_does_not_take_the_thread_by_accident() {
    let held = |other_app: OtherApp| {
        Scene::answer().with(|s| {
            s.conversation.other_app_holds_thread = true;
            s.data.other_app = other_app;
        })
    };
    check_scene(&held(OtherApp::Refuse), "refused thread_elsewhere");
    check_scene(&held(OtherApp::Wait), "deferred thread_elsewhere");
    assert_eq!(held(OtherApp::Send).allowed().warnings, [Warning::TakesThread]);
    let takes = held(OtherApp::Refuse).with(|s| s.request.take_thread = true);
    assert_eq!(takes.allowed().warnings, [Warning::TakesThread]);
    check(Scene::template(Category::Utility), |s| s.conversation.other_app_holds_thread = true, "allowed");
}

#[test]
fn what_is_of_no_use_any_more_expires() {
    check(Scene::answer(), |s| s.request.expires_at = Some(s.now), "expired expired");
    check(Scene::answer(), |s| s.request.expires_at = Some(s.now.plus_millis(1)), "allowed");
    // An end that nobody knows is looked at again until the last instant.
    let waits = Scene::answer().with(|s| {
        s.conversation.other_app_holds_thread = true;
        s.data.other_app = OtherApp::Wait;
    });
    assert_eq!(until(&waits).millis_since(waits.now), 5_000);
    let short = waits.with(|s| s.request.expires_at = Some(s.now.plus_millis(1_000)));
    assert_eq!(until(&short).millis_since(short.now), 1_000);
}

#[test]
fn a_stop_is_confirmed_in_its_window_or_not_at_all() {
    let scene = Scene::substituted(Category::Utility).with(|s| s.request.cause = Cause::StopConfirmation);
    check_scene(&scene, "refused window_closed");
    let substituted = Scene::substituted(Category::Utility);
    assert!(substituted.allowed().is_substitute && substituted.allowed().takes_place);
    let open = Scene::substituted(Category::Utility)
        .with(|s| s.conversation.window = Window::until(s.now.plus_millis(HOUR_MS)));
    assert!(!open.allowed().is_substitute);
}
