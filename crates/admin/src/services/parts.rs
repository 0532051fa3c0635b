//! The parts of a version that have names of their own, its rules and its calendars: one is read, or a new version made
//! that has one more, one less, or another in its place. Never changes a version.

use prost::{Message, Name};
use waypost_grpc::error::{already_exists, check_etag, not_found};
use waypost_grpc::{Result, blocking};
use waypost_proto::admin_v1 as v1;
use waypost_rules::model::Document;
use waypost_store::RuleSetRow;

use super::versions::{self, Draft, VersionChange, part_name, part_of, read_document, version};
use crate::Shared;

/// A rule or a calendar.
pub(super) trait Part: Clone + Send + 'static {
    /// The message that describes one.
    type Wire: Name + 'static;
    const COLLECTION: &'static str;
    /// Where a request has one.
    const FIELD: &'static str;

    /// All of a version.
    fn all(document: &Document) -> &[Self];
    fn all_mut(document: &mut Document) -> &mut Vec<Self>;

    fn id(&self) -> &str;
    fn etag(&self) -> String;
    /// As messages have it, with this name and its etag.
    fn wire(&self, name: String) -> Self::Wire;

    /// Whether `left`, from which it was taken, can do without it. `name` is for the refusal.
    fn check_unused(&self, _left: &Document, _name: &str) -> Result<()> {
        Ok(())
    }
}

/// The part that a request means: `field` of the request has its name.
pub(super) struct PartRef {
    pub(super) field: &'static str,
    pub(super) name: String,
    pub(super) etag: String,
}

/// A version in which one part was changed, not kept yet.
pub(super) struct Changed<P: Part> {
    draft: Draft,
    /// The part's name in the version that was begun with, whether it is there yet or not.
    name: String,
    before: Option<P::Wire>,
    after: Option<P>,
}

pub(super) async fn get<P: Part>(shared: &Shared, name: String) -> Result<P::Wire> {
    let row = version_of::<P>(shared, "name", &name).await?;
    let part = blocking(move || {
        let (document, place) = find::<P>(&row, &name)?;
        Ok(P::all(&document)[place].wire(name))
    });
    part.await
}

/// A version like `parent`, with `part` besides.
pub(super) async fn create<P: Part>(shared: &Shared, parent: &str, part: P) -> Result<Changed<P>> {
    let row = version(shared, "parent", parent).await?;
    let name = part_name(parent, P::COLLECTION, part.id());
    let changed = blocking(move || {
        let mut document = read_document(&row)?;
        if P::all(&document).iter().any(|other| other.id() == part.id()) {
            return Err(already_exists(&name));
        }
        P::all_mut(&mut document).push(part.clone());
        let draft = Draft::of_document(&document, P::FIELD)?;
        Ok(Changed { draft, name, before: None, after: Some(part) })
    });
    changed.await
}

/// A version in which `change` was done to a part. `field` is what a change that cannot be kept is reported for.
pub(super) async fn change<P: Part, T: Send + 'static>(
    shared: &Shared,
    part: PartRef,
    field: &'static str,
    change: impl FnOnce(&mut P) -> Result<T> + Send + 'static,
) -> Result<(Changed<P>, T)> {
    let PartRef { field: name_field, name, etag } = part;
    let row = version_of::<P>(shared, name_field, &name).await?;
    let changed = blocking(move || {
        let (mut document, place) = find::<P>(&row, &name)?;
        let part = &mut P::all_mut(&mut document)[place];
        check_etag(&name, &etag, &part.etag())?;
        let before = part.wire(name.clone());
        let outcome = change(part)?;
        let after = part.clone();
        let draft = Draft::of_document(&document, field)?;
        Ok((Changed { draft, name, before: Some(before), after: Some(after) }, outcome))
    });
    changed.await
}

/// A version without the part.
pub(super) async fn remove<P: Part>(shared: &Shared, part: PartRef) -> Result<Changed<P>> {
    let PartRef { field, name, etag } = part;
    let row = version_of::<P>(shared, field, &name).await?;
    let changed = blocking(move || {
        let (mut document, place) = find::<P>(&row, &name)?;
        let part = P::all_mut(&mut document).remove(place);
        check_etag(&name, &etag, &part.etag())?;
        part.check_unused(&document, &name)?;
        let before = part.wire(name.clone());
        let draft = Draft::of_document(&document, field)?;
        Ok(Changed { draft, name, before: Some(before), after: None })
    });
    changed.await
}

/// Keeps the version as the request wants it, with a record of what became of the part. `answer` is made of the part as
/// the new version has it, of that version and of the findings.
pub(super) async fn keep<P: Part, A: Message + Default>(
    shared: &Shared,
    request: VersionChange,
    changed: Changed<P>,
    answer: impl FnOnce(Option<P::Wire>, Option<v1::RuleSet>, Vec<v1::Finding>) -> A + Send + 'static,
) -> Result<A> {
    let Changed { draft, name, before, after } = changed;
    let keep = versions::keep(shared, request, draft, move |kept, tx| {
        let new_name = |part: &P| part_name(&kept.rule_set.name, P::COLLECTION, part.id());
        let name = after.as_ref().map_or(name, new_name);
        let after = after.map(|part| part.wire(name.clone()));
        tx.record(&name, before.as_ref(), after.as_ref());
        let (rule_set, findings) = kept.without_text();
        answer(after, rule_set, findings)
    });
    keep.await
}

/// The version whose part `name` is.
async fn version_of<P: Part>(shared: &Shared, field: &str, name: &str) -> Result<RuleSetRow> {
    let (parent, _) = part_of(field, P::COLLECTION, name)?;
    version(shared, field, parent).await
}

/// What the version says, and where in it the part is.
fn find<P: Part>(row: &RuleSetRow, name: &str) -> Result<(Document, usize)> {
    let document = read_document(row)?;
    let (_, id) = part_of("name", P::COLLECTION, name)?;
    let place = P::all(&document).iter().position(|part| part.id() == id);
    let place = place.ok_or_else(|| not_found(name))?;
    Ok((document, place))
}
