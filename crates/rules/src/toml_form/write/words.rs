//! Writing the words of a condition: those of a list by its name, where they are all there, and in which forms they are
//! looked for: once for all of them where that can be said, else beside each word.

use super::{array, quote, table};
use crate::atom::Keyword;
use crate::forms::{FormLanguage, Forms};
use crate::word_lists::WordLists;

/// `forms` of a condition; `None` where it says nothing of them.
pub(super) fn forms_of_all(words: &[Keyword], lists: &WordLists) -> Option<Forms> {
    // Nothing at all first, then the customer's, then what a word has.
    let asked = words.iter().filter_map(Keyword::forms).map(Some);
    [None, Some(Forms::OF_CUSTOMER)].into_iter().chain(asked).find(|forms| are_all(words, lists, *forms)).flatten()
}

/// Whether these words are what is read where a condition asks for these forms, and no word for others.
fn are_all(mut words: &[Keyword], lists: &WordLists, forms: Option<Forms>) -> bool {
    while let Some(first) = words.first() {
        let count = match lists.leading(words, forms) {
            Some((_, count)) => count,
            None if first.forms() == forms || first.is_prefix() => 1,
            None => return false,
        };
        words = words.get(count..).unwrap_or_default();
    }
    true
}

/// `true`, `"es"` or `["en", "es"]`.
pub(super) fn forms_text(forms: Forms) -> String {
    if forms.follow_the_customer() {
        return "true".to_owned();
    }
    let languages: Vec<String> = forms.languages().map(FormLanguage::as_str).map(quote).collect();
    match languages.as_slice() {
        [one] => one.clone(),
        _ => array(languages.into_iter()),
    }
}

pub(super) fn keywords(words: &[Keyword], lists: &WordLists) -> String {
    let of_all = forms_of_all(words, lists);
    if let Some((name, _)) = lists.leading(words, of_all).filter(|(_, count)| *count == words.len()) {
        return table([("words", quote(name))]);
    }
    let mut rest = words;
    let mut items = Vec::new();
    while let Some(first) = rest.first() {
        let (item, count) = item(first, rest, lists, of_all);
        items.push(item);
        rest = rest.get(count..).unwrap_or_default();
    }
    array(items.into_iter())
}

/// The next word or list, and how many words that is.
fn item(first: &Keyword, rest: &[Keyword], lists: &WordLists, of_all: Option<Forms>) -> (String, usize) {
    if let Some((name, count)) = lists.leading(rest, of_all) {
        return (table([("words", quote(name))]), count);
    }
    if first.forms() == of_all || first.is_prefix() {
        return (keyword(first), 1);
    }
    let others = [Forms::OF_CUSTOMER].into_iter().chain(first.forms());
    let mut named = others.filter_map(|forms| Some((lists.leading(rest, Some(forms))?, forms)));
    if let Some(((name, count), forms)) = named.next() {
        return (table([("words", quote(name)), ("forms", forms_text(forms))]), count);
    }
    let forms = first.forms().map_or("false".to_owned(), forms_text);
    let word = if first.text().ends_with('*') { "exact" } else { "word" };
    (table([(word, quote(first.text())), ("forms", forms)]), 1)
}

pub(super) fn keyword(keyword: &Keyword) -> String {
    matching(keyword.text(), keyword.is_prefix())
}

pub(super) fn matching(text: &str, prefix: bool) -> String {
    match prefix {
        true => quote(&format!("{text}*")),
        false if text.ends_with('*') => format!("{{ exact = {} }}", quote(text)),
        false => quote(text),
    }
}
