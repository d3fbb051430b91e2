//! Why a call over HTTP got no answer, in words.

use std::error::Error as _;

/// The innermost cause, which is the one that helps; without the URL, which may hold a document's data.
pub fn words(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if error.source().is_none() {
        error.to_string().split(" for url").next().unwrap_or_default().to_owned()
    } else {
        cause.to_string()
    }
}
