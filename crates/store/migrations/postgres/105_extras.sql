-- What a decision says beside its team and priority: tags, a person, skills, an escalation ladder. Mostly nothing.
ALTER TABLE inbox ADD COLUMN extras BYTEA;
