//! What every change keeps, and what it does not.

#![allow(clippy::unwrap_used, reason = "a test")]

use tempfile::TempDir;
use waypost_domain::{Team, TeamName};
use waypost_grpc::error::invalid;
use waypost_grpc::{CallError, Caller, Changed, Mutation, Result, Tx, change};
use waypost_proto::admin_v1::{CreateTeamRequest, CreateTeamResponse, Team as WireTeam};
use waypost_store::{AuditRecord, Store, StoreOptions, StoreUrl, TeamRow};

const ID: &str = "0190a0a0-0000-7000-8000-000000000001";

async fn store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let url = StoreUrl::sqlite_file(folder.path().join("store.db"));
    let store = Store::open(&url, StoreOptions::default()).await.unwrap();
    store.migrate().await.unwrap();
    (folder, store)
}

fn request(actor: &str, team: &str, request_id: &str, validate_only: bool) -> tonic::Request<CreateTeamRequest> {
    let (team_id, request_id) = (team.to_owned(), request_id.to_owned());
    let mut request = tonic::Request::new(CreateTeamRequest { team: None, team_id, validate_only, request_id });
    let method = "TeamService/CreateTeam".to_owned();
    request.extensions_mut().insert(Caller { actor: actor.to_owned(), method, bound_to: None, roles: vec![] });
    request
}

/// Writes the team of that name. `title` is in the answer only, and tells two runs apart.
async fn put(tx: &mut Tx, name: TeamName, title: &str, recorded: bool) -> Result<CreateTeamResponse> {
    let team = Team {
        name: name.clone(),
        title: None,
        staffed: true,
        overflow_team: None,
        hours: None,
        confidential: false,
        reopen_within_hours: None,
    };
    let (parent, updated_at) = (None, None);
    let (max_waiting, max_wait_s, in_rules, pending_topology, revision) = (0, 0, false, true, 0);
    let row = TeamRow { team, parent, max_waiting, max_wait_s, in_rules, pending_topology, updated_at, revision };
    tx.put_team(&row).await?;
    let team = WireTeam { name: format!("teams/{name}"), title: title.to_owned(), ..WireTeam::default() };
    if recorded {
        tx.record(&team.name, None, Some(&team));
    }
    Ok(CreateTeamResponse { team: Some(team) })
}

async fn create(
    store: &Store,
    request: tonic::Request<CreateTeamRequest>,
    title: &'static str,
) -> Result<Changed<CreateTeamResponse>> {
    let (mutation, request) = Mutation::read(request)?;
    let name = TeamName::new(&request.team_id).unwrap();
    change(store, mutation, move |tx| Box::pin(put(tx, name, title, true))).await
}

async fn teams(store: &Store) -> Vec<String> {
    let rows = store.team_rows(None, 100).await.unwrap();
    rows.into_iter().map(|row| row.team.name.to_string()).collect()
}

async fn records(store: &Store) -> Vec<AuditRecord> {
    store.audit_records(i64::MAX, None, 100).await.unwrap()
}

fn title(changed: &Changed<CreateTeamResponse>) -> String {
    let (Changed::Now(answer) | Changed::Before(answer) | Changed::Checked(answer)) = changed;
    answer.team.as_ref().unwrap().title.clone()
}

#[tokio::test]
async fn a_change_is_kept_with_its_record() {
    let (_folder, store) = store().await;
    let changed = create(&store, request("tokens/1", "billing", "", false), "x").await.unwrap();
    assert!(matches!(changed, Changed::Now(_)));
    assert_eq!(teams(&store).await, ["billing"]);
    let records = records(&store).await;
    let entry = &records[0].entry;
    assert_eq!(records.len(), 1);
    assert_eq!((&*entry.actor, &*entry.method), ("tokens/1", "TeamService/CreateTeam"));
    assert_eq!((&*entry.resource, &*entry.before), ("teams/billing", ""));
    assert!(entry.after.contains("billing"), "{}", entry.after);
}

#[tokio::test]
async fn what_is_only_checked_leaves_nothing() {
    let (_folder, store) = store().await;
    let changed = create(&store, request("tokens/1", "billing", ID, true), "x").await.unwrap();
    assert!(matches!(changed, Changed::Checked(_)));
    assert!(teams(&store).await.is_empty() && records(&store).await.is_empty());
    // Nor is it remembered: the request itself is carried out afterwards.
    let changed = create(&store, request("tokens/1", "billing", ID, false), "x").await.unwrap();
    assert!(matches!(changed, Changed::Now(_)));
}

#[tokio::test]
async fn the_same_request_is_answered_as_before() {
    let (_folder, store) = store().await;
    create(&store, request("tokens/1", "billing", ID, false), "first").await.unwrap();
    let again = create(&store, request("tokens/1", "billing", ID, false), "second").await.unwrap();
    assert!(matches!(again, Changed::Before(_)));
    assert_eq!((title(&again).as_str(), records(&store).await.len()), ("first", 1));
    for (actor, team) in [("tokens/2", "billing"), ("tokens/1", "sales")] {
        let refused = create(&store, request(actor, team, ID, false), "x").await.unwrap_err();
        assert_eq!(refused.to_string(), "request_id: was used for another request");
    }
    let refused = create(&store, request("tokens/1", "sales", "1", false), "x").await.unwrap_err();
    assert_eq!(refused.to_string(), "request_id: must be a UUID");
}

#[tokio::test]
async fn what_fails_leaves_nothing() {
    let (_folder, store) = store().await;
    let (mutation, _) = Mutation::read(request("tokens/1", "billing", ID, false)).unwrap();
    let name = TeamName::new("billing").unwrap();
    let failed = change(&store, mutation, move |tx| {
        Box::pin(async move {
            put(tx, name, "x", true).await?;
            Err::<CreateTeamResponse, _>(invalid("team", "is not wanted"))
        })
    });
    assert!(matches!(failed.await.unwrap_err(), CallError::Invalid(_)));
    assert!(teams(&store).await.is_empty() && records(&store).await.is_empty());
}

#[tokio::test]
async fn nothing_is_kept_without_a_record_unless_that_is_said() {
    for (said, kept) in [(false, 0), (true, 1)] {
        let (_folder, store) = store().await;
        let (mutation, _) = Mutation::read(request("tokens/1", "billing", ID, false)).unwrap();
        let name = TeamName::new("billing").unwrap();
        let changed = change(&store, mutation, move |tx| {
            Box::pin(async move {
                if said {
                    tx.keep_without_record();
                }
                put(tx, name, "x", false).await
            })
        });
        changed.await.unwrap();
        assert_eq!((teams(&store).await.len(), records(&store).await.len()), (kept, 0), "{said}");
    }
}

#[tokio::test]
async fn only_who_passed_the_gate_changes_anything() {
    let refused = Mutation::read(tonic::Request::new(CreateTeamRequest::default())).unwrap_err();
    assert!(matches!(refused, CallError::Internal(_)), "{refused}");
}
