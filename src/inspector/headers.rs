//! Headers of a request, as they may be shown.

use super::mask::MASK;

/// Headers that are shown, and characters of each value.
const MOST: usize = 100;
const LONGEST: usize = 500;

/// Headers whose values are shown in production: they say how a request came, and nothing of a document.
const PLAIN: [&str; 8] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "transfer-encoding",
    "user-agent",
];

/// Headers whose values are shown in dev mode too: how a request came. What has another name may open a door.
const OF_THE_WAY: [&str; 11] = [
    "forwarded",
    "host",
    "traceparent",
    "tracestate",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
];
/// Rossum's own.
const ROSSUM: &str = "x-rossum-signature";

/// What the page shows of them. In production only values that are nobody's stay.
pub(super) fn shown(headers: Vec<(String, String)>, is_masked: bool) -> Vec<(String, String)> {
    let cut = |value: String| match value.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", value.get(..end).unwrap_or_default()),
        None => value,
    };
    let shown = |(name, value): (String, String)| {
        let lower = name.to_ascii_lowercase();
        let value = match () {
            () if PLAIN.contains(&lower.as_str()) => cut(value),
            () if is_masked => MASK.to_owned(),
            () if OF_THE_WAY.contains(&lower.as_str()) || lower.starts_with(ROSSUM) => cut(value),
            () => "[removed]".to_owned(),
        };
        (name, value)
    };
    headers.into_iter().take(MOST).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_open_doors_are_removed_and_in_production_those_of_others_too() {
        let sent = [
            ("Host", "hooks.acme.com"),
            ("content-type", "application/json"),
            ("X-Rossum-Signature-SHA256", "sha256=00"),
            ("Proxy-Authorization", "Bearer x"),
            ("cookie", "a=b"),
            ("X-Jwt", "k"),
        ];
        let sent = || sent.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let values = |is_masked| {
            shown(sent(), is_masked).into_iter().map(|(_, value)| value).collect::<Vec<_>>().join(" | ")
        };
        assert_eq!(
            values(false),
            "hooks.acme.com | application/json | sha256=00 | [removed] | [removed] | [removed]"
        );
        assert_eq!(values(true), "••• | application/json | ••• | ••• | ••• | •••");
        let long = vec![("via".to_owned(), "é".repeat(600)); 200];
        let shown = shown(long, false);
        assert_eq!((shown.len(), shown[0].1.chars().count()), (MOST, LONGEST + 1));
    }
}
