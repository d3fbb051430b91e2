//! OAuth 1.0a: each request is signed (RFC 5849, section 3.4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use sha1::Sha1;
use sha2::Sha256;

use super::super::template::Text;

pub(in super::super) struct OAuth1 {
    pub(in super::super) consumer_key: Text,
    pub(in super::super) consumer_secret: Text,
    pub(in super::super) token_key: Text,
    pub(in super::super) token_secret: Text,
    pub(in super::super) realm: Option<Text>,
    pub(in super::super) hash: Hash,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Hash {
    Sha256,
    Sha1,
}

impl OAuth1 {
    pub(in super::super) fn texts(&self) -> impl Iterator<Item = &Text> {
        [&self.consumer_key, &self.consumer_secret, &self.token_key, &self.token_secret]
            .into_iter()
            .chain(&self.realm)
    }
}

/// Section 3.6: all but letters, digits and `-._~`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// What a signature is made of, filled.
pub(in super::super) struct Signed<'s> {
    pub(in super::super) consumer_key: &'s str,
    pub(in super::super) consumer_secret: &'s str,
    pub(in super::super) token_key: &'s str,
    pub(in super::super) token_secret: &'s str,
    pub(in super::super) realm: Option<&'s str>,
    pub(in super::super) hash: Hash,
    /// Seconds since 1970, and a number that is used once.
    pub(in super::super) timestamp: u64,
    pub(in super::super) nonce: &'s str,
}

impl Signed<'_> {
    /// The `Authorization` header of a request. `form` are the pairs of a body that is a form.
    pub(in super::super) fn header(&self, method: &str, url: &Url, form: &[(String, String)]) -> String {
        let name = match self.hash {
            Hash::Sha256 => "HMAC-SHA256",
            Hash::Sha1 => "HMAC-SHA1",
        };
        let timestamp = self.timestamp.to_string();
        let own = [
            ("oauth_consumer_key", self.consumer_key),
            ("oauth_nonce", self.nonce),
            ("oauth_signature_method", name),
            ("oauth_timestamp", &timestamp),
            ("oauth_token", self.token_key),
            ("oauth_version", "1.0"),
        ];
        let mut all: Vec<(String, String)> =
            own.iter().map(|(name, value)| (encode(name), encode(value))).collect();
        all.extend(url.query_pairs().map(|(name, value)| (encode(&name), encode(&value))));
        all.extend(form.iter().map(|(name, value)| (encode(name), encode(value))));
        all.sort();
        let all: Vec<_> = all.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut base = url.clone();
        base.set_query(None);
        base.set_fragment(None);
        let text =
            format!("{}&{}&{}", method.to_ascii_uppercase(), encode(base.as_str()), encode(&all.join("&")));
        let key = format!("{}&{}", encode(self.consumer_secret), encode(self.token_secret));
        let signature = match self.hash {
            Hash::Sha256 => Hmac::<Sha256>::new_from_slice(key.as_bytes())
                .map(|mac| mac.chain_update(&text).finalize().into_bytes().to_vec()),
            Hash::Sha1 => Hmac::<Sha1>::new_from_slice(key.as_bytes())
                .map(|mac| mac.chain_update(&text).finalize().into_bytes().to_vec()),
        };
        let signature = STANDARD.encode(signature.unwrap_or_default()); // a key of any length is taken
        let realm = self.realm.map(|realm| format!("realm=\"{}\", ", encode(realm))).unwrap_or_default();
        let own: Vec<_> = own
            .iter()
            .copied()
            .chain([("oauth_signature", &*signature)])
            .map(|(name, value)| format!("{name}=\"{}\"", encode(value)))
            .collect();
        format!("OAuth {realm}{}", own.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Twitter's documentation "Creating a signature", which is widely used as a test vector.
    #[test]
    fn signs_as_the_known_example() {
        let signed = Signed {
            consumer_key: "xvz1evFS4wEEPTGEFPHBog",
            consumer_secret: "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw",
            token_key: "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
            token_secret: "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
            realm: None,
            hash: Hash::Sha1,
            timestamp: 1_318_622_958,
            nonce: "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg",
        };
        let url =
            Url::parse("https://api.twitter.com/1.1/statuses/update.json?include_entities=true").unwrap();
        let status = "Hello Ladies + Gentlemen, a signed OAuth request!".to_owned();
        let header = signed.header("post", &url, &[("status".to_owned(), status)]);
        assert!(header.contains("oauth_signature=\"hCtSmYh%2BiHYCEqBWrE7C7hYmtUk%3D\""), "{header}");
    }
}
