//! Faults that other programs shipped, as far as policy decides them: each is a situation and what has to come of it.

use waypost_domain::send::content::{Buttons, Media, MediaKind, MediaSource, ReplyButton};
use waypost_domain::send::{Author, ButtonValue, FreeForm, Parameter, SendContent, TemplateRequest};
use waypost_domain::template::ParameterFormat;
use waypost_domain::{Category, EffectiveConsent, Template, Window};
use waypost_policy::asked::{Bar, Barred};
use waypost_policy::data::Cap;
use waypost_policy::verdict::Message;
use waypost_policy::{Rule, Warning};

use crate::scene::{Scene, check, check_scene, text};

fn template(scene: &mut Scene) -> &mut TemplateRequest {
    match &mut scene.request.content {
        SendContent::Template(template) => template,
        SendContent::FreeForm(_) => panic!("no template"),
    }
}

/// Given a token that ran out, when a send is due, then it waits: it is neither lost nor failed.
#[test]
fn an_expired_token_loses_nothing() {
    let token = Bar { what: Barred::Everything, until: None, why: "token expired".to_owned() };
    check(Scene::answer(), |s| s.health.number = vec![token], "deferred number_stopped");
}

/// Given a window that closes while a paced queue drains, then each send is judged at its own attempt.
#[test]
fn one_clock_for_the_whole_run_is_wrong() {
    let closes_in_s = 180;
    let mut scene = Scene::answer();
    scene.conversation.window = Window::until(scene.now.plus_millis(closes_in_s * 1000));
    for minute in 0..6 {
        let attempt = scene.clone().with(|s| s.now = s.now.plus_millis(minute * 60_000));
        check_scene(&attempt, if minute < 3 { "allowed" } else { "refused window_closed" });
    }
}

/// Given a text outside the window, then the window refuses it, not a template that nobody asked for; with a substitute the
/// template goes, under its own category's consent.
#[test]
fn free_text_outside_the_window_is_no_template() {
    let closed = |s: &mut Scene| s.conversation.window = Window::CLOSED;
    check(Scene::answer(), closed, "refused window_closed");
    let refused = Scene::answer().with(closed).verdict();
    assert!(refused.finding().unwrap().to_string().contains("send a template"), "{refused:?}");
    let substituted = Scene::substituted(Category::Marketing);
    let allowed = substituted.allowed();
    assert!(allowed.is_substitute);
    assert_eq!(allowed.category, Category::Marketing);
    let Message::Template(sent) = &allowed.message else { panic!("{allowed:?}") };
    assert_eq!((sent.name.as_str(), sent.language.as_str()), ("winter_sale", "es"));
    let unasked = |s: &mut Scene| s.contact.consents.marketing = EffectiveConsent::Unknown;
    check(substituted, unasked, "refused consent_unknown");
}

/// Given one body and one URL variable, when the button's value is missing, then it is refused naming that button; when it is
/// given, then body and button go where they belong, and only the suffix does.
#[test]
fn a_button_s_variable_is_the_button_s() {
    let scene = Scene::template(Category::Utility);
    check(scene.clone(), |s| template(s).values.buttons.clear(), "refused button_missing buttons[1]");
    let among_the_body = |s: &mut Scene| {
        template(s).values.buttons.clear();
        template(s).values.body.push(Parameter::positional("A-17"));
    };
    check(scene.clone(), among_the_body, "refused parameter_unknown body.3");
    let Message::Template(sent) = scene.allowed().message else { panic!("no template") };
    assert_eq!(sent.values.body, [Parameter::positional("Ana"), Parameter::positional("A-17")]);
    assert_eq!(sent.values.buttons[0].index, 1, "counts the quick reply before it");
    assert_eq!(sent.values.buttons[0].value, ButtonValue::UrlSuffix("A-17".to_owned()));
}

/// Given a value with a line break, a tab or five spaces, then it goes as single spaces, and the request stays as it was; one
/// that is blank after that is refused.
#[test]
fn values_go_in_one_line() {
    for (given, sent) in [("Ana\nMaría", "Ana María"), ("Ana\tMaría", "Ana María"), ("Ana     María", "Ana María")]
    {
        let scene =
            Scene::template(Category::Utility).with(|s| template(s).values.body[0] = Parameter::positional(given));
        let Message::Template(message) = scene.allowed().message else { panic!("no template") };
        assert_eq!(message.values.body[0], Parameter::positional(sent));
        let SendContent::Template(original) = &scene.request.content else { panic!("no template") };
        assert_eq!(original.values.body[0], Parameter::positional(given));
    }
    let blank = |s: &mut Scene| template(s).values.body[0] = Parameter::positional(" \n\t ");
    check(Scene::template(Category::Utility), blank, "refused parameter_blank body.1");
}

/// Given `{{customer_name}}` and `{{code}}`, then each value has its name, in any order; unknown and missing names are refused.
#[test]
fn named_parameters_keep_their_names() {
    let named = |parameters: Vec<Parameter>| {
        Scene::template(Category::Utility).with(|s| {
            let row = s.row(Category::Utility);
            row.parameter_format = ParameterFormat::Named;
            row.layout.body = "Hola {{customer_name}}, tu código es {{code}}.".to_owned();
            template(s).values.body = parameters;
        })
    };
    let (name, code) = (|| Parameter::named("customer_name", "Ana"), || Parameter::named("code", "17"));
    let scene = named(vec![code(), name()]);
    let allowed = scene.allowed();
    let Message::Template(sent) = &allowed.message else { panic!("{allowed:?}") };
    assert_eq!(sent.values.body, [name(), code()]);
    assert_eq!(allowed.preview.unwrap().body, "Hola Ana, tu código es 17.");
    let positional = vec![Parameter::positional("Ana"), Parameter::positional("17")];
    check_scene(&named(positional), "refused parameter_form body[0]");
    check_scene(&named(vec![name()]), "refused parameter_missing body.code");
    check_scene(&named(vec![name(), code(), Parameter::named("city", "x")]), "refused parameter_unknown body.city");
    check_scene(&named(vec![name(), code(), code()]), "refused parameter_unknown body.code");
    // And the other way round.
    let by_name = |s: &mut Scene| template(s).values.body[0] = Parameter::named("customer_name", "Ana");
    check(Scene::template(Category::Utility), by_name, "refused parameter_form body.customer_name");
}

/// Given a template that is gone from Meta, when the registry has been synchronised, then it is refused.
#[test]
fn a_template_that_is_gone_is_refused() {
    let gone = |s: &mut Scene| s.templates.retain(|row| row.category != Category::Utility);
    check(Scene::template(Category::Utility), gone, "refused template_unknown template");
}

/// Given the template in `en` and `pt_BR` and a contact in `pt_PT`, then a declared list decides and the verdict says so; else
/// it is refused, and says what there is.
#[test]
fn languages_by_a_declared_list() {
    let portuguese = || {
        Scene::template(Category::Utility).with(|s| {
            let row = s.row(Category::Utility).clone();
            s.templates = ["en", "pt_BR"].map(|tag| Template { language: tag.to_owned(), ..row.clone() }).to_vec();
            s.contact.language = Some("pt_PT".to_owned());
        })
    };
    let declared = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
    check_scene(&portuguese(), "refused template_language language");
    let detail = portuguese().verdict().finding().unwrap().detail.clone();
    assert_eq!(detail.as_deref(), Some("wanted: pt_PT; there are en, pt_BR"));
    let by_data = |key: &'static str, tags: &'static [&'static str]| {
        portuguese().with(|s| _ = s.data.templates.language_fallback.insert(key.to_owned(), declared(tags)))
    };
    for (scene, want) in [
        (by_data("pt-PT", &["es", "pt-BR", "en"]), "pt_BR"),
        (by_data("any", &["en"]), "en"),
        (by_data("any", &["en"]).with(|s| template(s).language_fallback = Some(declared(&["pt_br"]))), "pt_BR"),
    ] {
        let allowed = scene.allowed();
        let choice = allowed.language.unwrap();
        assert_eq!((choice.chosen.as_str(), choice.is_fallback), (want, true));
        assert_eq!(choice.wanted.as_deref(), Some("pt_PT"));
        assert_eq!(allowed.warnings, [Warning::LanguageFallback { chosen: want.to_owned() }]);
    }
    // A row of one's own, though empty, and an empty list of the request, mean: nothing else will do.
    check(
        by_data("any", &["en"]),
        |s| _ = s.data.templates.language_fallback.insert("pt_PT".to_owned(), vec![]),
        NOTHING,
    );
    check(by_data("any", &["en"]), |s| template(s).language_fallback = Some(vec![]), NOTHING);
    // What is asked for goes before the contact's; `pt-BR` is `pt_BR`.
    let asked_for = portuguese().with(|s| template(s).language = Some("pt-BR".to_owned())).allowed().language.unwrap();
    assert_eq!((asked_for.chosen.as_str(), asked_for.is_fallback), ("pt_BR", false));
    // Chosen by what exists: one that is paused is waited for, in the customer's language.
    let paused = portuguese().with(|s| {
        template(s).language_fallback = Some(declared(&["pt_BR", "en"]));
        s.templates[1].status = waypost_domain::template::TemplateStatus::Paused;
    });
    check_scene(&paused, "deferred template_paused");
}

const NOTHING: &str = "refused template_language language";

/// Given bytes that are WebM, when they are offered as a voice note, then they are refused naming what is allowed.
#[test]
fn a_voice_note_of_another_type_is_refused() {
    let media = |mime_type: &str| {
        FreeForm::Media(Media {
            kind: MediaKind::Audio,
            source: MediaSource::Id("17".to_owned()),
            mime_type: Some(mime_type.to_owned()),
            size_bytes: Some(1_000),
            caption: None,
            filename: None,
            voice: true,
        })
    };
    check(Scene::answer(), |s| s.say(media("audio/ogg; codecs=opus")), "allowed");
    let refused = Scene::answer().with(|s| s.say(media("audio/webm")));
    check_scene(&refused, "refused media_type mime_type");
    assert!(refused.verdict().finding().unwrap().to_string().contains("audio/ogg"));
}

/// Given a label of 21 characters, of several bytes too, then it is refused naming field and limit; or cut, where the request
/// allows that, and said.
#[test]
fn labels_are_counted_in_characters() {
    let labelled = |title: String| {
        let buttons = vec![ReplyButton { id: "1".to_owned(), title }];
        FreeForm::Buttons(Buttons { header: None, body: "?".to_owned(), footer: None, buttons })
    };
    for letter in ["a", "ñ", "漢", "🙂"] {
        check(Scene::answer(), |s| s.say(labelled(letter.repeat(20))), "allowed");
        let long = Scene::answer().with(|s| s.say(labelled(letter.repeat(21))));
        check_scene(&long, "refused content_too_long buttons[0].title");
        let finding = long.verdict().finding().unwrap().clone();
        assert_eq!(finding.detail.as_deref(), Some("21 characters of at most 20"));
        let cut = long.with(|s| s.request.shorten = true).allowed();
        assert_eq!(cut.warnings, [Warning::Shortened { field: "buttons[0].title".to_owned() }]);
    }
}

/// Given a customer who said stop and then asks where the order is, then answers go and marketing stays refused.
#[test]
fn a_later_message_is_answered_and_subscribes_nobody() {
    let asks = |scene: Scene| {
        scene.with(|s| {
            s.contact.consents.marketing = EffectiveConsent::Withdrawn;
            let at = s.now.plus_millis(-3 * 24 * 60 * 60 * 1000);
            s.contact.consents.stop = Some(waypost_domain::consent::Stop { at, is_confirmed: true });
            s.conversation.window = Scene::answer().conversation.window;
        })
    };
    check_scene(&asks(Scene::answer()), "allowed");
    check_scene(&asks(Scene::template(Category::Marketing)), "refused stopped");
}

/// Given a machine that answers every message at once, then so many automatic messages go and no more; the rule says that a
/// person has to look.
#[test]
fn two_machines_do_not_talk_for_ever() {
    let mut scene = Scene::answer().with(|s| {
        s.request.author = Author::Bot("flow".to_owned());
        s.data.automatic = Cap { messages: 5, period_minutes: 60 };
        s.say(text("¿En qué puedo ayudarte?"));
    });
    let mut sent = 0;
    for _ in 0..50 {
        scene.now = scene.now.plus_millis(1_000);
        if scene.verdict().allowed().is_some() {
            scene.automatic_sent_at.push(scene.now);
            sent += 1;
        }
    }
    assert_eq!(sent, 5);
    check_scene(&scene, "refused automatic_cap");
    assert!(Rule::AutomaticCap.remedy().contains("a person answers"));
}
