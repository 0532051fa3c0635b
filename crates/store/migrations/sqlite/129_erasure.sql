-- The twin of ../postgres/129_erasure.sql, which has the reasons.
CREATE TABLE suppression (
    at BIGINT NOT NULL,
    hash BLOB PRIMARY KEY
) WITHOUT ROWID;

CREATE TABLE erased (
    at BIGINT NOT NULL,
    contact_id BLOB PRIMARY KEY,
    root_id BLOB NOT NULL
) WITHOUT ROWID;
