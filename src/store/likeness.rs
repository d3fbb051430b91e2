//! How likely two names are the same one: word by word, by the edits between them. It ranks what the index finds.

use super::normal::{Keys, spellings};
use super::spelled::{Pairing, SHORT, Spelled};

/// Words of a name that are compared.
const MOST_WORDS: usize = 16;

/// A name to be compared with many.
#[derive(Debug)]
pub struct Likeness {
    /// As it is written, but for case and blanks.
    text: String,
    keys: Keys,
    words: Vec<Word>,
    /// Words beyond those that are compared.
    rest: Vec<String>,
    forms: Vec<String>,
}

/// How alike two names are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alike {
    /// From 0 to 1; 1 where they are the same but for what does not count.
    pub score: f64,
    /// The same, without the bound of what is doubtful: it orders those of one score.
    pub(super) looks: f64,
    pub exactness: Exactness,
}

/// What is the same in two names. One that is exact leads over all that are less so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exactness {
    /// They are similar, no more.
    Similar,
    /// The same name, made comparable; one has a legal form that the other lacks.
    Name,
    /// The same name with the same legal form.
    Whole,
    /// The same text, but for case and blanks.
    Text,
}

/// What can be no more than offered: something of it was not compared.
const UNSURE: f64 = 0.9;
/// What may be another word is not sure: `Modem Office` is not `Modern Office`.
const DOUBTFUL: f64 = 0.93;
/// `Acme AG` is not sure to be `Acme GmbH`.
const OTHER_FORM: f64 = 0.93;

#[derive(Debug, Clone)]
struct Word {
    /// As it is written, and with digraphs where that is another one.
    texts: [Option<Spelled>; 2],
    weight: f64,
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
        Self { texts: [Some(Spelled::new(text)), digraphs.map(Spelled::new)], weight }
    }

    fn texts(&self) -> impl Iterator<Item = &Spelled> {
        self.texts.iter().flatten()
    }

    fn paired(&self, other: &Self) -> Pairing {
        let of = |one: &Spelled| other.texts().map(|two| one.paired(two)).fold(Pairing::NONE, Pairing::or);
        self.texts().map(of).fold(Pairing::NONE, Pairing::or)
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
        self.texts().any(|one| other.texts().any(|two| one.looks_like(two)))
    }
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
        let words = words.into_iter().map(word).collect();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        Self { text, keys, words, rest, forms: plain.forms }
    }

    pub fn of(&self, other: &str) -> Alike {
        let other = Self::new(other);
        let is_same = self.keys.is_same(&other.keys) && !self.keys.is_empty();
        let (form, exactness) = match (&self.forms[..], &other.forms[..]) {
            _ if self.text == other.text => (1.0, Exactness::Text),
            (a, b) if a == b => (1.0, Exactness::Whole),
            ([], _) | (_, []) => (0.99, Exactness::Name),
            (a, b) if a.iter().all(|form| b.contains(form)) || b.iter().all(|form| a.contains(form)) => {
                (0.98, Exactness::Name)
            }
            _ => (OTHER_FORM, Exactness::Similar),
        };
        if is_same {
            return Alike { score: form, looks: form, exactness };
        }
        let words = self.by_words(&other);
        let most = if self.rest == other.rest { 0.99 } else { UNSURE };
        let looks = form * words.similarity.min(most);
        let score = if words.is_doubtful { looks.min(DOUBTFUL) } else { looks };
        Alike { score, looks, exactness: Exactness::Similar }
    }

    fn by_words(&self, other: &Self) -> Pairing {
        let (ours, theirs) = (joined(&self.words, &other.words), joined(&other.words, &self.words));
        let mut pairs = Vec::new();
        for (at, one) in ours.iter().enumerate() {
            for (place, two) in theirs.iter().enumerate() {
                let pairing = one.paired(two);
                if pairing.similarity > 0.0 {
                    pairs.push((pairing, at, place));
                }
            }
        }
        pairs.sort_by(|a, b| b.0.similarity.total_cmp(&a.0.similarity).then((a.1, a.2).cmp(&(b.1, b.2))));
        let (mut used, mut taken) = (vec![false; ours.len()], vec![false; theirs.len()]);
        let (mut sum, mut is_ordered, mut is_doubtful) = (0.0, true, false);
        let mut order: Vec<(usize, usize)> = Vec::new();
        for (pairing, at, place) in pairs {
            if !used[at] && !taken[place] {
                (used[at], taken[place]) = (true, true);
                sum += pairing.similarity * ours[at].weight.max(theirs[place].weight);
                is_doubtful |= pairing.is_doubtful;
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
            return Pairing::NONE;
        }
        Pairing { similarity: sum / all * if is_ordered { 1.0 } else { 0.98 }, is_doubtful }
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
