-- wa_id: the number as Meta wrote it last, where that is not its canonical form.
ALTER TABLE contact ADD COLUMN wa_id TEXT COLLATE "C";
-- language_source: NULL beside a language is `crm`, the only one there was. language_sample: words that are too few for a
-- guess yet; empty where there were enough.
ALTER TABLE contact ADD COLUMN language_source TEXT COLLATE "C";
ALTER TABLE contact ADD COLUMN language_confidence BIGINT;
ALTER TABLE contact ADD COLUMN language_sample TEXT;
-- When WhatsApp said that somebody else may use the number now; NULL again when a person confirmed who it is.
ALTER TABLE contact ADD COLUMN identity_changed_at BIGINT;
-- A person said that it is not the one that it had been merged with.
ALTER TABLE contact ADD COLUMN is_apart BIGINT NOT NULL DEFAULT 0;
-- Since when the alias is theirs; NULL of before this was kept.
ALTER TABLE alias ADD COLUMN since BIGINT;

-- What is usual on the number; empty where nobody said.
ALTER TABLE number ADD COLUMN language TEXT COLLATE "C" NOT NULL DEFAULT '';

-- A contact that may be the same person as another, until somebody confirms it.
CREATE TABLE contact_claim (
    at BIGINT NOT NULL,
    claimed_id UUID NOT NULL,
    claimant_id UUID NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (claimed_id, claimant_id)
);
CREATE INDEX contact_claim_claimant ON contact_claim (claimant_id);

-- What each merge moved, and what the survivor was before, so that it can be undone.
CREATE TABLE contact_merge (
    at BIGINT NOT NULL,
    loser_id UUID PRIMARY KEY,
    winner_id UUID NOT NULL,
    moved_json TEXT NOT NULL
);
CREATE INDEX contact_merge_winner ON contact_merge (winner_id);
