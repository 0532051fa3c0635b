//! Codes of languages and countries that there are not, and the one that was perhaps meant.

use waypost_domain::{country, language};

/// What people write instead of a code of ISO 639.
const LANGUAGES: &[(&str, &str)] = &[
    ("english", "en"),
    ("eng", "en"),
    ("us", "en"),
    ("gb", "en"),
    ("spanish", "es"),
    ("español", "es"),
    ("spa", "es"),
    ("sp", "es"),
    ("mx", "es"),
    ("portuguese", "pt"),
    ("português", "pt"),
    ("por", "pt"),
    ("german", "de"),
    ("deutsch", "de"),
    ("ger", "de"),
    ("deu", "de"),
    ("french", "fr"),
    ("français", "fr"),
    ("fre", "fr"),
    ("fra", "fr"),
    ("italian", "it"),
    ("italiano", "it"),
    ("ita", "it"),
    ("dutch", "nl"),
    ("nld", "nl"),
    ("arabic", "ar"),
    ("ara", "ar"),
    ("chinese", "zh"),
    ("chi", "zh"),
    ("zho", "zh"),
    ("cmn", "zh"),
    ("cn", "zh"),
    ("japanese", "ja"),
    ("jpn", "ja"),
    ("jp", "ja"),
    ("korean", "ko"),
    ("kor", "ko"),
    ("russian", "ru"),
    ("rus", "ru"),
    ("turkish", "tr"),
    ("tur", "tr"),
    ("hindi", "hi"),
    ("hin", "hi"),
    ("polish", "pl"),
    ("pol", "pl"),
    ("greek", "el"),
    ("gr", "el"),
    ("czech", "cs"),
    ("cz", "cs"),
    ("danish", "da"),
    ("dk", "da"),
    ("swedish", "sv"),
    ("swe", "sv"),
    ("norwegian", "nb"),
    ("nor", "nb"),
    ("ukrainian", "uk"),
    ("ukr", "uk"),
    ("ua", "uk"),
    ("hebrew", "he"),
    ("iw", "he"),
    ("indonesian", "id"),
    ("ind", "id"),
    ("in", "id"),
    ("vietnamese", "vi"),
    ("vie", "vi"),
    ("thai", "th"),
    ("tha", "th"),
];

/// What people write instead of a code of ISO 3166.
const COUNTRIES: &[(&str, &str)] =
    &[("UK", "GB"), ("EN", "GB"), ("SP", "ES"), ("EL", "GR"), ("JA", "JP"), ("SU", "RU"), ("YU", "RS")];

/// What is wrong with the code of a language.
pub(super) fn language(code: &str) -> Option<String> {
    let lower = code.to_lowercase();
    let meant = LANGUAGES.iter().find(|(name, _)| *name == lower).map(|(_, meant)| *meant);
    if meant.is_none() && language::is_code(code) {
        return None;
    }
    // Rules see the first part of a tag: `pt` of pt-BR.
    let first = lower.split(['-', '_']).next().filter(|first| language::is_code(first));
    Some(match meant.or(first) {
        Some(meant) => format!("{code:?} is no language that customers have here; did you mean {meant}?"),
        None => format!("{code:?} is no language of ISO 639; they look like \"pt\""),
    })
}

/// What is wrong with the code of a country.
pub(super) fn country(code: &str) -> Option<String> {
    if country::is_code(code) {
        return None;
    }
    let upper = code.to_uppercase();
    let meant = COUNTRIES.iter().find(|(name, _)| *name == upper).map(|(_, meant)| *meant);
    let hint = match meant.or_else(|| country::is_code(&upper).then_some(&*upper)) {
        Some(meant) => format!("; did you mean {meant}?"),
        None => String::new(),
    };
    Some(format!("{code:?} is no country of ISO 3166{hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_is_a_code() {
        for (name, meant) in LANGUAGES {
            assert!(language::is_code(meant), "{name}");
            assert!(!(name.len() == 2 && language::is_code(name)), "{name} is a language of its own");
        }
        for (name, meant) in COUNTRIES {
            assert!(country::is_code(meant) && !country::is_code(name), "{name}");
        }
    }

    #[test]
    fn hints() {
        for (code, hint) in [
            ("en", None),
            ("fil", None),
            ("english", Some("did you mean en?")),
            ("SPANISH", Some("did you mean es?")),
            ("eng", Some("did you mean en?")),
            ("EN", Some("did you mean en?")),
            ("pt-BR", Some("did you mean pt?")),
            ("xx", Some("they look like \"pt\"")),
            ("", Some("they look like \"pt\"")),
        ] {
            let told = language(code);
            assert_eq!(told.is_some(), hint.is_some(), "{code}: {told:?}");
            assert!(told.iter().all(|told| told.ends_with(hint.unwrap_or_default())), "{code}: {told:?}");
        }
        assert_eq!(country("GB"), None);
        assert_eq!(country("UK").as_deref(), Some("\"UK\" is no country of ISO 3166; did you mean GB?"));
        assert_eq!(country("es").as_deref(), Some("\"es\" is no country of ISO 3166; did you mean ES?"));
        assert_eq!(country("ZZ").as_deref(), Some("\"ZZ\" is no country of ISO 3166"));
    }
}
