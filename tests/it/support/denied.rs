//! That a tick is not shown where what it says is not so.

use regex::Regex;

/// Asserts that a tick is not shown in what was said, and what is said instead. A tick is named by its words in the table of
/// `tests/it/ticks.rs`, which looks for this call in the test that it names.
#[track_caller]
pub(crate) fn denied(tick: &str, said: &str, instead: &str) {
    let words = if tick == "Mark::Good" { "✓" } else { tick };
    let tick = Regex::new(&shape(words)).unwrap();
    // What is wrong or doubtful may begin with the same words.
    let is_tick = |line: &&str| tick.is_match(line) && !line.starts_with(['!', '✗']);
    let shown: Vec<&str> = said.lines().filter(is_tick).collect();
    assert!(shown.is_empty(), "{words} is shown: {shown:?}\n{said}");
    let is_denied = said.lines().any(|line| line.contains(instead) && !line.starts_with('✓'));
    assert!(is_denied, "{words}: nothing says {instead}\n{said}");
}

/// A pattern of words in which values stand for what is in braces.
fn shape(words: &str) -> String {
    let value = Regex::new(r"\{[^}]*\}").unwrap();
    let parts: Vec<String> = value.split(words).map(regex::escape).collect();
    parts.join(".+")
}

#[test]
fn a_tick_that_is_shown_is_not_denied() {
    let fails = |tick: &'static str, said: &'static str, instead: &'static str| {
        std::panic::catch_unwind(|| denied(tick, said, instead)).is_err()
    };
    let tick = "the target {name}, {place}, answers (status {status})";
    let said = "✗ the target a, http://a/: refused\n✓ it is day";
    assert!(!fails(tick, said, "refused"));
    assert!(fails(tick, said, "it is day"), "what has a tick denies nothing");
    assert!(fails(tick, said, "it is night"));
    assert!(fails(tick, "✓ the target b, http://b/, answers (status 200)\n✗ x: refused", "refused"));
    assert!(!fails(tick, "! the target b, http://b/, answers (status 503)", "503"));
    assert!(fails("Mark::Good", said, "refused") && fails("{}: ok", "annex.toml: ok\n! refused", "refused"));
}
