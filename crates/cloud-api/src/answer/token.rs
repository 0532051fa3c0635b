//! What a token is good for, and for how long: GET `/debug_token`
//! (<https://developers.facebook.com/docs/graph-api/reference/debug_token>).

use super::{AnswerError, GraphError, each, fields, flag, words};
use crate::json::{Json, fields_of, integer, object, string};

object! {
    TokenObject {
        is_valid: "is_valid",
        app_id: "app_id",
        expires_at: "expires_at",
        data_access_expires_at: "data_access_expires_at",
        scopes: "scopes",
        granular_scopes: "granular_scopes",
        error: "error",
    }
}

/// A token, described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenInfo {
    /// Whether it can be used now.
    pub is_valid: bool,
    /// Whose it is.
    pub app_id: Option<String>,
    /// When it ends.
    pub expires: Expiry,
    /// When it may look at the account's data no more.
    pub data_access_expires: Expiry,
    /// What it may do.
    pub scopes: Vec<String>,
    /// And on what.
    pub granular_scopes: Vec<GranularScope>,
    /// Why it cannot be used.
    pub error: Option<GraphError>,
}

/// What a token may do on some things only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GranularScope {
    /// What it may do.
    pub scope: String,
    /// The accounts that it reaches; empty: all of them.
    pub target_ids: Vec<String>,
}

/// The end of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Expiry {
    /// It has none.
    Never,
    /// Seconds since the epoch.
    At(i64),
    /// Nothing is said of it.
    Unknown,
}

impl TokenInfo {
    /// The answer to GET `/debug_token`.
    pub fn read(body: &[u8]) -> Result<Self, AnswerError> {
        let [data] = fields(body, &["data"])?;
        let (token, _) = data.and_then(|data| TokenObject::read(data.get())).ok_or(AnswerError::Missing("data"))?;
        Ok(Self {
            is_valid: flag(token.is_valid),
            app_id: string(token.app_id),
            expires: Expiry::of(token.expires_at),
            data_access_expires: Expiry::of(token.data_access_expires_at),
            scopes: words(token.scopes),
            granular_scopes: each(token.granular_scopes, |scope| {
                let [scope, target_ids] = fields_of(scope, &["scope", "target_ids"]);
                Some(GranularScope { scope: string(scope)?, target_ids: words(target_ids) })
            }),
            error: GraphError::of(token.error),
        })
    }
}

impl Expiry {
    fn of(seconds: Json<'_>) -> Self {
        match integer(seconds) {
            Some(0) => Self::Never,
            Some(seconds) => Self::At(seconds),
            None => Self::Unknown,
        }
    }
}
