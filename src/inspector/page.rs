//! The page: one document with its style and its program inside, so that nothing else is ever asked for.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use sha2::{Digest, Sha256};

const HTML: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
/// One program, a file for each part of the page; the last one starts it.
const PROGRAM: &str = concat!(
    "'use strict';\n",
    include_str!("detail.js"),
    include_str!("request.js"),
    include_str!("hooks.js"),
    include_str!("chart.js"),
    include_str!("page.js"),
);

static PAGE: LazyLock<Bytes> =
    LazyLock::new(|| Bytes::from(HTML.replace("/* style */", STYLE).replace("/* program */", PROGRAM)));

/// The value of `Content-Security-Policy`: this style, this program, and requests to this server only.
pub static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash(STYLE),
        hash(PROGRAM)
    )
});

pub fn page() -> Bytes {
    PAGE.clone()
}
