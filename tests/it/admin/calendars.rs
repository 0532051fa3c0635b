//! Calendars of a version, and holidays out of iCalendar texts. Each change is a new version.

use prost_types::FieldMask;
use tonic::{Code, Status};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::calendar_service_client::CalendarServiceClient;
use waypost_proto::rules_v1;

use super::rules::{RULES, push, version, versions};
use super::server::{AdminServer, Caller, told};
use super::terminal::Terminal;

const OFFICE: &str = "ruleSets/1/calendars/office";

const HOLIDAYS: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\n\
    BEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:20261225\r\nSUMMARY:Navidad\r\nEND:VEVENT\r\n\
    BEGIN:VEVENT\r\nUID:2\r\nDTSTART;VALUE=DATE:19780101\r\nRRULE:FREQ=YEARLY\r\nSUMMARY:Año \r\n Nuevo\r\nEND:VEVENT\r\n\
    BEGIN:VEVENT\r\nUID:3\r\nDTSTART;VALUE=DATE:20260402\r\nDTEND;VALUE=DATE:20260404\r\nSUMMARY:Semana Santa\r\nEND:VEVENT\r\n\
    BEGIN:VEVENT\r\nUID:4\r\nDTSTART:20260601T090000Z\r\nSUMMARY:A meeting\r\nEND:VEVENT\r\n\
    END:VCALENDAR\r\n";

fn calendars(caller: &Caller) -> CalendarServiceClient {
    CalendarServiceClient::new(caller.clone())
}

async fn get(caller: &Caller, name: &str) -> Result<v1::Calendar, Status> {
    let request = v1::GetCalendarRequest { name: name.to_owned() };
    Ok(calendars(caller).get_calendar(request).await?.into_inner().calendar.unwrap_or_default())
}

fn update(calendar: v1::Calendar, paths: &[&str]) -> v1::UpdateCalendarRequest {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    v1::UpdateCalendarRequest { calendar: Some(calendar), update_mask: Some(FieldMask { paths }), ..Default::default() }
}

fn import(name: &str, ical_text: &str, years: &[u32]) -> v1::ImportHolidaysRequest {
    let (name, ical_text, years) = (name.to_owned(), ical_text.to_owned(), years.to_vec());
    v1::ImportHolidaysRequest { name, ical_text, years, ..Default::default() }
}

#[tokio::test]
async fn a_calendar_is_created_changed_and_deleted_each_time_in_a_new_version() -> anyhow::Result<()> {
    let server = AdminServer::start_without_rules().await?;
    let editor = server.caller("editor").await?;
    let client = calendars(&editor);
    push(&editor, RULES).await?;
    let office = get(&editor, OFFICE).await?;
    assert_eq!((office.zone.as_str(), office.holidays.len()), ("Europe/Madrid", 1));

    let other = v1::Calendar { zone: "Europe/Lisbon".to_owned(), holidays: Vec::new(), ..office.clone() };
    let changed = client.update_calendar(update(other.clone(), &["zone"])).await?.into_inner();
    let after = changed.calendar.unwrap_or_default();
    assert_eq!((after.name.as_str(), after.zone.as_str()), ("ruleSets/2/calendars/office", "Europe/Lisbon"));
    assert_eq!((after.holidays.clone(), after.hours.clone()), (office.holidays.clone(), office.hours.clone()));
    assert_eq!(get(&editor, OFFICE).await?, office, "the old version is as it was");
    let stale = v1::Calendar { name: after.name.clone(), ..other };
    let stale = client.update_calendar(update(stale, &["*"])).await.expect_err("the etag is old");
    assert_eq!((stale.code(), told(&stale)), (Code::Aborted, vec!["ETAG_MISMATCH".to_owned()]));

    let night = v1::Calendar { hours: office.hours.clone(), ..v1::Calendar::default() };
    let create = v1::CreateCalendarRequest {
        parent: "ruleSets/2".to_owned(),
        calendar_id: "night".to_owned(),
        calendar: Some(v1::Calendar { zone: "UTC".to_owned(), ..night.clone() }),
        ..Default::default()
    };
    let made = client.create_calendar(create.clone()).await?.into_inner();
    assert_eq!(made.calendar.unwrap_or_default().name, "ruleSets/3/calendars/night");
    let list = v1::ListCalendarsRequest { parent: "ruleSets/3".to_owned(), page_size: 1, ..Default::default() };
    let first = client.list_calendars(list.clone()).await?.into_inner();
    let next = v1::ListCalendarsRequest { page_token: first.next_page_token, ..list };
    let second = client.list_calendars(next.clone()).await?.into_inner();
    let names = [&first.calendars[0].name, &second.calendars[0].name];
    assert_eq!(names, ["ruleSets/3/calendars/night", "ruleSets/3/calendars/office"]);
    assert_eq!(second.next_page_token, "");
    let other_list = v1::ListCalendarsRequest { parent: "ruleSets/2".to_owned(), ..next };
    assert_eq!(told(&client.list_calendars(other_list).await.expect_err("another list")), ["page_token"]);

    let delete = |name: &str| v1::DeleteCalendarRequest { name: name.to_owned(), ..Default::default() };
    let in_use = client.delete_calendar(delete("ruleSets/3/calendars/office")).await.expect_err("in use");
    assert_eq!((in_use.code(), told(&in_use)), (Code::FailedPrecondition, vec!["CALENDAR_IN_USE".to_owned()]));
    assert!(in_use.message().ends_with(": night"), "the rule of that name: {in_use}");
    let gone = client.delete_calendar(delete("ruleSets/3/calendars/night")).await?.into_inner();
    assert_eq!(gone.rule_set.unwrap_or_default().name, "ruleSets/2", "it says the same as before");
    let records =
        Terminal::new(&server, "compliance")?.json(&["audit", "list", "--resource", "ruleSets/3/calendars/night"])?;
    let methods: Vec<_> = records.as_array().into_iter().flatten().map(|record| record["method"].clone()).collect();
    assert_eq!(methods, ["CalendarService/DeleteCalendar", "CalendarService/CreateCalendar"]);
    Ok(())
}

#[tokio::test]
async fn holidays_are_imported_and_what_is_left_out_is_told() -> anyhow::Result<()> {
    let server = AdminServer::start_without_rules().await?;
    let editor = server.caller("editor").await?;
    let client = calendars(&editor);
    push(&editor, RULES).await?;
    let request = import(OFFICE, HOLIDAYS, &[2026, 2027]);
    client.import_holidays(v1::ImportHolidaysRequest { validate_only: true, ..request.clone() }).await?;
    assert_eq!(versions(&editor).await?, 1, "only validated");
    let told = client.import_holidays(request.clone()).await?.into_inner();
    let added: Vec<_> = told.added.iter().map(|holiday| (holiday.date.as_str(), holiday.name.as_str())).collect();
    let want = [
        ("2026-01-01", "Año Nuevo"),
        ("2026-04-02", "Semana Santa"),
        ("2026-04-03", "Semana Santa"),
        ("2027-01-01", "Año Nuevo"),
    ];
    assert_eq!(added, want);
    let skipped: Vec<_> = told.skipped.iter().map(|one| (one.line, one.summary.as_str(), one.date.as_str())).collect();
    assert_eq!((skipped, told.skipped_count), (vec![(4, "Navidad", "2026-12-25"), (22, "A meeting", "")], 2));
    assert!(told.skipped[0].reason.contains("already") && told.skipped[1].reason.contains("time of day"));
    let calendar = told.calendar.unwrap_or_default();
    assert_eq!((calendar.name.as_str(), calendar.holidays.len()), ("ruleSets/2/calendars/office", 5));
    assert_eq!(calendar.holidays[3].shifts.len(), 1, "Christmas keeps its hours: {:?}", calendar.holidays);
    let text = version(&editor, "ruleSets/2", v1::RuleSetView::Full).await?.text;
    assert!(text.contains("{ date = 2026-04-03, name = \"Semana Santa\", hours = [] }"), "{text}");

    let again = client.import_holidays(import(&calendar.name, HOLIDAYS, &[2026, 2027])).await?.into_inner();
    assert_eq!((again.added.len(), again.rule_set.unwrap_or_default().name.as_str()), (0, "ruleSets/2"));
    // Without years, those of the server's clock; New Year comes in both.
    let this_year = client.import_holidays(import(OFFICE, HOLIDAYS, &[])).await?.into_inner();
    let new_years = this_year.added.iter().filter(|holiday| holiday.date.ends_with("-01-01")).count();
    assert_eq!(new_years, 2, "{:?}", this_year.added);
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_with_a_calendar_is_named_and_nothing_is_kept() -> anyhow::Result<()> {
    let server = AdminServer::start_without_rules().await?;
    let editor = server.caller("editor").await?;
    let client = calendars(&editor);
    push(&editor, RULES).await?;
    let invalid = Code::InvalidArgument;
    let with = |field: fn(&mut v1::ImportHolidaysRequest)| {
        let mut request = import(OFFICE, HOLIDAYS, &[2026]);
        field(&mut request);
        request
    };
    let cases = [
        (with(|request| request.name = "calendars/office".to_owned()), invalid, vec!["name"]),
        (with(|request| request.name = "ruleSets/1/calendars/none".to_owned()), Code::NotFound, vec!["NOT_FOUND"]),
        (with(|request| request.name = "ruleSets/9/calendars/office".to_owned()), Code::NotFound, vec!["NOT_FOUND"]),
        (with(|request| request.ical_text.clear()), invalid, vec!["ical_text"]),
        (with(|request| request.ical_text = "BEGIN:VCALENDAR\na\nb\n".to_owned()), invalid, vec!["ical_text"; 2]),
        (with(|request| request.ical_text.push_str(&" ".repeat(1 << 20))), invalid, vec!["ical_text"]),
        (with(|request| request.years = vec![2026, 1969, 10_000]), invalid, vec!["years[1]", "years[2]"]),
        (with(|request| request.years = (2000..2011).collect()), invalid, vec!["years"]),
        (with(|request| request.etag = "old".to_owned()), Code::Aborted, vec!["ETAG_MISMATCH"]),
        (with(|request| request.request_id = "1".to_owned()), invalid, vec!["request_id"]),
        (with(|request| request.reason = "x".repeat(501)), invalid, vec!["reason"]),
    ];
    for (number, (request, code, fields)) in cases.into_iter().enumerate() {
        let refused = client.import_holidays(request).await.expect_err("refused");
        assert_eq!(
            (refused.code(), told(&refused)),
            (code, fields.into_iter().map(str::to_owned).collect()),
            "{number}"
        );
    }
    let mut office = get(&editor, OFFICE).await?;
    assert_eq!(
        told(&client.update_calendar(update(office.clone(), &["name"])).await.expect_err("mask")),
        ["update_mask"]
    );
    office.hours[0].days = vec![8];
    office.holidays.push(rules_v1::Holiday { date: "2026-02-30".to_owned(), ..Default::default() });
    let wrong = client.update_calendar(update(office, &["*"])).await.expect_err("wrong");
    assert_eq!(told(&wrong), ["calendar.hours[0].days", "calendar.holidays[1].date"]);
    let create = v1::CreateCalendarRequest {
        parent: "ruleSets/1".to_owned(),
        calendar_id: "A B".to_owned(),
        ..Default::default()
    };
    assert_eq!(told(&client.create_calendar(create.clone()).await.expect_err("no id")), ["calendar_id"]);
    let create = v1::CreateCalendarRequest {
        calendar_id: "office".to_owned(),
        calendar: Some(v1::Calendar::default()),
        ..create
    };
    assert_eq!(client.create_calendar(create).await.expect_err("exists").code(), Code::AlreadyExists);
    let viewer = server.caller("viewer").await?;
    let refused = calendars(&viewer).import_holidays(import(OFFICE, HOLIDAYS, &[2026])).await.expect_err("may not");
    assert_eq!((refused.code(), told(&refused)), (Code::PermissionDenied, vec!["ROLE_MISSING".to_owned()]));
    assert_eq!(versions(&editor).await?, 1, "nothing was kept");
    Ok(())
}

#[tokio::test]
async fn the_command_for_calendars_has_every_verb() -> anyhow::Result<()> {
    let server = AdminServer::start_without_rules().await?;
    let editor = Terminal::new(&server, "editor")?;
    push(&server.caller("editor").await?, RULES).await?;
    let file = |name: &str, text: &str| server.file(name, text);
    let ics = file("holidays.ics", HOLIDAYS)?;
    let words = ["calendars", "import", &ics, "--calendar", "office", "--years", "2026,2027"];
    let told = editor.json(&words)?;
    assert_eq!((told["added"].as_array().map(Vec::len), &told["skipped_count"]), (Some(4), &2.into()), "{told}");
    assert_eq!(told["rule_set"]["state"], "RULE_SET_STATE_CHECKED");
    let shown = editor.run(&[&words[..], &["--base", "1", "--validate-only"]].concat())?;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        shown.contains("added    2026-04-02  Semana Santa") && shown.contains("skipped  line 22: A meeting"),
        "{shown}"
    );
    assert!(shown.contains("nothing was kept"), "{shown}");

    let again = editor.run(&[&words[..], &["--base", "2"]].concat())?;
    let again = String::from_utf8_lossy(&again.stdout).into_owned();
    assert!(again.contains("0 added, 6 skipped\nnothing changed: ruleSets/2 says so already"), "{again}");

    let hours = "[[calendars]]\nname = \"office\"\nzone = \"Europe/Lisbon\"\nhours = []\n";
    let set = editor.json(&["calendars", "set", &file("office.toml", hours)?, "--base", "2"])?;
    assert_eq!(set["calendar"]["zone"], "Europe/Lisbon");
    assert_eq!(set["calendar"]["holidays"].as_array().map(Vec::len), Some(5), "they stay");
    let night = hours.replace("office", "night");
    let made = editor.json(&["calendars", "set", &file("night.toml", &night)?])?;
    assert_eq!(made["calendar"]["name"], "ruleSets/4/calendars/night");
    let listed = editor.json(&["calendars", "list"])?;
    assert_eq!(listed.as_array().map(Vec::len), Some(2), "{listed}");
    let text = editor.run(&["calendars", "get", "night", "--text"])?;
    assert_eq!(String::from_utf8_lossy(&text.stdout), night);
    assert_eq!(editor.json(&["calendars", "delete", "night"])?["rule_set"]["name"], "ruleSets/3");

    let own = file("own.toml", RULES)?;
    assert_eq!(editor.json(&["rules", "push", &own, "--drop-holidays"])?["rule_set"]["name"], "ruleSets/1");
    editor.json(&["calendars", "import", &ics, "--calendar", "office", "--years", "2099", "--base", "1"])?;
    for more in [&[][..], &["--validate-only"]] {
        let refused = editor.fails(&[&["rules", "push", &own][..], more].concat(), 1)?;
        assert!(refused.contains("2099-01-01 Año Nuevo;") && refused.contains("--drop-holidays"), "{refused}");
        assert!(refused.contains("waypost calendars get office --base 5 --text"), "{refused}");
    }

    assert!(editor.fails(&["calendars", "delete", "office"], 1)?.contains("night"), "a rule names it");
    assert!(editor.fails(&["calendars", "import", "none.ics", "--calendar", "office"], 3)?.contains("none.ics"));
    let no_calendar = file("bad.ics", "<html>")?;
    assert!(
        editor.fails(&["calendars", "import", &no_calendar, "--calendar", "office"], 3)?.contains("ical_text: line 1")
    );
    Ok(())
}
