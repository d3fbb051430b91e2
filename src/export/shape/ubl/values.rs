//! Amounts, numbers, rates and dates as documents write them. What a person reads in one way only is read so; anything
//! else is an error that says what would be right.

use jiff::civil::Date;
use rust_decimal::{Decimal, RoundingStrategy};

use super::codes::Currency;

/// Larger numbers are no amount of an invoice, and their products would not fit.
const LARGEST: i64 = 1_000_000_000_000;
/// Digits behind the point that are kept.
const FINEST: u32 = 10;
/// Bytes of a number as it is written.
const LONGEST: usize = 60;

pub(super) fn is_plausible(amount: Decimal) -> bool {
    amount.abs() <= Decimal::from(LARGEST)
}

pub(super) fn rounded(value: Decimal, digits: u32) -> Decimal {
    let mut value = value.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero);
    value.rescale(digits);
    if value.is_zero() {
        value.set_sign_positive(true);
    }
    value
}

/// What a text that consists of digits and marks is.
enum Read {
    Number(Decimal),
    /// One mark with three digits behind it: groups, or decimals.
    Either(char, String, String),
    None,
}

fn is_blank_mark(c: char) -> bool {
    matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}' | '\'' | '’')
}

/// `1234.5`, `1 234,50`, `1.234,50`, `1,234.50`, `-5`, `5-`, `100,-`, `1E+2`.
fn read(text: &str) -> Read {
    if text.len() > LONGEST {
        return Read::None;
    }
    if text.contains(['e', 'E']) {
        let fits = text.chars().all(|c| c.is_ascii_digit() || ".eE+-".contains(c));
        let number = Decimal::from_scientific(text).ok().filter(|_| fits);
        return number.filter(|number| number.scale() <= FINEST).map_or(Read::None, bounded);
    }
    let text = text.trim();
    // `100,-` is a hundred.
    let text = [",-", ",–", ",—", ".-", ".–"].iter().find_map(|end| text.strip_suffix(end)).unwrap_or(text);
    let is_minus = |c: char| matches!(c, '-' | '−' | '–');
    let (is_negative, text) = match (text.strip_prefix(is_minus), text.strip_suffix(is_minus)) {
        (Some(rest), _) | (None, Some(rest)) => (true, rest),
        _ => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let text = text.trim();
    if text.chars().any(|c| !c.is_ascii_digit() && c != '.' && c != ',' && !is_blank_mark(c)) {
        return Read::None;
    }
    let [points, commas] = ['.', ','].map(|mark| text.matches(mark).count());
    let last = text.rfind(['.', ',']);
    // The mark of decimals is single and last.
    let is_decimal = points + commas == 1 || (points > 0 && commas > 0);
    let (whole, rest) = match last.filter(|_| is_decimal) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, ""),
    };
    let mark = last.filter(|_| is_decimal).and_then(|at| text[at..].chars().next());
    if mark.is_some_and(|mark| whole.contains(mark)) || rest.contains(|c: char| !c.is_ascii_digit()) {
        return Read::None;
    }
    let Some(digits) = ungrouped(whole).filter(|digits| !digits.is_empty() || !rest.is_empty()) else {
        return Read::None;
    };
    let sign = if is_negative { "-" } else { "" };
    let decimals = || format!("{sign}{}.{rest}", if digits.is_empty() { "0" } else { &digits });
    if let Some(mark) = mark
        && whole.len() == digits.len()
        && rest.len() == 3
        && (1..=3).contains(&digits.len())
        && !digits.starts_with('0')
    {
        return Read::Either(mark, format!("{sign}{digits}{rest}"), decimals());
    }
    let number = if rest.is_empty() { format!("{sign}{digits}") } else { decimals() };
    Decimal::from_str_exact(&number).map_or(Read::None, bounded)
}

fn bounded(number: Decimal) -> Read {
    let number = number.normalize();
    if !is_plausible(number) || number.scale() > FINEST {
        return Read::None;
    }
    Read::Number(number)
}

/// The digits of a whole number, whose groups of three have one mark between them.
fn ungrouped(text: &str) -> Option<String> {
    let mut marks = text.chars().filter(|c| !c.is_ascii_digit());
    let Some(mark) = marks.next() else { return Some(text.to_owned()) };
    let same = marks.all(|other| other == mark);
    let groups: Vec<&str> = text.split(mark).collect();
    let fits = groups
        .iter()
        .enumerate()
        .all(|(at, group)| if at == 0 { (1..=3).contains(&group.len()) } else { group.len() == 3 });
    (same && fits).then(|| groups.concat())
}

/// A quantity, price or other number. A point alone is the mark of decimals, as in Rossum's normalized values.
pub(super) fn number(text: &str) -> Result<Decimal, String> {
    match read(text) {
        Read::Number(number) => Ok(number),
        Read::Either('.', _, decimals) => decimals.parse().map_err(|_| no_number()),
        Read::Either(_, groups, decimals) => Err(either(&groups, &decimals)),
        Read::None => Err(no_number()),
    }
}

fn no_number() -> String {
    "this is not a number: write it as 1234.5".to_owned()
}

fn either(groups: &str, decimals: &str) -> String {
    format!("this can be {groups} or {decimals}: write it with two decimals, or without marks")
}

/// An amount of money: with its currency beside it or not.
pub(super) fn amount(text: &str, currency: &Currency) -> Result<Decimal, String> {
    let is_beside = |c: char| !c.is_ascii_digit() && !"+-−–.,' \u{a0}\u{202f}".contains(c);
    let front: &str = text.split_once(|c: char| !is_beside(c)).map_or(text, |(front, _)| front);
    let back: &str = text.rsplit_once(|c: char| !is_beside(c)).map_or("", |(_, back)| back);
    let (front, back) = (front.trim(), back.trim());
    let mut bare = text;
    for (beside, is_front) in [(front, true), (back, false)] {
        if beside.is_empty() || beside == text {
            continue;
        }
        if !currency.is_written(beside) {
            if currency.code.is_empty() || Currency::read(beside).is_err() {
                return Err("this is not an amount: write it as 1234.50".to_owned());
            }
            return Err(format!("this is another currency than {}", currency.code));
        }
        let rest = if is_front { bare.strip_prefix(beside) } else { bare.strip_suffix(beside) };
        bare = rest.unwrap_or(bare).trim();
    }
    match read(bare) {
        Read::Number(number) => Ok(number),
        Read::Either('.', _, decimals) if currency.digits > 2 => decimals.parse().map_err(|_| no_number()),
        Read::Either(_, groups, decimals) => Err(either(&groups, &decimals)),
        Read::None => Err("this is not an amount: write it as 1234.50".to_owned()),
    }
}

/// Percent of tax: `21`, `21 %`, `21,00`. `0.21` may be a fifth of a percent or 21 %, and is refused.
pub(super) fn rate(text: &str) -> Result<Decimal, String> {
    let bare = text.strip_suffix('%').map(str::trim_end);
    let rate = match read(bare.unwrap_or(text)) {
        Read::Number(rate) => rate,
        Read::Either(_, _, decimals) => decimals.parse().map_err(|_| no_rate())?,
        Read::None => return Err(no_rate()),
    };
    if rate < Decimal::ZERO || rate > Decimal::ONE_HUNDRED || rate.scale() > 4 {
        return Err(no_rate());
    }
    if rate > Decimal::ZERO && rate < Decimal::ONE && bare.is_none() {
        let percent = (rate * Decimal::ONE_HUNDRED).normalize();
        return Err(format!("this can be {percent} % or {rate} %: write `{percent}`, or `{rate} %`"));
    }
    Ok(rate.normalize())
}

fn no_rate() -> String {
    "this is not a tax rate: write the percentage, such as 21".to_owned()
}

/// A day: `2026-11-05`, `20261105`, `2026/11/05`, `5.11.2026`; `31/12/2026`, where the other order gives no day.
pub(super) fn date(text: &str) -> Result<Date, String> {
    let wrong = || "this is not a date: write it as 2026-11-05".to_owned();
    // A time stamp's day.
    let day = text.split_once(['T', ' ']).filter(|(day, _)| day.len() == 10 && day.contains('-'));
    let text = match day {
        Some((day, time)) if time.starts_with(|c: char| c.is_ascii_digit()) => day,
        _ => text,
    };
    if text.len() > 20 {
        return Err(wrong());
    }
    let parts: Vec<&str> = text.split(['-', '/', '.']).map(str::trim).collect();
    let mut marks = text.chars().filter(|c| "-/.".contains(*c));
    let mark = marks.next();
    let digits = |part: &str, most: usize| {
        let fits = !part.is_empty() && part.len() <= most && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<i16>().ok().filter(|_| fits)
    };
    let day = |year: &str, month: &str, day: &str| {
        let year = digits(year, 4).filter(|year| (1900..=2999).contains(year))?;
        let [month, day] = [month, day].map(|part| digits(part, 2).and_then(|part| i8::try_from(part).ok()));
        Date::new(year, month?, day?).ok()
    };
    if let [whole] = parts[..] {
        let is_basic = whole.len() == 8 && whole.bytes().all(|byte| byte.is_ascii_digit());
        let found = if is_basic { day(&whole[..4], &whole[4..6], &whole[6..]) } else { None };
        return found.ok_or_else(wrong);
    }
    let [first, second, third] = parts[..] else { return Err(wrong()) };
    if marks.any(|other| Some(other) != mark) {
        return Err(wrong());
    }
    if first.len() == 4 {
        return day(first, second, third).ok_or_else(wrong);
    }
    let by_day = day(third, second, first);
    // With points the day is always first.
    let by_month = if mark == Some('.') { None } else { day(third, first, second) };
    match (by_day, by_month) {
        (Some(one), Some(other)) if one != other => {
            Err(format!("this can be {one} or {other}: write it as 2026-11-05"))
        }
        (one, other) => one.or(other).ok_or_else(wrong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown<T: std::fmt::Display>(read: Result<T, String>) -> String {
        read.map_or_else(|error| format!("! {error}"), |value| value.to_string())
    }

    #[test]
    fn amounts_are_read_where_there_is_one_way_to_read_them() {
        let euro = Currency::read("EUR").unwrap();
        let read = |text: &str| shown(amount(text, &euro));
        for (text, value) in [
            ("1234.50", "1234.5"),
            ("1 234,50", "1234.5"),
            ("1\u{a0}234,5", "1234.5"),
            ("1.234,50", "1234.5"),
            ("1,234.50", "1234.5"),
            ("1'234.50", "1234.5"),
            ("1.234.567", "1234567"),
            ("1,234,567.891", "1234567.891"),
            ("12345.678", "12345.678"),
            ("0.500", "0.5"),
            ("-5", "-5"),
            ("−5,5", "-5.5"),
            ("5-", "-5"),
            ("100,-", "100"),
            (",5", "0.5"),
            ("€ 1.234,50", "1234.5"),
            ("1 234,50 EUR", "1234.5"),
            ("12.5E+1", "125"),
            ("007", "7"),
        ] {
            assert_eq!(read(text), value, "{text}");
        }
        for none in [
            "1.234",
            "1,234",
            "-1,234",
            "",
            "-",
            ".",
            "1.2.3",
            "1,23,456.00",
            "1 23",
            "12 345 6",
            "1.234,567.8",
            "abc",
            "10 USD",
            "1e400",
            "--5",
            "5 5,5 5",
            "(5)",
            "1234567890123456",
            "0x10",
            "١٢",
            "NaN",
            "1_000",
            "EUR",
            "99999999999999999999999999999999",
        ] {
            assert!(read(none).starts_with("! "), "{none}: {}", read(none));
        }
        assert!(read("1.234").contains("1234 or 1.234"), "{}", read("1.234"));
        assert!(read("10 USD").contains("another currency than EUR"));
        let dinar = Currency::read("TND").unwrap();
        assert_eq!(shown(amount("1.234", &dinar)), "1.234");
        assert_eq!(shown(number("1.234")), "1.234", "a quantity");
        assert!(number("1,234").is_err());
    }

    #[test]
    fn rates_are_percentages() {
        let read = |text: &str| shown(rate(text));
        for (text, value) in [
            ("21", "21"),
            ("21 %", "21"),
            ("21%", "21"),
            ("21,00", "21"),
            ("21.0 %", "21"),
            ("0", "0"),
            ("0,5 %", "0.5"),
            ("5.500", "5.5"),
        ] {
            assert_eq!(read(text), value, "{text}");
        }
        for none in ["0.21", ",21", "210", "-21", "21 % VAT", "exempt", "%", "", "1/5"] {
            assert!(read(none).starts_with("! "), "{none}: {}", read(none));
        }
        assert!(read("0.21").contains("21 % or 0.21 %"));
    }

    #[test]
    fn dates_are_read_where_there_is_one_way_to_read_them() {
        let read = |text: &str| shown(date(text));
        for (text, value) in [
            ("2026-11-05", "2026-11-05"),
            ("2026-11-05T10:00:00Z", "2026-11-05"),
            ("20261105", "2026-11-05"),
            ("2026/11/5", "2026-11-05"),
            ("5.11.2026", "2026-11-05"),
            ("5. 11. 2026", "2026-11-05"),
            ("31/12/2026", "2026-12-31"),
            ("12/31/2026", "2026-12-31"),
            ("5/5/2026", "2026-05-05"),
        ] {
            assert_eq!(read(text), value, "{text}");
        }
        for none in [
            "",
            "5/11/2026",
            "05-11-2026",
            "5.11.26",
            "2026-13-01",
            "31.2.2026",
            "0026-11-05",
            "5 Nov",
            "2026-11",
            "1.2/2026",
            "é",
            "2026-11-05-06",
        ] {
            assert!(read(none).starts_with("! "), "{none}: {}", read(none));
        }
        assert!(read("5/11/2026").contains("2026-11-05 or 2026-05-11"));
    }
}
