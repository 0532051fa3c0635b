//! What every `MediaStore` promises: what is uploaded as what, and what is fetched from where, with the token for whom. A
//! change of the port changes this suite.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use waypost_domain::send::content::MediaKind;
use waypost_graph_client::{
    CallError, Dialog360, Dialog360Config, DownloadError, Downloaded, GraphApi, GraphConfig, Hints, HttpConfig,
    MediaFile, MediaStore, MediaType, UploadError, UploadedMedia,
};

use crate::stub::{Reply, Request, Stub};
use crate::support::{Token, dialog360_config, graph_config, http, hurried, line};

const SHA256_OF_ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// A platform whose files are put to the test.
struct Platform {
    /// With this number of bytes at most.
    store: fn(HttpConfig, &Token, u64) -> Box<dyn MediaStore>,
    upload: &'static str,
    /// Behind the method.
    file: &'static str,
    /// The header with the token `first`.
    token: (&'static str, &'static str),
    /// The platform's address of a file (`SELF`: its own).
    url: &'static str,
}

const META: Platform = Platform {
    store: |http, token, media_bytes_max| {
        Box::new(GraphApi::new(GraphConfig { media_bytes_max, ..graph_config(http, token) }).unwrap())
    },
    upload: "POST /v26.0/106540352242922/media",
    file: "/v26.0/77?phone_number_id=106540352242922",
    token: ("authorization", "Bearer first"),
    url: "SELF/file?a=b",
};

const DIALOG_360: Platform = Platform {
    store: |http, token, media_bytes_max| {
        Box::new(Dialog360::new(Dialog360Config { media_bytes_max, ..dialog360_config(http, token) }).unwrap())
    },
    upload: "POST /media",
    file: "/77",
    token: ("d360-api-key", "first"),
    url: "https://lookaside.fbsbx.com/file?a=b",
};

/// A test of each promise for each platform.
macro_rules! promises {
    ($($promise:ident),+ $(,)?) => {
        mod meta {
            $(#[tokio::test]
            async fn $promise() {
                super::$promise(&super::META).await;
            })+
        }
        mod dialog_360 {
            $(#[tokio::test]
            async fn $promise() {
                super::$promise(&super::DIALOG_360).await;
            })+
        }
    };
}

promises!(
    a_file_is_uploaded_as_what_its_bytes_are,
    what_whatsapp_does_not_take_never_leaves,
    a_large_file_goes_whole_and_again_with_a_new_token,
    a_file_is_fetched_with_the_token_and_checked,
    a_file_in_base64_hash_or_without_facts_is_fetched,
    a_file_that_came_wrong_is_none,
    an_address_that_has_ended_is_asked_for_once_more,
    a_file_is_fetched_over_tls_or_not_at_all,
    a_file_is_taken_away,
);

/// A client of the server, and what keeps its token.
struct Client {
    store: Box<dyn MediaStore>,
    token: Token,
}

impl Client {
    fn new(platform: &Platform, stub: &Stub) -> Self {
        Self::with(platform, http(format!("http://{}", stub.address)), 100 << 20)
    }

    fn with(platform: &Platform, http: HttpConfig, bytes_max: u64) -> Self {
        let token = Token::new("first");
        let store = (platform.store)(http, &token, bytes_max);
        Self { store, token }
    }

    async fn upload(&self, kind: MediaKind, bytes: Bytes, hints: Hints<'_>) -> Result<UploadedMedia, UploadError> {
        self.store.upload(&line(), MediaFile { kind, bytes, hints }).await
    }

    async fn download(&self) -> (Result<Downloaded, DownloadError>, Vec<u8>) {
        let mut sink = Vec::new();
        (self.store.download(&line(), "77", &mut sink).await, sink)
    }
}

async fn a_file_is_uploaded_as_what_its_bytes_are(platform: &Platform) {
    let stub = Stub::start(|_, _| Reply::json(200, r#"{"id":"4711"}"#)).await;
    let client = Client::new(platform, &stub);
    let opus = Bytes::from_static(b"OggS\0\x02\0\0\0\0\0\0\0\0abcd\0\0\0\0efgh\x01\x13OpusHead\x01\x01\r\n--");
    let hints = Hints { mime_type: Some("audio/opus"), name: Some("Ada's voice.mp4") };
    let uploaded = client.upload(MediaKind::Audio, opus.clone(), hints).await.unwrap();
    assert_eq!((uploaded.id.as_str(), uploaded.size_bytes), ("4711", opus.len() as u64));
    assert_eq!(uploaded.media_type, MediaType { mime_type: "audio/ogg; codecs=opus", extension: "ogg" });
    let request = stub.request();
    assert_eq!(request.line, platform.upload);
    assert_eq!(request.header(platform.token.0), platform.token.1);
    assert_eq!(request.header("content-length"), request.body.len().to_string());
    let boundary = request.header("content-type").strip_prefix("multipart/form-data; boundary=").unwrap();
    let want = [
        format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"messaging_product\"\r\n\r\nwhatsapp\r\n\
             --{boundary}\r\ncontent-disposition: form-data; name=\"type\"\r\n\r\naudio/ogg; codecs=opus\r\n\
             --{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"file.ogg\"\r\n\
             content-type: audio/ogg; codecs=opus\r\n\r\n"
        )
        .as_bytes(),
        &opus,
        format!("\r\n--{boundary}--\r\n").as_bytes(),
    ]
    .concat();
    assert_eq!(request.body.escape_ascii().to_string(), want.escape_ascii().to_string());
}

async fn what_whatsapp_does_not_take_never_leaves(platform: &Platform) {
    let stub = Stub::start(|_, _| Reply::json(200, r#"{"id":"4711"}"#)).await;
    let client = Client::new(platform, &stub);
    let webm = Bytes::from_static(b"\x1a\x45\xdf\xa3webm");
    let declared = Hints { mime_type: Some("audio/ogg"), name: Some("voice.ogg") };
    let error = client.upload(MediaKind::Audio, webm, declared).await.unwrap_err();
    let want = "the file is WebM or Matroska; audio takes audio/aac, audio/amr, audio/mpeg, audio/mp4, audio/ogg \
                (Opus, mono)";
    assert_eq!(error.to_string(), want);
    let large = Bytes::from([b"\xff\xd8\xff".to_vec(), vec![0; 5 << 20]].concat());
    let error = client.upload(MediaKind::Image, large, Hints::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "the file has 5242883 bytes of at most 5242880");
    assert!(stub.requests().is_empty());
}

async fn a_large_file_goes_whole_and_again_with_a_new_token(platform: &Platform) {
    let is_first = |request: &Request| request.headers.iter().any(|(_, value)| value.ends_with("first"));
    let expired = r#"{"error":{"code":190}}"#;
    let stub = Stub::start(move |_, request| match is_first(request) {
        true => Reply::json(401, expired),
        false => Reply::json(200, r#"{"id":"4711"}"#),
    })
    .await;
    let client = Client::new(platform, &stub);
    let bytes = Bytes::from([b"%PDF-1.7".to_vec(), vec![7; 9 << 20]].concat());
    let upload = || client.upload(MediaKind::Document, bytes.clone(), Hints::default());
    let error = upload().await.unwrap_err();
    assert!(matches!(&error, UploadError::Call(CallError::Refused(_))), "{error}");
    client.token.write("second");
    assert_eq!(upload().await.unwrap().id, "4711");
    let requests = stub.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| request.body.windows(8).any(|window| window == b"%PDF-1.7")));
    assert!(requests.iter().all(|request| request.body.len() > bytes.len()));
}

/// A server that gives the address `url` of a file (`SELF`: its own), and the file below `/file`.
async fn media_server(
    url: &'static str,
    more: &'static str,
    file: impl Fn(usize) -> Reply + Send + Sync + 'static,
) -> Stub {
    let own = Arc::new(OnceLock::new());
    let known = own.clone();
    let stub = Stub::start(move |number, request| {
        if request.line.starts_with("GET /file") {
            return file(number);
        }
        let address: &String = known.get().unwrap();
        Reply::json(200, &format!(r#"{{"url":"{}"{more}}}"#, url.replace("SELF", address)))
    })
    .await;
    own.set(format!("http://{}", stub.address)).unwrap();
    stub
}

fn file(body: &str) -> Reply {
    Reply::Answer { status: 200, headers: "", body: body.into() }
}

async fn a_file_is_fetched_with_the_token_and_checked(platform: &Platform) {
    let facts = r#","mime_type":"image/jpeg","file_size":"3","sha256":"BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad""#;
    let stub = media_server(platform.url, facts, |_| file("abc")).await;
    let (fetched, written) = Client::new(platform, &stub).download().await;
    let mime_type = Some("image/jpeg".to_owned());
    assert_eq!(fetched.unwrap(), Downloaded { mime_type, size_bytes: 3, sha256: SHA256_OF_ABC.to_owned() });
    assert_eq!(written, b"abc");
    let [asked, fetched] = &stub.requests()[..] else { panic!("two requests") };
    assert_eq!(asked.line, format!("GET {}", platform.file));
    assert_eq!((fetched.line.as_str(), fetched.header(platform.token.0)), ("GET /file?a=b", platform.token.1));
}

async fn a_file_in_base64_hash_or_without_facts_is_fetched(platform: &Platform) {
    for facts in [r#","sha256":"ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=""#, ""] {
        let stub = media_server(platform.url, facts, |_| file("abc")).await;
        assert_eq!(Client::new(platform, &stub).download().await.0.unwrap().size_bytes, 3);
    }
}

async fn a_file_that_came_wrong_is_none(platform: &Platform) {
    let check = async |facts: &'static str, reply: fn() -> Reply, want: &str| {
        let stub = media_server(platform.url, facts, move |_| reply()).await;
        let client = Client::with(platform, hurried(format!("http://{}", stub.address)), 1_000);
        let error = client.download().await.0.unwrap_err();
        assert_eq!(error.to_string(), want);
        assert!(!format!("{error:?}").contains("127.0.0.1"), "{error:?}");
    };
    let abc = || file("abc");
    check(r#","file_size":4"#, abc, "the file came damaged: its size is another").await;
    check(r#","sha256":"00""#, abc, "the file came damaged: its SHA-256 is another").await;
    check(r#","file_size":1001"#, abc, "the file has more than 1000 bytes").await;
    check("", || file(&"x".repeat(1_001)), "the file has more than 1000 bytes").await;
    let endless = || Reply::Raw(format!("HTTP/1.1 200 X\r\n\r\n{}", "x".repeat(1_001)).into_bytes());
    check("", endless, "the file has more than 1000 bytes").await;
    let half = || Reply::Raw(b"HTTP/1.1 200 X\r\ncontent-length: 3\r\n\r\na".to_vec());
    check("", half, "the answer did not end in time").await;
    check("", || Reply::Reset, "the connection broke before the answer ended").await;
    check("", || Reply::json(403, "no"), "refused with status 403").await;
    check("", || Reply::json(204, ""), "the file came damaged: its status is another").await;
}

async fn an_address_that_has_ended_is_asked_for_once_more(platform: &Platform) {
    // The second request is the first for the file.
    let stub =
        media_server(platform.url, "", |number| if number == 1 { Reply::json(404, "") } else { file("abc") }).await;
    assert_eq!(Client::new(platform, &stub).download().await.1, b"abc");
    assert_eq!(stub.requests().len(), 4);
    let stub = media_server(platform.url, "", |_| Reply::json(404, "")).await;
    let error = Client::new(platform, &stub).download().await.0.unwrap_err();
    assert!(matches!(error, DownloadError::Gone));
    assert_eq!(stub.requests().len(), 4);
}

async fn a_file_is_fetched_over_tls_or_not_at_all(platform: &Platform) {
    for url in ["http://lookaside.fbsbx.com/x", "ftp://lookaside.fbsbx.com/x", "file:///etc/passwd", "x"] {
        let stub = media_server(url, "", |_| file("abc")).await;
        let error = Client::new(platform, &stub).download().await.0.unwrap_err();
        assert!(matches!(error, DownloadError::Address), "{url}: {error:?}");
    }
}

async fn a_file_is_taken_away(platform: &Platform) {
    let stub = Stub::start(|_, _| Reply::json(200, r#"{"success":true}"#)).await;
    let client = Client::new(platform, &stub);
    assert_eq!(client.store.delete(&line(), "77").await, Ok(()));
    assert_eq!(stub.request().line, format!("DELETE {}", platform.file));
    assert!(client.store.delete(&line(), "../77").await.is_err());
}
