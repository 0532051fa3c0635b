-- Versions of the rules, never changed and never deleted, because decisions name them.
CREATE TABLE rule_set (
    number BIGINT PRIMARY KEY,
    created_at BIGINT NOT NULL,
    checked_at BIGINT,
    hash TEXT COLLATE "C" NOT NULL UNIQUE,
    text TEXT NOT NULL,
    created_by TEXT NOT NULL,
    reason TEXT NOT NULL
);

-- What is in force since when, by whom and why. The last row counts; going back is another row.
CREATE TABLE rule_activation (
    revision BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    active BIGINT NOT NULL,
    trial BIGINT,
    trial_percent BIGINT NOT NULL DEFAULT 0,
    shadow BIGINT,
    trial_numbers TEXT NOT NULL DEFAULT '[]',
    made_by TEXT NOT NULL,
    reason TEXT NOT NULL
);
