//! What is found in which form; and over pairs of words, how much is found and how much wrongly. DECISIONS.md has the same
//! figures beside those of stems.

use super::*;
use crate::atom::Keyword;
use crate::fold::{Folding, Words};

const PAIRS: &str = include_str!("pairs.txt");

/// Whether `word` is found in `text` in its forms of a language that is named.
fn finds(language: &str, word: &str, text: &str) -> bool {
    let forms = Forms::of(FormLanguage::parse(language).unwrap());
    Keyword::word(word).in_forms(forms).holds(&Words::of(Folding::default(), text))
}

fn pairs(language: &str, sign: &str) -> Vec<(&'static str, &'static str)> {
    let lines = PAIRS.lines().filter_map(|line| line.strip_prefix(&format!("{language} {sign} ")));
    lines.flat_map(|line| line.split(", ")).map(|pair| pair.split_once(' ').unwrap()).collect()
}

#[test]
fn how_much_is_found_and_how_much_wrongly() {
    let told: Vec<String> = FormLanguage::ALL
        .into_iter()
        .map(|language| {
            let language = language.as_str();
            let (of_one, alike) = (pairs(language, "+"), pairs(language, "-"));
            let both = of_one.iter().filter(|(a, b)| finds(language, a, b) && finds(language, b, a)).count();
            let wrong: Vec<String> = alike
                .iter()
                .filter(|(a, b)| finds(language, a, b) || finds(language, b, a))
                .map(|(a, b)| format!("{a} {b}"))
                .collect();
            let missed: Vec<String> = of_one
                .iter()
                .filter(|(a, b)| !(finds(language, a, b) && finds(language, b, a)))
                .map(|(a, b)| format!("{a} {b}"))
                .collect();
            let (all, wrongly) = (of_one.len(), wrong.len());
            format!(
                "{language}: {both} of {all}, without {}; wrongly {wrongly} of {}: {}",
                missed.join(", "),
                alike.len(),
                wrong.join(", ")
            )
        })
        .collect();
    let want = [
        "en: 30 of 35, without child children, cancel cancellation, pay paid, broken broke, mouse mice; wrongly 4 of 30: \
         new news, mean meaning, bill billing, ship shipping",
        "es: 35 of 39, without roto rota, cancelar cancelado, cancelar cancelen, devolver devuelto; wrongly 0 of 34: ",
        "pt: 32 of 34, without pão pães, cancelar cancelado; wrongly 0 of 30: ",
        "de: 35 of 35, without ; wrongly 5 of 18: karte kart, post posten, wagen wage, raten rat, bau bauer",
        "it: 31 of 33, without rotto rotta, uomo uomini; wrongly 1 of 33: fine fini",
        "fr: 30 of 31, without oeil yeux; wrongly 3 of 34: cour cours, mois moi, marche marché",
    ];
    assert_eq!(told, want);
}

#[test]
fn forms_are_of_each_word_of_a_phrase() {
    for (language, word, text, want) in [
        ("es", "tarjeta bloqueada", "mis TARJETAS bloqueadas!", true),
        ("es", "tarjeta bloqueada", "la tarjeta, bloqueado", true),
        ("es", "tarjeta de crédito", "tarjetas de creditos", true),
        ("es", "devolución", "las devoluciones", true),
        ("es", "devoluciones", "una devolucion", true),
        ("es", "devolución", "devolver", false),
        ("de", "Rückerstattung", "Rueckerstattungen", true),
        ("de", "Vertrag", "zwei Verträge", true),
        ("pt", "cartão bloqueado", "cartões bloqueados", true),
        ("en", "refund", "refunded", true),
        ("en", "cancel", "I cancelled it", true),
        // Where it may begin and end is as of any word.
        ("en", "invoice", "reinvoices", false),
        ("en", "発票", "発票", true),
        ("fr", "cassé", "elles sont cassées", true),
    ] {
        assert_eq!(finds(language, word, text), want, "{language}: {word} in {text}");
    }
}

/// A letter that stays keeps its marks: `avó` is still not "avôs".
#[test]
fn marks_count_in_forms_too() {
    assert!(finds("pt", "avó", "as avós") && finds("pt", "avó", "avos"));
    assert!(!finds("pt", "avó", "os avôs"));
}

#[test]
fn forms_follow_the_customer_where_none_is_named() {
    let word = Keyword::word("factura").in_forms(Forms::OF_CUSTOMER);
    let mut words = Words::of(Folding::default(), "mis facturas");
    for (language, found) in [(Some("es"), true), (Some("it"), false), (Some("ja"), false), (None, false)] {
        words.language = Only::language(language);
        assert_eq!(word.holds(&words), found, "{language:?}");
    }
    assert!(word.holds(&Words::of(Folding::default(), "mi factura")), "as it is written, always");
    // A language that is named does not wait for the customer's.
    let both = Keyword::word("factura").in_forms(Forms::OF_CUSTOMER | Forms::of(FormLanguage::Spanish));
    words.language = Only::default();
    assert!(both.holds(&words));
}

#[test]
fn a_long_phrase_has_few_forms() {
    let of = |count: usize| ["abcdefo"; 7][..count].join(" ");
    for language in FormLanguage::ALL {
        assert!((1..PHRASE_FORMS_MAX).contains(&forms(&of(PHRASE_WORDS_MAX), Forms::of(language)).len()));
        assert!(forms("una cosa", Forms::of(language)).len() < PHRASE_FORMS_MAX);
    }
    assert!(forms(&of(PHRASE_WORDS_MAX + 1), Forms::OF_CUSTOMER).is_empty());
}

/// The version of a rule set names the version of the forms: other forms need another number.
#[test]
fn forms_are_as_their_version_has_them() {
    let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
    for language in FormLanguage::ALL {
        let words = PAIRS.lines().flat_map(|line| line.split([' ', ',']));
        for word in words.chain(["x", "ab", "abc"]) {
            let word = Words::of(Folding::default(), word);
            for (phrase, _) in forms(word.as_str(), Forms::of(language)) {
                phrase.iter().for_each(|(_, form)| hash.update(form.as_bytes()));
            }
        }
    }
    let digest = hash.finish();
    let told: String = digest.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((FORMS_VERSION, told.as_str()), (1, "41aa82e6d6c9"));
}
