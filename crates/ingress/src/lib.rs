//! The webhook's front door: verify, split, publish, confirm, answer.
