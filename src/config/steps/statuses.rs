//! Statuses of HTTP in the configuration: `[200, "4xx", "500-503"]`.

use std::ops::RangeInclusive;

use toml::Spanned;

use crate::export::Verdicts;

use super::super::section::Section;

/// Statuses that mean two things.
pub(super) fn look_at_overlap(section: &Section<'_>, verdicts: &Verdicts) {
    let all = [("ok", &verdicts.ok), ("warning", &verdicts.warning), ("error", &verdicts.error)];
    for (at, (key, ranges)) in all.iter().enumerate() {
        for (other, others) in &all[..at] {
            let within = |range: &RangeInclusive<u16>| {
                others.iter().find(|other| other.start() <= range.end() && range.start() <= other.end())
            };
            if let Some(both) = ranges.iter().find(|range| within(range).is_some()) {
                let what = format!(
                    "`{other}` and `{key}` both name statuses from {} to {}",
                    both.start(),
                    both.end()
                );
                section.document().note(section.place_of(key), what, Some("name each status once"));
            }
        }
    }
}

/// `[200, 202]`, or texts for many: `["2xx", "400-409"]`.
pub(super) fn statuses(section: &Section<'_>, key: &'static str) -> Vec<RangeInclusive<u16>> {
    let hint = format!("write `{key} = [200, \"4xx\", \"500-503\"]`");
    status_list(section, section.list(key).unwrap_or_default(), &hint)
}

pub(super) fn status_list(
    section: &Section<'_>,
    list: &[Spanned<toml::de::DeValue<'_>>],
    hint: &str,
) -> Vec<RangeInclusive<u16>> {
    let read = |value: &Spanned<toml::de::DeValue<'_>>| {
        let value = value.get_ref();
        let text = match value.as_str() {
            Some(text) => text.to_owned(),
            None => value.as_integer()?.as_str().to_owned(),
        };
        if let Some(hundred) = text.strip_suffix("xx") {
            let from = hundred.parse::<u16>().ok().filter(|from| (1..=5).contains(from))? * 100;
            return Some(from..=from + 99);
        }
        let (from, to) = text.split_once('-').unwrap_or((&text, &text));
        let status =
            |text: &str| text.trim().parse::<u16>().ok().filter(|status| (100..600).contains(status));
        let (from, to) = (status(from)?, status(to)?);
        (from <= to).then_some(from..=to)
    };
    let mut all = Vec::new();
    for value in list {
        match read(value) {
            Some(range) => all.push(range),
            None => section.document().note(value.span(), "this is no status", Some(hint)),
        }
    }
    all
}
