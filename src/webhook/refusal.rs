//! Why a request gets no answer of steps, and what its caller is told instead.
//!
//! Rossum retries 408, 429, 500, 502, 503 and 504 and takes every other status as final, so a status here also
//! says whether trying again can help. The body is a message that Rossum shows to the person at the screen; the
//! cause, and anything that would help a forger, goes to the log only.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use hyper::{Response, StatusCode};

use crate::rossum::PayloadError;
use crate::signature::Forged;
use crate::steps::Verbatim;

/// Seconds after which an overloaded server asks to be called again.
const RETRY_AFTER_SECONDS: &str = "2";

#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("no hook at this path")]
    NoHook,
    #[error("no Host header, several, or one that names no host")]
    NoHost,
    #[error("nothing was promised here, or it is over")]
    NoResult,
    #[error("the work that was promised failed")]
    Broken,
    #[error("method not allowed")]
    Method { allow: &'static str },
    #[error("no client certificate, which this hook demands (client_certificate)")]
    NoClientCertificate,
    #[error("{0}")]
    Forged(Forged),
    #[error("body larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("body too slow")]
    TooSlow,
    #[error("body ended early")]
    Truncated,
    #[error("overloaded: {0}")]
    Overloaded(&'static str),
    #[error("an export cannot be kept at the moment: Rossum sends it again")]
    NotKept,
    #[error("an export could not be sent at the moment: Rossum sends the delivery again")]
    NotSent,
    #[error("the service that deliveries are forwarded to answered with status {s}", s = .0.status)]
    PassedOn(Verbatim),
    #[error("the service that deliveries are forwarded to gave no answer")]
    NoAnswer,
    #[error("the service that deliveries are forwarded to gave no answer in time")]
    LateAnswer,
    #[error("{0}")]
    Payload(PayloadError),
    #[error("the steps ran out of time")]
    OutOfTime,
    #[error("a step panicked")]
    Panicked,
    /// Nobody is told: there is nobody any more.
    #[error("the caller closed the connection before the answer")]
    CallerGone,
}

/// The answer is JSON, whatever a browser makes of what stands in it.
pub(super) fn set_json(headers: &mut HeaderMap) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

impl Refusal {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::NoHook | Self::NoResult => StatusCode::NOT_FOUND,
            Self::Broken => StatusCode::GONE,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Forged(_) | Self::NoClientCertificate => StatusCode::UNAUTHORIZED,
            Self::TooLarge { .. } | Self::Payload(PayloadError::TooManyNodes { .. }) => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::NoHost | Self::Truncated | Self::Payload(_) => StatusCode::BAD_REQUEST,
            Self::Overloaded(_) | Self::NotKept | Self::NotSent => StatusCode::SERVICE_UNAVAILABLE,
            Self::PassedOn(said) => StatusCode::from_u16(said.status).unwrap_or(StatusCode::BAD_GATEWAY),
            Self::NoAnswer => StatusCode::BAD_GATEWAY,
            Self::OutOfTime | Self::LateAnswer => StatusCode::GATEWAY_TIMEOUT,
            Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
            // The number that other servers log for it; it is never sent.
            Self::CallerGone => StatusCode::from_u16(499).unwrap_or(StatusCode::REQUEST_TIMEOUT),
        }
    }

    /// The word for it in metrics.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::NoHook => "no_hook",
            Self::NoHost => "no_host",
            Self::NoResult => "no_result",
            Self::Broken => "broken",
            Self::Method { .. } => "method",
            Self::NoClientCertificate => "no_client_certificate",
            Self::Forged(_) => "forged",
            Self::TooLarge { .. } | Self::Payload(PayloadError::TooManyNodes { .. }) => "too_large",
            Self::TooSlow => "too_slow",
            Self::Truncated => "truncated",
            Self::Overloaded(_) => "overloaded",
            Self::NotKept => "not_kept",
            Self::NotSent => "not_sent",
            Self::Payload(_) => "unreadable",
            Self::PassedOn(_) => "passed_on",
            Self::NoAnswer => "no_answer",
            Self::LateAnswer => "late_answer",
            Self::OutOfTime => "out_of_time",
            Self::Panicked => "panicked",
            Self::CallerGone => "caller_gone",
        }
    }

    /// What the person at the screen reads.
    fn for_people(&self, request_id: Option<&str>) -> String {
        let text = match self {
            Self::NoHook => "There is no extension at this address. Please ask your administrator to check the hook's URL.".to_owned(),
            Self::NoHost => "This call does not say which one host it is for.".to_owned(),
            Self::NoResult => "There is no result here, or not any more.".to_owned(),
            Self::Broken => "The extension failed. Its log says why.".to_owned(),
            Self::Method { .. } => "This address takes POST requests from Rossum only.".to_owned(),
            Self::Forged(_) | Self::NoClientCertificate => "The extension could not verify that this call comes from Rossum. Please ask your administrator to compare the hook's secret, and its client certificate if it has one, on both sides.".to_owned(),
            Self::TooLarge { limit } => format!("This document's data is larger than the {} that the extension takes.", size(*limit)),
            Self::TooSlow => "The extension received this document's data too slowly. Please try again.".to_owned(),
            Self::Truncated => "The extension received only a part of this document's data. Please try again.".to_owned(),
            Self::Overloaded(_) => "The extension is busy. Please try again in a moment.".to_owned(),
            Self::NotKept => "The export could not be kept, so it was not accepted. Please try again later; if it happens again, tell your administrator.".to_owned(),
            Self::NotSent => "The export could not be sent at the moment. Please try again later; if it happens again, tell your administrator.".to_owned(),
            Self::Payload(error) => format!("The extension could not read this document's data: {error}."),
            Self::PassedOn(_) => "The service behind this extension failed. Please tell your administrator.".to_owned(),
            Self::NoAnswer => "The service behind this extension does not answer at the moment. Please try again later; if it happens again, tell your administrator.".to_owned(),
            Self::LateAnswer => "The service behind this extension did not answer in time. Please try again; if it happens again, tell your administrator.".to_owned(),
            Self::OutOfTime => "The extension did not finish in time. Please try again; if it happens again, tell your administrator.".to_owned(),
            Self::Panicked => "The extension failed because of a mistake in its program. Please tell your administrator.".to_owned(),
            Self::CallerGone => "The connection was closed before the extension had its answer. Please try again.".to_owned(),
        };
        request_id
            .map_or_else(|| text.clone(), |id| format!("{text} (request {})", crate::rossum::escape_html(id)))
    }

    /// What the caller gets: a message, as Rossum shows it.
    pub(super) fn body(&self, request_id: Option<&str>) -> Bytes {
        if let Self::PassedOn(said) = self {
            return said.body.clone();
        }
        let message = serde_json::json!({"type": "error", "content": self.for_people(request_id)});
        Bytes::from(serde_json::json!({"messages": [message]}).to_string())
    }

    pub(super) fn response(&self, request_id: Option<&str>) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body(request_id)));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        set_json(headers);
        match self {
            Self::PassedOn(said) => {
                headers.remove(CONTENT_TYPE);
                for (name, value) in &said.headers {
                    if let Ok(value) = HeaderValue::from_bytes(value) {
                        headers.insert(*name, value);
                    }
                }
            }
            Self::Method { allow } => {
                headers.insert(ALLOW, HeaderValue::from_static(allow));
            }
            Self::Overloaded(_) | Self::NotKept | Self::NotSent => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
            }
            _ => {}
        }
        response
    }
}

/// A size as people read it.
fn size(bytes: usize) -> String {
    match bytes {
        1_000_000.. => format!("{} MB", bytes / 1_000_000),
        1_000.. => format!("{} KB", bytes / 1_000),
        _ => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_size_has_the_unit_that_fits() {
        assert_eq!([20_000_000, 10_000, 999].map(super::size), ["20 MB", "10 KB", "999 bytes"]);
    }
}
