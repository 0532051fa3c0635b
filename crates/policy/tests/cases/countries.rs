//! From where and to where: by number, by BSUID, by what another system told.

use waypost_domain::{Category, Window};

use crate::scene::{Scene, check};

fn to_phone(phone: &str) -> impl FnOnce(&mut Scene) {
    let phone = phone.to_owned();
    move |s| (s.contact.phone, s.contact.bsuid, s.contact.zone) = (Some(phone), None, Some("UTC".to_owned()))
}

fn to_bsuid(bsuid: &str) -> impl FnOnce(&mut Scene) {
    let bsuid = bsuid.to_owned();
    move |s| (s.contact.phone, s.contact.bsuid) = (None, Some(bsuid))
}

#[test]
fn countries_that_are_not_served() {
    for phone in ["5350000001", "989120000001", "8501910000001", "963940000001"] {
        check(Scene::answer(), to_phone(phone), "refused country_to");
    }
    for bsuid in ["CU.1", "IR.ENT.1", "KP.1", "SY.1"] {
        check(Scene::answer(), to_bsuid(bsuid), "refused country_to");
    }
    check(Scene::answer(), |s| s.contact.country = Some("SY".to_owned()), "refused country_to");
    // Served since May 2024.
    check(Scene::answer(), to_phone("905300000001"), "allowed");
    check(Scene::answer(), |s| s.number.phone = Some("989120000001".to_owned()), "refused country_from");
    check(Scene::answer(), |s| s.number.phone = Some("79780000001".to_owned()), "refused country_from");
}

#[test]
fn regions_as_far_as_they_can_be_known() {
    for phone in ["79780000001", "380652000001", "79490000001", "79590000001"] {
        check(Scene::answer(), to_phone(phone), "refused region_to");
    }
    check(Scene::answer(), |s| s.contact.region = Some("UA-14".to_owned()), "refused region_to");
    check(Scene::answer(), |s| s.contact.region = Some("UA-30".to_owned()), "allowed");
    check(Scene::answer(), to_phone("380440000001"), "allowed");
    check(Scene::answer(), to_bsuid("UA.1"), "allowed");
}

#[test]
fn no_marketing_to_numbers_of_the_united_states() {
    let marketing = || Scene::template(Category::Marketing);
    check(marketing(), to_phone("12015550123"), "refused marketing_country");
    check(marketing(), to_bsuid("US.1"), "refused marketing_country");
    // Canada and the Caribbean share +1.
    check(marketing(), to_phone("14165550123"), "allowed");
    check(marketing(), to_phone("18765550123"), "allowed");
    check(Scene::template(Category::Utility), to_phone("12015550123"), "allowed");
    // Meta goes by the number, not by where somebody lives.
    check(marketing(), |s| s.contact.country = Some("US".to_owned()), "allowed");
    // A utility template that Meta made marketing.
    check(
        Scene::template(Category::Utility),
        |s| {
            to_phone("12015550123")(s);
            s.row(Category::Utility).category = Category::Marketing;
        },
        "refused marketing_country",
    );
}

#[test]
fn countries_that_meta_closed_for_us() {
    let closed = |s: &mut Scene| s.health.closed_countries = vec!["ES".to_owned()];
    check(Scene::answer(), closed, "refused country_closed_to_us");
    check(Scene::template(Category::Utility), closed, "refused country_closed_to_us");
    check(Scene::answer().with(to_phone("351910000001")), closed, "allowed");
    check(Scene::answer(), |s| s.conversation.window = Window::CLOSED, "refused window_closed");
}
