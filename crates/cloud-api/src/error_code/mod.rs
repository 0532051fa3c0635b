//! What error codes mean, and what is done about each: one table of Meta's, and one of each carrier that has codes of
//! its own.
//!
//! Decisions are made on codes alone. The texts beside them are translated, and must never be looked at
//! (<https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes>).

mod back_off;
mod bird;
mod decide;
mod table;
mod twilio;

pub use back_off::BackOff;
pub use bird::BIRD;
pub use decide::{Circumstances, Decision, Failure, Seen, decide};
pub use table::TABLE;
pub use twilio::TWILIO;

/// The row about `code`, whoever says it: no two of them use one code. `None` for a code that nobody told us of.
pub fn row_of(code: i64) -> Option<&'static Row> {
    TABLE.iter().chain(TWILIO).chain(BIRD).find(|row| row.is_about(code))
}

/// What a code says, and what is done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The first code that it is about.
    pub first: i64,
    /// The last one: mostly the same.
    pub last: i64,
    /// For people, in few words.
    pub meaning: &'static str,
    /// What has the fault.
    pub concerns: Concern,
    /// What becomes of the send.
    pub action: Do,
    /// Where something else becomes of it.
    pub exception: Option<(Circumstance, Do)>,
    /// Whether a person must know.
    pub tell: Tell,
    /// What else changes.
    pub effect: Option<Effect>,
}

/// What has the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Concern {
    /// What we identify ourselves with. Of two codes of Meta's and one of each other carrier only.
    Token,
    /// What the token may do.
    Permission,
    /// All calls of our app.
    App,
    /// One of the business's numbers.
    Number,
    /// A number of ours and a customer.
    Pair,
    /// The customer.
    Contact,
    /// The customer's country.
    Country,
    /// The template.
    Template,
    /// A form.
    Flow,
    /// What the request says.
    Content,
    /// A file.
    Media,
    /// The account.
    Account,
    /// The account's way to pay.
    Payment,
    /// Which of Meta's APIs the account may use.
    Setup,
    /// The list of blocked customers.
    BlockList,
    /// How templates are managed.
    TemplateManagement,
    /// Another app that holds the customer's thread.
    ThreadControl,
    /// Nothing of ours: Meta's service.
    Service,
}

/// What becomes of the send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Do {
    /// It has failed, and gives back its place in the messaging limit.
    Terminal,
    /// It goes again, later.
    RetryAfter(BackOff),
    /// It waits, with everything like it, until that ends.
    Pause {
        /// What is stopped.
        what: Scope,
        /// What ends it.
        until: Until,
    },
    /// Meta may have accepted it all the same: first it is settled by our mark, and only then it goes again.
    SettleThenRetry(BackOff),
}

/// What is stopped, or slowed down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Every number that our app sends from.
    App,
    /// All that one number sends.
    Number,
    /// The number's templates; answers go on.
    NumberTemplates,
    /// All that one customer gets from one number.
    Pair,
    /// All numbers of the account.
    Account,
    /// The account's templates; answers go on.
    AccountTemplates,
    /// What the account would have to pay for.
    AccountPaid,
}

/// What ends a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Until {
    /// A new token in its file.
    NewToken,
    /// A person, who has mended it.
    Person,
    /// Time, after which one is tried.
    Tried(BackOff),
}

/// What else changes because of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Sends go slower.
    Slow(Scope),
    /// The customer service window is closed, whatever our clock says.
    CloseWindow,
    /// The customer has stopped marketing.
    WithdrawMarketing,
    /// What we know of the templates is old.
    RefreshTemplates,
    /// The template is held until Meta says that it is not paused any more.
    HoldTemplate,
    /// The template is not used any more.
    DisableTemplate,
    /// Nobody of that country is written to.
    BlockCountry,
    /// The customer may be somebody else now: a person confirms it.
    VerifyContact,
    /// What became of each customer stands in the answer.
    ReadEachUser,
    /// The list is read from its beginning.
    PageAgain,
}

/// Whether a person must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tell {
    /// It is counted, and can be looked up.
    Nobody,
    /// One does not matter, many at once do.
    AlertIfMany,
    /// At once, and once.
    Alert,
}

/// Where something else is done than mostly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Circumstance {
    /// The customer has a number of the United States.
    ToUsNumber,
    /// Meta had to fetch a file from a link.
    MediaByLink,
}

impl Row {
    /// Whether it is about `code`.
    pub const fn is_about(&self, code: i64) -> bool {
        self.first <= code && code <= self.last
    }
}

impl Do {
    /// Whether the send is over, so that its place in the messaging limit is free again.
    pub const fn is_final(self) -> bool {
        match self {
            Self::Terminal => true,
            Self::RetryAfter(_) | Self::Pause { .. } | Self::SettleThenRetry(_) => false,
        }
    }
}
