//! Of a token's secret nothing is stored but its hash, whichever way the token was made.

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use waypost_bus::Layout;
use waypost_bus_embedded::{EmbeddedBus, Options};
use waypost_domain::PartitionCount;
use waypost_live::overview::Watched;
use waypost_store::{StoreOptions, StoreUrl};

use super::*;
use crate::TeamQueues;

const REQUEST_ID: &str = "0190a0a0-0000-7000-8000-000000000001";

/// A call that passed the gate.
fn call<M>(message: M) -> Request<M> {
    let mut request = Request::new(message);
    let method = "TokenService/CreateToken".to_owned();
    request.extensions_mut().insert(Caller { actor: "tokens/1".to_owned(), method, bound_to: None, roles: vec![] });
    request
}

/// Every text and every blob of every table, each as `table.column`; of a view or an index there is nothing of its own.
fn stored(database: &Connection) -> Vec<(String, Vec<u8>)> {
    let mut tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(|name| name.unwrap()).collect();
    let mut stored = Vec::new();
    for table in tables {
        let mut statement = database.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
        let columns: Vec<String> = statement.column_names().iter().map(|name| format!("{table}.{name}")).collect();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for (place, column) in columns.iter().enumerate() {
                match row.get_ref(place).unwrap() {
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => stored.push((column.clone(), bytes.to_vec())),
                    ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => {}
                }
            }
        }
    }
    stored
}

/// Where any stretch of `word` is, of ten bytes and more.
fn places_of(word: &[u8], stored: &[(String, Vec<u8>)]) -> Vec<String> {
    const STRETCH: usize = 10;
    let holds = |value: &[u8]| word.windows(STRETCH).any(|part| value.windows(STRETCH).any(|at| at == part));
    stored.iter().filter(|(_, value)| holds(value)).map(|(column, _)| column.clone()).collect()
}

#[tokio::test]
async fn no_table_holds_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = Store::open(&StoreUrl::sqlite_file(&path), StoreOptions::default()).await.unwrap();
    store.migrate().await.unwrap();
    let bus = EmbeddedBus::open(folder.path(), Options::default()).unwrap();
    let team_queues = TeamQueues::default();
    let layout = Layout::new(PartitionCount::DEFAULT);
    let watched = Watched { work: vec![], layout, activity: false, rules_file: None };
    let tokens = Tokens {
        shared: Shared { bus, store: store.clone(), team_queues, watched, templates: None, leases: Default::default() },
    };

    let new = NewToken { title: "first".to_owned(), roles: vec![Role::Operator], teams: vec![], expires_at: None };
    let (first, at_the_store) = create_token(&store, "cli", &new).await.unwrap();
    let token = v1::Token { title: "second".to_owned(), roles: vec![v1::Role::Viewer.into()], ..v1::Token::default() };
    let request =
        v1::CreateTokenRequest { token: Some(token), request_id: REQUEST_ID.to_owned(), ..Default::default() };
    let made = tokens.create_token(call(request.clone())).await.unwrap();
    let again = tokens.create_token(call(request)).await.unwrap();
    assert_eq!((again.token, again.secret.as_str()), (made.token, ""), "shown once");
    revoke_token(&store, "cli", first).await.unwrap();

    let stored = stored(&Connection::open(&path).unwrap());
    for secret in [at_the_store, made.secret] {
        let digits = secret.strip_prefix("wpt_").unwrap();
        let bytes = hex::decode(digits).unwrap();
        for word in [digits.as_bytes(), digits.to_uppercase().as_bytes(), &bytes] {
            assert_eq!(places_of(word, &stored), Vec::<String>::new());
        }
        // What is looked for is found where it is.
        assert_eq!(places_of(&secret::hash(&secret), &stored), ["token.hash"]);
    }
}
