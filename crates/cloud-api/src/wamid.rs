//! What a wamid says: whose thread the message is in, and the message's own id. The same message goes by several wamids,
//! because a user goes by a phone number and by a business-scoped id; only the own id stays.
//!
//! Behind `wamid.` is base64 of a structure of which the first field is the user: `1c 18`, the length (seven bits a byte,
//! the lowest first), and so many bytes. Meta documents none of it, so nothing may depend on a wamid being read: what is
//! otherwise is simply not the same message to us.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const PREFIX: &str = "wamid.";
const HEADER: [u8; 2] = [0x1c, 0x18];
/// A longer id is none of Meta's.
const USER_BYTES_MAX: usize = 160;

/// The wamid of the same message in the words of somebody who calls the user `user`: digits, or a business-scoped id.
/// `None` where the wamid is not of the known form.
pub fn with_user(wamid: &str, user: &str) -> Option<String> {
    let bytes = STANDARD.decode(wamid.strip_prefix(PREFIX)?).ok()?;
    let rest = bytes.strip_prefix(&HEADER)?;
    let (length, rest) = read_length(rest)?;
    let message = rest.get(length..).filter(|message| !message.is_empty())?;
    if user.is_empty() || user.len() > USER_BYTES_MAX {
        return None;
    }
    let mut bytes = HEADER.to_vec();
    write_length(user.len(), &mut bytes);
    bytes.extend_from_slice(user.as_bytes());
    bytes.extend_from_slice(message);
    Some(format!("{PREFIX}{}", STANDARD.encode(bytes)))
}

/// Two bytes at most: the limit above needs no more.
fn read_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match *bytes {
        [low @ 0..=0x7f, ref rest @ ..] => Some((usize::from(low), rest)),
        [low, high @ 0..=0x7f, ref rest @ ..] => Some((usize::from(low & 0x7f) | usize::from(high) << 7, rest)),
        _ => None,
    }
}

fn write_length(length: usize, bytes: &mut Vec<u8>) {
    let low = u8::try_from(length & 0x7f).unwrap_or_default();
    match u8::try_from(length >> 7).unwrap_or_default() {
        0 => bytes.push(low),
        high => bytes.extend([low | 0x80, high]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BY_PHONE: &str = "wamid.HBgLMzQ2MDAwMDAxMDUVAgASGBQzQUFBQUFBQUFBQUFBQUFBQUFBAA==";

    #[test]
    fn a_message_is_the_same_under_another_name_of_its_user() {
        let bsuid = format!("ES.{}", "7".repeat(140));
        let by_bsuid = with_user(BY_PHONE, &bsuid).unwrap();
        assert_ne!(by_bsuid, BY_PHONE);
        assert_eq!(with_user(&by_bsuid, "34600000105").as_deref(), Some(BY_PHONE));
        assert_eq!(with_user(BY_PHONE, "34600000105").as_deref(), Some(BY_PHONE));
    }

    #[test]
    fn what_is_of_no_known_form_is_left_alone() {
        for wamid in ["wamid.IN05b", "", "wamid.", "wamid.HBgL", "wamid.HBj///8=", "wamid.AAAA", "wacid.HBgL"] {
            assert_eq!(with_user(wamid, "1"), None, "{wamid}");
        }
        assert_eq!(with_user(BY_PHONE, ""), None);
    }
}
