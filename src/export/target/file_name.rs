//! Names of files in folders, here and on other hosts: which can be, and what becomes of one that is taken.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::{Component, Path};

use super::super::place;
use super::SendError;

/// What happens where a file of the same name is there already, with other content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Exists {
    /// The export fails.
    #[default]
    Error,
    /// The new one gets a number: `7.csv`, `7-2.csv`, …
    Number,
    Replace,
}

/// Bytes of one name, on all usual file systems.
const LONGEST_NAME: usize = 255;
/// Bytes of a path below the folder.
const LONGEST_PATH: usize = 2_000;
/// Files of one name that are numbered.
const MOST: u32 = 10_000;

/// Whether a path that was made of fields names a file below a folder: nothing above it, and nothing hidden.
pub(super) fn check(path: &str) -> Result<(), SendError> {
    let is_name = |part: Component<'_>| matches!(part, Component::Normal(name) if !name.to_string_lossy().starts_with('.') && name.len() <= LONGEST_NAME);
    let is_path = !path.is_empty()
        && path.len() <= LONGEST_PATH
        && !path.ends_with('/')
        && !path.contains(|c: char| c.is_control())
        && Path::new(path).components().all(is_name)
        // `%2e%2e` is a name here, and the way up for whoever reads it as a URL.
        && !path.split('/').any(place::leads_out);
    if is_path {
        return Ok(());
    }
    let problem = "the path that was made is not a name of a file in the folder: it is empty, hidden, too long, or leads out of it";
    Err(SendError::Refused(problem.to_owned()))
}

/// A folder on the way is none, or leads elsewhere.
pub(super) fn linked() -> SendError {
    SendError::Refused(
        "the file cannot be made: a folder of its path is a link or a file; below a target's folder no link is followed"
            .to_owned(),
    )
}

/// Another file is there.
pub(super) fn taken() -> SendError {
    SendError::Refused(
        "a file of this name already exists with other content: give each its own `path`, or set `exists` of the target"
            .to_owned(),
    )
}

/// The names that a file may get, in order.
pub(super) fn candidates(path: &str, exists: Exists) -> impl Iterator<Item = String> {
    let last = if exists == Exists::Number { MOST } else { 1 };
    let (folder, name) = path.rsplit_once('/').map_or(("", path), |(folder, name)| (folder, name));
    let (stem, end) =
        name.rsplit_once('.').map_or((name, String::new()), |(stem, end)| (stem, format!(".{end}")));
    let slash = if folder.is_empty() { "" } else { "/" };
    (1..=last).map(move |number| match number {
        1 => path.to_owned(),
        number => format!("{folder}{slash}{stem}-{number}{end}"),
    })
}

/// The name of a file that is being written: nobody else has it, and it is hidden.
pub(super) fn draft() -> String {
    format!(".annex-{:016x}.part", RandomState::new().build_hasher().finish())
}

/// Whether a file has such a name.
pub(super) fn is_draft(name: &str) -> bool {
    let number = name.strip_prefix(".annex-").and_then(|rest| rest.strip_suffix(".part"));
    number.is_some_and(|number| number.len() == 16 && number.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_below_the_folder_and_can_be() {
        for right in ["7.csv", "2026/7.csv", "a b.csv", "a..b", "ž.xml", "100 %.csv", "%41"] {
            assert!(check(right).is_ok(), "{right}");
        }
        let long = "x".repeat(256);
        for wrong in
            ["", "/etc/x", "..", "a/../b", ".csv", "a/.b", "a\0b", "a/", "a\nb", &long, &"x/".repeat(1_500)]
        {
            assert!(matches!(check(wrong), Err(SendError::Refused(_))), "{wrong}");
        }
        for wrong in
            ["%2e%2e/7.csv", "a/%2E%2e/7.csv", "%252e%252e", "a/..%2f7.csv", "\u{ff0e}\u{ff0e}/7.csv", "%00"]
        {
            assert!(matches!(check(wrong), Err(SendError::Refused(_))), "{wrong}");
        }
    }

    #[test]
    fn numbers_stand_before_the_end() {
        let of = |path, exists| candidates(path, exists).take(3).collect::<Vec<_>>();
        assert_eq!(of("a.b/7.csv", Exists::Number), ["a.b/7.csv", "a.b/7-2.csv", "a.b/7-3.csv"]);
        assert_eq!(of("7", Exists::Number), ["7", "7-2", "7-3"]);
        assert_eq!(of("7", Exists::Error), ["7"]);
        assert_ne!(draft(), draft());
        assert!(is_draft(&draft()) && !is_draft(".annex-7.part") && !is_draft("7.csv"));
    }
}
