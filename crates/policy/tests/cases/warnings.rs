//! What goes, and somebody should know of.

use waypost_domain::Category;
use waypost_domain::template::{Quality, TemplateStatus};
use waypost_policy::Warning;

use crate::scene::{Scene, text};

fn says(body: &str) -> Vec<Warning> {
    let scene = Scene::answer().with(|s| {
        s.say(text(body));
        s.data.warnings.own_sites = vec!["shop.example".to_owned()];
    });
    scene.allowed().warnings
}

fn foreign(host: &str) -> Vec<Warning> {
    vec![Warning::ForeignLink { host: host.to_owned() }]
}

#[test]
fn links_that_lead_elsewhere() {
    assert_eq!(says("Mira https://shop.example/x y https://www.Shop.example?y"), []);
    assert_eq!(says("Mira (https://evil.example/x)."), foreign("evil.example"));
    assert_eq!(says("www.evil.example, www.evil.example"), foreign("www.evil.example"));
    // Neither a beginning nor an end that looks like ours is ours.
    assert_eq!(says("https://shop.example.evil.example"), foreign("shop.example.evil.example"));
    assert_eq!(says("https://myshop.example"), foreign("myshop.example"));
    assert_eq!(says("https://shop.example@evil.example:8080/"), foreign("evil.example"));
    // While nobody has said which sites are ours, all are.
    let unknown = Scene::answer().with(|s| s.say(text("https://evil.example")));
    assert_eq!(unknown.allowed().warnings, []);
}

#[test]
fn whatsapp_numbers_of_others() {
    let other = [Warning::OtherWhatsAppNumber];
    assert_eq!(says("wa.me/34910000002 o https://wa.me/+34910000001?text=hola"), []);
    assert_eq!(says("Escribe a wa.me/34699999999"), other);
    assert_eq!(says("https://api.whatsapp.com/send?phone=34699999999"), other);
    assert_eq!(says("whatsapp://send?phone=34699999999"), other);
    assert_eq!(says("Nuestro WhatsApp: +34 910 00 00 02."), []);
    assert_eq!(says("Su WhatsApp es el +34 699 99 99 99 (9-14 h)."), other);
    assert_eq!(says("Llama al +34 699 99 99 99."), []);
}

#[test]
fn a_sender_who_speaks_for_somebody_else() {
    let speaks = |phrase: &str| vec![Warning::ThirdPartySender { phrase: phrase.to_owned() }];
    assert_eq!(says("Te escribo EN NOMBRE DE Seguros Sol."), speaks("en nombre de"));
    assert_eq!(says("We write on behalf of Sun Ltd."), speaks("on behalf of"));
    assert_eq!(says("Tu nombre, por favor"), []);
}

#[test]
fn the_same_again_within_a_moment() {
    let sent = |seconds: i64, body: &str| {
        let scene = Scene::answer().with(|s| s.recent = vec![(s.now.plus_millis(-seconds * 1000), text(body))]);
        scene.allowed().warnings
    };
    assert_eq!(sent(15, "Ahora mismo lo miro."), [Warning::LooksLikeRepeat]);
    assert_eq!(sent(16, "Ahora mismo lo miro."), []);
    assert_eq!(sent(1, "Un momento."), []);
    let template = |body: &str| {
        let scene = Scene::template(Category::Utility).with(|s| s.recent_bodies = vec![(s.now, body.to_owned())]);
        scene.allowed().warnings
    };
    assert_eq!(template("Hola Ana, tu pedido A-17 está en camino."), [Warning::LooksLikeRepeat]);
    assert_eq!(template("Hola Ana, tu pedido A-18 está en camino."), []);
}

#[test]
fn templates_that_meta_thinks_little_of() {
    let scene = Scene::template(Category::Utility).with(|s| {
        let row = s.row(Category::Utility);
        row.status = TemplateStatus::Flagged;
        row.quality = Quality::Red;
        row.announced_category = Some(Category::Marketing);
    });
    let to = Category::Marketing;
    assert_eq!(
        scene.allowed().warnings,
        [Warning::CategoryWillChange { to }, Warning::TemplateFlagged, Warning::TemplateQualityLow]
    );
}
