//! What the database notes by itself, past the program: each change of a send's state, and each entry of consent, in one
//! count. Both are written while the contact's row is locked, so that within a contact the count is the order in which they
//! were made.

use tokio_postgres::{Client, Row};
use waypost_domain::send::SendState;
use waypost_ledger::{ConsentFact, StepFact};

use crate::database;

/// Tables and triggers of the test's own.
const INSTALL: &str = "
    CREATE SEQUENCE noted;
    CREATE TABLE noted_step (
        place BIGINT DEFAULT nextval('noted'), send TEXT, contact TEXT, attempt BIGINT, was TEXT, state TEXT);
    CREATE TABLE noted_consent (place BIGINT DEFAULT nextval('noted'), contact TEXT, category TEXT, said TEXT);
    CREATE FUNCTION note_step() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO noted_step (send, contact, attempt, was, state)
        VALUES (NEW.id, NEW.contact_id::TEXT, NEW.attempt, OLD.state, NEW.state);
        RETURN NULL;
    END $$;
    CREATE FUNCTION note_consent() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO noted_consent (contact, category, said) VALUES (NEW.contact_id::TEXT, NEW.category, NEW.said);
        RETURN NULL;
    END $$;
    CREATE TRIGGER note_step AFTER UPDATE ON send FOR EACH ROW
        WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION note_step();
    CREATE TRIGGER note_consent AFTER INSERT ON consent_entry FOR EACH ROW EXECUTE FUNCTION note_consent();";

pub(super) struct Journal {
    client: Client,
}

impl Journal {
    /// In a database that has its schema.
    pub(super) async fn install(url: &str) -> anyhow::Result<Self> {
        let client = database::session(url).await?;
        client.batch_execute(INSTALL).await?;
        Ok(Self { client })
    }

    pub(super) async fn count(&self, statement: &str) -> anyhow::Result<i64> {
        Ok(self.client.query_one(statement, &[]).await?.try_get(0)?)
    }

    pub(super) async fn run(&self, statements: &str) -> anyhow::Result<()> {
        Ok(self.client.batch_execute(statements).await?)
    }

    /// What goes on by itself, each with how it stands.
    pub(super) async fn open(&self) -> anyhow::Result<Vec<String>> {
        let read = "SELECT concat_ws(' ', id, state, 'attempts', attempt, 'put off', retries, 'code', error_code, \
                    'due in', \
                    due_at - (extract(epoch FROM clock_timestamp()) * 1000)::BIGINT, 'ms') FROM send \
                    WHERE state IN ('queued', 'attempting') OR state = 'uncertain' AND due_at < $1 ORDER BY place";
        self.client.query(read, &[&i64::MAX]).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    pub(super) async fn steps(&self) -> anyhow::Result<Vec<StepFact>> {
        let read = "SELECT place, send, contact, attempt, was, state FROM noted_step ORDER BY place";
        self.client.query(read, &[]).await?.iter().map(step).collect()
    }

    pub(super) async fn consents(&self) -> anyhow::Result<Vec<ConsentFact>> {
        let read = "SELECT place, contact, category, said FROM noted_consent ORDER BY place";
        let entry = |row: &Row| {
            let (order, contact, category, said) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
            Ok(ConsentFact { order, contact, category, said })
        };
        self.client.query(read, &[]).await?.iter().map(entry).collect()
    }
}

fn step(row: &Row) -> anyhow::Result<StepFact> {
    let state = |column: usize| -> anyhow::Result<SendState> {
        let word: String = row.try_get(column)?;
        SendState::parse(&word).ok_or_else(|| anyhow::anyhow!("{word} is no state"))
    };
    Ok(StepFact {
        order: row.try_get(0)?,
        send: row.try_get(1)?,
        contact: row.try_get(2)?,
        attempt: u32::try_from(row.try_get::<_, i64>(3)?)?,
        from: state(4)?,
        to: state(5)?,
    })
}
