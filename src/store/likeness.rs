//! How likely two names are the same one: word by word, by the edits between them. It ranks what the index finds.

use super::normal::{Keys, spellings};

/// Words that are less similar are two words.
const LEAST_OF_WORDS: f64 = 0.6;
/// Words of so few letters are the same, or not.
const SHORT: usize = 3;
/// Words of a name that are compared.
const MOST_WORDS: usize = 16;
/// Letters of a word that are compared.
const MOST_LETTERS: usize = 32;

/// A name to be compared with many.
#[derive(Debug)]
pub struct Likeness {
    keys: Keys,
    words: Vec<Word>,
    /// Words beyond those that are compared.
    rest: Vec<String>,
    forms: Vec<String>,
}

/// What can be no more than offered: something of it was not compared.
const UNSURE: f64 = 0.9;
/// `Acme AG` is not sure to be `Acme GmbH`.
const OTHER_FORM: f64 = 0.93;

#[derive(Debug, Clone)]
struct Word {
    /// As it is written, and with digraphs where that is another one.
    texts: [Option<Text>; 2],
    weight: f64,
}

#[derive(Debug, Clone)]
struct Text {
    whole: String,
    /// With what a scan takes for each other made one; the first letters.
    seen: Vec<char>,
    is_cut: bool,
}

impl Text {
    fn new(text: String) -> Self {
        let mut seen: Vec<char> = seen(&text).chars().take(MOST_LETTERS + 1).collect();
        let is_cut = seen.len() > MOST_LETTERS;
        seen.truncate(MOST_LETTERS);
        Self { whole: text, seen, is_cut }
    }

    fn digits(&self) -> impl Iterator<Item = char> + '_ {
        self.whole.chars().filter(char::is_ascii_digit)
    }

    fn similarity(&self, other: &Self) -> f64 {
        if self.whole == other.whole {
            return 1.0;
        }
        if self.seen == other.seen {
            return if self.is_cut || other.is_cut { 0.8 } else { 0.97 };
        }
        let (short, long) = if self.seen.len() <= other.seen.len() { (self, other) } else { (other, self) };
        // Another number is another thing; a digit among letters may be a letter that was misread.
        let is_number = |word: &Self| word.whole.chars().all(|c| c.is_ascii_digit());
        if is_number(short) || is_number(long) || has_two_numbers(short, long) {
            return 0.0;
        }
        if short.seen.len() >= SHORT
            && long.seen.starts_with(&short.seen)
            && long.seen.len() >= short.seen.len() + 2
        {
            return 0.8; // shortened
        }
        if short.seen.len() <= SHORT || long.seen.len() > 2 * short.seen.len() {
            return 0.0;
        }
        let edits = edits(&short.seen, &long.seen);
        #[expect(clippy::cast_precision_loss, reason = "at most some dozens")]
        let similarity = 1.0 - edits as f64 / long.seen.len() as f64;
        if similarity < LEAST_OF_WORDS { 0.0 } else { similarity }
    }
}

fn has_two_numbers(one: &Text, other: &Text) -> bool {
    let (mut one, mut other) = (one.digits().peekable(), other.digits().peekable());
    one.peek().is_some() && other.peek().is_some() && !one.eq(other)
}

impl Word {
    fn new(text: String, digraphs: Option<String>) -> Self {
        let weight = match text.chars().count() {
            _ if matches!(
                &*text,
                "and"
                    | "und"
                    | "et"
                    | "en"
                    | "og"
                    | "och"
                    | "a"
                    | "e"
                    | "i"
                    | "y"
                    | "de"
                    | "la"
                    | "the"
                    | "di"
            ) =>
            {
                0.15
            }
            1 => 0.4,
            2 | SHORT if text.is_ascii() => 0.8,
            _ => 1.0,
        };
        let digraphs = digraphs.filter(|other| *other != text);
        Self { texts: [Some(Text::new(text)), digraphs.map(Text::new)], weight }
    }

    fn texts(&self) -> impl Iterator<Item = &Text> {
        self.texts.iter().flatten()
    }

    fn similarity(&self, other: &Self) -> f64 {
        let of = |one: &Text| other.texts().map(|two| one.similarity(two)).fold(0.0, f64::max);
        self.texts().map(of).fold(0.0, f64::max)
    }

    /// This word and the next as one.
    fn with(&self, next: &Self) -> Self {
        let both = |at: usize| {
            let of = |word: &Self| {
                word.texts[at]
                    .as_ref()
                    .or(word.texts[0].as_ref())
                    .map_or_else(String::new, |text| text.whole.clone())
            };
            of(self) + &of(next)
        };
        Self::new(both(0), Some(both(1)))
    }

    fn is_as(&self, other: &Self) -> bool {
        self.texts().any(|one| other.texts().any(|two| one.seen == two.seen))
    }
}

/// Letters that are to be changed, left out, put in, or swapped with their neighbour; of at most [`MOST_LETTERS`].
fn edits(one: &[char], other: &[char]) -> usize {
    let mut rows = [[0; MOST_LETTERS + 1]; 3];
    rows[0] = std::array::from_fn(|at| at);
    for (at, letter) in one.iter().enumerate() {
        let (now, before, two_before) = ((at + 1) % 3, at % 3, (at + 2) % 3);
        rows[now][0] = at + 1;
        for (place, theirs) in other.iter().enumerate() {
            let changed = rows[before][place] + usize::from(letter != theirs);
            let mut least = changed.min(rows[before][place + 1] + 1).min(rows[now][place] + 1);
            if at > 0 && place > 0 && *letter == other[place - 1] && one[at - 1] == *theirs {
                least = least.min(rows[two_before][place - 1] + 1);
            }
            rows[now][place + 1] = least;
        }
    }
    rows[one.len() % 3][other.len()]
}

/// What looks alike is the same.
fn seen(word: &str) -> String {
    let word = word.replace("rn", "m").replace("vv", "w");
    let alike = |c| match c {
        '0' => 'o',
        '1' | 'i' => 'l',
        '5' => 's',
        '8' => 'b',
        c => c,
    };
    if word.chars().all(|c| c.is_ascii_digit()) { word } else { word.chars().map(alike).collect() }
}

impl Likeness {
    pub fn new(text: &str) -> Self {
        let (plain, digraphs) = spellings(text);
        let keys = Keys::of(&plain, digraphs.as_ref());
        let mut digraphs = digraphs
            .filter(|other| other.words.len() == plain.words.len())
            .map(|other| other.words.into_iter());
        let mut words = plain.words;
        let rest = words.split_off(words.len().min(MOST_WORDS));
        let word = |word| Word::new(word, digraphs.as_mut().and_then(Iterator::next));
        Self { keys, words: words.into_iter().map(word).collect(), rest, forms: plain.forms }
    }

    /// From 0 to 1; 1 where they are the same but for what does not count.
    pub fn of(&self, other: &str) -> f64 {
        let other = Self::new(other);
        let is_same = self.keys.is_same(&other.keys) && !self.keys.is_empty();
        let form = match (&self.forms[..], &other.forms[..]) {
            (a, b) if a == b => 1.0,
            ([], _) | (_, []) => 0.99,
            (a, b) if a.iter().all(|form| b.contains(form)) || b.iter().all(|form| a.contains(form)) => 0.98,
            _ => OTHER_FORM,
        };
        let most = if self.rest == other.rest { 0.99 } else { UNSURE };
        if is_same { form } else { form * self.by_words(&other).min(most) }
    }

    fn by_words(&self, other: &Self) -> f64 {
        let (ours, theirs) = (joined(&self.words, &other.words), joined(&other.words, &self.words));
        let mut pairs = Vec::new();
        for (at, one) in ours.iter().enumerate() {
            for (place, two) in theirs.iter().enumerate() {
                let similarity = one.similarity(two);
                if similarity > 0.0 {
                    pairs.push((similarity, at, place));
                }
            }
        }
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        let (mut used, mut taken) = (vec![false; ours.len()], vec![false; theirs.len()]);
        let (mut sum, mut is_ordered) = (0.0, true);
        let mut order: Vec<(usize, usize)> = Vec::new();
        for (similarity, at, place) in pairs {
            if !used[at] && !taken[place] {
                (used[at], taken[place]) = (true, true);
                sum += similarity * ours[at].weight.max(theirs[place].weight);
                is_ordered &= order.iter().all(|(a, b)| (*a < at) == (*b < place));
                order.push((at, place));
            }
        }
        // Of a pair both weigh as the heavier one.
        let paired: f64 = order.iter().map(|(at, place)| ours[*at].weight.max(theirs[*place].weight)).sum();
        let rest = |words: &[Word], used: &[bool]| -> f64 {
            words.iter().zip(used).filter(|(_, used)| !**used).map(|(word, _)| word.weight).sum()
        };
        let all = paired + rest(&ours, &used).max(rest(&theirs, &taken));
        if all <= 0.0 {
            return 0.0;
        }
        sum / all * if is_ordered { 1.0 } else { 0.98 }
    }
}

/// Two words that the other name writes as one become one.
fn joined(words: &[Word], others: &[Word]) -> Vec<Word> {
    let mut all: Vec<Word> = Vec::with_capacity(words.len());
    let mut rest = words.iter().peekable();
    while let Some(word) = rest.next() {
        let both = rest.peek().map(|next| word.with(next));
        if let Some(both) = both.filter(|both| others.iter().any(|other| other.is_as(both))) {
            rest.next();
            all.push(both);
        } else {
            all.push(word.clone());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_those_of_optimal_string_alignment() {
        let words = [
            "",
            "a",
            "ab",
            "ba",
            "kitten",
            "sitting",
            "stavby",
            "tsavby",
            "stvaby",
            "abcabcabc",
            "cbacba",
            "müller",
            "mueller",
        ];
        for one in words {
            for other in words {
                let of = |text: &str| text.chars().collect::<Vec<char>>();
                assert_eq!(
                    edits(&of(one), &of(other)),
                    strsim::osa_distance(one, other),
                    "{one} and {other}"
                );
            }
        }
        let long = vec!['x'; MOST_LETTERS];
        assert_eq!(edits(&long, &['y'; MOST_LETTERS]), MOST_LETTERS);
    }
}
