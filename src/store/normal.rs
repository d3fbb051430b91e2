//! Texts made comparable: case, accents, punctuation and legal forms do not count.
//!
//! Where a letter may be written in two ways, a text has two [`Keys`].

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::forms;

/// A name in words, without its legal forms.
pub(super) struct Parts {
    pub(super) words: Vec<String>,
    pub(super) forms: Vec<String>,
}

/// How a letter with an umlaut or a ring is written without it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Umlaut {
    /// `Muller`.
    Letter,
    /// `Mueller`, as Germans and Scandinavians do.
    Digraph,
}

/// A text made comparable: `Žluťoučký Kůň, s. r. o.` and `ZLUTOUCKY KUN SRO` are the same.
pub fn normalize(text: &str) -> String {
    parts(text, Umlaut::Letter).words.join(" ")
}

/// All that a text may be compared as: `Müller` is `muller` and `mueller`, `Mueller` is only itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Keys {
    plain: String,
    digraphs: Option<String>,
}

impl Keys {
    pub fn new(text: &str) -> Self {
        let (plain, digraphs) = spellings(text);
        Self::of(&plain, digraphs.as_ref())
    }

    pub(super) fn of(plain: &Parts, digraphs: Option<&Parts>) -> Self {
        let plain = plain.words.join(" ");
        let digraphs = digraphs.map(|parts| parts.words.join(" "));
        Self { digraphs: digraphs.filter(|other| *other != plain), plain }
    }

    pub fn is_empty(&self) -> bool {
        self.plain.is_empty()
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.plain.as_str()).chain(self.digraphs.as_deref())
    }

    pub fn is_same(&self, other: &Self) -> bool {
        self.all().any(|one| other.all().any(|two| one == two))
    }

    /// Whether this begins as the other one is.
    pub fn begins_as(&self, beginning: &Self) -> bool {
        self.all().any(|one| beginning.all().any(|two| one.starts_with(two)))
    }
}

/// What the index of similar texts has: one text for all that may be the same. `ae`, `oe`, `ue` and `aa` lose their second
/// letter, so that `Müller` and `Mueller` are found by each other.
pub(super) fn indexed(text: &str) -> String {
    folded(&normalize(text))
}

/// The same of what is normalized already.
fn folded(normalized: &str) -> String {
    let mut all = String::with_capacity(normalized.len());
    let mut last = ' ';
    for c in normalized.chars() {
        if !matches!((last, c), ('a' | 'o' | 'u', 'e') | ('a', 'a')) {
            all.push(c);
            last = c;
        }
    }
    all
}

/// A name in words; and where a letter of it may be written in two ways, once more with the digraphs.
pub(super) fn spellings(text: &str) -> (Parts, Option<Parts>) {
    let is_marked = |c: char| {
        matches!(c, 'ä' | 'ö' | 'ü' | 'Ä' | 'Ö' | 'Ü' | 'ø' | 'Ø' | 'å' | 'Å' | '\u{308}' | '\u{30a}')
    };
    (parts(text, Umlaut::Letter), text.chars().any(is_marked).then(|| parts(text, Umlaut::Digraph)))
}

/// Marks above and below letters that do not count. Those of kana make another letter, and so do vowels of Indian scripts.
fn is_ignored(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{610}'..='\u{61a}' | '\u{640}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}')
}

fn parts(text: &str, umlaut: Umlaut) -> Parts {
    let mut plain = String::with_capacity(text.len());
    let mut last = ' ';
    let mut all = text.nfkd().peekable();
    while let Some(c) = all.next() {
        let next = all.peek().copied().unwrap_or(' ');
        let before = std::mem::replace(&mut last, c);
        match c {
            '\u{308}' if umlaut == Umlaut::Digraph && matches!(before, 'a' | 'o' | 'u' | 'A' | 'O' | 'U') => {
                plain.push('e');
            }
            '\u{30a}' if umlaut == Umlaut::Digraph && matches!(before, 'a' | 'A') => plain.push('a'),
            // The Cyrillic й is no и.
            '\u{306}' if matches!(before, 'и' | 'И') => plain.push(c),
            c if is_ignored(c) => last = before,
            // Within a short form: `s.r.o.`, `L.P.`; and in names such as `O'Hara`.
            '.' | '\'' | '’' | '`' => {}
            '"' | '״' if before.is_alphanumeric() && next.is_alphanumeric() => {}
            '"' | '«' | '»' | '„' | '“' | '”' => plain.push_str(" \" "),
            'ß' | 'ẞ' => plain.push_str("ss"),
            'ł' | 'Ł' => plain.push('l'),
            'ø' | 'Ø' => plain.push_str(if umlaut == Umlaut::Digraph { "oe" } else { "o" }),
            'đ' | 'Đ' | 'ð' | 'Ð' => plain.push('d'),
            'þ' | 'Þ' => plain.push_str("th"),
            'æ' | 'Æ' => plain.push_str("ae"),
            'œ' | 'Œ' => plain.push_str("oe"),
            'ı' => plain.push('i'),
            'ς' => plain.push('σ'),
            'ة' => plain.push('ه'),
            'ى' => plain.push('ي'),
            // Vowel signs, and the marks of kana until they are one with their letter again.
            c if c.is_alphanumeric() || is_combining_mark(c) => plain.extend(c.to_lowercase()),
            _ => plain.push(' '),
        }
    }
    let plain: String = plain.nfc().collect();
    let mut words: Vec<String> = Vec::new();
    let mut letters = String::new();
    for word in plain.split_whitespace().chain([""]) {
        // `s r o` is `sro`.
        if word.len() <= 2 && word.chars().count() == 1 && word.chars().all(char::is_alphabetic) {
            letters.push_str(word);
            continue;
        }
        if !letters.is_empty() {
            words.push(std::mem::take(&mut letters));
        }
        if !word.is_empty() {
            words.push(word.to_owned());
        }
    }
    let forms = forms::split(&mut words);
    Parts { words, forms }
}

/// Three characters, packed.
pub(super) type Gram = i64;

/// The trigrams of a normalized text, each once: of every word, with two blanks before it and one after, as PostgreSQL's
/// `pg_trgm` has them. At most 255.
pub(super) fn grams(normalized: &str) -> Vec<Gram> {
    let mut all = BTreeSet::new();
    for word in normalized.split(' ').filter(|word| !word.is_empty()) {
        let mut window = [' '; 3];
        for c in word.chars().chain([' ']) {
            window = [window[1], window[2], c];
            all.insert(pack(window));
        }
    }
    all.into_iter().take(usize::from(u8::MAX)).collect()
}

/// The same of a text that may go on: its last word has no end.
pub(super) fn grams_of_beginning(normalized: &str) -> Vec<Gram> {
    let mut all = grams(normalized);
    let mut last: Vec<char> =
        "  ".chars().chain(normalized.rsplit(' ').next().unwrap_or_default().chars()).collect();
    last.push(' ');
    if let [.., a, b, c] = last[..] {
        let end = pack([a, b, c]);
        // Another word may have the same end: one gram less finds more, never less.
        all.retain(|gram| *gram != end);
    }
    all
}

fn pack(window: [char; 3]) -> Gram {
    window.iter().fold(0, |packed, c| packed << 21 | i64::from(u32::from(*c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_count_is_gone() {
        let cases = [
            ("Žluťoučký Kůň, s. r. o.", "zlutoucky kun"),
            ("ZLUTOUCKY  KUN S.R.O.", "zlutoucky kun"),
            ("Müller & Söhne GmbH & Co. KG", "muller sohne"),
            ("O'Hara-Smith (UK) Ltd.", "ohara smith uk"),
            ("Straße 5", "strasse 5"),
            ("ŁÓDŹ Sp. z o.o.", "lodz"),
            ("A.S.", "as"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(normalize(text), expected, "{text}");
        }
    }

    #[test]
    fn trigrams_are_those_of_pg_trgm() {
        // show_trgm('cat'): "  c"," ca","at ",cat
        let expected = [[' ', ' ', 'c'], [' ', 'c', 'a'], ['a', 't', ' '], ['c', 'a', 't']].map(pack);
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(grams("cat"), expected);
        assert_eq!(grams("cat cat"), expected);
        assert_eq!(grams_of_beginning("cat").len(), 3);
    }
}
