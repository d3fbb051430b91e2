//! The step `match` over vendors that do not exist: how often the right one comes first, is chosen without a person, a wrong one
//! is, and one for a vendor that is not in the list; of 10,000. And what a person waits for, over 10,000 and 1,000,000 vendors,
//! fuzzy on name and address, beside a walk over all records in the same run.
//!
//!     cargo bench --bench matching

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on says so by panicking")]

use std::path::Path;
use std::time::{Duration, Instant};

use rossum_annex::config::{self, Purpose};
use rossum_annex::rossum::Payload;
use rossum_annex::steps::names::Missing;
use rossum_annex::steps::{Answer, Context, Delivery, Stage};
use rossum_annex::store::{Import, Store, normalize};
use rossum_annex::webhook::HookPlan;

#[path = "harness/vendors.rs"]
mod vendors;

use vendors::{Benchmark, Random, Vendor};

fn document(name: &str, address: &str) -> String {
    let datapoint = |id: u64, schema_id: &str, value: &str| serde_json::json!({"id": id, "schema_id": schema_id, "category": "datapoint", "content": {"value": value, "normalized_value": value}});
    serde_json::json!({"request_id": "r", "event": "annotation_content", "action": "initialize", "annotation": {"id": 7, "content": [
        {"id": 100, "schema_id": "s", "category": "section", "children": [
            datapoint(1, "sender_name", name), datapoint(2, "sender_address", address), datapoint(3, "vendor", "")]}]}})
    .to_string()
}

/// As docs/similar.md has it; without an address the name alone counts.
const CONFIG: &str = r#"
[[hook]]
path = "/x"
secrets = ["env:S"]
[[hook.step]]
use = "match"
target = "vendor"
dataset = "vendors"
value = "id"
label = "{name} ({score})"
[[hook.step.query]]
fuzzy = { name = "sender_name", address = "sender_address" }
"#;

fn stage(state: &Path) -> Stage {
    let text = format!("[server]\nstate = \"{}\"\n{CONFIG}", state.display());
    let read = config::read(Path::new("bench"), text, Purpose::DevHttp, &|_| Some("x".to_owned()));
    let config = read.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let services = config.services(None);
    HookPlan::build_all(config.hooks, &services).hooks.remove(0).stages.remove(0)
}

/// What a document gets: the vendor that is chosen, the first that is offered, and how long it took.
async fn asked(stage: &Stage, name: &str, address: &str) -> (Option<usize>, Option<usize>, Duration) {
    let body = document(name, address);
    let payload = Payload::read(body.as_bytes()).unwrap();
    let delivery = Delivery { body: body.as_bytes(), payload, came: None };
    let mut answer = Answer::default();
    let start = Instant::now();
    let deadline = start + Duration::from_secs(25);
    let missing = Missing::default();
    let context = Context { delivery: &delivery, answer: &mut answer, deadline, missing, is_only: true };
    stage.step.run(context).await.unwrap();
    let took = start.elapsed();
    let annotation = delivery.payload.annotation.as_ref().unwrap();
    let tree = answer.journal.tree(annotation);
    let target = annotation.first("vendor").unwrap();
    let number = |value: &str| value.strip_prefix("V-")?.parse().ok();
    let chosen = number(&answer.journal.value(&tree, target));
    let operations = serde_json::to_value(answer.journal.operations(Some(annotation))).unwrap();
    let options = operations[0]["value"]["options"].as_array().cloned().unwrap_or_default();
    let offered = options.iter().find_map(|option| number(option["value"].as_str()?));
    (chosen, offered, took)
}

async fn imported(folder: &Path, vendors: &[Vendor], random: &mut Random) -> (Vec<String>, Duration) {
    let store = Store::open(folder).await.unwrap();
    let addresses: Vec<String> = vendors.iter().map(|_| address(random)).collect();
    let import = Import {
        key: vec!["id".to_owned()],
        near: ["name", "address"].map(str::to_owned).to_vec(),
        ..Import::new("vendors", ["id", "name", "address"].map(str::to_owned).to_vec(), "bench")
    };
    let records = (0_u64..).zip(vendors.iter().zip(&addresses)).map(|(at, (vendor, address))| {
        Ok((at + 1, [format!("V-{at}"), vendor.name(), address.clone()].map(Some).to_vec()))
    });
    let start = Instant::now();
    store.import(&import, records, |_| {}).await.unwrap();
    (addresses, start.elapsed())
}

fn address(random: &mut Random) -> String {
    let (street, city) = (random.brand(), random.brand());
    format!("{street} street {}, {} {city}", 1 + random.next(200), 10_000 + random.next(80_000))
}

#[tokio::main]
async fn main() {
    println!("seed    right one first   chosen alone   wrong   absent, yet chosen");
    for seed in [1, 7, 42, 2026, 99, 1234] {
        let benchmark = Benchmark::new(seed, 10_000, 1_600, 400);
        let folder = tempfile::tempdir().unwrap();
        imported(folder.path(), &benchmark.vendors, &mut Random::new(seed)).await;
        let stage = stage(folder.path());
        let (mut right, mut chosen, mut wrong, mut absent) = (0, 0, 0, 0);
        for (text, vendor) in &benchmark.noisy {
            let (is, first, _) = asked(&stage, text, "").await;
            right += u32::from(first == Some(*vendor));
            chosen += u32::from(is.is_some());
            wrong += u32::from(is.is_some_and(|is| is != *vendor));
        }
        for text in &benchmark.absent {
            absent += u32::from(asked(&stage, text, "").await.0.is_some());
        }
        let percent = |count: u32, of: f64| f64::from(count) * 100.0 / of;
        let [right, chosen, wrong] = [right, chosen, wrong].map(|count| percent(count, 1_600.0));
        let absent = percent(absent, 400.0);
        println!("{seed:>4} {right:>17.1} % {chosen:>12.1} % {wrong:>5.2} % {absent:>18.2} %");
    }
    println!(
        "records    import   by                    least   median     95 %   first   walk over all   ratio"
    );
    for count in [10_000, 1_000_000] {
        let benchmark = Benchmark::new(7, count, 101, 0);
        let folder = tempfile::tempdir().unwrap();
        let mut random = Random::new(7);
        let (addresses, took_to_import) = imported(folder.path(), &benchmark.vendors, &mut random).await;
        let stage = stage(folder.path());
        // What it would be without an index, for the name alone.
        let start = Instant::now();
        let wanted = normalize(&benchmark.vendors[0].name());
        let same = benchmark.vendors.iter().filter(|vendor| normalize(&vendor.name()) == wanted).count();
        let walk = start.elapsed();
        assert!(same > 0);
        for has_address in [false, true] {
            let mut times = Vec::new();
            let mut first = 0;
            for (round, (text, vendor)) in benchmark.noisy.iter().enumerate() {
                let address =
                    if has_address { addresses[*vendor].replace("street", "St.") } else { String::new() };
                let (_, offered, took) = asked(&stage, text, &address).await;
                if round > 0 {
                    times.push(took); // the first opens the store
                }
                first += usize::from(offered == Some(*vendor));
            }
            times.sort();
            let ms = |time: Duration| time.as_secs_f64() * 1e3;
            println!(
                "{count:>7} {:>7.1} s   {:<16} {:>6.2} ms {:>6.2} ms {:>6.2} ms {first:>4}/101 {:>12.1} ms {:>6.0}×",
                took_to_import.as_secs_f64(),
                if has_address { "name and address" } else { "name" },
                ms(times[0]),
                ms(times[times.len() / 2]),
                ms(times[times.len() * 95 / 100]),
                ms(walk),
                walk.as_secs_f64() / times[times.len() / 2].as_secs_f64()
            );
        }
    }
}
