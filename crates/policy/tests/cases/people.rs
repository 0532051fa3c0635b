//! Who must not be written to.

use waypost_domain::Category;
use waypost_domain::send::Author;
use waypost_policy::asked::Age;

use crate::scene::{Scene, check, name};

#[test]
fn who_is_left_alone_is_answered_only() {
    let suppressed = |s: &mut Scene| s.contact.is_suppressed = true;
    check(Scene::answer(), suppressed, "allowed");
    check(Scene::template(Category::Utility), suppressed, "refused suppressed");
    check(Scene::template(Category::Marketing), suppressed, "refused suppressed");
    check(Scene::answer(), |s| s.contact.is_blocked = true, "refused blocked_by_us");
}

#[test]
fn attributes_forbid_what_the_data_says() {
    let machine = |s: &mut Scene| s.request.author = Author::Bot("flow".to_owned());
    let person = |s: &mut Scene| s.request.author = Author::Agent("kim".to_owned());
    let deceased = |s: &mut Scene| s.contact.is_deceased = true;
    for category in [Category::Marketing, Category::Utility] {
        check(Scene::template(category).with(person), deceased, "refused deceased");
    }
    check(Scene::answer(), deceased, "allowed");
    check(Scene::answer().with(machine), deceased, "refused deceased");
    let minor = |s: &mut Scene| s.contact.age = Age::Minor;
    check(Scene::template(Category::Marketing), minor, "refused minor");
    check(Scene::template(Category::Utility), minor, "allowed");
    let dispute = |s: &mut Scene| s.contact.has_dispute = true;
    check(Scene::template(Category::Marketing).with(person), dispute, "refused dispute");
    check(Scene::template(Category::Utility).with(person), dispute, "allowed");
    check(Scene::template(Category::Utility), dispute, "refused dispute");
    check(
        Scene::template(Category::Utility),
        |s| {
            dispute(s);
            s.data.attributes.dispute.clear();
        },
        "allowed",
    );
}

#[test]
fn templates_for_adults_go_to_adults() {
    for (age, want) in [(Age::Unknown, "refused age_unknown"), (Age::Minor, "refused minor"), (Age::Adult, "allowed")] {
        check(
            Scene::template(Category::Utility),
            |s| {
                s.data.templates.for_adults = vec![name(Category::Utility).to_owned()];
                s.contact.age = age;
            },
            want,
        );
    }
}

#[test]
fn there_must_be_an_address() {
    check(Scene::answer(), |s| (s.contact.phone, s.contact.bsuid) = (None, None), "refused no_address");
    check(Scene::answer(), |s| s.contact.phone = None, "allowed");
}
