//! What policy decides, as data: a scene in which everything may go, one change to it, and the verdict that this must give.

#![allow(clippy::unwrap_used, reason = "a test")]

mod codes;
mod consent;
mod content;
mod countries;
mod health;
mod hours;
mod limits;
mod outbound;
mod people;
mod properties;
mod records;
mod scene;
mod templates;
mod warnings;
mod windows;
