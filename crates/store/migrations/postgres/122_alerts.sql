-- What a person must know until somebody says that they do. scope, name: as of send_bar. since: the first time since it was
-- acknowledged last. told_at: the last.
CREATE TABLE alert (
    since BIGINT NOT NULL,
    told_at BIGINT NOT NULL,
    acknowledged_at BIGINT,
    scope TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    why TEXT NOT NULL,
    acknowledged_by TEXT,
    PRIMARY KEY (scope, name, kind)
);

-- The newest that Meta told about something, so that what is older, and comes later, changes nothing. told_at: by Meta's clock;
-- of two in one second the one that was received later counts. topic: what of it. word: what was told.
CREATE TABLE news (
    told_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    scope TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    topic TEXT COLLATE "C" NOT NULL,
    word TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (scope, name, topic)
);

-- When the templates of an account were listed. wanted_at: since when what is known may be old. tried_at: when the list was asked
-- for last, with whatever outcome.
CREATE TABLE template_list (
    wanted_at BIGINT,
    tried_at BIGINT,
    listed_at BIGINT,
    waba_id TEXT COLLATE "C" PRIMARY KEY
);

-- origin: whether it follows from an answer to one of our requests or from news of Meta's. Neither lifts the other's.
ALTER TABLE send_bar ADD COLUMN origin TEXT COLLATE "C" NOT NULL DEFAULT 'answer';
ALTER TABLE send_bar DROP CONSTRAINT send_bar_pkey;
ALTER TABLE send_bar ADD PRIMARY KEY (scope, name, what, origin);
