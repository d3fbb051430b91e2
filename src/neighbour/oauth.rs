//! What an identity provider says when it gives no token (RFC 6749, section 5.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::trees;

use super::may_pass;

/// Characters of the provider's words that are quoted.
const QUOTED: usize = 400;

/// Letters and digits in a row that words and a secret have in common, from which on nothing is quoted.
const PIECE: usize = 6;
const WITHHELD: &str = "what it says besides repeats a part of our own secret, and is not shown";

/// What is wrong with a token that cannot be sent.
pub const NO_HEADER: &str = "a token that holds characters which no header can hold, such as a line break: ask those who run the identity provider";

/// The codes of RFC 6749 and RFC 8707.
const FINAL: [&str; 8] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_target",
    "access_denied",
];
const PASSING: [&str; 3] = ["temporarily_unavailable", "server_error", "slow_down"];

/// Why no token was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The provider's code and description, in one line; empty where it gives none.
    pub words: String,
    /// Whether the same request can get a token later.
    pub may_pass: bool,
}

/// Reads the answer of a token endpoint whose status is no success. No secret of ours is quoted, also where the
/// provider repeats it or a part of it: spaced, backwards, in capitals, in Base64, in hexadecimal digits or percent-encoded.
pub fn refusal(status: u16, body: &[u8], secrets: &[&str]) -> Refusal {
    let json: Option<Value> = trees::read(body, trees::SMALL).ok();
    let text = |key: &str| json.as_ref().and_then(|json| json.get(key)?.as_str()).unwrap_or_default().trim();
    let code = text("error");
    let described = text("error_description");
    let may_pass = if FINAL.contains(&code) {
        false // they are about a request that is wrong as it is
    } else {
        PASSING.contains(&code) || may_pass(status)
    };
    let words = match (code, described) {
        ("", "") => String::new(),
        (code, "") => code.to_owned(),
        ("", described) => described.to_owned(),
        (code, described) => format!("{code}: {described}"),
    };
    let words = in_one_line(&without(words, secrets));
    let words = if secrets.iter().any(|secret| shares(&words, secret)) {
        let known = FINAL.iter().chain(&PASSING).find(|known| **known == code);
        known.map_or_else(|| WITHHELD.to_owned(), |code| format!("{code}: {WITHHELD}"))
    } else {
        words
    };
    Refusal { words, may_pass }
}

fn without(text: String, secrets: &[&str]) -> String {
    let secrets = secrets.iter().filter(|secret| !secret.is_empty());
    secrets.fold(text, |text, secret| text.replace(secret, "***"))
}

/// Whether words have a piece of a secret in them, in any of its forms.
fn shares(words: &str, secret: &str) -> bool {
    let decoded = percent_decode_str(words).decode_utf8_lossy();
    let words: [String; 2] = [plain(words).collect(), plain(&decoded).collect()];
    let is_in = |form: Vec<char>| {
        let mut pieces = form.windows(PIECE).map(|piece| piece.iter().collect::<String>());
        pieces.any(|piece| words.iter().any(|words| words.contains(&piece)))
    };
    let forwards: Vec<char> = plain(secret).collect();
    let backwards = forwards.iter().rev().copied().collect();
    // What stands before it decides where its bits begin.
    let mut encoded = (0..3).map(|before| [&[0; 3][..before], secret.as_bytes()].concat());
    is_in(forwards)
        || is_in(backwards)
        || is_in(plain(&hex::encode(secret)).collect())
        || encoded.any(|bytes| is_in(plain(&STANDARD.encode(bytes)).collect()))
}

/// Its letters and digits, in small letters.
fn plain(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase)
}

fn in_one_line(text: &str) -> String {
    let joined = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let joined = joined.collect::<Vec<_>>().join(" ");
    let mut characters = joined.chars();
    let short: String = characters.by_ref().take(QUOTED).collect();
    if characters.next().is_some() { format!("{short}…") } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_decides_whether_waiting_helps_and_else_the_status() {
        let of = |status, body: &str| refusal(status, body.as_bytes(), &[]).may_pass;
        assert!(!of(401, r#"{"error": "invalid_client"}"#));
        assert!(!of(503, r#"{"error": "invalid_client"}"#), "an outage does not know clients");
        assert!(of(400, r#"{"error": "temporarily_unavailable"}"#));
        for body in ["", "<html>", "[]", r#"{"error": {"message": "x"}}"#, r#"{"error": "custom"}"#] {
            assert!(of(503, body) && !of(403, body), "{body}");
        }
    }

    #[test]
    fn its_words_are_one_line_without_our_secret_and_have_an_end() {
        let body = r#"{"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret\r\n's3cret'\u001b[31m provided."}"#;
        let told = refusal(401, body.as_bytes(), &["s3cret", ""]).words;
        assert_eq!(told, "invalid_client: AADSTS7000215: Invalid client secret '***' [31m provided.");
        let long = format!("{{\"error_description\": \"{}\"}}", "é".repeat(1_000));
        assert_eq!(refusal(400, long.as_bytes(), &[]).words.chars().count(), QUOTED + 1);
        assert_eq!(refusal(400, b"{}", &[]).words, "");
    }

    #[test]
    fn whatever_repeats_a_part_of_our_secret_is_not_quoted() {
        let secret = "aB3~xyZ9+Qr7/tuV.k2L8";
        let part = &secret[4..12];
        let spaced: String = secret.chars().flat_map(|c| [c, ' ']).collect();
        let backwards = |text: &str| text.chars().rev().collect::<String>();
        let percent = |text: &str| {
            let digits = hex::encode_upper(text);
            let pairs = (0..text.len()).map(|at| ["%", &digits[2 * at..2 * at + 2]].concat());
            pairs.collect::<String>()
        };
        let forms = [
            spaced,
            secret.to_uppercase(),
            part.to_owned(),
            backwards(secret),
            backwards(part),
            percent(secret),
            percent(part),
            hex::encode(part),
            STANDARD.encode(secret),
            STANDARD.encode(part),
            STANDARD.encode(format!("annex:{secret}")),
            STANDARD.encode(format!("an:{secret}:x")),
            STANDARD.encode(format!("a:{secret}")),
            STANDARD.encode(secret).replace(['+', '/', '='], "-"),
            format!("{}-{}", &secret[..10], &secret[10..]),
        ];
        for form in &forms {
            let body = serde_json::json!({"error": "invalid_client", "error_description": format!("You sent {form}.")});
            let told = refusal(401, body.to_string().as_bytes(), &["json", secret]).words;
            assert_eq!(told, format!("invalid_client: {WITHHELD}"), "{form}");
            let body = serde_json::json!({"error": format!("no {form}")});
            assert_eq!(refusal(401, body.to_string().as_bytes(), &[secret]).words, WITHHELD, "{form}");
        }
        let body = br#"{"error": "invalid_client", "error_description": "AADSTS700016: Application 17 was not found."}"#;
        let told = refusal(400, body, &[secret]).words;
        assert_eq!(told, "invalid_client: AADSTS700016: Application 17 was not found.");
    }
}
