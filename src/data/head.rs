//! Names of columns, as files have them: what nobody sees is left out, what no name has is refused.

/// What a name is once the signs that nobody sees are left out; white space, as of a line end inside, is one space.
pub(super) fn plain(text: &str) -> String {
    let seen: String =
        text.chars().zip(unseen_in(text)).filter(|(_, is_unseen)| !is_unseen).map(|(c, _)| c).collect();
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first sign that [`plain`] leaves out and nobody sees.
pub(super) fn unseen(text: &str) -> Option<char> {
    text.chars().zip(unseen_in(text)).find(|(_, is_unseen)| *is_unseen).map(|(c, _)| c)
}

/// For each sign of a text whether nobody sees it: marks of a file's beginning (BOM) and of direction, hyphens and joiners
/// without width. Between letters that ASCII does not have, joiners are spelling.
fn unseen_in(text: &str) -> impl Iterator<Item = bool> {
    let all: Vec<char> = text.chars().collect();
    (0..all.len()).map(move |at| match all[at] {
        '\u{ad}'
        | '\u{200b}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'
        | '\u{2066}'..='\u{2069}'
        | '\u{feff}' => true,
        '\u{200c}' | '\u{200d}' => {
            let is_letter = |c: Option<&char>| c.is_some_and(|c| !c.is_ascii() && c.is_alphabetic());
            !is_letter(at.checked_sub(1).and_then(|before| all.get(before))) || !is_letter(all.get(at + 1))
        }
        _ => false,
    })
}

/// What to say of a name that has a control: bytes that are no text.
pub(super) fn flaw(name: &str) -> Option<String> {
    let (at, sign) = name.chars().enumerate().find(|(_, c)| c.is_control())?;
    let hint = match sign {
        '\0' => "the file is not a text, or of another encoding",
        '\u{1}'..='\u{1f}' => {
            "where it separates the values, name it with --separator, in annex.toml `separator`"
        }
        _ => "it is written in another encoding, or damaged",
    };
    Some(format!(
        "sign {} of the name is the control U+{:04X}, as no name has it: {hint}",
        at + 1,
        u32::from(sign)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_no_part_of_a_name() {
        for (text, name) in [
            ("\u{feff}\u{feff}id", "id"),
            ("vat\u{200b} id\u{200e}", "vat id"),
            ("a\u{200d}b", "a\u{200d}b".replace('\u{200d}', "").as_str()),
            ("a\nb", "a b"),
            // Joiners of Persian and Hindi are spelling.
            ("نام\u{200c}ها", "نام\u{200c}ها"),
            ("Müller", "Müller"),
        ] {
            assert_eq!(plain(text), name, "{text:?}");
        }
        assert_eq!(unseen("i\u{200b}d"), Some('\u{200b}'));
        assert_eq!(unseen("نام\u{200c}ها"), None);
        assert!(flaw("a\u{1}b").unwrap().starts_with("sign 2 of the name is the control U+0001"));
        assert_eq!(flaw("Žluťoučký kůň"), None);
    }
}
