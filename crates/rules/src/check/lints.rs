//! What is shown and does not refuse.

use super::Finding;
use crate::model::Document;

pub fn warnings(_document: &Document) -> Vec<Finding> {
    Vec::new()
}
