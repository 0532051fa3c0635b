//! Changes that are not messages or statuses: whom they concern, identities that changed, control that changed hands.
//!
//! Whether a change concerns a contact is read from what it holds, not from a list of field names: Meta adds fields.

use waypost_domain::AliasSet;
use waypost_domain::message::Rotation;

use super::person::Ids;
use super::{ContactChange, Content, DecodeError, Handover};
use crate::json::{self, Json, fields_of, first, for_each, object, text};

/// More people than this in one `user_id_update` have never been seen; the others stay in the change's JSON.
const ROTATIONS_MAX: usize = 1000;

object! {
    Change {
        metadata: "metadata",
        contacts: "contacts",
        wa_id: "wa_id",
        user_id: "user_id",
        parent_user_id: "parent_user_id",
        user_id_update: "user_id_update",
        messaging_handovers: "messaging_handovers",
    }
}

/// What a change says about a person; `aliases` is empty when it names nobody.
pub fn decode_contact_change(field: &str, value_json: &str) -> Result<ContactChange, DecodeError> {
    let (change, _) = Change::read(value_json).ok_or(DecodeError::NotAnObject)?;
    let rotations = rotations(change.user_id_update);
    let is_handover = field == "messaging_handovers" || change.messaging_handovers.is_some();
    let handover = is_handover.then(|| handover(value_json, first(change.messaging_handovers)));
    let aliases = match rotations.first() {
        Some(rotation) => rotation.previous.clone(),
        None => first_person(field, value_json, &change),
    };
    Ok(ContactChange { aliases, rotations, handover })
}

/// What kind of event a change is. The coexistence backfill names many people and must never start anything for one
/// of them.
pub(super) fn content(field: &str, value_json: &str) -> Result<Content, DecodeError> {
    let change = decode_contact_change(field, value_json)?;
    let is_backfill = matches!(field, "history" | "smb_app_state_sync");
    let is_personal = !change.aliases.is_empty() || change.handover.is_some();
    Ok(if is_personal && !is_backfill { Content::ContactChange(change) } else { Content::AccountChange })
}

/// The first person named: in `contacts[]`, in the value itself, or in the list called like the field. What several
/// of these say is put together unless they contradict each other.
fn first_person(field: &str, value_json: &str, change: &Change<'_>) -> AliasSet {
    let own_number = OwnNumber::read(change.metadata);
    let [listed] = json::fields(value_json, &[field]).map_or([None], |fields| fields.values);
    let mut person = AliasSet::default();
    add(&mut person, ids_of(first(change.contacts)));
    add(&mut person, Ids::read(change.wa_id, change.user_id, change.parent_user_id).aliases());
    if field != "contacts" {
        for candidate in candidates(first(listed), &own_number) {
            add(&mut person, candidate);
        }
    }
    if field == "messaging_handovers" && person.is_empty() {
        for key in PARTIES {
            let [party] = json::fields(value_json, &[key]).map_or([None], |fields| fields.values);
            add(&mut person, own_number.unless_ours(party_of(party)));
        }
    }
    person
}

/// Where calls and handovers name the two sides. Our own side is recognised by its number.
const PARTIES: [&str; 5] = ["user", "sender", "recipient", "from", "to"];

/// Everybody whom one element names, the clearest first.
fn candidates(element: Json<'_>, own_number: &OwnNumber) -> Vec<AliasSet> {
    let parties = fields_of(element, &PARTIES);
    let mut all = vec![ids_of(element)];
    all.extend(parties.into_iter().map(|party| own_number.unless_ours(party_of(party))));
    all
}

fn ids_of(json: Json<'_>) -> AliasSet {
    let [wa_id, user_id, parent_user_id] = fields_of(json, &["wa_id", "user_id", "parent_user_id"]);
    Ids::read(wa_id, user_id, parent_user_id).aliases()
}

/// A party is a number, or an object with one.
fn party_of(party: Json<'_>) -> AliasSet {
    let aliases = ids_of(party);
    if !aliases.is_empty() {
        return aliases;
    }
    let [id] = fields_of(party, &["id"]);
    Ids::read(id.or(party), None, None).aliases()
}

fn add(person: &mut AliasSet, more: AliasSet) {
    let contradicts = |a: &Option<String>, b: &Option<String>| a.is_some() && b.is_some() && a != b;
    let number = |aliases: &AliasSet| aliases.clone().canonical().phone;
    if contradicts(&number(person), &number(&more))
        || contradicts(&person.bsuid, &more.bsuid)
        || contradicts(&person.parent_bsuid, &more.parent_bsuid)
    {
        return;
    }
    person.phone = person.phone.take().or(more.phone);
    person.bsuid = person.bsuid.take().or(more.bsuid);
    person.parent_bsuid = person.parent_bsuid.take().or(more.parent_bsuid);
}

/// The business's number, which stands on one side of every call.
struct OwnNumber {
    names: [Option<String>; 2],
}

impl OwnNumber {
    fn read(metadata: Json<'_>) -> Self {
        let names = fields_of(metadata, &["display_phone_number", "phone_number_id"]);
        Self { names: names.map(|name| Ids::read(name, None, None).aliases().canonical().phone) }
    }

    fn unless_ours(&self, aliases: AliasSet) -> AliasSet {
        let is_ours = aliases.phone.is_some() && self.names.contains(&aliases.clone().canonical().phone);
        if is_ours { AliasSet::default() } else { aliases }
    }
}

fn rotations(updates: Json<'_>) -> Vec<Rotation> {
    let mut rotations = Vec::new();
    let mut read = |update| {
        if rotations.len() < ROTATIONS_MAX {
            rotations.extend(rotation(update));
        }
    };
    match updates {
        Some(list) if list.get().starts_with('[') => {
            for_each(list, read);
        }
        Some(single) => read(single),
        None => {}
    }
    rotations
}

/// `{wa_id?, user_id{previous,current}, parent_user_id{previous,current}?}`
fn rotation(update: &serde_json::value::RawValue) -> Option<Rotation> {
    let [wa_id, user_id, parent_user_id] = fields_of(Some(update), &["wa_id", "user_id", "parent_user_id"]);
    let [previous, current] = fields_of(user_id, &["previous", "current"]);
    let [parent_previous, parent_current] = fields_of(parent_user_id, &["previous", "current"]);
    let previous = Ids::read(wa_id, previous, parent_previous).aliases();
    let current = Ids::read(wa_id, current, parent_current).aliases();
    let names_new = current.bsuid.is_some() || current.parent_bsuid.is_some();
    (!previous.is_empty() && names_new && previous != current).then_some(Rotation { previous, current })
}

/// Reads a change of thread control.
///
/// Meta's page names the actions pass, take and release but gives no complete example, so both the Messenger
/// platform's words (`pass_thread_control`) and the shorter ones (`control_passed`) are read, as a key of the value,
/// as a key of the first element of `messaging_handovers`, or as the text of `event`, `action` or `type`. Assumed, as
/// we do not know our own app's id: Meta tells us of a pass because it was made *to* us (gained), of a take because
/// it was made *from* us (lost), and after a release nobody else holds the thread (gained). An explicit new owner says
/// otherwise: the role `ai_agent` is never ours, and a release that names a new owner's app is a pass to that app.
fn handover(value_json: &str, listed: Json<'_>) -> Handover {
    let listed = listed.map(|raw| raw.get());
    for json in listed.into_iter().chain([value_json]) {
        if let Some(handover) = handover_in(json) {
            return handover;
        }
    }
    Handover::Unknown
}

object! {
    ControlChange {
        control_passed: "control_passed",
        pass_thread_control: "pass_thread_control",
        control_taken: "control_taken",
        take_thread_control: "take_thread_control",
        control_released: "control_released",
        release_thread_control: "release_thread_control",
        event: "event",
        action: "action",
        kind: "type",
    }
}

enum Control {
    Passed,
    Taken,
    Released,
}

fn handover_in(json: &str) -> Option<Handover> {
    let (change, _) = ControlChange::read(json)?;
    let keyed = [
        (change.control_passed.or(change.pass_thread_control), Control::Passed),
        (change.control_taken.or(change.take_thread_control), Control::Taken),
        (change.control_released.or(change.release_thread_control), Control::Released),
    ];
    let named = [change.event, change.action, change.kind];
    let (details, control) = keyed
        .into_iter()
        .find_map(|(details, control)| Some((details?.get(), control)))
        .or_else(|| named.into_iter().find_map(|word| Some((json, control_named(&text(word)?)?))))?;
    let owner = NewOwner::read(details);
    Some(match (control, owner) {
        (Control::Taken, _) | (_, NewOwner::Agent) | (Control::Released, NewOwner::App) => Handover::Lost,
        (Control::Passed, NewOwner::App | NewOwner::Unnamed) | (Control::Released, NewOwner::Unnamed) => {
            Handover::Gained
        }
    })
}

fn control_named(word: &str) -> Option<Control> {
    match word {
        "pass" | "control_passed" | "pass_thread_control" => Some(Control::Passed),
        "take" | "control_taken" | "take_thread_control" => Some(Control::Taken),
        "release" | "control_released" | "release_thread_control" => Some(Control::Released),
        _ => None,
    }
}

enum NewOwner {
    Unnamed,
    /// Some app; perhaps ours.
    App,
    /// Meta's own agent.
    Agent,
}

impl NewOwner {
    fn read(details: &str) -> Self {
        let keys = &["new_owner_app_id", "new_owner", "new_owner_role", "target_role"];
        let [app_id, owner, role, target_role] = json::fields(details, keys).map_or([None; 4], |fields| fields.values);
        let [nested_id, nested_role] = fields_of(owner, &["app_id", "role"]);
        if [role, target_role, nested_role, owner].into_iter().any(|role| text(role).as_deref() == Some("ai_agent")) {
            Self::Agent
        } else if [app_id, nested_id, owner].into_iter().any(|id| text(id).is_some()) {
            Self::App
        } else {
            Self::Unnamed
        }
    }
}
