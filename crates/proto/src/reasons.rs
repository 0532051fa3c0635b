//! Reasons of refusals that tell a client what to do next, where the code alone does not: they stand in the `ErrorInfo` of the
//! error (domain `waypost`). Codes of the interface: they may be added to, never changed.

/// No version of the rules is in force.
pub const NO_ACTIVATION: &str = "NO_ACTIVATION";

/// Nothing is known of this message, or of whoever is meant to have written it.
pub const MESSAGE_UNKNOWN: &str = "MESSAGE_UNKNOWN";

/// Nothing is known of this contact.
pub const CONTACT_UNKNOWN: &str = "CONTACT_UNKNOWN";

/// The contact's attribute `legal_hold` forbids to erase it.
pub const LEGAL_HOLD: &str = "LEGAL_HOLD";

/// None of the business's numbers has this name.
pub const NUMBER_UNKNOWN: &str = "NUMBER_UNKNOWN";

/// An agent's contact has no open conversation of its teams.
pub const NO_CONVERSATION: &str = "NO_CONVERSATION";

/// Another request was kept under this id.
pub const SEND_ID_TAKEN: &str = "SEND_ID_TAKEN";

/// What is given is not the name of a version of the rules.
pub const NO_VERSION_NAME: &str = "NO_VERSION_NAME";
