//! What the number format of a workbook's cell makes of its number, as far as it changes what the number says: leading
//! zeros, and whether a moment is a time of day.

/// How a number is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shown {
    /// As it is: separators of thousands, colours, units and rounding say nothing else.
    Plain,
    /// Digits with zeros before them, and signs between them: `00000`, `000\ 00`, `"KD-"00000`.
    Digits(Vec<Piece>),
    /// It has leading zeros in a way that is not reproduced.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    Digit,
    Sign(char),
}

/// A part of a format (ECMA-376, 18.8.31).
enum Token {
    Literal(char),
    Code(char),
    /// A condition, which decides between sections.
    Condition,
    Elapsed,
}

/// The parts of the first section, which is that of numbers from zero.
fn tokens(format: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut signs = format.chars();
    while let Some(sign) = signs.next() {
        match sign {
            ';' => break,
            '"' => tokens.extend(signs.by_ref().take_while(|sign| *sign != '"').map(Token::Literal)),
            '\\' => tokens.extend(signs.next().map(Token::Literal)),
            '_' | '*' => drop(signs.next()),
            '[' => {
                let inside: String = signs.by_ref().take_while(|sign| *sign != ']').collect();
                let begins = |with: &[char]| inside.starts_with(with);
                if begins(&['<', '>', '=']) {
                    tokens.push(Token::Condition);
                } else if !inside.is_empty()
                    && inside.chars().all(|c| matches!(c, 'h' | 'm' | 's' | 'H' | 'M' | 'S'))
                {
                    tokens.push(Token::Elapsed);
                } else if let Some(currency) = inside.strip_prefix('$') {
                    let text = currency.split('-').next().unwrap_or_default();
                    tokens.extend(text.chars().map(Token::Literal));
                }
            }
            other => tokens.push(Token::Code(other)),
        }
    }
    tokens
}

impl Shown {
    pub(super) fn of(format: &str) -> Self {
        if format == "General" || format == "@" {
            return Self::Plain;
        }
        let tokens = tokens(format);
        let mut pieces = Vec::new();
        let (mut zeros, mut is_fraction, mut is_simple) = (0, false, true);
        for token in &tokens {
            match token {
                Token::Code('0') => {
                    zeros += usize::from(!is_fraction);
                    pieces.push(Piece::Digit);
                }
                Token::Code('.' | 'E' | 'e' | '/') => (is_fraction, is_simple) = (true, false),
                Token::Code('#' | '?' | ',' | '%') | Token::Condition | Token::Elapsed => is_simple = false,
                Token::Code(sign) | Token::Literal(sign) => pieces.push(Piece::Sign(*sign)),
            }
        }
        match (zeros, is_simple) {
            (0 | 1, _) => Self::Plain,
            (_, true) => Self::Digits(pieces),
            (_, false) => Self::Unknown,
        }
    }

    /// A whole number by its digits; `None` where it is none.
    pub(super) fn digits(pieces: &[Piece], number: f64) -> Option<String> {
        if number.fract() != 0.0 || number.abs() >= 1e15 {
            return None;
        }
        let all = format!("{:.0}", number.abs());
        let places = pieces.iter().filter(|piece| **piece == Piece::Digit).count();
        let all = format!("{all:0>places$}");
        let (surplus, rest) = all.split_at(all.len() - places);
        let (mut rest, mut text) = (rest.chars(), String::new());
        let mut is_first = true;
        for piece in pieces {
            match piece {
                Piece::Sign(sign) => text.push(*sign),
                Piece::Digit => {
                    if std::mem::take(&mut is_first) {
                        text.push_str(surplus);
                    }
                    text.extend(rest.next());
                }
            }
        }
        Some(if number < 0.0 { format!("-{text}") } else { text })
    }
}

/// Whether a format of moments shows the time of day alone.
pub(super) fn is_time(format: &str) -> bool {
    let codes: Vec<char> = tokens(format)
        .into_iter()
        .filter_map(|token| match token {
            Token::Code(sign) => Some(sign.to_ascii_lowercase()),
            _ => None,
        })
        .collect();
    let has = |signs: &[char]| codes.iter().any(|code| signs.contains(code));
    has(&['h', 's']) && !has(&['y', 'd'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_zeros_are_shown_as_the_format_says() {
        for (format, number, shown) in [
            ("00000", 123.0, "00123"),
            ("00000", 1_234_567.0, "1234567"),
            ("000\\ 00", 11_000.0, "110 00"),
            ("\"KD-\"00000", 7.0, "KD-00007"),
            ("000-000-000", 123.0, "000-000-123"),
            ("00000;[Red]-00000", -12.0, "-00012"),
            ("[$-407]00000", 5.0, "00005"),
        ] {
            let Shown::Digits(pieces) = Shown::of(format) else {
                panic!("{format}: {:?}", Shown::of(format))
            };
            assert_eq!(Shown::digits(&pieces, number).as_deref(), Some(shown), "{format}");
        }
        for format in
            ["General", "@", "0", "0.00", "#,##0.00", "0%", "0.00E+00", "#,##0 \"00\"", "0\\0\\0", "# ?/?"]
        {
            assert_eq!(Shown::of(format), Shown::Plain, "{format}");
        }
        for format in ["0000.00", "00000#", "[<100]000;00000"] {
            assert_eq!(Shown::of(format), Shown::Unknown, "{format}");
        }
        let Shown::Digits(pieces) = Shown::of("00000") else { panic!() };
        assert_eq!(Shown::digits(&pieces, 12.5), None);
    }

    #[test]
    fn a_time_of_day_has_hours_and_no_date() {
        for format in ["h:mm", "hh:mm:ss", "[$-409]h:mm AM/PM", "mm:ss", "h \"days\" mm"] {
            assert!(is_time(format), "{format}");
        }
        for format in ["yyyy-mm-dd", "d.m.yyyy h:mm", "mm\\-dd", "mmm", "0.00", "[h]:mm d"] {
            assert!(!is_time(format), "{format}");
        }
    }
}
