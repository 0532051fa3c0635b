//! Account, number, payment and paused templates: what passes is waited for.

use waypost_domain::Category;
use waypost_domain::template::TemplateStatus;
use waypost_policy::asked::{Bar, Barred, Payment};

use crate::scene::{HOUR_MS, Scene, check, check_scene, until};

fn bar(what: Barred, hours: Option<i64>) -> impl Fn(&Scene) -> Bar {
    move |s| Bar { what, until: hours.map(|hours| s.now.plus_millis(hours * HOUR_MS)), why: "restricted".to_owned() }
}

fn by_number(what: Barred, hours: Option<i64>) -> impl FnOnce(&mut Scene) {
    move |s| s.health.number = vec![bar(what, hours)(s)]
}

#[test]
fn bars_are_about_what_they_say() {
    let utility = || Scene::template(Category::Utility);
    check(Scene::answer(), by_number(Barred::Everything, None), "deferred number_stopped");
    check(utility(), by_number(Barred::Everything, None), "deferred number_stopped");
    check(Scene::answer(), by_number(Barred::Templates, None), "allowed");
    check(utility(), by_number(Barred::Templates, None), "deferred number_stopped");
    check(utility(), by_number(Barred::Category(Category::Utility), None), "deferred number_stopped");
    check(utility(), by_number(Barred::Category(Category::Marketing), None), "allowed");
    let called_marketing = utility().with(|s| s.request.category = Some(Category::Marketing));
    check(called_marketing.clone(), by_number(Barred::Category(Category::Utility), None), "deferred number_stopped");
    check(called_marketing, by_number(Barred::Category(Category::Marketing), None), "deferred number_stopped");
    check(Scene::answer(), |s| s.health.account = vec![bar(Barred::Everything, None)(s)], "deferred account_stopped");
    // One that is over.
    check(Scene::answer(), by_number(Barred::Everything, Some(0)), "allowed");
}

#[test]
fn the_longest_bar_counts() {
    let scene = Scene::template(Category::Utility).with(|s| {
        let bars = [Some(1), Some(3), Some(2)].map(|hours| bar(Barred::Templates, hours)(s));
        s.health.account = bars.to_vec();
    });
    assert_eq!(until(&scene).millis_since(scene.now), 3 * HOUR_MS);
    // Longer than it is of use: nobody has to wait for that.
    check(scene, |s| s.request.expires_at = Some(s.now.plus_millis(2 * HOUR_MS)), "expired account_stopped");
}

#[test]
fn without_payment_only_free_answers_go() {
    let without =
        |free_answers_left: u32| move |s: &mut Scene| s.health.payment = Payment::Missing { free_answers_left };
    check(Scene::answer(), without(1), "allowed");
    check(Scene::answer(), without(0), "deferred payment_missing");
    check(Scene::template(Category::Utility), without(1), "deferred payment_missing");
    check(Scene::substituted(Category::Utility), without(1), "deferred payment_missing");
}

#[test]
fn a_paused_template_is_waited_for() {
    let paused = Scene::template(Category::Utility).with(|s| {
        s.row(Category::Utility).status = TemplateStatus::Paused;
        s.row(Category::Utility).paused_until = Some(s.now.plus_millis(3 * HOUR_MS));
    });
    check_scene(&paused, "deferred template_paused");
    assert_eq!(until(&paused).millis_since(paused.now), 3 * HOUR_MS);
    let unknown_end = paused.with(|s| s.row(Category::Utility).paused_until = None);
    assert_eq!(until(&unknown_end).millis_since(unknown_end.now), 300_000);
    // An end that is past: Meta has not said yet that it goes on.
    let late = unknown_end.with(|s| s.row(Category::Utility).paused_until = Some(s.now));
    assert_eq!(until(&late).millis_since(late.now), 300_000);
}
