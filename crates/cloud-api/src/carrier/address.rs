//! The public address that a carrier posts to, as whoever configured it there wrote it: part of every signature, and at
//! Twilio the place where statuses find our mark.

use std::fmt;

use waypost_domain::send::Mark;

/// The parameter of the address that holds the mark.
const MARK: &str = "wp";

/// `https://host[:port]/path`, perhaps with Twilio's own wishes behind a `#` (`#rc=5&rp=all`: five more attempts, whatever
/// failed).
#[derive(Clone, PartialEq, Eq)]
pub struct PublicAddress {
    /// Up to the path: with the port that it is written with, or its scheme's, and without one.
    spellings: Vec<String>,
    /// As it is written, up to the fragment.
    written: String,
    /// With its `#`; empty where there is none.
    fragment: String,
}

/// What an address of this kind must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be https://host/path, without ? and with no more than visible ASCII characters")]
pub struct InvalidAddress;

impl PublicAddress {
    /// Reads one; `http://` is for a machine of one's own.
    pub fn new(text: &str) -> Result<Self, InvalidAddress> {
        let (written, fragment) = text.split_once('#').unwrap_or((text, ""));
        let fragment = if fragment.is_empty() { String::new() } else { format!("#{fragment}") };
        let (scheme, rest) = written.split_once("://").ok_or(InvalidAddress)?;
        let usual_port = match scheme {
            "https" => "443",
            "http" => "80",
            _ => return Err(InvalidAddress),
        };
        let at = rest.find('/').ok_or(InvalidAddress)?;
        let (authority, path) = rest.split_at(at);
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic()) && !written.contains(['?', '@']);
        let (host, port) = match authority.rsplit_once(':') {
            // The last part of an IPv6 address is no port.
            Some((host, port)) if !port.contains(']') => (host, port),
            _ => (authority, usual_port),
        };
        if !is_plain || host.is_empty() || port.parse::<u16>().is_err() {
            return Err(InvalidAddress);
        }
        let spellings = vec![format!("{scheme}://{host}:{port}{path}"), format!("{scheme}://{host}{path}")];
        Ok(Self { spellings, written: written.to_owned(), fragment })
    }

    /// Reads one that has nothing behind a `#`.
    pub fn plain(text: &str) -> Result<Self, InvalidAddress> {
        Self::new(text).ok().filter(|address| address.fragment.is_empty()).ok_or(InvalidAddress)
    }

    /// As it was written, without what stood behind the `#`.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Every way in which Twilio may have written it into a signature, for a request with this query. Which of them, differs by
    /// the kind of its webhooks.
    pub(crate) fn signed(&self, query: Option<&str>) -> impl Iterator<Item = String> {
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let with_fragment = (!self.fragment.is_empty()).then_some(self.fragment.as_str());
        self.spellings.iter().flat_map(move |spelling| {
            let query = query.clone();
            [""].into_iter().chain(with_fragment).map(move |fragment| format!("{spelling}{query}{fragment}"))
        })
    }

    /// Where the statuses of a message with this mark go.
    pub fn for_statuses(&self, mark: &Mark) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair(MARK, &mark.to_string());
        format!("{}?{}{}", self.written, query.finish(), self.fragment)
    }
}

/// What the query of such an address says.
pub(crate) fn mark_in(query: Option<&str>) -> Option<String> {
    let pairs = form_urlencoded::parse(query?.as_bytes());
    pairs.into_iter().find(|(name, _)| name == MARK).map(|(_, mark)| mark.into_owned())
}

impl fmt::Debug for PublicAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use waypost_domain::send::SendId;

    use super::*;

    #[test]
    fn it_is_signed_with_and_without_its_port_and_its_fragment() {
        let signed = |text: &str, query| PublicAddress::new(text).unwrap().signed(query).collect::<Vec<_>>();
        let plain = signed("https://hooks.example.com/twilio", None);
        assert_eq!(plain, ["https://hooks.example.com:443/twilio", "https://hooks.example.com/twilio"]);
        let other = signed("http://[::1]:8080/t", Some("a=%2F"));
        assert_eq!(other, ["http://[::1]:8080/t?a=%2F", "http://[::1]/t?a=%2F"]);
        let with_wishes = signed("https://x/t#rc=5", Some("a"));
        let want = ["https://x:443/t?a", "https://x:443/t?a#rc=5", "https://x/t?a", "https://x/t?a#rc=5"];
        assert_eq!(with_wishes, want);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "x",
            "ftp://x/",
            "https://x",
            "https:///t",
            "https://x/t?a",
            "https://me@x/t",
            "https://x/t t",
            "https://x:0x/t",
            "https://x:/t",
            "https://é/t",
        ] {
            assert_eq!(PublicAddress::new(text), Err(InvalidAddress), "{text}");
        }
        assert_eq!(PublicAddress::plain("https://x/t#rc=5"), Err(InvalidAddress));
        assert_eq!(PublicAddress::plain("https://x:8443/t").unwrap().as_str(), "https://x:8443/t");
    }

    #[test]
    fn a_mark_comes_back() {
        for send in ["one", "order-17/x&y=%23#+", &"x".repeat(SendId::LENGTH_MAX)] {
            let mark = Mark { send: SendId::new(send).unwrap(), attempt: 3 };
            let url = PublicAddress::new("https://x/t#rc=5").unwrap().for_statuses(&mark);
            let query = url.strip_prefix("https://x/t?").and_then(|rest| rest.strip_suffix("#rc=5")).unwrap();
            assert_eq!(mark_in(Some(query)), Some(mark.to_string()));
        }
        assert_eq!(mark_in(None), None);
        assert_eq!(mark_in(Some("x=1")), None);
    }
}
