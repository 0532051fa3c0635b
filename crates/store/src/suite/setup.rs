//! Schema, layout, numbers and teams.

use waypost_domain::{PartitionCount, PhoneNumberId, Team, TeamName, WabaId};

use super::name;
use crate::core::Sql;
use crate::{NumberRow, Result, SchemaState, Store, StoreError};

pub async fn a_schema_is_made_once(store: &Store) -> Result<()> {
    assert!(matches!(store.schema_state().await?, SchemaState::Missing { found: None, .. }));
    let error = store.require_schema().await.expect_err("there is no schema");
    assert!(error.to_string().contains("waypost migrate"), "{error}");
    for _ in 0..2 {
        store.migrate().await?;
        assert_eq!(store.schema_state().await?, SchemaState::Current);
    }
    store.require_schema().await?;
    store.ping().await?;
    let before = store.now().await?;
    assert!(store.now().await? >= before);
    assert_eq!(store.counts().await?, crate::StoreCounts::default());
    Ok(())
}

pub async fn processes_may_migrate_at_once(store: &Store) -> Result<()> {
    static DONE: Sql = Sql::both(
        "SELECT version, description, length(checksum) AS bytes, execution_time
        FROM _sqlx_migrations
        WHERE success
        ORDER BY version",
    );
    let all = futures_util::future::join_all([(); 4].map(|()| store.migrate())).await;
    all.into_iter().collect::<Result<()>>()?;
    let rows = store.read(&DONE, vec![]).await?;
    let mut done: Vec<(i64, String)> = Vec::new();
    for row in &rows {
        let row = row.of("_sqlx_migrations");
        assert_eq!(row.get::<i64>("bytes")?, 48, "of SHA-384");
        assert!(row.get::<i64>("execution_time")? > 0);
        done.push((row.get("version")?, row.get("description")?));
    }
    let (first, fourth) = ((101, "initial".to_owned()), (104, "rule sets".to_owned()));
    assert_eq!((done.first(), done.get(3)), (Some(&first), Some(&fourth)));
    Ok(())
}

pub async fn a_schema_that_somebody_changed_is_refused(store: &Store) -> Result<()> {
    let other = "(SELECT checksum FROM _sqlx_migrations WHERE version = 101)";
    for damage in [format!("checksum = {other}"), "success = NOT success".to_owned()] {
        store.migrate().await?;
        let one = "WHERE version = 102";
        store.script(&format!("CREATE TABLE kept AS SELECT * FROM _sqlx_migrations {one}")).await?;
        store.script(&format!("UPDATE _sqlx_migrations SET {damage} {one}")).await?;
        let refused = store.migrate().await.expect_err(&damage).to_string();
        assert!(refused.contains("migration 102"), "{refused}");
        store.script(&format!("DELETE FROM _sqlx_migrations {one}")).await?;
        store.script("INSERT INTO _sqlx_migrations SELECT * FROM kept; DROP TABLE kept").await?;
    }
    store.migrate().await
}

pub async fn the_partition_count_is_fixed(store: &Store) -> Result<()> {
    store.migrate().await?;
    assert_eq!(store.layout().await?, None);
    let eight = PartitionCount::DEFAULT;
    store.fix_layout(eight).await?;
    store.fix_layout(eight).await?;
    assert_eq!(store.layout().await?, Some(eight));
    let other = PartitionCount::new(16).expect("16 is valid");
    let refused = store.fix_layout(other).await;
    assert!(matches!(refused, Err(StoreError::PartitionCountDiffers { stored: 8, configured: 16 })), "{refused:?}");
    assert_eq!(store.layout().await?, Some(eight));
    Ok(())
}

pub async fn numbers_keep_their_names(store: &Store) -> Result<()> {
    store.migrate().await?;
    let (first, second, third) = (PhoneNumberId::new("1"), PhoneNumberId::new("2"), PhoneNumberId::new("3"));
    let (none, waba) = (WabaId::default(), WabaId::new("w"));
    store.name_numbers(&[(name("support-es"), first.clone())]).await?;
    assert_eq!(store.ensure_number(&first, "+1 555", &waba).await?, name("support-es"));
    assert_eq!(store.ensure_number(&third, "", &none).await?, name("number-3"));
    assert_eq!(store.ensure_number(&PhoneNumberId::default(), "", &none).await?, name("unknown"));
    // A webhook that was sent as a test is of no account.
    let test = WabaId::new(WabaId::TEST);
    assert_eq!(store.ensure_number(&first, "", &test).await?, name("support-es"));
    // The name moves on to a new id of Meta's; the old id keeps it, for what still refers to it.
    store.name_numbers(&[(name("support-es"), second.clone())]).await?;
    for id in [&first, &second] {
        assert_eq!(store.ensure_number(id, "", &none).await?, name("support-es"));
    }
    // A number that named itself is named later.
    store.name_numbers(&[(name("sales"), third.clone())]).await?;
    store.name_numbers(&[(name("sales"), third.clone())]).await?;
    assert_eq!(store.ensure_number(&third, "", &none).await?, name("sales"));
    let numbers = store.numbers().await?;
    assert_eq!(numbers.len(), 4);
    let shown = numbers.iter().find(|number| number.id == first).expect("it is listed");
    assert_eq!((shown.display.as_str(), &shown.waba), ("+1 555", &waba), "what a webhook showed is kept");
    for strange in ["a b\n", "\0", &"9".repeat(3_000), "é"] {
        let id = PhoneNumberId::new(strange);
        let name = store.ensure_number(&id, "\0", &none).await?;
        assert_eq!(store.ensure_number(&id, "", &none).await?, name);
    }
    Ok(())
}

pub async fn numbers_that_were_named_by_hand_stay(store: &Store) -> Result<()> {
    store.migrate().await?;
    let [first, second, third] = ["1", "2", "3"].map(PhoneNumberId::new);
    let configured = [(name("support"), first.clone()), (name("sales"), second.clone())];
    assert_eq!(store.name_numbers(&configured).await?, []);
    let begun = store.numbers_revision().await?;
    assert_eq!(store.name_numbers(&configured).await?, []);
    assert_eq!(store.numbers_revision().await?, begun, "nothing changed");
    let set = async |to: &str, id: &PhoneNumberId| {
        let mut change = store.begin_change().await?;
        change.name_number(&name(to), id, None).await?;
        assert!(change.numbers().await?.iter().any(|row| row.id == *id && row.name == name(to)));
        change.commit(&[]).await
    };
    set("support", &third).await?;
    assert!(store.numbers_revision().await? > begun);
    assert_eq!(store.name_numbers(&configured).await?, [name("support")], "it is not undone, and said");
    let now = |rows: &[crate::NumberRow], of: &str| {
        rows.iter().rfind(|row| row.name == name(of)).map(|row| row.id.as_str().to_owned())
    };
    let rows = store.numbers().await?;
    assert_eq!((now(&rows, "support").as_deref(), now(&rows, "sales").as_deref()), (Some("3"), Some("2")));
    assert!(rows.iter().any(|row| row.id == first && row.name == name("support")), "its history keeps the name");
    // Another name for the same id is no way around it; a number that nobody touched still follows.
    assert_eq!(store.name_numbers(&[(name("other"), third.clone())]).await?, [name("other")]);
    let fourth = PhoneNumberId::new("4");
    assert_eq!(store.name_numbers(&[(name("sales"), fourth)]).await?, []);
    assert_eq!(now(&store.numbers().await?, "sales").as_deref(), Some("4"));
    // There and back again.
    set("support", &first).await?;
    assert_eq!(now(&store.numbers().await?, "support").as_deref(), Some("1"));
    assert_eq!(store.name_numbers(&configured[..1]).await?, [], "what is configured is what is");
    Ok(())
}

pub async fn teams_are_updated(store: &Store) -> Result<()> {
    store.migrate().await?;
    let team = |name: &str, title: Option<&str>, overflow: Option<&str>| Team {
        name: TeamName::new(name).expect("a valid team"),
        title: title.map(str::to_owned),
        staffed: overflow.is_none(),
        overflow_team: overflow.map(|name| TeamName::new(name).expect("a valid team")),
        hours: None,
        confidential: false,
        reopen_within_hours: None,
    };
    let teams = [team("billing", Some("Billing"), None), team("sales", None, Some("billing"))];
    store.upsert_teams(&teams).await?;
    assert_eq!(store.teams().await?, teams);
    let changed = team("billing", None, Some("sales"));
    store.upsert_teams(std::slice::from_ref(&changed)).await?;
    assert_eq!(store.teams().await?, [changed.clone(), teams[1].clone()]);
    for confidential in [true, false] {
        let changed = Team { confidential, ..changed.clone() };
        store.upsert_teams(std::slice::from_ref(&changed)).await?;
        assert_eq!(store.teams().await?, [changed, teams[1].clone()]);
    }
    Ok(())
}

/// Of one number, and of nobody else.
pub async fn a_damaged_number_harms_no_other(store: &Store) -> Result<()> {
    store.migrate().await?;
    let (good, bad) = (PhoneNumberId::new("1"), PhoneNumberId::new("2"));
    let waba = WabaId::new("w");
    for id in [&good, &bad] {
        store.ensure_number(id, "+1", &waba).await?;
    }
    store.script("UPDATE number SET name = '' WHERE phone_number_id = '2'").await?;
    assert!(matches!(store.ensure_number(&bad, "+1", &waba).await, Err(StoreError::Unreadable { .. })));
    let read = |rows: Vec<NumberRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(read(store.numbers().await?), std::slice::from_ref(&good));
    // Whoever names it mends it.
    let support = name("support");
    store.name_numbers(&[(support.clone(), bad.clone())]).await?;
    assert_eq!((store.ensure_number(&bad, "+1", &waba).await?, store.numbers().await?.len()), (support, 2));
    Ok(())
}
