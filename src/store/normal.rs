//! Texts made comparable: case, accents, punctuation and legal forms do not count.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Legal forms of companies, as they stand once points are gone.
const LEGAL_FORMS: [&str; 52] = [
    "ab",
    "ag",
    "aps",
    "as",
    "asa",
    "bv",
    "bvba",
    "co",
    "company",
    "corp",
    "corporation",
    "doo",
    "eood",
    "eurl",
    "gmbh",
    "inc",
    "incorporated",
    "jsc",
    "kft",
    "kg",
    "kgaa",
    "lda",
    "limited",
    "llc",
    "llp",
    "lp",
    "ltd",
    "ltda",
    "mbh",
    "nv",
    "oao",
    "og",
    "ohg",
    "ood",
    "oy",
    "oyj",
    "plc",
    "pty",
    "pvt",
    "sa",
    "sarl",
    "sas",
    "sia",
    "sl",
    "spa",
    "spol",
    "spzoo",
    "srl",
    "sro",
    "uab",
    "ug",
    "zrt",
];

/// The one legal form of several words: `Sp. z o.o.`.
const SPOLKA: [&str; 3] = ["sp", "z", "oo"];

/// A text made comparable: `Žluťoučký Kůň, s. r. o.` and `ZLUTOUCKY KUN SRO` are the same.
pub fn normalize(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.nfkd().filter(|c| !is_combining_mark(*c)) {
        match c {
            // Within a short form: `s.r.o.`, `L.P.`; and in names such as `O'Hara`.
            '.' | '\'' | '’' | '`' => {}
            'ß' => plain.push_str("ss"),
            'ł' | 'Ł' => plain.push('l'),
            'ø' | 'Ø' => plain.push('o'),
            'đ' | 'Đ' => plain.push('d'),
            'æ' | 'Æ' => plain.push_str("ae"),
            'œ' | 'Œ' => plain.push_str("oe"),
            c if c.is_alphanumeric() => plain.extend(c.to_lowercase()),
            _ => plain.push(' '),
        }
    }
    let mut words: Vec<String> = Vec::new();
    let mut letters = String::new();
    for word in plain.split_whitespace().chain([""]) {
        // `s r o` is `sro`.
        if word.len() == 1 && word.chars().all(char::is_alphabetic) {
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
    if let Some(at) = words.windows(3).position(|three| three == SPOLKA)
        && words.len() > 3
    {
        words.drain(at..at + 3);
    }
    let is_form = |word: &str| LEGAL_FORMS.binary_search(&word).is_ok();
    if words.iter().any(|word| !is_form(word)) {
        words.retain(|word| !is_form(word));
    }
    words.join(" ")
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
        assert!(LEGAL_FORMS.is_sorted());
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
