//! Which language a customer is spoken to in, and who says so: the CRM, the customer, a guess from what they wrote, or
//! what is usual on the number that they wrote to. In this order; what was found once stays.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use whatlang::{Detector, Lang};

/// A guess needs this many letters.
pub const LETTERS_MIN: usize = 20;
/// A guess that is less sure than this is none, in per cent.
pub const CONFIDENCE_MIN: u8 = 30;
/// One that is as sure as this is not looked at again.
const CONFIDENCE_ENOUGH: u8 = 90;
/// With so many letters the guess stays what it is.
const LETTERS_ENOUGH: usize = 160;
/// A message as long as this is guessed from by itself where all before was not enough.
const LETTERS_OF_A_LONG_TEXT: usize = 80;
/// What is looked at, and kept until it is enough.
const SAMPLE_BYTES_MAX: usize = 800;
/// The longest language tag (RFC 5646, section 4.4.1).
const TAG_CHARS_MAX: usize = 35;
/// The id of a button or list row by which customers choose their language: `lang:pt-BR`.
const CHOICE_PREFIX: &str = "lang:";

/// Who says which language it is, in the order of their authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LanguageSource {
    /// Another system told.
    Crm,
    /// The customer tapped on it.
    Choice,
    /// From what they wrote.
    Guess,
    /// Usual on our number that they wrote to.
    Number,
}

impl LanguageSource {
    pub const ALL: [Self; 4] = [Self::Crm, Self::Choice, Self::Guess, Self::Number];

    /// Its word in rules and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Crm => "crm",
            Self::Choice => "choice",
            Self::Guess => "guess",
            Self::Number => "number",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == word)
    }
}

/// A language, and how it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownLanguage {
    /// As it was told: `es`, `pt-BR`, `pt_BR`.
    pub tag: String,
    pub source: LanguageSource,
    /// In per cent; 100 where somebody told.
    pub confidence: u8,
}

impl KnownLanguage {
    /// What somebody said.
    pub const fn told(tag: String, source: LanguageSource) -> Self {
        Self { tag, source, confidence: 100 }
    }
}

/// What customers wrote that their language may be learnt from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LanguageEvidence {
    /// They chose it: a tag.
    Choice(String),
    /// Words of their own.
    Words(String),
}

/// The language that a tapped button or row chooses.
pub fn chosen(reply_id: &str) -> Option<String> {
    let tag = reply_id.strip_prefix(CHOICE_PREFIX)?;
    is_tag(tag).then(|| tag.to_owned())
}

/// Whether it looks like a language tag: a primary subtag of two or three letters, and more of letters and digits.
pub fn is_tag(tag: &str) -> bool {
    let mut parts = tag.split(['-', '_']);
    let primary = parts.next().unwrap_or_default();
    tag.len() <= TAG_CHARS_MAX
        && (2..=3).contains(&primary.len())
        && primary.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Whether it can be a language's primary subtag: one of ISO 639-1, or three letters, of which there are thousands.
pub fn is_code(code: &str) -> bool {
    match code.len() {
        2 => CODES.split(' ').any(|known| known == code),
        3 => code.bytes().all(|byte| byte.is_ascii_lowercase()),
        _ => false,
    }
}

/// Whether it is a tag of a language that there is.
pub fn is_known_tag(tag: &str) -> bool {
    let primary = tag.split(['-', '_']).next().unwrap_or_default();
    is_tag(tag) && is_code(&primary.to_ascii_lowercase())
}

/// What is remembered of a contact's language.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LanguageMemory {
    pub known: Option<KnownLanguage>,
    /// Words that are too few yet. Empty: there were enough, whatever came of them.
    pub sample: Option<String>,
}

impl LanguageMemory {
    /// As it was told.
    pub fn tag(&self) -> Option<&str> {
        self.known.as_ref().map(|known| known.tag.as_str())
    }

    /// Takes in what the customer wrote; whether that changed anything. A guess may get surer with the first few messages
    /// and then stays, so that most messages cost nothing.
    pub fn learn(&mut self, evidence: &LanguageEvidence) -> bool {
        let source = self.known.as_ref().map(|known| known.source);
        match (source, evidence) {
            (Some(LanguageSource::Crm), _) | (Some(LanguageSource::Choice), LanguageEvidence::Words(_)) => false,
            (_, LanguageEvidence::Choice(tag)) => {
                let chosen = Some(KnownLanguage::told(tag.clone(), LanguageSource::Choice));
                let is_new = self.known != chosen;
                *self = Self { known: chosen, sample: None };
                is_new
            }
            (_, LanguageEvidence::Words(words)) => self.learn_from(words),
        }
    }

    /// Takes what is known of the same person by another contact, if that has more authority or nothing is known here.
    pub fn outrank(&mut self, other: Self) {
        let authority = |memory: &Self| memory.known.as_ref().map_or(LanguageSource::Number, |known| known.source);
        if other.known.is_some() && (self.known.is_none() || authority(&other) < authority(self)) {
            *self = other;
        }
    }

    fn learn_from(&mut self, words: &str) -> bool {
        let is_over = self.sample.as_deref() == Some("");
        if is_over && (self.known.is_some() || letters(words) < LETTERS_OF_A_LONG_TEXT) {
            return false;
        }
        let words = own_words(words);
        if letters(&words) < 2 {
            return false;
        }
        let text = match self.sample.take().filter(|sample| !sample.is_empty()) {
            Some(sample) => format!("{sample} {words}"),
            None => words,
        };
        let text = &text[..text.floor_char_boundary(SAMPLE_BYTES_MAX)];
        let guess = guess(text);
        let is_enough = guess.as_ref().is_some_and(|guess| guess.confidence >= CONFIDENCE_ENOUGH)
            || letters(text) >= LETTERS_ENOUGH
            || text.len() + 4 > SAMPLE_BYTES_MAX;
        let is_found = guess.is_some();
        self.known = guess.or_else(|| self.known.take());
        self.sample = Some(if is_enough || is_over { String::new() } else { text.to_owned() });
        is_found || !is_over
    }
}

/// The language of a text, by its script, and where several are written in that, by its trigrams. `None` under
/// [`LETTERS_MIN`] letters, and where it is not sure enough.
pub fn guess(text: &str) -> Option<KnownLanguage> {
    if letters(text) < LETTERS_MIN {
        return None;
    }
    let found = DETECTOR.detect(text)?;
    let (_, tag) = LANGUAGES.iter().find(|(language, _)| *language == found.lang())?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is 0 to 1")]
    let confidence = (found.confidence() * 100.0).round() as u8;
    let guess = KnownLanguage { tag: (*tag).to_owned(), source: LanguageSource::Guess, confidence };
    (confidence >= CONFIDENCE_MIN).then_some(guess)
}

fn letters(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphabetic()).count()
}

/// Without what is of no language: addresses, and words with digits.
fn own_words(text: &str) -> String {
    let is_of_a_language = |word: &&str| !word.contains(['/', '@', '_']) && !word.contains(char::is_numeric);
    text.split_whitespace().filter(is_of_a_language).collect::<Vec<_>>().join(" ")
}

/// Languages that a guess may come to, with their ISO 639-1 codes: those in which businesses are written to most. More
/// of one script would make each other less sure, and every guess dearer.
const LANGUAGES: [(Lang, &str); 47] = [
    (Lang::Eng, "en"),
    (Lang::Spa, "es"),
    (Lang::Por, "pt"),
    (Lang::Fra, "fr"),
    (Lang::Deu, "de"),
    (Lang::Ita, "it"),
    (Lang::Nld, "nl"),
    (Lang::Pol, "pl"),
    (Lang::Tur, "tr"),
    (Lang::Ind, "id"),
    (Lang::Vie, "vi"),
    (Lang::Ron, "ro"),
    (Lang::Ces, "cs"),
    (Lang::Swe, "sv"),
    (Lang::Dan, "da"),
    (Lang::Nob, "nb"),
    (Lang::Fin, "fi"),
    (Lang::Hun, "hu"),
    (Lang::Hrv, "hr"),
    (Lang::Cat, "ca"),
    (Lang::Rus, "ru"),
    (Lang::Ukr, "uk"),
    (Lang::Bul, "bg"),
    (Lang::Srp, "sr"),
    (Lang::Ara, "ar"),
    (Lang::Pes, "fa"),
    (Lang::Urd, "ur"),
    (Lang::Heb, "he"),
    (Lang::Hin, "hi"),
    (Lang::Mar, "mr"),
    (Lang::Nep, "ne"),
    (Lang::Cmn, "zh"),
    (Lang::Jpn, "ja"),
    (Lang::Kor, "ko"),
    (Lang::Tha, "th"),
    (Lang::Ell, "el"),
    (Lang::Ben, "bn"),
    (Lang::Tam, "ta"),
    (Lang::Tel, "te"),
    (Lang::Kan, "kn"),
    (Lang::Mal, "ml"),
    (Lang::Guj, "gu"),
    (Lang::Pan, "pa"),
    (Lang::Kat, "ka"),
    (Lang::Hye, "hy"),
    (Lang::Khm, "km"),
    (Lang::Amh, "am"),
];

/// ISO 639-1, with `sh`, which was withdrawn and is still met.
const CODES: &str = "aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el \
    en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it \
    iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt \
    my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk \
    sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi \
    yo za zh zu";

static DETECTOR: LazyLock<Detector> =
    LazyLock::new(|| Detector::with_allowlist(LANGUAGES.map(|(language, _)| language).to_vec()));

#[cfg(test)]
mod tests;
