//! A section of the configuration: its keys, each with its default and its meaning in one place. The table of keys in
//! `deploy/guides/configuration.md` is generated from here; no other table may be written by hand.

/// A key as the guide shows it.
#[cfg(test)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    /// With its section, e.g. `ingress.listen`.
    pub(crate) name: &'static str,
    /// As it stands in the source: the guide trims it.
    pub(crate) meaning: &'static str,
}

/// What is wrong, each mistake by its key.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<String>);

impl Problems {
    /// One of the mistakes, unless it `holds`.
    pub(crate) fn require(&mut self, holds: bool, key: &str, problem: &str) {
        if !holds {
            self.0.push(format!("{key}: {problem}"));
        }
    }

    /// One of the mistakes.
    pub(crate) fn add(&mut self, key: &str, problem: impl std::fmt::Display) {
        self.0.push(format!("{key}: {problem}"));
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
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
