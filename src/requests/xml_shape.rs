//! The shape of XML before it is parsed: how deep it nests, and what its elements declare. A parser's work grows with the square
//! of some of these.

/// Elements within each other.
const DEEPEST: usize = 256;
/// Attributes of one element, each of which is compared with all others.
const ATTRIBUTES: usize = 1_000;
/// Namespaces that are known at elements which declare one, all together: the parser copies them there.
const NAMESPACES: usize = 1_000_000;

/// Whether a parser reads it in time and memory that grow with its length alone. It may be no XML at all.
pub(super) fn is_bounded(xml: &str) -> bool {
    // How many namespaces each open element declares.
    let mut open: Vec<usize> = Vec::new();
    let (mut in_scope, mut copied) = (0_usize, 0_usize);
    let mut rest = xml;
    while let Some(at) = rest.find('<') {
        rest = &rest[at..];
        let skipped =
            [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")].into_iter().find_map(|(begin, end)| {
                let inside = rest.strip_prefix(begin)?;
                Some(inside.split_once(end).map_or("", |(_, after)| after))
            });
        if let Some(after) = skipped {
            rest = after;
            continue;
        }
        let tag = Tag::read(rest);
        rest = &rest[tag.length..];
        if tag.is_end {
            in_scope -= open.pop().unwrap_or(0);
            continue;
        }
        if tag.attributes > ATTRIBUTES || open.len() >= DEEPEST {
            return false;
        }
        if tag.namespaces > 0 {
            copied += in_scope + tag.namespaces;
        }
        if copied > NAMESPACES {
            return false;
        }
        if !tag.is_empty {
            open.push(tag.namespaces);
            in_scope += tag.namespaces;
        }
    }
    true
}

struct Tag {
    length: usize,
    is_end: bool,
    /// `<a/>`
    is_empty: bool,
    attributes: usize,
    namespaces: usize,
}

impl Tag {
    /// The tag that the text begins with.
    fn read(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut tag = Self {
            length: bytes.len(),
            is_end: bytes.get(1) == Some(&b'/'),
            is_empty: false,
            attributes: 0,
            namespaces: 0,
        };
        let mut quote = None;
        for (at, byte) in bytes.iter().enumerate().skip(1) {
            match (byte, quote) {
                (byte, Some(open)) if *byte == open => quote = None,
                (b'"' | b'\'', None) => quote = Some(*byte),
                (b'=', None) => {
                    tag.attributes += 1;
                    let name = text[..at]
                        .trim_end()
                        .rsplit(|c: char| c.is_whitespace() || matches!(c, '"' | '\''))
                        .next();
                    tag.namespaces += usize::from(name.is_some_and(|name| name.starts_with("xmlns")));
                }
                (b'>', None) => {
                    tag.length = at + 1;
                    tag.is_empty = bytes[at - 1] == b'/';
                    break;
                }
                _ => {}
            }
        }
        tag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(count: usize, part: &dyn Fn(usize) -> String) -> String {
        (0..count).map(part).collect::<Vec<_>>().concat()
    }

    #[test]
    fn what_a_parser_would_square_is_refused() {
        let nested = |depth: usize| format!("{}{}", "<a b='>'>".repeat(depth), "</a>".repeat(depth));
        assert!(is_bounded(&nested(256)) && !is_bounded(&nested(257)));
        let attributes = |count: usize| format!("<a{}/>", parts(count, &|n| format!(" a{n}=\"/>\"")));
        assert!(is_bounded(&attributes(1_000)) && !is_bounded(&attributes(1_001)));
        let names = |count: usize| parts(count, &|n| format!(" xmlns:n{n}='u{n}'"));
        let spread = |count: usize, below: usize| {
            format!("<r{}>{}</r>", names(count), "<x xmlns:m='u'/>".repeat(below))
        };
        assert!(is_bounded(&spread(900, 1_000)) && !is_bounded(&spread(900, 2_000)));
        assert!(is_bounded(&"<a/><!-- <a><a> --><![CDATA[<a>]]><?x <a>?>".repeat(1_000)));
        for broken in ["<", "<a", "</", "</a></a>", "<!--", "<a b='", "<é>", "<a =/>"] {
            assert!(is_bounded(broken), "{broken}");
        }
    }
}
