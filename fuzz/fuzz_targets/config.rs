//! A configuration: no panic, whatever stands in it; a mistake has a line that is there.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use rossum_annex::config::{Purpose, read};

fuzz_target!(|text: &str| {
    let environment = |_: &str| Some("a secret of the fuzzer".to_owned());
    for purpose in [Purpose::Serve, Purpose::DevHttp] {
        if let Err(mistakes) = read(Path::new("nowhere/annex.toml"), text.to_owned(), purpose, &environment) {
            assert!(!mistakes.0.is_empty());
            assert!(mistakes.0.iter().all(|mistake| mistake.line <= text.matches('\n').count() + 1));
        }
    }
});
