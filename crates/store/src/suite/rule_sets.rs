//! Versions of the rules and what is in force.

use super::name;
use crate::{Activation, InForce, Result, RuleSetRow, Store, StoreError, TrialRow};

async fn push(store: &Store, hash: &str, text: &str, by: &str, reason: &str) -> Result<RuleSetRow> {
    let mut change = store.begin_change().await?;
    let row = change.push_rule_set(hash, text, by, reason).await?;
    change.commit(&[]).await?;
    Ok(row)
}

async fn check(store: &Store, number: i64) -> Result<()> {
    let mut change = store.begin_change().await?;
    change.mark_rule_set_checked(number).await?;
    change.commit(&[]).await
}

async fn activate(store: &Store, in_force: &InForce, by: &str, reason: &str) -> Result<Activation> {
    put_in_force(store, in_force, by, reason, None).await
}

async fn put_in_force(
    store: &Store,
    in_force: &InForce,
    by: &str,
    reason: &str,
    rolled_back_to: Option<i64>,
) -> Result<Activation> {
    let mut change = store.begin_change().await?;
    let activation = change.activate(in_force, by, reason, rolled_back_to).await?;
    assert_eq!(change.activation().await?.as_ref(), Some(&activation));
    change.commit(&[]).await?;
    Ok(activation)
}

pub async fn versions_of_rules_are_kept(store: &Store) -> Result<()> {
    store.migrate().await?;
    assert_eq!(store.rule_sets(None, 10).await?, vec![]);
    let first = push(store, "aaa", "one", "ann", "new shop").await?;
    let second = push(store, "bbb", "two\0", "bob", "").await?;
    assert_eq!((first.number, first.text.as_str(), first.checked_at), (1, "one", None));
    assert_eq!((second.number, second.text.as_str()), (2, "two\u{fffd}"));
    assert_eq!(push(store, "aaa", "one", "eve", "again").await?, first, "the same is the same version");
    check(store, 1).await?;
    let checked = store.rule_set(1).await?.expect("it is there");
    check(store, 1).await?;
    assert!(checked.checked_at.is_some());
    assert_eq!(store.rule_set_by_hash("aaa").await?, Some(checked.clone()));
    assert_eq!(store.rule_set(3).await?, None);
    assert_eq!(store.rule_sets(None, 1).await?, vec![second.clone()]);
    assert_eq!(store.rule_sets(Some(second.number), 10).await?, vec![checked]);
    Ok(())
}

pub async fn the_text_of_rules_that_were_never_pushed_is_kept(store: &Store) -> Result<()> {
    store.migrate().await?;
    push(store, "aaa", "one", "ann", "").await?;
    for (hash, text) in [("aaa", "one"), ("bbb", "two\0"), ("bbb", "another"), ("ccc", "three")] {
        store.keep_rule_text(hash, text).await?;
    }
    assert_eq!(store.rule_text("aaa").await?, None, "it is a version");
    let kept = store.rule_text("bbb").await?.expect("it is there");
    assert_eq!((kept.hash.as_str(), kept.text.as_str()), ("bbb", "two\u{fffd}"));
    let mut hashes: Vec<String> = store.rule_texts(10).await?.into_iter().map(|kept| kept.hash).collect();
    hashes.sort();
    assert_eq!((hashes, store.rule_texts(1).await?.len()), (vec!["bbb".to_owned(), "ccc".to_owned()], 1));
    Ok(())
}

pub async fn rules_are_activated_one_change_after_the_other(store: &Store) -> Result<()> {
    store.migrate().await?;
    for (hash, text) in [("aaa", "one"), ("bbb", "two"), ("ccc", "draft")] {
        push(store, hash, text, "ann", "").await?;
    }
    for number in [1, 2] {
        check(store, number).await?;
    }
    assert_eq!(store.activation().await?, None);
    let only = |active| InForce { active, ..InForce::default() };
    let first = activate(store, &only(1), "ann", "go").await?;
    assert_eq!(store.activation().await?.as_ref(), Some(&first));
    for refused in [only(3), only(9), InForce { shadow: Some(3), ..only(1) }] {
        let error = activate(store, &refused, "bob", "").await;
        assert!(matches!(error, Err(StoreError::Invalid(_))), "{error:?}");
    }
    let trial = TrialRow { rule_set: 2, percent: 20, numbers: vec![name("support-es")] };
    let gradual = InForce { active: 1, trial: Some(trial.clone()), shadow: Some(2) };
    let too_many = InForce { trial: Some(TrialRow { percent: 101, ..trial }), ..gradual.clone() };
    assert!(matches!(activate(store, &too_many, "bob", "").await, Err(StoreError::Invalid(_))));
    let second = activate(store, &gradual, "bob", "a fifth").await?;
    assert_eq!(second.in_force.numbers().collect::<Vec<_>>(), [1, 2, 2]);
    let back = put_in_force(store, &only(1), "ann", "back", Some(1)).await?;
    assert_eq!((back.rolled_back_to, second.rolled_back_to), (Some(1), None));
    assert_eq!(store.activations(None, 10).await?, vec![back, second.clone(), first]);
    assert_eq!(store.activations(Some(3), 1).await?, vec![second]);
    Ok(())
}
