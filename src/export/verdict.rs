//! What a target's status means: done, done with a warning, or failed.

use std::ops::RangeInclusive;

/// What a status means for an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Ok,
    /// It was taken; the person shall read what the target said.
    Warning,
    Error,
}

/// Statuses by their meaning; the first that names one decides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdicts {
    pub ok: Vec<RangeInclusive<u16>>,
    pub warning: Vec<RangeInclusive<u16>>,
    pub error: Vec<RangeInclusive<u16>>,
}

impl Verdicts {
    /// Of a status that nobody named, 2xx is good and everything else is not.
    pub fn of(&self, status: u16) -> Verdict {
        let names = |list: &[RangeInclusive<u16>]| list.iter().any(|range| range.contains(&status));
        match () {
            () if names(&self.error) => Verdict::Error,
            () if names(&self.warning) => Verdict::Warning,
            () if names(&self.ok) || (200..300).contains(&status) => Verdict::Ok,
            () => Verdict::Error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Error, Ok, Warning};
    use super::*;

    #[test]
    fn the_table_decides_and_else_the_hundreds() {
        let verdicts = Verdicts { ok: vec![409..=409], warning: vec![202..=202], error: vec![204..=206] };
        let of = [200, 202, 204, 301, 404, 409, 500].map(|status| verdicts.of(status));
        assert_eq!(of, [Ok, Warning, Error, Error, Error, Ok, Error]);
    }
}
