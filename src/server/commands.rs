//! A delivery as a command that sends it once more. No command holds a secret.

use serde::Serialize;

use crate::shown::quoted;
use crate::webhook::Signed;

/// For a shell.
#[derive(Debug, Serialize)]
pub(super) struct Commands {
    /// By `annex send`, which signs.
    send: String,
    /// With a signature that was made for this body.
    curl: String,
}

/// What a command needs.
pub(super) struct Copied<'c> {
    pub(super) url: &'c str,
    pub(super) signed: &'c Signed,
    /// How the secret is named.
    pub(super) secret: &'c str,
    /// What was signed: the body and the line feed that a shell adds.
    pub(super) body: &'c str,
}

impl Copied<'_> {
    pub(super) fn commands(&self) -> Commands {
        let Self { url, signed, secret, body } = self;
        let end = ending(body);
        let to = quoted(url);
        let host = signed.domain.as_deref();
        let host = host.map(|host| format!(" -H {}", quoted(&format!("Host: {host}")))).unwrap_or_default();
        Commands {
            send: format!("annex send - --to {to} --secret {} <<'{end}'\n{body}{end}\n", quoted(secret)),
            curl: format!(
                "curl --data-binary @- -H 'Content-Type: application/json' -H 'X-Rossum-Signature-SHA256: {}'{host} {to} <<'{end}'\n{body}{end}\n",
                signed.signature
            ),
        }
    }
}

/// A line that is none of the body's.
fn ending(body: &str) -> String {
    let mut end = "BODY".to_owned();
    while body.lines().any(|line| line == end) {
        end.push('_');
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_the_body_ends_it() {
        assert_eq!(ending("{\n}\n"), "BODY");
        assert_eq!(ending("{\nBODY\nBODY_\n}"), "BODY__");
    }
}
