//! Lists of words that rules share: they are read, told of and hashed as the words that they stand for, and written by name.

#![allow(clippy::unwrap_used, reason = "a test")]

use waypost_rules::check::check_text;
use waypost_rules::diff::Difference;
use waypost_rules::word_lists::LISTED_WORDS_MAX;
use waypost_rules::{RuleSet, toml_form};

const HEAD: &str = "[default]\nteam='a'\n[handover]\nteam='a'\nwords.en=['an agent']\n[[teams]]\nname='a'\n";
const LISTS: &str = "[words]\nplain=['sorry']\n[words.refund]\nes=['devolucion', 'reembols*']\nen=['money back']\n";

fn text(lists: &str, when: &str) -> String {
    format!("{HEAD}{lists}[[rules]]\nid='r'\nteam='a'\nwhen={when}\n")
}

fn findings(text: &str) -> Vec<String> {
    check_text(text).iter().map(ToString::to_string).collect()
}

/// The condition, as it is written again.
fn written(when: &str) -> String {
    let document = toml_form::read(&text(LISTS, when)).unwrap_or_else(|errors| panic!("{errors}\n{when}"));
    let written = toml_form::write(&document);
    let again = toml_form::read(&written).unwrap_or_else(|errors| panic!("{errors}\n{written}"));
    assert_eq!(again, document, "{when}");
    assert_eq!(toml_form::write(&again), written, "{when}");
    let line = written.lines().find_map(|line| line.strip_prefix("when = ")).unwrap();
    line.to_owned()
}

#[test]
fn a_list_is_written_by_its_name() {
    for (when, want) in [
        ("{ keyword={ words='refund' } }", "{ keyword = { words = \"refund\" } }"),
        ("{ keyword=[{ words='refund' }] }", "{ keyword = { words = \"refund\" } }"),
        ("{ keyword=[{ words='refund' }, { words='refund' }] }", "{ keyword = { words = \"refund\" } }"),
        (
            "{ keyword=['x', { words=['refund', 'plain'] }, 'y*'] }",
            "{ keyword = [\"x\", { words = \"refund\" }, { words = \"plain\" }, \"y*\"] }",
        ),
        (
            "{ keyword='x', in='file', not={ keyword={ words='plain' } } }",
            "{ keyword = [\"x\"], in = [\"file\"], not = { keyword = { words = \"plain\" } } }",
        ),
        // What says the same without its name stays so.
        (
            "{ keyword=['money back', 'devolucion', 'reembols*'] }",
            "{ keyword = [\"money back\", \"devolucion\", \"reembols*\"] }",
        ),
        ("{ keyword={ exact='words*' } }", "{ keyword = [{ exact = \"words*\" }] }"),
    ] {
        assert_eq!(written(when), want, "{when}");
    }
}

/// A rule alone has no list beside it.
#[test]
fn a_rule_alone_has_the_words() {
    let document = toml_form::read(&text(LISTS, "{ keyword={ words='refund' } }")).unwrap();
    let alone = toml_form::write_rule(&document.definition.rules[0]);
    assert!(alone.contains("keyword = [\"money back\", \"devolucion\", \"reembols*\"]"), "{alone}");
    assert_eq!(toml_form::read_rules(&alone).unwrap(), document.definition.rules);
}

/// What decides is what counts: with the words in its place, or with another list beside it, it is the same version.
#[test]
fn the_version_is_of_the_words() {
    let version = |text: &str| RuleSet::parse(text).unwrap_or_else(|errors| panic!("{errors}")).version;
    let named = text(LISTS, "{ keyword=['x', { words='refund' }] }");
    let plain = text("", "{ keyword=['x', 'money back', 'devolucion', 'reembols*'] }");
    assert_eq!(version(&named), version(&plain));
    assert_ne!(version(&named), version(&named.replace("money back", "cash back")));
    assert_eq!(version(&named), version(&named.replace("'sorry'", "'excuse me'")), "a list that nothing names");
    let set = RuleSet::restore(&named, &version(&named)).unwrap();
    assert_eq!(set.version, version(&named));
    let twice = text(LISTS, "{ keyword={ words='plain' }, and=[{ keyword='sorry' }] }");
    assert_eq!(version(&twice), version(&text("", "{ keyword='sorry' }")), "one condition, said twice");
}

#[test]
fn what_a_list_is_not_is_told() {
    let when = "{ keyword={ words='refund' } }";
    let cases = [
        (
            text(LISTS, "{ keyword={ words='refunds' } }"),
            "rules.r.when.keyword.words: there is no list of words \"refunds\"; did you mean refund?",
        ),
        (
            text("", when),
            "rules.r.when.keyword.words: there is no list of words \"refund\"; add [words] refund = [...]",
        ),
        (text("[words]\nrefund=[]\n", when), "words.refund: needs at least one word"),
        (text("[words.refund]\nen=[]\n", when), "words.refund: needs at least one word"),
        (text("[words.refund]\n''=['x']\n", when), "words.refund.: name the language, e.g. en"),
        (
            text("[words]\n're fund'=['x']\n", "{ keyword='x' }"),
            "words.re fund: a list's name is 1 to 64 letters, digits, _ and -",
        ),
        (
            text("[words]\nrefund=['!!']\n", when),
            "rules.r.when.keyword: \"!!\" has no letter or digit to look for (of words.refund)",
        ),
        (
            text(LISTS, "{ keyword=[{ words='refund' }, { words='refund', forms='es' }] }"),
            "rules.r.when.keyword.words: \"refund\" is there twice, in different forms; name it once",
        ),
        (
            text(LISTS, "{ keyword={ words='refund', in='x' } }"),
            "rules.r.when.keyword.in: unknown key; known here: words, forms",
        ),
        (
            text(LISTS, "{ reply={ words='refund' } }"),
            "rules.r.when.reply.words: unknown key; known here: exact, exists",
        ),
    ];
    for (text, want) in cases {
        let errors = RuleSet::parse(&text).unwrap_err();
        assert_eq!(format!("{}: {}", errors.0[0].field, errors.0[0].problem), want, "{text}");
        assert!(errors.0[0].line.is_some(), "{text}");
    }
    let alone =
        toml_form::read_rules("[[rules]]\nid='r'\nteam='a'\nwhen={ keyword={ words='refund' } }\n").unwrap_err();
    assert!(alone.to_string().contains("there is no list of words"), "{alone}");
}

/// Once for each list, and not for each rule that names it.
#[test]
fn lists_are_looked_at() {
    let named = "[words.refund]\nen=['re*fund', '*ok']\nUK=['票']\n[words]\nidle=['x']\n";
    let rules = text(named, "{ keyword={ words='refund' } }");
    let rules =
        format!("{rules}[[rules]]\nid='s'\nteam='a'\nwhen={{ keyword=['y', {{ words='refund' }}], number='n' }}\n");
    assert_eq!(
        findings(&rules),
        [
            "line 10: words.refund.UK: \"UK\" is no language that customers have here; did you mean uk?",
            "line 10: words.refund.UK: \"票\" is found inside of other words too: take at least 2 letters of Han",
            "line 9: words.refund.en: the star within \"re*fund\" does nothing: it is for the end of a word or a phrase",
            "line 9: words.refund.en: the star in front of \"*ok\" does nothing: it is for Hangul and katakana",
            "line 12: words.idle: no rule names this list: take it away, or name it, keyword = { words = \"idle\" }",
        ]
    );
    // One that is switched off will be switched on again.
    let off = format!("{}enabled=false\n", text("[words]\nidle=['x']\n", "{ keyword={ words='idle' } }"));
    assert_eq!(findings(&off), [""; 0]);
}

/// A short text does not become a large rule set.
#[test]
fn listed_words_have_a_limit() {
    let list: Vec<String> = (0..LISTED_WORDS_MAX / 10).map(|n| format!("'w{n}'")).collect();
    let rules = |count: usize| {
        let rule = |n| format!("[[rules]]\nid='r{n}'\nteam='a'\nwhen={{ keyword={{ words='all' }}, number='n{n}' }}\n");
        format!("{HEAD}[words]\nall=[{}]\n{}", list.join(","), (0..count).map(rule).collect::<String>())
    };
    assert!(toml_form::read(&rules(10)).is_ok());
    let errors = toml_form::read(&rules(11)).unwrap_err();
    let want = "line 53: rules.r10.when.keyword.words: more than 50000 words of lists in all rules together";
    assert_eq!(errors.to_string(), want);
}

#[test]
fn a_difference_names_the_list_and_the_rules() {
    let old = toml_form::read(&text(LISTS, "{ keyword={ words='refund' } }")).unwrap();
    let new =
        toml_form::read(&text(&LISTS.replace("'money back'", "'cash'"), "{ keyword={ words='refund' } }")).unwrap();
    let difference = Difference::between(&old, &new);
    assert_eq!(difference.other, ["words.refund"]);
    assert_eq!((&*difference.changed[0].rule, &*difference.changed[0].parts), ("r", &["when"][..]));
}

/// Nor does it become a large error.
#[test]
fn what_is_said_of_lists_that_are_not_there_has_a_limit() {
    let told = |lists: usize| {
        let lists: String = (0..lists).map(|n| format!("list{n}=['x{n}']\n")).collect();
        let errors = toml_form::read(&text(&format!("[words]\n{lists}"), "{ keyword={ words='refund' } }"));
        let told = errors.unwrap_err().to_string();
        told.split_once("there is no list of words \"refund\"").unwrap().1.to_owned()
    };
    assert_eq!(told(2), "; there are list0, list1");
    assert!(told(9).ends_with("list7 and more"), "{}", told(9));
    assert_eq!(told(101), "");
}
