//! A signature header: no panic, and nothing fits a body that was not signed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rossum_annex::secret::Secret;
use rossum_annex::signature::{Keys, LegacySha1};

fuzz_target!(|header: &[u8]| {
    let keys = Keys::new(&[Secret::new(*b"a secret of the fuzzer")], LegacySha1::Allowed);
    for (sha256, sha1) in [(Some(header), None), (None, Some(header))] {
        if let Ok(claim) = keys.claim(sha256, sha1) {
            let mut verifier = keys.verifier(claim);
            verifier.update(header);
            assert!(verifier.finish(vec![header.to_vec()]).is_err());
        }
    }
});
