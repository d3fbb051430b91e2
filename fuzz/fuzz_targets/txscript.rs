//! Code over a document: no panic, no hang, limits that hold, memory counted by the allocator among them. The input is code, or code and a payload with a line of
//! `---` between them. Code that begins with `{` is a business rule, code with a handler a function, which is called.

#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use peak_alloc::PeakAlloc;
use rossum_annex::rossum::{Journal, Payload};
use rossum_annex::txscript::{Document, Limits, Schema, Script, Variables};

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// Bytes that an evaluation may take for each byte of its limit, and beside it: patterns, the document's own tables.
const AT_MOST: usize = 4;
const BESIDE: usize = 16 << 20;

const PAYLOAD: &str = include_str!("../../tests/txscript/payload.json");

fuzz_target!(|input: &str| {
    let (code, body) = input.split_once("\n---\n").unwrap_or((input, PAYLOAD));
    let is_rule = code.starts_with('{');
    let script = if is_rule {
        let variables = Variables::from([("v".to_owned(), "sum({item_total}) + len({item_code}) * w".to_owned()), ("w".to_owned(), "7".to_owned())]);
        Script::business_rule("fuzz", code, &variables)
    } else {
        Script::new("fuzz", code)
    };
    let Ok(script) = script else { return };
    let Ok(payload) = Payload::read(body.as_bytes()) else { return };
    let Some(annotation) = &payload.annotation else { return };
    let schema = match payload.schemas {
        Some(schemas) => match Schema::parse(schemas.get()) {
            Ok(schema) => schema,
            Err(_) => return,
        },
        None => Schema::from_annotation(annotation, &Default::default()),
    };
    let journal = Journal::default();
    let document = Document::new(annotation, &journal, &schema, body.as_bytes());
    let limits = Limits { steps: 200_000, memory: 4 << 20, time: Duration::from_millis(200), ..Limits::default() };
    let row = script.table(&schema).map(|table| (table, 0)).filter(|(table, _)| document.row_count(table) > 0);
    let start = Instant::now();
    let before = ALLOCATED.current_usage();
    ALLOCATED.reset_peak_usage();
    let output = if is_rule {
        script.holds(&document, row, limits).1
    } else {
        script.run(&document, row, limits).1
    };
    if script.is_function() {
        let _ = script.call(&document, "annotation_content", limits);
    }
    // What explains it takes no longer than it may.
    let _ = script.saw(&document, row, Instant::now() + Duration::from_millis(200));
    assert!(output.shown.len() + output.blockers.len() <= limits.messages);
    let peak = ALLOCATED.peak_usage().saturating_sub(before);
    assert!(peak <= AT_MOST * limits.memory + BESIDE, "{peak} bytes at most");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
});
