//! Numbers over gRPC, and what the router makes of a new name.

use std::time::Duration;

use prost_types::FieldMask;
use serde_json::json;
use tonic::Code;
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::number_service_client::NumberServiceClient;
use waypost_tests::eventually;

use super::commands::post;
use super::server::{AdminServer, told};
use super::terminal::Terminal;

const WITHIN: Duration = Duration::from_secs(20);

/// Meta's id of the number that the samples write to.
const SAMPLE_ID: &str = "100000000000001";

const RULES: &str = waypost_tests::two_teams!(
    r#"
[[teams]]
name = "spain"

[[rules]]
id = "to-spain"
team = "spain"
when = { number = "support-es" }
"#
);

#[tokio::test]
async fn a_name_moves_and_every_router_follows() -> anyhow::Result<()> {
    let server = AdminServer::start_without_rules().await?;
    let terminal = |role| Terminal::new(&server, role);
    let (editor, publisher, viewer) = (terminal("editor")?, terminal("publisher")?, terminal("viewer")?);
    editor.json(&["rules", "push", &server.file("rules.toml", RULES)?])?;
    publisher.json(&["rules", "activate", "1"])?;

    post(&server, "wamid.unnamed", "hello").await?;
    let decision = async |wamid: &str| {
        let get = ["decisions", "get", wamid];
        eventually("the decision is there", WITHIN, async || viewer.json(&get).ok()).await
    };
    assert_eq!(decision("wamid.unnamed").await["rule"], "default");
    let listed = viewer.json(&["numbers", "list"])?;
    assert_eq!(listed[0]["name"], json!(format!("numbers/number-{SAMPLE_ID}")), "{listed}");

    // The router knows the number by its old name; within two seconds by its new one.
    let named = publisher.json(&["numbers", "set", "support-es", SAMPLE_ID])?;
    assert_eq!((&named["name"], &named["phone_number_id"]), (&json!("numbers/support-es"), &json!(SAMPLE_ID)));
    let mut number = 0;
    eventually("the router uses the new name", WITHIN, async || {
        number += 1;
        let wamid = format!("wamid.named.{number}");
        post(&server, &wamid, "hello").await.ok()?;
        Some(decision(&wamid).await).filter(|decision| decision["rule"] == "to-spain")
    })
    .await;

    let moved = publisher.json(&["numbers", "set", "numbers/support-es", "222"])?;
    assert_eq!(moved["former_phone_number_ids"], json!([SAMPLE_ID]), "the old one keeps the name");
    assert_eq!(viewer.json(&["numbers", "get", "support-es"])?["phone_number_id"], "222");
    let etag = named["etag"].as_str().unwrap_or_default();
    assert!(publisher.fails(&["numbers", "set", "support-es", "333", "--etag", etag], 1)?.contains("read it again"));
    viewer.fails(&["numbers", "set", "support-es", "333"], 6)?;
    assert!(viewer.fails(&["numbers", "get", "nobody"], 1)?.contains("does not exist"));

    let records = terminal("compliance")?.json(&["audit", "list", "--resource", "numbers/support-es"])?;
    let first = &records[1];
    assert_eq!((records.as_array().map(Vec::len), &first["method"]), (Some(2), &json!("NumberService/UpdateNumber")));
    assert!(first["before"] == "" && first["after"].as_str().is_some_and(|after| after.contains(SAMPLE_ID)), "{first}");
    let own = terminal("compliance")?.json(&["audit", "list", "--resource", &format!("numbers/number-{SAMPLE_ID}")])?;
    assert_eq!((own.as_array().map(Vec::len), &own[0]["after"]), (Some(1), &json!("")), "its old name is gone: {own}");
    // The language is the name's, whatever id it goes to.
    let spoken = publisher.json(&["numbers", "set", "support-es", "222", "--language", "es"])?;
    assert_eq!(spoken["language"], "es", "{spoken}");
    assert_eq!(publisher.json(&["numbers", "set", "support-es", "444"])?["language"], "es");
    assert_eq!(publisher.json(&["numbers", "set", "support-es", "222", "--language", ""])?["language"], "");
    publisher.fails(&["numbers", "set", "support-es", "222", "--language", "Spanish"], 3)?;
    Ok(())
}

#[tokio::test]
async fn a_configured_number_that_was_changed_stays_changed() -> anyhow::Result<()> {
    let mut server = AdminServer::start_with("[numbers]\nsupport = \"111\"\nsales = \"222\"").await?;
    let operator = Terminal::new(&server, "operator")?;
    let support = operator.json(&["numbers", "get", "support"])?;
    assert_eq!((&support["phone_number_id"], &support["update_time"]), (&json!("111"), &json!(null)));
    operator.json(&["numbers", "set", "support", "333"])?;
    server.restart().await?;
    let operator = Terminal::new(&server, "operator")?;
    assert_eq!(operator.json(&["numbers", "get", "support"])?["phone_number_id"], "333");
    assert_eq!(operator.json(&["numbers", "get", "sales"])?["phone_number_id"], "222");
    Ok(())
}

#[tokio::test]
async fn mistakes_name_their_fields() -> anyhow::Result<()> {
    let server = AdminServer::start().await?;
    let numbers = NumberServiceClient::new(server.caller("publisher").await?);
    let update = |name: &str, id: &str, mask: &[&str]| v1::UpdateNumberRequest {
        number: Some(v1::Number { name: name.to_owned(), phone_number_id: id.to_owned(), ..v1::Number::default() }),
        update_mask: Some(FieldMask { paths: mask.iter().map(|path| (*path).to_owned()).collect() }),
        allow_missing: true,
        validate_only: false,
    };
    let id = ["phone_number_id"];
    let cases: [(&[&str], v1::UpdateNumberRequest); 8] = [
        (&["number"], v1::UpdateNumberRequest::default()),
        (&["number.name"], update("support", "1", &id)),
        (&["number.name"], update("numbers/ support", "1", &id)),
        (&["number.name"], update("numbers/number-2", "1", &id)),
        (&["number.phone_number_id"], update("numbers/support", "", &id)),
        (&["number.phone_number_id", "number.name"], update("numbers/number-2", "+1", &id)),
        (&["update_mask"], update("numbers/support", "1", &[])),
        (&["update_mask"], update("numbers/support", "1", &["display_number"])),
    ];
    for (fields, request) in cases {
        let refused = numbers.update_number(request.clone()).await.expect_err(fields[0]);
        assert_eq!(refused.code(), Code::InvalidArgument, "{request:?}");
        assert_eq!(told(&refused), fields, "{request:?}");
    }
    let missing = v1::UpdateNumberRequest { allow_missing: false, ..update("numbers/support", "1", &id) };
    assert_eq!(numbers.update_number(missing).await.expect_err("there is none").code(), Code::NotFound);
    let trial = v1::UpdateNumberRequest { validate_only: true, ..update("numbers/support", "1", &["*"]) };
    let shown = numbers.update_number(trial).await?.into_inner().number.unwrap_or_default();
    assert_eq!((shown.name.as_str(), shown.phone_number_id.as_str()), ("numbers/support", "1"));
    for (page_size, page_token, field) in [(-1, "", "page_size"), (0, "nonsense", "page_token")] {
        let request = v1::ListNumbersRequest { page_size, page_token: page_token.to_owned() };
        assert_eq!(told(&numbers.list_numbers(request).await.expect_err(field)), [field]);
    }
    let get = v1::GetNumberRequest { name: "teams/support".to_owned() };
    assert_eq!(told(&numbers.get_number(get).await.expect_err("no number")), ["name"]);
    let list = v1::ListNumbersRequest::default();
    assert_eq!(numbers.list_numbers(list.clone()).await?.into_inner().numbers, [], "nothing was made");

    for (name, number) in [("numbers/b", "1"), ("numbers/a", "2"), ("numbers/c", "3"), ("numbers/a", "4")] {
        numbers.update_number(update(name, number, &id)).await?;
    }
    let first = numbers.list_numbers(v1::ListNumbersRequest { page_size: 2, ..list.clone() }).await?.into_inner();
    let rest = v1::ListNumbersRequest { page_token: first.next_page_token.clone(), ..list };
    let rest = numbers.list_numbers(rest).await?.into_inner();
    let names: Vec<&str> = first.numbers.iter().chain(&rest.numbers).map(|number| number.name.as_str()).collect();
    assert_eq!((names, rest.next_page_token.as_str()), (vec!["numbers/a", "numbers/b", "numbers/c"], ""));
    Ok(())
}
