//! Our account at a CA: an old key is registered again, which gives the same account; a key that the CA no longer
//! takes is set aside for a new one.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use rustls_acme::acme::{Account, Directory};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tracing::warn;

use super::super::Ca;
use super::jose::{SignError, Signer, external_account_binding};
use super::order::OrderError;
use super::request::{Answered, RequestError, Signed, Step, Wire};
use super::storage::Storage;

/// What a CA offers (RFC 8555 section 7.1.1), as far as it matters here.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Offer {
    new_nonce: String,
    new_account: String,
    new_order: String,
    pub(super) renewal_info: Option<String>,
    #[serde(default)]
    meta: Meta,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Meta {
    profiles: Map<String, Value>,
    external_account_required: bool,
    /// The CA's names in CAA records (RFC 8555 section 9.7.6).
    caa_identities: Vec<String>,
    /// Its names in records of DNS-PERSIST-01, and what a hashed account begins with there.
    issuer_domain_names: Vec<String>,
    account_hash_prefix: Option<String>,
}

impl Offer {
    /// Asks a CA for its directory.
    pub(super) async fn ask(wire: &Wire, ca: &Ca) -> Result<(Self, Answered), RequestError> {
        let answered = wire.get(Step::Directory, &ca.directory).await?;
        Ok((answered.json()?, answered))
    }

    pub(super) fn caa_identities(&self) -> &[String] {
        &self.meta.caa_identities
    }

    /// The CA's names in records of DNS-PERSIST-01.
    pub(super) fn issuers(&self) -> &[String] {
        let own = &self.meta.issuer_domain_names;
        if own.is_empty() { &self.meta.caa_identities } else { own }
    }

    /// What a hashed account begins with in these; `None` where the account's URL stands there.
    pub(super) fn account_hash_prefix(&self) -> Option<&str> {
        self.meta.account_hash_prefix.as_deref().filter(|prefix| !prefix.is_empty())
    }

    /// Names of the profiles that it offers.
    pub(super) fn profiles(&self) -> impl Iterator<Item = &str> {
        self.meta.profiles.keys().map(String::as_str)
    }
}

/// One CA, ready to be asked.
pub(super) struct Session {
    pub(super) wire: Wire,
    pub(super) account: Account,
    pub(super) offer: Offer,
    /// Where its orders are listed, which not every CA does (RFC 8555 section 7.1.2.1).
    pub(super) orders: Option<String>,
}

impl Session {
    pub(super) async fn open(
        ca: &Ca,
        contact: Option<&str>,
        wire: Wire,
        storage: &Storage,
    ) -> Result<Self, OrderError> {
        let (offer, _) = Offer::ask(&wire, ca).await?;
        if offer.meta.external_account_required && ca.external_account.is_none() {
            return Err(OrderError::ExternalAccountRequired);
        }
        let (account, orders) = match register(ca, contact, &wire, &offer, storage).await {
            Err(OrderError::Request(error)) if is_dead(&error) => {
                warn!(
                    "the CA no longer takes our account ({error}): keeping its old key in another file and creating a new account"
                );
                storage.set_account_aside(&ca.directory)?;
                register(ca, contact, &wire, &offer, storage).await?
            }
            registered => registered?,
        };
        Ok(Self { wire, account, offer, orders })
    }

    /// Asks as the account; `payload` empty is POST-as-GET.
    pub(super) async fn ask(&self, step: Step, url: &str, payload: &str) -> Result<Answered, RequestError> {
        self.wire.post(&self.signed(step, url, payload)).await
    }

    /// The same, without a repetition where there was no answer: it may have done its work.
    pub(super) async fn ask_once(
        &self,
        step: Step,
        url: &str,
        payload: &str,
    ) -> Result<Answered, RequestError> {
        self.wire.post_if_refused(&self.signed(step, url, payload)).await
    }

    fn signed<'s>(&'s self, step: Step, url: &'s str, payload: &'s str) -> Signed<'s> {
        let Account { key_pair, directory, kid } = &self.account;
        Signed {
            step,
            url,
            payload,
            key: key_pair,
            signer: Signer::Account(kid),
            nonces: &directory.new_nonce,
        }
    }
}

/// An account as the CA shows it.
#[derive(Deserialize)]
struct Registered {
    orders: Option<String>,
}

/// Whether a refusal means that this account will never be taken again.
fn is_dead(error: &RequestError) -> bool {
    error.is_refused_as("accountDoesNotExist")
        || (error.is_refused_as("unauthorized")
            && error.refused().is_some_and(|refused| refused.detail.contains("deactivated")))
}

async fn register(
    ca: &Ca,
    contact: Option<&str>,
    wire: &Wire,
    offer: &Offer,
    storage: &Storage,
) -> Result<(Account, Option<String>), OrderError> {
    let parse = |key: &[u8]| EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key);
    let mut stored = storage.load_account(&ca.directory)?;
    if stored.as_deref().is_some_and(|key| parse(key).is_err()) {
        warn!("the account's key is damaged: keeping it in another file and creating a new account");
        storage.set_account_aside(&ca.directory)?;
        stored = None;
    }
    let key = if let Some(key) = stored {
        key
    } else {
        let key = Account::generate_key_pair();
        storage.save_account(&ca.directory, &key)?; // before it is used: a crash must not lose it
        key
    };
    let key_pair = parse(&key).map_err(|_| SignError::Key)?;
    let mut payload = json!({"termsOfServiceAgreed": true, "contact": contact.as_slice()});
    if let Some(external) = &ca.external_account {
        payload["externalAccountBinding"] =
            external_account_binding(external, &key_pair, &offer.new_account)?;
    }
    let payload = payload.to_string();
    let signed = Signed {
        step: Step::Account,
        url: &offer.new_account,
        payload: &payload,
        key: &key_pair,
        signer: Signer::NewKey,
        nonces: &offer.new_nonce,
    };
    let answered = wire.post(&signed).await?;
    let kid = answered.location()?;
    // All else that it says of itself is known.
    let orders = answered.json::<Registered>().ok().and_then(|registered| registered.orders);
    let directory = Directory {
        new_nonce: offer.new_nonce.clone(),
        new_account: offer.new_account.clone(),
        new_order: offer.new_order.clone(),
    };
    Ok((Account { key_pair, directory, kid }, orders))
}
