//! Warnings about lists of words, once for each list and not for every rule that names it.

use super::{codes, values, words};
use crate::finding::{Finding, of_set};
use crate::model::{Document, Rule};
use crate::word_lists::WordList;

pub(super) fn warnings(document: &Document) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, list) in document.words.iter() {
        for (language, of_language) in &list.0 {
            let field = WordList::field(name, language);
            let code = (!language.is_empty()).then(|| codes::language(language)).flatten();
            let of_words = of_language.iter().flat_map(|word| [values::star_in_word(word), words::problem(word)]);
            let problems = code.into_iter().chain(of_words.flatten());
            findings.extend(problems.map(|problem| of_set(&field, problem)));
        }
    }
    let unused = document.words.unused(document.definition.rules.iter().flat_map(Rule::keywords));
    findings.extend(unused.map(|name| {
        let problem = format!("no rule names this list: take it away, or name it, keyword = {{ words = \"{name}\" }}");
        of_set(&format!("words.{name}"), problem)
    }));
    findings
}
