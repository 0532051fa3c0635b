-- Versions of the rules, never changed and never deleted, because decisions name them.
CREATE TABLE rule_set (
    number INTEGER PRIMARY KEY,
    created_at INTEGER NOT NULL,
    checked_at INTEGER,
    hash TEXT NOT NULL UNIQUE,
    text TEXT NOT NULL,
    created_by TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;

-- What is in force since when, by whom and why. The last row counts; going back is another row.
CREATE TABLE rule_activation (
    revision INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    active INTEGER NOT NULL,
    trial INTEGER,
    trial_percent INTEGER NOT NULL DEFAULT 0,
    shadow INTEGER,
    trial_numbers TEXT NOT NULL DEFAULT '[]',
    made_by TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;
