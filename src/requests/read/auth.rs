//! `auth` of a call.

use serde_json::{Map, Value as Json};

use super::super::auth::{ALGORITHMS, Auth, Bearer, Certificate, Hash, OAuth1};
use super::super::template::{Path, Template};
use super::{Object, Reader};

impl Reader {
    pub(super) fn auth(&mut self, json: &Json, path: &str) -> Option<Auth> {
        match json.get("type").and_then(Json::as_str).unwrap_or("bearer") {
            "bearer" => {
                let keys = [
                    "type",
                    "url",
                    "method",
                    "content_type",
                    "content",
                    "headers",
                    "params",
                    "credential_key",
                ];
                let own = self.object(Some(json), path, &keys)?;
                Some(Auth::Bearer(Box::new(Bearer {
                    url: self.url(own, path, &[]),
                    method: self.method(own, path),
                    is_json: own.get("content_type").and_then(Json::as_str) == Some("json"),
                    content: self.optional_template(own, "content", path, &[]),
                    headers: self.optional_template(own, "headers", path, &[]),
                    params: self.optional_template(own, "params", path, &[]),
                    credential_key: self.credential_key(own, path, None)?,
                })))
            }
            "oauth1" => {
                let keys = [
                    "type",
                    "consumer_key",
                    "consumer_secret",
                    "token_key",
                    "token_secret",
                    "realm",
                    "signature_method",
                ];
                let own = self.object(Some(json), path, &keys)?;
                let hash = match own.get("signature_method").and_then(Json::as_str) {
                    None | Some("HMAC-SHA256") => Hash::Sha256,
                    Some("HMAC-SHA1") => Hash::Sha1,
                    Some(other) => {
                        self.wrong(
                            path,
                            format!("there is no signature `{other}`"),
                            Some("HMAC-SHA256 or HMAC-SHA1"),
                        );
                        return None;
                    }
                };
                let mut text = |key: &str| self.required_text(own, key, path, &[]);
                let (consumer_key, consumer_secret) = (text("consumer_key"), text("consumer_secret"));
                let (token_key, token_secret) = (text("token_key"), text("token_secret"));
                let realm = own.get("realm").and_then(Json::as_str);
                let realm = realm.map(|text| self.text(text, &format!("{path}.realm"), &[]));
                Some(Auth::OAuth1(OAuth1 {
                    consumer_key,
                    consumer_secret,
                    token_key,
                    token_secret,
                    realm,
                    hash,
                }))
            }
            "oauth2_private_certificate" => self.certificate(json, path),
            other => {
                let hint = "bearer, oauth1, oauth2_private_certificate";
                self.wrong(path, format!("there is no type `{other}`"), Some(hint));
                None
            }
        }
    }

    pub(super) fn certificate(&mut self, json: &Json, path: &str) -> Option<Auth> {
        let keys = [
            "type",
            "url",
            "client_id",
            "certificate_id",
            "private_certificate",
            "scope",
            "signature_algorithm",
            "assertion_expiry",
            "audience",
            "credential_key",
            "grant_type",
            "client_assertion_type",
            "additional_claims",
            "additional_token_params",
        ];
        let own = self.object(Some(json), path, &keys)?;
        let word = own.get("signature_algorithm").and_then(Json::as_str).unwrap_or("PS256");
        let Some((_, algorithm)) = ALGORITHMS.into_iter().find(|(name, _)| *name == word) else {
            let names = ALGORITHMS.map(|(name, _)| name).join(", ");
            self.wrong(path, format!("there is no signature `{word}`"), Some(&names));
            return None;
        };
        let of = |key: &str, usual: &str| own.get(key).and_then(Json::as_str).unwrap_or(usual).to_owned();
        let audience = own.get("audience").and_then(Json::as_str);
        let template = |reader: &mut Self, key: &str, usual: Json| {
            reader.optional_template(own, key, path, &[]).unwrap_or(Template::Fixed(usual))
        };
        Some(Auth::Certificate(Box::new(Certificate {
            url: self.url(own, path, &[]),
            client_id: self.required_text(own, "client_id", path, &[]),
            key_id: self.required_text(own, "certificate_id", path, &[]),
            private_key: self.required_text(own, "private_certificate", path, &[]),
            audience: audience.map(|text| self.text(text, &format!("{path}.audience"), &[])),
            scope: template(self, "scope", Json::from(vec!["rest_webservices"])),
            additional_claims: template(self, "additional_claims", Json::Object(Map::new())),
            additional_token_params: template(self, "additional_token_params", Json::Object(Map::new())),
            grant_type: of("grant_type", "client_credentials"),
            client_assertion_type: of(
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            algorithm,
            expiry: own.get("assertion_expiry").and_then(Json::as_u64).unwrap_or(3_600),
            credential_key: self.credential_key(own, path, Some("access_token"))?,
        })))
    }

    pub(super) fn credential_key(&mut self, own: &Object, path: &str, usual: Option<&str>) -> Option<Path> {
        let text = match usual.filter(|_| !own.contains_key("credential_key")) {
            Some(usual) => usual,
            None => self.word(own, "credential_key", path),
        };
        let found = Path::parse(text);
        if found.is_none() && !text.is_empty() {
            self.wrong(path, "`credential_key` is no path", Some("write `access_token` or `data.token`"));
        }
        found
    }
}
