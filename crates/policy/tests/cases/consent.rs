//! Consent for the category that the message has now; what a stop leaves.

use waypost_domain::consent::{Basis, Stop};
use waypost_domain::send::{Author, Cause};
use waypost_domain::{Category, EffectiveConsent};
use waypost_policy::Warning;
use waypost_policy::asked::OptInState;

use crate::scene::{Scene, check, check_scene, granted, opened_at, until};

fn marketing() -> Scene {
    Scene::template(Category::Marketing)
}

fn utility() -> Scene {
    Scene::template(Category::Utility)
}

/// A stop so long after the window was opened, in milliseconds.
fn stopped(scene: Scene, after_ms: i64) -> Scene {
    scene.with(|s| {
        let at = s.conversation.window.ends_at.map_or(s.now, |_| opened_at(s).plus_millis(after_ms));
        s.contact.consents.stop = Some(Stop { at, is_confirmed: false });
    })
}

#[test]
fn each_category_needs_its_own_grant() {
    for (consent, want) in [
        (granted(Basis::Consent), "allowed"),
        (granted(Basis::ExistingCustomer), "allowed"),
        (granted(Basis::Contract), "refused consent_basis"),
        (EffectiveConsent::Unknown, "refused consent_unknown"),
        (EffectiveConsent::Pending, "refused consent_pending"),
        (EffectiveConsent::Lapsed, "refused consent_lapsed"),
        (EffectiveConsent::Withdrawn, "refused consent_withdrawn"),
    ] {
        check(marketing(), |s| s.contact.consents.marketing = consent, want);
        // The others' do not help, and do no harm.
        check(utility(), |s| s.contact.consents.marketing = consent, "allowed");
        check(Scene::answer(), |s| s.contact.consents.marketing = consent, "allowed");
    }
    check(utility(), |s| s.contact.consents.utility = EffectiveConsent::Unknown, "refused consent_unknown");
    assert!(marketing().allowed().consent.is_some(), "the receipt needs it");
    assert_eq!(Scene::answer().allowed().consent, None);
}

#[test]
fn what_counts_is_the_category_of_now() {
    let recategorised = utility().with(|s| {
        s.row(Category::Utility).category = Category::Marketing;
        s.request.category = Some(Category::Utility);
    });
    let allowed = recategorised.allowed();
    assert_eq!(allowed.category, Category::Marketing);
    let changed = Warning::CategoryChanged { asked: Category::Utility, now: Category::Marketing };
    assert_eq!(allowed.warnings, [changed]);
    let withdrawn = recategorised.with(|s| s.contact.consents.marketing = EffectiveConsent::Withdrawn);
    check_scene(&withdrawn, "refused consent_withdrawn");
    // Whoever knows that it is marketing says so, whatever Meta takes it for.
    let declared = |scene: Scene| {
        scene.with(|s| {
            s.request.category = Some(Category::Marketing);
            s.contact.consents.marketing = EffectiveConsent::Unknown;
        })
    };
    check_scene(&declared(utility()), "refused consent_unknown");
    check_scene(&declared(Scene::answer()), "refused consent_unknown");
}

#[test]
fn a_substitute_needs_consent_of_its_own() {
    check(Scene::substituted(Category::Marketing), |_| {}, "allowed");
    let unknown = |s: &mut Scene| s.contact.consents.marketing = EffectiveConsent::Unknown;
    check(Scene::substituted(Category::Marketing), unknown, "refused consent_unknown");
    check(Scene::substituted(Category::Utility), unknown, "allowed");
}

#[test]
fn codes_that_the_customer_asks_for_need_no_entry() {
    let code = || Scene::template(Category::Authentication);
    check_scene(&code(), "refused consent_unknown");
    check(code(), |s| s.request.cause = Cause::CustomerAsked, "allowed");
    check(stopped(code(), 0), |s| s.request.cause = Cause::CustomerAsked, "allowed");
    check(code(), |s| s.contact.consents.authentication = granted(Basis::Consent), "allowed");
}

#[test]
fn a_stop_ends_what_the_business_begins() {
    for category in [Category::Marketing, Category::Utility] {
        check_scene(&stopped(Scene::template(category), 0), "refused stopped");
        check_scene(&stopped(Scene::substituted(category), 0), "refused stopped");
    }
    let bot = |s: &mut Scene| s.request.author = Author::Bot("flow".to_owned());
    check(stopped(Scene::answer(), 0), bot, "refused stopped");
    check(stopped(Scene::answer(), 0), |s| s.data.finish_after_stop = false, "refused stopped");
    assert_eq!(stopped(Scene::answer(), 0).allowed().warnings, [Warning::AfterStop]);
    // The customer wrote again: everybody answers.
    check(stopped(Scene::answer(), -1), bot, "allowed");
    assert_eq!(stopped(Scene::answer(), -1).allowed().warnings, []);
    let sells = |s: &mut Scene| s.request.category = Some(Category::Marketing);
    check(stopped(Scene::answer(), -1), sells, "refused stopped");
}

#[test]
fn a_stop_is_confirmed_once() {
    let confirms = |s: &mut Scene| {
        s.request.cause = Cause::StopConfirmation;
        s.request.author = Author::Automation("stop".to_owned());
    };
    check(stopped(Scene::answer(), 0), confirms, "allowed");
    let again = |s: &mut Scene| {
        confirms(s);
        s.contact.consents.stop.as_mut().unwrap().is_confirmed = true;
    };
    check(stopped(Scene::answer(), 0), again, "refused stop_confirmed");
    check(Scene::answer(), confirms, "refused stop_confirmed");
    let at_once = |s: &mut Scene| {
        confirms(s);
        s.opt_in = OptInState::Behind;
    };
    check(stopped(Scene::answer(), 0), at_once, "allowed");
    let promotes = |s: &mut Scene| {
        confirms(s);
        s.request.category = Some(Category::Marketing);
    };
    check(stopped(Scene::answer(), 0), promotes, "refused stopped");
}

#[test]
fn what_may_be_a_stop_holds_marketing() {
    let suspected = |s: &mut Scene| s.contact.has_suspected_stop = true;
    check(marketing(), suspected, "deferred suspected_stop");
    check(utility(), suspected, "allowed");
    check(Scene::answer(), suspected, "allowed");
}

#[test]
fn marketing_and_machines_wait_for_the_opt_in_worker() {
    let behind = |s: &mut Scene| s.opt_in = OptInState::Behind;
    let by_a_person = |s: &mut Scene| s.request.author = Author::Agent("kim".to_owned());
    check(marketing(), behind, "deferred stop_pending");
    let waits = marketing().with(behind);
    assert_eq!(until(&waits).millis_since(waits.now), 5_000);
    check(utility(), behind, "deferred stop_pending");
    check(marketing().with(by_a_person), behind, "deferred stop_pending");
    check(utility().with(by_a_person), behind, "allowed");
    check(Scene::answer(), behind, "allowed");
    // Until there is one, the verdict says so.
    let nobody = |scene: Scene| scene.with(|s| s.opt_in = OptInState::NotInstalled).allowed().warnings;
    assert_eq!(nobody(marketing()), [Warning::OptInNotInstalled]);
    assert_eq!(nobody(Scene::answer()), []);
}
