//! The words of a message: all that there is to read in it, part by part. What rules look at, whatever the type.

use super::{FormField, Forwarded, InboundMessage, MessageContent};

/// Where in a message words stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The body of a text.
    Text,
    /// Below a file.
    Caption,
    /// On what was tapped.
    Title,
    /// The second line of a list row that was tapped.
    Description,
    /// Beside an order.
    Order,
    /// A value of a form.
    Form,
    /// A place's name or address.
    Place,
    /// A name on a contact card.
    Card,
    /// A file's name.
    File,
    /// Anything in a message that was forwarded: words, but not the customer's.
    Forwarded,
}

impl Part {
    pub const ALL: [Self; 10] = [
        Self::Text,
        Self::Caption,
        Self::Title,
        Self::Description,
        Self::Order,
        Self::Form,
        Self::Place,
        Self::Card,
        Self::File,
        Self::Forwarded,
    ];

    /// The word for it in rules.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Caption => "caption",
            Self::Title => "title",
            Self::Description => "description",
            Self::Order => "order",
            Self::Form => "form",
            Self::Place => "place",
            Self::Card => "card",
            Self::File => "file",
            Self::Forwarded => "forwarded",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.as_str() == text)
    }

    /// Where the text of a message of this type stands: [`InboundMessage::text`].
    pub fn of_text(message_type: &str) -> Self {
        match message_type {
            "image" | "video" | "document" | "audio" | "sticker" => Self::Caption,
            "interactive" | "button" => Self::Title,
            _ => Self::Text,
        }
    }
}

/// Some words, never none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words<'a> {
    pub part: Part,
    pub text: &'a str,
}

/// The words of one message have at most so many bytes; what is behind them is left out.
pub const WORDS_BYTES_MAX: usize = 64 * 1024;

impl InboundMessage {
    /// In the order of [`Part`]. Of an edit, what it says now. Names and answers that are not the customer's words are
    /// left out: what was quoted, what we gave a form.
    pub fn words(&self) -> Vec<Words<'_>> {
        let message = self.as_it_is_now();
        let forwarded = self.how_often_forwarded() != Forwarded::Never;
        let mut words = Collected { words: Vec::new(), room: WORDS_BYTES_MAX, forwarded };
        words.add(Part::of_text(message.kind.as_str()), &message.text);
        if let Some(tap) = &message.tap {
            words.add(Part::Description, &tap.description);
        }
        match &message.content {
            MessageContent::Location(location) => {
                words.add(Part::Place, &location.name);
                words.add(Part::Place, &location.address);
            }
            MessageContent::Cards(cards) => {
                for card in cards {
                    words.add(Part::Card, &card.name);
                    words.add(Part::Card, &card.company);
                }
            }
            MessageContent::Order(order) => words.add(Part::Order, &order.text),
            MessageContent::Form(form) => {
                for field in form.fields.iter().filter(|field| field.name != FormField::TOKEN) {
                    words.add(Part::Form, [&field.value]);
                }
            }
            MessageContent::Plain
            | MessageContent::Reaction(_)
            | MessageContent::Edit(_)
            | MessageContent::Revoke { .. }
            | MessageContent::System(_)
            | MessageContent::Call(_)
            | MessageContent::CallPermission { .. }
            | MessageContent::Unsupported { .. } => {}
        }
        if let Some(media) = &message.media {
            words.add(Part::File, &media.filename);
        }
        words.words
    }
}

struct Collected<'a> {
    words: Vec<Words<'a>>,
    room: usize,
    forwarded: bool,
}

impl<'a> Collected<'a> {
    fn add(&mut self, part: Part, texts: impl IntoIterator<Item = &'a String>) {
        for text in texts {
            let text = &text[..text.floor_char_boundary(self.room)];
            if !text.trim().is_empty() {
                self.room -= text.len();
                let part = if self.forwarded { Part::Forwarded } else { part };
                self.words.push(Words { part, text });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MessageKind;

    #[test]
    fn parts_are_known_by_their_words() {
        for part in Part::ALL {
            assert_eq!(Part::parse(part.as_str()), Some(part));
        }
        assert_eq!(Part::parse("quoted"), None);
    }

    #[test]
    fn words_are_never_more_than_64_kb() {
        let text = Some("é".repeat(WORDS_BYTES_MAX));
        let message = InboundMessage {
            kind: MessageKind::Document,
            text: Some("x".repeat(3)),
            content: MessageContent::Order(crate::message::Order { text, ..Default::default() }),
            ..InboundMessage::default()
        };
        let words = message.words();
        let bytes: usize = words.iter().map(|words| words.text.len()).sum();
        assert_eq!((words.len(), bytes), (2, WORDS_BYTES_MAX - 1));
    }
}
