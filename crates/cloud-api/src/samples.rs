//! Webhook bodies of every kind, as Meta writes them.
