-- Which of the events that the message carries: what stands before it was handled. 0 of a message that is one event.
ALTER TABLE lease ADD COLUMN suspect_place BIGINT NOT NULL DEFAULT 0;
