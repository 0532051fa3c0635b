-- The first generation of the schema. Migrations only expand: see src/schema.rs for how versions are numbered.
-- Instants are BIGINT, milliseconds since the Unix epoch. Booleans are BIGINT 0/1, as in the SQLite twin of this file.
-- Text that is compared is COLLATE "C": bytes, not a language, decide what is equal and what comes first.
-- No foreign keys: each would take a row lock per message, and rows of different tables are kept for different times.

CREATE TABLE setting (
    name TEXT COLLATE "C" PRIMARY KEY,
    value TEXT NOT NULL
);

-- The replicas of a component, for spreading partitions evenly.
CREATE TABLE member (
    expires_at BIGINT NOT NULL,
    component TEXT COLLATE "C" NOT NULL,
    instance TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (component, instance)
);

-- Who may work on a partition. Updated by every batch, so half of each page is left free for the next version.
CREATE TABLE lease (
    partition BIGINT NOT NULL,
    epoch BIGINT NOT NULL DEFAULT 0,
    expires_at BIGINT NOT NULL DEFAULT 0,
    published_seq BIGINT NOT NULL DEFAULT 0,
    oldest_at BIGINT,
    component TEXT COLLATE "C" NOT NULL,
    owner TEXT COLLATE "C",
    PRIMARY KEY (component, partition)
) WITH (fillfactor = 50);

-- Meta's ids of the business's numbers, and the name each goes by. A name may have had several ids over time.
CREATE TABLE number (
    since BIGINT NOT NULL,
    phone_number_id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    display TEXT NOT NULL DEFAULT '',
    waba_id TEXT COLLATE "C" NOT NULL DEFAULT ''
);

CREATE TABLE team (
    staffed BIGINT NOT NULL,
    name TEXT COLLATE "C" PRIMARY KEY,
    title TEXT,
    overflow_team TEXT COLLATE "C"
);

-- version: counts what makes an alias read before the row was locked worthless (see src/contacts.rs).
CREATE TABLE contact (
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL DEFAULT 0,
    has_bsuid BIGINT NOT NULL DEFAULT 0,
    id UUID PRIMARY KEY,
    merged_into UUID,
    profile_name TEXT,
    username TEXT,
    language TEXT,
    attributes TEXT NOT NULL DEFAULT '{}'
) WITH (fillfactor = 85);

-- Looked up twice per message: by a UUIDv5 of kind and value, which is cheaper to compare and to keep than two texts.
CREATE TABLE alias (
    id UUID PRIMARY KEY,
    contact_id UUID NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL
);
CREATE INDEX alias_contact ON alias (contact_id);

CREATE TABLE conversation (
    opened_at BIGINT NOT NULL,
    active_at BIGINT NOT NULL,
    last_inbound_at BIGINT,
    last_outbound_at BIGINT,
    window_ends_at BIGINT,
    id UUID PRIMARY KEY,
    contact_id UUID NOT NULL,
    number TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    team TEXT COLLATE "C",
    priority TEXT COLLATE "C" NOT NULL
) WITH (fillfactor = 70);
-- At most one unresolved conversation of a contact on a number.
CREATE UNIQUE INDEX conversation_unresolved ON conversation (contact_id, number) WHERE state <> 'resolved';

-- One row per distinct event. The decision's id is the UUIDv5 of (phone_number_id, key), so the primary key below is
-- the unique key of RELIABILITY section 1 in 16 bytes; the store refuses a row whose id is not derived so.
CREATE TABLE inbox (
    partition BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    decision_id UUID PRIMARY KEY,
    contact_id UUID,
    conversation_id UUID,
    number TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    rule_set TEXT COLLATE "C",
    rule TEXT COLLATE "C",
    phase TEXT COLLATE "C",
    team TEXT COLLATE "C",
    priority TEXT COLLATE "C",
    why TEXT,
    input BYTEA
) WITH (toast_tuple_target = 8160);
-- Inputs are small and read rarely: trying to compress each of them would cost more than the insert.
ALTER TABLE inbox ALTER COLUMN input SET STORAGE EXTERNAL;
CREATE INDEX inbox_partition_seq ON inbox (partition, seq);

-- Messages that came while another app held the thread, kept whole until control comes to us.
CREATE TABLE held (
    received_at BIGINT NOT NULL,
    decision_id UUID PRIMARY KEY,
    contact_id UUID,
    released_by UUID,
    number TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    event BYTEA NOT NULL
);
CREATE INDEX held_waiting ON held (contact_id) WHERE released_by IS NULL;
CREATE INDEX held_released ON held (released_by) WHERE released_by IS NOT NULL;
CREATE INDEX held_received ON held (received_at);

CREATE TABLE status (
    received_at BIGINT NOT NULL,
    at BIGINT,
    wamid TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    participant TEXT COLLATE "C" NOT NULL DEFAULT '',
    number TEXT COLLATE "C" NOT NULL,
    callback_data TEXT,
    error_codes TEXT NOT NULL DEFAULT '[]',
    json BYTEA NOT NULL,
    PRIMARY KEY (wamid, state, participant)
);
CREATE INDEX status_received ON status (received_at);

-- Everything else that Meta said, kept for the components that act on it.
CREATE TABLE change (
    received_at BIGINT NOT NULL,
    entry_time BIGINT,
    scope TEXT COLLATE "C" NOT NULL,
    waba_id TEXT COLLATE "C" NOT NULL,
    number TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    field TEXT COLLATE "C" NOT NULL,
    json BYTEA NOT NULL,
    PRIMARY KEY (waba_id, number, key)
);
CREATE INDEX change_received ON change (received_at);
