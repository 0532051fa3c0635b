//! Holds `/proto/API.md` to the comments of `/proto/waypost/admin` and to the table of roles; `WAYPOST_REGENERATE=1` writes
//! it anew instead.

#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "../../grpc/tests/reference/mod.rs"]
mod reference;

use waypost_admin::METHODS;

use reference::Reference;

const HEAD: &str = "\
# The administration's interface

Generated from the comments of [`waypost/admin/v1`](waypost/admin/v1) and the table of roles; not to be edited.

A call carries `authorization: Bearer TOKEN`. `UNAUTHENTICATED` means that the token is missing, unknown, expired or
revoked; `PERMISSION_DENIED`, that none of its roles may do this. `INVALID_ARGUMENT` names every wrong field
(`google.rpc.BadRequest`); `ABORTED` means that the etag is not current: read again; `NOT_FOUND` and `FAILED_PRECONDITION` have a
reason (`google.rpc.ErrorInfo`). Resources are named `collection/id`. Lists come in pages: `page_token` is the
`next_page_token` of the page before, and good for the same question only.
";

#[test]
fn the_reference_is_current() {
    reference::check(&Reference {
        file: "API.md",
        head: HEAD,
        packages: &["admin"],
        methods: METHODS,
        remedy: "cargo test -p waypost-admin --test api_reference",
    });
}
