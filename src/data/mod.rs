//! Files of records: CSV with any separator and encoding, JSON lines, XLSX. Whoever reads a table of foreign text reads it
//! here: the same encodings, the same refusals.

mod delimited;
mod encoding;
mod head;
mod json;
mod json_lines;
mod notes;
mod number_format;
mod refused;
mod separator;
mod table;
mod text;
mod watch;
mod workbook;

use std::io;
use std::path::{Path, PathBuf};

use crate::store::Record;

pub use delimited::Writer;
pub use encoding::Encoding;
pub use json::json;
pub use notes::Notes;
pub use refused::{Board, Refusal};
pub use watch::{Watch, Watched, source};

/// The kind of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Csv,
    JsonLines,
    /// XLSX.
    Workbook,
}

impl Format {
    /// By the end of the file's name.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" | "tsv" | "txt" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            "xlsx" | "xlsm" => Some(Self::Workbook),
            _ => None,
        }
    }
}

/// What not every format has, by its key in annex.toml; options of the command have the same names.
pub const FORMATS_OF: [(&str, &[Format]); 5] = [
    ("separator", &[Format::Csv]),
    ("encoding", &[Format::Csv, Format::JsonLines]),
    ("sheet", &[Format::Workbook]),
    ("head", &[Format::Csv, Format::Workbook]),
    ("foot", &[Format::Csv, Format::Workbook]),
];

impl Format {
    /// What is said of a file, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Csv => "a CSV",
            Self::JsonLines => "JSON lines",
            Self::Workbook => "a workbook",
        }
    }
}

/// How a file is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    pub format: Format,
    /// Of a CSV; found in its first rows where it is not given.
    pub separator: Option<u8>,
    /// UTF-8 where none is given, and no mark (BOM) says another.
    pub encoding: Option<Encoding>,
    /// Of a workbook; the first that is visible where none is given.
    pub sheet: Option<Sheet>,
    /// The line, or row, that names the columns; the first with values where none is given, or the first that has all
    /// columns which are needed.
    pub head: Option<u64>,
    /// So many rows at the end are no records.
    pub foot: usize,
    /// Columns that there must be.
    pub needs: Vec<String>,
}

impl Layout {
    pub fn of(format: Format) -> Self {
        let needs = Vec::new();
        Self { format, separator: None, encoding: None, sheet: None, head: None, foot: 0, needs }
    }
}

/// A sheet of a workbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sheet {
    Name(String),
    /// From 1.
    Number(usize),
}

/// What separates values, as a person writes it; `None` where that cannot be.
pub fn separator(text: &str) -> Option<u8> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Some(b'\t'),
        [one] if one.is_ascii() && !matches!(one, b'"' | b'\r' | b'\n' | b' ' | 0) => Some(*one),
        _ => None,
    }
}

/// A separator, for people.
pub fn separator_name(separator: u8) -> String {
    separator::name(separator)
}

/// A file that is being read.
pub struct Records {
    pub columns: Vec<String>,
    /// Of a CSV.
    pub separator: Option<u8>,
    /// What was skipped, and what else is to be said; complete when the last record was read.
    pub notes: Notes,
    /// Each record with its line, from 1.
    pub records: Box<dyn Iterator<Item = Result<(u64, Record), ReadError>>>,
}

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("cannot read {path}: {error}")]
    Io { path: PathBuf, error: io::Error },
    #[error("line {line}: {problem}")]
    Line { line: u64, problem: String },
    #[error("{0}")]
    Whole(String),
}

impl ReadError {
    /// With the file's name in it.
    pub fn of(&self, file: &Path) -> String {
        match self {
            Self::Line { .. } => format!("{}: {self}", file.display()),
            Self::Io { .. } | Self::Whole(_) => self.to_string(),
        }
    }
}

/// Begins to read a file: its columns are known then.
pub fn read(path: &Path, layout: &Layout) -> Result<Records, ReadError> {
    match layout.format {
        Format::Csv => delimited::read(path, layout),
        Format::JsonLines => json_lines::read(path, layout),
        Format::Workbook => workbook::read(path, layout),
    }
}
