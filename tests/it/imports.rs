//! Files of records as ERPs, spreadsheets and people write them: what each becomes, or why it is refused. Every file goes
//! through `annex data import` and through a running server that watches it.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::workbook::{Sheet, number, row, text, texts, workbook};
use crate::support::{Annex, Client, SECRET, annex_command, eventually, free_port, write, write_bytes};

/// A file, what the configuration says of it, and what comes of it.
struct Odd {
    /// The dataset has its name without the end.
    file: &'static str,
    bytes: Vec<u8>,
    /// Keys of annex.toml, which are options of the command too.
    keys: &'static [(&'static str, &'static str)],
    comes: Comes,
}

enum Comes {
    /// These records, and these parts of what is said.
    In(Value, &'static [&'static str]),
    /// Nothing, and this is said.
    Refused(&'static str),
}

fn odd(file: &'static str, bytes: impl AsRef<[u8]>, comes: Comes) -> Odd {
    Odd { file, bytes: bytes.as_ref().to_vec(), keys: &[], comes }
}

impl Odd {
    fn with(self, keys: &'static [(&'static str, &'static str)]) -> Self {
        Self { keys, ..self }
    }

    fn name(&self) -> &str {
        self.file.split('.').next().unwrap()
    }

    fn table(&self) -> String {
        let value = |value: &str| match value.parse::<u64>() {
            Ok(number) => number.to_string(),
            Err(_) if value == "true" => value.to_owned(),
            Err(_) => json!(value).to_string(),
        };
        let keys = self.keys.iter().map(|(key, text)| format!("{key} = {}\n", value(text)));
        let name = self.name();
        format!("[[dataset]]\nname = \"{name}\"\nfile = \"{}\"\n{}", self.file, keys.collect::<String>())
    }

    fn arguments(&self) -> Vec<String> {
        let mut arguments: Vec<String> = ["import", self.name(), self.file].map(str::to_owned).to_vec();
        for (key, value) in self.keys {
            arguments.push(format!("--{}", key.replace('_', "-")));
            if *value != "true" {
                arguments.push((*value).to_owned());
            }
        }
        arguments
    }
}

fn utf_16(text: &str, mark: bool, big: bool) -> Vec<u8> {
    let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
    units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}

fn utf_32(text: &str, mark: bool, big: bool) -> Vec<u8> {
    let signs = mark.then_some(0xfeff).into_iter().chain(text.chars().map(u32::from));
    signs.flat_map(|sign| if big { sign.to_be_bytes() } else { sign.to_le_bytes() }).collect()
}

fn acme() -> Value {
    json!([{"id": "1", "name": "Acme"}])
}

fn kun() -> Value {
    json!([{"id": "1", "name": "Žluťoučký kůň"}])
}

/// What stands in a CSV.
#[expect(clippy::too_many_lines, reason = "a table of files")]
fn of_text() -> Vec<Odd> {
    use Comes::{In, Refused};
    let good = |said| In(acme(), said);
    vec![
        // The end of the file.
        odd("whole.csv", "id;name\n1;Acme\n", good(&[])),
        odd("no_end.csv", "id;name\n1;Acme", good(&[])),
        odd(
            "quote.csv",
            "id;name\n1;\"Acme\n2;Beta\n3;Gamma\n",
            Refused(
                "quote.csv: line 2: column 3: the quote that begins a value here has no end: the file ends in it",
            ),
        ),
        odd("quoted.csv", "id;name\n1;\"Acme\"\n", good(&[])),
        odd(
            "quote_inside.csv",
            "id;name\n1;\"Acme \"Best\" Ltd\"\n",
            Refused(
                "line 2: column 10: text follows the quote that ends a value (which begins in line 2, column 3)",
            ),
        ),
        odd(
            "quotes_twice.csv",
            "id;name\n1;\"Acme \"\"Best\"\"\"\n",
            In(json!([{"id": "1", "name": "Acme \"Best\""}]), &[]),
        ),
        odd("inch.csv", "id;name\n1;Pipe 3\" long\n", In(json!([{"id": "1", "name": "Pipe 3\" long"}]), &[])),
        odd(
            "swallowed.csv",
            "id;name;city\n1;\"Acme;Bonn\n2;Beta\";Brno\n",
            In(
                json!([{"id": "1", "name": "Acme;Bonn\n2;Beta", "city": "Brno"}]),
                &[
                    "a quoted value holds line ends and separators, perhaps other records because a quote is missing: line 2",
                ],
            ),
        ),
        odd(
            "cut.csv",
            "id;name;city\n1;Acme;Bonn\n2;Be",
            Refused(
                "line 3: it has 2 values, the header 3: check the separator and the quotes; it is the last row: perhaps the file was cut",
            ),
        ),
        odd(
            "short.csv",
            "id;name;city\n1;Acme\n2;Beta;Brno\n",
            Refused("line 2: it has 2 values, the header 3"),
        ),
        odd(
            "dos_end.csv",
            "id;name\r\n1;Acme\r\n\u{1a}",
            good(&["skipped, since there is no value: line 3"]),
        ),
        odd("mac.csv", "id;name\r1;Acme\r", good(&[])),
        odd("nothing.csv", "", Refused("nothing.csv is empty")),
        odd("mark_only.csv", "\u{feff}", Refused("mark_only.csv is empty")),
        odd("blank.csv", "\n \n;;\n", Refused("it has no values at all")),
        odd(
            "head_only.csv",
            "id;name\n",
            Refused("it has no records, and the dataset has 0: if they are to go, --allow-empty"),
        ),
        odd("head_only_meant.csv", "id;name\n", In(json!([]), &[])).with(&[("allow_empty", "true")]),
        // Above the records.
        odd("sep.csv", "sep=;\nid;name\n1;Acme\n", good(&["line 1 says that values are separated by `;`"])),
        odd(
            "sep_quoted.csv",
            "\"sep=;\"\r\nid;name\r\n1;Acme\r\n",
            good(&["line 1 says that values are separated by `;`"]),
        ),
        odd("sep_tab.csv", "sep=\t\nid\tname\n1\tAcme\n", good(&["separated by tabs"])),
        odd(
            "sep_other.csv",
            "sep=;\nid;name\n1;Acme\n",
            Refused("line 1: it says that values are separated by `;`, but `,` was given"),
        )
        .with(&[("separator", ",")]),
        odd(
            "blank_first.csv",
            "\n;;\nid;name\n1;Acme\n",
            good(&["skipped, since there is no value: 2 lines, the first is 1"]),
        ),
        odd(
            "title.csv",
            "Vendors of 2026\n\nid;name\n1;Acme\n",
            Refused(
                "line 1: it has one value, line 3 has 2: if it is a title, and line 3 names the columns, write --head 3, in annex.toml head = 3",
            ),
        ),
        odd(
            "title_wide.csv",
            "Vendors of 2026;\nid;name\n1;Acme\n",
            Refused("line 1: it has one value, line 2 has 2"),
        ),
        odd(
            "title_head.csv",
            "Vendors of 2026\n\nid;name\n1;Acme\n",
            good(&["skipped above the names of the columns: line 1"]),
        )
        .with(&[("head", "3")]),
        odd(
            "title_key.csv",
            "Vendors;of 2026\nid;name\n1;Acme\n",
            good(&["skipped above the names of the columns: line 1"]),
        )
        .with(&[("key", "id")]),
        odd(
            "title_two.csv",
            "Vendors;of 2026;by SAP\nid;name\n1;Acme\n",
            Refused("line 2: it has 2 values, the header 3"),
        ),
        odd(
            "head_away.csv",
            "id;name\n1;Acme\n",
            Refused("there is no row with values in line 9, which is to name the columns"),
        )
        .with(&[("head", "9")]),
        odd(
            "head_quoted.csv",
            "id;\"the\r\nname\"\r\n1;Acme\r\n",
            In(json!([{"id": "1", "the name": "Acme"}]), &[]),
        ),
        odd(
            "head_twice.csv",
            "id;name;Name\n1;a;b\n",
            Refused("line 1: columns 2 and 3 have the same name, `Name`"),
        ),
        odd(
            "head_nameless.csv",
            "id;;name\n1;x;Acme\n",
            Refused("line 2: column 2 has no name in line 1, and here a value"),
        ),
        odd(
            "head_empty.csv",
            "id;;name;\n1;;Acme;\n",
            good(&["left out, since there is neither name nor value: column 2, 4"]),
        ),
        // Below them.
        odd(
            "separators.csv",
            "id;name\n1;Acme\n;\n;\n;\n",
            good(&["skipped, since there is no value: 3 lines, the first is 3"]),
        ),
        odd(
            "total.csv",
            "id;name\n1;Acme\nrecords: 1\n",
            Refused(
                "line 3: it has 1 values, the header 2: check the separator and the quotes; it is the last row: perhaps the file was cut while it was written, or it is a total, which --foot 1 (in annex.toml foot = 1) skips",
            ),
        ),
        odd(
            "total_foot.csv",
            "id;name\n1;Acme\nrecords: 1\n\n",
            good(&["skipped at the end, as `foot` says: line 3"]),
        )
        .with(&[("foot", "1")]),
        odd("total_key.csv", "id;name\n1;Acme\n;Sum\n", Refused("line 3: the key `id` is empty"))
            .with(&[("key", "id")]),
        odd("trailing.csv", "id;name\n1;Acme;\n", good(&[])),
        odd(
            "trailing_some.csv",
            "id;name\n1;Acme;\n2;Beta\n",
            Refused(
                "line 3: it has 2 values, the header 2 and each record before it one more, which is empty",
            ),
        ),
        odd("trailing_value.csv", "id;name\n1;Acme;x\n", Refused("line 2: it has 3 values, the header 2")),
        odd("key_twice.csv", "id;name\n1;Acme\n2;b\n1;c\n", Refused("line 4: the same key as line 2"))
            .with(&[("key", "id")]),
        odd(
            "no_key.csv",
            "nr;name\n1;Acme\n",
            Refused("there is no column `id` for the key; there are: nr, name"),
        )
        .with(&[("key", "id")]),
        // Separators.
        odd("pipes.csv", "id|name\n1|Acme\n", good(&[])),
        odd("tabs.txt", "id\tname\n1\tAcme\n", good(&[])),
        odd(
            "commas_inside.csv",
            "id;price\n1;2,50\n2;3,50\n",
            In(json!([{"id": "1", "price": "2,50"}, {"id": "2", "price": "3,50"}]), &[]),
        ),
        odd(
            "two_ways.csv",
            "id,a;b\n1,2;3\n",
            Refused("its values may be separated by `,` or `;`: say which with --separator"),
        ),
        odd("one_way.csv", "id,a;b\n1,2;3\n", In(json!([{"id,a": "1,2", "b": "3"}]), &[]))
            .with(&[("separator", ";")]),
        // Encodings.
        odd("mark.csv", "\u{feff}id;name\n1;Žluťoučký kůň\n", In(kun(), &[])),
        odd(
            "mark_other.csv",
            "\u{feff}id;name\n1;Žluťoučký kůň\n",
            In(kun(), &["it begins with the mark (BOM) of UTF-8 and is read so, not as windows-1250"]),
        )
        .with(&[("encoding", "windows-1250")]),
        odd("utf16le.csv", utf_16("id;name\r\n1;Žluťoučký kůň\r\n", true, false), In(kun(), &[])),
        odd("utf16be.csv", utf_16("id\tname\r\n1\tŽluťoučký kůň\r\n", true, true), In(kun(), &[])),
        odd(
            "utf16_bare.csv",
            utf_16("id;name\r\n1;Acme\r\n", false, false),
            Refused("it seems to be UTF-16 without a mark (BOM): --encoding utf-16le"),
        ),
        odd("utf16_named.csv", utf_16("id;name\r\n1;Žluťoučký kůň\r\n", false, false), In(kun(), &[]))
            .with(&[("encoding", "utf-16le")]),
        odd("cp1250.csv", b"id;name\n1;\x8elu\x9dou\xe8k\xfd k\xf9\xf2\n", In(kun(), &[]))
            .with(&[("encoding", "cp1250")]),
        odd(
            "cp1250_bare.csv",
            b"id;name\n1;\x8elu\x9dou\xe8k\xfd k\xf9\xf2\n",
            Refused(
                "line 2: it is not UTF-8: name the encoding, for example --encoding windows-1252 (Western Europe), windows-1250 (Central Europe) or cp852 (DOS), in annex.toml encoding = \"windows-1250\" (the first such byte: column 3)",
            ),
        ),
        odd("cp852.csv", b"id;name\n1;\xa6lu\x9cou\x9fk\xec k\x85\xe5\n", In(kun(), &[]))
            .with(&[("encoding", "cp852")]),
        odd("latin2.csv", b"id;name\n1;\xaelu\xbbou\xe8k\xfd k\xf9\xf2\n", In(kun(), &[]))
            .with(&[("encoding", "iso-8859-2")]),
        odd(
            "latin2_not.csv",
            b"id;name\n1;\x8elu\x9dou\xe8k\xfd\n",
            Refused("line 2: column `name`: its sign 1 is the control U+008E, as no text has it"),
        )
        .with(&[("encoding", "iso-8859-2")]),
        odd("cp1252.csv", b"id;name\n1;Caf\xe9\n", In(json!([{"id": "1", "name": "Café"}]), &[]))
            .with(&[("encoding", "cp1252")]),
        odd(
            "lost.csv",
            "id;name\n1;M\u{fffd}ller\n",
            In(json!([{"id": "1", "name": "M\u{fffd}ller"}]), &["signs were lost before the file came here"]),
        ),
        // UTF-32 is told from UTF-16, with a mark and without.
        odd("utf32.csv", utf_32("id;name\n1;Acme\n", true, false), Refused("it is UTF-32")),
        odd("utf32_big.csv", utf_32("id;name\n1;Acme\n", true, true), Refused("it is UTF-32")),
        odd("utf32_bare.csv", utf_32("id;name\n1;Kůň\n", false, false), Refused("it is UTF-32")),
        odd("utf32_as_16.csv", utf_32("id;name\n1;Acme\n", false, true), Refused("it is UTF-32"))
            .with(&[("encoding", "utf-16be")]),
        odd("utf32.jsonl", utf_32("{\"id\": 1}\n", true, false), Refused("it is UTF-32")),
        // Names: what nobody sees is left out, what no name has is refused.
        odd(
            "two_marks.csv",
            "\u{feff}\u{feff}id;name\n1;Acme\n",
            good(&["signs that nobody sees, which are left out: U+FEFF"]),
        )
        .with(&[("key", "id")]),
        odd(
            "no_width.csv",
            "id;na\u{200b}me\u{2060}\n1;Acme\n",
            good(&["the name of column `name` has signs that nobody sees"]),
        )
        .with(&[("near", "name")]),
        odd("no_width.jsonl", "{\"id\": \"1\", \"na\u{200b}me\": \"Acme\"}\n", good(&["left out: U+200B"])),
        odd("joiner.csv", "id;نام\u{200c}ها\n1;x\n", In(json!([{"id": "1", "نام\u{200c}ها": "x"}]), &[])),
        odd(
            "controls.csv",
            "id\u{1}name\n1\u{1}Acme\n",
            Refused("line 1: column 1: sign 3 of the name is the control U+0001"),
        ),
        odd("controls_said.csv", "id\u{1}name\n1\u{1}Acme\n", good(&[])).with(&[("separator", "\u{1}")]),
        odd(
            "zeros_in_name.csv",
            utf_16("id;na\0me\n1;Acme\n", true, false),
            Refused("line 1: column 2: sign 3 of the name is the control U+0000"),
        ),
        odd(
            "zeros_in_name.jsonl",
            "{\"id\": 1, \"na\\u0000me\": 2}\n",
            Refused("line 1: column 2: sign 3 of the name is the control U+0000"),
        ),
        odd(
            "zeros_in_value.jsonl",
            "{\"id\": \"a\\u0000\", \"name\": \"b\"}\n",
            Refused("line 1: column `id`: its sign 2 is the control U+0000"),
        ),
        odd("twice.jsonl", "{\"id\": 1}\n{\"id\": 1, \"id\": 2}\n", Refused("line 2: `id` appears twice")),
        odd("capitals.jsonl", "{\"id\": 1}\n{\"ID\": 2}\n", Refused("line 2: `ID` is the column `id` too")),
        // What is said of the separator, and what the rows are.
        odd(
            "sep_wrong.csv",
            "sep=;\nid,name\n1,Acme\n",
            Refused(
                "line 1: it says that values are separated by `;`, but there is one value in each row by `;`, and several by `,`",
            ),
        ),
        odd(
            "sep_twice.csv",
            "sep=;\nid,name\n1,Acme\n",
            In(json!([{"id,name": "1,Acme"}]), &["perhaps the separator is another one"]),
        )
        .with(&[("separator", ";")]),
        odd(
            "sep_given.csv",
            "id,name\n1,Acme\n",
            In(json!([{"id,name": "1,Acme"}]), &["perhaps the separator is another one"]),
        )
        .with(&[("separator", ";")]),
        odd(
            "sep_alone.csv",
            "sep=;\nname\nAcme, Inc.\n",
            In(json!([{"name": "Acme, Inc."}]), &["line 1 says that values are separated by `;`"]),
        ),
        odd("zeros.csv", b"id;name\n1;Ac\0me\n", Refused("it has bytes of zero, as no text has")),
        // No files of records at all.
        odd(
            "page.csv",
            "\n<!DOCTYPE html>\n<html><body>Please log in</body></html>\n",
            Refused("it is a web page (HTML), no file of records"),
        ),
        odd(
            "page16.csv",
            utf_16("<HTML><p>a;b</p>", true, false),
            Refused("it is a web page (HTML), no file of records"),
        ),
        odd("soap.csv", "<?xml version=\"1.0\"?><Error/>", Refused("it is XML, no file of records")),
        odd("error.csv", "{\"error\": \"no token\"}", Refused("it is JSON, no CSV")),
        odd("report.csv", "%PDF-1.7 a;b", Refused("it is a PDF, no file of records")),
        odd("packed.csv", b"\x1f\x8b\x08\0\0", Refused("it is compressed (gzip): unpack it first")),
        odd(
            "book.csv",
            workbook(&[Sheet("A", "visible", texts(&[&["id"], &["1"]]))], &[]),
            Refused("it is a workbook (XLSX) or another ZIP file, no text: --format xlsx"),
        ),
        odd("cut.jsonl", "{\"id\": 1}\n{\"id\":", Refused("line 2: it is not a JSON object")).with(&[]),
        odd("lines.jsonl", utf_16("{\"id\": \"1\", \"name\": \"Acme\"}\n", true, false), good(&[])),
    ]
}

/// Columns that SQLite, or this server, has names for.
fn of_names() -> Vec<Odd> {
    let records = |names: &[&str]| {
        let record = names.iter().map(|name| ((*name).to_owned(), json!(format!("of {name}"))));
        json!([Value::Object(record.collect())])
    };
    let csv = |names: &[&str]| {
        let quoted = |text: String| format!("\"{}\"", text.replace('"', "\"\""));
        let head: Vec<_> = names.iter().map(|name| quoted((*name).to_owned())).collect();
        let values: Vec<_> = names.iter().map(|name| quoted(format!("of {name}"))).collect();
        format!("{}\n{}\n", head.join(","), values.join(","))
    };
    let odd_of = |file, names: &[&str]| odd(file, csv(names), Comes::In(records(names), &[]));
    vec![
        odd_of("rowid.csv", &["rowid", "name"]),
        odd_of("rowid_large.csv", &["ROWID", "name"]).with(&[("key", "ROWID"), ("near", "name")]),
        odd_of("rowid_two.csv", &["RowId", "_rowid_", "name"]).with(&[("index", "_rowid_")]),
        odd_of("oid.csv", &["oid", "_ROWID_"]).with(&[("near", "oid")]),
        odd(
            "rowid_all.csv",
            csv(&["rowid", "oid", "_rowid_"]),
            Comes::Refused(
                "there are columns `rowid`, `_rowid_`, `oid` all together: give one of them another name",
            ),
        ),
        odd_of("keywords.csv", &["select", "from", "where", "group", "order", "index"]).with(&[
            ("key", "select"),
            ("index", "order"),
            ("near", "group"),
        ]),
        odd_of("ours.csv", &["annex_datasets", "sqlite_master", "score", "gram", "rows"])
            .with(&[("near", "gram"), ("index", "annex_datasets")]),
        odd_of("signs.csv", &["a\"b", "a'b", "a;b", "a:b", "?", "a.b", "[a]", "--", "%s"])
            .with(&[("near", "a\"b"), ("index", "a'b")]),
    ]
}

/// Workbooks.
#[expect(clippy::too_many_lines, reason = "a table of files")]
fn of_workbooks() -> Vec<Odd> {
    use Comes::{In, Refused};
    let two = || {
        workbook(
            &[
                Sheet("Help", "hidden", texts(&[&["read me"]])),
                Sheet("Vendors", "visible", texts(&[&["id", "name"], &["1", "Acme"]])),
                Sheet("Others", "visible", texts(&[&["id", "name"], &["2", "Beta"]])),
            ],
            &[],
        )
    };
    let one = |rows: String, formats: &[&str]| workbook(&[Sheet("S", "visible", rows)], formats);
    let head = |names: &[&str]| texts(&[names]);
    let numbers = |formats: &[&str], values: &[&str]| {
        let names = ["a", "b", "c", "d", "e", "f"];
        let cells: Vec<_> = (0..values.len())
            .map(|at| {
                number(&format!("{}2", char::from(b'A' + u8::try_from(at).unwrap())), at + 1, values[at])
            })
            .collect();
        one(format!("{}{}", head(&names[..values.len()]), row(2, &cells)), formats)
    };
    let formula = |value: &str| {
        one(format!("{}<row r=\"2\"><c r=\"A2\"><f>1+1</f>{value}</c></row>", head(&["id"])), &[])
    };
    let errors = || {
        one(
            format!(
                "{}{}",
                head(&["id", "name"]),
                "<row r=\"2\"><c r=\"A2\"><v>1</v></c><c r=\"B2\" t=\"e\"><v>#N/A</v></c></row>"
            ),
            &[],
        )
    };
    vec![
        odd(
            "hidden.xlsx",
            two(),
            In(
                acme(),
                &[
                    "read from the sheet `Vendors`, the first that is visible of 3: `Help`, `Vendors`, `Others`",
                ],
            ),
        ),
        odd(
            "by_name.xlsx",
            two(),
            In(json!([{"id": "2", "name": "Beta"}]), &["read from the sheet `Others`"]),
        )
        .with(&[("sheet", "Others")]),
        odd("by_number.xlsx", two(), In(acme(), &["read from the sheet `Vendors`"])).with(&[("sheet", "2")]),
        odd("no_name.xlsx", two(), Refused("it has no sheet `Prices`; it has: `Help`, `Vendors`, `Others`"))
            .with(&[("sheet", "Prices")]),
        odd("no_number.xlsx", two(), Refused("it has no sheet 4; it has 3")).with(&[("sheet", "4")]),
        odd(
            "all_hidden.xlsx",
            workbook(&[Sheet("S", "veryHidden", texts(&[&["id"], &["1"]]))], &[]),
            Refused("it has no sheet that is visible: name one with --sheet"),
        ),
        odd(
            "codes.xlsx",
            numbers(
                &["00000", "000\\ 00", "\"K-\"0000", "#,##0.00", "General"],
                &["123", "11000", "7", "1250.5", "0.30000000000000004"],
            ),
            In(json!([{"a": "00123", "b": "110 00", "c": "K-0007", "d": "1250.5", "e": "0.3"}]), &[]),
        ),
        odd(
            "codes_odd.xlsx",
            numbers(&["0000.00"], &["12.5"]),
            In(
                json!([{"a": "12.5"}]),
                &["a number is shown as `0000.00` in the workbook, which is not reproduced"],
            ),
        ),
        odd(
            "times.xlsx",
            numbers(
                &["yyyy-mm-dd", "d.m.yyyy h:mm", "h:mm", "[h]:mm", "hh:mm:ss"],
                &["46331", "46331.25", "0.354166666666667", "1.104166666666667", "0"],
            ),
            In(
                json!([{"a": "2026-11-05", "b": "2026-11-05T06:00:00", "c": "08:30:00", "d": "PT26H30M", "e": "00:00:00"}]),
                &[],
            ),
        ),
        odd(
            "no_date.xlsx",
            numbers(&["yyyy-mm-dd"], &["-1"]),
            Refused("line 2: cell A2: it has the format of a date, and its number is none"),
        ),
        odd(
            "booleans.xlsx",
            one(
                format!(
                    "{}<row r=\"2\"><c r=\"A2\" t=\"b\"><v>1</v></c><c r=\"B2\" t=\"b\"><v>0</v></c></row>",
                    head(&["a", "b"])
                ),
                &[],
            ),
            In(json!([{"a": "true", "b": "false"}]), &[]),
        ),
        odd("errors.xlsx", errors(), Refused("line 2: cell B2: it holds the error #N/A")),
        odd("formula.xlsx", formula("<v>2</v>"), In(json!([{"id": "2"}]), &[])),
        odd(
            "formula_some.xlsx",
            one(
                format!(
                    "{}<row r=\"2\"><c r=\"A2\"><f>1+1</f><v>2</v></c><c r=\"B2\"><f>\"\"</f><v></v></c></row>",
                    head(&["id", "name"])
                ),
                &[],
            ),
            In(
                json!([{"id": "2", "name": null}]),
                &["1 of 2 formulas have no value, the first is in cell B2"],
            ),
        ),
        odd("formula_bare.xlsx", formula(""), Refused("line 2: cell A2: its formula has no value")),
        odd(
            "title.xlsx",
            one(
                format!(
                    "{}{}{}",
                    row(1, &[text("A1", "Vendors")]),
                    row(3, &[text("A3", "id"), text("B3", "name")]),
                    row(4, &[text("A4", "1"), text("B4", "Acme")])
                ),
                &[],
            ),
            Refused("line 1: it has one value, line 3 has 2"),
        ),
        odd(
            "titled.xlsx",
            one(
                format!(
                    "{}{}{}",
                    row(1, &[text("A1", "Vendors")]),
                    row(3, &[text("A3", "id"), text("B3", "name")]),
                    row(4, &[text("A4", "1"), text("B4", "Acme")])
                ),
                &[],
            ),
            In(acme(), &["skipped above the names of the columns: line 1"]),
        )
        .with(&[("head", "3")]),
        odd("empty.xlsx", one(String::new(), &[]), Refused("its sheet `S` is empty")),
        odd(
            "text.xlsx",
            "id;name\n1;Acme\n",
            Refused("it is not a workbook (XLSX): if it is text, --format csv"),
        ),
        odd(
            "old.xlsx",
            b"\xd0\xcf\x11\xe0\xa1\xb1",
            Refused("it is an old workbook (XLS), or one with a password"),
        ),
        odd("old.csv", b"\xd0\xcf\x11\xe0\xa1\xb1", Refused("it is an old workbook (XLS), no text")),
    ]
}

fn all() -> Vec<Odd> {
    let mut all = of_text();
    all.extend(of_names());
    all.extend(of_workbooks());
    for odd in &mut all {
        // A dataset for each.
        let name: &'static str = match odd.file {
            "cut.jsonl" => "cut_lines.jsonl",
            "utf32.jsonl" => "utf32_lines.jsonl",
            "no_width.jsonl" => "no_width_lines.jsonl",
            "zeros_in_name.jsonl" => "zeros_in_name_lines.jsonl",
            "title.xlsx" => "title_book.xlsx",
            "old.csv" => "old_text.csv",
            other => other,
        };
        odd.file = name;
    }
    all
}

fn records(folder: &Path, name: &str) -> Value {
    let output = annex_command()
        .args(["data", "export", name, "--format", "jsonl", "--state", "state"])
        .current_dir(folder)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect()
}

#[test]
fn every_file_is_imported_or_refused_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    let all = all();
    assert!(all.len() > 100, "{}", all.len());
    for odd in &all {
        write_bytes(&folder.path().join(odd.file), &odd.bytes);
        let output = annex_command()
            .arg("data")
            .args(odd.arguments())
            .args(["--state", "state"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        let (code, file) = (output.status.code(), odd.file);
        match &odd.comes {
            Comes::In(expected, parts) => {
                let found = if code == Some(0) { records(folder.path(), odd.name()) } else { Value::Null };
                if found != *expected || parts.iter().any(|part| !said.contains(part)) {
                    wrong.push(format!("{file}: {code:?} {found}\n  {said}"));
                } else if parts.is_empty() && said.lines().count() > 1 && !file.ends_with("xlsx") {
                    wrong.push(format!("{file} says more than it should\n  {said}"));
                }
            }
            Comes::Refused(part) => {
                if code != Some(1) || !said.contains(part) || !said.contains(file) {
                    wrong.push(format!("{file}: {code:?}\n  {said}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The server's own words of each dataset.
fn listed(annex: &Annex) -> Vec<Value> {
    let output = annex.run(&["data", "list", "--json"]);
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

fn config(rest: &str) -> String {
    format!("[server]\nstate = \"state\"\n[[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n{rest}")
}

#[test]
fn a_server_that_watches_them_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let all = all();
    for odd in &all {
        write_bytes(&folder.path().join(odd.file), &odd.bytes);
    }
    let tables: String = all.iter().map(Odd::table).collect();
    write(&folder.path().join("annex.toml"), &config(&tables));
    let annex = Annex::dev_in(folder, free_port());
    let is_decided = |known: &Value| known["records"].is_u64() || known["refused"].is_object();
    eventually("each file is imported or refused", Duration::from_secs(120), || {
        let known = listed(&annex);
        known.len() == all.len() && known.iter().all(is_decided)
    });
    let known = listed(&annex);
    let mut wrong = Vec::new();
    for odd in &all {
        let (file, of) = (odd.file, known.iter().find(|known| known["name"] == odd.name()).unwrap());
        match &odd.comes {
            Comes::In(expected, parts) => {
                let found = records(annex.folder(), odd.name());
                let said = of["notes"].to_string().replace("\\\"", "\"");
                if found != *expected
                    || !of["refused"].is_null()
                    || parts.iter().any(|part| !said.contains(part))
                {
                    wrong.push(format!("{file}: {found} {of}"));
                }
            }
            Comes::Refused(part) => {
                let problem = of["refused"]["problem"].as_str().unwrap_or_default();
                if !problem.contains(part) || !problem.contains(file) || !of["records"].is_null() {
                    wrong.push(format!("{file}: {of}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let text = String::from_utf8(annex.run(&["data", "list"]).stdout).unwrap();
    assert!(text.contains("quote  never imported"), "{text}");
    assert!(text.contains("its file has been refused since 2"), "{text}");
}

fn get(port: u16, path: &str) -> String {
    let mut client = Client::plain(([127, 0, 0, 1], port).into());
    let answer =
        client.request_as(&format!("127.0.0.1:{port}"), "GET", path, &[("content-length", "0")], b"");
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    String::from_utf8_lossy(&answer.body).into_owned()
}

fn lines(count: usize) -> String {
    let lines: Vec<String> = (0..count).map(|at| format!("{at};Vendor {at}\n")).collect();
    format!("id;name\n{}", lines.concat())
}

#[test]
fn a_refused_file_changes_nothing_and_is_said_everywhere_until_it_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = "[[dataset]]\nname = \"v\"\nfile = \"v.csv\"\nkey = \"id\"\n";
    write(&folder.path().join("annex.toml"), &config(dataset));
    let file = folder.path().join("v.csv");
    write(&file, &lines(40));
    let port = free_port();
    let annex = Annex::dev_inspected(folder, port);
    let count = || listed(&annex).first().map_or(Value::Null, |known| known["records"].clone());
    let refused = || listed(&annex)[0]["refused"].clone();
    let wait = Duration::from_secs(30);
    eventually("forty records", wait, || count() == json!(40));
    let metric = || {
        let text = get(port, "/metrics");
        let line = text
            .lines()
            .find(|line| line.starts_with("annex_dataset_file_refused_since_seconds{dataset=\"v\"}"));
        line.unwrap().rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert!(metric() < 1.0 && refused().is_null() && !get(port, "/readyz").contains("warning"));
    // Nine tenths are gone: nobody meant that.
    write(&file, &lines(4));
    let few = "it has 4 records, and the dataset has 40: that is 90 % fewer, and 50 % are allowed";
    annex.logs(few, wait);
    assert!(refused()["problem"].as_str().unwrap().contains(few), "{}", refused());
    assert_eq!(count(), json!(40));
    assert!(metric() > 1.7e9);
    let ready = get(port, "/readyz");
    assert!(
        ready.starts_with("ready\n")
            && ready.contains("the file of the dataset v has been refused since 2")
            && ready.contains(few),
        "{ready}"
    );
    let status: Value = serde_json::from_str(&get(port, "/status")).unwrap();
    assert!(
        status["datasets"][0]["refused"].as_str().unwrap().contains(few)
            && status["datasets"][0]["since"].is_string(),
        "{status}"
    );
    let shown = annex.run(&["data", "show", "v"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains(few));
    // By hand neither, until it is said.
    let by_hand =
        |more: &[&str]| annex.run(&[&["data", "import", "v", "v.csv", "--key", "id"], more].concat());
    assert!(String::from_utf8_lossy(&by_hand(&[]).stderr).contains(few));
    assert!(by_hand(&["--allow-shrink"]).status.success());
    assert_eq!((count(), refused()), (json!(4), Value::Null));
    eventually("the server knows it too", wait, || {
        metric() < 1.0 && !get(port, "/readyz").contains("warning")
    });
    // A page instead of the file; that it is refused outlives the process, with its time.
    write(&file, "<html><p>503 Service Unavailable</p>");
    annex.logs("it is a web page (HTML)", wait);
    let since = refused()["since"].clone();
    let annex = annex.again("TERM");
    annex.logs("it is a web page (HTML)", wait);
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(
        (listed(&annex)[0]["refused"]["since"].clone(), listed(&annex)[0]["records"].clone()),
        (since, json!(4))
    );
    // The configuration may say that all of them may go.
    write(
        &annex.folder().join("annex.toml"),
        &config(&format!("{dataset}allow_empty = true\nallow_shrink = 100\n")),
    );
    annex.signal("HUP");
    write(&annex.folder().join("v.csv"), "id;name\n");
    eventually("no records", wait, || listed(&annex)[0]["records"] == json!(0));
    assert!(listed(&annex)[0]["refused"].is_null());
    // A dataset that is not declared any more is refused no more.
    write(&annex.folder().join("v.csv"), "<html>");
    eventually("refused", wait, || listed(&annex)[0]["refused"].is_object());
    write(&annex.folder().join("annex.toml"), &config(""));
    annex.signal("HUP");
    eventually("forgotten", wait, || listed(&annex)[0]["refused"].is_null());
}

#[test]
fn what_shrinks_is_said_by_hand_too() {
    let folder = tempfile::tempdir().unwrap();
    let import = |text: &str, more: &[&str]| {
        write(&folder.path().join("v.csv"), text);
        let mut command = annex_command();
        command.args(["data", "import", "v", "v.csv", "--state", "state"]).args(more);
        let output = command.current_dir(folder.path()).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.success(), text)
    };
    assert!(import(&lines(100), &[]).0);
    assert!(import(&lines(50), &[]).0, "half of them");
    let (is_in, said) = import(&lines(24), &[]);
    assert!(!is_in && said.contains("that is 52 % fewer, and 50 % are allowed"), "{said}");
    let (is_in, said) = import("id;name\n", &["--allow-shrink"]);
    assert!(!is_in && said.contains("it has no records, and the dataset has 50"), "{said}");
    assert!(import("id;name\n", &["--key", "id", "--update"]).0, "an update of nothing");
    assert!(import(&lines(9), &["--allow-shrink"]).0);
    assert!(import(&lines(1), &[]).0, "of fewer than ten a person sees what is there");
    let (is_in, said) = import("id;city\n1;Bonn\n", &[]);
    assert!(is_in && said.contains("columns that the dataset had before are gone: name"), "{said}");
    assert!(import("id;city\n", &["--allow-empty"]).0);
    assert_eq!(records(folder.path(), "v"), json!([]));
}

#[test]
fn columns_that_are_gone_renamed_or_emptied_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let import = |text: &str, more: &[&str]| {
        write(&folder.path().join("v.csv"), text);
        let mut command = annex_command();
        command.args(["data", "import", "v", "v.csv", "--state", "state"]).args(more);
        let output = command.current_dir(folder.path()).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "{text}");
        text.split_once('\n').map(|(_, notes)| notes.trim().to_owned()).unwrap_or_default()
    };
    let full = "id,name,iban,note\n1,Acme,DE1,\n2,Beta,,\n";
    assert_eq!(import(full, &[]), "", "nothing was there before");
    assert_eq!(import(full, &[]), "", "a column that was empty before is no news");
    let emptied = import("id,name,iban,note\n1,Acme,,\n2,Beta,,\n", &[]);
    assert!(emptied.ends_with("columns that had values before have none now: iban"), "{emptied}");
    let renamed = import("id,title,iban,note\n1,Acme,DE1,\n2,Beta,,x\n", &[]);
    assert!(
        renamed.ends_with("columns that the dataset had before are gone: name; new are: title"),
        "{renamed}"
    );
    assert_eq!(import("id,title,iban,note,city\n1,Acme,DE1,x,Bonn\n", &[]), "", "one more is no loss");
    assert_eq!(import("id,city\n1,\n", &["--key", "id", "--update"]), "", "an update says less on purpose");
}

/// The step `match` reads its list as datasets are read.
#[test]
fn a_list_of_the_step_match_knows_the_same_files() {
    for odd in all() {
        let key = |name: &str| odd.keys.iter().any(|(key, _)| *key == name);
        if odd.file.starts_with("head_only") || key("key") || key("near") || key("allow_empty") {
            continue; // of datasets alone
        }
        let columns = match &odd.comes {
            Comes::In(records, _) => records[0].as_object().unwrap().keys().cloned().collect::<Vec<_>>(),
            Comes::Refused(_) => vec!["id".to_owned(), "name".to_owned()],
        };
        let [value, label] = [columns.first(), columns.last()].map(|name| json!(name.unwrap()).to_string());
        let keys = odd.table();
        let keys = keys.split_once("file = ").unwrap().1;
        let keys = keys.lines().filter(|line| !line.starts_with("index")).collect::<Vec<_>>().join("\n");
        let step = format!(
            "[[hook.step]]\nuse = \"match\"\nfield = \"a\"\ntarget = \"b\"\nvalue = {value}\nlabel = {label}\nfile = {keys}\n"
        );
        let folder = tempfile::tempdir().unwrap();
        write_bytes(&folder.path().join(odd.file), &odd.bytes);
        write(&folder.path().join("annex.toml"), &config(&step));
        let mut command = annex_command();
        command.args(["check", "--dev-http", "--config", "annex.toml"]);
        let output = command.current_dir(folder.path()).env("ROSSUM_SECRET", SECRET).output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        match &odd.comes {
            Comes::In(_, parts) => {
                assert!(
                    output.status.success() && parts.iter().all(|part| said.contains(part)),
                    "{}: {said}",
                    odd.file
                );
            }
            // Columns that must be there are known: the head is found by them.
            Comes::Refused(_) if odd.file.starts_with("title") || odd.file.starts_with("two_ways") => {}
            Comes::Refused(part) if part.contains("there are columns `rowid`") => {}
            Comes::Refused(part) => {
                assert!(!output.status.success() && said.contains(part), "{}: {said}", odd.file);
            }
        }
    }
}

const QUERIES: &str = r#"
[[dataset]]
name = "v"
file = "v.csv"
key = "ROWID"
index = ["oid", "select"]
near = ["name", "oid"]
"#;

/// Columns with SQLite's own names, in each kind of query.
#[test]
fn columns_with_names_of_sqlite_are_found_by() {
    let csv = "ROWID,oid,name,select,score\nA-7,Acme,Acme Ltd,x,high\nB-8,Beta,Beta Ltd,y,low\nC-9,Acme,Gamma Inc,z,mid\n";
    let find = json!({"configurations": [{"name": "v", "source": {"dataset": "v", "queries": [{"find": {"oid": "{field}"}}]},
        "default": {"value": "", "label": "---"},
        "mapping": {"target_schema_id": "vendor", "dataset_key": "ROWID", "label_template": "{name}"}}]});
    let step = |query: &str| {
        format!("[[hook.step]]\nuse = \"match\"\ntarget = \"vendor\"\nchoose = \"first\"\n{query}\n")
    };
    let searched = |query: &str| {
        step(&format!(
            "dataset = \"v\"\nvalue = \"ROWID\"\nlabel = \"{{name}} {{score}}\"\n[[hook.step.query]]\n{query}"
        ))
    };
    for (query, field, value, label) in [
        (
            step("queries = [\"SELECT rowid, name FROM v WHERE oid = :field ORDER BY rowid\"]"),
            "Acme",
            "A-7",
            "Acme Ltd",
        ),
        (
            step("queries = ['SELECT \"ROWID\", \"select\" FROM v WHERE \"rowid\" = :field']"),
            "B-8",
            "B-8",
            "y",
        ),
        (searched("exact = { ROWID = \"field\" }"), "C-9", "C-9", "Gamma Inc mid"),
        (searched("exact = { oid = \"field\" }"), "Acme", "A-7", "Acme Ltd high"),
        (searched("normalized = { name = \"field\" }"), "beta", "B-8", "Beta Ltd low"),
        (searched("prefix = { NAME = \"field\" }"), "gam", "C-9", "Gamma Inc mid"),
        (searched("fuzzy = { oid = \"field\" }\nsure = 0.5\n"), "Beto", "B-8", "Beta Ltd low"),
        (searched("regex = { select = '^{field}$' }"), "z", "C-9", "Gamma Inc mid"),
        (
            "[[hook.step]]\nuse = \"match\"\nconfiguration = \"find.json\"\n".to_owned(),
            "Acme",
            "A-7",
            "Acme Ltd",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("v.csv"), csv);
        write(&folder.path().join("find.json"), &find.to_string());
        write(&folder.path().join("annex.toml"), &config(&format!("{query}{QUERIES}")));
        let annex = Annex::dev_in(folder, free_port());
        annex.logs("3 records imported", Duration::from_secs(20));
        let first = |answer: &Value| {
            let option = &answer["operations"][0]["value"];
            (option["content"]["value"].clone(), option["options"].clone())
        };
        let (found, options) = first(&asked(&annex, field));
        assert!(options.to_string().contains(label), "{query}: {options}");
        if !query.contains("configuration") {
            assert_eq!(found, json!(value), "{query}: {options}");
        }
        let (found, _) = first(&asked(&annex, "nobody at all"));
        assert_eq!(found, json!(""), "{query}");
    }
}

fn asked(annex: &Annex, field: &str) -> Value {
    let datapoint = |id: u64, schema_id: &str, value: &str| json!({"id": id, "schema_id": schema_id, "category": "datapoint", "content": {"value": value, "normalized_value": value}});
    let document = json!({"request_id": "r", "event": "annotation_content", "action": "initialize", "annotation": {"id": 7, "content": [
        {"id": 100, "schema_id": "s", "category": "section", "children": [datapoint(1, "field", field), datapoint(2, "vendor", "")]}]}});
    let answer = annex.client().deliver("/x", document.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// A name that no column has is no text that is equal to itself.
#[test]
fn a_column_that_is_missing_is_said() {
    let step = "[[hook.step]]\nuse = \"match\"\ntarget = \"vendor\"\n";
    for (query, said) in [
        (
            "dataset = \"v\"\nvalue = \"id\"\nlabel = \"{id}\"\n[[hook.step.query]]\nexact = { nope = \"field\" }\n",
            "`v` has no column `nope`; it has: id, name",
        ),
        ("queries = ['SELECT id, name FROM v WHERE \"nope\" = :field']\n", "no such column"),
    ] {
        let annex =
            Annex::dev_with_files(&config(&format!("{step}{query}")), &[("v.csv", "id,name\n1,Acme\n")]);
        assert!(annex.run(&["data", "import", "v", "v.csv"]).status.success());
        let answer = asked(&annex, "nope");
        assert!(!answer["messages"].as_array().unwrap().is_empty(), "{answer}");
        annex.logs(said, Duration::from_secs(5));
    }
}
