//! The text form of a rule set: TOML. `read` and `write` are each other's inverse.

mod calendars;
mod read;
mod slips;
mod tree;
mod when;
mod words;
mod write;

pub use read::{read, read_calendars, read_rules};
pub use tree::locate;
pub(crate) use when::field_path;
pub use write::{canonical, write, write_calendar, write_rule};
pub(crate) use write::{instant, write_default, write_handover, write_team, write_word_list};

#[cfg(test)]
mod tests;
