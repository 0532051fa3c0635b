//! Tokens' secrets: 256 random bits, of which only a hash is kept. A plain SHA-256 is enough: nobody guesses them.

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use crate::Result;
use crate::error::CallError;

/// So that a secret is known for what it is where it turns up.
const PREFIX: &str = "wpt_";

/// A new secret.
pub fn generate() -> Result<String> {
    Ok(format!("{PREFIX}{}", hex::encode(random()?)))
}

/// 256 random bits.
pub fn random() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| CallError::Internal("the system gives no random bytes".to_owned()))?;
    Ok(bytes)
}

/// A word that stands for a personal value: the same for the same value, and of no use without the key.
pub fn pseudonym(key: &[u8], value: &str) -> String {
    let tag = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key), value.as_bytes());
    format!("pseudonym:{}", hex::encode(&tag.as_ref()[..16]))
}

/// What is stored of a secret, and looked up.
pub fn hash(secret: &str) -> Vec<u8> {
    digest(&SHA256, secret.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_are_not_stored() {
        let (one, other) = (generate().unwrap(), generate().unwrap());
        assert_eq!(one.len(), PREFIX.len() + 64);
        assert_ne!(one, other);
        assert_eq!(hash(&one), hash(&one));
        assert_ne!(hash(&one), hash(&other));
    }
}
