//! How much work a pattern is, told from its text: a search cannot be interrupted, so it is counted before it begins.

/// What a pattern is made of, with repetitions written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Shape {
    /// Places that a search may be in at once, for each character of the text.
    pub(super) states: u64,
    /// About a hundred bytes of a compiled pattern each.
    pub(super) size: u64,
    /// Whether it has look-around, back-references or the like, which search by stepping back.
    pub(super) steps_back: bool,
    /// Whether such a part is repeated: then each character of the text may cost a look at all others.
    pub(super) repeats_that: bool,
}

/// The size of a class of Unicode, such as `\w`.
const UNICODE_CLASS: u64 = 150;

impl Shape {
    fn atom(states: u64, size: u64) -> Self {
        Self { states, size, ..Self::default() }
    }

    fn and(self, other: Self) -> Self {
        Self {
            states: self.states.saturating_add(other.states),
            size: self.size.saturating_add(other.size),
            steps_back: self.steps_back | other.steps_back,
            repeats_that: self.repeats_that | other.repeats_that,
        }
    }

    fn times(self, count: u64) -> Self {
        Self {
            states: self.states.saturating_mul(count.max(1)),
            size: self.size.saturating_mul(count.max(1)),
            steps_back: self.steps_back,
            repeats_that: self.repeats_that || self.steps_back && count > 1,
        }
    }

    /// Of a pattern in the library's syntax.
    pub(super) fn of(pattern: &str) -> Self {
        Reader { rest: pattern }.alternatives()
    }
}

struct Reader<'p> {
    rest: &'p str,
}

impl Reader<'_> {
    /// All of it; groups that are open wait in a list, since they may be many.
    fn alternatives(mut self) -> Shape {
        // What is done of each group that is open, and the last part, to which a repetition belongs.
        let mut open: Vec<(Shape, Shape)> = Vec::new();
        let (mut done, mut last) = (Shape::default(), Shape::default());
        let mut was_repeated = false;
        while let Some(c) = self.next() {
            let mut repeated = false;
            match c {
                '(' => {
                    if let Some(first) = self.group() {
                        open.push((done.and(last), first));
                        (done, last) = (Shape::default(), Shape::default());
                    }
                }
                ')' => {
                    let inner = done.and(last);
                    let (before, first) = open.pop().unwrap_or_default();
                    (done, last) = (before, inner.and(first));
                }
                '*' | '+' | '?' | '{' => {
                    let count = match c {
                        '{' => self.count(),
                        '?' => 1,
                        _ => 2,
                    };
                    // `a++` steps over what `a+` took.
                    last.steps_back |= was_repeated && c == '+';
                    if !was_repeated {
                        // A repetition without end is one round trip more, not one state more.
                        let written = if c == '{' { last.times(count) } else { last.and(Shape::atom(1, 1)) };
                        let repeats_that = written.repeats_that || written.steps_back && count > 1;
                        last = Shape { repeats_that, ..written };
                    }
                    repeated = true;
                }
                _ => {
                    done = done.and(last);
                    last = match c {
                        '\\' => self.escape(),
                        '[' => self.class(),
                        '.' => Shape::atom(2, 20),
                        c => Shape::atom(1, c.len_utf8() as u64),
                    };
                }
            }
            was_repeated = repeated;
        }
        open.into_iter().fold(done.and(last), |all, (before, first)| all.and(before).and(first))
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn skip_behind(&mut self, end: char) {
        self.rest = self.rest.split_once(end).map_or("", |(_, rest)| rest);
    }

    /// Behind `(`; none where it only sets flags.
    fn group(&mut self) -> Option<Shape> {
        let plain = Shape::atom(2, 2);
        let stepping = Shape { steps_back: true, ..plain };
        let Some(kind) = self.rest.strip_prefix('?') else { return Some(plain) };
        if kind.starts_with("P=") {
            return Some(stepping);
        }
        for (start, shape) in [
            ("<=", stepping),
            ("<!", stepping),
            ("=", stepping),
            ("!", stepping),
            (">", stepping),
            ("(", stepping),
            ("P<", plain),
            ("<", plain),
        ] {
            if let Some(rest) = kind.strip_prefix(start) {
                self.rest = rest;
                if start.ends_with('<') {
                    self.skip_behind('>');
                }
                return Some(shape);
            }
        }
        let end = kind.find([':', ')']).unwrap_or(kind.len());
        self.rest = kind.get(end + 1..).unwrap_or_default();
        kind[end..].starts_with(':').then_some(plain)
    }

    /// Behind `{`: how often at most.
    fn count(&mut self) -> u64 {
        let inner = self.rest.split_once('}').map_or(self.rest, |(inner, _)| inner);
        let (low, high) = inner.split_once(',').unwrap_or((inner, inner));
        let number = |text: &str| text.trim().parse::<u64>();
        let count =
            number(high).or_else(|_| number(low).map(|low| low.saturating_add(1))).unwrap_or(u64::MAX);
        self.skip_behind('}');
        count
    }

    fn escape(&mut self) -> Shape {
        match self.next() {
            Some('d' | 'w' | 's' | 'D' | 'W' | 'S') => Shape::atom(2, UNICODE_CLASS),
            Some('1'..='9' | 'k' | 'g') => Shape { steps_back: true, ..Shape::atom(1, 1) },
            Some('x' | 'u') if self.rest.starts_with('{') => {
                self.skip_behind('}');
                Shape::atom(1, 4)
            }
            _ => Shape::atom(1, 4),
        }
    }

    fn class(&mut self) -> Shape {
        let mut size = if self.rest.starts_with('^') { 50 } else { 10 };
        self.rest = self.rest.strip_prefix('^').unwrap_or(self.rest);
        self.rest = self.rest.strip_prefix(']').unwrap_or(self.rest);
        while let Some(c) = self.next() {
            match c {
                ']' => break,
                '\\' => size += self.escape().size,
                _ => size += 1,
            }
        }
        Shape::atom(2, size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_are_written_out() {
        let states = |pattern: &str| Shape::of(pattern).states;
        assert!(
            (6_000..20_000).contains(&states("(?:a?){3000}a{3000}")),
            "{}",
            states("(?:a?){3000}a{3000}")
        );
        assert!(states("((a{100}){100}){100}") > 1_000_000);
        assert!(states(r"^\s*(?P<number>[A-Z]{2}\d+)[-/]?(\w+)$") < 40);
        assert!(Shape::of(r"\w{200}").size > 20_000);
        assert_eq!(states(r"[)(*{]"), 2);
        assert!(states("a{9999999999999999999999}{2}") > 1 << 40);
    }

    #[test]
    fn what_steps_back_is_known() {
        for pattern in
            [r"(?<=a)b", r"(a)\1", r"(?:x(?!y))", r"(?>a)", r"a++b", r"(?P<n>a)(?P=n)", r"a(?=\n?\z)"]
        {
            assert!(Shape::of(pattern).steps_back, "{pattern}");
        }
        for pattern in [r"(?i)a+b", r"[(?=]", r"\(\?=", r"(?:a|b)*?", r"a+?", r"(?P<name>x)", r"\x{3d}"] {
            assert!(!Shape::of(pattern).steps_back, "{pattern}");
        }
        assert!(Shape::of(r"(?:a(?=.*b))*c").repeats_that);
        assert!(Shape::of(r"(?:a(?=.*b)){2,}c").repeats_that);
        assert!(!Shape::of(r"(?<!\d)\d+(?!\d)").repeats_that);
    }
}
