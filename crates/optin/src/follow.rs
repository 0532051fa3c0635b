//! What follows from something that was said, for one contact and brand: entries of the ledger, a confirmation, a person who has
//! to look. Pure: the ledger as it stands is passed in.

use waypost_domain::consent::{ConsentEntry, Evidence, Folded, Folding, How, Said as Word, fold};
use waypost_domain::{Category, ConsentEntryId, ContactId, EffectiveConsent, Timestamp};
use waypost_store::Ledger;

use crate::OPTIN;
use crate::event::{Preference, Said, What};

/// Of which there can be consent.
const CATEGORIES: [Category; 3] = [Category::Marketing, Category::Utility, Category::Authentication];

/// What is asked for, now that it is known what was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    Stop(Option<Category>),
    Start,
    Suspected,
    Preference(Preference),
}

/// Who said it, to whom, where, and when that is written down.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub contact: ContactId,
    pub brand: &'a str,
    pub said: &'a Said,
    pub now: Timestamp,
}

const SECOND_MS: i64 = 1000;

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Follows {
    pub entries: Vec<ConsentEntry>,
    /// The stop that the customer has to be told of.
    pub confirm: Option<ConsentEntryId>,
    pub a_person_must_look: bool,
}

/// Nothing follows twice: neither from the same message told once more, nor from a second stop.
pub fn follow(ledger: &Ledger, context: &Context<'_>, asked: Asked) -> Follows {
    let before = folded(&ledger.entries, ledger.merged_at, context);
    let is_known = |entry: &ConsentEntry| ledger.entries.iter().any(|known| known.id == entry.id);
    let follows = match asked {
        Asked::Stop(category) => stopped(context, category, &before),
        Asked::Suspected => suspected(context, &before),
        Asked::Start => Follows { entries: restored(ledger, context, &CATEGORIES, true), ..Follows::default() },
        Asked::Preference(Preference::Stop) => {
            let entry = context.entry(Some(Category::Marketing), Word::Withdrawn);
            Follows { entries: vec![entry], ..Follows::default() }
        }
        Asked::Preference(Preference::Resume) => resumed(ledger, context, &before),
    };
    if follows.entries.iter().any(is_known) { Follows::default() } else { follows }
}

fn folded(entries: &[ConsentEntry], merged_at: Option<Timestamp>, context: &Context<'_>) -> Folded {
    let folding = Folding { now: context.now, merged_at, reconfirm_ms: None, confirmed_at: None };
    fold(entries, context.brand, &folding)
}

/// A bare stop covers the whole brand, whatever was granted; only a labelled button or phrase narrows it.
fn stopped(context: &Context<'_>, category: Option<Category>, before: &Folded) -> Follows {
    let entry = context.entry(category, Word::Withdrawn);
    let is_news = category.is_none() && before.consents.stop.is_none();
    Follows { confirm: is_news.then_some(entry.id), entries: vec![entry], a_person_must_look: false }
}

fn suspected(context: &Context<'_>, before: &Folded) -> Follows {
    if before.consents.stop.is_some() || before.has_suspected_stop {
        return Follows::default();
    }
    let entries = vec![context.entry(None, Word::Suspected)];
    Follows { entries, confirm: None, a_person_must_look: true }
}

/// Meta's `resume` undoes Meta's own block, and not what was said to us.
fn resumed(ledger: &Ledger, context: &Context<'_>, before: &Folded) -> Follows {
    let withdrawals = withdrawals(ledger, context);
    let last = withdrawals.iter().rev().find(|entry| is_about(entry, Category::Marketing));
    let is_metas = last.is_some_and(|entry| matches!(entry.how, How::Preference | How::Error131050));
    if before.consents.stop.is_some() || !is_metas {
        return Follows::default();
    }
    Follows { entries: restored(ledger, context, &[Category::Marketing], false), ..Follows::default() }
}

fn is_about(entry: &ConsentEntry, category: Category) -> bool {
    entry.category.is_none_or(|about| about == category)
}

/// What was withdrawn to this brand, in the order of the customer's time.
fn withdrawals<'a>(ledger: &'a Ledger, context: &Context<'_>) -> Vec<&'a ConsentEntry> {
    let is_one = |entry: &&ConsentEntry| entry.brand == context.brand && entry.said == Word::Withdrawn;
    let mut withdrawals: Vec<&ConsentEntry> = ledger.entries.iter().filter(is_one).collect();
    withdrawals.sort_by_key(|entry| (when(entry), entry.id));
    withdrawals
}

fn when(entry: &ConsentEntry) -> Timestamp {
    entry.at.unwrap_or(entry.recorded_at)
}

/// What was granted before it was withdrawn is granted again, with what proved it. Where nothing was or is, an opt-in begins, if
/// `begins`; where nothing is withdrawn, there is nothing to restore.
///
/// Given stop, stop, start: then what held before the first of the two, since nothing was granted in between.
fn restored(ledger: &Ledger, context: &Context<'_>, categories: &[Category], begins: bool) -> Vec<ConsentEntry> {
    let now = folded(&ledger.entries, ledger.merged_at, context).consents;
    let is_withdrawn = |category: &Category| now.of(*category) == Some(EffectiveConsent::Withdrawn);
    let withdrawn: Vec<Category> = categories.iter().copied().filter(is_withdrawn).collect();
    let mut restored = Vec::new();
    for category in &withdrawn {
        let about = withdrawals(ledger, context).into_iter().rev().filter(|entry| is_about(entry, *category));
        for withdrawal in about {
            let before: Vec<ConsentEntry> =
                ledger.entries.iter().filter(|e| is_before(e, withdrawal)).cloned().collect();
            let then = folded(&before, ledger.merged_at.filter(|at| *at < when(withdrawal)), context).consents;
            let Some(EffectiveConsent::Granted(grant)) = then.of(*category) else { continue };
            let proof = before.iter().find(|entry| Some(entry.id) == grant.entry);
            let evidence = proof.map(|entry| entry.evidence.clone()).unwrap_or_default();
            let entry = context.entry(Some(*category), Word::Granted(grant.basis));
            restored.push(ConsentEntry { evidence, ..entry });
            break;
        }
    }
    let has_any = categories.iter().any(|category| matches!(now.of(*category), Some(EffectiveConsent::Granted(_))));
    if restored.is_empty() && begins && !withdrawn.is_empty() && !has_any {
        restored.push(context.entry(Some(Category::Marketing), Word::Pending));
    }
    restored
}

/// What is not dated was said before everything else, as far as anybody knows.
fn is_before(entry: &ConsentEntry, withdrawal: &ConsentEntry) -> bool {
    match entry.said {
        Word::Withdrawn => (when(entry), entry.id) < (when(withdrawal), withdrawal.id),
        _ => entry.at.is_none_or(|at| at < when(withdrawal)),
    }
}

impl Context<'_> {
    /// Known by what it follows from, so that the same message told twice writes it once.
    fn entry(&self, category: Option<Category>, word: Word) -> ConsentEntry {
        let Self { contact, brand, said, now } = self;
        let about = category.map_or("all", Category::as_str);
        let cause = format!("{}/{}/{contact}/{brand}/{about}/{}", said.number, said.key, word.as_str());
        let how = match &said.what {
            What::Words { tap: Some(_), .. } => How::Button,
            What::Words { tap: None, .. } => How::Keyword,
            What::Preference(_) => How::Preference,
        };
        ConsentEntry {
            id: ConsentEntryId::of_cause(&cause),
            contact: *contact,
            brand: (*brand).to_owned(),
            category,
            said: word,
            at: Some(said_at(word, said.at)),
            recorded_at: *now,
            how,
            source: Some(said.key.clone()),
            recorded_by: OPTIN.to_owned(),
            evidence: Evidence::default(),
        }
    }
}

/// Meta's times are cut to the second: a stop may have been said at its end, and nothing that was agreed to within it outranks it.
fn said_at(word: Word, at: Timestamp) -> Timestamp {
    match word {
        Word::Withdrawn | Word::Suspected => at.plus_millis(SECOND_MS - 1 - at.as_millis().rem_euclid(SECOND_MS)),
        Word::Granted(_) | Word::Pending | Word::NoStop => at,
    }
}

#[cfg(test)]
mod tests;
