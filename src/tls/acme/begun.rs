//! An order under way, as it lies on disk: whoever starts next goes on with it, and fetches a certificate that was issued.

use serde::{Deserialize, Serialize};
use zeroize::Zeroize as _;

use super::order::Wanted;

#[derive(Serialize, Deserialize)]
pub(super) struct Begun {
    /// Of the CA.
    pub(super) directory: String,
    /// URL of the account that ordered it.
    pub(super) account: String,
    pub(super) domains: Vec<String>,
    pub(super) profile: Option<String>,
    pub(super) url: String,
    /// The certificate's key, as PEM.
    pub(super) key: String,
}

impl Begun {
    /// Whether it is what is wanted now.
    pub(super) fn is(&self, directory: &str, account: &str, wanted: Wanted<'_>) -> bool {
        self.directory == directory
            && self.account == account
            && self.domains == wanted.domains
            && self.profile.as_deref() == wanted.profile
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}
