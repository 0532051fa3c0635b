-- The twin of ../postgres/123_campaigns.sql, which has the reasons.
CREATE TABLE campaign (
    created_at BIGINT NOT NULL,
    start_at BIGINT,
    expires_at BIGINT,
    ended_at BIGINT,
    pace BIGINT NOT NULL,
    paced_at BIGINT NOT NULL DEFAULT 0,
    recipients BIGINT NOT NULL DEFAULT 0,
    settled BIGINT NOT NULL DEFAULT 0,
    version BIGINT NOT NULL DEFAULT 1,
    id TEXT PRIMARY KEY,
    number TEXT NOT NULL,
    state TEXT NOT NULL,
    note TEXT NOT NULL DEFAULT '',
    created_by TEXT NOT NULL,
    template BLOB NOT NULL
);
CREATE INDEX campaign_open ON campaign (state) WHERE ended_at IS NULL;

CREATE TABLE campaign_recipient (
    place BIGINT NOT NULL,
    contact_id BLOB,
    campaign TEXT NOT NULL,
    state TEXT NOT NULL,
    field TEXT,
    problem TEXT,
    template_values BLOB,
    PRIMARY KEY (campaign, place)
);
CREATE UNIQUE INDEX campaign_recipient_contact ON campaign_recipient (campaign, contact_id) WHERE contact_id IS NOT NULL;
CREATE INDEX campaign_recipient_planned ON campaign_recipient (campaign, place) WHERE state = 'planned';

ALTER TABLE send ADD COLUMN campaign TEXT;
ALTER TABLE send ADD COLUMN rule TEXT;
DROP INDEX send_due;
CREATE INDEX send_due ON send (number, urgent, due_at, place) WHERE phase = 0 AND campaign IS NULL;
CREATE INDEX send_due_campaign ON send (campaign, due_at, place) WHERE phase = 0 AND campaign IS NOT NULL;
CREATE INDEX send_campaign ON send (campaign, place) WHERE campaign IS NOT NULL;
