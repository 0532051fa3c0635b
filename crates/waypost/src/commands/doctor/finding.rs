//! A finding: how bad, of what, what was found, and what to do.

use std::fmt;

use serde::{Serialize, Serializer};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// Nothing to do.
    Ok,
    /// It works; somebody should look at it.
    Warn,
    /// Messages do not come, do not go, or will soon do neither.
    Bad,
}

impl Level {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

macro_rules! checks {
    ($($check:ident = $name:literal: $about:literal,)+) => {
        /// What is looked at. The names are for scripts, and stay.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Check {
            $(#[doc = $about] $check,)+
        }

        impl Check {
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$check),+];

            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$check => $name,)+
                }
            }

            /// For the guide.
            #[cfg(test)]
            pub(crate) const fn about(self) -> &'static str {
                match self {
                    $(Self::$check => $about,)+
                }
            }
        }
    };
}

checks! {
    Store = "store": "the store is reached, and its schema is this program's",
    Bus = "bus": "the bus is reached",
    PolicyData = "policy-data": "the facts that the rules for sending go by were looked at within 90 days",
    Handshake = "handshake": "our address answers Meta's handshake, with our verify token",
    Reached = "reached": "Meta is reached, and can be asked at all",
    Clock = "clock": "this machine's clock is within 2 s of Meta's; 60 s are bad",
    ApiVersion = "api-version": "the version of the API is in use for 90 days more, and is the one that answers",
    Token = "token": "the token is valid, for 14 days more",
    Scopes = "scopes": "the token may send and manage, and reaches the accounts of our numbers",
    Callback = "callback": "webhooks come to our address: the app's, and those of accounts and numbers in its place",
    Fields = "fields": "the app gets webhooks of what is used here",
    Subscription = "subscription": "the app gets the webhooks of the account",
    Health = "health": "messages can be sent, by Meta's word, and what stands in the way: number, account, business, app",
    Review = "review": "Meta has approved the account",
    Payment = "payment": "the account has a way to pay",
    Verification = "verification": "the business is verified; the number was shown to be ours",
    Known = "known": "Meta knows the number, and the token reaches it",
    Status = "status": "the number is connected",
    Mode = "mode": "the number is live, in the Cloud API",
    Quality = "quality": "Meta's rating of the number",
    Limits = "limits": "how many customers, and how many messages a second",
    DisplayName = "display-name": "the name that customers see is approved",
    Profile = "profile": "customers see what the business is",
}

/// Of what it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// This installation.
    Waypost,
    /// The platform, and our way to it.
    Meta,
    /// The app that the token is of.
    App,
    /// By Meta's id.
    Account(String),
    /// By our name; never by the number itself.
    Number(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waypost => f.write_str("waypost"),
            Self::Meta => f.write_str("meta"),
            Self::App => f.write_str("app"),
            Self::Account(id) => write!(f, "accounts/{id}"),
            Self::Number(name) => write!(f, "numbers/{name}"),
        }
    }
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) level: Level,
    #[serde(serialize_with = "named")]
    pub(crate) check: Check,
    #[serde(serialize_with = "shown")]
    pub(crate) subject: Subject,
    pub(crate) found: String,
    /// `None` where there is nothing to do.
    pub(crate) remedy: Option<String>,
}

fn named<S: Serializer>(check: &Check, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(check.name())
}

fn shown<S: Serializer>(subject: &Subject, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(subject)
}

impl Subject {
    pub(crate) fn ok(&self, check: Check, found: impl AsRef<str>) -> Finding {
        self.finding(Level::Ok, check, found.as_ref(), None)
    }

    pub(crate) fn warn(&self, check: Check, found: impl AsRef<str>, remedy: impl AsRef<str>) -> Finding {
        self.finding(Level::Warn, check, found.as_ref(), Some(remedy.as_ref()))
    }

    pub(crate) fn bad(&self, check: Check, found: impl AsRef<str>, remedy: impl AsRef<str>) -> Finding {
        self.finding(Level::Bad, check, found.as_ref(), Some(remedy.as_ref()))
    }

    /// Of this level; nothing is to be done about what is ok.
    pub(crate) fn at(&self, level: Level, check: Check, found: impl AsRef<str>, remedy: impl AsRef<str>) -> Finding {
        let remedy = Some(remedy.as_ref()).filter(|_| level != Level::Ok);
        self.finding(level, check, found.as_ref(), remedy)
    }

    fn finding(&self, level: Level, check: Check, found: &str, remedy: Option<&str>) -> Finding {
        // Words of Meta's must not steer the terminal.
        let plain = |text: &str| text.replace(char::is_control, " ").trim().to_owned();
        Finding { level, check, subject: self.clone(), found: plain(found), remedy: remedy.map(plain) }
    }
}
