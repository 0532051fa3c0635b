//! What a message is to Meta's rules and to consent: one of four categories.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Categories in the order of what they must fulfil: a message that is two of them is judged as the later one.
///
/// The last three are those of Meta's templates (its page on template categorisation). Meta may change a template's category,
/// so what counts is the one that it has now, never the one that somebody asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// An answer, without a template, inside the customer service window.
    Service,
    /// A one-time code.
    Authentication,
    /// About something that the customer ordered, booked or asked for.
    Utility,
    /// Everything else that a business begins.
    Marketing,
}

impl Category {
    /// All of them, in their order.
    pub const ALL: [Self; 4] = [Self::Service, Self::Authentication, Self::Utility, Self::Marketing];

    /// Its word, which is Meta's in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Authentication => "authentication",
            Self::Utility => "utility",
            Self::Marketing => "marketing",
        }
    }

    /// Of its word in any case: Meta's lists of templates have capitals.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.as_str().eq_ignore_ascii_case(text))
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_meta() {
        for category in Category::ALL {
            assert_eq!(Category::parse(category.as_str()), Some(category));
            assert_eq!(Category::parse(&category.as_str().to_uppercase()), Some(category));
        }
        assert_eq!(Category::parse("marketing_lite"), None);
        assert!(Category::Marketing > Category::Utility, "the stricter is the later");
    }
}
