//! What customers say, in several languages: data only.
//!
//! The ids of buttons and list rows are what the sample rules look at: `billing`, `orders`, `track_order`, `human`.

/// What somebody may say, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conversation {
    /// ISO 639-1.
    pub language: &'static str,
    /// ISO 3166-1, for the business-scoped user id.
    pub country: &'static str,
    pub calling_code: &'static str,
    pub name: &'static str,
    pub steps: &'static [Step],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Text(&'static str),
    /// A tap on a button of an interactive message.
    Button {
        id: &'static str,
        title: &'static str,
    },
    /// A choice from a list.
    List {
        id: &'static str,
        title: &'static str,
        description: &'static str,
    },
    /// A tap on a quick reply of a template.
    TemplateButton {
        payload: &'static str,
        text: &'static str,
    },
    Image {
        caption: &'static str,
    },
    Audio,
    Location,
    /// Two things from the catalogue, and what is to be done with them.
    Order {
        text: &'static str,
    },
    /// The message before, in other words.
    Edit {
        text: &'static str,
    },
    /// Written in a group.
    InGroup {
        text: &'static str,
    },
    Reaction {
        emoji: &'static str,
    },
    /// A message type that nobody here has heard of.
    Unknown {
        type_name: &'static str,
    },
    /// What WhatsApp itself does not support over the API.
    Unsupported,
}

impl Step {
    /// The customer's own words, where there are any.
    pub(crate) const fn text(&self) -> Option<&'static str> {
        match self {
            Self::Text(text)
            | Self::Image { caption: text }
            | Self::Order { text }
            | Self::Edit { text }
            | Self::InGroup { text } => Some(text),
            Self::Button { .. }
            | Self::List { .. }
            | Self::TemplateButton { .. }
            | Self::Audio
            | Self::Location
            | Self::Reaction { .. }
            | Self::Unknown { .. }
            | Self::Unsupported => None,
        }
    }
}

use Step::{
    Audio, Button, Edit, Image, InGroup, List, Location, Order, Reaction, TemplateButton, Text, Unknown, Unsupported,
};

pub const CONVERSATIONS: &[Conversation] = &[
    Conversation {
        language: "en",
        country: "US",
        calling_code: "1",
        name: "Mary",
        steps: &[
            Text("Hi, I have a question about my invoice"),
            Button { id: "billing", title: "Billing" },
            Text("It was charged twice: 2 × $19.90"),
            Image { caption: "here is the bank statement" },
            Text("I want to talk to a human please"),
            Text("Thanks!"),
        ],
    },
    Conversation {
        language: "en",
        country: "GB",
        calling_code: "44",
        name: "Oliver",
        steps: &[
            Text("where is my order"),
            List { id: "track_order", title: "Track an order", description: "Where it is and when it comes" },
            Text("It's order no. 4711"),
            Edit { text: "It's order no. 4712, sorry" },
            Reaction { emoji: "👍" },
            Text("STOP"),
        ],
    },
    Conversation {
        language: "es",
        country: "ES",
        calling_code: "34",
        name: "Lucía",
        steps: &[
            Text("Hola, ¿dónde está mi pedido?"),
            List { id: "track_order", title: "Seguir un pedido", description: "Dónde está y cuándo llega" },
            Text("El número es el 4711"),
            Image { caption: "así llegó el paquete" },
            Text("Quiero hablar con una persona"),
            Text("¡Gracias!"),
        ],
    },
    Conversation {
        language: "es",
        country: "MX",
        calling_code: "52",
        name: "Mateo",
        steps: &[
            Text("Buenas tardes, necesito una factura"),
            Button { id: "billing", title: "Facturación" },
            Location,
            Order { text: "con factura, por favor" },
            Text("BAJA"),
        ],
    },
    Conversation {
        language: "de",
        country: "DE",
        calling_code: "49",
        name: "Jürgen",
        steps: &[
            Text("Guten Tag, ich habe eine Frage zu meiner Rechnung"),
            Button { id: "billing", title: "Rechnung" },
            Text("Der Betrag über 59,90 € stimmt nicht"),
            Image { caption: "Foto der Rechnung" },
            Text("Ich möchte mit einem Menschen sprechen"),
            TemplateButton { payload: "survey_good", text: "Sehr zufrieden" },
        ],
    },
    Conversation {
        language: "pt",
        country: "BR",
        calling_code: "55",
        name: "João",
        steps: &[
            Text("Oi! Cadê o meu pedido?"),
            List { id: "track_order", title: "Rastrear pedido", description: "Onde está e quando chega" },
            Audio,
            Text("Quero falar com um atendente"),
            Text("Obrigado 🙏"),
            Text("SAIR"),
        ],
    },
    Conversation {
        language: "fr",
        country: "FR",
        calling_code: "33",
        name: "Chloé",
        steps: &[
            Text("Bonjour, j'ai un problème avec ma facture"),
            Button { id: "billing", title: "Facturation" },
            Image { caption: "voici la facture" },
            Text("Je voudrais parler à un conseiller"),
            Text("Merci beaucoup"),
        ],
    },
    Conversation {
        language: "it",
        country: "IT",
        calling_code: "39",
        name: "Giulia",
        steps: &[
            Text("Buongiorno, vorrei informazioni sul mio ordine"),
            Button { id: "orders", title: "Ordini" },
            Unsupported,
            InGroup { text: "chi viene domani?" },
            Text("Vorrei parlare con un operatore"),
        ],
    },
    Conversation {
        language: "ar",
        country: "EG",
        calling_code: "20",
        name: "مريم",
        steps: &[
            Text("مرحبا، عندي سؤال عن الفاتورة"),
            Button { id: "billing", title: "الفواتير" },
            Text("المبلغ ١٩٫٩٠ خطأ"),
            Text("أريد التحدث مع موظف"),
            Text("شكرا"),
            Text("إيقاف"),
        ],
    },
    Conversation {
        language: "hi",
        country: "IN",
        calling_code: "91",
        name: "प्रिया",
        steps: &[
            Text("नमस्ते, मेरा ऑर्डर कहाँ है?"),
            List {
                id: "track_order", title: "ऑर्डर ट्रैक करें", description: "कहाँ है और कब आएगा"
            },
            Image { caption: "पैकेट ऐसा था" },
            Text("मुझे किसी इंसान से बात करनी है"),
            Text("धन्यवाद"),
        ],
    },
    Conversation {
        language: "tr",
        country: "TR",
        calling_code: "90",
        name: "Işıl",
        steps: &[
            Text("Merhaba, faturam hakkında bir sorum var"),
            Button { id: "billing", title: "Fatura" },
            Text("İki kez çekilmiş"),
            Text("Bir temsilciyle görüşmek istiyorum"),
            TemplateButton { payload: "survey_good", text: "Çok iyi" },
        ],
    },
    Conversation {
        language: "id",
        country: "ID",
        calling_code: "62",
        name: "Putri",
        steps: &[
            Text("Halo, pesanan saya di mana?"),
            Button { id: "orders", title: "Pesanan" },
            Unknown { type_name: "hologram" },
            Text("Saya mau bicara dengan petugas"),
            Text("BERHENTI"),
        ],
    },
];
