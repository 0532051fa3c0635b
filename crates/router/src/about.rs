//! The message that another one is about: the one it answers, changes, deletes or reacts to. Found by its wamid, also where
//! the two spell the customer in another way.

use std::collections::HashMap;

use waypost_cloud_api::wamid;
use waypost_domain::{TeamName, phone};
use waypost_proto::route::decode_route_input;
use waypost_proto::team_message::About;
use waypost_store::{EventKey, InboxRow, KnownEvent, Store, StoreError, StoredDecision, TappedSend};

use crate::inbound::Inbound;

/// How much of a message is shown with one that is about it.
const EXCERPT_CHARS_MAX: usize = 200;

/// What is stored of a message that another one is about.
#[derive(Debug, Clone)]
pub(crate) struct Original {
    /// Who got it; `None` where nobody was to.
    pub(crate) team: Option<TeamName>,
    /// An echo: the business wrote it.
    is_ours: bool,
    /// Empty where none was stored.
    input: Vec<u8>,
}

impl Original {
    pub(crate) fn of_row(row: &InboxRow) -> Self {
        Self::new(row.kind, row.outcome.as_ref())
    }

    fn new(kind: &str, outcome: Option<&StoredDecision>) -> Self {
        Self {
            team: outcome.and_then(|outcome| outcome.team.clone()),
            is_ours: kind == "echo",
            input: outcome.map(|outcome| outcome.input.clone()).unwrap_or_default(),
        }
    }
}

/// What is stored of the messages that a batch is about, by their keys.
#[derive(Debug, Default)]
pub struct Originals {
    known: HashMap<EventKey, Original>,
}

impl Originals {
    /// `keys` and what is known of each, in the same order.
    pub(crate) fn new(keys: &[EventKey], known: Vec<Option<KnownEvent>>) -> Self {
        let known = keys.iter().zip(known).filter_map(|(key, known)| {
            let known = known?;
            Some((key.clone(), Original::new(&known.kind, known.outcome.as_ref())))
        });
        Self { known: known.collect() }
    }

    /// What is stored of the message that this one is about.
    pub(crate) fn of(&self, inbound: &Inbound) -> Option<Original> {
        keys(inbound).iter().find_map(|key| self.known.get(key)).cloned()
    }
}

/// What the taps of a batch were on, of what we sent ourselves: by wamid.
#[derive(Debug, Default)]
pub struct Taps(HashMap<String, TappedSend>);

impl Taps {
    /// Asks nothing of the store where nobody tapped on anything.
    pub(crate) async fn of<'a>(store: &Store, all: impl Iterator<Item = &'a Inbound>) -> Result<Self, StoreError> {
        let tapped: Vec<&str> = all.filter_map(tapped_on).collect();
        store.tapped_sends(&tapped).await.map(Self)
    }

    /// What this one is a tap on; `None` where it is none, or others sent what it is on.
    pub(crate) fn on(&self, inbound: &Inbound) -> Option<&TappedSend> {
        self.0.get(tapped_on(inbound)?)
    }
}

fn tapped_on(inbound: &Inbound) -> Option<&str> {
    let message = inbound.content.message()?;
    message.tap.as_ref()?;
    message.quoted.as_ref().map(|quoted| quoted.id.as_str())
}

/// Under which keys the message that this one is about may be stored.
pub(crate) fn keys(inbound: &Inbound) -> Vec<EventKey> {
    let Some(message) = inbound.content.message() else { return Vec::new() };
    let Some(about) = message.about() else { return Vec::new() };
    let aliases = &message.contact;
    let users = [aliases.phone.as_deref(), message.from.as_deref(), aliases.bsuid.as_deref()];
    let mut wamids = vec![about.to_owned()];
    for wamid in users.into_iter().flatten().filter_map(|user| wamid::with_user(about, user)) {
        if !wamids.contains(&wamid) {
            wamids.push(wamid);
        }
    }
    wamids.into_iter().map(|key| EventKey { number: inbound.key.number.clone(), key }).collect()
}

/// What a tool shows of it. `original`: what is stored of it, or nothing.
pub(crate) fn about(inbound: &Inbound, original: Option<&Original>) -> Option<About> {
    let message = inbound.content.message()?;
    message.about()?;
    let from = message.quoted.as_ref().and_then(|quoted| quoted.from.as_deref());
    let told = from.map(|from| !inbound.display_number.is_empty() && phone::is_same(from, &inbound.display_number));
    let is_ours = original.map(|original| original.is_ours).or(told);
    let text = original.and_then(|original| excerpt(&original.input));
    Some(About { is_ours, text })
}

/// The beginning of what a stored input has to read.
fn excerpt(input: &[u8]) -> Option<String> {
    let input = decode_route_input(input).ok()?;
    let words: Vec<&str> = input.parts().map(|(_, text)| text).collect();
    let words = words.join(" ");
    let cut = words.char_indices().nth(EXCERPT_CHARS_MAX).map_or(words.len(), |(end, _)| end);
    let more = if cut < words.len() { "…" } else { "" };
    (!words.is_empty()).then(|| format!("{}{more}", &words[..cut]))
}
