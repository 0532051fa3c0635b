//! What is ours: the store, the bus, the policy data, and our address as Meta sees it.

use crate::commands::doctor::facts::{Asked, Facts, NotAsked, Ours, Stored};
use crate::commands::doctor::finding::{Check, Finding, Subject};
use crate::commands::doctor::handshake::Handshake;

/// Facts of countries, tiers and caps change a few times a year.
const POLICY_DAYS_MAX: i64 = 90;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings = store(&facts.store);
    findings.push(bus(&facts.bus));
    findings.extend(handshake(&facts.ours));
    findings
}

pub(super) fn store(store: &Asked<Stored>) -> Vec<Finding> {
    match store {
        Ok(stored) => vec![
            Subject::Waypost.ok(Check::Store, format!("{} is reached, its schema is current", stored.kind)),
            policy(stored),
        ],
        Err(NotAsked { what, remedy }) => vec![Subject::Waypost.bad(Check::Store, what, remedy)],
    }
}

fn policy(stored: &Stored) -> Finding {
    let Stored { policy_version: version, policy_as_of: as_of, policy_age_days: days, .. } = stored;
    let found = format!("version {version}, of {as_of}");
    if *days <= POLICY_DAYS_MAX {
        return Subject::Waypost.ok(Check::PolicyData, found);
    }
    let remedy = "look its facts up again (countries, tiers, caps, hours), date it (as_of), and put it in force with `waypost \
                  policy set`";
    Subject::Waypost.warn(Check::PolicyData, format!("{found}, which is {days} days ago"), remedy)
}

fn bus(bus: &Asked<&'static str>) -> Finding {
    match bus {
        Ok(kind) => Subject::Waypost.ok(Check::Bus, format!("{kind} is reached")),
        Err(NotAsked { what, remedy }) => Subject::Waypost.bad(Check::Bus, what, remedy),
    }
}

pub(super) fn handshake(ours: &Ours) -> Option<Finding> {
    let (subject, check) = (Subject::Waypost, Check::Handshake);
    if ours.through_d360 {
        return Some(subject.ok(check, "360dialog makes none"));
    }
    let Some(handshake) = &ours.handshake else {
        let remedy = "set ingress.public_url, or give --callback URL";
        return Some(subject.warn(check, "not tried: our address, as Meta sees it, is not known", remedy));
    };
    let bad = |found: &str, remedy: &str| Some(subject.bad(check, found, remedy));
    match handshake {
        Handshake::Answered => Some(subject.ok(check, "our address answers it with our verify token")),
        Handshake::OtherBody => bad(
            "our address answers 200, and not with the challenge alone",
            "let the address lead to Waypost's ingress itself: something before it answers",
        ),
        Handshake::Status(403) => bad(
            "our address answers 403: it wants another verify token, or something before Waypost refuses",
            "make ingress.verify_token the same everywhere, and restart nothing but what has the old one",
        ),
        Handshake::Status(404) => bad(
            "our address answers 404: nothing takes webhooks at this path",
            "make the path of the address that of ingress.path, or let the proxy write it so",
        ),
        Handshake::Status(status) => bad(
            &format!("our address answers {status} instead of 200"),
            "look at what stands before Waypost's ingress (proxy, load balancer, firewall); Meta follows no redirection",
        ),
        Handshake::NoAnswer(problem) => bad(
            &format!("our address does not answer: {problem}"),
            "let the address lead to ingress.listen, with a certificate that everybody trusts (--ca for one that only you do)",
        ),
        Handshake::Plain => bad(
            "not tried: our address has no TLS, and Meta calls none without",
            "give an https address; Waypost or a proxy before it ends TLS",
        ),
        Handshake::NoToken(problem) => bad(
            &format!("not tried: {problem}"),
            "set ingress.verify_token_file, or run this where the ingress' configuration is",
        ),
    }
}
