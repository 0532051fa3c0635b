-- The twin of ../postgres/120_sends.sql, which has the reasons.
CREATE TABLE send (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    since BIGINT NOT NULL,
    rank BIGINT NOT NULL,
    attempt BIGINT NOT NULL DEFAULT 0,
    epoch BIGINT NOT NULL DEFAULT 0,
    line BIGINT NOT NULL,
    urgent BIGINT NOT NULL,
    waits BIGINT NOT NULL DEFAULT 0,
    retries BIGINT NOT NULL DEFAULT 0,
    automatic BIGINT NOT NULL,
    maybe_duplicate BIGINT NOT NULL DEFAULT 0,
    attempted_at BIGINT,
    accepted_at BIGINT,
    sent_at BIGINT,
    delivered_at BIGINT,
    read_at BIGINT,
    played_at BIGINT,
    failed_at BIGINT,
    error_code BIGINT,
    contact_id BLOB NOT NULL,
    conversation_id BLOB,
    limit_contact BLOB,
    id TEXT NOT NULL UNIQUE,
    number TEXT NOT NULL,
    state TEXT NOT NULL,
    phase BIGINT GENERATED ALWAYS AS (
        CASE state WHEN 'queued' THEN 0 WHEN 'attempting' THEN 1 WHEN 'uncertain' THEN 1 ELSE 2 END) STORED,
    author TEXT NOT NULL,
    cause TEXT NOT NULL,
    category TEXT,
    template TEXT,
    wamid TEXT,
    resend_of TEXT,
    portfolio TEXT,
    fingerprint BLOB NOT NULL,
    request BLOB NOT NULL,
    verdict BLOB,
    price BLOB
);
CREATE INDEX send_due ON send (number, urgent, due_at, place) WHERE phase = 0;
CREATE INDEX send_ends ON send (number, ends_at) WHERE phase = 0;
CREATE INDEX send_unsettled ON send (number, due_at) WHERE phase = 1;
CREATE INDEX send_line ON send (contact_id, number, line, place);
CREATE INDEX send_wamid ON send (wamid) WHERE wamid IS NOT NULL;
CREATE INDEX send_conversation ON send (conversation_id, place) WHERE conversation_id IS NOT NULL;

CREATE TABLE limit_use (
    since BIGINT NOT NULL,
    sends BIGINT NOT NULL,
    contact_id BLOB NOT NULL,
    portfolio TEXT NOT NULL,
    PRIMARY KEY (portfolio, contact_id)
);
CREATE INDEX limit_use_since ON limit_use (portfolio, since);

CREATE TABLE portfolio (
    told_at BIGINT NOT NULL,
    name TEXT PRIMARY KEY,
    tier TEXT
);

CREATE TABLE template (
    updated_at BIGINT NOT NULL,
    waba_id TEXT NOT NULL,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    meta_id TEXT NOT NULL,
    json BLOB NOT NULL,
    PRIMARY KEY (waba_id, name, key)
);

CREATE TABLE send_bar (
    since BIGINT NOT NULL,
    until BIGINT,
    until_token BIGINT NOT NULL DEFAULT 0,
    step BIGINT NOT NULL DEFAULT 0,
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    what TEXT NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (scope, name, what)
);

CREATE INDEX contact_merged ON contact (merged_into) WHERE merged_into IS NOT NULL;
