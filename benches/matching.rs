//! The step `match` over 10,000 and 1,000,000 vendors, fuzzy on name and address, as a delivery has it: the median of what a
//! person waits for, beside a walk over all records in the same run.
//!
//!     cargo bench --bench matching

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on says so by panicking")]

use std::path::Path;
use std::time::{Duration, Instant};

use rossum_annex::config::{self, Purpose};
use rossum_annex::rossum::Payload;
use rossum_annex::steps::names::Missing;
use rossum_annex::steps::{Answer, Context, Delivery, Stage};
use rossum_annex::store::{Import, Store};
use rossum_annex::webhook::HookPlan;

const WORDS: [&str; 64] = [
    "Nord",
    "Sued",
    "West",
    "Ost",
    "Trade",
    "Holding",
    "Steel",
    "Stahl",
    "Bau",
    "Wood",
    "Glass",
    "Paper",
    "Print",
    "Logistic",
    "Transport",
    "Foods",
    "Bakery",
    "Dairy",
    "Farm",
    "Agro",
    "Energy",
    "Solar",
    "Wind",
    "Water",
    "Gas",
    "Oil",
    "Chem",
    "Pharma",
    "Medic",
    "Dental",
    "Optic",
    "Sound",
    "Light",
    "Electro",
    "Digital",
    "Data",
    "Soft",
    "Cloud",
    "Net",
    "Tele",
    "Mobile",
    "Auto",
    "Moto",
    "Cycle",
    "Marine",
    "Aero",
    "Space",
    "Travel",
    "Hotel",
    "Event",
    "Media",
    "Film",
    "Music",
    "Book",
    "School",
    "Sport",
    "Fashion",
    "Textile",
    "Leather",
    "Jewel",
    "Garden",
    "Home",
    "Office",
    "Clean",
];
const ENDS: [&str; 6] = ["s.r.o.", "GmbH", "Ltd", "Inc.", "a.s.", "& Co. KG"];

struct Random(u64);

impl Random {
    fn next(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound).unwrap()).unwrap()
    }

    /// A made-up word, so that names differ as names do.
    fn syllables(&mut self) -> String {
        let part = |random: &mut Self| {
            let consonant = "bcdfghjklmnprstvz".chars().nth(random.next(17)).unwrap();
            let vowel = "aeiou".chars().nth(random.next(5)).unwrap();
            format!("{consonant}{vowel}")
        };
        let mut word: String = (0..2 + self.next(2)).map(|_| part(self)).collect();
        word[..1].make_ascii_uppercase();
        word
    }

    fn vendor(&mut self) -> (String, String) {
        let (own, one, end) = (self.syllables(), WORDS[self.next(64)], ENDS[self.next(6)]);
        let name = format!("{own} {one} {end}");
        let (street, city) = (self.syllables(), self.syllables());
        (name, format!("{street} street {}, {} {city}", 1 + self.next(200), 10_000 + self.next(80_000)))
    }
}

fn document(name: &str, address: &str) -> String {
    let datapoint = |id: u64, schema_id: &str, value: &str| serde_json::json!({"id": id, "schema_id": schema_id, "category": "datapoint", "content": {"value": value, "normalized_value": value}});
    serde_json::json!({"request_id": "r", "event": "annotation_content", "action": "initialize", "annotation": {"id": 7, "content": [
        {"id": 100, "schema_id": "s", "category": "section", "children": [
            datapoint(1, "sender_name", name), datapoint(2, "sender_address", address), datapoint(3, "vendor", "")]}]}})
    .to_string()
}

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
threshold = 0.5
"#;

fn stage(state: &Path) -> Stage {
    let text = format!("[server]\nstate = \"{}\"\n{CONFIG}", state.display());
    let read = config::read(Path::new("bench"), text, Purpose::DevHttp, &|_| Some("x".to_owned()));
    let config = read.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let services = config.services(None);
    HookPlan::build_all(config.hooks, &services).hooks.remove(0).stages.remove(0)
}

#[tokio::main]
async fn main() {
    println!("records    import   median     95 %   found   walk over all   ratio");
    for count in [10_000_u64, 1_000_000] {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let mut random = Random(count | 1);
        let vendors: Vec<(String, String)> = (0..count).map(|_| random.vendor()).collect();
        let import = Import {
            key: vec!["id".to_owned()],
            near: ["name", "address"].map(str::to_owned).to_vec(),
            ..Import::new("vendors", ["id", "name", "address"].map(str::to_owned).to_vec(), "bench")
        };
        let records = (1..).zip(&vendors).map(|(line, (name, address))| {
            Ok((line, [format!("V-{line}"), name.clone(), address.clone()].map(Some).to_vec()))
        });
        let start = Instant::now();
        store.import(&import, records, |_| {}).await.unwrap();
        let imported = start.elapsed();
        let stage = stage(folder.path());
        let mut times = Vec::new();
        let mut found = 0;
        for round in 0..101 {
            // As a document has it: without the end, with a letter wrong.
            let (name, address) = &vendors[random.next(vendors.len())];
            let mut name: String = name.split(' ').take(2).collect::<Vec<_>>().join(" ");
            name.remove(2);
            let body = document(&name, &address.replace("street", "St."));
            let payload = Payload::read(body.as_bytes()).unwrap();
            let delivery = Delivery { body: body.as_bytes(), payload };
            let mut answer = Answer::default();
            let start = Instant::now();
            let deadline = start + Duration::from_secs(25);
            let context =
                Context { delivery: &delivery, answer: &mut answer, deadline, missing: Missing::default() };
            stage.step.run(context).await.unwrap();
            if round > 0 {
                times.push(start.elapsed()); // the first opens the store
            }
            found += usize::from(
                answer
                    .journal
                    .value(
                        &answer.journal.tree(delivery.payload.annotation.as_ref().unwrap()),
                        delivery.payload.annotation.as_ref().unwrap().first("vendor").unwrap(),
                    )
                    .starts_with("V-"),
            );
        }
        times.sort();
        // What it would be without an index, for the name alone.
        let start = Instant::now();
        let wanted = rossum_annex::store::normalize(&vendors[0].0);
        let same = vendors.iter().filter(|(name, _)| rossum_annex::store::normalize(name) == wanted).count();
        let walk = start.elapsed();
        assert!(same > 0);
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        println!(
            "{count:>7} {:>7.1} s {:>6.2} ms {:>6.2} ms {found:>4}/101 {:>12.1} ms {:>6.0}×",
            imported.as_secs_f64(),
            ms(times[times.len() / 2]),
            ms(times[times.len() * 95 / 100]),
            ms(walk),
            walk.as_secs_f64() / times[times.len() / 2].as_secs_f64()
        );
    }
}
