//! Files of records: no panic, each record has a value for every column at most, lines only grow, a refusal has words. The
//! first byte says the format, the second which settings; the rest is the file.

#![no_main]

use std::io::Write as _;

use libfuzzer_sys::fuzz_target;
use rossum_annex::data::{Encoding, Format, Layout, read};

/// What is read of one file.
const MOST: usize = 10_000;

fuzz_target!(|input: &[u8]| {
    let [format, settings, file @ ..] = input else { return };
    let format = [Format::Csv, Format::JsonLines, Format::Workbook][usize::from(format % 3)];
    let mut layout = Layout::of(format);
    if settings & 1 != 0 {
        layout.encoding = Encoding::of(["cp852", "windows-1250", "utf-16le"][usize::from(settings >> 1) % 3]);
    }
    layout.head = (settings & 8 != 0).then_some(2);
    layout.foot = usize::from(settings >> 6);
    let mut written = tempfile::NamedTempFile::new_in("/dev/shm").expect("a file in memory");
    written.write_all(file).expect("room in memory");
    match read(written.path(), &layout) {
        Ok(found) => {
            let mut before = 0;
            for record in found.records.take(MOST) {
                match record {
                    Ok((line, record)) => {
                        assert!(line >= before && record.len() <= found.columns.len());
                        before = line;
                    }
                    Err(refused) => {
                        assert!(!refused.to_string().is_empty());
                        break;
                    }
                }
            }
            let _ = found.notes.texts();
        }
        Err(refused) => assert!(!refused.of(written.path()).is_empty()),
    }
});
