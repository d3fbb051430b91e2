//! Similar records: only a sure one is chosen, the others are offered; and what is the same, and what is not.

use std::time::{Duration, Instant};

use rossum_annex::store::{
    Choice, Compared, Decides, Import, Keys, Likeness, Reader, Search, SearchKind, Store,
};
use serde_json::{Value, json};

use crate::support::{Annex, free_port};

#[path = "../../benches/harness/vendors.rs"]
mod vendors;

const VENDORS: &str = "id,name,city\n\
    1,Müller Stahlbau GmbH,Köln\n2,Müller Stahlhandel GmbH,Köln\n3,Novák doprava s.r.o.,Brno\n\
    4,Acme Holdings Ltd,London\n5,Acme Holding Limited,Leeds\n6,Zephyr Packaging Inc.,Boston\n";

fn config(step: &str) -> String {
    format!(
        "[server]\nstate = \"state\"\n[[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n\
         [[hook.step]]\nuse = \"match\"\ntarget = \"vendor\"\ndataset = \"vendors\"\nvalue = \"id\"\nlabel = \"{{name}} ({{score}})\"\n\
         fields = {{ vendor_city = \"city\" }}\nnone = {{ message = \"nobody\" }}\n{step}"
    )
}

fn start(step: &str) -> Annex {
    let annex = Annex::dev_with_files(&config(step), &[("vendors.csv", VENDORS)]);
    let output = annex.run(&["data", "import", "vendors", "vendors.csv", "--near", "name,city"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    annex
}

/// What the enum gets, the labels of its options, what the other field gets, and the messages.
fn asked(annex: &Annex, name: &str) -> (String, Vec<String>, String, Vec<String>) {
    let datapoint = |id: u64, schema_id: &str, value: &str| json!({"id": id, "schema_id": schema_id, "category": "datapoint", "content": {"value": value}});
    let document = json!({"request_id": "r", "event": "annotation_content", "action": "initialize", "annotation": {"id": 7, "content": [
        {"id": 100, "schema_id": "s", "category": "section", "children": [
            datapoint(1, "sender_name", name), datapoint(2, "vendor", ""), datapoint(3, "vendor_city", "old")]}]}});
    let answer = annex.client().deliver("/x", document.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer: Value = answer.json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let [target, city] = [0, 1].map(|at| &answer["operations"][at]["value"]);
    let labels =
        target["options"].as_array().into_iter().flatten().map(|option| text(&option["label"])).collect();
    let messages = answer["messages"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|message| text(&message["content"]))
        .collect();
    (text(&target["content"]["value"]), labels, text(&city["content"]["value"]), messages)
}

const FUZZY: &str = "[[hook.step.query]]\nfuzzy = { name = \"sender_name\" }\n";

#[test]
fn a_sure_record_is_chosen_others_are_offered_and_the_person_is_told() {
    let annex = start(FUZZY);
    // Sure, with a letter that a scan takes for another one, whatever else is similar.
    let (value, labels, city, messages) = asked(&annex, "ZEPHYR PACKAG1NG");
    assert_eq!((&*value, &*city, messages), ("6", "Boston", Vec::new()));
    assert!(labels[0].starts_with("Zephyr Packaging Inc. (0.9"), "{labels:?}");
    let (value, labels, city, messages) = asked(&annex, "Mueller Stahlbau");
    assert_eq!((&*value, &*city, messages), ("1", "Köln", Vec::new()), "{labels:?}");
    assert_eq!(labels[0], "Müller Stahlbau GmbH (0.99)");
    assert!(
        labels[1].starts_with("Müller Stahlhandel GmbH (0."),
        "a person may still choose the other: {labels:?}"
    );
    // Two that are equally near.
    let (value, labels, city, messages) = asked(&annex, "Acme Holdin");
    assert_eq!((&*value, &*city), ("", ""));
    assert_eq!(labels.len(), 3, "{labels:?}");
    assert_eq!(labels[0], "---");
    assert_eq!(messages, ["No record is surely the right one. Choose among the similar ones."]);
    // One that is not there: the only similar one is another company.
    let (value, labels, city, messages) = asked(&annex, "Novák potraviny s.r.o.");
    assert_eq!((&*value, &*city), ("", ""));
    assert_eq!(labels[0], "---");
    assert!(labels.len() == 2 && labels[1].starts_with("Novák doprava s.r.o. (0."), "{labels:?}");
    assert_eq!(messages.len(), 1);
    let (value, labels, _, messages) = asked(&annex, "Wayne Enterprises");
    assert_eq!((&*value, labels, messages), ("", vec!["---".to_owned()], vec!["nobody".to_owned()]));
}

/// A server whose vendors have these names, numbered from 1.
fn of_names(names: &[&str]) -> Annex {
    let lines = (1..).zip(names).map(|(id, name)| format!("{id},{name},\n"));
    let text = lines.fold("id,name,city\n".to_owned(), |all, line| all + &line);
    let annex = Annex::dev_with_files(&config(FUZZY), &[("vendors.csv", &text)]);
    let output = annex.run(&["data", "import", "vendors", "vendors.csv", "--near", "name"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    annex
}

#[test]
fn a_name_that_is_exact_is_chosen_beside_its_near_twin() {
    let twins = ["Schmitt Elektro GmbH", "Schmidt Elektro GmbH", "Schmidt Elektro AG"];
    let annex = of_names(&twins);
    for (name, expected) in [
        ("Schmidt Elektro GmbH", "2"),
        ("SCHMITT ELEKTRO", "1"),
        ("schmidt elektro ag", "3"),
        // Both have this name: a person chooses the form.
        ("Schmidt Elektro", ""),
        ("Schmid Elektro GmbH", ""),
    ] {
        assert_eq!(asked(&annex, name).0, expected, "{name}");
    }
    // Twice the same company, and letters that are the same without their marks.
    let annex = of_names(&["Acme Bau Ltd", "ACME BAU Limited", "Müller Druck GmbH", "Muller Druck GmbH"]);
    assert_eq!(asked(&annex, "Acme Bau Ltd").0, "1", "it is that text");
    assert_eq!(asked(&annex, "Acme  Bau, Ltd.").0, "");
    assert_eq!(asked(&annex, "Müller Druck GmbH").0, "3");
    assert_eq!(asked(&annex, "Muller Druck GmbH").0, "4");
}

#[test]
fn what_a_scan_may_have_misread_is_offered_first_and_not_chosen_where_it_may_be_another_word() {
    let names =
        ["Modern Office Ltd", "Elektra I GmbH", "Elektra 2000 GmbH", "A1 Networks", "Clarke Catering Ltd"];
    let annex = of_names(&names);
    for (name, first) in [
        ("Modem Office", "Modern Office Ltd (0.9"),
        ("Modem Office Ltd", "Modern Office Ltd (0.93"),
        ("Elektra 2O00", "Elektra 2000 GmbH (0.9"),
        ("AI Networks", "A1 Networks (0.9"),
    ] {
        let (value, labels, ..) = asked(&annex, name);
        assert_eq!((&*value, &*labels[0]), ("", "---"), "{name}: {labels:?}");
        assert!(labels[1].starts_with(first), "{name}: {labels:?}");
    }
    // No word has a digit amid its letters.
    assert_eq!(asked(&annex, "C1arke Catering").0, "5");
    let sure = |one: &str, other: &str| Likeness::new(one).of(other).score >= Decides::default().sure;
    for (one, other) in [
        ("Modern Office Solutions Berlin Mitte", "Modem Office Solutions Berlin Mitte"),
        ("Elia Transport", "Ella Transport"),
        ("Studio1 Media", "Studiol Media"),
        ("Savvy Software", "Sawy Software"),
        ("Meier Elektrotechnik Berlin", "Maier Elektrotechnik Berlin"),
    ] {
        assert!(!sure(one, other) && !sure(other, one), "{one} and {other}");
    }
    assert!(sure("ZEPHYR PACKAG1NG", "Zephyr Packaging Inc.") && sure("8auer Transport", "Bauer Transport"));
}

#[test]
fn sure_and_lead_are_set_for_a_query_and_choose_first_does_not_overrule_them() {
    let generous = format!("several = {{ message = \"Choose.\" }}\n{FUZZY}sure = 0.7\nlead = \"0.02\"\n");
    let (value, ..) = asked(&start(&generous), "Novák dopravní s.r.o.");
    assert_eq!(value, "3");
    let annex = start(&format!("several = {{ message = \"Choose.\" }}\n{FUZZY}sure = 1\n"));
    let (value, _, _, messages) = asked(&annex, "ZEPHYR PACKAG1NG");
    assert_eq!((&*value, &messages[..]), ("", &["Choose.".to_owned()][..]));
    let (value, ..) = asked(&annex, "Zephyr Packaging, Inc.");
    assert_eq!(value, "6");
    // Said at load, and followed.
    let annex = start(&format!("choose = \"first\"\n{FUZZY}"));
    assert_eq!(asked(&annex, "Novák potraviny").0, "");
    // `annex check` is about a server with HTTPS.
    let checked = |step: &str| {
        let text = config(step).replace("[server]", "[server]\ndomains = [\"hooks.my-company.com\"]");
        crate::support::write(&annex.folder().join("annex.toml"), &text);
        annex.run(&["check"])
    };
    let said = checked(&format!("choose = \"first\"\n{FUZZY}"));
    let said = String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
    assert!(said.contains("query 1: `choose = \"first\"` is for records that all fit"), "{said}");
    for wrong in ["sure = 1.5", "lead = -1", "sure = \"much\""] {
        assert!(!checked(&format!("{FUZZY}{wrong}\n")).status.success(), "{wrong}");
    }
    let annex = start(&format!("choose = \"first\"\n{FUZZY}sure = 0\nlead = 0\n"));
    assert_eq!(asked(&annex, "Novák potraviny").0, "3");
}

#[test]
fn an_index_that_an_earlier_annex_made_is_built_anew_at_the_start() {
    let annex = start(FUZZY);
    assert_eq!(asked(&annex, "Mueller Stahlbau").0, "1");
    let folder = annex.stop("TERM");
    let file = folder.path().join("state/datasets.sqlite");
    let tables = || -> Vec<String> {
        let database = rusqlite::Connection::open(&file).unwrap();
        let mut names = database
            .prepare("SELECT name FROM sqlite_schema WHERE name LIKE 'annex_near%' ORDER BY name")
            .unwrap();
        names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let now = tables();
    assert_eq!(now, ["annex_near3_vendors.city", "annex_near3_vendors.name"]);
    let database = rusqlite::Connection::open(&file).unwrap();
    for (column, earlier) in [("city", "annex_near_"), ("name", "annex_near2_")] {
        let sql =
            format!("ALTER TABLE \"annex_near3_vendors.{column}\" RENAME TO \"{earlier}vendors.{column}\"");
        database.execute_batch(&sql).unwrap();
    }
    drop(database);
    let annex = Annex::dev_in(folder, free_port());
    assert_eq!(asked(&annex, "Mueller Stahlbau").0, "1", "a delivery waits for it");
    annex.logs("its index of similar texts in name is built anew", Duration::from_secs(10));
    annex.logs("its index of similar texts in city is built anew", Duration::from_secs(10));
    assert_eq!(tables(), now);
}

/// What a query without its index says where nobody builds it anew: it is no mistake of the import.
#[tokio::test]
async fn without_a_server_the_cure_of_an_earlier_index_is_named() {
    let folder = tempfile::tempdir().unwrap();
    imported(&Store::open(folder.path()).await.unwrap(), &["Acme Ltd".to_owned()]).await;
    let database = rusqlite::Connection::open(folder.path().join("datasets.sqlite")).unwrap();
    database
        .execute_batch("ALTER TABLE \"annex_near3_vendors.name\" RENAME TO \"annex_near_vendors.name\"")
        .unwrap();
    let deadline = Instant::now() + Duration::from_millis(500);
    let found = Reader::new(folder.path()).search(&search(), &[Some("Acme".to_owned())], 5, deadline).await;
    let said = found.unwrap_err().to_string();
    assert!(
        said.contains("of an earlier Annex") && said.contains("annex data import vendors FILE"),
        "{said}"
    );
}

#[test]
fn pairs_of_names_are_the_same_company_or_not() {
    let same = [
        ("Mueller", "Müller"),
        ("MUELLER BAU", "Müller Bau GmbH"),
        ("Muller", "Müller"),
        ("Aaberg Bygg", "Åberg Bygg AB"),
        ("Moeller", "Møller A/S"),
        ("ışık elektrik", "ISIK ELEKTRIK"),
        ("IŞIK ELEKTRİK", "Işık Elektrik Ltd. Şti."),
        ("Yilmaz Gida", "Yılmaz Gıda A.Ş."),
        ("Ромашка", "ООО «Ромашка»"),
        ("ООО Ромашка", "Ромашка ООО"),
        ("Общество с ограниченной ответственностью «Ромашка»", "ООО Ромашка"),
        ("ΠΑΠΑΔΟΠΟΥΛΟΣ", "Παπαδόπουλος Α.Ε."),
        ("トヨタ", "株式会社トヨタ"),
        ("株式会社 トヨタ", "トヨタ株式会社"),
        ("㈱トヨタ", "トヨタ"),
        ("삼성전자", "주식회사 삼성전자"),
        ("النور", "شركة النور المحدودة"),
        ("SIA \"Partners\"", "Partners"),
        ("SARL Dupont", "Dupont SARL"),
        ("Žluťoučký Kůň, s. r. o.", "ZLUTOUCKY KUN SRO"),
        ("Kowalski Sp. z o.o.", "KOWALSKI"),
        ("Acme, spol. s r.o.", "Acme s.r.o."),
        ("Acme spol. s r. o.", "ACME"),
        ("Kowalski Spółka Akcyjna", "Kowalski S.A."),
        ("Müller & Söhne GmbH & Co. KG", "MULLER SOHNE"),
        ("Grupo Bimbo S.A.B. de C.V.", "Grupo Bimbo"),
        ("Novo Nordisk A/S", "Novo Nordisk"),
        ("Volvo AB", "VOLVO"),
        ("Łódź", "LODZ"),
        ("Straße", "Strasse"),
    ];
    for (one, other) in same {
        assert!(Keys::new(one).is_same(&Keys::new(other)), "{one} and {other} are the same");
        assert!(Keys::new(other).is_same(&Keys::new(one)), "{other} and {one} are the same");
    }
    // Another form than in the list is perhaps another company: it is offered. Spelled out it is the same form.
    let likeness = |one: &str, other: &str| Likeness::new(one).of(other).score;
    assert!(likeness("Acme Ltd", "Acme Limited") >= 0.99);
    assert!(likeness("Acme, spol. s r.o.", "Acme s.r.o.") >= 0.99);
    assert!(likeness("Acme AG", "Acme GmbH") < Decides::default().sure);
    let long = |end: &str| format!("Verein {} {end}", "der Freunde und Förderer des Museums ".repeat(4));
    assert!(
        likeness(&long("Bayern"), &long("Sachsen")) < Decides::default().sure,
        "what was not compared is not sure"
    );
    let letters = |end: &str| format!("{}{end} Bau", "abcdefgh".repeat(6));
    assert!(likeness(&letters("x"), &letters("y")) < Decides::default().sure);
    assert!(likeness("Bau Filiale12", "Bau Filiale13") < Decides::default().sure);
    let different = [
        ("SAS Institute", "Institute AG"),
        ("SIA Partners", "Partners Ltd"),
        ("AS Roma", "Roma"),
        ("SPA Italia", "Italia"),
        ("AG Barr", "Barr"),
        ("A.S. Watson", "Watson"),
        ("KG Holding", "Holding"),
        ("Bank AG", "Bank"),
        ("Sp. z o.o.", "Sp"),
        ("ガス", "カス"),
        ("パン", "バン"),
        ("Joel Bau", "Jol Bau"),
        ("Haas Bau", "Has Bau"),
        ("Йод", "Иод"),
    ];
    for (one, other) in different {
        assert!(!Keys::new(one).is_same(&Keys::new(other)), "{one} and {other} are two");
    }
}

fn search() -> Search {
    let compared = Compared {
        column: "name".to_owned(),
        field: "name".to_owned(),
        weight: 1.0,
        around: <(String, String)>::default(),
    };
    Search {
        dataset: "vendors".to_owned(),
        kind: SearchKind::Fuzzy(0.3),
        compared: vec![compared],
        only: Vec::new(),
        decides: Decides::default(),
    }
}

async fn imported(store: &Store, names: &[String]) {
    let columns = ["id", "name"].map(str::to_owned).to_vec();
    let import = Import { near: vec!["name".to_owned()], ..Import::new("vendors", columns, "benchmark") };
    let record = |(at, name): (usize, &String)| Ok((1, vec![Some(at.to_string()), Some(name.clone())]));
    store.import(&import, names.iter().enumerate().map(record), |_| {}).await.unwrap();
}

/// The figures of docs/similar.md, of a smaller list; `cargo bench --bench matching` has the whole.
#[tokio::test]
async fn the_benchmark_of_vendors_that_do_not_exist_keeps_its_figures() {
    let benchmark = vendors::Benchmark::new(42, 10_000, 600, 300);
    let names: Vec<String> = benchmark.vendors.iter().map(vendors::Vendor::name).collect();
    let folder = tempfile::tempdir().unwrap();
    imported(&Store::open(folder.path()).await.unwrap(), &names).await;
    let reader = Reader::new(folder.path());
    let deadline = Instant::now() + Duration::from_secs(300);
    let ask = async |text: &str| {
        let found = reader.search(&search(), &[Some(text.to_owned())], 10, deadline).await.unwrap();
        let first = found.records.first().and_then(|record| record[0].as_ref()?.parse::<usize>().ok());
        (first, found.choice == Choice::First)
    };
    let (mut right, mut chosen, mut wrong, mut absent) = (0, 0, 0, 0);
    for (text, vendor) in &benchmark.noisy {
        let (first, is_sure) = ask(text).await;
        right += u32::from(first == Some(*vendor));
        chosen += u32::from(is_sure);
        wrong += u32::from(is_sure && first != Some(*vendor));
    }
    for text in &benchmark.absent {
        absent += u32::from(ask(text).await.1);
    }
    let percent = |count: u32, of: usize| f64::from(count) * 100.0 / f64::from(u32::try_from(of).unwrap());
    let (noisy, missing) = (benchmark.noisy.len(), benchmark.absent.len());
    let figures =
        [percent(right, noisy), percent(chosen, noisy), percent(wrong, noisy), percent(absent, missing)];
    assert!(figures[0] >= 90.0, "the right one is first too seldom: {figures:?}");
    assert!(figures[1] >= 46.0, "chosen without a person too seldom: {figures:?}");
    assert!(figures[2] <= 0.5, "a wrong one is chosen too often: {figures:?}");
    assert!(figures[3] <= 2.0, "one that is absent is chosen too often: {figures:?}");
}
