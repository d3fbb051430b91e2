//! A PROXY header: no panic, and never longer than what was there.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rossum_annex::server::read_proxy_header;

fuzz_target!(|bytes: &[u8]| {
    if let Some(length) = read_proxy_header(bytes) {
        assert!(length <= bytes.len());
    }
});
