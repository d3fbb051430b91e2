//! The settings of a Request Processor: no panic, whatever stands in them; a mistake has a place. The input is JSON, or JSON
//! and a delivery with a line of `---` between them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rossum_annex::requests::Settings;

fuzz_target!(|input: &str| {
    let (text, body) = input.split_once("\n---\n").unwrap_or((input, "{}"));
    let Ok(json) = serde_json::from_str(text) else { return };
    match Settings::read(&json) {
        Ok(settings) => {
            let _ = (settings.names(), settings.hosts(), settings.open_urls(), settings.secrets());
            let _ = (settings.needs_api(), settings.uses_delivery_token(), settings.stored_secrets());
            let kept = settings.payload(body.as_bytes());
            assert!(kept.get("rossum_authorization_token").is_none() && kept.get("secrets").is_none());
        }
        Err(wrong) => assert!(!wrong.is_empty()),
    }
});
