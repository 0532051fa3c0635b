//! What became of customers that were to be blocked, or let in again. Some may have been, beside an error.

use super::{AnswerError, GraphError, Page, each, fields};
use crate::json::{Json, fields_of, string};

/// Each customer, by what became of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockAnswer {
    /// Blocked now.
    pub added: Vec<BlockedUser>,
    /// Let in again.
    pub removed: Vec<BlockedUser>,
    /// As they were before, each with the reason.
    pub failed: Vec<BlockedUser>,
    /// Of the whole request.
    pub error: Option<GraphError>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockedUser {
    /// What we wrote.
    pub input: Option<String>,
    /// The digits by which WhatsApp knows them.
    pub wa_id: Option<String>,
    /// Why it failed.
    pub error: Option<GraphError>,
}

impl BlockAnswer {
    /// The answer to POST and DELETE `/{phone_number_id}/block_users`, of any status.
    pub fn read(body: &[u8]) -> Result<Self, AnswerError> {
        let [users, error] = fields(body, &["block_users", "error"])?;
        let [added, removed, failed] = fields_of(users, &["added_users", "removed_users", "failed_users"]);
        let error = GraphError::of(error);
        if users.is_none() && error.is_none() {
            return Err(AnswerError::Missing("block_users"));
        }
        Ok(Self {
            added: each(added, BlockedUser::of),
            removed: each(removed, BlockedUser::of),
            failed: each(failed, BlockedUser::of),
            error,
        })
    }
}

impl BlockedUser {
    /// The answer to GET `/{phone_number_id}/block_users`: customers, or lists of them.
    pub fn read_page(body: &[u8]) -> Result<Page<Vec<Self>>, AnswerError> {
        Page::read_with(body, |element| {
            let [users] = fields_of(element, &["block_users"]);
            Some(if users.is_some() { each(users, Self::of) } else { Self::of(element).into_iter().collect() })
        })
    }

    fn of(user: Json<'_>) -> Option<Self> {
        let [input, wa_id, errors] = fields_of(user, &["input", "wa_id", "errors"]);
        Some(Self { input: string(input), wa_id: string(wa_id), error: GraphError::first_of(errors) })
    }
}
