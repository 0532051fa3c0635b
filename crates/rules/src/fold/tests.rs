//! What folding makes equal and what it leaves apart, by examples and for every character there is.

use proptest::prelude::*;
use regex::Regex;

use super::*;

fn fold(text: &str) -> String {
    Words::of(Folding::V2, text).as_str().to_owned()
}

fn plain(text: &str) -> String {
    let mut plain = "old".to_owned();
    plain_into(&mut plain, text);
    plain
}

#[test]
fn what_is_the_same_word() {
    let cases = [
        ("Hello, WÖRLD!", "hello world"),
        ("¿Dónde está mi FACTURA?", "donde esta mi factura"),
        ("Straße STRAẞE", "strasse strasse"),
        ("ＦＵＬＬ width 𝗕𝗼𝗹𝗱 ﬁnd", "full width bold find"),
        ("KAYIT kayıt İPTAL iptal i\u{307}", "kayit kayit iptal iptal i"),
        ("łódź đơn Ørsted æble cœur", "lodz don orsted aeble coeur"),
        ("inv\u{200b}oice inv\u{ad}oice \u{feff}invoice\u{200f}", "invoice invoice invoice"),
        ("اَلسَّلَامُ فاتـــورة", "السلام فاتوره"),
        ("أحمد إلغاء آمن ٱلغاء", "احمد الغاء امن الغاء"),
        ("ﻓﺎﺗﻮﺭﺓ کتاب كتاب علی على", "فاتوره كتاب كتاب علي علي"),
        ("می\u{200c}خواهم", "ميخواهم"),
        ("ज़रूरत जरूरत हाँ", "जरूरत जरूरत हा"),
        ("की का", "की का"),
        ("ড় ড", "ড\u{9bc} ড"),
        ("חֶשְׁבּוֹנִית חשבון", "חשבונית חשבונ"),
        ("а́нглия счёт мой мои їжа іжа", "англия счет мой мои їжа іжа"),
        ("и\u{306}", "й"),
        ("ΛΟΓΑΡΙΑΣΜΟΣ λογαριασμός", "λογαριασμοσ λογαριασμοσ"),
        ("١٢٣ ۴۵ ९ ๗ ７", "123 45 9 7 7"),
        ("1\u{fe0f}\u{20e3} №5 x²", "1 no5 x2"),
        ("请问发票A17号", "请问发票 a17 号"),
        ("ｷｬﾝｾﾙしたい", "キャンセル したい"),
        ("ラーメン らーめん か\u{3099}ぎ", "ラーメン らーめん がぎ"),
        ("환불해주세요 \u{1112}\u{1161}\u{11ab} ㅋㅋㅠㅠ", "환불해주세요 한 ㅋㅋㅠㅠ"),
        ("iPhone용", "iphone 용"),
        ("ขอบิล๒", "ขอบิล 2"),
        ("👍🏽ok👍❤\u{fe0f}", "👍 ok 👍 ❤"),
        ("👩🏽\u{200d}💻 🇪🇸🇵🇹 🏴\u{e0067}\u{e0062}\u{e007f}", "👩\u{200d}💻 🇪🇸 🇵🇹 🏴\u{e0067}\u{e0062}\u{e007f}"),
        ("™ ℹ ㊗ © 🏽", "tm i 祝"),
        ("don’t donʼt м'ята мʼята", "don t don t м ята м ята"),
        ("*factura*_urgente_", "factura urgente"),
        ("", ""),
        ("?! \u{200d}\u{301}", ""),
    ];
    for (text, want) in cases {
        assert_eq!(fold(text), want, "{text:?}");
    }
}

#[test]
fn patterns_see_what_stands_between_words() {
    let cases = [
        ("  ORDER #123456, ＣＡＦÉ\n", "order #123456, cafe"),
        ("\u{202a}123456\u{202c}", "123456"),
        ("a\u{a0}b\r\nc\u{2028}d\te", "a b\r\nc\nd\te"),
        ("“it’s” A–B…", "\"it's\" a-b..."),
        ("订单A1号 ok👍🏽", "订单a1号 ok👍"),
        ("مبلغ: ١٢٫٥", "مبلغ: 12٫5"),
        ("\u{3000}\u{200b}", ""),
    ];
    for (text, want) in cases {
        assert_eq!(plain(text), want, "{text:?}");
    }
}

/// Of the planes that have letters, digits and marks; Han beyond the first plane is all alike.
fn all_chars() -> impl Iterator<Item = char> {
    (0..0x2_0100).chain(0xe_0000..0xe_1100).filter_map(char::from_u32)
}

#[test]
fn all_digits_are_ours() {
    let digits = Regex::new(r"^\p{Nd}$").unwrap();
    for c in all_chars().filter(|c| digits.is_match(&c.to_string())) {
        let folded = fold(&c.to_string());
        assert!(folded.len() == 1 && folded.as_bytes()[0].is_ascii_digit(), "{c} U+{:04x}: {folded}", u32::from(c));
    }
}

/// What cannot be seen makes no difference wherever it stands; tatweel is a letter to Unicode and none to readers.
#[test]
fn what_cannot_be_seen_is_nothing() {
    let unseen = Regex::new(r"^(\p{Default_Ignorable_Code_Point}|\x{640})$").unwrap();
    for c in all_chars().filter(|c| unseen.is_match(&c.to_string())) {
        assert_eq!(fold(&format!("in{c}voice")), "invoice", "U+{:04x}", u32::from(c));
        assert_eq!(plain(&format!("{c}a{c}b ")), "ab", "U+{:04x}", u32::from(c));
    }
}

/// One by one, for every character there is.
#[test]
fn a_letter_is_never_folded_to_nothing_and_no_character_grows_elevenfold() {
    // Without apostrophes, tatweel, and marks that stand on a space.
    let others = r"\p{Default_Ignorable_Code_Point}\x{2b9}-\x{2bf}\x{374}\x{640}\x{fc5e}-\x{fc63}\x{fcf2}-\x{fcf4}\x{ff9e}\x{ff9f}\x{fe70}-\x{fe7f}";
    let letter = Regex::new(&format!(r"^[\p{{L}}\p{{N}}&&[^{others}]]$")).unwrap();
    for c in all_chars() {
        let text = c.to_string();
        let folded = fold(&text);
        assert!(folded.len() <= 11 * text.len() && plain(&text).len() <= 11 * text.len(), "U+{:04x}", u32::from(c));
        assert_eq!(fold(&folded), folded, "U+{:04x}", u32::from(c));
        if letter.is_match(&text) {
            assert!(!folded.is_empty(), "U+{:04x} {c}", u32::from(c));
        }
    }
}

#[test]
fn there_is_an_end_to_growing() {
    let long = "ﷺ".repeat(4096);
    assert!(long.len() * 11 > FOLDED_BYTES_MAX);
    for text in [&long, &"a b".repeat(40_000), &"发a".repeat(40_000), &"👍".repeat(40_000), &" x😀é".repeat(20_000)]
    {
        let words = Words::of(Folding::V2, text);
        assert!(words.as_str().len() <= FOLDED_BYTES_MAX && words.as_str().len() > FOLDED_BYTES_MAX - 16);
        assert!(plain(text).len() <= FOLDED_BYTES_MAX);
    }
}

#[test]
fn a_beginning_is_of_characters() {
    assert_eq!(first_chars("ééé", 2), "éé");
    assert_eq!(first_chars("ab", 4), "ab");
}

proptest! {
    #[test]
    fn folding_again_changes_nothing(text in mixed()) {
        let once = fold(&text);
        prop_assert_eq!(fold(&once), once);
        let once = plain(&text);
        prop_assert_eq!(plain(&once), once);
    }

    #[test]
    fn width_case_and_what_cannot_be_seen_change_nothing(
        words in proptest::collection::vec("[a-z0-9]{1,8}", 1..6),
        unseen in proptest::sample::select(vec!["\u{200b}", "\u{ad}", "\u{feff}", "\u{202e}", "\u{e0001}"]),
    ) {
        let text = words.join(" ");
        let wide: String =
            text.chars().map(|c| if c == ' ' { '\u{3000}' } else { char::from_u32(u32::from(c) + 0xfee0).unwrap() }).collect();
        let apart: String = text.chars().flat_map(|c| [c.to_string(), unseen.to_owned()]).collect();
        for other in [text.to_uppercase(), wide, apart, format!("¡{}!", words.join("…, \n"))] {
            prop_assert_eq!(fold(&other), &*text, "{}", other);
        }
    }

    /// As one text or each by itself: words do not look at their neighbours.
    #[test]
    fn words_stand_alone(words in proptest::collection::vec(mixed(), 1..4)) {
        let each: Vec<String> = words.iter().map(|word| fold(word)).filter(|word| !word.is_empty()).collect();
        prop_assert_eq!(fold(&words.join(", ")), each.join(" "));
    }
}

/// Any characters, more of those that have a part in the tables.
fn mixed() -> impl Strategy<Value = String> {
    let special = "[a-zA-Z0-9 .,'#\u{301}\u{302}\u{306}\u{307}\u{308}\u{327}\u{338}éÅΩßﬁİıłøгкиеёйїǰŉ\u{345}発かがガガーｶﾞㅋ\
        환ᄒ\u{1161}\u{11ab}กิ่क़ँ\u{9bc}ডأإلاىيةهکـﷺשׁ\u{5b8}ם👍🏽👩💻🇪🇸❤🏴⚕\u{e0067}\u{e007f}\u{200d}\u{200b}\u{fe0f}\u{20e3}٣๒]{0,24}";
    prop_oneof![3 => special.prop_map(String::from), 1 => "\\PC{0,40}", 1 => proptest::collection::vec(any::<char>(), 0..12)
        .prop_map(|chars| chars.into_iter().collect())]
}
