//! What customers on the platform say, and what agents answer: data only.

/// Somebody's language, and what is said in it.
#[derive(Debug)]
pub(super) struct Lines {
    /// ISO 639-1.
    pub(super) language: &'static str,
    pub(super) calling_code: &'static str,
    /// What customers write, one after the other.
    pub(super) asks: &'static [&'static str],
    /// What agents write back.
    pub(super) answer: &'static str,
}

/// Utility: what goes instead of an answer when WhatsApp takes none any more.
pub(super) const ANSWER_WAITS: &str = "answer_waits";
pub(super) const ANSWER_WAITS_BODY: &str = "We have an answer to your question. Reply to this message to read it.";
/// Marketing.
pub(super) const OFFER: &str = "spring_offer";
pub(super) const OFFER_BODY: &str = "Spring is here: 10% off everything until Sunday.";
/// Of both.
pub(super) const TEMPLATE_LANGUAGE: &str = "en";

/// In turn.
pub(super) const LANGUAGES: [Lines; 6] = [
    Lines {
        language: "de",
        calling_code: "49",
        asks: &["Guten Tag, wo ist meine Bestellung?", "Und die Rechnung bitte", "Vielen Dank!"],
        answer: "Guten Tag! Das haben wir nachgesehen: morgen ist es bei Ihnen.",
    },
    Lines {
        language: "es",
        calling_code: "34",
        asks: &["Hola, ¿cuándo llega mi pedido?", "Necesito la factura", "¡Gracias!"],
        answer: "¡Hola! Ya lo hemos mirado: mañana lo tienes.",
    },
    Lines {
        language: "en",
        calling_code: "44",
        asks: &["Hello, my parcel is late", "Could I have the invoice again?", "Thank you"],
        answer: "Hello! We have looked into it: you will have it tomorrow.",
    },
    Lines {
        language: "fr",
        calling_code: "33",
        asks: &["Bonjour, où est ma commande ?", "Il me faut la facture", "Merci !"],
        answer: "Bonjour ! Nous avons vérifié : vous l'aurez demain.",
    },
    Lines {
        language: "it",
        calling_code: "39",
        asks: &["Buongiorno, una domanda sul mio ordine", "Quando arriva?", "Grazie mille"],
        answer: "Buongiorno! Abbiamo controllato: arriva domani.",
    },
    Lines {
        language: "tr",
        calling_code: "90",
        asks: &["Merhaba, siparişim nerede?", "Faturayı da alabilir miyim?", "Teşekkürler"],
        answer: "Merhaba! Baktık: yarın elinizde olacak.",
    },
];
