//! Which parked messages a verb is about.

use std::time::SystemTime;

use clap::Args;

use super::Parked;
use crate::failure::Failure;
use crate::times::since;

#[derive(Debug, Clone, Args)]
pub(super) struct Chosen {
    /// Which ones; dead letters where left out, unless an --id says it
    #[arg(long, value_enum)]
    pub(super) from: Option<Parked>,
    /// Only those with this reason
    #[arg(long, default_value = "")]
    pub(super) reason: String,
    /// Only this message, by its name as `list` shows it or the last part of that; may be given several times
    #[arg(long = "id", value_name = "ID")]
    pub(super) ids: Vec<String>,
    /// Only those parked before then: a time, or how long ago, e.g. 90m, 2h or 7d
    #[arg(long, value_name = "TIME", value_parser = since)]
    pub(super) before: Option<SystemTime>,
    /// At most so many: the oldest, of a replay those that were not tried yet; not where --id names them
    #[arg(long, alias = "examine", value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(i32).range(1..))]
    pub(super) first: i32,
    /// All of them
    #[arg(long, conflicts_with = "first")]
    pub(super) all: bool,
}

impl Chosen {
    /// Where they are parked, and their ids without it.
    pub(super) fn named(&self) -> Result<(Parked, Vec<String>), Failure> {
        let mut from = self.from;
        let mut ids = Vec::new();
        for name in &self.ids {
            let (named, id) = match name.split_once('/') {
                Some(("deadLetters", id)) => (Some(Parked::DeadLetters), id),
                Some(("unrouted", id)) => (Some(Parked::Unrouted), id),
                Some(_) | None => (None, &**name),
            };
            if from.is_some() && named.is_some_and(|named| from != Some(named)) {
                return Err(Failure::config(format!(
                    "--id {name}: it is parked elsewhere than --from or another --id says; name it by itself"
                )));
            }
            from = from.or(named);
            ids.push(id.to_owned());
        }
        Ok((from.unwrap_or(Parked::DeadLetters), ids))
    }

    /// Who names messages means all of them, however many rows they have.
    pub(super) const fn is_unlimited(&self) -> bool {
        self.all || !self.ids.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_named_as_they_are_listed_or_by_their_ids() {
        let to_vec = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        let named = |from, ids: &[&str]| {
            let ids = to_vec(ids);
            Chosen { from, reason: String::new(), ids, before: None, first: 1, all: false }.named().ok()
        };
        let (dead, unrouted) = (Parked::DeadLetters, Parked::Unrouted);
        let are = |from, ids: &[&str]| Some((from, to_vec(ids)));
        assert_eq!(named(None, &[]), are(dead, &[]));
        assert_eq!(named(None, &["a", "deadLetters/b", "c/d"]), are(dead, &["a", "b", "c/d"]));
        assert_eq!(named(None, &["unrouted/a", "b"]), are(unrouted, &["a", "b"]), "the name says where");
        assert_eq!(named(Some(unrouted), &["unrouted/a", "b"]), are(unrouted, &["a", "b"]));
        assert_eq!(named(Some(dead), &["unrouted/a"]), None);
        assert_eq!(named(None, &["deadLetters/a", "unrouted/a"]), None);
    }
}
