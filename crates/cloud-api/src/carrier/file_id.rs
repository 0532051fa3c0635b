//! Ids of customers' files at carriers that name a file below its message: `MESSAGE:FILE`, of an address
//! `…/messages/MESSAGE/media/FILE` in any case of its words. By both the file is found again below the configured base;
//! an address is never kept to be asked.

use std::fmt;

/// What an address, or an id of one, says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId<'a> {
    /// `None`: its address names none.
    pub message: Option<&'a str>,
    /// Of the file itself.
    pub file: &'a str,
}

impl<'a> FileId<'a> {
    /// Of a file's address; `None`: it ends with nothing.
    pub fn of_address(url: &'a str) -> Option<Self> {
        let path = url.split(['?', '#']).next()?;
        let mut parts = path.rsplit('/').filter(|part| !part.is_empty());
        let file = parts.next()?;
        let is_media = parts.next().is_some_and(|word| word.eq_ignore_ascii_case("media"));
        let message = parts.next().filter(|_| is_media);
        let is_below = parts.next().is_some_and(|word| word.eq_ignore_ascii_case("messages"));
        Some(Self { message: message.filter(|_| is_below), file })
    }

    /// Of an id as it is written.
    pub fn read(id: &'a str) -> Self {
        match id.split_once(':') {
            Some((message, file)) => Self { message: Some(message), file },
            None => Self { message: None, file: id },
        }
    }
}

impl fmt::Display for FileId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(message) = self.message {
            write!(f, "{message}:")?;
        }
        f.write_str(self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_message_and_itself() {
        let check = |url: &str, want: Option<&str>| {
            let id = FileId::of_address(url).map(|id| id.to_string());
            assert_eq!(id.as_deref(), want, "{url}");
            if let Some(id) = id {
                assert_eq!(FileId::read(&id).to_string(), id);
            }
        };
        check("https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1", Some("MM1:ME1"));
        check("https://media.nest.messagebird.com/workspaces/w/messages/m/media/f/?a=b/c", Some("m:f"));
        check("https://media.example/workspaces/w/media/f#x", Some("f"));
        check("https://media.example/media/one", Some("one"));
        check("one", Some("one"));
        check("/Messages//Media/f", Some("f"));
        check("", None);
        check("?a", None);
        assert_eq!(FileId::read("MM1:ME1"), FileId { message: Some("MM1"), file: "ME1" });
        assert_eq!(FileId::read("ME1"), FileId { message: None, file: "ME1" });
    }
}
