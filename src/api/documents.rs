//! Documents that belong to an annotation: what URLs of Rossum lead to, relations, new documents
//! (API reference: "Document", "Document relation", "Relation").

use std::time::Instant;

use reqwest::{Method, Url};
use serde_json::{Value, json};

use crate::outbound::Part;

use super::{Api, ApiError, content_type, tree};

/// Objects of one list at most.
const MOST: usize = 10_000;

/// What a URL leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    Json(Value),
    Bytes { bytes: Vec<u8>, content_type: String },
}

impl Api {
    /// A URL of Rossum's as a path of this account. One that names another host of Rossum's (`api.elis.rossum.ai`) counts:
    /// the token goes to the configured one only.
    fn path_of(&self, url: &str) -> Option<String> {
        let url = Url::parse(url).ok()?;
        let domain = |url: &Url| {
            let labels: Vec<_> = url.domain()?.rsplit('.').take(2).map(str::to_owned).collect();
            Some((url.scheme().to_owned(), url.port_or_known_default(), labels))
        };
        let is_rossum = domain(&url).is_some_and(|known| Some(known) == domain(self.base()));
        let known = is_rossum || url.origin() == self.base().origin();
        let path = url.path();
        let own = path.strip_prefix("/api/v1/").or_else(|| path.strip_prefix("/v1/")).filter(|_| known)?;
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        Some(format!("{own}{query}"))
    }

    /// Whether a URL is Rossum's.
    pub fn is_own(&self, url: &str) -> bool {
        self.path_of(url).is_some()
    }

    /// What a URL of Rossum's leads to.
    pub async fn fetch(&self, url: &str, deadline: Instant) -> Result<Fetched, ApiError> {
        let path = self.path_of(url).ok_or_else(|| {
            ApiError::Unreachable("a URL that is to be fetched is not of this account".to_owned())
        })?;
        let received = self.call(self.request(Method::GET, &path)?, deadline).await?;
        let (content_type, bytes) = (content_type(&received), received.body);
        if content_type.contains("application/json")
            && let Some(json) = tree(&bytes, deadline)?
        {
            return Ok(Fetched::Json(json));
        }
        Ok(Fetched::Bytes { bytes, content_type })
    }

    async fn json(&self, path: &str, deadline: Instant) -> Result<Value, ApiError> {
        let received = self.call(self.request(Method::GET, path)?, deadline).await?;
        tree(&received.body, deadline)?
            .ok_or_else(|| ApiError::Unreachable("it answers with no JSON".to_owned()))
    }

    /// All objects of a list, page after page.
    pub async fn list(&self, path: &str, deadline: Instant) -> Result<Vec<Value>, ApiError> {
        let mut all = Vec::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let mut page = self.json(&path, deadline).await?;
            let results = page.get_mut("results").and_then(Value::as_array_mut);
            all.append(results.ok_or_else(|| {
                ApiError::Unreachable("it answers with something else than a list's page".to_owned())
            })?);
            next = page["pagination"]["next"].as_str().and_then(|url| self.path_of(url));
            if all.len() > MOST {
                return Err(ApiError::TooLarge);
            }
        }
        Ok(all)
    }

    /// An object by its URL.
    pub async fn object(&self, url: &str, deadline: Instant) -> Result<Value, ApiError> {
        match self.path_of(url) {
            Some(path) => self.json(&path, deadline).await,
            None => Err(ApiError::Unreachable("a URL that Rossum names is not of this account".to_owned())),
        }
    }

    /// Makes a document of a text and relates it to an annotation under a key, in place of what was there:
    /// `POST /documents`, then `POST` or `PATCH /document_relations`.
    pub async fn attach(
        &self,
        annotation: &str,
        key: &str,
        name: &str,
        text: &str,
        deadline: Instant,
    ) -> Result<(), ApiError> {
        let part = Part {
            name: "content".to_owned(),
            file_name: Some(name.to_owned()),
            content_type: Some("text/plain".to_owned()),
            bytes: text.as_bytes().to_vec(),
        };
        let made = self.call(self.request(Method::POST, "documents")?.with_parts(&[part]), deadline).await?;
        let made = tree(&made.body, deadline)?.unwrap_or_default();
        let Some(document) = made["url"].as_str() else {
            return Err(ApiError::Unreachable("it made a document without a URL".to_owned()));
        };
        let mut query = Url::parse("http://x/document_relations").map_err(|_| ApiError::TooLarge)?;
        query
            .query_pairs_mut()
            .append_pair("type", "export")
            .append_pair("annotation", annotation)
            .append_pair("key", key);
        let path = format!("document_relations?{}", query.query().unwrap_or_default());
        let known = self.list(&path, deadline).await?;
        let (method, path, body) = match known.first().and_then(|relation| relation["id"].as_u64()) {
            Some(id) => (Method::PATCH, format!("document_relations/{id}"), json!({"documents": [document]})),
            None => {
                let annotation = format!("{}annotations/{annotation}", self.base());
                let body =
                    json!({"type": "export", "key": key, "annotation": annotation, "documents": [document]});
                (Method::POST, "document_relations".to_owned(), body)
            }
        };
        self.call(self.request(method, &path)?.with_json(&body), deadline).await.map(|_| ())
    }
}
