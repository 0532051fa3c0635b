//! What one version says otherwise than another, in the one form that a server and two rules files tell it in.

use waypost_rules::diff::{Difference, PartChange, RuleChange};

use crate::admin_v1 as v1;

impl From<Difference> for v1::DiffRuleSetsResponse {
    fn from(difference: Difference) -> Self {
        let Difference { added, removed, changed, other, changes } = difference;
        let rule = |RuleChange { rule, parts }: RuleChange| v1::RuleChange {
            rule,
            parts: parts.into_iter().map(str::to_owned).collect(),
        };
        let part = |PartChange { part, before, after }: PartChange| v1::PartChange { part, before, after };
        Self {
            added,
            removed,
            changed: changed.into_iter().map(rule).collect(),
            other,
            changes: changes.into_iter().map(part).collect(),
        }
    }
}
