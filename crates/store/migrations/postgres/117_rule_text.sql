-- What rules say that decided and were never pushed, such as those of a rules file: decisions name them by their hash. Never
-- changed and never deleted.
CREATE TABLE rule_text (
    hash TEXT COLLATE "C" PRIMARY KEY,
    first_at BIGINT NOT NULL,
    text TEXT NOT NULL
);
