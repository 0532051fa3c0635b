//! Tests of how numbers are spelt: a table, and every number of the countries that have rules of their own.

use super::*;

/// (as written, canonical)
const TABLE: &[(&str, &str)] = &[
    // However people write it.
    ("34600000107", "34600000107"),
    ("+34 600 00 01 07", "34600000107"),
    ("0034600000107", "34600000107"),
    ("00 34 600-000-107", "34600000107"),
    ("(34) 600.000/107", "34600000107"),
    ("\u{202a}+34\u{a0}600\u{2011}000\u{2013}107\u{202c}", "34600000107"),
    ("+44 (0)20 7946 0018", "442079460018"),
    ("+39 (0)6 698 1234", "39066981234"),
    ("0039 (0)6 698 1234", "39066981234"),
    ("+378 (0)549 882 914", "3780549882914"),
    ("+39 06 698 12345", "390669812345"),
    // What is no number names somebody as it is.
    (" US.1 ", "US.1"),
    ("+", "+"),
    ("", ""),
    ("00", "00"),
    ("12a", "12a"),
    // Brazil: eight digits that begin with 6 to 9 gain the 9, in areas that exist.
    ("551187650001", "5511987650001"),
    ("55 11 6765-0001", "5511967650001"),
    ("5511987650001", "5511987650001"),
    ("5521777650001", "5521777650001"),
    ("552177765000", "5521977765000"),
    ("551127650001", "551127650001"),
    ("551137650001", "551137650001"),
    ("551147650001", "551147650001"),
    ("551157650001", "551157650001"),
    ("551017650001", "551017650001"),
    ("550187650001", "550187650001"),
    ("55118765000", "55118765000"),
    ("55", "55"),
    // Mexico: the 1 goes only before ten digits.
    ("5215512340001", "525512340001"),
    ("525512340001", "525512340001"),
    ("521551234000", "521551234000"),
    ("52155123400012", "52155123400012"),
    // Argentina: with its 9, without the 15 behind the area code.
    ("541112340023", "5491112340023"),
    ("5491112340023", "5491112340023"),
    ("+54 11 15 1234-0023", "5491112340023"),
    ("+54 9 11 15-1234-0023", "5491112340023"),
    ("54 351 15 123 4567", "5493511234567"),
    ("54 2966 15 12 3456", "5492966123456"),
    ("543511234567", "5493511234567"),
    // The area code 2221 ends with 1, and 15 follows it.
    ("54222115123456", "5492221123456"),
    // 15 stands elsewhere, or there are digits too few: nothing that is known.
    ("54351123156789", "54351123156789"),
    ("5411151234002", "5411151234002"),
    ("548001234567", "548001234567"),
    ("54911123400", "54911123400"),
    // Benin: 01 before the eight digits of old.
    ("22997123456", "2290197123456"),
    ("2290197123456", "2290197123456"),
    ("22901971234", "22901971234"),
    ("2299712345", "2299712345"),
    // Côte d'Ivoire: by the operator's old digits; landlines as they are.
    ("22501234567", "2250101234567"),
    ("22507123456", "2250707123456"),
    ("22545123456", "2250545123456"),
    ("22588123456", "2250788123456"),
    ("22520212345", "22520212345"),
    ("22560123456", "22560123456"),
    ("2250707123456", "2250707123456"),
    // Others are left alone, however they begin.
    ("15215512340001", "15215512340001"),
    ("4911512345678", "4911512345678"),
    ("1", "1"),
];

#[test]
fn numbers_have_one_form() {
    for (written, want) in TABLE {
        assert_eq!(canonical(written), *want, "{written:?}");
        assert_eq!(canonical(want), *want, "{want:?} is its own");
        assert!(is_same(written, want), "{written:?}");
    }
    assert!(!is_same("5511987650001", "5511987650002"));
}

/// Every number of twelve and thirteen digits behind `55`, by its area and the digits behind it.
#[test]
fn brazil_gains_its_nine_exactly_where_it_was_added() {
    for area in 0..100 {
        for first in 0..10 {
            let short = format!("55{area:02}{first}7650001");
            let is_mobile = area / 10 > 0 && area % 10 > 0 && first >= 6;
            let want = if is_mobile { format!("55{area:02}9{first}7650001") } else { short.clone() };
            assert_eq!(canonical(&short), want);
            let long = format!("55{area:02}9{first}7650001");
            assert_eq!(canonical(&long), long);
        }
    }
}

/// All old numbers of Côte d'Ivoire by their first two digits: three operators' mobile numbers, and the rest untouched.
#[test]
fn ivorian_operators_have_their_old_digits() {
    let mut by_prefix = std::collections::BTreeMap::<String, u32>::new();
    for first_two in 0..100 {
        let old = format!("225{first_two:02}123456");
        let new = canonical(&old).into_owned();
        if new != old {
            assert!(new.ends_with(&old[3..]));
            *by_prefix.entry(new[3..5].to_owned()).or_default() += 1;
        }
    }
    let by_prefix: Vec<_> = by_prefix.iter().map(|(prefix, count)| (prefix.as_str(), *count)).collect();
    assert_eq!(by_prefix, [("01", 15), ("05", 21), ("07", 21)]);
}

#[test]
fn what_a_number_may_be_spelt_like_leads_back_to_it() {
    let spelt = |number: &str| other_spellings(number);
    assert_eq!(spelt("5511987650001"), ["551187650001"]);
    assert_eq!(spelt("525512340001"), ["5215512340001"]);
    assert_eq!(spelt("2290197123456"), ["22997123456"]);
    assert_eq!(spelt("2250707123456"), ["22507123456"]);
    assert_eq!(spelt("5491112340023"), ["541112340023", "54111512340023", "549111512340023"]);
    assert_eq!(
        spelt("5493511234567"),
        ["543511234567", "54351151234567", "549351151234567", "54351115234567", "549351115234567"]
    );
    for alone in ["", "1", "34600000107", "551127650001", "5511917650001", "52551234000", "549", "54911", "22520212345"]
    {
        assert_eq!(spelt(alone), [""; 0], "{alone}");
    }
    for (_, number) in TABLE {
        for spelling in spelt(number) {
            assert_eq!(canonical(&spelling), *number);
        }
    }
    // Whatever has another canonical form is found from there.
    for (written, number) in TABLE {
        let digits = digits(written).unwrap_or_default();
        assert!(digits.is_empty() || digits == *number || spelt(number).contains(&digits.to_string()), "{written}");
    }
}

#[test]
fn a_number_has_its_country_code() {
    for (written, digits) in [
        ("34600000107", "34600000107"),
        ("+34 600 000 107", "34600000107"),
        ("0034600000107", "34600000107"),
        ("15550001111", "15550001111"),
        ("4512345678", "4512345678"),
        ("6565550000", "6565550000"),
        ("298123456", "298123456"),
        ("6834000", "6834000"),
    ] {
        assert_eq!(international(written).as_deref(), Ok(digits), "{written}");
    }
    for none in ["", "abc", "34600x00107", "555-HELLO"] {
        assert_eq!(international(none), Err(PhoneError::NoNumber), "{none}");
    }
    for home in ["600000004", "0600000004", "1555000111", "155500011112", "7912345678", "4", "3460000010712345"] {
        assert_eq!(international(home), Err(PhoneError::CountryCode), "{home}");
    }
}
