//! Verdicts as they are stored, and as people read them.

use waypost_domain::Category;
use waypost_policy::{Record, Verdict};

use crate::scene::{Scene, at};

#[test]
fn what_is_stored_is_read_again() {
    let scenes = [
        Scene::answer(),
        Scene::template(Category::Utility),
        Scene::substituted(Category::Marketing),
        Scene::template(Category::Authentication),
        Scene::template(Category::Marketing).with(|s| s.now = at("2026-12-01T23:00")),
        Scene::answer().with(|s| s.request.expires_at = Some(s.now)),
    ];
    for scene in scenes {
        let record = Record::new(&scene.asked(), scene.verdict());
        let json = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), record, "{json}");
    }
}

/// Rows of the first release. They are read for ever.
#[test]
fn rows_of_before_are_read() {
    let refused = r#"{"format":1,"judged_at":1796126400000,"data_version":1,"data_as_of":"2026-11-29","opt_in":"caught_up",
        "verdict":{"refused":{"rule":"button_missing","field":"buttons[1]","detail":"\"Seguir\""}}}"#;
    let record: Record = serde_json::from_str(refused).unwrap();
    let Verdict::Refused(finding) = &record.verdict else { panic!("{record:?}") };
    assert_eq!(
        finding.to_string(),
        "buttons[1]: A button has a variable and no value. (\"Seguir\") To send it: give the value of this button."
    );
    let deferred = r#"{"format":1,"judged_at":1796126400000,"data_version":1,"data_as_of":"2026-11-29","opt_in":"not_installed",
        "verdict":{"deferred":{"until":1796169600000,"rule":"quiet_hours","detail":"ES"}}}"#;
    let record: Record = serde_json::from_str(deferred).unwrap();
    assert_eq!(record.verdict.finding().unwrap().rule, waypost_policy::Rule::QuietHours);
    let allowed = r#"{"format":1,"judged_at":1796126400000,"data_version":1,"data_as_of":"2026-11-29","opt_in":"caught_up",
        "verdict":{"allowed":{"message":{"free_form":{"text":{"body":"Hola","preview_url":false}}},
        "address":{"phone":"34600000147"},"category":"service","is_substitute":false,"language":null,"preview":null,
        "consent":null,"takes_place":false,"warnings":[{"warning":"takes_thread"}]}}}"#;
    let record: Record = serde_json::from_str(allowed).unwrap();
    assert_eq!(record.verdict.allowed().unwrap().category, Category::Service);
}

/// Whoever stores the record knows whether anybody looks for stops.
#[test]
fn the_record_says_by_what_it_was_judged() {
    let scene = Scene::answer().with(|s| {
        s.opt_in = waypost_policy::asked::OptInState::NotInstalled;
        s.data.version = 7;
    });
    let record = Record::new(&scene.asked(), scene.verdict());
    assert_eq!((record.format, record.data_version, record.judged_at), (1, 7, scene.now));
    assert_eq!(record.opt_in, waypost_policy::asked::OptInState::NotInstalled);
}
