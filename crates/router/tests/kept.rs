//! Contact changes are in the store before they are acknowledged.

#![allow(clippy::unwrap_used, reason = "a test")]

use waypost_bus::Address;
use waypost_domain::{PartitionCount, PartitionId};
use waypost_proto::v1;
use waypost_router::RouterConfig;

mod support;

use support::{Log, Rig, event};

/// What is kept, and how it is told from everything else in the store.
struct Kept {
    queue: &'static str,
    address: Address,
    event: v1::Event,
    table: &'static str,
    columns: &'static str,
    row: &'static str,
}

fn kept() -> [Kept; 1] {
    let layout = waypost_bus::Layout::new(PartitionCount::new(1).unwrap());
    let event = |kind: v1::EventKind, key: &str, field: &str, json: &str| v1::Event {
        kind: kind.into(),
        key: key.to_owned(),
        field: field.to_owned(),
        waba_id: "9".to_owned(),
        json: json.to_owned().into(),
        entry_time: 1_750_000_001,
        contact: None,
        ..event("", "", "")
    };
    let rotation = r#"{"user_id_update":[{"wa_id":"15550001","user_id":{"previous":"US.1","current":"US.2"}}]}"#;
    let change = "concat_ws('|', scope, number, waba_id, field, key, received_at, entry_time)";
    [Kept {
        queue: "wa.in.p00",
        address: layout.inbound(PartitionId(0)),
        event: event(v1::EventKind::ContactChange, "c", "user_id_update", rotation),
        table: "change",
        columns: change,
        row: "contact|1|9|user_id_update|c|1750000000000|1750000001",
    }]
}

#[tokio::test]
async fn each_is_in_the_store_as_it_came() {
    for Kept { queue, address, event, table, columns, row } in kept() {
        let rig = Rig::new(RouterConfig::default()).await;
        // Meta sends things twice: here in one batch.
        rig.publish(&address, [event.clone(), event.clone()]).await;
        rig.route_until(async || rig.waiting(queue).await == 0).await;
        assert_eq!(rig.ask(&format!("SELECT {columns} FROM {table}")), [row], "{queue}");
        let json = rig.ask(&format!("SELECT CAST(json AS TEXT) FROM {table}"));
        assert_eq!(json, [String::from_utf8(event.json.to_vec()).unwrap()], "{queue}");
    }
}

/// A store that refuses the row, as one does whose disk is full: nothing is acknowledged meanwhile, and it is stored
/// once there is room.
#[tokio::test]
async fn what_the_store_refuses_is_not_acknowledged_and_comes_again() {
    const REASON: &str = "no room for this row";
    for Kept { queue, address, event, table, columns, row } in kept() {
        let (log, _logging) = Log::collect();
        let rig = Rig::new(RouterConfig::default()).await;
        let refuse = format!("CREATE TRIGGER full BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, '{REASON}'); END");
        rig.database().execute_batch(&refuse).unwrap();
        rig.publish(&address, [event]).await;
        let mut refusals = 0;
        rig.route_until(async || {
            // At the second one it is certain what became of the first.
            assert_eq!(rig.waiting(queue).await, 1, "{queue}: acknowledged, and not stored");
            refusals += log.take().matches(REASON).count();
            refusals >= 2
        })
        .await;
        assert_eq!(rig.waiting(queue).await, 1, "{queue}: acknowledged, and not stored");
        rig.database().execute_batch("DROP TRIGGER full").unwrap();
        rig.route_until(async || rig.waiting(queue).await == 0).await;
        assert_eq!(rig.ask(&format!("SELECT {columns} FROM {table}")), [row], "{queue}");
    }
}
