//! How requests to a CA are signed (RFC 8555 section 6.2), and how an account elsewhere agrees to ours (section 7.3.4).

use aws_lc_rs::hmac as mac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD as BASE64URL};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::secret::Secret;

use super::super::ExternalAccount;

/// Why nothing was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum SignError {
    #[error("cannot sign a request to the CA: the account's key does not work")]
    Key,
    #[error("`eab_key`: the key of the external account is not base64: copy it from the CA once more")]
    ExternalKey,
}

/// Who signs: a key that the CA does not know yet, or an account.
#[derive(Clone, Copy)]
pub(super) enum Signer<'s> {
    NewKey,
    /// By its URL.
    Account(&'s str),
}

/// A JSON Web Signature with ES256.
pub(super) fn signed(
    key: &EcdsaKeyPair,
    signer: Signer<'_>,
    nonce: &str,
    url: &str,
    payload: &str,
) -> Result<Vec<u8>, SignError> {
    let header = match signer {
        Signer::NewKey => json!({"alg": "ES256", "url": url, "jwk": jwk(key), "nonce": nonce}),
        Signer::Account(kid) => json!({"alg": "ES256", "url": url, "kid": kid, "nonce": nonce}),
    };
    let (protected, payload) = (BASE64URL.encode(header.to_string()), BASE64URL.encode(payload));
    let text = format!("{protected}.{payload}");
    let signature = key.sign(&SystemRandom::new(), text.as_bytes()).map_err(|_| SignError::Key)?;
    let jws = json!({"protected": protected, "payload": payload, "signature": BASE64URL.encode(signature)});
    Ok(jws.to_string().into_bytes())
}

/// The public half of a P-256 key (RFC 7517): the point without its leading "uncompressed" byte.
fn jwk(key: &EcdsaKeyPair) -> Value {
    let point = key.public_key().as_ref();
    let (x, y) = point.get(1..).unwrap_or_default().split_at(32);
    json!({"kty": "EC", "crv": "P-256", "x": BASE64URL.encode(x), "y": BASE64URL.encode(y)})
}

/// The key's thumbprint (RFC 7638), as key authorizations have it: members in the order of the alphabet, without blanks.
pub(super) fn thumbprint(key: &EcdsaKeyPair) -> String {
    let jwk = jwk(key);
    let text = json!({"crv": jwk["crv"], "kty": jwk["kty"], "x": jwk["x"], "y": jwk["y"]}).to_string();
    BASE64URL.encode(Sha256::digest(text))
}

/// Shows the CA that the account elsewhere agrees.
pub(super) fn external_account_binding(
    external: &ExternalAccount,
    key: &EcdsaKeyPair,
    url: &str,
) -> Result<Value, SignError> {
    let header = json!({"alg": "HS256", "kid": external.key_id, "url": url});
    let (protected, payload) = (BASE64URL.encode(header.to_string()), BASE64URL.encode(jwk(key).to_string()));
    let mac_key = mac_key(&external.mac_key).ok_or(SignError::ExternalKey)?;
    let tag = mac::sign(
        &mac::Key::new(mac::HMAC_SHA256, mac_key.expose()),
        format!("{protected}.{payload}").as_bytes(),
    );
    Ok(json!({"protected": protected, "payload": payload, "signature": BASE64URL.encode(tag)}))
}

/// Whether it can be read: CAs refuse the account without a word about why.
pub fn is_mac_key(base64: &Secret) -> bool {
    mac_key(base64).is_some()
}

/// CAs give it in base64 of either alphabet, with padding or without.
fn mac_key(base64: &Secret) -> Option<Secret> {
    let text = std::str::from_utf8(base64.expose()).ok()?.trim().trim_end_matches('=');
    let bytes = BASE64URL.decode(text).or_else(|_| BASE64_STANDARD_NO_PAD.decode(text));
    bytes.ok().filter(|bytes| !bytes.is_empty()).map(Secret::new)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
    use rustls_acme::acme::{Account, Challenge, ChallengeType, Directory};

    use super::*;

    /// Key authorizations are made by another library, which has one of its own in them (RFC 8555 section 8.1).
    #[test]
    fn the_thumbprint_is_the_one_of_key_authorizations() {
        let key = Account::generate_key_pair();
        let key_pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key).unwrap();
        let [new_nonce, new_account, new_order, kid, url] = ["n", "a", "o", "k", "u"].map(str::to_owned);
        let account = Account { key_pair, kid, directory: Directory { new_nonce, new_account, new_order } };
        let challenge = Challenge { typ: ChallengeType::Http01, url, token: "t".to_owned(), error: None };
        let (_, authorization) = account.http_01(std::slice::from_ref(&challenge)).unwrap();
        assert_eq!(authorization, format!("t.{}", thumbprint(&account.key_pair)));
    }

    #[test]
    fn a_mac_key_is_read_in_every_form_that_cas_give() {
        let bytes = [0xfb, 0xff, 0xfe, 0x01];
        for text in ["-__-AQ", "-__-AQ==", "+//+AQ", "+//+AQ==", " -__-AQ==\n"] {
            let key = mac_key(&Secret::new(text.as_bytes().to_vec()));
            assert!(key.is_some_and(|key| key.expose() == bytes), "{text}");
        }
        for text in ["", "====", "not base64!", "+/_-"] {
            assert!(mac_key(&Secret::new(text.as_bytes().to_vec())).is_none(), "{text}");
        }
    }
}
