//! Routing rules: parse, check, decide and explain.
