-- The twin of ../postgres/110_identity.sql, which has the reasons.
ALTER TABLE contact ADD COLUMN wa_id TEXT;
ALTER TABLE contact ADD COLUMN language_source TEXT;
ALTER TABLE contact ADD COLUMN language_confidence BIGINT;
ALTER TABLE contact ADD COLUMN language_sample TEXT;
ALTER TABLE contact ADD COLUMN identity_changed_at BIGINT;
ALTER TABLE contact ADD COLUMN is_apart BIGINT NOT NULL DEFAULT 0;
ALTER TABLE alias ADD COLUMN since BIGINT;

ALTER TABLE number ADD COLUMN language TEXT NOT NULL DEFAULT '';

CREATE TABLE contact_claim (
    at BIGINT NOT NULL,
    claimed_id BLOB NOT NULL,
    claimant_id BLOB NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (claimed_id, claimant_id)
) WITHOUT ROWID;
CREATE INDEX contact_claim_claimant ON contact_claim (claimant_id);

CREATE TABLE contact_merge (
    at BIGINT NOT NULL,
    loser_id BLOB PRIMARY KEY,
    winner_id BLOB NOT NULL,
    moved_json TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX contact_merge_winner ON contact_merge (winner_id);
