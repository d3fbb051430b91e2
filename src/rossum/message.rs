//! Messages and automation blockers: what a person sees in Rossum's validation screen.

use std::borrow::Cow;

use serde::Serialize;

use super::annotation::NodeRef;

/// Rossum's limit on a message's `content` (API reference: "Message").
pub const MAX_MESSAGE_CHARACTERS: usize = 4096;

/// An `error` blocks confirmation and automation; the other two never do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageType {
    Error,
    Warning,
    Info,
}

impl MessageType {
    /// As Rossum writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// A message about one datapoint, or about the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub on: Option<NodeRef>,
    pub kind: MessageType,
    /// HTML, as Rossum shows it: data quoted in it must have gone through [`escape_html`].
    pub content: String,
    /// The line of the code that failed, where code did.
    pub failed_line: Option<u32>,
}

/// Stops Rossum from confirming the document without a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutomationBlocker {
    pub on: Option<NodeRef>,
    pub content: String,
}

/// A document's data as it may stand in a message: Rossum renders `content` as HTML.
pub fn escape_html(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// Cuts a message to what Rossum takes, never inside an HTML entity.
pub fn shorten(mut content: String) -> String {
    if content.len() <= MAX_MESSAGE_CHARACTERS {
        return content;
    }
    let Some((mut cut, _)) = content.char_indices().nth(MAX_MESSAGE_CHARACTERS - 1) else {
        return content;
    };
    if content[cut..].chars().nth(1).is_none() {
        return content; // exactly as long as allowed
    }
    let tail_start = content[..cut].char_indices().rev().take(8).last().map_or(0, |(at, _)| at);
    if let Some(ampersand) = content[tail_start..cut].rfind('&')
        && !content[tail_start + ampersand..cut].contains(';')
    {
        cut = tail_start + ampersand;
    }
    content.truncate(cut);
    content.push('…');
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_cannot_become_markup() {
        assert_eq!(escape_html("<b>\"A&B's\"</b>"), "&lt;b&gt;&quot;A&amp;B&#39;s&quot;&lt;/b&gt;");
        assert!(matches!(escape_html("plain"), Cow::Borrowed("plain")));
    }

    #[test]
    fn long_messages_are_cut_to_the_limit_outside_entities() {
        assert_eq!(shorten("ä".repeat(4096)).chars().count(), 4096);
        assert_eq!(shorten("ä".repeat(4097)).chars().count(), 4096);
        let text = "x".repeat(4093) + "&amp;&amp;";
        let cut = shorten(text);
        assert_eq!(cut, "x".repeat(4093) + "…");
    }
}
