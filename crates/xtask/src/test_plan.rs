//! Which steps a test run has, by what was asked for on the command line. Runs nothing.

use anyhow::bail;
use clap::Args;

use crate::workspace::{TESTS, Workspace};

#[derive(Args, Debug, Default)]
#[command(after_help = "Examples:
  cargo xtask test                                  # everything
  cargo xtask test --no-servers                     # everything that needs no RabbitMQ and no PostgreSQL
  cargo xtask test --only router                    # clippy, and the crate's own tests
  cargo xtask test --only it --no-servers           # whole-system tests on the embedded bus and store
  cargo xtask test --only formatting --only clippy  # several

Groups: formatting, clippy, unit (the crates' own tests), docs (examples in documentation, and its links), it
(whole-system tests without the faults), faults (their short forms), simulation.")]
pub(crate) struct TestArgs {
    /// Only this crate (router, or waypost-router) or group; may be given several times
    #[arg(long, value_name = "CRATE|GROUP")]
    pub(crate) only: Vec<String>,
    /// Start no servers, and leave out what needs them
    #[arg(long)]
    pub(crate) no_servers: bool,
}

/// What `--only` takes besides the crates.
pub(crate) const GROUPS: [&str; 7] = ["formatting", "clippy", "unit", "docs", "it", "faults", "simulation"];

/// What becomes of the plan when a step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Check,
    /// The tests behind it are of no use without it.
    Build,
    Tests,
    Documentation,
}

#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Of cargo.
    pub(crate) arguments: Vec<String>,
    needs_servers: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    /// What was wanted and needs servers that are not to be started.
    pub(crate) left_out: Vec<String>,
}

impl Plan {
    /// The steps for what `--only` names, or for everything.
    pub(crate) fn new(only: &[String], no_servers: bool, workspace: &Workspace) -> anyhow::Result<Self> {
        let mut planner = Planner { workspace, servers: !no_servers, plan: Self::default() };
        if only.is_empty() {
            planner.everything();
        }
        for word in only {
            match word.as_str() {
                "formatting" => planner.formatting(),
                "clippy" => planner.clippy(),
                "unit" => planner.unit(),
                "docs" => planner.docs(),
                "it" => planner.whole_system(),
                "faults" => planner.faults(),
                "simulation" => planner.simulation(),
                word => planner.package(word)?,
            }
        }
        Ok(planner.plan)
    }

    pub(crate) fn needs_servers(&self) -> bool {
        self.steps.iter().any(|step| step.needs_servers)
    }
}

struct Planner<'a> {
    workspace: &'a Workspace,
    servers: bool,
    plan: Plan,
}

impl Planner<'_> {
    fn everything(&mut self) {
        self.formatting();
        self.clippy();
        self.add("build", Kind::Build, "build", &["--all-targets"]);
        self.add("tests", Kind::Tests, "test", &["--no-fail-fast"]);
        self.need_servers();
        self.documentation();
    }

    fn formatting(&mut self) {
        let arguments = ["fmt", "--all", "--check"].map(str::to_owned).to_vec();
        self.plan.steps.push(Step {
            name: "formatting".to_owned(),
            kind: Kind::Check,
            arguments,
            needs_servers: false,
        });
    }

    fn clippy(&mut self) {
        self.add("clippy", Kind::Check, "clippy", &["--all-targets", "--", "-D", "warnings"]);
    }

    fn unit(&mut self) {
        let mut arguments = vec!["--no-fail-fast", "--lib", "--bins"];
        for name in self.workspace.own_tests() {
            arguments.extend(["--test", name]);
        }
        self.add("unit tests", Kind::Tests, "test", &arguments);
    }

    fn docs(&mut self) {
        self.add("examples in documentation", Kind::Tests, "test", &["--no-fail-fast", "--doc"]);
        self.documentation();
    }

    fn documentation(&mut self) {
        // There are no examples; naming them brings the tests' features, those of the steps before.
        self.add("documentation", Kind::Documentation, "doc", &["--no-deps", "--lib", "--bins", "--examples"]);
    }

    fn whole_system(&mut self) {
        self.add("build", Kind::Build, "build", &["--test", "it", "--bin", "waypost"]);
        let arguments = ["--no-fail-fast", "--test", "it", "--", "--skip", "faults::"];
        self.add("whole-system tests", Kind::Tests, "test", &arguments);
        self.need_servers();
    }

    fn faults(&mut self) {
        if !self.servers {
            self.plan.left_out.push("faults".to_owned());
            return;
        }
        self.add("build", Kind::Build, "build", &["--test", "it", "--bin", "waypost"]);
        self.add("faults", Kind::Tests, "test", &["--no-fail-fast", "--test", "it", "--", "faults::"]);
        self.need_servers();
    }

    fn simulation(&mut self) {
        self.add("simulation", Kind::Tests, "test", &["--no-fail-fast", "--test", "simulation"]);
    }

    /// A crate by itself, with its own features alone: as `cargo test -p` builds it, so that the two share what is built.
    fn package(&mut self, word: &str) -> anyhow::Result<()> {
        let Some(package) = self.workspace.package(word) else {
            let names = self.workspace.packages.iter().map(|package| package.name.trim_start_matches("waypost-"));
            let names: Vec<&str> = names.collect();
            bail!("--only {word}: no such crate or group; groups: {}; crates: {}", GROUPS.join(", "), names.join(", "));
        };
        let name = package.name.clone();
        if name == TESTS {
            self.whole_system();
            self.simulation();
            return Ok(());
        }
        for (step, kind, arguments) in [
            ("clippy", Kind::Check, &["clippy", "--all-targets", "--", "-D", "warnings"][..]),
            ("tests", Kind::Tests, &["test", "--no-fail-fast"]),
        ] {
            let (command, rest) = arguments.split_at(1);
            let arguments = [command, &["--locked", "-p", &name][..], rest].concat();
            let arguments = arguments.into_iter().map(str::to_owned).collect();
            self.plan.steps.push(Step { name: format!("{step} of {name}"), kind, arguments, needs_servers: false });
        }
        Ok(())
    }

    /// A step over the whole workspace, with the one set of features that a run has.
    fn add(&mut self, name: &str, kind: Kind, command: &str, arguments: &[&str]) {
        let features = self.workspace.features_without_servers();
        let features = if self.servers { vec!["--all-features"] } else { vec!["--features", &features] };
        let arguments = [&[command, "--locked", "--workspace"][..], &features[..], arguments].concat();
        let arguments = arguments.into_iter().map(str::to_owned).collect();
        self.plan.steps.push(Step { name: name.to_owned(), kind, arguments, needs_servers: false });
    }

    /// Of the step that was added last.
    fn need_servers(&mut self) {
        if !self.servers {
            self.plan.left_out.extend(self.workspace.server_tests.iter().cloned());
            self.plan.left_out.push("every other whole-system test on RabbitMQ and PostgreSQL".to_owned());
            self.plan.left_out.dedup();
        } else if let Some(step) = self.plan.steps.last_mut() {
            step.needs_servers = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#"{"packages": [
        {"name": "waypost-router", "features": {"extra": []},
         "targets": [{"name": "waypost_router", "kind": ["lib"]}, {"name": "order", "kind": ["test"]}]},
        {"name": "waypost-tests", "features": {"servers": [], "slow": []},
         "targets": [{"name": "it", "kind": ["test"]}]}
    ]}"#;
    const MAIN: &str = "mod admin;\n#[cfg(feature = \"servers\")]\nmod replicas;\nmod teams;\n";

    fn plan(only: &[&str], no_servers: bool) -> anyhow::Result<Plan> {
        let only: Vec<String> = only.iter().map(|word| (*word).to_owned()).collect();
        Plan::new(&only, no_servers, &Workspace::of(METADATA.as_bytes(), MAIN)?)
    }

    #[test]
    fn what_is_wanted_is_planned_and_nothing_else() -> anyhow::Result<()> {
        let all = ["formatting", "clippy", "build", "tests", "documentation"];
        let cases: [(&[&str], bool, &[&str], bool); 9] = [
            (&[], false, &all, true),
            (&[], true, &all, false),
            (&["router"], false, &["clippy of waypost-router", "tests of waypost-router"], false),
            (&["waypost-router"], true, &["clippy of waypost-router", "tests of waypost-router"], false),
            (&["it"], false, &["build", "whole-system tests"], true),
            (&["faults"], false, &["build", "faults"], true),
            (&["faults"], true, &[], false),
            (&["tests"], true, &["build", "whole-system tests", "simulation"], false),
            (&["unit", "docs"], false, &["unit tests", "examples in documentation", "documentation"], false),
        ];
        for (only, no_servers, expected, servers) in cases {
            let plan = plan(only, no_servers)?;
            let names: Vec<&str> = plan.steps.iter().map(|step| step.name.as_str()).collect();
            assert_eq!((&names[..], plan.needs_servers()), (expected, servers), "{only:?} {no_servers}");
        }
        for group in GROUPS {
            assert!(plan(&[group], false).is_ok_and(|plan| !plan.steps.is_empty()), "{group}");
        }
        let refused = plan(&["ruter"], false).expect_err("there is no such crate").to_string();
        assert!(refused.contains("ruter") && refused.contains("simulation") && refused.contains("router"), "{refused}");
        Ok(())
    }

    #[test]
    fn without_servers_their_tests_are_neither_built_nor_kept_silent() -> anyhow::Result<()> {
        let plan = plan(&[], true)?;
        for step in plan.steps.iter().filter(|step| step.arguments.contains(&"--workspace".to_owned())) {
            let line = step.arguments.join(" ");
            assert!(line.contains("--features waypost-router/extra,waypost-tests/slow"), "{line}");
        }
        assert_eq!(plan.left_out[0], "replicas");
        assert!(plan.left_out.len() == 2 && plan.left_out[1].contains("RabbitMQ"), "{:?}", plan.left_out);
        Ok(())
    }

    #[test]
    fn unit_tests_are_those_of_the_crates_and_their_folders() -> anyhow::Result<()> {
        let plan = plan(&["unit"], false)?;
        let line = plan.steps[0].arguments.join(" ");
        assert_eq!(line, "test --locked --workspace --all-features --no-fail-fast --lib --bins --test order");
        Ok(())
    }
}
