//! What a pace is about: a digest of everything in the configuration that an order can fail for. Once one of these changes,
//! what failed before says nothing of the next try.

use sha2::{Digest, Sha256};

use crate::outbound::Proxy;

use super::super::{AcmeSettings, Ca, ChallengeChoice};

/// Hexadecimal digits of the digest.
const LENGTH: usize = 16;

pub(super) fn about(settings: &AcmeSettings) -> String {
    let mut domains = settings.domains.clone();
    domains.sort_unstable();
    let challenge = match settings.challenges {
        ChallengeChoice::Only(challenge) => challenge.word(),
        ChallengeChoice::Either => "either",
    };
    let mut parts = Parts(Sha256::new());
    parts.add(b"domains", domains.join(" ").as_bytes());
    parts.add(b"challenge", challenge.as_bytes());
    parts.add(b"contact", settings.contact.as_deref().unwrap_or_default().as_bytes());
    parts.add(b"profile", settings.profile.as_deref().unwrap_or_default().as_bytes());
    if let Some((url, except)) = settings.proxy.as_ref().map(Proxy::identity) {
        parts.add(b"proxy", url.expose());
        parts.add(b"no proxy", except.as_bytes());
    }
    parts.ca(&settings.ca);
    for ca in [&settings.second, &settings.staging] {
        match ca {
            Some(ca) => parts.ca(ca),
            None => parts.add(b"no", b""),
        }
    }
    let mut digest = hex::encode(parts.0.finalize());
    digest.truncate(LENGTH);
    digest
}

struct Parts(Sha256);

impl Parts {
    fn add(&mut self, name: &[u8], value: &[u8]) {
        let length = u64::try_from(value.len()).unwrap_or(u64::MAX);
        for bytes in [name, &length.to_be_bytes(), value] {
            self.0.update(bytes);
        }
    }

    fn ca(&mut self, ca: &Ca) {
        self.add(b"directory", ca.directory.as_bytes());
        // The certificate itself: it may be corrected where it lies.
        let root = ca.root.as_ref().and_then(|root| std::fs::read(root).ok());
        self.add(b"root", &root.unwrap_or_default());
        if let Some(external) = &ca.external_account {
            self.add(b"key id", external.key_id.as_bytes());
            self.add(b"key", external.mac_key.expose());
        }
    }
}
