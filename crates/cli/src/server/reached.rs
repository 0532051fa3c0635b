//! Why a server was not reached: said once, with what to do.

use std::error::Error;

use crate::failure::{Failure, root_cause};

/// The server at `url` did not answer.
pub(super) fn not_reached(url: &str, error: &dyn Error) -> Failure {
    Failure::unavailable(told(url, &root_cause(error)))
}

fn told(url: &str, cause: &str) -> String {
    let remedy = if cause.contains("InvalidContentType") {
        return format!("{url}: the server speaks plain http; try {}", url.replacen("https:", "http:", 1));
    } else if cause.contains("Connection refused") {
        "nobody listens there. Name the server (--server, WAYPOST_SERVER); on its own machine name the configuration that \
         it runs by (--config), or work in the folder of its waypost.toml"
    } else if cause.contains("invalid peer certificate") {
        "--ca FILE says who may vouch for the certificate, and --server has the name that the certificate has"
    } else {
        "is the address right (--server, WAYPOST_SERVER), and may this machine reach it?"
    };
    format!("{url}: {cause}: {remedy}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("transport error")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("tcp connect error")]
    struct Inner(#[source] std::io::Error);

    #[test]
    fn the_cause_is_said_once_and_each_has_its_remedy() {
        let refused = Outer(Inner(std::io::Error::from_raw_os_error(111)));
        let failure = not_reached("https://a:1", &refused);
        let text = failure.message().unwrap();
        assert!(text.starts_with("https://a:1: Connection refused (os error 111): nobody listens there"), "{text}");
        assert!(text.contains("--config") && !text.contains("transport"), "{text}");
        let plain = told("https://a:1", "received corrupt message of type InvalidContentType");
        assert_eq!(plain, "https://a:1: the server speaks plain http; try http://a:1");
        let stranger = told("https://a:1", "invalid peer certificate: UnknownIssuer");
        assert!(stranger.contains("UnknownIssuer: --ca FILE"), "{stranger}");
    }
}
