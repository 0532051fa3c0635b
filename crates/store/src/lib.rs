//! Contacts, inbox, conversations and leases in SQLite or PostgreSQL.
