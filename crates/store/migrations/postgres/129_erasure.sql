-- Who was erased. suppression: of each alias that named them a keyed hash, from which nobody gets the alias back: whoever shows it
-- again counts as stopped at that time. erased: the ids that they had, for whoever asks a second time; root_id: the last survivor.
CREATE TABLE suppression (
    at BIGINT NOT NULL,
    hash BYTEA PRIMARY KEY
);

CREATE TABLE erased (
    at BIGINT NOT NULL,
    contact_id UUID PRIMARY KEY,
    root_id UUID NOT NULL
);
