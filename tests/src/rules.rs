//! The rules of tests for which two teams are enough. Those of routers under load are in `/tests/it/deployment.rs` and,
//! for the benchmark, in `/deploy/rules.toml`.

/// Everybody is taken care of at the front desk, and there is a second team; a literal with more may follow.
#[macro_export]
macro_rules! two_teams {
    ($($more:literal)?) => {
        concat!(
            r#"
[default]
team = "frontdesk"

[handover]
team = "frontdesk"
words.en = ["an agent"]

[[teams]]
name = "frontdesk"

[[teams]]
name = "billing"
"#
            $(, $more)?
        )
    };
}
