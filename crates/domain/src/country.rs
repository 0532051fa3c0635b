//! Which country a phone number belongs to, by the beginning of its canonical form.
//!
//! Country codes: ITU-T E.164, list of assigned codes (<https://www.itu.int/pub/T-SP-E.164D>), and for +1 the area codes of
//! the North American Numbering Plan (<https://nanpa.com>). Where several countries share a code, the ranges that one of
//! them has alone; what they share counts as the largest one's. As of November 2026; compared with libphonenumber 9.0.43.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Digits of the longest range in [`RANGES`].
const RANGE_DIGITS_MAX: usize = 8;

/// By range.
static COUNTRIES: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    let ranges =
        RANGES.iter().flat_map(|(country, ranges)| ranges.split_whitespace().map(move |range| (range, *country)));
    ranges.collect()
});

/// ISO 3166 alpha-2 (`XK` for Kosovo) of a number in canonical form; `None` where no country has it.
pub fn of_phone(number: &str) -> Option<&'static str> {
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let longest = number.len().min(RANGE_DIGITS_MAX);
    (1..=longest).rev().find_map(|length| COUNTRIES.get(&number[..length]).copied())
}

/// Whether it is a country's code: ISO 3166 alpha-2, and `XK`, `AC` and `TA`, which have numbers of their own.
pub fn is_code(code: &str) -> bool {
    WITHOUT_NUMBERS.contains(&code) || RANGES.iter().any(|(country, _)| *country == code)
}

/// Of a BSUID, which begins with it: `BR.1349…`
/// (<https://developers.facebook.com/docs/whatsapp/business-scoped-user-ids>).
pub fn of_bsuid(bsuid: &str) -> Option<&str> {
    let (country, _) = bsuid.split_once('.')?;
    (country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase())).then_some(country)
}

/// The codes of ISO 3166 that no number begins for.
const WITHOUT_NUMBERS: [&str; 7] = ["AQ", "BV", "GS", "HM", "PN", "TF", "UM"];

/// (country, the beginnings of its numbers)
const RANGES: &[(&str, &str)] = &[
    ("AC", "247"),
    ("AD", "376"),
    ("AE", "971"),
    ("AF", "93"),
    ("AG", "1268"),
    ("AI", "1264"),
    ("AL", "355"),
    ("AM", "374"),
    ("AO", "244"),
    ("AR", "54"),
    ("AS", "1684"),
    ("AT", "43"),
    ("AU", "61"),
    ("AW", "297"),
    ("AX", "35818"),
    ("AZ", "994"),
    ("BA", "387"),
    ("BB", "1246"),
    ("BD", "880"),
    ("BE", "32"),
    ("BF", "226"),
    ("BG", "359"),
    ("BH", "973"),
    ("BI", "257"),
    ("BJ", "229"),
    ("BL", "59059027"),
    ("BM", "1441"),
    ("BN", "673"),
    ("BO", "591"),
    ("BQ", "5993 5994 5997"),
    ("BR", "55"),
    ("BS", "1242"),
    ("BT", "975"),
    ("BW", "267"),
    ("BY", "375"),
    ("BZ", "501"),
    (
        "CA",
        "1204 1226 1236 1249 1250 1257 1263 1273 1289 1306 1343 1354 1365 1367 1368 1382 1403 1416 1418 1428 \
         1431 1437 1438 1450 1468 1474 1506 1514 1519 1548 1579 1581 1584 1587 1600 1604 1613 1622 1633 1639 \
         1647 1672 1683 1705 1709 1742 1753 1778 1780 1782 1807 1819 1825 1867 1873 1879 1902 1905 1942",
    ),
    ("CC", "6189162"),
    ("CD", "243"),
    ("CF", "236"),
    ("CG", "242"),
    ("CH", "41"),
    ("CI", "225"),
    ("CK", "682"),
    ("CL", "56"),
    ("CM", "237"),
    ("CN", "86"),
    ("CO", "57"),
    ("CR", "506"),
    ("CU", "53"),
    ("CV", "238"),
    ("CW", "599"),
    ("CX", "6189164"),
    ("CY", "357"),
    ("CZ", "420"),
    ("DE", "49"),
    ("DJ", "253"),
    ("DK", "45"),
    ("DM", "1767"),
    ("DO", "1809 1829 1849"),
    ("DZ", "213"),
    ("EC", "593"),
    ("EE", "372"),
    ("EG", "20"),
    ("EH", "2125288 2125289"),
    ("ER", "291"),
    ("ES", "34"),
    ("ET", "251"),
    ("FI", "358"),
    ("FJ", "679"),
    ("FK", "500"),
    ("FM", "691"),
    ("FO", "298"),
    ("FR", "33"),
    ("GA", "241"),
    ("GB", "44"),
    ("GD", "1473"),
    ("GE", "995"),
    ("GF", "594"),
    ("GG", "441481 447781 447839 4479111 4479117"),
    ("GH", "233"),
    ("GI", "350"),
    ("GL", "299"),
    ("GM", "220"),
    ("GN", "224"),
    ("GP", "590"),
    ("GQ", "240"),
    ("GR", "30"),
    ("GT", "502"),
    ("GU", "1671"),
    ("GW", "245"),
    ("GY", "592"),
    ("HK", "852"),
    ("HN", "504"),
    ("HR", "385"),
    ("HT", "509"),
    ("HU", "36"),
    ("ID", "62"),
    ("IE", "353"),
    ("IL", "972"),
    ("IM", "441624 4474576 447524 447624 447924"),
    ("IN", "91"),
    ("IO", "246"),
    ("IQ", "964"),
    ("IR", "98"),
    ("IS", "354"),
    ("IT", "39"),
    ("JE", "441534 447509 4477003 4477007 4477008 447797 447829 447937"),
    ("JM", "1658 1876"),
    ("JO", "962"),
    ("JP", "81"),
    ("KE", "254"),
    ("KG", "996"),
    ("KH", "855"),
    ("KI", "686"),
    ("KM", "269"),
    ("KN", "1869"),
    ("KP", "850"),
    ("KR", "82"),
    ("KW", "965"),
    ("KY", "1345"),
    ("KZ", "76 77"),
    ("LA", "856"),
    ("LB", "961"),
    ("LC", "1758"),
    ("LI", "423"),
    ("LK", "94"),
    ("LR", "231"),
    ("LS", "266"),
    ("LT", "370"),
    ("LU", "352"),
    ("LV", "371"),
    ("LY", "218"),
    ("MA", "212"),
    ("MC", "377"),
    ("MD", "373"),
    ("ME", "382"),
    ("MF", "59059029 59059051 59059052 59059087"),
    ("MG", "261"),
    ("MH", "692"),
    ("MK", "389"),
    ("ML", "223"),
    ("MM", "95"),
    ("MN", "976"),
    ("MO", "853"),
    ("MP", "1670"),
    ("MQ", "596"),
    ("MR", "222"),
    ("MS", "1664"),
    ("MT", "356"),
    ("MU", "230"),
    ("MV", "960"),
    ("MW", "265"),
    ("MX", "52"),
    ("MY", "60"),
    ("MZ", "258"),
    ("NA", "264"),
    ("NC", "687"),
    ("NE", "227"),
    ("NF", "672"),
    ("NG", "234"),
    ("NI", "505"),
    ("NL", "31"),
    ("NO", "47"),
    ("NP", "977"),
    ("NR", "674"),
    ("NU", "683"),
    ("NZ", "64"),
    ("OM", "968"),
    ("PA", "507"),
    ("PE", "51"),
    ("PF", "689"),
    ("PG", "675"),
    ("PH", "63"),
    ("PK", "92"),
    ("PL", "48"),
    ("PM", "508"),
    ("PR", "1787 1939"),
    ("PS", "970"),
    ("PT", "351"),
    ("PW", "680"),
    ("PY", "595"),
    ("QA", "974"),
    ("RE", "262"),
    ("RO", "40"),
    ("RS", "381"),
    ("RU", "7"),
    ("RW", "250"),
    ("SA", "966"),
    ("SB", "677"),
    ("SC", "248"),
    ("SD", "249"),
    ("SE", "46"),
    ("SG", "65"),
    ("SH", "290"),
    ("SI", "386"),
    ("SJ", "4779"),
    ("SK", "421"),
    ("SL", "232"),
    ("SM", "378"),
    ("SN", "221"),
    ("SO", "252"),
    ("SR", "597"),
    ("SS", "211"),
    ("ST", "239"),
    ("SV", "503"),
    ("SX", "1721"),
    ("SY", "963"),
    ("SZ", "268"),
    ("TA", "2908"),
    ("TC", "1649"),
    ("TD", "235"),
    ("TG", "228"),
    ("TH", "66"),
    ("TJ", "992"),
    ("TK", "690"),
    ("TL", "670"),
    ("TM", "993"),
    ("TN", "216"),
    ("TO", "676"),
    ("TR", "90"),
    ("TT", "1868"),
    ("TV", "688"),
    ("TW", "886"),
    ("TZ", "255"),
    ("UA", "380"),
    ("UG", "256"),
    ("US", "1"),
    ("UY", "598"),
    ("UZ", "998"),
    ("VA", "3906698"),
    ("VC", "1784"),
    ("VE", "58"),
    ("VG", "1284"),
    ("VI", "1340"),
    ("VN", "84"),
    ("VU", "678"),
    ("WF", "681"),
    ("WS", "685"),
    ("XK", "383"),
    ("YE", "967"),
    ("YT", "262269 262639 2627093"),
    ("ZA", "27"),
    ("ZM", "260"),
    ("ZW", "263"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_belong_to_countries() {
        let cases = [
            ("34600000147", Some("ES")),
            ("5511987650147", Some("BR")),
            ("525512340001", Some("MX")),
            ("3581812345", Some("AX")),
            ("358412345678", Some("FI")),
            // Shared codes, by range.
            ("12015550123", Some("US")),
            ("14165550123", Some("CA")),
            ("18765550123", Some("JM")),
            ("18095550123", Some("DO")),
            ("17875550123", Some("PR")),
            ("79161234567", Some("RU")),
            ("77011234567", Some("KZ")),
            ("447400123456", Some("GB")),
            ("447797712345", Some("JE")),
            ("447781123456", Some("GG")),
            ("447924123456", Some("IM")),
            ("393123456789", Some("IT")),
            ("390669812345", Some("VA")),
            ("4741234567", Some("NO")),
            ("4779123456", Some("SJ")),
            ("61412345678", Some("AU")),
            ("61891641234", Some("CX")),
            ("61891621234", Some("CC")),
            ("212650123456", Some("MA")),
            ("212528812345", Some("EH")),
            ("262692123456", Some("RE")),
            ("262639012345", Some("YT")),
            ("590690001234", Some("GP")),
            ("590590271234", Some("BL")),
            ("590590511234", Some("MF")),
            ("59995181234", Some("CW")),
            ("5993181234", Some("BQ")),
            ("38344123456", Some("XK")),
            // Nobody's, and no numbers.
            ("999123", None),
            ("0034600000147", None),
            ("", None),
            ("3", None),
            ("US.1349", None),
            ("3460000\u{e9}", None),
        ];
        for (number, want) in cases {
            assert_eq!(of_phone(number), want, "{number}");
        }
    }

    #[test]
    fn ranges_are_of_one_country_each_and_not_too_long() {
        let ranges: Vec<&str> = RANGES.iter().flat_map(|(_, ranges)| ranges.split_whitespace()).collect();
        assert_eq!(ranges.len(), COUNTRIES.len());
        assert!(ranges.iter().all(|range| range.len() <= RANGE_DIGITS_MAX && range.parse::<u32>().is_ok()));
        assert_eq!(RANGES.len(), 245);
    }

    #[test]
    fn codes_are_those_of_iso_3166() {
        for (code, known) in [("GB", true), ("XK", true), ("AQ", true), ("UK", false), ("gb", false), ("", false)] {
            assert_eq!(is_code(code), known, "{code}");
        }
        // 249, and three that have numbers without being of ISO 3166.
        assert_eq!(RANGES.len() + WITHOUT_NUMBERS.len(), 249 + 3);
    }

    #[test]
    fn a_bsuid_begins_with_its_country() {
        let cases =
            [("BR.7000", Some("BR")), ("US.ENT.1", Some("US")), ("br.7", None), ("BRA.7", None), ("7000", None)];
        for (bsuid, want) in cases {
            assert_eq!(of_bsuid(bsuid), want, "{bsuid}");
        }
    }
}
