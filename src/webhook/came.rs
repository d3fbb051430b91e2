//! How a delivery came, for a service that it is forwarded to.

use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::http::request::Parts;

use crate::forward::Original;
use crate::inspector::Sent;
use crate::signature::{SHA1_HEADER, SHA256_HEADER, VerifiedBody};

use super::door::Caller;
use super::host::host;

pub(super) fn as_it_came(head: &Parts, body: &VerifiedBody, caller: Caller) -> Original {
    let target = head.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
    Original {
        headers: head.headers.clone(),
        body: body.share(),
        target,
        host: host(&head.uri, &head.headers).to_owned(),
        from: caller.address,
        is_secure: caller.secure,
    }
}

/// One that is sent again from the inspector, which keeps the headers that prove it.
pub(super) fn again(sent: &Sent, caller: Caller) -> Original {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in [(SHA256_HEADER, &sent.sha256), (SHA1_HEADER, &sent.sha1)] {
        if let Some(value) = value.as_deref().and_then(|value| HeaderValue::from_bytes(value).ok()) {
            headers.insert(name, value);
        }
    }
    Original {
        headers,
        body: sent.body.clone(),
        target: sent.path.clone(),
        host: sent.host.clone().unwrap_or_default(),
        from: caller.address,
        is_secure: caller.secure,
    }
}
