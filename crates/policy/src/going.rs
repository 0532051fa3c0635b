//! What would go, while the questions are asked about it.

use waypost_domain::{Category, Template};

use crate::verdict::{LanguageChoice, Message, Preview, Warning};

/// A message that is complete, and about which it is asked whether it may go.
#[derive(Debug)]
pub(crate) struct Going<'a> {
    pub(crate) message: Message,
    /// Its row in the registry.
    pub(crate) template: Option<&'a Template>,
    /// What it counts as.
    pub(crate) category: Category,
    pub(crate) is_substitute: bool,
    pub(crate) language: Option<LanguageChoice>,
    pub(crate) preview: Option<Preview>,
    pub(crate) warnings: Vec<Warning>,
}

impl Going<'_> {
    /// Whether the business begins with it: free-form content only ever answers.
    pub(crate) const fn is_template(&self) -> bool {
        self.template.is_some()
    }

    /// Whether it is of the category, to us or to Meta: given a code whose author calls it utility, then it is both.
    pub(crate) fn is_of(&self, category: Category) -> bool {
        self.category == category || self.template.is_some_and(|template| template.category == category)
    }

    /// Whether it answers the customer and is nothing stricter besides.
    pub(crate) fn is_answer(&self) -> bool {
        !self.is_template() && self.category == Category::Service
    }
}
