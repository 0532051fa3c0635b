//! What something that was said asks for, as far as its own words tell. Pure: what was offered or granted before is looked at
//! afterwards.

use std::sync::Arc;

use waypost_domain::Category;
use waypost_domain::message::{Tap, TapSource};
use waypost_policy::PolicyData;
use waypost_rules::stopping::{Heard, StopWords, Wish, WordsOf, looks_like_stop};

use crate::event::{Preference, Said, What};

/// Whose law names words that always count: 47 CFR 64.1200(a)(10).
const US: &str = "US";

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// To hear nothing more of this category; `None`: nothing more that the business begins.
    Stop(Option<Category>),
    Start,
    /// A stop, if the last offer had these words, or the number takes them for one.
    Everyday {
        words: String,
        is_tap: bool,
    },
    /// Perhaps a stop.
    Suspected,
    Preference(Preference),
}

/// The same with the language of its words, where they tell one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Understood {
    pub meaning: Meaning,
    pub language: Option<String>,
}

/// The words of the policy data in force.
pub struct Lexicon {
    policy: Arc<PolicyData>,
    words: StopWords,
    us: StopWords,
}

impl Lexicon {
    pub fn new(policy: Arc<PolicyData>) -> Self {
        let languages = || policy.stopping.languages.iter();
        let words = StopWords::new(languages().map(|(language, words)| WordsOf {
            language,
            wishes: [
                (Wish::Stop, words.stop.as_slice()),
                (Wish::StopPromotions, words.promotions.as_slice()),
                (Wish::Everyday, words.everyday.as_slice()),
                (Wish::Start, words.start.as_slice()),
            ],
            fillers: &words.fillers,
        }));
        let us_words = policy.stopping.us_words.as_slice();
        let us = StopWords::new(languages().map(|(_, words)| WordsOf {
            language: "any",
            wishes: [
                (Wish::Stop, us_words),
                (Wish::StopPromotions, words.promotions.as_slice()),
                (Wish::Everyday, [].as_slice()),
                (Wish::Start, [].as_slice()),
            ],
            fillers: &words.fillers,
        }));
        Self { words, us, policy }
    }

    /// What its words were made of.
    pub const fn policy(&self) -> &Arc<PolicyData> {
        &self.policy
    }

    /// `None`: it says nothing about consent.
    pub fn understand(&self, said: &Said) -> Option<Understood> {
        let is_us = said.country.as_deref() == Some(US);
        match &said.what {
            What::Preference(preference) => {
                Some(Understood { meaning: Meaning::Preference(*preference), language: None })
            }
            What::Words { text, tap: Some(tap), .. } => self.tapped(text, tap, is_us),
            What::Words { text, tap: None, is_forwarded, .. } => self.written(text, *is_forwarded, is_us),
        }
    }

    fn hear(&self, text: &str, is_us: bool) -> Option<Heard<'_>> {
        let us = self.us.hear(text).filter(|heard| is_us && heard.wish == Wish::Stop);
        us.or_else(|| self.words.hear(text))
    }

    fn written(&self, text: &str, is_forwarded: bool, is_us: bool) -> Option<Understood> {
        let heard = self.hear(text, is_us);
        let suspected = Understood { meaning: Meaning::Suspected, language: None };
        match heard {
            // Somebody else's words: whether they mean it, a person must see.
            Some(heard) if is_forwarded => (heard.wish != Wish::Start).then_some(suspected),
            Some(heard) => Some(understood(&heard, false)),
            None => looks_like_stop(text).then_some(suspected),
        }
    }

    /// Buttons of templates say what they mean by their label, or else by what we gave them. Those of a question within a
    /// conversation are answers to it, unless what we gave them says otherwise.
    fn tapped(&self, label: &str, tap: &Tap, is_us: bool) -> Option<Understood> {
        let by_id = self.words.hear(&tap.id).filter(|heard| heard.wish != Wish::Everyday);
        let by_label = self.hear(label, is_us);
        match tap.source {
            TapSource::Template => by_label.or(by_id).map(|heard| understood(&heard, true)),
            TapSource::Button | TapSource::List => {
                if let Some(heard) = by_id {
                    return Some(understood(&heard, true));
                }
                let may_be_one = by_label.is_some_and(|heard| heard.wish >= Wish::StopPromotions);
                may_be_one.then_some(Understood { meaning: Meaning::Suspected, language: None })
            }
        }
    }
}

fn understood(heard: &Heard<'_>, is_tap: bool) -> Understood {
    let meaning = match heard.wish {
        Wish::Stop => Meaning::Stop(None),
        Wish::StopPromotions => Meaning::Stop(Some(Category::Marketing)),
        Wish::Start => Meaning::Start,
        Wish::Everyday => Meaning::Everyday { words: heard.words.clone(), is_tap },
    };
    Understood { meaning, language: heard.language.map(str::to_owned) }
}

impl Meaning {
    /// Its word in the metrics.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Stop(None) => "stop",
            Self::Stop(Some(_)) => "stop_marketing",
            Self::Start => "start",
            Self::Everyday { .. } => "everyday",
            Self::Suspected => "suspected",
            Self::Preference(_) => "preference",
        }
    }
}

#[cfg(test)]
mod tests {
    use waypost_domain::{AliasSet, PhoneNumberId, Timestamp, WabaId};

    use super::*;

    const GERMAN: &str = "DE";
    const AMERICAN: &str = "US";

    fn said(country: &str, text: &str, tap: Option<(TapSource, &str)>, is_forwarded: bool) -> Said {
        let tap =
            tap.map(|(source, id)| Tap { source, id: id.to_owned(), title: Some(text.to_owned()), description: None });
        Said {
            number: PhoneNumberId::new("1"),
            display_number: String::new(),
            waba: WabaId::new("2"),
            key: "wamid.A".to_owned(),
            by: AliasSet::default(),
            country: Some(country.to_owned()),
            received_at: Timestamp::from_millis(2),
            at: Timestamp::from_millis(1),
            what: What::Words { text: text.to_owned(), tap, is_forwarded, message: Box::default() },
        }
    }

    fn of(said: &Said) -> String {
        let lexicon = Lexicon::new(Arc::new(PolicyData::default()));
        match lexicon.understand(said).map(|understood| understood.meaning) {
            None => "nothing".to_owned(),
            Some(Meaning::Everyday { words, .. }) => format!("everyday {words}"),
            Some(meaning) => meaning.word().to_owned(),
        }
    }

    fn written(country: &str, text: &str, want: &str) {
        assert_eq!(of(&said(country, text, None, false)), want, "{text:?} in {country}");
    }

    #[test]
    fn words_of_the_default_lists() {
        for text in [
            "Stop.",
            "STOP STOP",
            "stop please 🙏",
            "STOPALL",
            "unsubscribe",
            "opt-out",
            "Désabonner!",
            "ARRÊT svp",
            "BAJA",
            "darme de baja por favor",
            "descadastrar",
            "STOPP",
            "Bitte abmelden",
            "disiscrivimi",
            "afmelden",
            "wypisz",
            "RET",
            "הסר",
            "إيقاف",
            "unsub",
        ] {
            written(GERMAN, text, "stop");
        }
        for text in
            ["stop promotions", "Keine Werbung!", "Parar promoções", "arrêter les promotions", "no más promociones"]
        {
            written(GERMAN, text, "stop_marketing");
        }
        for (text, word) in [
            ("Cancel", "cancel"),
            ("END", "end"),
            ("quit", "quit"),
            ("Parar", "parar"),
            ("SAIR", "sair"),
            ("İPTAL", "iptal"),
            ("iptal", "iptal"),
            ("ende", "ende"),
        ] {
            written(GERMAN, text, &format!("everyday {word}"));
        }
        for text in ["START", "unstop", "Subscribe please"] {
            written(GERMAN, text, "start");
        }
    }

    /// Case 20.
    #[test]
    fn words_inside_sentences_are_none() {
        for text in
            ["stop, he is not coming", "where is my order?", "yes", "can you cancel my order", "baja el precio", "👍"]
        {
            written(GERMAN, text, "nothing");
        }
        written(GERMAN, "please stop writing to me", "suspected");
    }

    #[test]
    fn what_always_counts_in_the_united_states() {
        for text in ["stop", "quit", "END", "revoke", "opt out", "cancel please", "unsubscribe"] {
            written(AMERICAN, text, "stop");
        }
        written(AMERICAN, "parar", "everyday parar");
        written(AMERICAN, "cancel my order", "nothing");
    }

    #[test]
    fn what_was_forwarded_is_somebody_else_s() {
        for (text, want) in [("STOP", "suspected"), ("cancel", "suspected"), ("START", "nothing"), ("hello", "nothing")]
        {
            assert_eq!(of(&said(GERMAN, text, None, true)), want, "{text}");
        }
    }

    #[test]
    fn taps_go_by_label_or_by_what_they_were_given() {
        use TapSource::{Button, List, Template};
        for (source, label, id, want) in [
            (Template, "Stop promotions", "Stop promotions", "stop_marketing"),
            (Template, "Stop promotions", "STOP", "stop_marketing"),
            (Template, "Keine Nachrichten", "STOP_PROMOTIONS", "stop_marketing"),
            (Template, "STOP", "x", "stop"),
            (Template, "Cancel", "x", "everyday cancel"),
            (Template, "Yes", "yes", "nothing"),
            (Button, "Weg damit", "unsubscribe", "stop"),
            (Button, "Stop", "halt_delivery", "suspected"),
            (Button, "Cancel", "cancel", "nothing"),
            (List, "Offers off", "stop promotions", "stop_marketing"),
            (List, "Please stop writing to me", "row-7", "nothing"),
        ] {
            assert_eq!(of(&said(GERMAN, label, Some((source, id)), false)), want, "{label:?} {id:?}");
        }
    }

    #[test]
    fn a_word_s_language_is_told() {
        let lexicon = Lexicon::new(Arc::new(PolicyData::default()));
        let language = |text: &str| lexicon.understand(&said(GERMAN, text, None, false)).unwrap().language;
        assert_eq!(language("abmelden"), Some("de".to_owned()));
        assert_eq!(language("STOP"), None);
    }
}
