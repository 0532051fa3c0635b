//! Every invariant: a small ledger that breaks it, and one that does not.
