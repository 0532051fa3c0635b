//! One file per command.

pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod migrate;
pub(crate) mod run;
pub(crate) mod sandbox;
pub(crate) mod status;
pub(crate) mod tail;
pub(crate) mod token;
pub(crate) mod topology;
pub(crate) mod webhook;
