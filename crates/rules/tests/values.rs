//! What is told of values that are of a closed set, or nearly one that is used elsewhere; and that none of it refuses.

#![allow(clippy::unwrap_used, reason = "a test")]

use waypost_rules::check::check_text;
use waypost_rules::{RuleSet, Severity};

const HEAD: &str = "[default]\nteam='a'\n[handover]\nteam='a'\nwords.en=['an agent']\n[[teams]]\nname='a'\n\
    [[calendars]]\nname='office'\nzone='UTC'\nhours=[]\n";

/// The findings of a severity, which none of the rules is refused for.
fn told(severity: Severity, rules: &str) -> Vec<String> {
    let text = format!("{HEAD}{rules}");
    RuleSet::parse(&text).unwrap_or_else(|errors| panic!("{errors}\n{rules}"));
    let findings = check_text(&text).into_iter().filter(|finding| finding.severity == severity);
    findings.map(|finding| format!("{}: {}", finding.field, finding.problem)).collect()
}

fn rule(id: &str, when: &str) -> String {
    format!("[[rules]]\nid='{id}'\nteam='a'\nwhen={when}\n")
}

fn check(when: &str, want: &[&str]) {
    assert_eq!(told(Severity::Warning, &rule("r", when)), want, "{when}");
}

#[test]
fn types_are_those_of_meta() {
    for kind in ["text", "interactive", "button", "call", "imag*", "unsupported"] {
        check(&format!("{{ type='{kind}' }}"), &[]);
    }
    let hint =
        |word: &str, hint: &str| format!("rules.r.when.type: {word:?} is no type of message that Meta has; {hint}");
    for (word, meant) in [
        ("Image", "image"),
        ("texts", "text"),
        ("photo", "image"),
        ("list_reply", "interactive"),
        ("contact", "contacts"),
    ] {
        check(&format!("{{ type='{word}' }}"), &[&hint(word, &format!("did you mean {meant}?"))]);
    }
    let all = "there are text, image, video, document, audio, sticker, location, contacts, interactive, button, reaction, \
               order, system, edit, revoke, unsupported, call";
    check("{ type='hologram' }", &[&hint("hologram", all)]);
    check("{ not={ type='hologram' }, keyword='x' }", &[&hint("hologram", all)]);
    let buttons = told(Severity::Warning, &rule("r", "{ type='buttons' }"));
    assert!(
        matches!(&buttons[..], [one] if one.contains("interactive") && one.contains("template's button")),
        "{buttons:?}"
    );
    let begins = "rules.r.when.type: \"holo*\" is the beginning of none of text, ";
    assert!(told(Severity::Warning, &rule("r", "{ type='holo*' }"))[0].starts_with(begins));
    let sample = format!("{}samples=[{{ type='photo' }}]\n", rule("r", "{ type=['image', 'photo'] }"));
    let of_sample = "rules.r.samples: sample 1: \"photo\" is no type of message that Meta has; did you mean image?";
    assert_eq!(told(Severity::Warning, &sample).get(1).map(String::as_str), Some(of_sample));
}

#[test]
fn referral_types_are_ad_and_post() {
    check("{ referral_type=['ad', 'post'] }", &[]);
    check("{ referral_type='ads' }", &["rules.r.when.referral_type: \"ads\" is none of ad, post; did you mean ad?"]);
    check("{ referral_type='story' }", &["rules.r.when.referral_type: \"story\" is none of ad, post"]);
}

#[test]
fn languages_and_countries_are_of_their_lists() {
    check("{ country=['GB', 'XK', 'M*'], language=['en', 'e*'] }", &[]);
    check("{ country='UK' }", &["rules.r.when.country: \"UK\" is no country of ISO 3166; did you mean GB?"]);
    check(
        "{ language='english' }",
        &["rules.r.when.language: \"english\" is no language that customers have here; did you mean en?"],
    );
    let words = HEAD.replace("words.en=", "words.pt-BR=");
    let findings = check_text(&words);
    let [finding] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!((finding.severity, &*finding.field), (Severity::Warning, "handover.words.pt-BR"));
    assert!(finding.problem.ends_with("did you mean pt?"), "{}", finding.problem);
}

#[test]
fn stars_are_for_an_end() {
    check(
        "{ keyword=['fact*', 'credit car*', '*환불', 'press *️⃣ now', { exact='c*' }], reply=['a*', { exact='b*' }] }",
        &[],
    );
    let word = |text: &str| {
        format!("rules.r.when.keyword: the star within {text:?} does nothing: it is for the end of a word or a phrase")
    };
    check("{ keyword=['in*oice', 'credit* card', 'a*b*'] }", &[&word("in*oice"), &word("credit* card"), &word("a*b*")]);
    check(
        "{ reply='*:pay' }",
        &[
            "rules.r.when.reply: the star within \"*:pay\" stands for itself: only one at the end means whatever follows",
        ],
    );
    check(
        "{ referral_url='https://*.example.com/*' }",
        &[
            "rules.r.when.referral_url: the star within \"https://*.example.com/*\" stands for itself: only one at the end \
           means whatever follows",
        ],
    );
}

#[test]
fn one_value_has_one_spelling() {
    let other = |of: &str, name: &str, text: &str, usual: &str| {
        format!("{of}: {name} {text:?} is {usual:?} elsewhere in these rules, and upper and lower case differ")
    };
    let two = format!("{}{}", rule("r", "{ tier='Gold', number='n' }"), rule("s", "{ tier='gold', keyword='x' }"));
    assert_eq!(told(Severity::Warning, &two), [other("rules.r.when.attribute.tier", "tier", "Gold", "gold")]);
    let three = format!("{two}{}", rule("t", "{ tier='Gold', keyword='y' }"));
    assert_eq!(told(Severity::Warning, &three)[0], other("rules.s.when.attribute.tier", "tier", "gold", "Gold"));
    let sample = |more: &str| format!("{}samples=[{{ tier='gold'{more} }}]\n", rule("r", "{ tier='Gold' }"));
    let findings = told(Severity::Warning, &sample(""));
    assert!(findings.contains(&other("rules.r.when.attribute.tier", "tier", "Gold", "gold")), "{findings:?}");
    assert_eq!(told(Severity::Warning, &sample(", matches=false")), [""; 0]);
    check("{ tier=['Gold', 'gold'] }", &[]);
    check("{ tier='Gold', attribute={ plan='gold' } }", &[]);
    let replies = format!("{}{}", rule("r", "{ reply='PAY' }"), rule("s", "{ reply='pay' }"));
    assert_eq!(told(Severity::Warning, &replies), [other("rules.r.when.reply", "reply", "PAY", "pay")]);
}

#[test]
fn what_needs_an_import_is_a_note() {
    let note = |field: &str, what: &str| {
        format!("rules.r.{field}: needs import: {what} is known only of customers whom waypost contacts import told of")
    };
    for (when, field, what) in [
        ("{ tier='gold' }", "when.attribute.tier", "tier"),
        ("{ attribute={ ltv={ min=1 } } }", "when.attribute.ltv", "ltv"),
        ("{ keyword='x', not={ tier='gold' } }", "when.attribute.tier", "tier"),
        ("{ utc_offset_minutes={ min=0 } }", "when.utc_offset_minutes", "time_zone"),
        ("{ closed={ calendar='office', zone='customer' } }", "when.closed", "time_zone"),
        ("{ language_source='crm', language='en' }", "when.language_source", "a language that the CRM tells"),
    ] {
        assert_eq!(told(Severity::Note, &rule("r", when)), [note(field, what)], "{when}");
        assert_eq!(told(Severity::Warning, &rule("r", when)), [""; 0], "{when}");
    }
    for when in [
        "{ attribute={ blocked={ exists=false } } }",
        "{ open='office' }",
        "{ country='ES' }",
        "{ language_source=['crm', 'guess'], language='en' }",
    ] {
        assert_eq!(told(Severity::Note, &rule("r", when)), [""; 0], "{when}");
    }
    let anyway = format!("{}on_unknown='match'\n", rule("r", "{ tier='gold' }"));
    assert_eq!(told(Severity::Note, &anyway), [""; 0]);
    let once = format!("{}{}", rule("r", "{ tier='gold' }"), rule("s", "{ tier='silver' }"));
    assert_eq!(told(Severity::Note, &once), [note("when.attribute.tier", "tier")]);
    let person = format!("{}person='manager'\n", rule("r", "{ keyword='x' }"));
    assert_eq!(told(Severity::Note, &person), [note("person", "manager")]);
}

#[test]
fn a_sample_outside_of_the_rules_time_says_so() {
    let rule = |samples: &str| {
        format!(
            "{}valid_from=2026-12-01T00:00:00Z\nvalid_until=2027-01-07T00:00:00Z\nsamples=[{samples}]\n",
            rule("r", "{ keyword='x' }")
        )
    };
    let ends = "the rule is in force from 2026-12-01T00:00:00Z until 2027-01-07T00:00:00Z";
    let failed = "rules.r.samples: sample 1 expects this rule, but default sends it to a (no rule matched)";
    for (sample, cause) in [
        ("{ text='x' }", ", and the sample has no time: give it one with at = ..."),
        ("{ text='x', at=2026-06-01T00:00:00Z }", ", and the sample is of 2026-06-01T00:00:00Z"),
    ] {
        assert_eq!(told(Severity::Warning, &rule(sample)), [format!("{failed}; {ends}{cause}")], "{sample}");
    }
    let inside = "{ text='y', at=2026-12-24T00:00:00Z }";
    assert_eq!(told(Severity::Warning, &rule(inside)), [failed]);
    assert_eq!(told(Severity::Warning, &rule("{ text='x', matches=false }")), [""; 0]);
}
