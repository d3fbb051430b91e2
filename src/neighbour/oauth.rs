//! What an identity provider says when it gives no token (RFC 6749, section 5.2).

use serde_json::Value;

use crate::trees;

use super::may_pass;

/// Characters of the provider's words that are quoted.
const QUOTED: usize = 400;

/// Why no token was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The provider's code and description, in one line; empty where it gives none.
    pub words: String,
    /// Whether the same request can get a token later.
    pub may_pass: bool,
}

/// Reads the answer of a token endpoint whose status is no success. No secret of ours is quoted, also where the
/// provider repeats it.
pub fn refusal(status: u16, body: &[u8], secrets: &[&str]) -> Refusal {
    let json: Option<Value> = trees::read(body, trees::SMALL).ok();
    let text = |key: &str| json.as_ref().and_then(|json| json.get(key)?.as_str()).unwrap_or_default().trim();
    let code = text("error");
    let described = text("error_description");
    let may_pass = match code {
        // The codes of RFC 6749 and RFC 8707 for a request that is wrong as it is.
        "invalid_request"
        | "invalid_client"
        | "invalid_grant"
        | "unauthorized_client"
        | "unsupported_grant_type"
        | "invalid_scope"
        | "invalid_target"
        | "access_denied" => false,
        "temporarily_unavailable" | "server_error" | "slow_down" => true,
        _ => may_pass(status),
    };
    let words = match (code, described) {
        ("", "") => String::new(),
        (code, "") => code.to_owned(),
        ("", described) => described.to_owned(),
        (code, described) => format!("{code}: {described}"),
    };
    Refusal { words: in_one_line(&without(words, secrets)), may_pass }
}

fn without(text: String, secrets: &[&str]) -> String {
    let secrets = secrets.iter().filter(|secret| !secret.is_empty());
    secrets.fold(text, |text, secret| text.replace(secret, "***"))
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
}
