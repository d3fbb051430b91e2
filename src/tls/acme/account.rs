//! Our account at a CA: an old key is registered again, which gives the same account; a key that the CA no longer
//! takes is set aside for a new one.

use std::sync::Arc;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use rustls::ClientConfig;
use rustls_acme::acme::{Account, Directory};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tracing::warn;

use super::super::Ca;
use super::order::{OrderError, patiently};
use super::request::{Answered, Http, RequestError, Signer, external_account_binding};
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
}

impl Offer {
    /// Asks a CA for its directory.
    pub(super) async fn ask(http: &Http, ca: &Ca) -> Result<(Self, Answered), RequestError> {
        let answered = http.get(&ca.directory).await?;
        Ok((answered.json()?, answered))
    }

    pub(super) fn caa_identities(&self) -> &[String] {
        &self.meta.caa_identities
    }

    /// Names of the profiles that it offers.
    pub(super) fn profiles(&self) -> impl Iterator<Item = &str> {
        self.meta.profiles.keys().map(String::as_str)
    }
}

/// One CA, ready to be asked.
pub(super) struct Session {
    pub(super) http: Http,
    /// For the requests that rustls-acme makes.
    pub(super) client: Arc<ClientConfig>,
    pub(super) account: Account,
    pub(super) offer: Offer,
}

impl Session {
    pub(super) async fn open(
        ca: &Ca,
        contact: Option<&str>,
        client: Arc<ClientConfig>,
        storage: &Storage,
    ) -> Result<Self, OrderError> {
        let http = Http::new(&client);
        let (offer, _) = Offer::ask(&http, ca).await?;
        if offer.meta.external_account_required && ca.external_account.is_none() {
            return Err(OrderError::ExternalAccountRequired);
        }
        let account = match register(ca, contact, &http, &offer, storage).await {
            Err(OrderError::Request(RequestError::Refused(refused)))
                if is_dead(&refused.kind, &refused.detail) =>
            {
                warn!(
                    "the CA no longer takes our account ({refused}): setting its key aside, making a new one"
                );
                storage.set_account_aside(&ca.directory)?;
                register(ca, contact, &http, &offer, storage).await?
            }
            registered => registered?,
        };
        Ok(Self { http, client, account, offer })
    }
}

/// Whether a refusal means that this account will never be taken again.
fn is_dead(kind: &str, detail: &str) -> bool {
    kind == "accountDoesNotExist" || (kind == "unauthorized" && detail.contains("deactivated"))
}

async fn register(
    ca: &Ca,
    contact: Option<&str>,
    http: &Http,
    offer: &Offer,
    storage: &Storage,
) -> Result<Account, OrderError> {
    let parse = |key: &[u8]| EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key);
    let mut stored = storage.load_account(&ca.directory)?;
    if stored.as_deref().is_some_and(|key| parse(key).is_err()) {
        warn!("the account's key is damaged: setting it aside, making a new account");
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
    let key_pair = parse(&key).map_err(|_| RequestError::Signing)?;
    let mut payload = json!({"termsOfServiceAgreed": true, "contact": contact.as_slice()});
    if let Some(external) = &ca.external_account {
        payload["externalAccountBinding"] =
            external_account_binding(external, &key_pair, &offer.new_account)?;
    }
    let payload = payload.to_string();
    let create = || http.post(&offer.new_account, &key_pair, Signer::NewKey, &payload, &offer.new_nonce);
    let kid = patiently(create).await?.location()?;
    let directory = Directory {
        new_nonce: offer.new_nonce.clone(),
        new_account: offer.new_account.clone(),
        new_order: offer.new_order.clone(),
    };
    Ok(Account { key_pair, directory, kid })
}
