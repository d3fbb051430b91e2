//! A token by a signed assertion instead of a client's secret (RFC 7523; `NetSuite`, "OAuth 2.0 client credentials").

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use serde_json::{Map, Value as Json, json};

use super::super::scope::words;
use super::super::template::{Path, Template, Text};
use super::{TokenRequest, key};

pub(in super::super) struct Certificate {
    pub(in super::super) url: Text,
    pub(in super::super) client_id: Text,
    pub(in super::super) key_id: Text,
    pub(in super::super) private_key: Text,
    pub(in super::super) audience: Option<Text>,
    pub(in super::super) scope: Template,
    pub(in super::super) additional_claims: Template,
    pub(in super::super) additional_token_params: Template,
    pub(in super::super) grant_type: String,
    pub(in super::super) client_assertion_type: String,
    pub(in super::super) algorithm: Algorithm,
    /// In seconds.
    pub(in super::super) expiry: u64,
    pub(in super::super) credential_key: Path,
}

/// Names of signatures, as the settings write them.
pub(in super::super) const ALGORITHMS: [(&str, Algorithm); 6] = [
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
];

impl Certificate {
    pub(in super::super) fn texts(&self) -> impl Iterator<Item = &Text> {
        [&self.url, &self.client_id, &self.key_id, &self.private_key].into_iter().chain(&self.audience)
    }

    pub(in super::super) fn templates(&self) -> impl Iterator<Item = &Template> {
        [&self.scope, &self.additional_claims, &self.additional_token_params].into_iter()
    }

    /// The request for a token at this time, in seconds since 1970. `filled` are the texts and templates, in order.
    pub(in super::super) fn request(
        &self,
        texts: &[Json],
        templates: &[Json],
        now: u64,
    ) -> Result<TokenRequest, &'static str> {
        let [url, client_id, certificate_id, pem] =
            [0, 1, 2, 3].map(|at| texts.get(at).map(words).unwrap_or_default());
        let audience = texts.get(4).map_or_else(|| url.clone(), words);
        let scope = templates.first().cloned().unwrap_or_default();
        let of = |at: usize| templates.get(at).and_then(Json::as_object).cloned().unwrap_or_default();
        let mut claims = Map::new();
        for (name, value) in [
            ("iss", Json::from(client_id)),
            ("scope", scope),
            ("aud", audience.into()),
            ("iat", now.into()),
            ("exp", now.saturating_add(self.expiry).into()),
        ] {
            claims.insert(name.to_owned(), value);
        }
        claims.extend(of(1));
        let pem_key = EncodingKey::from_rsa_pem(pem.as_bytes())
            .map_err(|_| "`private_certificate` is not an unencrypted RSA key in PEM")?;
        let mut header = Header::new(self.algorithm);
        header.kid = Some(certificate_id.clone());
        // What makes it another request is everything but the time.
        let id =
            key(&[&Json::from(texts.to_vec()), &Json::from(templates.to_vec()), &json!(self.grant_type)]);
        let assertion = jsonwebtoken::encode(&header, &claims, &pem_key)
            .map_err(|_| "the assertion cannot be signed with `private_certificate`")?;
        let mut content = Map::new();
        for (name, value) in [
            ("grant_type", self.grant_type.clone()),
            ("client_assertion_type", self.client_assertion_type.clone()),
            ("client_assertion", assertion),
        ] {
            content.insert(name.to_owned(), value.into());
        }
        content.extend(of(2));
        Ok(TokenRequest {
            url,
            method: Method::POST,
            is_json: false,
            content: content.into(),
            headers: Map::new(),
            params: Json::Null,
            key: id,
        })
    }
}
