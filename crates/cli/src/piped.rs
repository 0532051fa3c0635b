//! Standard input of the verbs that read a file or what is piped into them. Nobody types a file: where a terminal stands
//! there, a verb says what to give instead of waiting in silence.

use std::io::{IsTerminal, Read, StdinLock};
use std::path::Path;

use crate::failure::Failure;

/// What is piped in. `what` it is, and the `argument` that names a file instead: `inputs`, `--inputs FILE`.
pub(crate) fn standard_input(what: &str, argument: &str) -> Result<StdinLock<'static>, Failure> {
    let stdin = std::io::stdin();
    unless_typed(stdin.is_terminal(), what, argument)?;
    Ok(stdin.lock())
}

/// The bytes of a file; of standard input where it is `-`.
pub(crate) fn read(file: &Path, what: &str, argument: &str) -> Result<Vec<u8>, Failure> {
    let named = |error: std::io::Error| Failure::config(format!("{}: {error}", file.display()));
    if file.as_os_str() != "-" {
        return std::fs::read(file).map_err(named);
    }
    let mut bytes = Vec::new();
    standard_input(what, argument)?.read_to_end(&mut bytes).map_err(named)?;
    Ok(bytes)
}

fn unless_typed(is_terminal: bool, what: &str, argument: &str) -> Result<(), Failure> {
    if !is_terminal {
        return Ok(());
    }
    Err(Failure::config(format!("{what} would be read from the terminal: give {argument}, or pipe it in")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_types_a_file() {
        let refused = unless_typed(true, "inputs", "--inputs FILE").expect_err("it is a terminal");
        assert_eq!(
            refused.message(),
            Some("inputs would be read from the terminal: give --inputs FILE, or pipe it in")
        );
        assert!(unless_typed(false, "inputs", "--inputs FILE").is_ok());
    }
}
