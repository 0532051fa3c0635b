//! Small decisions of reading, comparing and checking, each of which a changed line would turn round.

#![allow(clippy::unwrap_used, reason = "a test")]

use waypost_rules::check::check_text;
use waypost_rules::fold::{Folding, Words};
use waypost_rules::{Referral, RouteInput, RuleSet};

const HEAD: &str =
    "default.team='a'\nhandover={ team='a', words.en=['an agent'] }\nteams=[{ name='a' }, { name='b' }]\n";

fn rules(conditions: &[&str]) -> String {
    let rule = |(n, when): (usize, &&str)| format!("[[rules]]\nid='r{n}'\nteam='b'\nwhen={when}\n");
    format!("{HEAD}{}", conditions.iter().enumerate().map(rule).collect::<String>())
}

fn decided(when: &str, text: &str) -> bool {
    let input = RouteInput { text: Some(text.into()), ..RouteInput::default() };
    RuleSet::parse(&rules(&[when])).unwrap().decide(&input).rule == "r0"
}

/// Whether the second rule is said never to be reached behind the first one.
fn is_hidden(first: &str, second: &str) -> bool {
    let findings = check_text(&rules(&[first, second]));
    findings.iter().any(|finding| finding.field == "rules.r1.when" && finding.problem.contains("never reached"))
}

#[test]
fn a_rule_is_hidden_by_one_that_holds_whenever_it_does() {
    let cases = [
        ("{ type=['text','image'] }", "{ type='text' }", true),
        ("{ type='text' }", "{ type=['text','image'] }", false),
        ("{ type='text' }", "{ number='text' }", false),
        ("{ keyword='x', type='text' }", "{ keyword='x', number='text' }", false),
        ("{ keyword=['x','y'] }", "{ keyword='x' }", true),
        ("{ keyword='x' }", "{ keyword=['x','y'] }", false),
        ("{ keyword='x', not={ type=['text','image'] } }", "{ keyword='x', type='text' }", false),
        ("{ keyword='x', type='text' }", "{ keyword='x', not={ type='text' } }", false),
    ];
    for (first, second, want) in cases {
        assert_eq!(is_hidden(first, second), want, "{second} behind {first}");
    }
}

#[test]
fn a_menu_of_three_levels_is_not_deep() {
    let deep = |id: &str| {
        let findings = check_text(&rules(&[&format!("{{ reply='{id}' }}")]));
        findings.iter().any(|finding| finding.problem.contains("menus deep"))
    };
    assert!(!deep("a:b:c") && deep("a:b:c:d"));
}

#[test]
fn a_menu_of_ten_rows_is_not_wide() {
    let wide = |rows: u32| {
        let ids: Vec<String> = (0..rows).map(|row| format!("'menu:{row}'")).collect();
        let findings = check_text(&rules(&[&format!("{{ reply=[{}] }}", ids.join(","))]));
        findings.iter().any(|finding| finding.problem.contains("rows"))
    };
    assert!(!wide(10) && wide(11));
}

#[test]
fn a_word_of_four_letters_may_have_an_article() {
    assert!(decided("{ keyword='حساب' }", "بحساب"));
    assert!(!decided("{ keyword='ساب' }", "بساب"), "three letters may be any word's end");
}

#[test]
fn a_mistyped_key_is_told_what_it_is_near_to() {
    let problem = |key: &str| {
        let text = format!("{HEAD}[[rules]]\nid='r'\nteam='b'\n{key}=1\nwhen={{ type='text' }}\n");
        check_text(&text).iter().map(|finding| finding.problem.clone()).collect::<String>()
    };
    for (key, near) in
        [("prioritty", true), ("priorityy", true), ("prioritx", true), ("prio", false), ("xpriorityx", false)]
    {
        assert_eq!(problem(key).contains("did you mean priority?"), near, "{key}: {}", problem(key));
    }
}

#[test]
fn letters_with_strokes_are_their_letters() {
    let strokes = "ⱥa ƀb ȼc đd ɇe ꞙf ǥg ꞡg ħh ɨi ɉj ꝁk ꞣk łl ƚl ꞥn øo ɵo ᵽp ɍr ꞧr ꞩs ŧt ⱦt ʉu ɏy ƶz";
    for pair in strokes.split(' ') {
        let mut letters = pair.chars();
        let (stroked, plain) = (letters.next().unwrap(), letters.next().unwrap());
        assert!(decided(&format!("{{ keyword='x{plain}x' }}"), &format!("x{stroked}x")), "{stroked} is {plain}");
    }
}

#[test]
fn a_star_does_not_cut_a_letter() {
    assert!(decided("{ keyword='क*' }", "की"));
    assert!(!decided("{ keyword='ড*' }", "ড়া"), "the dot makes another letter of it");
}

#[test]
fn marks_of_one_class_are_all_there() {
    let words = |text: &str| Words::of(Folding::default(), text).as_str().to_owned();
    assert_ne!(words("ก่้"), words("ก่"));
}

#[test]
fn spaces_of_any_script_are_spaces_to_patterns() {
    assert!(decided("{ regex='a b' }", "a\u{1680}b"));
}

#[test]
fn a_sample_is_a_text_unless_it_says_otherwise() {
    let fails = |sample: &str| {
        let text = format!("{}samples=[{sample}]\n", rules(&["{ type='text' }"]));
        check_text(&text).iter().any(|finding| finding.field == "rules.r0.samples")
    };
    assert!(!fails("{ text='hello' }") && fails("{ text='hello', type='image' }"));
}

#[test]
fn a_sample_may_come_from_an_advertisement_of_which_nothing_is_known() {
    let referral = |sample: &str| {
        let set = RuleSet::parse(&format!("{}samples=[{sample}]\n", rules(&["{ type='text' }"]))).unwrap();
        set.definition().rules[0].samples[0].input.referral.clone()
    };
    assert_eq!(referral("{ text='x', referred=true }"), Some(Referral::default()));
    assert_eq!(referral("{ text='x', referred=false }"), None);
    let known = Referral { source_id: Some("120".into()), ..Referral::default() };
    assert_eq!(referral("{ text='x', referral='120', referred=true }"), Some(known));
}
