//! Who wrote: `from` says it, `contacts[]` only describes them.

use waypost_cloud_api::webhook::{Content, split};

use crate::support::{check, check_message, messages};

#[test]
fn who_wrote() {
    let ada = r#"{"wa_id":"1","user_id":"US.a","parent_user_id":"US.ENT.a","profile":{"name":"Ada","username":"ada"}}"#;
    let bea = r#"{"wa_id":"2","user_id":"US.b","profile":{"name":"Bea"}}"#;
    let both = format!("{ada},{bea}");
    let cases = [
        (r#""from":"1""#, "", " phone=1"),
        (r#""from":1"#, "", " phone=1"),
        (r#""from":"+1 (55) 5-0""#, "", " phone=15550"),
        (r#""from":" a name ""#, "", " phone=a name"),
        (r#""from":"+""#, "", " phone=+"),
        (r#""from":null"#, "", ""),
        (r#""from":["1"]"#, "", ""),
        (r#""from":"1","from_user_id":"US.a""#, "", " phone=1 bsuid=US.a"),
        (r#""from_user_id":"US.a","from_parent_user_id":"US.ENT.a""#, "", " bsuid=US.a parent=US.ENT.a"),
        (r#""from":"US.a1""#, "", " bsuid=US.a1"),
        (r#""from":"US.ENT.a1""#, "", " parent=US.ENT.a1"),
        (r#""from":"US.ENT""#, "", " bsuid=US.ENT"),
        (r#""from":"us.a1""#, "", " phone=us.a1"),
        (r#""from":"US.a-1""#, "", " phone=US.a-1"),
        (r#""from":"US.a1","from_user_id":"US.b1""#, "", " bsuid=US.b1"),
        // The contact who has the number.
        (r#""from":"2""#, &both, " phone=2 bsuid=US.b name=Bea"),
        (r#""from":"+2""#, &both, " phone=2 bsuid=US.b name=Bea"),
        (r#""from_user_id":"US.a""#, &both, " phone=1 bsuid=US.a parent=US.ENT.a name=Ada username=ada"),
        // The number in `from` is who wrote, whatever is listed.
        (r#""from":"2","from_user_id":"US.a""#, &both, " phone=2 bsuid=US.a parent=US.ENT.a name=Ada username=ada"),
        (r#""from":"2","from_user_id":"US.c""#, &both, " phone=2 bsuid=US.c"),
        (r#""from":"3""#, &both, " phone=3"),
        // Never by position, not even the only one.
        (r#""from":"9""#, bea, " phone=9"),
        (r#""from":"9","from_user_id":"US.z""#, bea, " phone=9 bsuid=US.z"),
        (r#""from":"9""#, r#"{"user_id":"US.b"}"#, " phone=9"),
        (r#""from":"9""#, r#"{"wa_id":"US.b","profile":{"name":"Bea"}}"#, " phone=9"),
        (r#""from":"2","from_user_id":"US.z""#, bea, " phone=2 bsuid=US.z"),
        (r#""from_parent_user_id":"US.ENT.a""#, ada, " phone=1 bsuid=US.a parent=US.ENT.a name=Ada username=ada"),
        // An item that names nobody.
        (r#""to":"9""#, bea, " phone=2 bsuid=US.b name=Bea"),
        (r#""to":"9""#, &both, ""),
        (r#""from":"9""#, r#"{"wa_id":null,"profile":null}"#, " phone=9"),
        (r#""from":"9""#, "7", " phone=9"),
        (r#""from":"9""#, "{},{}", " phone=9"),
    ];
    for (ids, contacts, want) in cases {
        check_message(ids, contacts, &format!("?{want}"));
    }
    let odd = messages(r#""contacts":{"wa_id":"1"},"messages":[{"id":"m","from":"1"}]"#);
    check("contacts is no list", &odd, &["message m ? phone=1"]);
}

/// The number that WhatsApp lists may be spelt otherwise than the one in `from`: alone, and among others.
#[test]
fn numbers_are_matched_in_their_canonical_form() {
    let davi = r#"{"wa_id":"551187650031","profile":{"name":"Davi"}}"#;
    let eva = r#"{"wa_id":"552187650032","profile":{"name":"Eva"},"user_id":"BR.2"}"#;
    let gus = r#"{"wa_id":"525512340031","profile":{"name":"Gus"}}"#;
    let lia = r#"{"wa_id":"541112340031","profile":{"name":"Lia"}}"#;
    let all = [davi, eva, gus, lia].join(",");
    let cases = [
        (r#""from":"5511987650031""#, davi, " phone=551187650031 name=Davi"),
        (r#""from":"5511987650031""#, all.as_str(), " phone=551187650031 name=Davi"),
        (r#""from":"5521987650032""#, all.as_str(), " phone=552187650032 bsuid=BR.2 name=Eva"),
        (r#""from":"5215512340031""#, all.as_str(), " phone=525512340031 name=Gus"),
        (r#""from":"5491112340031""#, all.as_str(), " phone=541112340031 name=Lia"),
        (r#""from":"5531987650031""#, all.as_str(), " phone=5531987650031"),
    ];
    for (ids, contacts, want) in cases {
        check_message(ids, contacts, &format!("?{want}"));
    }
}

#[test]
fn two_people_of_one_batch_stay_apart() {
    let body = messages(
        r#""contacts":[{"wa_id":"552187650032","profile":{"name":"Eva"}},{"wa_id":"551187650031","profile":{"name":"Davi"}}],
        "messages":[{"id":"m1","from":"5511987650031"},{"id":"m2","from":"5521987650032"}]"#,
    );
    let names: Vec<_> = split(body.as_bytes())
        .events
        .into_iter()
        .map(|event| match event.content {
            Content::Message(message) => message.profile_name,
            _ => None,
        })
        .collect();
    assert_eq!(names, [Some("Davi".to_owned()), Some("Eva".to_owned())]);
}
