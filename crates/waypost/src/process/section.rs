//! A section of the configuration: its keys, each with its default and its meaning in one place. The table of keys in
//! `deploy/guides/configuration.md` is generated from here; no other table may be written by hand.

use std::fmt;

/// A key as the guide shows it.
#[cfg(test)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    /// With its section, e.g. `ingress.listen`.
    pub(crate) name: &'static str,
    /// As it stands in the source: the guide trims it.
    pub(crate) meaning: &'static str,
}

/// One thing that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// With its section, e.g. `ingress.listen`; empty where it is about no single key.
    pub(crate) key: String,
    pub(crate) problem: String,
}

impl Mistake {
    pub(crate) fn of_no_key(problem: impl Into<String>) -> Self {
        Self { key: String::new(), problem: problem.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, problem } = self;
        if key.is_empty() { f.write_str(problem) } else { write!(f, "{key}: {problem}") }
    }
}

/// The mistakes that were found so far.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<Mistake>);

impl Problems {
    /// One of the mistakes, unless it `holds`.
    pub(crate) fn require(&mut self, holds: bool, key: &str, problem: &str) {
        if !holds {
            self.add(key, problem);
        }
    }

    /// One of the mistakes.
    pub(crate) fn add(&mut self, key: &str, problem: impl fmt::Display) {
        self.0.push(Mistake { key: key.to_owned(), problem: problem.to_string() });
    }

    pub(crate) fn into_mistakes(self) -> Vec<Mistake> {
        self.0
    }
}

/// Makes a section's type, its default, and the table of its keys. A key's comment is its meaning in the guide.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $name:ident = $prefix:literal {
            $(
                $(#[doc = $meaning:literal])+
                $(#[serde($($attribute:tt)+)])?
                $key:ident: $type:ty = $default:expr,
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub(crate) struct $name {
            $(
                $(#[doc = $meaning])+
                $(#[serde($($attribute)+)])?
                pub(crate) $key: $type,
            )+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default,)+ }
            }
        }

        impl $name {
            #[cfg(test)]
            pub(crate) const ABOUT: &'static str = concat!($($about),+);
            #[cfg(test)]
            pub(crate) const KEYS: &'static [$crate::process::section::Key] = &[
                $($crate::process::section::Key {
                    name: concat!($prefix, ".", stringify!($key)),
                    meaning: concat!($($meaning),+),
                },)+
            ];
        }
    };
}
pub(crate) use section;

/// A duration as a key in milliseconds has it.
pub(crate) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
