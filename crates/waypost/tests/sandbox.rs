//! `waypost sandbox` and the verbs beside it, as processes.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// A sandbox on a free port, killed when it is not needed any more.
struct Sandbox {
    child: Child,
    /// `http://127.0.0.1:…`
    url: String,
}

impl Sandbox {
    fn start(arguments: &[&str]) -> Self {
        let mut command = waypost(&["sandbox", "--listen", "127.0.0.1:0"]);
        let mut child = command.args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let address = first.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
        let url = address.strip_suffix("/v26.0").unwrap().to_owned();
        // Four lines say how to use it.
        assert_eq!(lines.take(3).count(), 3);
        Self { child, url }
    }

    fn ask(&self, words: &[&str]) -> Output {
        waypost(words).env("WAYPOST_SANDBOX", &self.url).output().unwrap()
    }

    /// What a verb prints.
    fn says(&self, words: &[&str]) -> String {
        let output = self.ask(words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn waypost(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
    command.args(words).stdin(Stdio::null());
    command
}

#[tokio::test]
async fn a_program_sends_and_the_verbs_see_and_steer_it() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let sandbox = Sandbox::start(&["--customer", "4915100000001", "--refuse-at-once"]);
    let send = async || {
        let body =
            r#"{"messaging_product": "whatsapp", "to": "+4915100000001", "type": "text", "text": {"body": "Hello"}}"#;
        let url = format!("{}/v26.0/106540352242922/messages", sandbox.url);
        let request = reqwest::Client::builder().no_proxy().build().unwrap().post(url);
        let response = request.bearer_auth("sandbox-token").body(body).send().await.unwrap();
        let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        answer["error"]["code"].as_i64()
    };
    assert_eq!(send().await, Some(131_047));
    let written = sandbox.says(&["sandbox", "customer", "write", "+49 151 00000001", "Hello?"]);
    assert!(written.contains("wamid."), "{written}");
    assert_eq!(send().await, None);
    sandbox.says(&["sandbox", "fault", "--times", "1", "refuse", "131016"]);
    assert_eq!(send().await, Some(131_016));
    sandbox.says(&["sandbox", "fault", "restrict-account"]);
    assert_eq!(send().await, Some(368));
    sandbox.says(&["sandbox", "fault", "lift-restriction"]);
    sandbox.says(&["sandbox", "clock", "24"]);
    assert_eq!(send().await, Some(131_047));
    let accepted = sandbox.says(&["sandbox", "accepted"]);
    assert!(accepted.lines().count() == 1 && accepted.contains("text to 4915100000001"), "{accepted}");
    assert_eq!(sandbox.says(&["sandbox", "refused"]).lines().count(), 4);
    sandbox.says(&["sandbox", "template", "hello_world", "en_US", "PAUSED"]);
    let state: Value = serde_json::from_str(&sandbox.says(&["sandbox", "state"])).unwrap();
    assert_eq!(state["templates"][0]["status"], "PAUSED");
    let unknown = sandbox.ask(&["sandbox", "customer", "read", "4915100000002"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("no such customer"), "{unknown:?}");
}

#[test]
fn what_is_not_there_or_not_right_is_said() {
    let nobody = waypost(&["sandbox", "state", "--sandbox", "http://127.0.0.1:1"]).output().unwrap();
    assert_eq!(nobody.status.code(), Some(5));
    let file = waypost(&["sandbox", "--template", "/nowhere.json"]).output().unwrap();
    assert_eq!(file.status.code(), Some(3), "{file:?}");
    assert!(String::from_utf8_lossy(&file.stderr).contains("--template /nowhere.json"), "{file:?}");
    let both = waypost(&["sandbox", "--token", "x", "state"]).output().unwrap();
    assert_eq!(both.status.code(), Some(2));
}

#[test]
fn it_ends_when_it_is_asked_to() {
    let mut sandbox = Sandbox::start(&[]);
    let kill = Command::new("kill").arg("-TERM").arg(sandbox.child.id().to_string()).status().unwrap();
    assert!(kill.success());
    assert!(sandbox.child.wait().unwrap().success());
}
