//! What both databases must do alike: one case per promise. It knows no database; the caller brings an empty one.
//!
//! `waypost_store::store_suite!(open)` makes one test of each case, where `open` is an async function that returns a
//! guard and a [`Store`] on a database that nobody else uses and that has no schema yet.

mod admin;
mod campaign_ends;
mod campaigns;
mod claims;
mod contacts;
mod conversations;
mod erasure;
mod heard;
mod inbox;
mod janitor;
mod kept;
mod leases;
mod ledger;
mod news;
mod numbers;
mod parked;
mod races;
mod rule_sets;
mod sends;
mod setup;
mod traced;
mod transcript;

use std::time::Duration;

use uuid::Uuid;
use waypost_domain::send::{SendId, SendState};
use waypost_domain::team::Priority;
use waypost_domain::{
    AliasSet, ContactId, Conversation, ConversationId, NumberName, PartitionId, PhoneNumberId, TeamName, Timestamp,
};

use crate::{
    ContactRecord, EventKey, InboxRow, InboxTx, Lease, Observation, RecordTx, Result, Sequence, Store, StoreError,
    StoredDecision,
};

pub use admin::*;
pub use campaign_ends::*;
pub use campaigns::*;
pub use claims::*;
pub use contacts::*;
pub use conversations::*;
pub use erasure::*;
pub use heard::*;
pub use inbox::*;
pub use janitor::*;
pub use kept::*;
pub use leases::*;
pub use ledger::*;
pub use news::*;
pub use numbers::*;
pub use parked::*;
pub use races::*;
pub use rule_sets::*;
pub use sends::*;
pub use setup::*;
pub use traced::*;
pub use transcript::*;

/// One `#[tokio::test]` for each case; see [`suite`](crate::suite).
#[macro_export]
macro_rules! store_suite {
    ($open:path) => {
        $crate::store_suite! { $open;
            a_schema_is_made_once,
            a_person_is_erased_from_every_table,
            who_was_erased_counts_as_stopped_when_they_come_again,
            proof_is_kept_of_nobody,
            all_who_became_one_person_are_erased,
            a_transcript_is_one_list_of_what_came_and_what_went,
            what_was_said_is_forgotten_when_its_time_is_over,
            a_file_is_kept_for_its_own_time,
            a_read_is_written_down_once_an_hour,
            conversations_are_listed_by_what_is_asked,
            processes_may_migrate_at_once,
            a_schema_that_somebody_changed_is_refused,
            the_partition_count_is_fixed,
            numbers_keep_their_names,
            numbers_that_were_named_by_hand_stay,
            a_damaged_number_harms_no_other,
            teams_are_updated,
            an_audited_change_is_whole_or_nothing,
            tampering_with_the_audit_log_is_refused_and_found,
            the_rules_leave_alone_what_the_administration_changed,
            the_teams_of_all_sets_that_route_are_in_the_rules,
            tokens_are_found_by_their_hash,
            a_request_is_remembered_with_what_it_did,
            versions_of_rules_are_kept,
            the_text_of_rules_that_were_never_pushed_is_kept,
            rules_are_activated_one_change_after_the_other,
            replicas_come_and_go,
            a_lease_has_one_owner_and_a_new_epoch_each_time,
            an_expired_lease_is_free,
            who_is_alone_waits_for_no_lease_of_the_dead,
            a_former_owner_writes_nothing,
            a_former_claim_of_the_same_instance_writes_nothing,
            the_published_mark_never_goes_back,
            the_sequence_goes_on_after_a_takeover,
            a_suspect_outlives_its_owner,
            an_event_is_recorded_once,
            a_dropped_batch_leaves_nothing,
            two_partitions_cannot_both_record_an_event,
            what_was_published_is_a_duplicate,
            a_decision_reads_as_it_was_written,
            an_id_that_is_not_derived_is_refused,
            identities_resolve_as_the_table_says,
            identities_resolve_the_same_in_one_batch,
            what_is_known_of_a_contact_comes_back,
            nobody_is_nobody,
            two_stored_contacts_are_merged_outside_the_batch,
            a_merge_hands_over_what_is_open,
            a_merge_happens_once,
            an_import_updates_a_contact,
            what_contacts_have_of_attributes_is_told,
            strange_names_are_stored,
            one_number_is_one_contact_however_it_is_spelt,
            spellings_meet_in_one_batch,
            what_was_stored_under_another_spelling_is_found,
            who_was_silent_is_claimed_and_not_adopted,
            a_claim_goes_along_with_a_merge,
            claims_that_a_merge_makes_equal_are_one,
            a_claim_that_is_refused_does_not_come_back,
            an_identity_change_is_a_doubt_until_somebody_confirms,
            a_number_on_a_card_is_theirs_once_it_writes,
            a_merge_can_be_undone,
            merges_are_undone_in_any_order,
            the_last_merge_is_the_one_that_is_shown_first,
            how_whatsapp_writes_a_number_is_kept,
            a_language_is_learnt_and_kept,
            one_conversation_is_unresolved,
            a_conversation_says_whose_it_is,
            a_resolved_conversation_stays_resolved,
            an_answer_is_of_the_conversation_that_is_open,
            a_conversation_may_follow_another_in_one_batch,
            what_a_person_resolved_may_go_on,
            a_conversation_is_bound_to_who_got_its_message,
            the_conversation_before_is_the_one_that_was_active_last,
            held_messages_wait_in_order,
            notices_wait_to_be_shown_once,
            held_messages_are_released_once,
            statuses_are_unique_in_any_order,
            everything_is_read_in_pages,
            changes_are_unique,
            idle_conversations_are_resolved,
            the_janitor_deletes_what_is_old_in_steps,
            the_janitor_deletes_campaigns_after_their_recipients,
            a_campaign_is_judged_by_its_last_messages,
            nothing_of_a_person_outlives_what_it_came_from,
            silence_ends_what_does_not_wait,
            the_janitor_spares_what_is_not_published,
            the_janitor_spares_held_messages,
            decisions_are_found_from_the_newest_down,
            it_is_known_when_a_message_was_published,
            where_a_message_went_instead_is_written_down,
            who_became_part_of_a_contact_is_found_with_it,
            a_parked_message_is_kept_once,
            parked_messages_are_found_by_their_bytes,
            parked_messages_are_listed_and_grouped,
            a_replay_gets_beyond_what_it_leaves,
            a_replay_is_gone_on_with_when_its_worker_is_gone,
            a_replay_that_is_stopped_in_a_step_lets_go_after_it,
            a_damaged_row_does_not_hide_the_others,
            what_follows_a_message_is_bounded,
            parked_messages_are_discarded,
            a_request_is_stored_once,
            sends_are_listed_and_taken_back,
            what_is_due_is_found_by_number,
            what_is_urgent_waits_for_nothing_that_is_not,
            a_claim_knows_the_contact,
            what_ended_while_it_waited_hides_nobody,
            who_waits_behind_what_a_dead_sender_had_in_hand_looks_again,
            who_waits_is_woken_by_the_one_before,
            who_waits_is_woken_when_the_one_before_expires,
            what_was_put_off_is_pulled_forward,
            news_of_a_send_comes_in_any_order,
            an_orphan_status_is_joined_by_the_answer,
            a_failure_keeps_its_code_and_its_price_is_told_once,
            what_is_spent_is_summed_up,
            what_a_dead_sender_had_in_hand_may_have_gone,
            what_is_put_off_is_tried_again,
            places_of_the_limit_are_taken_and_given_back,
            meta_closes_a_window,
            consent_is_added_and_never_changed,
            what_customers_say_is_kept_behind_a_fence,
            the_last_offer_is_what_the_business_began,
            a_whole_list_of_templates_replaces_what_was_known,
            bars_are_set_and_lifted,
            policy_data_has_versions,
            news_that_is_older_than_what_is_known_is_old,
            a_change_keeps_the_time_of_its_first_copy,
            an_alert_stands_until_somebody_acknowledges_it,
            good_news_lifts_what_is_older_and_of_its_kind,
            a_webhook_is_newer_than_a_list_that_was_asked_for_before,
            a_list_of_templates_is_wanted_tried_and_known,
            recipients_are_added_once,
            many_contacts_are_found_at_once,
            a_row_becomes_one_send,
            one_person_gets_one_send,
            a_campaign_is_queued_at_its_pace,
            a_pause_holds_its_own_sends_alone,
            a_campaign_ends_when_every_row_has_an_end,
            what_is_left_of_a_campaign_is_ended_in_steps,
            partitions_meet_the_same_contacts,
            merges_race_with_batches,
        }
    };
    ($open:path; $($case:ident,)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let (_guard, store) = $open().await;
                let outcome = $crate::suite::$case(&store).await;
                store.close().await;
                outcome.expect(stringify!($case));
            }
        )+
    };
}

/// Whose leases number the inbox here: the store under test is opened with it.
pub const COMPONENT: &str = "decider";
/// As long as no case waits for.
const TTL: Duration = Duration::from_secs(3600);
const NUMBER: &str = "106540352242922";

/// The owner of a partition of the inbox, on a fresh schema.
async fn owner(store: &Store) -> Result<Lease> {
    store.migrate().await?;
    owner_of(store, 0).await
}

async fn owner_of(store: &Store, partition: u16) -> Result<Lease> {
    let lease = store.acquire_lease(COMPONENT, PartitionId(partition), "one", TTL, Sequence::OfInbox).await?;
    Ok(lease.expect("the partition is free"))
}

async fn begin(store: &Store, lease: &Lease) -> Result<InboxTx> {
    store.begin_batch(&lease.fence(lease.published_seq, None)).await
}

async fn begin_record(store: &Store, lease: &Lease) -> Result<RecordTx> {
    store.begin_record(&lease.fence(lease.published_seq, None)).await
}

/// Takes a send back, by nobody.
async fn cancel(store: &Store, id: &SendId) -> Result<Option<SendState>> {
    let mut tx = store.begin_change().await?;
    let state = tx.cancel_send(id).await?;
    tx.commit(&[]).await?;
    Ok(state)
}

fn number() -> PhoneNumberId {
    PhoneNumberId::new(NUMBER)
}

fn name(text: &str) -> NumberName {
    NumberName::new(text).expect("a valid name")
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn event(key: &str) -> EventKey {
    EventKey { number: number(), key: key.to_owned() }
}

pub(crate) fn row(key: &str, seq: i64) -> InboxRow {
    InboxRow {
        number: number(),
        key: key.to_owned(),
        seq,
        kind: "message",
        decision_id: event(key).decision_id(),
        contact: None,
        conversation: None,
        received_at: at(1_000 + seq),
        recorded_at: at(2_000 + seq),
        before_published_at: None,
        outcome: Some(decision("billing")),
        held_event: None,
        held_for: None,
    }
}

fn decision(team: &str) -> StoredDecision {
    StoredDecision {
        rule_set: "sha256:1".into(),
        rule: "r1".into(),
        phase: "route".into(),
        team: Some(TeamName::new(team).expect("a valid team")),
        priority: Priority::Urgent,
        why: "keyword".into(),
        input: vec![0, 1, 255],
        extras: vec![],
    }
}

/// `"p:1 b:US.a P:US.ENT.x"`: phone, BSUID, parent BSUID.
fn aliases(text: &str) -> AliasSet {
    let mut set = AliasSet::default();
    for word in text.split_whitespace() {
        let (kind, value) = word.split_once(':').expect("kind:value");
        let value = Some(value.to_owned());
        match kind {
            "p" => set.phone = value,
            "b" => set.bsuid = value,
            "P" => set.parent_bsuid = value,
            other => panic!("no such kind of alias: {other}"),
        }
    }
    set
}

fn seen(text: &str) -> Observation {
    Observation::of(aliases(text), at(1_000))
}

/// A batch of nothing but these observations, with the merges that it asks for.
async fn observe(store: &Store, lease: &Lease, observations: &[Observation]) -> Result<Vec<Option<ContactRecord>>> {
    for _ in 0..ATTEMPTS_MAX {
        let mut batch = begin(store, lease).await?;
        let error = match batch.contacts(observations).await {
            Ok(contacts) => {
                batch.commit().await?;
                return Ok(contacts);
            }
            Err(error) => error,
        };
        drop(batch);
        match error {
            StoreError::MergeFirst(merges) => merge(store, &merges).await?,
            StoreError::Retry { .. } => {}
            other => return Err(other),
        }
    }
    panic!("no end of retries");
}

async fn merge(store: &Store, merges: &[crate::Merge]) -> Result<()> {
    match store.merge(merges).await {
        // A deadlock was broken: the batch that asked will ask again.
        Err(StoreError::Retry { .. }) => Ok(()),
        other => other,
    }
}

/// Whom `text` names, who must be known.
async fn contact_of(store: &Store, lease: &Lease, text: &str) -> Result<ContactId> {
    let contacts = observe(store, lease, &[seen(text)]).await?;
    Ok(contacts[0].as_ref().expect("it names somebody").id)
}

const ATTEMPTS_MAX: u32 = 100;

fn conversation(contact: ContactId, number: &str, opened_at: i64) -> Conversation {
    let id = ConversationId::from_uuid(Uuid::now_v7());
    Conversation::new(id, contact, name(number), at(opened_at))
}
