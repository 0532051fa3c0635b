//! Passed and failed: the plain count that a command ends with.

use std::fmt;
use std::ops::AddAssign;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Count {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Count {
    pub(crate) const FAILURE: Self = Self { passed: 0, failed: 1 };

    pub(crate) const fn is_success(self) -> bool {
        self.failed == 0
    }

    /// Reads the closing line of a test runner (`test result: ok. 12 passed; 0 failed; …`); `None` for other lines.
    pub(crate) fn of_closing_line(line: &str) -> Option<Self> {
        let result = line.trim_start().strip_prefix("test result: ")?;
        Some(Self { passed: number_before(result, " passed")?, failed: number_before(result, " failed")? })
    }
}

fn number_before(text: &str, word: &str) -> Option<u64> {
    let (before, _) = text.split_once(word)?;
    before.rsplit(' ').next()?.parse().ok()
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_counted_and_nothing_else() {
        let cases = [
            (
                "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.07s",
                Some((12, 0)),
            ),
            (
                "test result: FAILED. 9 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s",
                Some((9, 3)),
            ),
            ("test topology::names ... ok", None),
            ("running 12 tests", None),
            ("test result: ", None),
        ];
        for (line, expected) in cases {
            let found = Count::of_closing_line(line).map(|count| (count.passed, count.failed));
            assert_eq!(found, expected, "{line}");
        }
    }
}
