//! One-time codes: to phone numbers only, and never longer than they live.

use waypost_domain::Category;
use waypost_domain::send::Cause;

use crate::scene::{Scene, check, check_scene};

/// A code that lives ten minutes, as Meta delivers it for ten by default.
fn code() -> Scene {
    Scene::template(Category::Authentication).with(|s| s.request.cause = Cause::CustomerAsked)
}

#[test]
fn codes_go_to_numbers_only() {
    check_scene(&code(), "allowed");
    check(code(), |s| s.contact.phone = None, "refused code_to_user_id");
    check(Scene::template(Category::Utility), |s| s.contact.phone = None, "allowed");
    // Whatever its author calls it.
    let called_utility = |s: &mut Scene| (s.request.category, s.contact.phone) = (Some(Category::Utility), None);
    check(code(), called_utility, "refused code_to_user_id");
    check(
        Scene::template(Category::Utility),
        |s| {
            s.contact.phone = None;
            s.request.category = Some(Category::Authentication);
        },
        "allowed",
    );
}

#[test]
fn a_code_says_when_it_dies_and_is_not_delivered_later() {
    let lives_s = |seconds: i64| move |s: &mut Scene| s.request.expires_at = Some(s.now.plus_millis(seconds * 1000));
    check(code(), |s| s.request.expires_at = None, "refused code_without_end expires_at");
    check(code(), lives_s(540), "allowed");
    check(code(), lives_s(539), "refused code_outlived expires_at");
    let template_says = |ttl_s: u32| move |s: &mut Scene| s.row(Category::Authentication).ttl_s = Some(ttl_s);
    check(code().with(lives_s(300)), template_says(300), "allowed");
    check(code().with(lives_s(300)), template_says(361), "refused code_outlived expires_at");
}

#[test]
fn a_code_that_waited_here_too_long_is_over() {
    let waited_s = |seconds: i64| move |s: &mut Scene| s.request.created_at = s.now.plus_millis(-seconds * 1000);
    let after = |seconds: i64| {
        code().with(|s| {
            waited_s(seconds)(s);
            s.request.expires_at = Some(s.request.created_at.plus_millis(600_000));
        })
    };
    check_scene(&after(60), "allowed");
    check_scene(&after(61), "expired code_outlived expires_at");
    check_scene(&after(600), "expired expired");
}
