-- The first generation of the schema: the twin of ../postgres/101_initial.sql, column by column, which has the
-- reasons. Ids are 16-byte blobs. Migrations only expand: see src/schema.rs for how versions are numbered.

CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- The replicas of a component, for spreading partitions evenly.
CREATE TABLE member (
    expires_at BIGINT NOT NULL,
    component TEXT NOT NULL,
    instance TEXT NOT NULL,
    PRIMARY KEY (component, instance)
) WITHOUT ROWID;

-- Who may work on a partition.
CREATE TABLE lease (
    partition BIGINT NOT NULL,
    epoch BIGINT NOT NULL DEFAULT 0,
    expires_at BIGINT NOT NULL DEFAULT 0,
    published_seq BIGINT NOT NULL DEFAULT 0,
    oldest_at BIGINT,
    component TEXT NOT NULL,
    owner TEXT,
    PRIMARY KEY (component, partition)
) WITHOUT ROWID;

-- Meta's ids of the business's numbers, and the name each goes by. A name may have had several ids over time.
CREATE TABLE number (
    since BIGINT NOT NULL,
    phone_number_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    display TEXT NOT NULL DEFAULT '',
    waba_id TEXT NOT NULL DEFAULT ''
);

CREATE TABLE team (
    staffed BIGINT NOT NULL,
    name TEXT PRIMARY KEY,
    title TEXT,
    overflow_team TEXT
) WITHOUT ROWID;

-- version: counts what makes an alias read before the row was locked worthless (see src/contacts.rs).
CREATE TABLE contact (
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL DEFAULT 0,
    has_bsuid BIGINT NOT NULL DEFAULT 0,
    id BLOB PRIMARY KEY,
    merged_into BLOB,
    profile_name TEXT,
    username TEXT,
    language TEXT,
    attributes TEXT NOT NULL DEFAULT '{}'
) WITHOUT ROWID;

CREATE TABLE alias (
    id BLOB PRIMARY KEY,
    contact_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX alias_contact ON alias (contact_id);

CREATE TABLE conversation (
    opened_at BIGINT NOT NULL,
    active_at BIGINT NOT NULL,
    last_inbound_at BIGINT,
    last_outbound_at BIGINT,
    window_ends_at BIGINT,
    id BLOB PRIMARY KEY,
    contact_id BLOB NOT NULL,
    number TEXT NOT NULL,
    state TEXT NOT NULL,
    team TEXT,
    priority TEXT NOT NULL
) WITHOUT ROWID;
-- At most one unresolved conversation of a contact on a number.
CREATE UNIQUE INDEX conversation_unresolved ON conversation (contact_id, number) WHERE state <> 'resolved';

-- One row per distinct event. The decision's id is the BLOBv5 of (phone_number_id, key), so the primary key below is
-- the unique key of RELIABILITY section 1 in 16 bytes; the store refuses a row whose id is not derived so.
CREATE TABLE inbox (
    partition BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    decision_id BLOB PRIMARY KEY,
    contact_id BLOB,
    conversation_id BLOB,
    number TEXT NOT NULL,
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    rule_set TEXT,
    rule TEXT,
    phase TEXT,
    team TEXT,
    priority TEXT,
    why TEXT,
    input BLOB
);
CREATE INDEX inbox_partition_seq ON inbox (partition, seq);

-- Messages that came while another app held the thread, kept whole until control comes to us.
CREATE TABLE held (
    received_at BIGINT NOT NULL,
    decision_id BLOB PRIMARY KEY,
    contact_id BLOB,
    released_by BLOB,
    number TEXT NOT NULL,
    key TEXT NOT NULL,
    event BLOB NOT NULL
);
CREATE INDEX held_waiting ON held (contact_id) WHERE released_by IS NULL;
CREATE INDEX held_released ON held (released_by) WHERE released_by IS NOT NULL;
CREATE INDEX held_received ON held (received_at);

CREATE TABLE status (
    received_at BIGINT NOT NULL,
    at BIGINT,
    wamid TEXT NOT NULL,
    state TEXT NOT NULL,
    participant TEXT NOT NULL DEFAULT '',
    number TEXT NOT NULL,
    callback_data TEXT,
    error_codes TEXT NOT NULL DEFAULT '[]',
    json BLOB NOT NULL,
    PRIMARY KEY (wamid, state, participant)
);
CREATE INDEX status_received ON status (received_at);

-- Everything else that Meta said, kept for the components that act on it.
CREATE TABLE change (
    received_at BIGINT NOT NULL,
    entry_time BIGINT,
    scope TEXT NOT NULL,
    waba_id TEXT NOT NULL,
    number TEXT NOT NULL,
    key TEXT NOT NULL,
    field TEXT NOT NULL,
    json BLOB NOT NULL,
    PRIMARY KEY (waba_id, number, key)
);
CREATE INDEX change_received ON change (received_at);
