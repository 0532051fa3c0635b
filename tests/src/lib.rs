//! The harness of the whole-system tests: private servers, free ports, a running waypost.
