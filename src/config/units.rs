//! Durations and sizes as people write them: `30s`, `100m`, `20MB`.

use std::time::Duration;

const TIME: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZE: [(&str, u64); 7] = [
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// A whole number with `ms`, `s`, `m`, `h` or `d`.
pub fn duration(text: &str) -> Option<Duration> {
    scaled(text, &TIME).map(Duration::from_millis)
}

/// A whole number with `B`, `KB`, `MB`, `GB` (thousands) or `KiB`, `MiB`, `GiB` (1024s).
pub fn bytes(text: &str) -> Option<usize> {
    scaled(text, &SIZE).and_then(|n| usize::try_from(n).ok())
}

/// A duration in the largest unit that has it whole.
pub fn written_duration(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if millis == 0 { "0s".to_owned() } else { written(millis, &TIME) }
}

/// A size in the largest unit that has it whole.
pub fn written_bytes(bytes: usize) -> String {
    written(u64::try_from(bytes).unwrap_or(u64::MAX), &SIZE)
}

fn written(number: u64, units: &[(&str, u64)]) -> String {
    let fits = |(_, scale): &&(&str, u64)| number != 0 && number.is_multiple_of(*scale);
    let largest = units.iter().filter(fits).max_by_key(|(_, scale)| *scale).or(units.first());
    largest.map_or_else(|| number.to_string(), |(unit, scale)| format!("{}{unit}", number / scale))
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit = text[digits..].trim();
    let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
    text[..digits].parse::<u64>().ok()?.checked_mul(*scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        assert_eq!(duration("100m"), Some(Duration::from_secs(6_000)));
        assert_eq!(duration("250 ms"), Some(Duration::from_millis(250)));
        assert_eq!(bytes("20MB"), Some(20_000_000));
        assert_eq!(bytes("1MiB"), Some(1_048_576));
        for text in ["0s", "250ms", "90s", "2h", "1d"] {
            assert_eq!(written_duration(duration(text).unwrap()), text);
        }
        for text in ["0B", "7B", "20MB", "512KiB", "1GiB"] {
            assert_eq!(written_bytes(bytes(text).unwrap()), text);
        }
        for wrong in ["", "5", "s", "-1s", "1.5s", "5 parsecs", "99999999999999999999s"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }
}
