//! Which request is which, by method and path. Thin: what is done is the state's.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use super::control::Control;
use super::control_api;
use super::graph;
use super::judge::Endpoint;
use super::message::{Parsed, Post};
use super::reply::Reply;
use super::serve::{Arrived, Handler};

pub(crate) struct Routes {
    pub(crate) control: Control,
}

impl Handler for Routes {
    fn handle(&self, request: &Arrived) -> Reply {
        let segments: Vec<&str> = request.path.split('/').filter(|segment| !segment.is_empty()).collect();
        // Without a version the app's own counts.
        let segments = match segments.as_slice() {
            [version, rest @ ..] if is_version(version) => rest,
            all => all,
        };
        match (request.method.as_str(), segments) {
            ("POST", [id, "messages"]) => self.post_message(request, id, Endpoint::CloudApi),
            ("POST", [id, "marketing_messages"]) => self.post_message(request, id, Endpoint::Marketing),
            (_, [control_api::FOLDER, rest @ ..]) => control_api::answer(&self.control, request, rest),
            (_, segments) => self.control.shared.with(|state, now_ms| graph::answer(state, now_ms, request, segments)),
        }
    }

    /// The platform's time, and the version of the API that answered.
    fn head(&self, path: &str) -> Vec<(&'static str, String)> {
        let mut head = Vec::new();
        let now = Timestamp::from_millisecond(self.control.now_ms()).unwrap_or_default();
        if let Ok(date) = DateTimePrinter::new().timestamp_to_rfc9110_string(&now) {
            head.push(("date", date));
        }
        let asked = path.split('/').find(|segment| !segment.is_empty()).filter(|segment| is_version(segment));
        let answering = |asked| self.control.shared.look(|state| state.standing.answering(asked));
        head.extend(asked.map(|asked| ("facebook-api-version", answering(asked))));
        head
    }
}

impl Routes {
    fn post_message(&self, request: &Arrived, phone_number_id: &str, endpoint: Endpoint) -> Reply {
        let body = Parsed::read(&request.body);
        let post = Post { token: request.bearer.as_deref(), phone_number_id, endpoint, body };
        self.control.shared.with(|state, now_ms| state.post_message(now_ms, post))
    }
}

/// `v26.0`
fn is_version(segment: &str) -> bool {
    let number = segment.strip_prefix('v').and_then(|version| version.split_once('.'));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    number.is_some_and(|(major, minor)| is_number(major) && is_number(minor))
}
