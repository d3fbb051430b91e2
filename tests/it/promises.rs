//! What docs/promises.md says of versions.

use std::fs;

use crate::support::{annex_command, write};

#[test]
fn the_oldest_rust_is_the_same_everywhere() {
    let manifest = fs::read_to_string("Cargo.toml").unwrap();
    let line = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap();
    let version = line.trim_matches('"');
    for page in ["README.md", "CONTRIBUTING.md", "docs/promises.md", "docs/tutorial.md"] {
        let text = fs::read_to_string(page).unwrap();
        let named: Vec<_> = text
            .match_indices("Rust ")
            .filter_map(|(at, _)| text[at + 5..].split_whitespace().next())
            .filter(|word| word.starts_with(|c: char| c.is_ascii_digit()))
            .map(|word| word.trim_end_matches(|c: char| !c.is_ascii_digit()))
            .collect();
        assert!(!named.is_empty(), "{page} names no version of Rust");
        assert!(named.iter().all(|one| *one == version), "{page}: {named:?}, Cargo.toml: {version}");
    }
}

#[test]
fn exit_codes_are_those_of_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let code = |arguments: &[&str]| {
        annex_command().args(arguments).current_dir(folder.path()).output().unwrap().status.code()
    };
    write(&folder.path().join("wrong.toml"), "[server]\nno_such_key = 1\n");
    assert_eq!(code(&["init", ".", "--yes"]), Some(0));
    assert_eq!(code(&["check", "--dev-http"]), Some(0));
    assert_eq!(code(&["check", "wrong.toml"]), Some(1));
    assert_eq!(code(&["check", "--no-such-flag"]), Some(2));
    assert_eq!(code(&["no-such-command"]), Some(2));
}
