//! What every carrier promises whose files of customers have lasting addresses: what is asked, with the secret for
//! whom, and what of an answer is no file.

use bytes::Bytes;
use waypost_domain::send::content::MediaKind;
use waypost_graph_client::{
    Bird, BirdConfig, CallError, DownloadError, Downloaded, Hints, HttpConfig, MediaFile, MediaStore, NotSent, Twilio,
    TwilioConfig, UploadError,
};

use crate::stub::{Reply, Stub};
use crate::support::{Token, bird_config, http, hurried, line, twilio_config};

const SHA256_OF_ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// A carrier whose files are put to the test.
struct Platform {
    /// With this number of bytes at most, and 127.0.0.1 among the hosts that an address may lead to.
    store: fn(HttpConfig, &Token, u64) -> Box<dyn MediaStore>,
    /// What is asked for the file `FILE` of the message `MESSAGE`.
    line: &'static str,
    /// The header with the token `first`.
    token: &'static str,
}

const TWILIO: Platform = Platform {
    store: |http, token, media_bytes_max| {
        let media_hosts = vec!["127.0.0.1".to_owned(), ".twiliocdn.com".to_owned()];
        let config = TwilioConfig { media_hosts, media_bytes_max, ..twilio_config(http, token) };
        Box::new(Twilio::new(config).unwrap())
    },
    line: "GET /2010-04-01/Accounts/AC1/Messages/MESSAGE/Media/FILE",
    // `AC1:first`
    token: "Basic QUMxOmZpcnN0",
};

const BIRD: Platform = Platform {
    store: |http, token, media_bytes_max| {
        let media_base_url = http.base_url.clone();
        let media_hosts = vec!["127.0.0.1".to_owned(), ".messagebird.com".to_owned()];
        // The API itself has no files.
        let http = HttpConfig { base_url: "http://127.0.0.1:1".to_owned(), ..http };
        let config = BirdConfig { media_base_url, media_hosts, media_bytes_max, ..bird_config(http, token) };
        Box::new(Bird::new(config).unwrap())
    },
    line: "GET /workspaces/workspace-1/messages/MESSAGE/media/FILE",
    token: "AccessKey first",
};

/// A test of each promise for each carrier.
macro_rules! promises {
    ($($promise:ident),+ $(,)?) => {
        mod twilio {
            $(#[tokio::test]
            async fn $promise() {
                super::$promise(&super::TWILIO).await;
            })+
        }
        mod bird {
            $(#[tokio::test]
            async fn $promise() {
                super::$promise(&super::BIRD).await;
            })+
        }
    };
}

promises!(
    a_file_is_fetched_with_the_secret,
    what_it_leads_to_is_never_shown_the_secret,
    it_leads_to_no_stranger,
    what_is_no_file_is_said,
    a_refused_secret_is_replaced_by_the_one_in_the_file,
    an_id_never_leads_to_another_address,
    nothing_is_uploaded_or_taken_away,
);

async fn download(store: &dyn MediaStore, id: &str) -> (Result<Downloaded, DownloadError>, Vec<u8>) {
    let mut sink = Vec::new();
    (store.download(&line(), id, &mut sink).await, sink)
}

/// Of the file at a server, with 1,000 bytes at most.
async fn fetched(platform: &Platform, stub: &Stub) -> (Result<Downloaded, DownloadError>, Vec<u8>) {
    let token = Token::new("first");
    let store = (platform.store)(hurried(format!("http://{}", stub.address)), &token, 1_000);
    download(&*store, "MESSAGE:FILE").await
}

fn file(body: &str) -> Reply {
    Reply::Answer { status: 200, headers: "content-type: image/jpeg\r\n", body: body.into() }
}

async fn a_file_is_fetched_with_the_secret(platform: &Platform) {
    let stub = Stub::start(|_, _| file("abc")).await;
    let (result, written) = fetched(platform, &stub).await;
    let mime_type = Some("image/jpeg".to_owned());
    assert_eq!(result.unwrap(), Downloaded { mime_type, size_bytes: 3, sha256: SHA256_OF_ABC.to_owned() });
    assert_eq!(written, b"abc");
    let request = stub.request();
    assert_eq!((request.line.as_str(), request.header("authorization")), (platform.line, platform.token));
}

async fn what_it_leads_to_is_never_shown_the_secret(platform: &Platform) {
    for status in [301, 302, 303, 307, 308] {
        let stub = Stub::start(move |number, _| match number {
            0 => Reply::Answer { status, headers: "location: /kept/one?signed=x\r\n", body: Vec::new() },
            _ => file("abc"),
        })
        .await;
        assert_eq!(fetched(platform, &stub).await.1, b"abc", "{status}");
        let [asked, led] = &stub.requests()[..] else { panic!("two requests") };
        assert_eq!((asked.line.as_str(), asked.header("authorization")), (platform.line, platform.token));
        assert_eq!((led.line.as_str(), led.header("authorization")), ("GET /kept/one?signed=x", ""));
    }
    // Nobody listens there, which shows that it is asked.
    let stub = leads_to("location: https://127.0.0.1:1/kept\r\n").await;
    let error = fetched(platform, &stub).await.0.unwrap_err();
    assert!(matches!(&error, DownloadError::Call(CallError::NotSent(NotSent::NotConnected(_)))), "{error:?}");
}

async fn leads_to(headers: &'static str) -> Stub {
    Stub::start(move |_, _| Reply::Answer { status: 307, headers, body: Vec::new() }).await
}

async fn it_leads_to_no_stranger(platform: &Platform) {
    let strangers = [
        "",
        "location: http://127.0.0.1:1/kept\r\n",
        "location: http://media.twiliocdn.com/kept\r\n",
        "location: https://media.twiliocdn.com.evil.example/kept\r\n",
        "location: https://xmessagebird.com/kept\r\n",
        "location: https://169.254.169.254/latest/meta-data\r\n",
        "location: file:///etc/passwd\r\n",
    ];
    for headers in strangers {
        let stub = leads_to(headers).await;
        let error = fetched(platform, &stub).await.0.unwrap_err();
        assert!(matches!(&error, DownloadError::Address), "{headers}: {error:?}");
        assert_eq!(stub.requests().len(), 1, "{headers}");
    }
    let circle = leads_to("location: /again\r\n").await;
    let error = fetched(platform, &circle).await.0.unwrap_err();
    assert!(matches!(&error, DownloadError::Address), "{error:?}");
    assert!(circle.requests().len() < 9, "it ends");
}

async fn what_is_no_file_is_said(platform: &Platform) {
    let check = async |reply: fn() -> Reply, want: &str| {
        let stub = Stub::start(move |_, _| reply()).await;
        let error = fetched(platform, &stub).await.0.unwrap_err();
        assert_eq!(error.to_string(), want);
        assert!(!format!("{error:?}").contains("127.0.0.1"), "{error:?}");
    };
    let gone = "the file is not where the platform says it is";
    check(|| Reply::json(404, r#"{"code":20404}"#), gone).await;
    check(|| Reply::json(410, ""), gone).await;
    check(|| Reply::json(403, "no"), "refused with status 403").await;
    check(|| Reply::json(204, ""), "the file came damaged: its status is another").await;
    check(|| file(&"x".repeat(1_001)), "the file has more than 1000 bytes").await;
    let endless = || Reply::Raw(format!("HTTP/1.1 200 X\r\n\r\n{}", "x".repeat(1_001)).into_bytes());
    check(endless, "the file has more than 1000 bytes").await;
    let half = || Reply::Raw(b"HTTP/1.1 200 X\r\ncontent-length: 3\r\n\r\na".to_vec());
    check(half, "the answer did not end in time").await;
    check(|| Reply::Reset, "the connection broke before the answer ended").await;
}

async fn a_refused_secret_is_replaced_by_the_one_in_the_file(platform: &Platform) {
    let first = platform.token;
    let stub = Stub::start(move |_, request| match request.header("authorization") == first {
        true => Reply::json(401, ""),
        false => file("abc"),
    })
    .await;
    let token = Token::new("first");
    let store = (platform.store)(http(format!("http://{}", stub.address)), &token, 1_000);
    let error = download(&*store, "MESSAGE:FILE").await.0.unwrap_err();
    assert_eq!(error.to_string(), "refused with status 401");
    token.write("second");
    assert_eq!(download(&*store, "MESSAGE:FILE").await.1, b"abc");
    assert_eq!(stub.requests().len(), 3);
}

async fn an_id_never_leads_to_another_address(platform: &Platform) {
    let stub = Stub::start(|_, _| file("abc")).await;
    let token = Token::new("first");
    let store = (platform.store)(http(format!("http://{}", stub.address)), &token, 1_000);
    for id in ["", ":", "MESSAGE:", ":FILE", "..:FILE", "MESSAGE:..", "a/b:FILE", "MESSAGE:?x", "https://x.example/f"] {
        let error = download(&*store, id).await.0.unwrap_err();
        let is_refused = matches!(&error, DownloadError::Call(CallError::NotSent(NotSent::Request(_))));
        assert!(is_refused, "{id}: {error:?}");
    }
    assert!(stub.requests().is_empty());
}

async fn nothing_is_uploaded_or_taken_away(platform: &Platform) {
    let stub = Stub::start(|_, _| Reply::json(200, r#"{"id":"1","success":true}"#)).await;
    let token = Token::new("first");
    let store = (platform.store)(http(format!("http://{}", stub.address)), &token, 1_000);
    let told = "must be of a number at Meta: other carriers take files by their link alone";
    let bytes = Bytes::from_static(b"%PDF-1.7");
    let pdf = MediaFile { kind: MediaKind::Document, bytes, hints: Hints::default() };
    let refused = store.upload(&line(), pdf).await.unwrap_err();
    assert!(matches!(&refused, UploadError::Call(error) if error.to_string().ends_with(told)), "{refused}");
    let refused = store.delete(&line(), "MESSAGE:FILE").await.unwrap_err();
    assert!(refused.to_string().ends_with(told), "{refused}");
    assert!(stub.requests().is_empty());
}

/// Its addresses have always named the message; those of Bird's may do without.
#[tokio::test]
async fn a_file_without_its_message_is_birds_alone() {
    let stub = Stub::start(|_, _| file("abc")).await;
    let token = Token::new("first");
    let store = |platform: &Platform| (platform.store)(http(format!("http://{}", stub.address)), &token, 1_000);
    let error = download(&*store(&TWILIO), "ME1").await.0.unwrap_err();
    assert!(error.to_string().contains("media_id must be MESSAGE:FILE"), "{error}");
    assert_eq!(download(&*store(&BIRD), "FILE").await.1, b"abc");
    assert_eq!(stub.request().line, "GET /workspaces/workspace-1/media/FILE");
}
