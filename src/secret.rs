//! A secret: wiped from memory when dropped, printed as `***`, made from the system's randomness.
//!
//! The bytes leave it only through [`Secret::expose`], so that a search for that name finds every
//! place where a secret is used.

use std::fmt;

use zeroize::Zeroizing;

/// Random bytes in a new secret. Rossum asks for no length; 32 bytes are as long as the HMAC's output.
const NEW_SECRET_BYTES: usize = 32;

/// Where a hook's newest secret is kept, so that another can be put there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFile {
    pub path: std::path::PathBuf,
    /// Whether systemd hands it over, which it does at a start only.
    pub is_credential: bool,
}

/// Bytes that no log, page, file or error may show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Option<Zeroizing<Box<[u8]>>>);

impl Secret {
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(Some(Zeroizing::new(bytes.into())))
    }

    /// One that is named and is not there, as while developing: whoever needs it fails, and sends nothing in its place.
    pub fn absent() -> Self {
        Self(None)
    }

    pub fn is_absent(&self) -> bool {
        self.0.is_none()
    }

    /// A new random secret: 64 hexadecimal characters.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new([0_u8; NEW_SECRET_BYTES]);
        getrandom::fill(&mut *bytes)?;
        Ok(Self::new(hex::encode(*bytes).into_bytes()))
    }

    /// The secret itself, for the HMAC or for the one person who asked for it.
    pub fn expose(&self) -> &[u8] {
        self.0.as_deref().map_or(&[], |bytes| bytes)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_shows_itself() {
        assert_eq!(format!("{:?}", Secret::new(*b"hunter2")), "***");
    }

    #[test]
    fn a_new_one_is_long_and_different_each_time() {
        let (a, b) = (Secret::generate().unwrap(), Secret::generate().unwrap());
        assert_eq!(a.expose().len(), 64);
        assert!(a != b);
    }
}
