//! When versions of Meta's API end: a dated table, kept beside this file.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Deserialize;

const TEXT: &str = include_str!("api_versions.toml");

/// Meta's list, as of a day.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiVersions {
    pub(crate) as_of: String,
    /// Empty: no day is set.
    ends: BTreeMap<String, String>,
}

/// What is known of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    On(Date),
    /// It is in use, and no day is set.
    NotSet,
    /// Older than the oldest of the list.
    LongAgo,
    /// Newer than the newest of the list, or none that Meta ever had.
    NotListed,
}

impl ApiVersions {
    /// The list that this program was built with.
    pub(crate) fn built_in() -> Result<Self, toml::de::Error> {
        toml::from_str(TEXT)
    }

    /// The newest of the list.
    pub(crate) fn newest(&self) -> &str {
        self.ends.keys().max_by_key(|version| major(version)).map_or("", String::as_str)
    }

    pub(crate) fn end_of(&self, version: &str) -> End {
        if let Some(day) = self.ends.get(version) {
            return day.parse().map_or(End::NotSet, End::On);
        }
        let oldest = self.ends.keys().filter_map(|version| major(version)).min();
        if major(version) < oldest { End::LongAgo } else { End::NotListed }
    }
}

/// 26 of `v26.0`.
pub(crate) fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_one() {
        let versions = ApiVersions::built_in().unwrap();
        assert!(versions.as_of.parse::<Date>().is_ok(), "{}", versions.as_of);
        let mut all: Vec<(u32, &str)> =
            versions.ends.iter().map(|(version, day)| (major(version).unwrap(), day.as_str())).collect();
        all.sort_unstable();
        for pair in all.windows(2) {
            let [(before, ends), (after, later)] = pair else { unreachable!() };
            assert_eq!(before + 1, *after, "no version is left out");
            assert!(ends.parse::<Date>().is_ok(), "{before}: only the newest has no end");
            assert!(later.is_empty() || ends < later, "{before}");
        }
        assert_eq!(versions.end_of(&waypost_graph_client::GraphConfig::new("").version), End::NotSet);
        assert_eq!(versions.newest(), "v26.0");
    }

    #[test]
    fn a_version_ends_as_the_list_says() {
        let versions = ApiVersions::built_in().unwrap();
        assert_eq!(versions.end_of("v21.0"), End::On(Date::constant(2027, 1, 21)));
        assert_eq!(versions.end_of("v3.2"), End::LongAgo);
        assert_eq!(versions.end_of("v99.0"), End::NotListed);
    }
}
