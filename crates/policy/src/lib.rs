//! May this be sent now, to this contact? So far: the data that the rules look things up in.

pub mod data;

pub use data::PolicyData;
