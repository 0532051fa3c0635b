//! Holds `/proto/GATEWAY.md` to the comments of `/proto/waypost/gateway` and `/proto/waypost/sends`, and to the table of roles;
//! `WAYPOST_REGENERATE=1` writes it anew instead.

#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "../../grpc/tests/reference/mod.rs"]
mod reference;

use waypost_gateway::METHODS;

use reference::Reference;

const HEAD: &str = "\
# What tools call to write to customers

Generated from the comments of [`waypost/gateway/v1`](waypost/gateway/v1) and [`waypost/sends/v1`](waypost/sends/v1) and
the table of roles; not to be edited. [The guide](../deploy/guides/sending.md) says how it is used.

A call carries `authorization: Bearer TOKEN`; tokens, errors, resources and pages are those of [the administration](API.md).
";

#[test]
fn the_reference_is_current() {
    reference::check(&Reference {
        file: "GATEWAY.md",
        head: HEAD,
        packages: &["gateway", "sends"],
        methods: METHODS,
        remedy: "cargo test -p waypost-gateway --test api_reference",
    });
}
