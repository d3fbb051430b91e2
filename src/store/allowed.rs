//! How many records of a dataset one import may take away.

use super::StoreError;

/// What of the records of before may go in one import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// All of them.
    pub empty: bool,
    /// So many percent.
    pub shrink: u8,
}

impl Default for Allowed {
    fn default() -> Self {
        Self { empty: false, shrink: 50 }
    }
}

/// A dataset with fewer records may lose as many as it likes: a person sees what is in it.
const FEW: u64 = 10;

impl Allowed {
    /// Whether so many records may take the place of those before.
    ///
    /// # Errors
    ///
    /// They are none, or far fewer.
    pub fn check(self, before: u64, now: u64) -> Result<(), StoreError> {
        if now == 0 {
            return if self.empty { Ok(()) } else { Err(StoreError::Empty { before }) };
        }
        let most = u64::from(self.shrink.min(100));
        if before < FEW || now * 100 >= before * (100 - most) {
            return Ok(());
        }
        Err(StoreError::Shrunk { before, now, percent: (before - now) * 100 / before, most: self.shrink })
    }
}
