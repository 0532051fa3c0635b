//! Keywords in all their forms: how a file asks for them, what it is told, which version it is, and that decisions are by them.

#![allow(clippy::unwrap_used, reason = "a test")]

use waypost_rules::check::check_text;
use waypost_rules::{RouteInput, RuleSet, toml_form};

const HEAD: &str = "[default]\nteam='a'\n[handover]\nteam='a'\nbuttons=['human']\n[[teams]]\nname='a'\n[[teams]]\nname='b'\n\
    [words]\nplain=['order']\n[words.money]\nes=['reembolso', 'pag*']\nzh=['发票']\nen=['refund']\n";

fn text(when: &str) -> String {
    format!("{HEAD}[[rules]]\nid='r'\nteam='b'\nwhen={when}\n")
}

fn check(when: &str, language: Option<&str>, said: &str, want: bool) {
    let set = RuleSet::parse(&text(when)).unwrap();
    let language = language.map(str::to_owned);
    let input = RouteInput { message_type: "text".into(), text: Some(said.into()), language, ..RouteInput::default() };
    assert_eq!(set.decide(&input).rule == "r", want, "{when}: {said:?} in {:?}", input.language);
}

#[test]
fn where_the_language_is_from() {
    // Named: whatever language the customer's is.
    check("{ keyword='factura', forms='es' }", None, "mis facturas", true);
    check("{ keyword='factura', forms='es' }", Some("de"), "mis facturas", true);
    check("{ keyword='factura' }", Some("es"), "mis facturas", false);
    check("{ keyword='factura', forms=false }", Some("es"), "mis facturas", false);
    check("{ keyword=['factura', 'invoice'], forms=['es', 'en'] }", None, "invoices", true);
    // The customer's, where it is known.
    check("{ keyword='fattura', forms=true }", Some("it"), "le fatture", true);
    check("{ keyword='fattura', forms=true }", Some("es"), "le fatture", false);
    check("{ keyword='fattura', forms=true }", None, "le fatture", false);
    check("{ keyword='fattura', forms=true }", None, "la fattura", true);
    // A list's own.
    check("{ keyword={ words='money' }, forms=true }", Some("de"), "reembolsos", true);
    check("{ keyword={ words='money' }, forms=true }", None, "refunded", true);
    check("{ keyword={ words='money', forms='es' } }", None, "refunded", true);
    check("{ keyword={ words='money' } }", Some("es"), "reembolsos", false);
    check("{ keyword={ words='plain' }, forms=true }", Some("en"), "orders", true);
    check("{ keyword={ words='plain' }, forms=true }", Some("es"), "ordered", false);
    // Beside each other, and turned around.
    check("{ keyword=['refund', { word='factura', forms='es' }] }", None, "facturas", true);
    check("{ keyword=['refund', { word='factura', forms='es' }] }", None, "refunds", false);
    check("{ type='text', not={ keyword='factura', forms='es' } }", None, "facturas", false);
    check("{ keyword='factura', forms='es', in='caption' }", None, "facturas", false);
}

#[test]
fn what_is_refused_and_warned_of() {
    let said = |when: &str| {
        let findings = check_text(&text(when)).into_iter().filter(|finding| finding.field.starts_with("rules."));
        findings.map(|finding| format!("{}: {}", finding.field, finding.problem)).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(
        said("{ keyword='x', forms='nl' }"),
        "rules.r.when.forms: \"nl\": forms are known of en, es, pt, de, it, fr; true follows the customer"
    );
    assert_eq!(said("{ type='text', forms=true }"), "rules.r.when.forms: is for keyword, and there is none here");
    assert_eq!(
        said("{ keyword={ forms=true } }"),
        "rules.r.when.keyword: name the word: { word = \"…\", forms = true }"
    );
    assert_eq!(
        said("{ keyword='发票', forms='en' }"),
        "rules.r.when.keyword: \"发票\" has no forms: only words of plain letters have, and phrases of up to 6"
    );
}

#[test]
fn a_file_reads_back_and_its_version_knows_its_forms() {
    let mut versions = std::collections::BTreeSet::new();
    for when in [
        "{ keyword = [\"factura\"] }",
        "{ keyword = [\"factura\"], forms = true }",
        "{ keyword = [\"factura\"], forms = \"es\" }",
        "{ keyword = [\"factura\"], forms = [\"en\", \"es\"] }",
        "{ keyword = [\"factura\", { word = \"pago\", forms = \"es\" }] }",
        "{ keyword = { words = \"money\" } }",
        "{ keyword = { words = \"money\" }, forms = true }",
        "{ keyword = [\"factura\", { words = \"money\", forms = true }] }",
        "{ keyword = [\"factura\", { words = \"money\" }], forms = \"pt\" }",
    ] {
        let document = toml_form::read(&text(when)).unwrap();
        let written = toml_form::write(&document);
        assert!(written.contains(&format!("when = {when}")), "{when}:\n{written}");
        let set = RuleSet::parse(&written).unwrap();
        let canonical = toml_form::canonical(&document.definition, &document.teams, &document.calendars);
        assert_eq!(RuleSet::parse(&canonical).unwrap().version, set.version, "{canonical}");
        assert_eq!(RuleSet::restore(&written, &set.version).unwrap().version, set.version);
        assert!(versions.insert(set.version), "{when} is another version");
    }
}

#[test]
fn the_reason_names_the_rule_s_own_word() {
    let set = RuleSet::parse(&text("{ keyword=['pago', 'factura'], forms='es' }")).unwrap();
    let input = RouteInput { text: Some("mis facturas".into()), ..RouteInput::default() };
    assert_eq!(set.decide(&input).why, "keyword \"factura\" in any form");
}

/// What is looked for in other forms by another release must be another version.
#[test]
fn the_version_is_of_the_forms_too() {
    let document = toml_form::read(&text("{ keyword='factura', forms='es' }")).unwrap();
    let canonical = toml_form::canonical(&document.definition, &document.teams, &document.calendars);
    let hashed = format!("{canonical}\n# folding 2\n\n# forms 1\n");
    let digest = ring::digest::digest(&ring::digest::SHA256, hashed.as_bytes());
    let hex: String = digest.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(RuleSet::parse(&text("{ keyword='factura', forms='es' }")).unwrap().version, hex);
}
