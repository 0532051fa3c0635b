//! Scenes: everything that a question needs, good unless a test spoils it.

use uuid::Uuid;
use waypost_domain::consent::{Basis, Grant};
use waypost_domain::send::{
    Author, ButtonParameter, ButtonValue, Cause, FreeForm, Parameter, SendContent, SendId, SendRequest,
    TemplateRequest, Values,
};
use waypost_domain::template::{Layout, ParameterFormat, Quality, Template, TemplateButton, TemplateStatus};
use waypost_domain::window::{WINDOW_MS, window_end};
use waypost_domain::{Category, ConsentEntryId, Consents, ContactId, EffectiveConsent, NumberName, Timestamp, Window};
use waypost_policy::asked::{
    Age, ContactFacts, ConversationFacts, Health, NumberFacts, OptInState, Places, Recent, RecentContent, Usage,
};
use waypost_policy::verdict::Allowed;
use waypost_policy::{Asked, PolicyData, Verdict, verdict};

pub(crate) const HOUR_MS: i64 = 60 * 60 * 1000;

/// A question with everything that it is asked of.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) now: Timestamp,
    pub(crate) request: SendRequest,
    pub(crate) contact: ContactFacts,
    pub(crate) number: NumberFacts,
    pub(crate) conversation: ConversationFacts,
    pub(crate) templates: Vec<Template>,
    pub(crate) health: Health,
    pub(crate) marketing_sent_at: Vec<Timestamp>,
    pub(crate) automatic_sent_at: Vec<Timestamp>,
    pub(crate) marketing_refused_until: Option<Timestamp>,
    pub(crate) tier: Option<String>,
    pub(crate) places: Places<'static>,
    pub(crate) recent: Vec<(Timestamp, FreeForm)>,
    pub(crate) recent_bodies: Vec<(Timestamp, String)>,
    pub(crate) opt_in: OptInState,
    pub(crate) data: PolicyData,
}

impl Scene {
    /// On a Tuesday at noon (13:00 in Madrid) an agent answers a Spanish customer who wrote an hour ago.
    pub(crate) fn answer() -> Self {
        let now = at("2026-12-01T12:00");
        Self {
            now,
            request: request(now),
            contact: contact(),
            number: NumberFacts {
                phone: Some("34910000001".to_owned()),
                zone: Some("Europe/Madrid".to_owned()),
                ours: vec!["34910000001".to_owned(), "34910000002".to_owned()],
            },
            conversation: ConversationFacts {
                window: Window::until(window_end(now.plus_millis(-HOUR_MS), None)),
                other_app_holds_thread: false,
                unseen: 0,
            },
            templates: [Category::Utility, Category::Marketing, Category::Authentication].map(template).to_vec(),
            health: Health::default(),
            marketing_sent_at: vec![],
            automatic_sent_at: vec![],
            marketing_refused_until: None,
            tier: Some("TIER_2K".to_owned()),
            places: Places::default(),
            recent: vec![],
            recent_bodies: vec![],
            opt_in: OptInState::CaughtUp,
            data: PolicyData::default(),
        }
    }

    /// At the same time a campaign sends a template of the category, to a customer who has not written for long.
    pub(crate) fn template(category: Category) -> Self {
        let mut scene = Self::answer();
        scene.conversation.window = Window::CLOSED;
        scene.request.author = Author::Campaign("winter".to_owned());
        scene.request.cause = Cause::Event("winter".to_owned());
        scene.request.content = SendContent::Template(use_of(category));
        scene.request.expires_at = Some(scene.now.plus_millis(10 * 60 * 1000));
        if category != Category::Authentication {
            scene.request.expires_at = Some(scene.now.plus_millis(48 * HOUR_MS));
        }
        scene
    }

    /// An answer outside the window, with a template of the category to go in its place.
    pub(crate) fn substituted(category: Category) -> Self {
        let mut scene = Self::answer();
        scene.conversation.window = Window::until(scene.now);
        scene.request.substitute = Some(use_of(category));
        scene.request.expires_at = Some(scene.now.plus_millis(48 * HOUR_MS));
        scene
    }

    #[must_use]
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn verdict(&self) -> Verdict {
        let free_form = self.recent.iter().map(|(at, content)| (*at, RecentContent::FreeForm(content)));
        let bodies = self.recent_bodies.iter().map(|(at, body)| (*at, RecentContent::TemplateBody(body)));
        let recent: Vec<Recent<'_>> =
            free_form.chain(bodies).map(|(sent_at, content)| Recent { sent_at, content }).collect();
        let usage = Usage {
            marketing_sent_at: &self.marketing_sent_at,
            automatic_sent_at: &self.automatic_sent_at,
            marketing_refused_until: self.marketing_refused_until,
            places: Places { tier: self.tier.as_deref(), ..self.places },
            recent: &recent,
        };
        verdict(&Asked { usage: &usage, ..self.asked() })
    }

    /// Without what was sent before.
    pub(crate) fn asked(&self) -> Asked<'_> {
        const NOTHING: &Usage<'static> = &Usage {
            marketing_sent_at: &[],
            automatic_sent_at: &[],
            marketing_refused_until: None,
            places: Places { tier: None, used: 0, has_contact: false, next_free_at: None },
            recent: &[],
        };
        Asked {
            now: self.now,
            request: &self.request,
            contact: &self.contact,
            number: &self.number,
            conversation: self.conversation,
            templates: &self.templates,
            health: &self.health,
            usage: NOTHING,
            opt_in: self.opt_in,
            data: &self.data,
        }
    }

    pub(crate) fn allowed(&self) -> Allowed {
        let verdict = self.verdict();
        verdict.allowed().unwrap_or_else(|| panic!("not allowed: {verdict:?}")).clone()
    }

    /// The template of the request.
    pub(crate) fn values(&mut self) -> &mut Values {
        match &mut self.request.content {
            SendContent::Template(template) => &mut template.values,
            SendContent::FreeForm(_) => panic!("no template"),
        }
    }

    /// Of the registry.
    pub(crate) fn row(&mut self, category: Category) -> &mut Template {
        self.templates.iter_mut().find(|template| template.name == name(category)).unwrap()
    }

    pub(crate) fn say(&mut self, content: FreeForm) {
        self.request.content = SendContent::FreeForm(content);
    }
}

/// In the scene, the verdict is `want`: `allowed`, or e.g. `refused button_missing buttons[1]`, `deferred quiet_hours`.
#[track_caller]
pub(crate) fn check_scene(scene: &Scene, want: &str) {
    let verdict = scene.verdict();
    assert_eq!(told(&verdict), want, "{verdict:?}");
}

/// The scene with the change gives `want`.
#[track_caller]
pub(crate) fn check(scene: Scene, change: impl FnOnce(&mut Scene), want: &str) {
    check_scene(&scene.with(change), want);
}

pub(crate) fn told(verdict: &Verdict) -> String {
    let word = match verdict {
        Verdict::Allowed(_) => return "allowed".to_owned(),
        Verdict::Deferred { .. } => "deferred",
        Verdict::Expired(_) => "expired",
        Verdict::Refused(_) => "refused",
    };
    let finding = verdict.finding().unwrap();
    let field = finding.field.as_ref().map(|field| format!(" {field}")).unwrap_or_default();
    format!("{word} {}{field}", finding.rule)
}

/// Until when it waits.
#[track_caller]
pub(crate) fn until(scene: &Scene) -> Timestamp {
    match scene.verdict() {
        Verdict::Deferred { until, .. } => until,
        other => panic!("does not wait: {other:?}"),
    }
}

/// UTC, `2026-12-01T12:00`.
pub(crate) fn at(text: &str) -> Timestamp {
    let instant: jiff::Timestamp = format!("{text}:00Z").parse().unwrap();
    Timestamp::from_millis(instant.as_millisecond())
}

pub(crate) fn text(body: &str) -> FreeForm {
    FreeForm::Text { body: body.to_owned(), preview_url: false }
}

pub(crate) fn granted(basis: Basis) -> EffectiveConsent {
    EffectiveConsent::Granted(Grant { basis, entry: Some(ConsentEntryId::from_uuid(Uuid::from_u128(9))) })
}

/// When the window was opened that the scene has.
pub(crate) fn opened_at(scene: &Scene) -> Timestamp {
    scene.conversation.window.ends_at.unwrap().plus_millis(-WINDOW_MS)
}

pub(crate) fn name(category: Category) -> &'static str {
    match category {
        Category::Service => "none",
        Category::Authentication => "sign_in_code",
        Category::Utility => "order_shipped",
        Category::Marketing => "winter_sale",
    }
}

/// The template of the category, with all values.
pub(crate) fn use_of(category: Category) -> TemplateRequest {
    let button = |index, value| ButtonParameter { index, value };
    let (body, buttons) = match category {
        Category::Service => (vec![], vec![]),
        Category::Authentication => {
            (vec![Parameter::positional("123456")], vec![button(0, ButtonValue::OneTimeCode("123456".to_owned()))])
        }
        Category::Utility => {
            let body = vec![Parameter::positional("Ana"), Parameter::positional("A-17")];
            (body, vec![button(1, ButtonValue::UrlSuffix("A-17".to_owned()))])
        }
        Category::Marketing => (vec![Parameter::positional("Ana")], vec![]),
    };
    let values = Values { body, buttons, ..Values::default() };
    TemplateRequest { name: name(category).to_owned(), language: None, language_fallback: None, values }
}

fn template(category: Category) -> Template {
    let label = |label: &str| label.to_owned();
    let (body, buttons) = match category {
        Category::Service => ("", vec![]),
        Category::Authentication => {
            ("{{1}} es tu código.", vec![TemplateButton::OneTimeCode { label: label("Copiar") }])
        }
        Category::Utility => (
            "Hola {{1}}, tu pedido {{2}} está en camino.",
            vec![
                TemplateButton::QuickReply { label: label("Gracias") },
                TemplateButton::Url { label: label("Seguir"), url: "https://shop.example/track/{{1}}".to_owned() },
            ],
        ),
        Category::Marketing => ("{{1}}, mira nuestras ofertas.", vec![]),
    };
    Template {
        name: name(category).to_owned(),
        language: "es".to_owned(),
        status: TemplateStatus::Approved,
        category,
        announced_category: None,
        parameter_format: ParameterFormat::Positional,
        quality: Quality::Green,
        ttl_s: None,
        paused_until: None,
        layout: Layout { header: None, body: body.to_owned(), footer: None, buttons },
        cards: vec![],
        has_offer_end: false,
    }
}

fn request(now: Timestamp) -> SendRequest {
    SendRequest::plain(
        SendId::new("order-17").unwrap(),
        NumberName::new("support-es").unwrap(),
        ContactId::from_uuid(Uuid::from_u128(1)),
        Author::Agent("kim".to_owned()),
        Cause::Reply,
        SendContent::FreeForm(text("Ahora mismo lo miro.")),
        now,
    )
}

fn contact() -> ContactFacts {
    ContactFacts {
        phone: Some("34600000147".to_owned()),
        bsuid: Some("ES.7000".to_owned()),
        country: None,
        region: None,
        language: Some("es".to_owned()),
        zone: Some("Europe/Madrid".to_owned()),
        age: Age::Unknown,
        is_deceased: false,
        has_dispute: false,
        is_suppressed: false,
        is_blocked: false,
        has_suspected_stop: false,
        consents: Consents {
            marketing: granted(Basis::Consent),
            utility: granted(Basis::Contract),
            authentication: EffectiveConsent::Unknown,
            stop: None,
        },
    }
}
