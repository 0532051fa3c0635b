-- What somebody wants sent, and how far each has come. place: the order in which they were stored. fingerprint: of the request
-- as it was made, so that the same id with another request is noticed. state and its rank: see waypost_domain::send::SendState.
-- phase: queued, under way, or beyond: what the indexes ask, so that news of a message that Meta has touches none of them.
-- due_at: when a queued one is looked at next, or one that may have gone; of others without meaning. waits: it is queued behind the one before it, and is
-- looked at again once that has changed. ends_at: from when on it is of no use. epoch: of the lease under which it was
-- attempted last. line: within a conversation, what is kept in order, by class and urgency.
-- portfolio, limit_contact: where it has a place of the messaging limit. request, verdict: JSON. price: JSON of the first status that told one.
CREATE TABLE send (
    place BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
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
    contact_id UUID NOT NULL,
    conversation_id UUID,
    limit_contact UUID,
    id TEXT COLLATE "C" NOT NULL UNIQUE,
    number TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    phase BIGINT GENERATED ALWAYS AS (
        CASE state WHEN 'queued' THEN 0 WHEN 'attempting' THEN 1 WHEN 'uncertain' THEN 1 ELSE 2 END) STORED,
    author TEXT COLLATE "C" NOT NULL,
    cause TEXT COLLATE "C" NOT NULL,
    category TEXT COLLATE "C",
    template TEXT COLLATE "C",
    wamid TEXT COLLATE "C",
    resend_of TEXT COLLATE "C",
    portfolio TEXT COLLATE "C",
    fingerprint BYTEA NOT NULL,
    request BYTEA NOT NULL,
    verdict BYTEA,
    price BYTEA
) WITH (fillfactor = 70);
ALTER TABLE send ALTER COLUMN request SET STORAGE EXTERNAL;
CREATE INDEX send_due ON send (number, urgent, due_at, place) WHERE phase = 0;
CREATE INDEX send_ends ON send (number, ends_at) WHERE phase = 0;
CREATE INDEX send_unsettled ON send (number, due_at) WHERE phase = 1;
CREATE INDEX send_line ON send (contact_id, number, line, place);
CREATE INDEX send_wamid ON send (wamid) WHERE wamid IS NOT NULL;
CREATE INDEX send_conversation ON send (conversation_id, place) WHERE conversation_id IS NOT NULL;

-- The messaging limit: whom a portfolio wrote to outside of windows, since when, and with how many sends that did not fail.
CREATE TABLE limit_use (
    since BIGINT NOT NULL,
    sends BIGINT NOT NULL,
    contact_id UUID NOT NULL,
    portfolio TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (portfolio, contact_id)
);
CREATE INDEX limit_use_since ON limit_use (portfolio, since);

-- What is known of a portfolio; its row is locked by whoever takes places of its limit.
CREATE TABLE portfolio (
    told_at BIGINT NOT NULL,
    name TEXT COLLATE "C" PRIMARY KEY,
    tier TEXT COLLATE "C"
);

-- Templates as Meta has them, by account, name and language (with - written as _, in lower case: key). json: what
-- waypost_domain::Template says.
CREATE TABLE template (
    updated_at BIGINT NOT NULL,
    waba_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    meta_id TEXT COLLATE "C" NOT NULL,
    json BYTEA NOT NULL,
    PRIMARY KEY (waba_id, name, key)
);

-- What may not be sent for now. scope: app, account or number; name: which. what: everything, templates, or a category.
-- until: NULL while nobody knows. until_token: a new token ends it.
CREATE TABLE send_bar (
    since BIGINT NOT NULL,
    until BIGINT,
    until_token BIGINT NOT NULL DEFAULT 0,
    step BIGINT NOT NULL DEFAULT 0,
    scope TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    what TEXT COLLATE "C" NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (scope, name, what)
);

CREATE INDEX contact_merged ON contact (merged_into) WHERE merged_into IS NOT NULL;
