//! The platforms whose clients are put to the test: how each is asked, and what it answers.

use waypost_domain::send::Mark;
use waypost_graph_client::{Bird, Dialog360, GraphApi, HttpConfig, Messenger, Twilio};

use crate::stub::{Reply, Request, Stub};
use crate::support::{Letter, Token, bird_config, dialog360_config, graph_config, http, twilio_config};

/// A platform whose client is put to the test.
pub(crate) struct Platform {
    /// A client of the platform at this address, with this token.
    pub client: fn(HttpConfig, &Token) -> Box<dyn Messenger>,
    /// How a message is asked for: the request's first line, and the header with the token `first`.
    pub line: &'static str,
    pub token: (&'static str, &'static str),
    /// What it answers to a message that it takes, with the message's id, and the customer's number and id where it tells them.
    pub accepted: (u16, &'static str),
    pub wamid: &'static str,
    pub customer: (Option<&'static str>, Option<&'static str>),
    /// Whether a request asks for [`send`]'s message.
    pub asks: fn(&Request),
    /// Where its errors have codes.
    pub coded: Option<Coded>,
    /// That the token has ended, and what our error says of it.
    pub expired: (&'static str, &'static str),
    /// Whether it surely tells of a message that it has.
    pub silence_is_news: bool,
}

/// Errors with codes.
#[derive(Clone, Copy)]
pub(crate) struct Coded {
    /// That the window is closed, and with which code.
    pub closed: (&'static str, i64),
    /// An error beside a success, that the message may have gone all the same.
    pub uncertain: &'static str,
}

pub(crate) const META: Platform = Platform {
    client: |http, token| Box::new(GraphApi::new(graph_config(http, token)).unwrap()),
    line: "POST /v26.0/106540352242922/messages",
    token: ("authorization", "Bearer first"),
    accepted: (200, ACCEPTED),
    wamid: "wamid.A",
    customer: (Some("15550100001"), Some("US.1")),
    asks: asks_as_meta_does,
    coded: Some(Coded {
        closed: (
            r#"{"error":{"message":"(#131047) Bitte antworten","code":131047,"error_data":{"details":"x"}}}"#,
            131_047,
        ),
        uncertain: r#"{"error":{"code":131000}}"#,
    }),
    expired: (
        r#"{"error":{"message":"Ablauf","type":"OAuthException","code":190,"error_subcode":463}}"#,
        "refused with status 401, code 190 (463)",
    ),
    silence_is_news: true,
};

pub(crate) const DIALOG_360: Platform = Platform {
    client: |http, token| Box::new(Dialog360::new(dialog360_config(http, token)).unwrap()),
    line: "POST /messages",
    token: ("d360-api-key", "first"),
    ..META
};

pub(crate) const TWILIO: Platform = Platform {
    client: |http, token| Box::new(Twilio::new(twilio_config(http, token)).unwrap()),
    line: "POST /2010-04-01/Accounts/AC1/Messages.json",
    // `AC1:first`
    token: ("authorization", "Basic QUMxOmZpcnN0"),
    accepted: (201, r#"{"sid":"SM1","status":"queued","error_code":null,"error_message":null,"to":"whatsapp:+1"}"#),
    wamid: "SM1",
    customer: (None, None),
    asks: crate::twilio::asks_for_the_text,
    coded: Some(Coded {
        closed: (r#"{"code":63016,"message":"Ausserhalb","more_info":"https://x.example/63016","status":400}"#, 63_016),
        uncertain: r#"{"code":20500,"message":"Internal","more_info":"x","status":500}"#,
    }),
    expired: (
        r#"{"code":20003,"message":"Authenticate","more_info":"x","status":401}"#,
        "refused with status 401, code 20003",
    ),
    silence_is_news: true,
};

pub(crate) const BIRD: Platform = Platform {
    client: |http, token| Box::new(Bird::new(bird_config(http, token)).unwrap()),
    line: "POST /workspaces/workspace-1/channels/channel-1/messages",
    token: ("authorization", "AccessKey first"),
    accepted: (202, r#"{"id":"m-1","channelId":"channel-1","status":"accepted","reference":"wp1/order-17/2"}"#),
    wamid: "m-1",
    customer: (None, None),
    asks: crate::bird::asks_for_the_text,
    coded: None,
    expired: (r#"{"code":"Unauthorized","message":"nein"}"#, "refused with status 401, code 401"),
    silence_is_news: false,
};

pub(crate) const ACCEPTED: &str = r#"{"messaging_product":"whatsapp","contacts":[{"input":"+15550100001","wa_id":"15550100001",
    "user_id":"US.1"}],"messages":[{"id":"wamid.A"}]}"#;

impl Platform {
    /// What it answers to a message that it takes.
    pub(crate) fn takes(&self) -> Reply {
        let (status, body) = self.accepted;
        Reply::json(status, body)
    }

    pub(crate) fn at(&self, stub: &Stub, token: &Token) -> Box<dyn Messenger> {
        (self.client)(http(format!("http://{}", stub.address)), token)
    }
}

fn asks_as_meta_does(request: &Request) {
    assert_eq!(request.header("content-type"), "application/json");
    let body = request.json();
    assert_eq!((&body["to"], &body["type"]), (&"+15550100001".into(), &"text".into()));
    let mark = body["biz_opaque_callback_data"].as_str().and_then(Mark::parse);
    assert_eq!(mark, Some(Letter::text("").mark));
}
