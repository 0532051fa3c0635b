-- The twin of ../postgres/117_rule_text.sql, which has the reasons.
CREATE TABLE rule_text (
    hash TEXT PRIMARY KEY,
    first_at INTEGER NOT NULL,
    text TEXT NOT NULL
) STRICT;
