//! `date`, `datetime` and `timedelta`, without time zones.

use jiff::civil::{Date, DateTime, ISOWeekDate, Weekday};
use jiff::fmt::{StdFmtWrite, strtime};
use jiff::{SignedDuration, Span};

use super::super::code::BinaryOp;
use super::super::exception::{Eval, Kind, Stop};
use super::super::machine::Machine;
use super::super::machine::limits::MEMORY;
use super::super::value::Value;
use super::super::words::Word;
use super::date_text::{DAY, iso_time, parts};
use super::number::round_half_even;

/// A field's date as Rossum writes it; Python's `strptime` with the package's three formats.
pub(crate) fn field_date(text: &str) -> Option<Date> {
    let (date, time) = text.split_once(' ').map_or((text, None), |(date, time)| (date, Some(time)));
    let mut numbers = date.split('-');
    let mut number = |longest: usize| {
        let digits = numbers.next()?;
        let fits = (1..=longest).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| digits.parse::<i16>().ok()).flatten()
    };
    let (year, month, day) = (number(4)?, number(2)?, number(2)?);
    if numbers.next().is_some() || date.find('-') != Some(4) {
        return None;
    }
    if let Some(time) = time {
        let ok = ["%H:%M:%S", "%H:%M:%S.%f"].iter().any(|format| strtime::parse(format, time).is_ok());
        if !ok {
            return None;
        }
    }
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

const MICROS_A_DAY: i128 = 86_400_000_000;

impl<'h> Machine<'h> {
    pub(crate) fn time(&mut self, time: DateTime) -> Eval<'h> {
        self.memory(16)?;
        Ok(Value::DateTime(self.bump.alloc(time)))
    }

    fn out_of_range<T>(&mut self) -> Eval<'h, T> {
        self.raise_text(Kind::OverflowError, "date value out of range")
    }

    pub(crate) fn make_date(&mut self, year: i128, month: i128, day: i128) -> Eval<'h, Date> {
        if !(1..=9999).contains(&year) {
            return self.raise(Kind::ValueError, format_args!("year {year} is out of range"));
        }
        if !(1..=12).contains(&month) {
            return self.raise_text(Kind::ValueError, "month must be in 1..12");
        }
        let made = match (i16::try_from(year), i8::try_from(month), i8::try_from(day)) {
            (Ok(year), Ok(month), Ok(day)) => Date::new(year, month, day).ok(),
            _ => None,
        };
        match made {
            Some(date) => Ok(date),
            None => self.raise_text(Kind::ValueError, "day is out of range for month"),
        }
    }

    pub(crate) fn make_time(&mut self, date: Date, parts: [i128; 4]) -> Eval<'h> {
        let limits = [("hour", 23), ("minute", 59), ("second", 59), ("microsecond", 999_999)];
        for ((name, most), part) in limits.iter().zip(parts) {
            if !(0..=*most).contains(&part) {
                return self.raise(Kind::ValueError, format_args!("{name} must be in 0..{most}"));
            }
        }
        let small = parts.map(|part| i32::try_from(part).unwrap_or(0));
        let [hour, minute, second, _] = small.map(|part| i8::try_from(part.min(100)).unwrap_or(0));
        let time = date.at(hour, minute, second, small[3] * 1000);
        self.time(time)
    }

    pub(crate) fn date_binary(&mut self, op: BinaryOp, a: Value<'h>, b: Value<'h>) -> Eval<'h> {
        match (op, a, b) {
            (BinaryOp::Subtract, Value::Date(x), Value::Date(y)) => {
                let days = x.duration_since(y).as_hours() / 24;
                Ok(Value::Delta(days * DAY))
            }
            (BinaryOp::Subtract, Value::DateTime(x), Value::DateTime(y)) => {
                let micros = x.duration_since(*y).as_micros();
                self.delta(i64::try_from(micros).ok())
            }
            (BinaryOp::Add, Value::Date(date), Value::Delta(delta))
            | (BinaryOp::Add, Value::Delta(delta), Value::Date(date)) => self.move_date(date, parts(delta).0),
            (BinaryOp::Subtract, Value::Date(date), Value::Delta(delta)) => {
                self.move_date(date, -parts(delta).0)
            }
            (BinaryOp::Add, Value::DateTime(time), Value::Delta(delta))
            | (BinaryOp::Add, Value::Delta(delta), Value::DateTime(time)) => self.move_time(*time, delta),
            (BinaryOp::Subtract, Value::DateTime(time), Value::Delta(delta)) => self.move_time(*time, -delta),
            (_, Value::Delta(x), Value::Delta(y)) => self.delta_binary(op, x, y, (a, b)),
            (BinaryOp::Multiply, Value::Delta(x), y) | (BinaryOp::Multiply, y, Value::Delta(x)) => {
                match (y, y.int()) {
                    (_, Some(int)) => {
                        let micros = i128::from(x).checked_mul(int);
                        let days = micros.map(|micros| micros / MICROS_A_DAY);
                        if days.is_none_or(|days| i32::try_from(days).is_err()) {
                            return self.beyond();
                        }
                        self.delta(micros.and_then(|micros| i64::try_from(micros).ok()))
                    }
                    (Value::Float(float), _) => self.scaled(x, float),
                    _ => self.unsupported(op, a, b),
                }
            }
            (BinaryOp::Divide | BinaryOp::FloorDivide, Value::Delta(x), y) => match (op, y, y.int()) {
                (_, _, Some(0)) => {
                    self.raise_text(Kind::ZeroDivisionError, "integer division or modulo by zero")
                }
                (BinaryOp::FloorDivide, _, Some(int)) => {
                    let x = i128::from(x);
                    let down = x.checked_rem(int).is_some_and(|rest| rest != 0 && (x < 0) != (int < 0));
                    let floor = x.checked_div(int).map(|quotient| quotient - i128::from(down));
                    self.delta(floor.and_then(|floor| i64::try_from(floor).ok()))
                }
                (BinaryOp::Divide, _, Some(int)) =>
                {
                    #[expect(clippy::cast_precision_loss, reason = "a duration is rounded to microseconds")]
                    self.scaled(x, 1.0 / int as f64)
                }
                (BinaryOp::Divide, Value::Float(0.0), _) => {
                    self.raise_text(Kind::ZeroDivisionError, "integer division or modulo by zero")
                }
                (BinaryOp::Divide, Value::Float(float), _) if !float.is_finite() => self.scaled(x, float),
                (BinaryOp::Divide, Value::Float(float), _) => self.scaled(x, 1.0 / float),
                _ => self.unsupported(op, a, b),
            },
            _ => self.unsupported(op, a, b),
        }
    }

    fn delta_binary(&mut self, op: BinaryOp, x: i64, y: i64, of: (Value<'h>, Value<'h>)) -> Eval<'h> {
        match op {
            BinaryOp::Add => self.delta(x.checked_add(y)),
            BinaryOp::Subtract => self.delta(x.checked_sub(y)),
            BinaryOp::Divide | BinaryOp::FloorDivide | BinaryOp::Modulo if y == 0 => {
                self.raise_text(Kind::ZeroDivisionError, "integer division or modulo by zero")
            }
            #[expect(clippy::cast_precision_loss, reason = "as Python divides")]
            BinaryOp::Divide => Ok(Value::Float(x as f64 / y as f64)),
            BinaryOp::FloorDivide => {
                let floor = if x % y != 0 && (x < 0) != (y < 0) { x / y - 1 } else { x / y };
                Ok(Value::Int(floor))
            }
            BinaryOp::Modulo => self.delta(Some(x.rem_euclid(y.abs()))),
            _ => self.unsupported(op, of.0, of.1),
        }
    }

    pub(crate) fn delta(&mut self, micros: Option<i64>) -> Eval<'h> {
        // Without the smallest one, every duration has its opposite.
        match micros.filter(|micros| *micros != i64::MIN) {
            Some(micros) => Ok(Value::Delta(micros)),
            None => self
                .raise_text(Kind::OverflowError, "a timedelta of more than 290,000 years is not supported"),
        }
    }

    fn scaled(&mut self, delta: i64, factor: f64) -> Eval<'h> {
        if factor.is_nan() {
            return self.raise_text(Kind::ValueError, "cannot convert NaN to integer ratio");
        }
        if factor.is_infinite() {
            return self.raise_text(Kind::OverflowError, "cannot convert Infinity to integer ratio");
        }
        #[expect(clippy::cast_precision_loss, reason = "a duration is rounded to microseconds")]
        let micros = round_half_even(delta as f64 * factor);
        #[expect(clippy::cast_precision_loss, reason = "a rough size")]
        if micros.abs() > MICROS_A_DAY as f64 * f64::from(i32::MAX) {
            return self.beyond();
        }
        self.delta_of(micros)
    }

    /// Beyond what CPython multiplies, too.
    fn beyond(&mut self) -> Eval<'h> {
        self.raise_text(Kind::OverflowError, "Python int too large to convert to C int")
    }

    pub(crate) fn delta_of(&mut self, micros: f64) -> Eval<'h> {
        #[expect(clippy::cast_possible_truncation, reason = "checked to be in range")]
        let whole = (micros.abs() < 9e18).then_some(micros as i64);
        self.delta(whole)
    }

    fn move_date(&mut self, date: Date, days: i64) -> Eval<'h> {
        let moved = Span::new().try_days(days).and_then(|span| date.checked_add(span));
        match moved {
            Ok(date) if date.year() >= 1 => Ok(Value::Date(date)),
            _ => self.out_of_range(),
        }
    }

    fn move_time(&mut self, time: DateTime, delta: i64) -> Eval<'h> {
        match time.checked_add(SignedDuration::from_micros(delta)) {
            Ok(time) if time.year() >= 1 => self.time(time),
            _ => self.out_of_range(),
        }
    }

    pub(crate) fn strftime(&mut self, value: Value<'h>, format: &str) -> Eval<'h, &'h str> {
        let time = match value {
            Value::Date(date) => date.at(0, 0, 0, 0),
            Value::DateTime(time) => *time,
            _ => return Ok(""),
        };
        // A directive becomes a longer one, and that a text.
        self.steps(format.len())?;
        self.room(format.len().saturating_mul(16))?;
        // A sign at the end stands for itself.
        let signs = format.len() - format.trim_end_matches('%').len();
        let last = if signs % 2 == 1 { "%" } else { "" };
        let format =
            [format, last].concat().replace("%f", "%6f").replace("%x", "%m/%d/%y").replace("%X", "%H:%M:%S");
        let mut text = self.builder();
        let written = strtime::BrokenDownTime::from(time).format(&format, StdFmtWrite(&mut text));
        match written {
            Ok(()) => self.finish(text),
            Err(_) if text.is_full() => Err(Stop::Limit(MEMORY)),
            Err(_) => self.raise_text(Kind::ValueError, "Invalid format string"),
        }
    }

    pub(crate) fn strptime(&mut self, text: &str, format: &str) -> Eval<'h, DateTime> {
        self.steps(text.len() + format.len())?;
        let parsed = strtime::parse(format, text.trim_end_matches('\0')).ok().and_then(|broken| {
            let date = Date::new(
                broken.year().unwrap_or(1900),
                broken.month().unwrap_or(1),
                broken.day().unwrap_or(1),
            );
            let date = broken.to_date().or(date).ok()?;
            Some(date.at(
                broken.hour().unwrap_or(0),
                broken.minute().unwrap_or(0),
                broken.second().unwrap_or(0),
                broken.subsec_nanosecond().unwrap_or(0) / 1000 * 1000,
            ))
        });
        match parsed {
            Some(time) => Ok(time),
            None => {
                let (mut quoted, mut pattern) = (self.builder(), self.builder());
                super::repr::str_repr(text, &mut quoted)?;
                super::repr::str_repr(format, &mut pattern)?;
                self.raise(
                    Kind::ValueError,
                    format_args!("time data {} does not match format {}", &*quoted, &*pattern),
                )
            }
        }
    }

    pub(crate) fn date_method(
        &mut self,
        value: Value<'h>,
        word: Word,
        arguments: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        let (date, time) = match value {
            Value::Date(date) => (date, None),
            Value::DateTime(time) => (time.date(), Some(*time)),
            Value::Delta(delta) if word == Word::total_seconds && arguments.is_empty() => {
                #[expect(clippy::cast_precision_loss, reason = "as Python divides")]
                return Ok(Value::Float(delta as f64 / 1e6));
            }
            _ => return self.no_method(value, word, arguments.len()),
        };
        let day = date.weekday();
        match (word, arguments) {
            (Word::strftime, [Value::Str(format)]) => self.strftime(value, format).map(Value::Str),
            (Word::isoformat, []) => {
                let separator = keywords.iter().find(|(name, _)| *name == "sep").map(|(_, value)| *value);
                let separator = match separator {
                    Some(Value::Str(text)) => text.chars().next().unwrap_or('T'),
                    _ => 'T',
                };
                let text = time.map_or_else(|| date.to_string(), |time| iso_time(&time, separator));
                self.str(&text)
            }
            (Word::weekday, []) => Ok(Value::Int(i64::from(day.to_monday_zero_offset()))),
            (Word::isoweekday, []) => Ok(Value::Int(i64::from(day.to_monday_one_offset()))),
            (Word::isocalendar, []) => {
                let iso: ISOWeekDate = date.iso_week_date();
                let three =
                    [i64::from(iso.year()), i64::from(iso.week()), i64::from(day.to_monday_one_offset())];
                let names = &["year", "week", "weekday"];
                self.named_tuple("datetime.IsoCalendarDate", names, &three.map(Value::Int))
            }
            (Word::toordinal, []) => Ok(Value::Int(ordinal(date))),
            (Word::date, []) if time.is_some() => Ok(Value::Date(date)),
            (Word::replace, _) => {
                let mut parts = [
                    i128::from(date.year()),
                    i128::from(date.month()),
                    i128::from(date.day()),
                    time.map_or(0, |time| i128::from(time.hour())),
                    time.map_or(0, |time| i128::from(time.minute())),
                    time.map_or(0, |time| i128::from(time.second())),
                    time.map_or(0, |time| i128::from(time.subsec_nanosecond() / 1000)),
                ];
                self.date_parts(&mut parts, arguments, keywords, "replace")?;
                let date = self.make_date(parts[0], parts[1], parts[2])?;
                match time {
                    Some(_) => self.make_time(date, [parts[3], parts[4], parts[5], parts[6]]),
                    None => Ok(Value::Date(date)),
                }
            }
            _ => self.no_method(value, word, arguments.len()),
        }
    }

    /// Year, month, day, hour, minute, second, microsecond by place or name.
    pub(crate) fn date_parts(
        &mut self,
        parts: &mut [i128; 7],
        arguments: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
        function: &str,
    ) -> Eval<'h, ()> {
        const NAMES: [&str; 7] = ["year", "month", "day", "hour", "minute", "second", "microsecond"];
        let named = keywords.iter().map(|(name, value)| (NAMES.iter().position(|n| n == name), *value));
        let placed = arguments.iter().enumerate().map(|(at, value)| (Some(at), *value));
        for (at, value) in placed.chain(named) {
            let Some(part) = at.and_then(|at| parts.get_mut(at)) else {
                let text = format_args!("{function}() got an unexpected argument");
                return self.raise(Kind::TypeError, text);
            };
            match value.plain().int() {
                Some(int) => *part = int,
                None => {
                    let text =
                        format_args!("'{}' object cannot be interpreted as an integer", value.type_name());
                    return self.raise(Kind::TypeError, text);
                }
            }
        }
        Ok(())
    }

    pub(crate) fn date_of_ordinal(&mut self, ordinal: i128) -> Eval<'h> {
        let first = Date::constant(1, 1, 1);
        match i64::try_from(ordinal.saturating_sub(1)) {
            Ok(days) => self.move_date(first, days),
            Err(_) => self.out_of_range(),
        }
    }
}

/// Days since the first of January of the year 1, which is 1.
fn ordinal(date: Date) -> i64 {
    date.duration_since(Date::constant(1, 1, 1)).as_hours() / 24 + 1
}

/// `date.fromisoformat(text)`: `2024-05-01`, `20240501`, `2024-W18-3`.
pub(crate) fn iso_date(text: &str) -> Option<Date> {
    let bytes = text.as_bytes();
    if text.len() == 10 && bytes[4] == b'-' && bytes[7] == b'-' {
        return text.parse().ok();
    }
    if text.len() == 8 && bytes.iter().all(u8::is_ascii_digit) {
        let number = |part: &str| part.parse::<i16>().ok();
        let (month, day) = (number(&text[4..6])?, number(&text[6..])?);
        return Date::new(number(&text[..4])?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok();
    }
    let (year, week) = text.split_once("-W")?;
    let (week, day) = week.split_once('-').unwrap_or((week, "1"));
    let day = Weekday::from_monday_one_offset(day.parse().ok()?).ok()?;
    Some(ISOWeekDate::new(year.parse().ok()?, week.parse().ok()?, day).ok()?.date())
}

/// `datetime.fromisoformat(text)`, without an offset.
pub(crate) fn iso_datetime(text: &str) -> Option<DateTime> {
    if let Some(date) = iso_date(text) {
        return Some(date.at(0, 0, 0, 0));
    }
    let text = text.strip_suffix('Z').unwrap_or(text);
    text.replacen(' ', "T", 1).parse().ok().filter(|_| text.is_char_boundary(10) && text.len() > 10)
}

/// An attribute of a date, time or duration.
pub(crate) fn date_attribute(value: Value<'_>, word: Word) -> Option<Value<'_>> {
    let date = match value {
        Value::Date(date) => date,
        Value::DateTime(time) => time.date(),
        Value::Delta(delta) => {
            let (days, seconds, micros) = parts(delta);
            return match word {
                Word::days => Some(Value::Int(days)),
                Word::seconds => Some(Value::Int(seconds)),
                Word::microseconds => Some(Value::Int(micros)),
                _ => None,
            };
        }
        _ => return None,
    };
    let of_date = match word {
        Word::year => Some(i64::from(date.year())),
        Word::month => Some(i64::from(date.month())),
        Word::day => Some(i64::from(date.day())),
        _ => None,
    };
    let of_time = match (value, word) {
        (Value::DateTime(time), Word::hour) => Some(i64::from(time.hour())),
        (Value::DateTime(time), Word::minute) => Some(i64::from(time.minute())),
        (Value::DateTime(time), Word::second) => Some(i64::from(time.second())),
        (Value::DateTime(time), Word::microsecond) => Some(i64::from(time.subsec_nanosecond() / 1000)),
        (Value::DateTime(_), Word::tzinfo) => return Some(Value::None),
        _ => None,
    };
    of_date.or(of_time).map(Value::Int)
}
