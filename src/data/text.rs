//! A file of foreign text as UTF-8: what it is not (a page, a workbook, a PDF) and how it is written.

use std::fs::File;
use std::io::{self, BufRead, Read, Seek as _, SeekFrom};
use std::path::Path;

use super::encoding::{Decoding, Encoding};
use super::notes::Notes;
use super::{Format, Layout, ReadError};

/// Bytes at the beginning of a file that show what it is.
const BEGINNING: usize = 4 << 10;
/// Bytes that are decoded at a time.
const CHUNK: usize = 64 << 10;
/// What stands in a text for signs that were lost.
const LOST: &[u8] = "\u{fffd}".as_bytes();

/// What to say of bytes that are no UTF-8.
const NOT_UTF8: &str = "it is not UTF-8: name the encoding, for example --encoding windows-1252 (Western Europe), \
                        windows-1250 (Central Europe) or cp852 (DOS), in annex.toml encoding = \"windows-1250\"";

/// Opens a file; `notes` hears what is odd about it.
pub(super) fn open(path: &Path, layout: &Layout, notes: &Notes) -> Result<Text, ReadError> {
    let failed = |error| ReadError::Io { path: path.to_owned(), error };
    let mut file = File::open(path).map_err(failed)?;
    let mut beginning = Vec::with_capacity(BEGINNING);
    (&mut file).take(BEGINNING as u64).read_to_end(&mut beginning).map_err(failed)?;
    if is_utf_32(&beginning) {
        let what =
            "it is UTF-32, which nothing here reads: save it as UTF-8 (iconv -f utf-32 -t utf-8 FILE > NEW)";
        return Err(ReadError::Whole(format!("{}: {what}", path.display())));
    }
    if let Some(other) = other_kind(&beginning, layout.format) {
        return Err(ReadError::Whole(format!("{}: {other}", path.display())));
    }
    let (encoding, mark) = match (Encoding::of_mark(&beginning), layout.encoding) {
        (Some((of_mark, length)), given) => {
            if let Some(given) = given.filter(|given| *given != of_mark) {
                let (of_mark, given) = (of_mark.name(), given.name());
                notes.say(format!(
                    "it begins with the mark (BOM) of {of_mark} and is read so, not as {given}"
                ));
            }
            (of_mark, length)
        }
        (None, given) => (given.unwrap_or(Encoding::UTF_8), 0),
    };
    let text = &beginning[mark..];
    if text.is_empty() {
        return Err(ReadError::Whole(format!("{} is empty", path.display())));
    }
    if !encoding.is_utf_16() && text.contains(&0) {
        let zeros = |from: usize| text.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
        let what = match (zeros(0) * 4 > text.len(), zeros(1) * 4 > text.len()) {
            (false, true) => "it seems to be UTF-16 without a mark (BOM): --encoding utf-16le",
            (true, false) => "it seems to be UTF-16 without a mark (BOM): --encoding utf-16be",
            _ => "it has bytes of zero, as no text has: it is another kind of file, or damaged",
        };
        return Err(ReadError::Whole(format!("{}: {what}", path.display())));
    }
    file.seek(SeekFrom::Start(mark as u64)).map_err(failed)?;
    Ok(Text {
        file,
        encoding,
        decoding: encoding.decoder(),
        bytes: vec![0; CHUNK],
        out: Vec::new(),
        at: 0,
        line: 1,
        column: 1,
        problem: None,
        is_done: false,
        notes: notes.clone(),
    })
}

/// Whether a text is written in UTF-32: by its mark, or since every sign has two bytes of zero in the same place.
fn is_utf_32(bytes: &[u8]) -> bool {
    let all = |is: fn(&[u8]) -> bool| bytes.len() >= 8 && bytes.chunks_exact(4).all(is);
    bytes.starts_with(b"\xff\xfe\0\0")
        || bytes.starts_with(b"\0\0\xfe\xff")
        || all(|sign| sign[2..] == [0, 0] && sign[..2] != [0, 0])
        || all(|sign| sign[..2] == [0, 0] && sign[2..] != [0, 0])
}

/// What a file is, where it is no file of records.
fn other_kind(bytes: &[u8], format: Format) -> Option<&'static str> {
    const KINDS: [(&[u8], &str); 4] = [
        (
            b"PK\x03\x04",
            "it is a workbook (XLSX) or another ZIP file, no text: --format xlsx, or export it as CSV",
        ),
        (b"\xd0\xcf\x11\xe0", "it is an old workbook (XLS), no text: save it as XLSX or CSV"),
        (b"%PDF", "it is a PDF, no file of records"),
        (b"\x1f\x8b", "it is compressed (gzip): unpack it first"),
    ];
    if let Some((_, what)) = KINDS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Some(what);
    }
    let mark = Encoding::of_mark(bytes).map_or(0, |(_, length)| length);
    // Pages in UTF-16 too.
    let text: Vec<u8> = bytes[mark..].iter().copied().filter(|byte| *byte != 0).take(256).collect();
    let text = text.trim_ascii_start().to_ascii_lowercase();
    let begins = |all: &[&str]| all.iter().any(|with| text.starts_with(with.as_bytes()));
    if begins(&["<!doctype", "<html", "<head", "<body", "<script", "<!--"]) {
        return Some(
            "it is a web page (HTML), no file of records: whoever fetched it got a login or an error instead",
        );
    }
    if begins(&["<?xml", "<soap", "<error", "<workbook", "<table"]) {
        return Some(
            "it is XML, no file of records: perhaps an error of the system that it was fetched from",
        );
    }
    if format == Format::Csv && (begins(&["{\"", "[{\"", "[]"]) || &*text == b"{}") {
        return Some(
            "it is JSON, no CSV: --format jsonl reads an object a line; or it is an error of the system that it was fetched from",
        );
    }
    None
}

/// A file as UTF-8 text.
pub(super) struct Text {
    file: File,
    encoding: Encoding,
    decoding: Decoding,
    bytes: Vec<u8>,
    out: Vec<u8>,
    at: usize,
    /// Where what is decoded next begins.
    line: u64,
    column: u64,
    /// Said after what came before it.
    problem: Option<Undecoded>,
    is_done: bool,
    notes: Notes,
}

/// Bytes that stand for nothing.
#[derive(Debug, Clone, thiserror::Error)]
#[error("line {line}: {problem}")]
struct Undecoded {
    line: u64,
    problem: String,
}

impl Text {
    fn fill(&mut self) -> io::Result<()> {
        while self.at == self.out.len() && !self.is_done {
            if let Some(problem) = self.problem.take() {
                self.is_done = true;
                return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
            }
            let read = self.file.read(&mut self.bytes)?;
            self.out.clear();
            self.at = 0;
            let is_good = self.decoding.add(&self.bytes[..read], read == 0, &mut self.out);
            self.is_done = read == 0;
            self.count();
            if !is_good {
                self.is_done = false;
                let problem = if self.encoding == Encoding::UTF_8 {
                    format!("{NOT_UTF8} (the first such byte: column {})", self.column)
                } else {
                    format!("column {}: it is not written in {}", self.column, self.encoding.name())
                };
                self.problem = Some(Undecoded { line: self.line, problem });
            }
        }
        Ok(())
    }

    /// Counts lines and columns of what was decoded.
    fn count(&mut self) {
        let signs = |bytes: &[u8]| bytes.iter().filter(|byte| (**byte & 0xc0) != 0x80).count() as u64;
        if let Some(last) = self.out.iter().rposition(|byte| *byte == b'\n') {
            self.line += self.out.split(|byte| *byte == b'\n').skip(1).count() as u64;
            self.column = 1 + signs(&self.out[last + 1..]);
        } else {
            self.column += signs(&self.out);
        }
        if self.out.windows(LOST.len()).any(|bytes| bytes == LOST) {
            self.notes
                .say_once("signs were lost before the file came here: it holds U+FFFD, which stands for one");
        }
    }
}

impl Read for Text {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let from = self.fill_buf()?;
        let length = from.len().min(to.len());
        to[..length].copy_from_slice(&from[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Text {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.fill()?;
        Ok(&self.out[self.at..])
    }

    fn consume(&mut self, length: usize) {
        self.at += length;
    }
}

/// What went wrong while a text was read.
pub(super) fn problem(path: &Path, error: io::Error) -> ReadError {
    match error.get_ref().and_then(|inside| inside.downcast_ref::<Undecoded>()) {
        Some(Undecoded { line, problem }) => ReadError::Line { line: *line, problem: problem.clone() },
        None => ReadError::Io { path: path.to_owned(), error },
    }
}
