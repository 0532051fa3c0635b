//! What every [`Messenger`] promises, each against a stand-in of its platform: whether a send that was not accepted is
//! surely unsent, surely refused, or unknown. A change of the port changes this suite.

mod platform;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use waypost_cloud_api::answer::MessageStatus;
use waypost_cloud_api::error_code::{Circumstances, Do, Effect, decide};
use waypost_graph_client::{CallError, HttpConfig, Line, Messenger, NotSent, ProxyUrl, Refusal, Sent, Unknown};
use waypost_policy::verdict::Address;

use crate::stub::{Reply, Stub};
use crate::support::{Letter, Token, http, hurried, line};
use platform::{ACCEPTED, Coded, META, Platform};

/// A test of each promise for each platform.
macro_rules! promises {
    ($platform:ident, $constant:expr, $($promise:ident),+ $(,)?) => {
        mod $platform {
            $(#[tokio::test]
            async fn $promise() {
                super::$promise(&$constant).await;
            })+
        }
    };
}

/// The list of promises, for a platform; behind it, those for platforms whose errors have codes, that hold templates
/// and that show what was read.
macro_rules! all_promises {
    ($platform:ident, $constant:expr $(, $more:ident)*) => {
        promises!(
            $platform,
            $constant,
            $($more,)*
            an_accepted_message_has_its_wamid_and_whom_it_is_for,
            a_machine_on_the_way_refuses_without_a_code,
            what_nobody_could_take_was_not_sent,
            what_cannot_be_written_was_not_sent,
            a_lost_answer_is_unknown_and_not_asked_for_again,
            an_answer_that_says_nothing_is_unknown,
            a_connection_that_was_closed_meanwhile_costs_nothing,
            connections_are_used_again,
            a_connection_that_nobody_wants_sends_nothing_twice,
            a_proxy_is_used_where_one_is_configured,
            a_refused_token_is_replaced_by_the_one_in_the_file,
            without_a_token_nothing_is_sent,
            it_is_said_whether_silence_is_news,
        );
    };
}

all_promises!(
    meta,
    super::platform::META,
    a_refusal_is_decided_by_its_code,
    a_held_template_is_accepted_with_its_status,
    a_message_is_marked_as_read
);
all_promises!(
    dialog_360,
    super::platform::DIALOG_360,
    a_refusal_is_decided_by_its_code,
    a_held_template_is_accepted_with_its_status,
    a_message_is_marked_as_read
);
all_promises!(twilio, super::platform::TWILIO, a_refusal_is_decided_by_its_code);
all_promises!(bird, super::platform::BIRD);

/// What becomes of one text.
async fn send_to(platform: &Platform, stub: &Stub) -> Sent {
    let token = Token::new("first");
    send(&*platform.at(stub, &token)).await
}

async fn send(client: &dyn Messenger) -> Sent {
    client.send(&line(), &Letter::text("your order is ready").outgoing()).await
}

async fn always(reply: Reply) -> Stub {
    Stub::start(move |_, _| reply.clone()).await
}

fn accepted(sent: &Sent) -> &str {
    let Sent::Accepted(accepted) = sent else { panic!("{sent:?}") };
    &accepted.wamid
}

fn refused(sent: Sent) -> Refusal {
    let Sent::Refused(refusal) = sent else { panic!("{sent:?}") };
    refusal
}

async fn an_accepted_message_has_its_wamid_and_whom_it_is_for(platform: &Platform) {
    let stub = always(platform.takes()).await;
    let sent = send_to(platform, &stub).await;
    assert!(!format!("{sent:?}").contains("5550100001"), "{sent:?}");
    let Sent::Accepted(accepted) = sent else { panic!("{sent:?}") };
    assert_eq!((accepted.wamid.as_str(), accepted.status), (platform.wamid, None));
    assert_eq!((accepted.wa_id.as_deref(), accepted.user_id.as_deref()), platform.customer);
    let request = stub.request();
    assert_eq!(request.line, platform.line);
    assert_eq!(request.header(platform.token.0), platform.token.1);
    (platform.asks)(&request);
}

async fn a_held_template_is_accepted_with_its_status(platform: &Platform) {
    let answer = r#"{"messages":[{"id":"wamid.A","message_status":"held_for_quality_assessment"}]}"#;
    let sent = send_to(platform, &always(Reply::json(200, answer)).await).await;
    let Sent::Accepted(accepted) = sent else { panic!("{sent:?}") };
    assert_eq!((accepted.status, accepted.wa_id), (Some(MessageStatus::HeldForQualityAssessment), None));
}

async fn a_refusal_is_decided_by_its_code(platform: &Platform) {
    let Coded { closed: (body, code), uncertain } = platform.coded.unwrap();
    let headers = "content-type: application/json\r\nretry-after: 7\r\n";
    let stub = always(Reply::Answer { status: 400, headers, body: body.into() }).await;
    let refusal = refused(send_to(platform, &stub).await);
    assert_eq!((refusal.http_status, refusal.retry_after), (400, Some(Duration::from_secs(7))));
    let want = format!("refused with status 400, code {code}");
    assert_eq!(refusal.to_string(), want, "a translated text is no part of it");
    let decision = decide(&refusal.failure(), Circumstances::default());
    assert_eq!((decision.action, decision.effect), (Do::Terminal, Some(Effect::CloseWindow)));
    assert_eq!(stub.requests().len(), 1);
    // An error counts whatever the status says.
    let stub = always(Reply::json(200, uncertain)).await;
    let refusal = refused(send_to(platform, &stub).await);
    assert!(matches!(decide(&refusal.failure(), Circumstances::default()).action, Do::SettleThenRetry(_)));
}

async fn a_machine_on_the_way_refuses_without_a_code(platform: &Platform) {
    for status in [302, 403, 404, 429] {
        let headers = "location: https://elsewhere.example/\r\n";
        let stub = always(Reply::Answer { status, headers, body: b"<html>no</html>".to_vec() }).await;
        let refusal = refused(send_to(platform, &stub).await);
        assert_eq!((refusal.http_status, &refusal.error), (status, &None));
        assert!(matches!(decide(&refusal.failure(), Circumstances::default()).action, Do::RetryAfter(_)), "{status}");
        assert_eq!(stub.requests().len(), 1, "nothing follows {status}");
    }
}

async fn what_nobody_could_take_was_not_sent(platform: &Platform) {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    // It is accepted by the system, and nobody says a word of TLS.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent_address = silent.local_addr().unwrap();
    let cases = [
        (format!("http://{closed}"), "no connection: it was refused"),
        (format!("https://{closed}"), "no connection: it was refused"),
        (format!("https://{silent_address}"), "no connection: it took too long"),
        // However long it takes to be told that there is no such name.
        ("https://graph.invalid".to_owned(), "no connection: "),
    ];
    let token = Token::new("first");
    for (base_url, want) in cases {
        let sent = send(&*(platform.client)(hurried(base_url.clone()), &token)).await;
        let Sent::NotSent(reason) = sent else { panic!("{base_url}: {sent:?}") };
        assert!(reason.to_string().starts_with(want), "{base_url}: {reason}");
    }
    let not_tls = tokio::spawn(async move {
        let (stream, _) = silent.accept().await.unwrap();
        drop(stream);
        let (stream, _) = silent.accept().await.unwrap();
        stream.writable().await.unwrap();
        stream.try_write(b"HTTP/1.1 400 X\r\n\r\n").unwrap();
        stream
    });
    let sent = send(&*(platform.client)(http(format!("https://{silent_address}")), &token)).await;
    assert!(matches!(sent, Sent::NotSent(NotSent::NotConnected(_))), "{sent:?}");
    drop(not_tls.await.unwrap());
}

async fn what_cannot_be_written_was_not_sent(platform: &Platform) {
    let stub = always(platform.takes()).await;
    let token = Token::new("first");
    let client = platform.at(&stub, &token);
    let mut letter = Letter::text("x");
    letter.address = Address::Phone("no number".to_owned());
    let sent = client.send(&line(), &letter.outgoing()).await;
    let Sent::NotSent(reason) = sent else { panic!("{sent:?}") };
    let want = "cannot be written as a request: address.phone must be a phone number with its country code";
    assert_eq!(reason.to_string(), want);
    assert!(stub.requests().is_empty());
}

async fn a_lost_answer_is_unknown_and_not_asked_for_again(platform: &Platform) {
    let half = |head: &str| Reply::Raw(head.as_bytes().to_vec());
    let cases = [
        (Reply::Reset, Unknown::Broken),
        (Reply::Silence, Unknown::NoAnswerInTime),
        (half("HTTP/1.1 200 OK\r\ncontent-le"), Unknown::NoAnswerInTime),
        (half("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"messages\""), Unknown::AnswerTooSlow),
        (half("\u{1}\u{2}\r\n\r\n"), Unknown::Broken),
        (half(&format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(1 << 20))), Unknown::Broken),
        (half("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n"), Unknown::AnswerTooLarge),
        (Reply::json(200, &"x".repeat(65 << 10)), Unknown::AnswerTooLarge),
        (half(&format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(65 << 10))), Unknown::AnswerTooLarge),
    ];
    let token = Token::new("first");
    for (reply, want) in cases {
        let stub = always(reply).await;
        let times = if matches!(want, Unknown::NoAnswerInTime | Unknown::AnswerTooSlow) { hurried } else { http };
        let client = (platform.client)(times(format!("http://{}", stub.address)), &token);
        let started = Instant::now();
        assert_eq!(send(&*client).await, Sent::Unknown(want));
        assert!(started.elapsed() < Duration::from_secs(9), "{want}");
        assert_eq!(stub.requests().len(), 1, "{want}");
    }
}

async fn an_answer_that_says_nothing_is_unknown(platform: &Platform) {
    let cases = [
        (502, "<html>bad gateway</html>"),
        (503, ""),
        (200, "<html>ok</html>"),
        (200, ""),
        (200, "{}"),
        (200, r#"{"messages":[]}"#),
        (200, "[[[[[["),
    ];
    for (http_status, body) in cases {
        let stub = always(Reply::json(http_status, body)).await;
        assert_eq!(send_to(platform, &stub).await, Sent::Unknown(Unknown::Unreadable { http_status }), "{body}");
        assert_eq!(stub.requests().len(), 1);
    }
}

/// Given a connection that is kept and that the platform closes, when the next message goes, then it goes over another one.
async fn a_connection_that_was_closed_meanwhile_costs_nothing(platform: &Platform) {
    let stub = always(Reply::AnswerAndClose { status: platform.accepted.0, body: platform.accepted.1.into() }).await;
    let token = Token::new("first");
    let client = platform.at(&stub, &token);
    for count in 1..=5 {
        assert_eq!(accepted(&send(&*client).await), platform.wamid);
        stub.closed(count).await;
    }
    assert_eq!(stub.requests().len(), 5);
    // Given one that is torn down while it has the second request, then that one is unknown, and nothing is sent twice.
    let takes = platform.takes();
    let stub = Stub::start(move |number, _| if number == 0 { takes.clone() } else { Reply::Reset }).await;
    let token = Token::new("first");
    let client = platform.at(&stub, &token);
    assert_eq!(accepted(&send(&*client).await), platform.wamid);
    assert_eq!(send(&*client).await, Sent::Unknown(Unknown::Broken));
    let connections: Vec<usize> = stub.requests().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [0, 0]);
}

async fn connections_are_used_again(platform: &Platform) {
    let stub = always(platform.takes()).await;
    let token = Token::new("first");
    let client = platform.at(&stub, &token);
    for _ in 0..20 {
        assert_eq!(accepted(&send(&*client).await), platform.wamid);
    }
    assert!(stub.requests().iter().all(|request| request.connection == 0));
}

/// Given a server that takes connections and tears them down, then each message is unsent or unknown, and tried once.
async fn a_connection_that_nobody_wants_sends_nothing_twice(platform: &Platform) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = taken.clone();
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            drop(stream);
        }
    });
    let token = Token::new("first");
    let client = (platform.client)(http(base_url), &token);
    for count in 1..=20 {
        let sent = send(&*client).await;
        let is_true = matches!(sent, Sent::NotSent(NotSent::Cancelled) | Sent::Unknown(Unknown::Broken));
        assert!(is_true, "{sent:?}");
        assert_eq!(taken.load(Ordering::Relaxed), count);
    }
    server.abort();
}

async fn a_proxy_is_used_where_one_is_configured(platform: &Platform) {
    let stub = always(platform.takes()).await;
    let token = Token::new("first");
    let proxy = Some(ProxyUrl(format!("http://me:secret@{}", stub.address)));
    let config = HttpConfig { proxy, allow_plain_http: true, ..http("http://sandbox.invalid".to_owned()) };
    assert!(!format!("{config:?}").contains("secret"));
    assert_eq!(accepted(&send(&*(platform.client)(config, &token)).await), platform.wamid);
    assert_eq!(stub.request().line, platform.line.replace(" /", " http://sandbox.invalid/"));
}

async fn a_refused_token_is_replaced_by_the_one_in_the_file(platform: &Platform) {
    let ((name, first), (expired, told), takes) = (platform.token, platform.expired, platform.takes());
    let stub = Stub::start(move |_, request| match request.header(name) == first {
        true => Reply::json(401, expired),
        false => takes.clone(),
    })
    .await;
    let token = Token::new("first");
    let client = platform.at(&stub, &token);
    let before = client.credentials_version().await;
    let refusal = refused(send(&*client).await);
    assert_eq!(refusal.to_string(), told);
    assert_eq!((stub.requests().len(), client.credentials_version().await), (1, before));
    token.write("second\n");
    assert_eq!(accepted(&send(&*client).await), platform.wamid);
    assert_eq!(stub.requests().len(), 3, "the old one was refused once more, and the new one taken at once");
    assert_ne!(client.credentials_version().await, before);
}

async fn without_a_token_nothing_is_sent(platform: &Platform) {
    let stub = always(platform.takes()).await;
    for text in ["", "two words"] {
        let token = Token::new(text);
        let sent = send(&*platform.at(&stub, &token)).await;
        assert!(matches!(sent, Sent::NotSent(NotSent::NoToken(_))), "{sent:?}");
    }
    assert!(stub.requests().is_empty());
}

async fn it_is_said_whether_silence_is_news(platform: &Platform) {
    let client = (platform.client)(http("http://127.0.0.1:1".to_owned()), &Token::new("first"));
    assert_eq!(client.silence_is_news(&line()), platform.silence_is_news);
}

async fn a_message_is_marked_as_read(platform: &Platform) {
    let answers = [
        (200, r#"{"success":true}"#),
        (200, r#"{"success":false}"#),
        (200, "{}"),
        (502, "<html>"),
        (400, r#"{"error":{"code":131009}}"#),
    ];
    let number = AtomicUsize::new(0);
    let stub = Stub::start(move |_, _| {
        let (status, body) = answers[number.fetch_add(1, Ordering::Relaxed)];
        Reply::json(status, body)
    })
    .await;
    let token = Token::new("first");
    let client = platform.at(&stub, &token);
    assert_eq!(client.mark_read(&line(), "wamid.B", true).await, Ok(()));
    let request = stub.request();
    assert_eq!(request.line, platform.line);
    let want = serde_json::json!({"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.B",
        "typing_indicator": {"type": "text"}});
    assert_eq!(request.json(), want);
    let mut answers = Vec::new();
    for _ in 1..5 {
        answers.push(client.mark_read(&line(), "wamid.B", false).await.unwrap_err());
    }
    assert_eq!(answers[0], CallError::NotDone);
    assert_eq!(answers[1].to_string(), "the answer has no success");
    assert_eq!(answers[2], CallError::Unknown(Unknown::Unreadable { http_status: 502 }));
    assert_eq!(answers[3].failure().and_then(|failure| failure.code), Some(131_009));
}

#[tokio::test]
async fn an_id_never_leads_to_another_address() {
    let stub = always(Reply::json(200, ACCEPTED)).await;
    let token = Token::new("first");
    let client = META.at(&stub, &token);
    for id in ["", "..", "1/2", "1?x", "a b", "1.2"] {
        let sent = client.send(&Line::new(id), &Letter::text("x").outgoing()).await;
        let Sent::NotSent(NotSent::Request(error)) = sent else { panic!("{sent:?}") };
        assert_eq!(error.path, "phone_number_id", "{id}");
    }
    assert!(stub.requests().is_empty());
}
