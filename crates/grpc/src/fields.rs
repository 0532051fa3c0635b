//! Reading the fields that requests share: resource names, field masks, request ids, durations, times.

use std::collections::BTreeSet;

use prost::Message;
use prost_types::{Duration, FieldMask, Timestamp as WireTime};
use ring::digest::{SHA256, digest};
use uuid::Uuid;
use waypost_domain::{TeamName, Timestamp};

use crate::Result;
use crate::error::{Violations, invalid};

const TITLE_CHARS_MAX: usize = 200;

/// The last part of `collection/{id}`.
pub fn id_of<'a>(field: &str, collection: &str, name: &'a str) -> Result<&'a str> {
    name.strip_prefix(collection)
        .and_then(|rest| rest.strip_prefix('/'))
        .filter(|id| !id.is_empty())
        .ok_or_else(|| invalid(field, format!("must be {collection}/{{id}}")))
}

/// The last part of `collection/{id}`, a UUID.
pub fn uuid_of(field: &str, collection: &str, name: &str) -> Result<Uuid> {
    let id = id_of(field, collection, name)?;
    Uuid::try_parse(id).map_err(|_| invalid(field, format!("must be {collection}/{{id}} with a UUID")))
}

/// The team of `teams/{team}`.
pub fn team_of(field: &str, name: &str) -> Result<TeamName> {
    let id = id_of(field, "teams", name)?;
    TeamName::new(id).map_err(|_| invalid(field, "must be teams/{team}; {team} is 1 to 64 of a-z, 0-9 and -"))
}

/// `teams/{team}`.
pub fn team_name(team: &TeamName) -> String {
    format!("teams/{team}")
}

/// The value of a field `request_id`; `None` where none was given.
pub fn request_id(text: &str) -> Result<Option<Uuid>> {
    if text.is_empty() {
        return Ok(None);
    }
    Uuid::try_parse(text).map(Some).map_err(|_| invalid("request_id", "must be a UUID"))
}

/// A title is short, and of one line.
pub fn check_title(violations: &mut Violations, field: &str, title: &str) {
    violations.require(title.chars().count() <= TITLE_CHARS_MAX, field, "must have at most 200 characters");
    violations.require(!title.chars().any(char::is_control), field, "must not have control characters");
}

/// The fields to change, of those that `can_change`; `*` is all of them.
pub fn masked<'a>(mask: Option<&FieldMask>, can_change: &[&'a str]) -> Result<BTreeSet<&'a str>> {
    let paths = mask.map(|mask| mask.paths.as_slice()).unwrap_or_default();
    if paths.is_empty() {
        return Err(invalid("update_mask", "must name the fields to change, or be *"));
    }
    let mut fields = BTreeSet::new();
    let mut violations = Violations::default();
    for path in paths {
        if path == "*" {
            fields.extend(can_change.iter().copied());
        } else if let Some(field) = can_change.iter().find(|field| *field == path) {
            fields.insert(*field);
        } else {
            let can = can_change.join(", ");
            violations.add("update_mask", format!("{path:?} is no field that can be changed; these are: {can}"));
        }
    }
    violations.check()?;
    Ok(fields)
}

/// An etag of what `message` says: the beginning of its hash.
pub fn content_etag(message: &impl Message) -> String {
    hex::encode(&digest(&SHA256, &message.encode_to_vec()).as_ref()[..8])
}

/// Whole seconds; 0 for none.
pub fn seconds(violations: &mut Violations, field: &str, duration: Option<&Duration>) -> u32 {
    let Some(duration) = duration else { return 0 };
    let seconds = u32::try_from(duration.seconds).ok().filter(|_| duration.nanos == 0);
    seconds.unwrap_or_else(|| {
        violations.add(field, "must be whole seconds, 0 or more");
        0
    })
}

/// A time as messages have it.
pub fn wire_time(at: Timestamp) -> WireTime {
    let millis = at.as_millis();
    let nanos = i32::try_from(millis.rem_euclid(1_000) * 1_000_000).unwrap_or_default();
    WireTime { seconds: millis.div_euclid(1_000), nanos }
}

/// A time out of a message, to the millisecond.
pub fn from_wire_time(at: &WireTime) -> Timestamp {
    Timestamp::from_millis(at.seconds.saturating_mul(1_000)).plus_millis(i64::from(at.nanos / 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_strictly() {
        assert_eq!(id_of("name", "teams", "teams/a").unwrap(), "a");
        for bad in ["", "a", "teams", "teams/", "team/a", "teamsa"] {
            let refused = id_of("name", "teams", bad).unwrap_err();
            assert!(refused.to_string().starts_with("name: "), "{refused}");
        }
        assert!(team_of("team.parent", "teams/A B").unwrap_err().to_string().starts_with("team.parent: "));
        assert!(uuid_of("name", "tokens", "tokens/1").is_err());
    }

    #[test]
    fn a_mask_names_known_fields_and_at_least_one() {
        let mask = |paths: &[&str]| FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() };
        let can = ["title", "staffed"];
        assert_eq!(masked(Some(&mask(&["title"])), &can).unwrap(), BTreeSet::from(["title"]));
        assert_eq!(masked(Some(&mask(&["*"])), &can).unwrap(), BTreeSet::from(can));
        for bad in [None, Some(mask(&[])), Some(mask(&["title", "state"])), Some(mask(&["title.x"]))] {
            let refused = masked(bad.as_ref(), &can).unwrap_err();
            assert!(refused.to_string().starts_with("update_mask: "), "{refused}");
        }
    }

    #[test]
    fn times_go_both_ways() {
        for millis in [0, 1, 999, 1_749_854_575_123, -1] {
            let at = Timestamp::from_millis(millis);
            assert_eq!(from_wire_time(&wire_time(at)), at);
        }
    }
}
