//! What the other side repeats of our request (a page for debugging, say): its answer comes without it, since answers are shown
//! to people, and kept.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use memchr::memmem;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue, PROXY_AUTHORIZATION};

use crate::secret::Secret;

/// Bytes of a secret that are worth being looked for: what is shorter stands in many an answer by chance.
const SHORTEST: usize = 6;
/// Of a secret that is looked for within Base64.
const SHORTEST_WITHIN: usize = 9;
/// In a longer answer only the secrets themselves are looked for, not the other ways to write them.
const LONGEST: usize = 1 << 20;

/// What stays as it is where a text is percent-encoded (RFC 3986 section 2.3).
const ENCODED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Headers that say how something is sent, and not who sends it.
const HARMLESS: [&str; 21] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "expect",
    "host",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "prefer",
    "traceparent",
    "user-agent",
];

/// Parts of a header's name where its value proves who we are, whatever it is made of.
const PROVES: [&str; 8] = ["auth", "cookie", "credential", "key", "passw", "secret", "session", "token"];

/// Whether a header of this name says only how something is sent.
pub fn is_harmless(name: &HeaderName) -> bool {
    HARMLESS.contains(&name.as_str())
}

/// Whether a header of this name proves who we are.
pub fn is_proof(name: &HeaderName) -> bool {
    !is_harmless(name) && PROVES.iter().any(|part| name.as_str().contains(part))
}

/// What of a header's value is secret: without the scheme before it (`Bearer`), and without the names of cookies.
pub(super) fn secrets_in(name: &HeaderName, value: &HeaderValue) -> Vec<Secret> {
    let bytes = value.as_bytes();
    if *name == COOKIE {
        let values = bytes.split(|byte| *byte == b';');
        let values = values.filter_map(|cookie| cookie.splitn(2, |byte| *byte == b'=').nth(1));
        return values.map(|value| Secret::new(value.trim_ascii())).collect();
    }
    let has_scheme = *name == AUTHORIZATION || *name == PROXY_AUTHORIZATION;
    let scheme = bytes.iter().position(|byte| *byte == b' ').filter(|_| has_scheme);
    let Some(scheme) = scheme else { return vec![Secret::new(bytes)] };
    let (scheme, rest) = (&bytes[..scheme], bytes[scheme..].trim_ascii());
    let mut all = vec![Secret::new(rest)];
    if scheme.eq_ignore_ascii_case(b"basic")
        && let Ok(both) = STANDARD.decode(rest)
        && let Some(password) = both.splitn(2, |byte| *byte == b':').nth(1)
    {
        all.push(Secret::new(password));
    }
    all
}

/// A text without these.
pub(super) fn without(mut body: Vec<u8>, secrets: &[Secret]) -> Vec<u8> {
    let secrets = secrets.iter().filter(|secret| secret.expose().len() >= SHORTEST);
    let mut all: Vec<Secret> = secrets.clone().cloned().collect();
    if body.len() <= LONGEST {
        all.extend(secrets.flat_map(|secret| written_otherwise(secret.expose())));
    }
    // What holds another one goes first.
    all.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
    for secret in &all {
        let secret = secret.expose();
        let places: Vec<usize> = memmem::find_iter(&body, secret).collect();
        for at in places.into_iter().rev() {
            body.splice(at..at + secret.len(), *b"***");
        }
    }
    body
}

/// How else it may stand in an answer: in a URL, in JSON, in a page, or within what is Base64 as a whole.
fn written_otherwise(secret: &[u8]) -> Vec<Secret> {
    let mut all = Vec::new();
    let encoded = percent_encode(secret, &ENCODED).to_string();
    all.push(encoded.to_ascii_lowercase());
    all.push(encoded);
    if let Ok(text) = std::str::from_utf8(secret) {
        all.push(serde_json::Value::from(text).to_string().trim_matches('"').to_owned());
        let page = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        all.push(page.replace('"', "&quot;").replace('\'', "&#39;"));
        all.push(page.replace('"', "&#34;").replace('\'', "&#x27;"));
    }
    if secret.len() >= SHORTEST_WITHIN {
        all.extend(
            [STANDARD, URL_SAFE].iter().flat_map(|way| (0..3).map(|before| within(way, secret, before))),
        );
    }
    let others = all.into_iter().filter(|text| text.as_bytes() != secret && text.len() >= SHORTEST);
    others.map(|text| Secret::new(text.into_bytes())).collect()
}

/// The signs of Base64 that are this secret's alone, where as many bytes stand before it (modulo three).
fn within(way: &impl Engine, secret: &[u8], before: usize) -> String {
    let text = way.encode([&[0, 0][..before], secret].concat());
    let text = text.trim_end_matches('=');
    let shared = usize::from(!(before + secret.len()).is_multiple_of(3));
    let own = [0, 2, 3][before]..text.len() - shared;
    text[own].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "to/ken \"0123\" & <more>";

    fn shown(body: &str) -> String {
        let secrets = [Secret::new(TOKEN.as_bytes()), Secret::new(*b"short")];
        String::from_utf8(without(body.as_bytes().to_vec(), &secrets)).unwrap()
    }

    #[test]
    fn a_secret_is_found_however_it_is_written() {
        for way in [
            TOKEN,
            "to%2Fken%20%220123%22%20%26%20%3Cmore%3E",
            "to%2fken%20%220123%22%20%26%20%3cmore%3e",
            r#"to/ken \"0123\" & <more>"#,
            "to/ken &quot;0123&quot; &amp; &lt;more&gt;",
        ] {
            assert_eq!(shown(&format!("you sent {way}.")), "you sent ***.");
        }
        for before in ["", "a", "ab", "abc"] {
            let all = STANDARD.encode(format!("{before}{TOKEN}."));
            let told = shown(&format!("you sent {all}."));
            assert!(told.contains("***") && told.len() < 24, "{before}: {told}");
        }
        // What is no secret stays, and what is too short to be told from other words.
        for other in ["the short way", "to/ken 0123", &STANDARD.encode("another text, as long as that one")] {
            assert_eq!(shown(other), other);
        }
    }

    #[test]
    fn of_a_header_the_proof_is_secret_and_not_its_scheme() {
        let of = |name: &str, value: &str| -> Vec<String> {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            let all = secrets_in(&name, &HeaderValue::from_str(value).unwrap());
            all.iter().map(|one| String::from_utf8_lossy(one.expose()).into_owned()).collect()
        };
        assert_eq!(of("authorization", "Bearer abc"), ["abc"]);
        assert_eq!(of("authorization", "Basic YW5uZXg6aHVudGVyMg=="), ["YW5uZXg6aHVudGVyMg==", "hunter2"]);
        assert_eq!(of("authorization", "abc"), ["abc"]);
        assert_eq!(of("x-api-key", "abc def"), ["abc def"]);
        assert_eq!(of("cookie", "a=b; session=c=d"), ["b", "c=d"]);
    }

    #[test]
    fn names_of_headers_say_whether_they_prove_something() {
        let rows = [
            ("authorization", false, true),
            ("x-api-key", false, true),
            ("apikey", false, true),
            ("idempotency-key", true, false),
            ("content-type", true, false),
            ("x-company", false, false),
        ];
        for (name, harmless, proof) in rows {
            let name = HeaderName::from_static(name);
            assert_eq!((is_harmless(&name), is_proof(&name)), (harmless, proof), "{name}");
        }
    }
}
