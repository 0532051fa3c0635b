//! What the administration keeps: teams, tokens, requests, and the audit chain.

use uuid::Uuid;
use waypost_domain::{Team, TeamName};

use crate::{AnsweredRequest, AuditEntry, Result, Store, TeamRow, TokenRow};

fn entry(resource: &str) -> AuditEntry {
    let text = |text: &str| text.to_owned();
    AuditEntry {
        actor: text("tokens/1"),
        method: text("TeamService/CreateTeam"),
        resource: text(resource),
        before: String::new(),
        after: text("{}"),
    }
}

pub async fn an_audited_change_is_whole_or_nothing(store: &Store) -> Result<()> {
    store.migrate().await?;
    let mut change = store.begin_change().await?;
    change.put_team(&team("billing")).await?;
    drop(change);
    assert_eq!(store.teams().await?, []);
    assert_eq!(store.audit_records(i64::MAX, None, 10).await?, []);

    let mut change = store.begin_change().await?;
    let stored = change.put_team(&team("billing")).await?;
    assert_eq!((stored.revision, stored.updated_at), (1, Some(change.now())));
    change.commit(&[entry("teams/billing"), entry("teams/other")]).await?;
    assert_eq!(store.team_row(&team("billing").team.name).await?, Some(stored));
    let records = store.audit_records(i64::MAX, None, 10).await?;
    assert_eq!(records.iter().map(|record| record.seq).collect::<Vec<_>>(), [2, 1], "newest first");
    let of_one = store.audit_records(i64::MAX, Some("teams/billing"), 10).await?;
    assert_eq!(of_one.iter().map(|record| record.seq).collect::<Vec<_>>(), [1]);
    assert_eq!(store.audit_records(2, None, 1).await?, of_one);
    Ok(())
}

pub async fn tampering_with_the_audit_log_is_refused_and_found(store: &Store) -> Result<()> {
    store.migrate().await?;
    for _ in 0..4 {
        store.begin_change().await?.commit(&[entry("teams/a")]).await?;
    }
    let verdict = store.verify_audit(1, 3).await?;
    assert_eq!((verdict.verified, verdict.next, verdict.broken), (3, Some(4), None));
    let verdict = store.verify_audit(4, 100).await?;
    assert_eq!((verdict.verified, verdict.next, verdict.broken, verdict.head.seq), (1, None, None, 4));

    let tamper = "UPDATE audit SET actor = 'nobody' WHERE seq = 2";
    for sql in [tamper, "DELETE FROM audit WHERE seq = 2"] {
        assert!(store.script(sql).await.is_err(), "{sql}");
    }
    assert_eq!(store.verify_audit(1, 100).await?.broken, None);
    // Who owns the database can go around the triggers, and is found out.
    store
        .script(match store.is_shared() {
            true => "ALTER TABLE audit DISABLE TRIGGER audit_append_only",
            false => "DROP TRIGGER audit_no_update",
        })
        .await?;
    store.script(tamper).await?;
    let verdict = store.verify_audit(1, 100).await?;
    assert_eq!((verdict.verified, verdict.broken.map(|(seq, _)| seq)), (1, Some(2)));
    Ok(())
}

pub async fn the_rules_leave_alone_what_the_administration_changed(store: &Store) -> Result<()> {
    store.migrate().await?;
    let from_rules = |name: &str, title: &str| Team { title: Some(title.to_owned()), ..team(name).team };
    let row = async |name: &str| store.team_row(&team(name).team.name).await.map(|row| row.expect("it is there"));
    let first = [from_rules("a", "1"), from_rules("b", "1")];
    store.upsert_teams(&first).await?;
    store.upsert_teams(&first).await?;
    assert_eq!((row("a").await?.revision, row("a").await?.updated_at, row("a").await?.in_rules), (1, None, true));

    let mut change = store.begin_change().await?;
    let mut changed = row("a").await?;
    changed.team.title = Some("ours".to_owned());
    changed.max_waiting = 7;
    let stored = change.put_team(&changed).await?;
    assert_eq!(stored.revision, 2);
    change.commit(&[entry("teams/a")]).await?;

    store.upsert_teams(&[from_rules("a", "2")]).await?;
    assert_eq!(row("a").await?, stored, "not changed by the rules");
    assert!(!row("b").await?.in_rules, "not named any more");
    store.upsert_teams(&[from_rules("b", "2")]).await?;
    assert_eq!((row("b").await?.team.title.as_deref(), row("b").await?.revision), (Some("2"), 2));
    assert!(row("b").await?.in_rules && !row("a").await?.in_rules);

    let mut change = store.begin_change().await?;
    change.delete_team(&team("a").team.name).await?;
    assert_eq!(change.open_conversations(&team("a").team.name).await?, 0);
    change.commit(&[entry("teams/a")]).await?;
    assert_eq!(store.team_row(&team("a").team.name).await?, None);
    Ok(())
}

/// During a trial two sets route.
pub async fn the_teams_of_all_sets_that_route_are_in_the_rules(store: &Store) -> Result<()> {
    store.migrate().await?;
    let of = |name: &str, title: &str| Team { title: Some(title.to_owned()), ..team(name).team };
    let of_active = [of("b", "active"), of("a", "active")];
    let of_trial = [of("c", "trial"), of("a", "trial")];
    store.upsert_teams(&of_active).await?;
    store.upsert_teams(&[of_active, of_trial].concat()).await?;
    let rows = store.team_rows(None, 10).await?;
    let found: Vec<_> =
        rows.iter().map(|row| (row.team.name.as_str(), row.team.title.as_deref(), row.in_rules)).collect();
    let expected = [("a", Some("active"), true), ("b", Some("active"), true), ("c", Some("trial"), true)];
    assert_eq!(found, expected);
    assert_eq!(rows[0].revision, 1, "the other set's description is no change");
    Ok(())
}

pub async fn tokens_are_found_by_their_hash(store: &Store) -> Result<()> {
    store.migrate().await?;
    let mut tokens = Vec::new();
    for n in 1..=3_u8 {
        let mut change = store.begin_change().await?;
        let token = TokenRow {
            id: Uuid::from_u128(n.into()),
            hash: vec![n; 32],
            title: "for a test".to_owned(),
            roles: "viewer agent".to_owned(),
            teams: "a b".to_owned(),
            created_at: change.now(),
            expires_at: (n == 1).then(|| change.now().plus_millis(1)),
            revoked_at: None,
        };
        change.insert_token(&token).await?;
        change.commit(&[entry("tokens/1")]).await?;
        tokens.push(token);
    }
    assert_eq!(store.token_by_hash(&[1; 32]).await?.as_ref(), Some(&tokens[0]));
    assert_eq!(store.token_by_hash(&[9; 32]).await?, None);
    assert_eq!(store.tokens_after(Some(tokens[0].id), 1).await?, tokens[1..2]);
    let mut change = store.begin_change().await?;
    let now = change.now();
    change.revoke_token(tokens[1].id).await?;
    change.commit(&[entry("tokens/2")]).await?;
    assert_eq!(store.token(tokens[1].id).await?.and_then(|token| token.revoked_at), Some(now));
    assert_eq!(store.token(tokens[2].id).await?, Some(tokens[2].clone()));
    Ok(())
}

pub async fn a_request_is_remembered_with_what_it_did(store: &Store) -> Result<()> {
    store.migrate().await?;
    let (id, answer) = (Uuid::from_u128(1), AnsweredRequest { fingerprint: vec![1], response: vec![2] });
    let mut change = store.begin_change().await?;
    change.remember(id, &answer).await?;
    drop(change);
    let mut change = store.begin_change().await?;
    assert_eq!(change.answered(id).await?, None, "it was not carried out");
    change.remember(id, &answer).await?;
    change.commit(&[]).await?;
    let mut change = store.begin_change().await?;
    assert_eq!(change.answered(id).await?, Some(answer));
    assert_eq!(change.answered(Uuid::from_u128(2)).await?, None);
    Ok(())
}

fn team(name: &str) -> TeamRow {
    TeamRow {
        team: Team {
            name: TeamName::new(name).expect("it is a slug"),
            title: None,
            staffed: true,
            overflow_team: None,
            hours: None,
            confidential: false,
            reopen_within_hours: None,
        },
        parent: None,
        max_waiting: 0,
        max_wait_s: 0,
        in_rules: false,
        pending_topology: true,
        updated_at: None,
        revision: 0,
    }
}
