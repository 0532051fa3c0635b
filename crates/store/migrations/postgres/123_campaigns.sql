-- Campaigns: one template to many. number: of ours. template: JSON, without values. pace: sends a minute that are put in the
-- queue, 0 for no limit; paced_at: from when on the next one may be, in microseconds. start_at: when it begins by itself, or began.
-- expires_at: from when on it is of no use. ended_at: when every recipient had an end. recipients: rows that were ever added.
-- settled: the highest place of send below which all of the campaign's have an end. version: rises with every change by a person.
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
    id TEXT COLLATE "C" PRIMARY KEY,
    number TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    note TEXT COLLATE "C" NOT NULL DEFAULT '',
    created_by TEXT COLLATE "C" NOT NULL,
    template BYTEA NOT NULL
);
CREATE INDEX campaign_open ON campaign (state) WHERE ended_at IS NULL;

-- Whom a campaign is for. place: within the campaign, from 1. state: planned, queued (there is a send of it), rejected, expired or
-- cancelled. template_values: JSON, as frozen when the row was added; NULL once there is a send. field, problem: why it was
-- rejected. contact_id: NULL where nobody is known.
CREATE TABLE campaign_recipient (
    place BIGINT NOT NULL,
    contact_id UUID,
    campaign TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    field TEXT COLLATE "C",
    problem TEXT COLLATE "C",
    template_values BYTEA,
    PRIMARY KEY (campaign, place)
);
CREATE UNIQUE INDEX campaign_recipient_contact ON campaign_recipient (campaign, contact_id) WHERE contact_id IS NOT NULL;
CREATE INDEX campaign_recipient_planned ON campaign_recipient (campaign, place) WHERE state = 'planned';

-- campaign: of which a send is. rule: by which it was refused or expired. What is due is looked for by campaign, so that one that
-- is paused is passed over as a whole.
ALTER TABLE send ADD COLUMN campaign TEXT COLLATE "C";
ALTER TABLE send ADD COLUMN rule TEXT COLLATE "C";
DROP INDEX send_due;
CREATE INDEX send_due ON send (number, urgent, due_at, place) WHERE phase = 0 AND campaign IS NULL;
CREATE INDEX send_due_campaign ON send (campaign, due_at, place) WHERE phase = 0 AND campaign IS NOT NULL;
CREATE INDEX send_campaign ON send (campaign, place) WHERE campaign IS NOT NULL;
