//! Tests of what is learnt of a customer's language.

use super::*;

fn words(text: &str) -> LanguageEvidence {
    LanguageEvidence::Words(text.to_owned())
}

/// Own sentences of customers.
const TEXTS: &[(&str, &str)] = &[
    ("es", "Buenos días, todavía no me ha llegado el paquete que compré la semana pasada"),
    ("pt", "Bom dia, eu gostaria de receber a segunda via do boleto, por favor"),
    ("en", "Hello, I would like to know where my order is, it should have been here by now"),
    ("de", "Guten Tag, ich habe eine Frage zu meiner letzten Rechnung"),
    ("fr", "Bonjour, je voudrais annuler la commande que j'ai passée hier soir"),
    ("it", "Buongiorno, vorrei sapere quando arriva il mio ordine, grazie mille"),
    ("nl", "Goedemorgen, waar blijft mijn bestelling van vorige week?"),
    ("pl", "Dzień dobry, gdzie jest moje zamówienie z zeszłego tygodnia?"),
    ("tr", "Merhaba, siparişim nerede kaldı acaba, bilgi verir misiniz?"),
    ("vi", "Xin chào, đơn hàng của tôi đâu rồi?"),
    ("uk", "Доброго дня, де моє замовлення, підкажіть будь ласка"),
    ("he", "שלום, איפה ההזמנה שלי בבקשה? תודה רבה"),
    ("el", "Καλημέρα, πού είναι η παραγγελία μου;"),
    ("hi", "नमस्ते, मेरा ऑर्डर अभी तक नहीं आया है, कृपया बताइए"),
    ("zh", "你好我的订单什么时候可以送到请帮我查一下谢谢你们"),
    ("ja", "こんにちは、注文した商品がまだ届いていません。確認をお願いします"),
    ("ko", "안녕하세요 주문한 상품이 아직 도착하지 않았어요 확인 부탁드립니다"),
    ("th", "สวัสดีค่ะ สินค้าที่สั่งยังไม่มาถึงเลย"),
];

#[test]
fn languages_are_told_apart() {
    for (want, text) in TEXTS {
        let guess = guess(text).unwrap_or_else(|| panic!("{want} is not sure enough"));
        assert_eq!((guess.tag.as_str(), guess.source), (*want, LanguageSource::Guess));
        assert!((CONFIDENCE_MIN..=100).contains(&guess.confidence), "{want}");
    }
}

#[test]
fn too_little_is_unknown() {
    for text in ["", "ok", "hola buenos dias", "1234567890 1234567890", "👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍"]
    {
        assert_eq!(guess(text), None, "{text}");
    }
    let nineteen = "abcdefghij klmnopqrs";
    assert_eq!((letters(nineteen), guess(nineteen)), (19, None));
    // Long enough, and of no language.
    assert_eq!(guess("jajajajajajajajajajajajajaja"), None);
}

#[test]
fn short_messages_add_up_and_the_guess_stays() {
    let mut memory = LanguageMemory::default();
    assert!(memory.learn(&words("guten tag")));
    assert_eq!((&memory.known, memory.sample.as_deref()), (&None, Some("guten tag")));
    assert!(!memory.learn(&words("👍")) && !memory.learn(&words("42")), "nothing to learn from");
    assert!(memory.learn(&words("ich habe eine frage zur rechnung")));
    let known = memory.known.clone().unwrap();
    assert_eq!((known.tag.as_str(), known.source, memory.sample.as_deref()), ("de", LanguageSource::Guess, Some("")));
    assert!(!memory.learn(&words("where is my order, please, I would like to know when it arrives at my place today")));
    assert_eq!(memory.known, Some(known));
}

#[test]
fn what_is_kept_has_an_end() {
    let mut memory = LanguageMemory::default();
    let mut changes = 0;
    for _ in 0..100 {
        changes += usize::from(memory.learn(&words("jaja jeje")));
        assert!(memory.sample.as_ref().is_some_and(|sample| sample.len() <= SAMPLE_BYTES_MAX));
    }
    assert_eq!((memory.known.clone(), memory.sample.as_deref()), (None, Some("")));
    assert!(changes <= LETTERS_ENOUGH / 8, "{changes}");
    // One long message says it after all.
    assert!(!memory.learn(&words("hello there, where is my order")));
    let (_, english) = TEXTS[2];
    assert!(memory.learn(&words(&format!("{english}. {english}"))));
    assert_eq!(memory.known.map(|known| known.tag), Some("en".to_owned()));
    let mut one = LanguageMemory::default();
    one.learn(&words(&"ä".repeat(10_000)));
    assert!(one.sample.is_some_and(|sample| sample.len() <= SAMPLE_BYTES_MAX));
}

#[test]
fn the_crm_outranks_a_choice_outranks_a_guess() {
    let told = |tag: &str, source| Some(KnownLanguage::told(tag.to_owned(), source));
    let choice = |tag: &str| LanguageEvidence::Choice(tag.to_owned());
    let (_, german) = TEXTS[3];
    let mut memory = LanguageMemory::default();
    assert!(memory.learn(&words(german)));
    assert!(memory.learn(&choice("pt-BR")) && !memory.learn(&choice("pt-BR")));
    assert_eq!(memory.known, told("pt-BR", LanguageSource::Choice));
    assert!(!memory.learn(&words(german)));
    assert!(memory.learn(&choice("en")), "they may choose again");
    let mut of_crm = LanguageMemory { known: told("es", LanguageSource::Crm), sample: None };
    assert!(!of_crm.learn(&choice("en")) && !of_crm.learn(&words(german)));
}

#[test]
fn a_choice_is_a_tap_on_a_language() {
    for (id, want) in [
        ("lang:es", Some("es")),
        ("lang:pt-BR", Some("pt-BR")),
        ("lang:zh_Hant_TW", Some("zh_Hant_TW")),
        ("lang:", None),
        ("lang:x", None),
        ("lang:deutsch", None),
        ("lang:es-", None),
        ("lang:e1", None),
        ("lang:es-\u{e4}", None),
        ("language:es", None),
    ] {
        assert_eq!(chosen(id).as_deref(), want, "{id}");
    }
    assert!(!is_tag(&format!("es-{}", "x".repeat(40))));
}

#[test]
fn sources_have_their_words() {
    let words = LanguageSource::ALL.map(LanguageSource::as_str);
    assert_eq!(words, ["crm", "choice", "guess", "number"]);
    assert_eq!(words.map(LanguageSource::parse), LanguageSource::ALL.map(Some));
    assert_eq!(LanguageSource::parse("CRM"), None);
}

#[test]
fn codes_are_those_of_iso_639() {
    for (code, known) in
        [("en", true), ("uk", true), ("fil", true), ("EN", false), ("xx", false), ("english", false), ("", false)]
    {
        assert_eq!(is_code(code), known, "{code}");
    }
    assert!(LANGUAGES.iter().all(|(_, code)| is_code(code)));
}
