//! Records that can hardly be meant are told, at the check and at the import; whatever a file holds, nothing is lost without a
//! word.

use std::io::Write as _;
use std::path::Path;

use rossum_annex::data::{Format, Layout, read};
use serde_json::json;

use crate::planted::checked;
use crate::support::{annex_command, write};

const ASKS: &str = "[[hook]]\npath = \"/x\"\nsecrets = [\"file:s\"]\n[[hook.step]]\nuse = \"match\"\ntarget = \"partner\"\n\
    dataset = \"partners\"\nvalue = \"code\"\nlabel = \"{title}\"\n[[hook.step.query]]\nexact = { title = \"reference\" }\n";

/// What `annex check` says of a file, and what its import says: each with whether it is well.
fn said(keys: &str, arguments: &[&str], file: &str) -> [(bool, String); 2] {
    let config = format!("[[dataset]]\nname = \"partners\"\nfile = \"partners.csv\"\n{keys}\n{ASKS}");
    let check = checked(&config, &[("partners.csv", json!(file))]);
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("partners.csv"), file);
    let mut command = annex_command();
    command.current_dir(folder.path()).args([
        "data",
        "import",
        "partners",
        "partners.csv",
        "--state",
        "state",
    ]);
    let done = command.args(arguments).output().unwrap();
    let text = [done.stdout, done.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    [check, (done.status.success(), text)]
}

#[test]
fn records_that_can_hardly_be_meant_are_told_with_their_lines() {
    for (file, says) in [
        ("code,title\n1,One\n#N/A,Two\n#REF!,Three\n", "lines 3 and 4: `code` is the error of a formula"),
        (
            "code,title\n4.5E+11,One\n2,Two\n",
            "line 2: `code` is a long number in the short form of a spreadsheet",
        ),
        ("code;title\n\"4,50123E+11\";One\n2;Two\n", "line 2: `code` is a long number"),
        (
            "code,title\n1,MÃ¼ller\n2,10 â€“ 12\n3,Ã‰\n4,Ã¼\n5,Ã©\n",
            "lines 2, 3, 4 and 2 more: `title` seems to be UTF-8",
        ),
        ("code,title\n1,MĂĽller\n", "line 2: `title` seems to be UTF-8 that was read in another encoding"),
        (
            "code,title,sum\n1,One,5\n2,Two,6\nTotal,,11\n",
            "line 4: the last record seems to be a total: --foot 1",
        ),
        ("code,title,sum\n1,One,5\nSumme:,,5\n", "line 3: the last record seems to be a total"),
        ("code,title\n1,One\ncode,title\n2,Two\n", "line 3: the record repeats the names of the columns"),
    ] {
        let [check, import] = said("key = [\"code\"]", &["--key", "code"], file);
        assert!(
            check.0 && check.1.contains("note: annex.toml:3: ") && check.1.contains(says),
            "{file}\n{}",
            check.1
        );
        assert!(import.0 && import.1.contains(says), "{file}\n{}", import.1);
    }
    let empty = "code,title,sum\n1,One,5\n,Total,5\n";
    for (is_well, text) in said("key = [\"code\"]", &["--key", "code"], empty) {
        assert!(
            !is_well && text.contains("line 3: the key `code` is empty; `Total` stands in it: perhaps"),
            "{text}"
        );
    }
}

#[test]
fn marks_of_git_are_refused() {
    let says = "it is a mark of git, which could not merge two versions of the file";
    for file in [
        "code,title\n1,One\n<<<<<<< HEAD\n2,Two\n=======\n2,Second\n>>>>>>> other\n",
        "<<<<<<< HEAD\ncode,title\n=======\ncode,title\n>>>>>>> other\n1,One\n",
    ] {
        for (is_well, text) in said("key = [\"code\"]", &["--key", "code"], file) {
            assert!(!is_well && text.contains(says) && text.contains("line "), "{file}\n{text}");
        }
    }
    // Behind what the separator is found by, and in JSON lines.
    let rows = "1,Partner\n".repeat(20_000);
    let (is_well, text) =
        said("", &[], &format!("code,title\n{rows}>>>>>>> other\n")).into_iter().next_back().unwrap();
    assert!(!is_well && text.contains(&format!("line 20002: {says}")), "{text}");
    let lines = "{\"code\":\"1\",\"title\":\"One\"}\n<<<<<<< HEAD\n";
    let (is_well, text) = said("", &["--format", "jsonl"], lines).into_iter().next_back().unwrap();
    assert!(!is_well && text.contains(&format!("line 2: {says}")), "{text}");
}

#[test]
fn records_that_are_right_are_left_alone() {
    for file in [
        "code,title\n1,Total\n2,Summe\n",
        "code,title\nT1,Total Energies\n4711,TOTAL\n",
        "code,title\nTotal,TotalEnergies SE\n",
        "code,title\n1,Müller\n2,SÃO PAULO\n3,NESTLÉ®\n4,SPITALUL ORĂŞENESC\n5,Příbram – Łódź €\n",
        "code,title\nN/A,#1 Store\n1E+5,E+12\n<<,<<<<<<<<<<\n",
        "code,title\n1,code\ncode,Title of it\n",
    ] {
        for (is_well, text) in said("key = [\"code\"]", &["--key", "code"], file) {
            assert!(is_well && !text.contains("note: ") && !text.contains("line "), "{file}\n{text}");
        }
    }
    let total = "code,title,sum\n1,One,5\nTotal,,5\n";
    let [check, import] = said("key = [\"code\"]\nfoot = 1", &["--key", "code", "--foot", "1"], total);
    assert!(
        check.0 && !check.1.contains("note: ") && import.0 && !import.1.contains("total"),
        "{check:?} {import:?}"
    );
}

/// The same numbers in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound).unwrap()).unwrap()
    }

    fn one<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.below(of.len())]
    }
}

/// The records of a file, or why it is refused; and what is said of it.
type Outcome = (Result<Vec<Vec<String>>, String>, Vec<String>);

fn outcome(bytes: &[u8], format: Format, folder: &Path) -> Outcome {
    let end = match format {
        Format::Csv => "csv",
        Format::JsonLines => "jsonl",
        Format::Workbook => "xlsx",
    };
    let path = folder.join(format!("file.{end}"));
    std::fs::File::create(&path).unwrap().write_all(bytes).unwrap();
    let found = match read(&path, &Layout::of(format)) {
        Ok(found) => found,
        Err(problem) => return (Err(problem.of(&path)), Vec::new()),
    };
    let (columns, notes) = (found.columns.len(), found.notes);
    let (mut records, mut before) = (Vec::new(), 0);
    for record in found.records {
        match record {
            Ok((line, record)) => {
                assert!(line > before && record.len() == columns, "line {line} after {before}: {record:?}");
                before = line;
                records.push(record.into_iter().map(Option::unwrap_or_default).collect());
            }
            Err(problem) => return (Err(problem.of(&path)), notes.texts()),
        }
    }
    (Ok(records), notes.texts())
}

#[test]
fn no_record_of_a_csv_is_lost_without_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let mut numbers = Numbers(11);
    let cells = [
        "a",
        "",
        "Kůň",
        " b ",
        "1.5",
        "#N/A",
        "Total",
        "MÃ¼ller",
        "\"x;y\"",
        "\"2\n3\"",
        "\"q\"\"q\"",
        "=1+1",
        "€",
        "4.5E+11",
    ];
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..1_500 {
        let width = 2 + numbers.below(3);
        let end = numbers.one(&["\n", "\r\n"]);
        let names: Vec<String> = (0..width).map(|at| format!("n{at}")).collect();
        let mut text = format!("{}{end}", names.join(";"));
        let mut expected: Vec<Vec<String>> = Vec::new();
        let mut is_regular = true;
        for _ in 0..numbers.below(8) {
            let count = if numbers.below(12) == 0 { width + 1 + numbers.below(2) } else { width };
            is_regular &= count == width;
            let row: Vec<&str> = (0..count).map(|_| numbers.one(&cells)).collect();
            text.push_str(&row.join(";"));
            text.push_str(end);
            let plain = |cell: &&str| cell.trim().trim_matches('"').replace("\"\"", "\"");
            let row: Vec<String> = row.iter().map(plain).collect();
            if row.iter().any(|cell| !cell.is_empty()) {
                expected.push(row);
            }
        }
        let bytes = text.as_bytes();
        let cut = if numbers.below(2) == 0 { bytes.len() } else { numbers.below(bytes.len() + 1) };
        match outcome(&bytes[..cut], Format::Csv, folder.path()).0 {
            Ok(records) if cut == bytes.len() => {
                // A separator more at the end of every record is none.
                let is_same = |(one, other): (&Vec<String>, &Vec<String>)| {
                    other.starts_with(one) && other[one.len()..].iter().all(String::is_empty)
                };
                let all = records.iter().zip(&expected).all(is_same);
                assert!(all && records.len() == expected.len(), "{text:?}\n{records:?}");
                taken += 1;
            }
            Ok(records) => {
                // What stands before the cut, and of the last record perhaps less.
                assert!(records.len() <= expected.len(), "{text:?}\n{records:?}");
                let whole = records.len().saturating_sub(1);
                let is_same = |(one, other): (&Vec<String>, &Vec<String>)| other.starts_with(one);
                assert!(records[..whole].iter().zip(&expected).all(is_same), "{text:?}\n{records:?}");
                let begins = records.last().is_none_or(|last| {
                    last.iter().zip(&expected[whole]).all(|(one, other)| other.starts_with(one.as_str()))
                });
                assert!(begins, "{text:?}\n{records:?}");
            }
            Err(problem) => {
                assert!(cut < bytes.len() || !is_regular, "{text:?}\n{problem}");
                assert!(problem.contains("file.csv") && problem.len() > 20, "{problem}");
                refused += 1;
            }
        }
    }
    assert!(taken > 300 && refused > 100, "{taken} {refused}");
}

#[test]
fn no_record_of_json_lines_is_lost_without_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let mut numbers = Numbers(5);
    let mut refused = 0;
    for _ in 0..800 {
        let values = ["\"a\"", "1.50", "true", "null", "\"Kůň \\u0159\"", "[1]", "{\"x\":\"y\"}", "\"\""];
        let lines: Vec<String> = (0..=numbers.below(6))
            .map(|_| format!("{{\"a\": {}, \"b\": {}}}", numbers.one(&values), numbers.one(&values)))
            .collect();
        let text = lines.join(numbers.one(&["\n", "\r\n", "\n\n"]));
        let cut = if numbers.below(2) == 0 { text.len() } else { numbers.below(text.len()) };
        let whole = lines.len();
        match outcome(&text.as_bytes()[..cut], Format::JsonLines, folder.path()).0 {
            Ok(records) if cut == text.len() => assert_eq!(records.len(), whole, "{text}"),
            Ok(records) => {
                let begun = text.as_bytes()[..cut].split(|byte| *byte == b'\n');
                let begun = begun.filter(|line| line.iter().any(|byte| !byte.is_ascii_whitespace())).count();
                assert_eq!(records.len(), begun, "{:?}", &text.as_bytes()[..cut]);
            }
            Err(problem) => {
                assert!(cut < text.len(), "{text}\n{problem}");
                assert!(problem.contains("file.jsonl") && problem.len() > 20, "{problem}");
                refused += 1;
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn a_damaged_workbook_is_refused_or_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let whole = include_bytes!("../data/vendors.xlsx");
    let (records, _) = outcome(whole, Format::Workbook, folder.path());
    let records = records.unwrap();
    assert!(!records.is_empty());
    let mut numbers = Numbers(3);
    let (mut refused, mut read) = (0, 0);
    for round in 0..400 {
        let mut bytes = whole.to_vec();
        if round % 2 == 0 {
            bytes.truncate(numbers.below(bytes.len()));
        } else {
            for _ in 0..=numbers.below(3) {
                let at = numbers.below(bytes.len());
                bytes[at] ^= u8::try_from(1 + numbers.below(255)).unwrap();
            }
        }
        let is_cut = bytes.len() < whole.len();
        match outcome(&bytes, Format::Workbook, folder.path()).0 {
            Ok(found) => {
                assert!(!is_cut, "cut at {}", bytes.len());
                assert_eq!(found.len(), records.len(), "round {round}");
                read += 1;
            }
            Err(problem) => {
                assert!(problem.contains("file.xlsx") && problem.len() > 20, "{problem}");
                refused += 1;
            }
        }
    }
    assert!(refused > 200 && read > 0, "{refused} {read}");
}
