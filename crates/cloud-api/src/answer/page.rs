//! A page of a list. A list that is read to its first page only lacks most of what is there.

use std::fmt;

use super::{AnswerError, each, fields};
use crate::json::{Json, fields_of, string};

/// Some elements of a list, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// Those that could be read.
    pub items: Vec<T>,
    /// How many could not.
    pub unreadable: usize,
    /// `None` on the last page.
    pub next: Option<NextPage>,
}

/// The page behind this one.
#[derive(Clone, PartialEq, Eq)]
pub struct NextPage {
    /// Where it is: `paging.next`. It may hold the token.
    pub url: String,
    /// What the same question takes as `after`, where Meta gives it.
    pub after: Option<String>,
}

/// The address may hold the token.
impl fmt::Debug for NextPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NextPage(…)")
    }
}

impl<T> Page<T> {
    /// `read` gives `None` for an element that says too little.
    pub(super) fn read_with(body: &[u8], read: impl Fn(Json<'_>) -> Option<T>) -> Result<Self, AnswerError> {
        let [data, paging] = fields(body, &["data", "paging"])?;
        let data = data.filter(|raw| raw.get().starts_with('[')).ok_or(AnswerError::Missing("data"))?;
        let all = each(Some(data), |element| Some(read(element)));
        let unreadable = all.iter().filter(|item| item.is_none()).count();
        let [next, cursors] = fields_of(paging, &["next", "cursors"]);
        let [after] = fields_of(cursors, &["after"]);
        let next = string(next).map(|url| NextPage { url, after: string(after) });
        Ok(Self { items: all.into_iter().flatten().collect(), unreadable, next })
    }
}
