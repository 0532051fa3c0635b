//! What may stand instead of the end of a word, as tables: the first line whose end the word has says what else may be
//! there. Of folded words, without accents. More than there is in a language is made on purpose: what nobody writes finds
//! nothing. Must never cut a word into one that is another: that is why stems are not compared.

use super::FormLanguage;

/// Words and forms have so many letters at least.
pub(super) const LETTERS_MIN: usize = 3;
/// Letters in front of an end that is exchanged: of three letters, the rest says too little.
const LEFT_MIN: usize = 2;
const LEFT_MIN_ENGLISH: usize = 1;

/// An end, and what may stand there instead.
type Line = (&'static str, &'static [&'static str]);

const ENGLISH_NUMBER: &[Line] = &[
    ("sses", &["ss"]),
    ("xes", &["x"]),
    ("ches", &["ch", "che"]),
    ("shes", &["sh"]),
    ("zes", &["z", "ze"]),
    ("ies", &["y", "ie"]),
    ("ves", &["f", "fe", "ve"]),
    ("ses", &["s", "se"]),
    ("oes", &["o", "oe"]),
    ("ss", &["sses"]),
    ("us", &["uses"]),
    ("is", &["es"]),
    ("s", &[""]),
    ("x", &["xes"]),
    ("ch", &["ches"]),
    ("sh", &["shes"]),
    ("z", &["zes"]),
    ("ay", &["ays"]),
    ("ey", &["eys"]),
    ("oy", &["oys"]),
    ("uy", &["uys"]),
    ("y", &["ies"]),
    ("fe", &["ves", "fes"]),
    ("f", &["fs", "ves"]),
    ("o", &["os", "oes"]),
    ("", &["s"]),
];

const SPANISH_NUMBER: &[Line] = &[
    ("ces", &["z", "ce"]),
    ("nes", &["n", "ne"]),
    ("res", &["r", "re", "reses"]),
    ("les", &["l", "le"]),
    ("des", &["d", "de"]),
    ("yes", &["y", "ye"]),
    ("jes", &["j", "je"]),
    ("ses", &["s", "se"]),
    ("es", &["e", "eses"]),
    ("as", &["a"]),
    ("os", &["o"]),
    ("s", &["ses"]),
    ("z", &["ces"]),
    ("a", &["as"]),
    ("e", &["es"]),
    ("o", &["os"]),
    ("i", &["is", "ies"]),
    ("u", &["us", "ues"]),
    ("", &["es", "s"]),
];

const PORTUGUESE_NUMBER: &[Line] = &[
    ("oes", &["ao", "oe"]),
    ("aes", &["ao", "ae"]),
    ("aos", &["ao"]),
    ("ao", &["oes", "aes", "aos"]),
    ("ais", &["al", "ai"]),
    ("eis", &["el", "il", "ei"]),
    ("ois", &["ol", "oi"]),
    ("uis", &["ul"]),
    ("al", &["ais"]),
    ("el", &["eis"]),
    ("ol", &["ois"]),
    ("ul", &["uis"]),
    ("il", &["is", "eis"]),
    ("ns", &["m", "n"]),
    ("m", &["ns"]),
    ("res", &["r", "re"]),
    ("zes", &["z", "ze"]),
    ("ses", &["s", "se"]),
    ("as", &["a"]),
    ("os", &["o"]),
    ("es", &["e", "eses"]),
    ("is", &["il", "ises"]),
    ("s", &["ses"]),
    ("r", &["res"]),
    ("z", &["zes"]),
    ("n", &["ns"]),
    ("a", &["as"]),
    ("e", &["es"]),
    ("o", &["os"]),
    ("i", &["is"]),
    ("u", &["us"]),
    ("", &["s"]),
];

/// Of Spanish and Portuguese: participles, and what is said of things.
const IBERIAN_GENDER: &[Line] = &[
    ("ado", &["ada", "ados", "adas"]),
    ("ada", &["ado", "ados", "adas"]),
    ("ados", &["ado", "ada", "adas"]),
    ("adas", &["ado", "ada", "ados"]),
    ("ido", &["ida", "idos", "idas"]),
    ("ida", &["ido", "idos", "idas"]),
    ("idos", &["ido", "ida", "idas"]),
    ("idas", &["ido", "ida", "idos"]),
    ("oso", &["osa", "osos", "osas"]),
    ("osa", &["oso", "osos", "osas"]),
    ("osos", &["oso", "osa", "osas"]),
    ("osas", &["oso", "osa", "osos"]),
];

const GERMAN_NUMBER: &[Line] = &[
    ("ungen", &["ung"]),
    ("heiten", &["heit"]),
    ("keiten", &["keit"]),
    ("schaften", &["schaft"]),
    ("ionen", &["ion"]),
    ("innen", &["in", "inne"]),
    ("ung", &["ungen"]),
    ("heit", &["heiten"]),
    ("keit", &["keiten"]),
    ("schaft", &["schaften"]),
    ("ion", &["ionen"]),
    ("eln", &["el"]),
    ("ern", &["er", ""]),
    ("en", &["e", "", "o", "um"]),
    ("em", &["", "e"]),
    ("es", &["", "e"]),
    ("in", &["innen", "ine", "inen", "ins"]),
    ("el", &["eln", "els"]),
    ("er", &["ern", "ers", ""]),
    ("e", &["en", "es", "er", "em", ""]),
    ("s", &["", "se", "sen", "ser", "ses"]),
    ("o", &["os", "en"]),
    ("a", &["as", "en"]),
    ("um", &["en", "ums"]),
    ("", &["e", "en", "er", "es", "s", "em"]),
];

const ITALIAN_NUMBER: &[Line] = &[
    ("chi", &["co", "che"]),
    ("ghi", &["go"]),
    ("che", &["ca", "chi"]),
    ("ghe", &["ga"]),
    ("cie", &["cia"]),
    ("gie", &["gia"]),
    ("ci", &["co", "cio", "ce"]),
    ("gi", &["go", "gio", "ge"]),
    ("io", &["i"]),
    ("co", &["chi", "ci"]),
    ("go", &["ghi", "gi"]),
    ("cia", &["cie", "ce"]),
    ("gia", &["gie", "ge"]),
    ("ca", &["che"]),
    ("ga", &["ghe"]),
    ("ma", &["mi", "me"]),
    ("a", &["e"]),
    ("e", &["i", "a"]),
    ("o", &["i"]),
    ("mi", &["mo", "me", "ma", "mio"]),
    ("i", &["o", "e", "io"]),
];

const ITALIAN_GENDER: &[Line] = &[
    ("ato", &["ata", "ati", "ate"]),
    ("ata", &["ato", "ati", "ate"]),
    ("ati", &["ato", "ata", "ate"]),
    ("ate", &["ato", "ata", "ati"]),
    ("ito", &["ita", "iti", "ite"]),
    ("ita", &["ito", "iti", "ite"]),
    ("uto", &["uta", "uti", "ute"]),
    ("uta", &["uto", "uti", "ute"]),
    ("oso", &["osa", "osi", "ose"]),
    ("osa", &["oso", "osi", "ose"]),
    ("osi", &["oso", "osa", "ose"]),
    ("ose", &["oso", "osa", "osi"]),
];

const FRENCH_NUMBER: &[Line] = &[
    ("eaux", &["eau"]),
    ("aux", &["al", "ail", "au"]),
    ("oux", &["ou"]),
    ("x", &[]),
    ("z", &[]),
    ("ail", &["ails", "aux"]),
    ("al", &["aux", "als"]),
    ("au", &["aux"]),
    ("eu", &["eux", "eus"]),
    ("ou", &["ous", "oux"]),
    ("ees", &["ee", "e", "es"]),
    ("ee", &["ees", "e", "es"]),
    ("es", &["e", "ee", "ees"]),
    ("s", &[""]),
    ("e", &["es", "ee", "ees"]),
    ("", &["s"]),
];

const FRENCH_GENDER: &[Line] = &[
    ("eux", &["euse", "euses"]),
    ("euse", &["eux", "euses"]),
    ("euses", &["eux", "euse"]),
    ("if", &["ive", "ives"]),
    ("ive", &["if", "ifs", "ives"]),
    ("ives", &["if", "ifs", "ive"]),
    ("au", &[]),
    ("eu", &[]),
    ("ou", &[]),
    ("u", &["ue", "ues"]),
];

/// It may give the word itself, and one form twice.
pub(super) fn forms(word: &str, language: FormLanguage) -> Vec<String> {
    let tables: &[&[Line]] = match language {
        FormLanguage::English => return english(word),
        FormLanguage::Spanish => &[SPANISH_NUMBER, IBERIAN_GENDER],
        FormLanguage::Portuguese => &[PORTUGUESE_NUMBER, IBERIAN_GENDER],
        FormLanguage::German => &[GERMAN_NUMBER],
        FormLanguage::Italian => &[ITALIAN_NUMBER, ITALIAN_GENDER],
        FormLanguage::French => &[FRENCH_NUMBER, FRENCH_GENDER],
    };
    tables.iter().flat_map(|lines| exchanged(word, lines, LEFT_MIN)).collect()
}

fn exchanged(word: &str, lines: &[Line], left_min: usize) -> Vec<String> {
    let left = |end: &str| word.strip_suffix(end).filter(|left| left.len() >= left_min);
    let line = lines.iter().find_map(|(end, others)| Some((left(end)?, others)));
    line.into_iter().flat_map(|(left, others)| others.iter().map(move |other| format!("{left}{other}"))).collect()
}

/// Numbers, and "cancelled" and "cancelling" of what somebody does.
fn english(word: &str) -> Vec<String> {
    let mut forms = exchanged(word, ENGLISH_NUMBER, LEFT_MIN_ENGLISH);
    let bases = match bare(word) {
        Some(bases) => bases,
        // "orders" is one and several, and what they do.
        None => std::iter::once(word.to_owned())
            .chain(word.ends_with('s').then(|| forms.clone()).into_iter().flatten())
            .collect(),
    };
    for base in bases {
        forms.extend(of_verb(&base));
        forms.push(base);
    }
    forms
}

/// What may stand without "-ed" or "-ing"; `None` where there is neither.
fn bare(word: &str) -> Option<Vec<String>> {
    if let Some(left) = word.strip_suffix("ied") {
        return Some(vec![format!("{left}y")]);
    }
    let left = word.strip_suffix("ed").or_else(|| word.strip_suffix("ing")).filter(|left| left.len() > LEFT_MIN)?;
    let mut bases = vec![left.to_owned(), format!("{left}e")];
    bases.extend(is_doubled(left).then(|| left[..left.len() - 1].to_owned()));
    Some(bases)
}

fn of_verb(base: &str) -> Vec<String> {
    if let Some(left) = base.strip_suffix('e') {
        return ["ed", "ing"].map(|end| format!("{left}{end}")).into();
    }
    if let Some(left) = base.strip_suffix('y').filter(|left| !left.ends_with(is_vowel)) {
        return vec![format!("{left}ied"), format!("{base}ing")];
    }
    let mut forms: Vec<String> = ["ed", "ing"].map(|end| format!("{base}{end}")).into();
    let mut last = base.chars().rev();
    if let (Some(last), Some(vowel), Some(before)) = (last.next(), last.next(), last.next())
        && is_vowel(vowel)
        && !is_vowel(before)
        && !is_vowel(last)
        && !"hwxy".contains(last)
    {
        forms.extend(["ed", "ing"].map(|end| format!("{base}{last}{end}")));
    }
    forms
}

fn is_vowel(c: char) -> bool {
    "aeiou".contains(c)
}

fn is_doubled(text: &str) -> bool {
    let mut last = text.chars().rev();
    let last = (last.next(), last.next());
    last.0 == last.1 && last.0.is_some_and(|c| !is_vowel(c))
}
