//! Numbers of the file: each has a range, and some bound each other.
//!
//! Whoever reads a number names its range. So a number that cannot be meant is told at load, with its range.

use std::ops::RangeInclusive;
use std::time::Duration;

use rust_decimal::Decimal;
use toml::Spanned;
use toml::de::DeValue;

use super::section::Section;
use super::units;

/// The shortest span of time that something may take.
pub(super) const SHORTEST: Duration = Duration::from_millis(1);
/// The shortest time in which a call over the network may be answered, or a whole delivery.
pub(super) const SHORTEST_WAIT: Duration = Duration::from_millis(100);
/// A delivery of Rossum's has more bytes.
pub(super) const SMALLEST_BODY: usize = 1_000;
/// Waiting, and work that somebody waits for, takes no longer.
pub(super) const HOUR: Duration = Duration::from_secs(3_600);
pub(super) const DAY: Duration = Duration::from_secs(86_400);
/// A range of sizes without an upper end of its own: 1 TB.
pub(super) const LARGEST: usize = 1_000_000_000_000;

/// A number as people write it.
pub(super) trait Measure: PartialOrd {
    fn written(&self) -> String;
}

impl Measure for Duration {
    fn written(&self) -> String {
        units::written_duration(*self)
    }
}

impl Measure for Bytes {
    fn written(&self) -> String {
        units::written_bytes(self.0)
    }
}

impl Measure for i64 {
    fn written(&self) -> String {
        self.to_string()
    }
}

impl Measure for Decimal {
    fn written(&self) -> String {
        self.normalize().to_string()
    }
}

/// A size.
#[derive(PartialEq, PartialOrd)]
struct Bytes(usize);

impl Section<'_> {
    /// The number where it is in its range; `None`, and a note with the range, where it is not.
    fn range<T: Measure>(
        &self,
        key: &str,
        number: Spanned<T>,
        range: &RangeInclusive<T>,
        example: Option<String>,
    ) -> Option<T> {
        if range.contains(number.get_ref()) {
            return Some(number.into_inner());
        }
        let (least, most) = (range.start().written(), range.end().written());
        let what = format!("`{key}` is {}, and must be from {least} to {most}", number.get_ref().written());
        let hint = match example {
            None if number.get_ref() < range.start() => {
                "write a larger one, or leave the key out: then its default counts".to_owned()
            }
            example => format!("write `{key} = {}`", quoted(&example.unwrap_or(most))),
        };
        self.document().note(number.span(), what, Some(hint));
        None
    }

    /// Notes two keys of which the first must not be above the second. Both have a value, or their default.
    pub(super) fn in_order<T: Measure>(
        &self,
        (low, least): (&'static str, &T),
        (high, most): (&'static str, &T),
        hint: &str,
    ) {
        if least <= most || !(self.has(low) || self.has(high)) {
            return;
        }
        let place = if self.has(low) { self.place_of(low) } else { self.place_of(high) };
        let of = |key: &'static str| if self.has(key) { "" } else { " by default" };
        let what = format!(
            "`{low}` is {}{}, more than `{high}`, which is {}{}",
            least.written(),
            of(low),
            most.written(),
            of(high)
        );
        self.document().note(place, what, Some(hint));
    }

    /// A time of a step's work: beyond the `timeout` of its hook it has no effect.
    pub(super) fn time(&self, key: &'static str) -> Option<Duration> {
        let time = self.duration(key, SHORTEST..=HOUR)?;
        if let Some(timeout) = self.step().map(|step| step.timeout).filter(|timeout| *timeout < time) {
            let (time, timeout) = (time.written(), timeout.written());
            let what = format!(
                "`{key}` is {time}, and all steps of the hook have {timeout} together (its `timeout`): more has no effect"
            );
            self.remark(&self.place_of(key), &what);
        }
        Some(time)
    }

    fn whole(&self, key: &'static str) -> Option<Spanned<i64>> {
        let value = self.value(key)?;
        let number =
            value.get_ref().as_integer().and_then(|n| i64::from_str_radix(n.as_str(), n.radix()).ok());
        if number.is_none() {
            self.mismatch(key, value, "a whole number");
        }
        number.map(|number| Spanned::new(value.span(), number))
    }

    /// A whole number of a range.
    pub(super) fn integer(&self, key: &'static str, range: RangeInclusive<i64>) -> Option<i64> {
        self.range(key, self.whole(key)?, &range, None)
    }

    /// A count of a range.
    pub(super) fn count(&self, key: &'static str, range: RangeInclusive<usize>) -> Option<usize> {
        let end = |end: &usize| i64::try_from(*end).unwrap_or(i64::MAX);
        self.integer(key, end(range.start())..=end(range.end())).and_then(|count| usize::try_from(count).ok())
    }

    /// An exact decimal, in quotes or as a number.
    fn exact(&self, key: &'static str, example: &str) -> Option<Spanned<Decimal>> {
        let value = self.value(key)?;
        let text = match value.get_ref() {
            DeValue::String(text) => &**text,
            DeValue::Integer(number) => number.as_str(),
            DeValue::Float(number) => number.as_str(),
            _ => "",
        };
        let decimal = Decimal::from_str_exact(text).ok();
        if decimal.is_none() {
            let hint = format!("write `{key} = {example}`");
            self.document().note(value.span(), format!("`{key}` is not a number"), Some(hint));
        }
        decimal.map(|decimal| Spanned::new(value.span(), decimal))
    }

    /// An amount, in a field's own unit: 0 or more.
    pub(super) fn decimal(&self, key: &'static str) -> Option<Decimal> {
        let amount = self.exact(key, "\"0.01\"")?;
        if amount.get_ref().is_sign_negative() && !amount.get_ref().is_zero() {
            let what = format!("`{key}` is {}, and must be 0 or more", amount.get_ref().written());
            self.document().note(amount.span(), what, Some(format!("write `{key} = \"0.01\"`")));
            return None;
        }
        Some(amount.into_inner())
    }

    /// A share, from 0 to 1.
    pub(super) fn share(&self, key: &'static str, example: f64) -> Option<f64> {
        let share = self.exact(key, &example.to_string())?;
        let share = self.range(key, share, &(Decimal::ZERO..=Decimal::ONE), Some(example.to_string()))?;
        share.to_string().parse().ok()
    }

    pub(super) fn duration(&self, key: &'static str, range: RangeInclusive<Duration>) -> Option<Duration> {
        if self.is_bare_number(key, "s") {
            return None;
        }
        self.duration_in(key, &self.text(key)?, &range)
    }

    pub(super) fn durations(
        &self,
        key: &'static str,
        range: RangeInclusive<Duration>,
    ) -> Option<Vec<Duration>> {
        self.texts(key)?.iter().map(|text| self.duration_in(key, text, &range)).collect()
    }

    /// Whether a number stands there without its unit, which is noted.
    fn is_bare_number(&self, key: &'static str, unit: &str) -> bool {
        let Some(value) = self.value(key) else { return false };
        let DeValue::Integer(number) = value.get_ref() else { return false };
        let hint = format!("write `{key} = \"{number}{unit}\"`");
        self.mismatch_hinted(key, value, "a text in quotes, with a unit", Some(hint));
        true
    }

    fn duration_in(
        &self,
        key: &str,
        text: &Spanned<&str>,
        range: &RangeInclusive<Duration>,
    ) -> Option<Duration> {
        let Some(span) = units::duration(text.get_ref()) else {
            let what = format!("`{}` is no duration", text.get_ref());
            self.document().note(text.span(), what, Some("write `30s`, `5m` or `1h`"));
            return None;
        };
        self.range(key, Spanned::new(text.span(), span), range, None)
    }

    pub(super) fn bytes(&self, key: &'static str, range: RangeInclusive<usize>) -> Option<usize> {
        if self.is_bare_number(key, "B") {
            return None;
        }
        let text = self.text(key)?;
        let Some(size) = units::bytes(text.get_ref()) else {
            let what = format!("`{}` is no size", text.get_ref());
            self.document().note(text.span(), what, Some("write `20MB` or `512KiB`"));
            return None;
        };
        let range = Bytes(*range.start())..=Bytes(*range.end());
        self.range(key, Spanned::new(text.span(), Bytes(size)), &range, None).map(|size| size.0)
    }
}

/// As it stands in the file: durations and sizes are texts.
fn quoted(written: &str) -> String {
    if written.parse::<Decimal>().is_ok() { written.to_owned() } else { format!("\"{written}\"") }
}
