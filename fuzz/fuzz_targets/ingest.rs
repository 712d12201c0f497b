//! Any text is a body: by the fast path and by serde_json it must come to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        tally_api::hold_equal(text);
    }
});
