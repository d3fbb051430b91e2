//! Ten typical rules beside CPython with the real package, in one run: CPU of a whole delivery (read the JSON, build,
//! evaluate, answer) and of the rules alone, at 10, 100 and 1000 line items.
//!
//!     cargo bench --bench rules

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on says so by panicking")]
#![allow(dead_code, reason = "the oracle is shared with the tests")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use rossum_annex::rossum::{Journal, Payload};
use rossum_annex::txscript::{Document, Limits, Schema, Script};
use serde_json::{Value, json};

#[path = "../tests/it/support/oracle.rs"]
mod oracle;
#[path = "../tests/it/support/python.rs"]
mod python;

/// Header against header, columns against header, loops over rows, dates, patterns, text.
const RULES: [&str; 10] = [
    "not is_empty(field.amount_total) and field.amount_total > 100000",
    "round(sum(default_to(field.item_total.all_values, 0)), 2) != round(default_to(field.amount_total, 0), 2)",
    "any(default_to(field.item_quantity.all_values, 0) * default_to(field.item_amount.all_values, 0) > 5000)",
    "for row in field.line_items:\n    if not is_empty(row.item_quantity) and not is_empty(row.item_amount):\n        if abs(row.item_quantity * row.item_amount - default_to(row.item_total, 0)) > 0.05:\n            show_warning(f\"Line {row._index + 1} does not add up\", row.item_total)",
    "(field.date_due - field.date_issue).days > 120",
    "field.date_issue.replace(day=1) > date(2030, 1, 1)",
    "re.search(r\"^INV-\\d{4}-\\d+$\", field.document_id) is None",
    "substitute(r\"[^A-Za-z]\", \"\", field.sender_name).upper() == \"ACMESRO\" and field.currency != \"eur\"",
    "len([row for row in field.line_items if row.item_code == \"A-1\" and is_empty(row.item_total)]) > 0",
    "max(default_to(field.item_total.all_values, 0)) > 0.9 * default_to(field.amount_total, 0)",
];

/// The tests' document with so many rows, each datapoint as large as Rossum's are.
fn body(rows: usize) -> String {
    let text = std::fs::read_to_string(format!("{}/payload.json", oracle::FOLDER)).unwrap();
    let mut payload: Value = serde_json::from_str(&text).unwrap();
    let padding = json!({"rir_text": "21.00", "rir_page": 1, "rir_position": [761, 48, 925, 84], "connector_text": null,
        "connector_position": null, "rir_raw_text": "21.00 EUR", "ocr_text": "21.00", "ocr_position": [761, 48, 925, 84], "ocr_raw_text": "21.00"});
    let table = payload["annotation"]["content"][2]["children"][0]["children"].as_array_mut().unwrap();
    let samples = table.clone();
    *table = (0..rows)
        .map(|row| {
            let mut line = samples[row % samples.len()].clone();
            line["id"] = json!(1_000_000 + row * 10);
            for (at, cell) in line["children"].as_array_mut().unwrap().iter_mut().enumerate() {
                cell["id"] = json!(1_000_001 + row * 10 + at);
                cell["content"].as_object_mut().unwrap().extend(padding.as_object().unwrap().clone());
            }
            line
        })
        .collect();
    payload.to_string()
}

fn cpu() -> Duration {
    let line = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    Duration::from_nanos(line.split_whitespace().next().unwrap().parse().unwrap())
}

/// CPU seconds of one run: the median of five batches.
fn measure(mut work: impl FnMut()) -> f64 {
    let start = Instant::now();
    work();
    let count = (0.1 / start.elapsed().as_secs_f64()).clamp(3.0, 100_000.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 3 and 100,000")]
    let count = count as u32;
    let mut batches: Vec<f64> = (0..5)
        .map(|_| {
            let before = cpu();
            (0..count).for_each(|_| work());
            cpu().saturating_sub(before).as_secs_f64() / f64::from(count)
        })
        .collect();
    batches.sort_by(f64::total_cmp);
    batches[2]
}

fn main() {
    let scripts = RULES.map(|code| Script::new("rule", code).unwrap());
    let oracle = oracle::Oracle::find().expect("Python 3.12 or newer");
    println!("rows    KB   ours: delivery  rules     package: delivery  rules    ratios");
    for rows in [10, 100, 1000] {
        let body = body(rows);
        let theirs = oracle.run("../../benches/rules.py", &[], &[json!({"body": body, "rules": RULES})]);
        let schema = Payload::read(body.as_bytes()).unwrap().schemas.unwrap().get().to_owned();
        let schema = Schema::parse(&schema).unwrap();
        let journal = Journal::default();
        let evaluate = |payload: &Payload<'_>| {
            let annotation = payload.annotation.as_ref().unwrap();
            let document = Document::new(annotation, &journal, &schema, body.as_bytes());
            let run = |script: &Script| script.is_true(&document, None, Limits::default()).1.shown.len();
            scripts.iter().map(run).sum::<usize>()
        };
        let delivery = measure(|| {
            let payload = Payload::read(body.as_bytes()).unwrap();
            // What a step asks to know the schema that it has read before.
            assert_eq!(payload.schemas.map(|schemas| schemas.get().len() > 100), Some(true));
            black_box(evaluate(&payload));
        });
        let payload = Payload::read(body.as_bytes()).unwrap();
        assert_eq!(evaluate(&payload) as u64, theirs[0]["messages"].as_u64().unwrap(), "the same messages");
        let rules = measure(|| {
            black_box(evaluate(&payload));
        });
        let of = |what: &str| theirs[0][what].as_f64().unwrap();
        println!(
            "{rows:>4} {:>5}   {:>9.0} µs {:>9.1} µs {:>13.0} µs {:>9.0} µs    {:.0}× {:.0}×",
            body.len() / 1024,
            delivery * 1e6,
            rules * 1e6,
            of("delivery") * 1e6,
            of("rules") * 1e6,
            of("delivery") / delivery,
            of("rules") / rules
        );
    }
}
