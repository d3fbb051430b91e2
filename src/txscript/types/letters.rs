//! Upper and lower case, and what a text consists of.

use super::super::value::Value;
use super::super::words::Word;
use super::repr::is_printable;
use super::text::is_space;

pub(super) fn changes_case(word: Word) -> bool {
    matches!(
        word,
        Word::upper
            | Word::lower
            | Word::casefold
            | Word::swapcase
            | Word::capitalize
            | Word::title
            | Word::istitle
    )
}

pub(super) fn changed_case(text: &str, word: Word, arguments: &[Value<'_>]) -> Option<String> {
    if !arguments.is_empty() {
        return None;
    }
    Some(match word {
        Word::upper => text.to_uppercase(),
        Word::lower => text.to_lowercase(),
        Word::casefold => text.to_lowercase().replace('ß', "ss"),
        Word::swapcase => text
            .chars()
            .flat_map(|c| {
                let lower = c.is_uppercase().then(|| c.to_lowercase());
                let upper = (!c.is_uppercase()).then(|| c.to_uppercase());
                lower.into_iter().flatten().chain(upper.into_iter().flatten())
            })
            .collect(),
        Word::capitalize => {
            let mut chars = text.chars();
            let first = chars.next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default();
            first + &chars.as_str().to_lowercase()
        }
        Word::title => {
            let mut inside = false;
            let mut made = String::with_capacity(text.len());
            for c in text.chars() {
                if inside {
                    made.extend(c.to_lowercase());
                } else {
                    made.extend(c.to_uppercase());
                }
                inside = c.is_alphabetic();
            }
            made
        }
        _ => return None,
    })
}

pub(super) fn verdict(text: &str, word: Word, arguments: &[Value<'_>]) -> Option<bool> {
    if !arguments.is_empty() {
        return None;
    }
    let all = |test: fn(char) -> bool| !text.is_empty() && text.chars().all(test);
    let cased = |upper: bool| {
        text.chars().any(|c| c.is_uppercase() || c.is_lowercase())
            && !text.chars().any(|c| if upper { c.is_lowercase() } else { c.is_uppercase() })
    };
    Some(match word {
        Word::isdigit | Word::isdecimal => {
            all(|c| c.is_ascii_digit() || (c.is_numeric() && !c.is_alphabetic()))
        }
        Word::isnumeric => all(char::is_numeric),
        Word::isalpha => all(char::is_alphabetic),
        Word::isalnum => all(|c| c.is_alphabetic() || c.is_numeric()),
        Word::isspace => all(is_space),
        Word::isupper => cased(true),
        Word::islower => cased(false),
        Word::isascii => text.is_ascii(),
        Word::isprintable => text.chars().all(is_printable),
        Word::istitle => {
            cased_any(text) && changed_case(text, Word::title, &[]).is_some_and(|title| title == text)
        }
        Word::isidentifier => {
            let first = |c: char| c.is_alphabetic() || c == '_';
            text.chars().next().is_some_and(first) && text.chars().all(|c| first(c) || c.is_numeric())
        }
        _ => return None,
    })
}

fn cased_any(text: &str) -> bool {
    text.chars().any(|c| c.is_uppercase() || c.is_lowercase())
}
