//! How alike two words are: by the letters that must be changed, and by what a scan takes for each other.

/// Words that are less similar are two words.
const LEAST_OF_WORDS: f64 = 0.6;
/// Words of so few letters are the same, or not.
pub(super) const SHORT: usize = 3;
/// Letters of a word that are compared.
const MOST_LETTERS: usize = 32;
/// A digit among so many letters, or more, is a letter that was misread.
const LETTERS_AROUND: usize = 4;

/// Of words with so many letters, or fewer, there are many that differ in one letter: `Meier` and `Maier`.
const HAS_TWINS: usize = 5;

/// How alike two words are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pairing {
    /// From 0 to 1.
    pub(super) similarity: f64,
    /// Each may be a word of its own, which looks like the other: `Modem` and `Modern`.
    pub(super) is_doubtful: bool,
}

impl Pairing {
    pub(super) const NONE: Self = Self::sure(0.0);

    const fn sure(similarity: f64) -> Self {
        Self { similarity, is_doubtful: false }
    }

    const fn doubtful(similarity: f64) -> Self {
        Self { similarity, is_doubtful: true }
    }

    /// The more similar one; of equals the one without doubt.
    pub(super) fn or(self, other: Self) -> Self {
        let order = self.similarity.total_cmp(&other.similarity);
        if order.is_gt() || order.is_eq() && !self.is_doubtful { self } else { other }
    }
}

/// A word in one spelling.
#[derive(Debug, Clone)]
pub(super) struct Spelled {
    pub(super) whole: String,
    /// With what a scan takes for each other made one; the first letters.
    seen: Vec<char>,
    is_cut: bool,
}

impl Spelled {
    pub(super) fn new(text: String) -> Self {
        let mut seen: Vec<char> = seen(&text).chars().take(MOST_LETTERS + 1).collect();
        let is_cut = seen.len() > MOST_LETTERS;
        seen.truncate(MOST_LETTERS);
        Self { whole: text, seen, is_cut }
    }

    pub(super) fn looks_like(&self, other: &Self) -> bool {
        self.seen == other.seen
    }

    fn digits(&self) -> impl Iterator<Item = char> + '_ {
        self.whole.chars().filter(char::is_ascii_digit)
    }

    pub(super) fn paired(&self, other: &Self) -> Pairing {
        if self.whole == other.whole {
            return Pairing::sure(1.0);
        }
        if self.seen == other.seen {
            return match () {
                () if self.is_cut || other.is_cut => Pairing::doubtful(0.8),
                () if is_misread(&self.whole, &other.whole) || is_misread(&other.whole, &self.whole) => {
                    Pairing::sure(0.97)
                }
                () => Pairing::doubtful(0.97),
            };
        }
        let (short, long) = if self.seen.len() <= other.seen.len() { (self, other) } else { (other, self) };
        // Another number is another thing; a digit among letters may be a letter that was misread, and the other way round.
        if is_number(&short.whole) || is_number(&long.whole) {
            let is_same = as_number(&short.whole).is_some_and(|one| as_number(&long.whole) == Some(one));
            return if is_same { Pairing::doubtful(0.9) } else { Pairing::NONE };
        }
        if has_two_numbers(short, long) {
            return Pairing::NONE;
        }
        if short.seen.len() >= SHORT
            && long.seen.starts_with(&short.seen)
            && long.seen.len() >= short.seen.len() + 2
        {
            return Pairing::sure(0.8); // shortened
        }
        if short.seen.len() <= SHORT || long.seen.len() > 2 * short.seen.len() {
            return Pairing::NONE;
        }
        let edits = edits(&short.seen, &long.seen);
        #[expect(clippy::cast_precision_loss, reason = "at most some dozens")]
        let similarity = 1.0 - edits as f64 / long.seen.len() as f64;
        match () {
            () if similarity < LEAST_OF_WORDS => Pairing::NONE,
            () if edits == 1 && long.seen.len() <= HAS_TWINS && is_twin(&short.seen, &long.seen) => {
                Pairing::doubtful(similarity)
            }
            () => Pairing::sure(similarity),
        }
    }
}

/// Whether one letter is another one, or one more stands at the end. Other mistakes of one letter seldom make a word.
fn is_twin(short: &[char], long: &[char]) -> bool {
    short.len() == long.len() || long.starts_with(short)
}

fn is_number(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_digit())
}

/// `2O00` is 2000; what has no digit at all is a word.
fn as_number(word: &str) -> Option<String> {
    if !word.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let digit = |c| match c {
        'o' => Some('0'),
        'l' | 'i' => Some('1'),
        's' => Some('5'),
        'b' => Some('8'),
        c => Some(c).filter(char::is_ascii_digit),
    };
    word.chars().map(digit).collect()
}

fn has_two_numbers(one: &Spelled, other: &Spelled) -> bool {
    let (mut one, mut other) = (one.digits().peekable(), other.digits().peekable());
    one.peek().is_some() && other.peek().is_some() && !one.eq(other)
}

/// Whether a word has digits that can only be letters of the other one: `packag1ng` is no word but `packaging`. A digit at the
/// end, as in `Studio1`, or in a short word, as in `A1`, may be meant.
fn is_misread(scanned: &str, word: &str) -> bool {
    let digits = scanned.chars().filter(char::is_ascii_digit).count();
    let all = scanned.chars().count();
    let is_alike = |(one, two): (char, char)| one == two || one.is_ascii_digit() && alike(one) == alike(two);
    all - digits >= LETTERS_AROUND.max(2 * digits)
        && !scanned.ends_with(|c: char| c.is_ascii_digit())
        && !word.contains(|c: char| c.is_ascii_digit())
        && all == word.chars().count()
        && scanned.chars().zip(word.chars()).all(is_alike)
}

/// What looks alike is the same.
fn seen(word: &str) -> String {
    if is_number(word) {
        return word.to_owned();
    }
    word.replace("rn", "m").replace("vv", "w").chars().map(alike).collect()
}

fn alike(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | 'i' => 'l',
        '5' => 's',
        '8' => 'b',
        c => c,
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
