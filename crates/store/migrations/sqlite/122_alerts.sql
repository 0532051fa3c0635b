-- What a person must know until somebody says that they do. scope, name: as of send_bar. since: the first time since it was
-- acknowledged last. told_at: the last.
CREATE TABLE alert (
    since BIGINT NOT NULL,
    told_at BIGINT NOT NULL,
    acknowledged_at BIGINT,
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    why TEXT NOT NULL,
    acknowledged_by TEXT,
    PRIMARY KEY (scope, name, kind)
);

-- The newest that Meta told about something, so that what is older, and comes later, changes nothing. told_at: by Meta's clock;
-- of two in one second the one that was received later counts. topic: what of it. word: what was told.
CREATE TABLE news (
    told_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    topic TEXT NOT NULL,
    word TEXT NOT NULL,
    PRIMARY KEY (scope, name, topic)
);

-- When the templates of an account were listed. wanted_at: since when what is known may be old. tried_at: when the list was asked
-- for last, with whatever outcome.
CREATE TABLE template_list (
    wanted_at BIGINT,
    tried_at BIGINT,
    listed_at BIGINT,
    waba_id TEXT PRIMARY KEY
);

-- origin: whether it follows from an answer to one of our requests or from news of Meta's. Neither lifts the other's.
CREATE TABLE send_bar_of_origin (
    since BIGINT NOT NULL,
    until BIGINT,
    until_token BIGINT NOT NULL DEFAULT 0,
    step BIGINT NOT NULL DEFAULT 0,
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    what TEXT NOT NULL,
    why TEXT NOT NULL,
    origin TEXT NOT NULL DEFAULT 'answer',
    PRIMARY KEY (scope, name, what, origin)
);
INSERT INTO send_bar_of_origin (since, until, until_token, step, scope, name, what, why)
SELECT since, until, until_token, step, scope, name, what, why FROM send_bar;
DROP TABLE send_bar;
ALTER TABLE send_bar_of_origin RENAME TO send_bar;
