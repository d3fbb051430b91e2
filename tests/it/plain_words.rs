//! The pages can be read at the first reading: sentences, paragraphs and cells of a table have a bound, and phrases that are
//! antique or clipped do not come back.

use std::path::{Path, PathBuf};

/// Pages that the binary prints.
const MADE: [&str; 1] = ["reference.md"];

const WORDS_OF_A_SENTENCE: usize = 35;
const WORDS_OF_A_PARAGRAPH: usize = 90;
const WORDS_OF_A_CELL: usize = 40;

/// In small letters.
const PHRASES: [&str; 22] = [
    " anew",
    " are told",
    " as you like",
    " gone on with",
    " hence ",
    " is told",
    " it meets",
    " lest ",
    " nor is ",
    " of now",
    " of ours",
    " one's own",
    " shall ",
    " so it is with",
    " so much and no more",
    " that stands for good",
    " thereof",
    " what becomes of",
    " whereupon",
    " who has the one",
    " whoever ",
    " without a word",
];

fn pages() -> Vec<(PathBuf, String)> {
    let docs = std::fs::read_dir("docs").unwrap().map(|entry| entry.unwrap().path());
    let is_page = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        path.extension().is_some_and(|extension| extension == "md") && !MADE.contains(&name)
    };
    let mut paths: Vec<_> = docs.filter(is_page).collect();
    paths.extend(["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(PathBuf::from));
    paths.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// A piece of a page, with the line where it begins.
struct Piece {
    line: usize,
    is_cell: bool,
    text: String,
}

/// Paragraphs, items of lists and cells; no code, no headings.
fn pieces(page: &str) -> Vec<Piece> {
    let (mut pieces, mut is_code, mut is_open) = (Vec::<Piece>::new(), false, false);
    for (at, line) in page.lines().enumerate() {
        let (line, number) = (line.trim_end(), at + 1);
        if line.trim_start().starts_with("```") {
            (is_code, is_open) = (!is_code, false);
            continue;
        }
        let text = line.trim_start();
        let is_indented = line.starts_with("    ") && !is_open;
        if is_code || is_indented || text.is_empty() || text.starts_with('#') || text.starts_with("![") {
            is_open = false;
            continue;
        }
        if text.starts_with('|') {
            let cells = text.trim_matches('|').split(" | ");
            pieces.extend(cells.map(|cell| Piece { line: number, is_cell: true, text: cell.to_owned() }));
            is_open = false;
            continue;
        }
        let digits = text.trim_start_matches(|c: char| c.is_ascii_digit());
        let is_item = text.starts_with("- ") || (digits.len() < text.len() && digits.starts_with(". "));
        match pieces.last_mut() {
            Some(last) if is_open && !is_item => {
                last.text.push(' ');
                last.text.push_str(text);
            }
            _ => pieces.push(Piece {
                line: number,
                is_cell: false,
                text: digits.trim_start_matches("- ").trim_start_matches(". ").to_owned(),
            }),
        }
        is_open = true;
    }
    pieces
}

/// Without what is code or an address: each counts as one word.
fn prose(text: &str) -> String {
    let parts = text.split('`').enumerate();
    let text: String = parts.map(|(at, part)| if at % 2 == 1 { "code" } else { part }).collect();
    let mut links = text.split("](");
    let first = links.next().unwrap_or_default().to_owned();
    links.fold(first, |all, rest| all + rest.split_once(')').map_or("", |(_, after)| after))
}

fn words(text: &str) -> usize {
    text.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count()
}

fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(['.', '?', '!'])
        .scan(0, |from, part| {
            let (start, end) = (*from, *from + part.len());
            *from = end;
            Some((start, end))
        })
        .fold(vec![(0, 0)], |mut all, (_, end)| {
            let last = all.len() - 1;
            all[last].1 = end;
            // A full stop inside of a number or a name ends nothing.
            if text[end..].starts_with([' ', '*', ')', '"']) {
                all.push((end, end));
            }
            all
        })
        .into_iter()
        .map(|(start, end)| &text[start..end])
}

fn faults(page: &Path, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for piece in pieces(text) {
        let text = prose(&piece.text);
        let mut fault = |what: String| faults.push(format!("{}:{}: {what}", page.display(), piece.line));
        for sentence in sentences(&text).filter(|sentence| words(sentence) > WORDS_OF_A_SENTENCE) {
            fault(format!("a sentence of {} words: {}", words(sentence), sentence.trim()));
        }
        let (count, most) =
            (words(&text), if piece.is_cell { WORDS_OF_A_CELL } else { WORDS_OF_A_PARAGRAPH });
        if count > most {
            fault(format!("{count} words in a {}", if piece.is_cell { "cell" } else { "paragraph" }));
        }
        let small = format!(" {}", text.to_lowercase());
        for phrase in PHRASES.iter().filter(|phrase| small.contains(**phrase)) {
            fault(format!("`{}`", phrase.trim()));
        }
    }
    faults
}

#[test]
fn pages_are_written_in_plain_words() {
    let faults: Vec<_> = pages().iter().flat_map(|(page, text)| faults(page, text)).collect();
    assert!(faults.is_empty(), "{} places:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn what_is_not_plain_is_found_where_it_stands() {
    let many = |count: usize| vec!["word"; count].join(" ");
    let found = |text: &str| faults(Path::new("x.md"), text);
    assert_eq!(found(&format!("# {}\n\n{}.\n", many(99), many(35))), Vec::<String>::new());
    assert!(found(&format!("\n{}.\n", many(36)))[0].starts_with("x.md:2: a sentence of 36 words"));
    assert_eq!(found(&format!("{}. {}.", many(30), many(30))), Vec::<String>::new());
    assert_eq!(found(&format!("{} 1.5 {}.", many(20), many(20))).len(), 1, "1.5 ends no sentence");
    let long = format!("{0}.\n{0}. {0}. {0}.", many(25));
    assert_eq!(found(&long), ["x.md:1: 100 words in a paragraph"]);
    assert_eq!(found(&long.replace('\n', "\n- ")), Vec::<String>::new());
    assert_eq!(found(&format!("| a | {0}. {0} |", many(21))), ["x.md:1: 42 words in a cell"]);
    assert_eq!(found(&format!("```sh\n{0}\n```\n\n    {0}\n\n`{0}`", many(50))), Vec::<String>::new());
    assert_eq!(found("You shall see.\n"), ["x.md:1: `shall`"]);
    assert_eq!(found("A shallow `shall `.\n"), Vec::<String>::new());
}
