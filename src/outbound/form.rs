//! Forms: pairs (`application/x-www-form-urlencoded`), or parts with files (`multipart/form-data`, RFC 7578). The same parts are
//! the same bytes, however often they are sent.

use std::fmt::Write as _;

use reqwest::Url;
use sha2::{Digest as _, Sha256};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub name: String,
    /// It makes the part a file.
    pub file_name: Option<String>,
    pub content_type: Option<String>,
    pub bytes: Vec<u8>,
}

/// Pairs as `name=value&…`.
pub fn urlencoded(pairs: &[(impl AsRef<str>, impl AsRef<str>)]) -> String {
    let Ok(mut url) = Url::parse("http://form/") else { return String::new() };
    url.query_pairs_mut().clear().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}

/// The body and its content type.
pub fn multipart(parts: &[Part]) -> (Vec<u8>, String) {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(&part.name);
        hash.update(&part.bytes);
    }
    let boundary = format!("annex-{}", hex::encode(&hash.finalize()[..20]));
    let mut body = Vec::with_capacity(parts.iter().map(|part| part.bytes.len() + 256).sum());
    for part in parts {
        let mut head =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", quoted(&part.name));
        if let Some(name) = &part.file_name {
            let _ = write!(head, "; filename=\"{}\"", quoted(name));
        }
        let kind = part.content_type.as_deref().filter(|kind| !kind.contains(['\r', '\n']));
        let kind = kind.or_else(|| part.file_name.as_ref().map(|_| "application/octet-stream"));
        if let Some(kind) = kind {
            let _ = write!(head, "\r\nContent-Type: {kind}");
        }
        head.push_str("\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(&part.bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (body, format!("multipart/form-data; boundary={boundary}"))
}

/// As browsers write it (WHATWG HTML, "multipart/form-data encoding algorithm").
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_parts_make_the_same_bytes_and_names_cannot_break_out() {
        let part = |name: &str, file: Option<&str>| Part {
            name: name.to_owned(),
            file_name: file.map(str::to_owned),
            content_type: None,
            bytes: b"x".to_vec(),
        };
        let parts = [part("a\"\r\nb", Some("c\"d.pdf")), part("text", None)];
        let (body, kind) = multipart(&parts);
        assert_eq!(multipart(&parts).0, body);
        assert_ne!(multipart(&parts[..1]).1, kind);
        let text = String::from_utf8(body).unwrap();
        assert!(text.contains("name=\"a%22%0D%0Ab\"; filename=\"c%22d.pdf\"\r\nContent-Type: application/octet-stream\r\n\r\nx\r\n"));
        assert!(
            text.ends_with("name=\"text\"\r\n\r\nx\r\n--".to_owned().as_str()) || text.ends_with("--\r\n")
        );
    }
}
