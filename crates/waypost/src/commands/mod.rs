//! One file per command.

pub(crate) mod audit;
pub(crate) mod calendars;
pub(crate) mod config;
pub(crate) mod contacts;
pub(crate) mod dead_letters;
pub(crate) mod decisions;
pub(crate) mod demo;
pub(crate) mod inspect;
pub(crate) mod migrate;
pub(crate) mod numbers;
mod remote;
pub(crate) mod rule;
pub(crate) mod rules;
pub(crate) mod run;
pub(crate) mod status;
pub(crate) mod tail;
pub(crate) mod teams;
pub(crate) mod token;
pub(crate) mod topology;
mod versions;
pub(crate) mod webhook;
