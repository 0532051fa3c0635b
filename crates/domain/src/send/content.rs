//! What can be sent without a template, after Meta's reference of the messages endpoint. Its limits are checked in
//! `waypost-policy`; nothing here refuses anything.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Content that goes inside the customer service window only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FreeForm {
    Text {
        body: String,
        preview_url: bool,
    },
    Media(Media),
    Location(Place),
    Contacts(Vec<ContactCard>),
    Reaction(Reaction),
    Buttons(Buttons),
    List(List),
    CtaUrl(CtaUrl),
    Flow(Flow),
    /// Asks the customer for their place.
    LocationRequest {
        body: String,
    },
    /// Asks the customer for their phone number.
    ContactRequest {
        body: String,
    },
    /// The whole catalog of the business.
    Catalog {
        body: String,
        footer: Option<String>,
        thumbnail_product: Option<String>,
    },
    Product {
        catalog: String,
        product: String,
        body: Option<String>,
        footer: Option<String>,
    },
    Products(Products),
}

impl FreeForm {
    /// As its wire form calls it: `text`, `image`, `cta_url` and so on.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Media(media) => media.kind.as_str(),
            Self::Location(_) => "location",
            Self::Contacts(_) => "contacts",
            Self::Reaction(_) => "reaction",
            Self::Buttons(_) => "buttons",
            Self::List(_) => "list",
            Self::CtaUrl(_) => "cta_url",
            Self::Flow(_) => "flow",
            Self::LocationRequest { .. } => "location_request",
            Self::ContactRequest { .. } => "contact_request",
            Self::Catalog { .. } => "catalog",
            Self::Product { .. } => "product",
            Self::Products(_) => "products",
        }
    }
}

/// Meta's kinds of media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaKind {
    Image,
    Video,
    Audio,
    Document,
    Sticker,
}

impl MediaKind {
    /// Meta's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Document => "document",
            Self::Sticker => "sticker",
        }
    }
}

/// Where Meta finds the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaSource {
    /// Uploaded to Meta before: usable for 30 days.
    Id(String),
    /// An address that Meta fetches and remembers for 10 minutes.
    Link(String),
}

/// A file, with what is said about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    pub kind: MediaKind,
    pub source: MediaSource,
    /// By the bytes, where somebody has looked at them; never by the file's name.
    pub mime_type: Option<String>,
    pub size_bytes: Option<u64>,
    pub caption: Option<String>,
    /// Of documents.
    pub filename: Option<String>,
    /// Of audio: shown as recorded on the spot.
    pub voice: bool,
}

/// A point on the map, in degrees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    pub latitude: f64,
    pub longitude: f64,
    pub name: Option<String>,
    pub address: Option<String>,
}

/// Somebody whom the customer may keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactCard {
    pub formatted_name: String,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub organization: Option<String>,
    pub phones: Vec<CardPhone>,
    pub emails: Vec<String>,
}

/// A number of theirs; with `wa_id` it opens a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardPhone {
    pub phone: String,
    pub wa_id: Option<String>,
}

/// An emoji on a message of the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaction {
    /// The wamid of what it is about.
    pub message_id: String,
    /// Empty: it is taken back.
    pub emoji: String,
    /// When that message came, where it is known: Meta takes reactions for 30 days.
    pub message_at: Option<Timestamp>,
}

/// Above the text of an interactive message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Header {
    Text(String),
    Image(MediaSource),
    Video(MediaSource),
    Document { source: MediaSource, filename: Option<String> },
}

/// A text with up to three buttons that answer it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buttons {
    pub header: Option<Header>,
    pub body: String,
    pub footer: Option<String>,
    pub buttons: Vec<ReplyButton>,
}

/// A button whose tap is an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyButton {
    /// Comes back when it is tapped.
    pub id: String,
    pub title: String,
}

/// A text with a button that opens a list to choose from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    /// A list's header is a text.
    pub header: Option<String>,
    pub body: String,
    pub footer: Option<String>,
    /// On the button that opens the list.
    pub button: String,
    pub sections: Vec<Section>,
}

/// Rows of a list that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// Compulsory where there are several.
    pub title: Option<String>,
    pub rows: Vec<Row>,
}

/// What can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Comes back when it is tapped.
    pub id: String,
    pub title: String,
    pub description: Option<String>,
}

/// A button that opens an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CtaUrl {
    pub header: Option<Header>,
    pub body: String,
    pub footer: Option<String>,
    pub display_text: String,
    pub url: String,
}

/// A form of Meta's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    pub header: Option<Header>,
    pub body: String,
    pub footer: Option<String>,
    pub flow_id: String,
    /// On the button that opens it.
    pub button: String,
    /// Comes back with what the customer filled in.
    pub token: String,
    /// The screen that it begins with; `None`: the flow's own endpoint says.
    pub screen: Option<String>,
    /// JSON for that screen.
    pub data: Option<String>,
}

/// Several products of a catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Products {
    /// Compulsory here.
    pub header: String,
    pub body: String,
    pub footer: Option<String>,
    pub catalog: String,
    pub sections: Vec<ProductSection>,
}

/// Products that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductSection {
    /// Compulsory where there are several.
    pub title: Option<String>,
    /// `product_retailer_id`s.
    pub products: Vec<String>,
}
