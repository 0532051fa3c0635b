//! Lists, to their end: a list that is read to its first page only lacks most of what is there.
//!
//! The address of the next page is Meta's word, and the request to it carries our token: it is followed on our own host only,
//! and a list that never ends is no list.

use reqwest::Url;
use waypost_cloud_api::answer::{AnswerError, NextPage, Page};

use super::GraphApi;
use crate::api::Call;
use crate::fault::CallError;

/// The longest list is that of blocked customers: 64,000.
const PAGES_MAX: usize = 1_000;

/// A whole list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// Those that could be read, in order.
    pub items: Vec<T>,
    /// How many could not.
    pub unreadable: usize,
}

impl GraphApi {
    /// The list that begins at `url`.
    pub(super) async fn list<T>(
        &self,
        mut url: Url,
        read: impl Fn(&[u8]) -> Result<Page<T>, AnswerError>,
    ) -> Result<Listed<T>, CallError> {
        let mut all = Listed { items: Vec::new(), unreadable: 0 };
        for _ in 0..PAGES_MAX {
            let answer = self.api.call(&Call::get(url.clone())).await?;
            let page = read(&answer.body)?;
            all.items.extend(page.items);
            all.unreadable += page.unreadable;
            let Some(next) = page.next else { return Ok(all) };
            match self.following(&url, &next) {
                Some(next) if next != url => url = next,
                Some(_) | None => return Err(CallError::Pages),
            }
        }
        Err(CallError::Pages)
    }

    /// The same question with the place where it goes on; where only an address is given, that address, if it is ours.
    fn following(&self, url: &Url, next: &NextPage) -> Option<Url> {
        if let Some(after) = &next.after {
            return Some(with(url, "after", Some(after)));
        }
        let next = Url::parse(&next.url).ok()?;
        let is_ours = self.api.is_ours(&next) && next.username().is_empty();
        // It may hold the token, which goes into the header alone.
        is_ours.then(|| with(&next, "access_token", None))
    }
}

/// The address with this value of a parameter, or without it.
fn with(url: &Url, name: &str, value: Option<&str>) -> Url {
    let others: Vec<(String, String)> =
        url.query_pairs().filter(|(key, _)| key != name).map(|(key, value)| (key.into(), value.into())).collect();
    let mut url = url.clone();
    url.query_pairs_mut().clear().extend_pairs(others).extend_pairs(value.map(|value| (name, value)));
    url
}
