//! Files of records: CSV with any separator and encoding, JSON lines, XLSX.

mod delimited;
mod json_lines;
mod watch;
mod workbook;

use std::io;
use std::path::{Path, PathBuf};

use encoding_rs::Encoding;

use crate::store::Record;

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
            "xlsx" => Some(Self::Workbook),
            _ => None,
        }
    }
}

pub use delimited::Writer;
pub use watch::{Watch, Watched, source};

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    pub format: Format,
    /// Of a CSV; found in its first line where it is not given.
    pub separator: Option<u8>,
    /// UTF-8 where none is given.
    pub encoding: Option<&'static Encoding>,
}

/// A file that is being read.
pub struct Records {
    pub columns: Vec<String>,
    /// Of a CSV.
    pub separator: Option<u8>,
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

/// Begins to read a file: its columns are known then.
pub fn read(path: &Path, layout: Layout) -> Result<Records, ReadError> {
    match layout.format {
        Format::Csv => delimited::read(path, layout),
        Format::JsonLines => json_lines::read(path, layout),
        Format::Workbook => workbook::read(path),
    }
}

/// An encoding by its name (WHATWG: "Encoding").
pub fn encoding(name: &str) -> Option<&'static Encoding> {
    Encoding::for_label(name.as_bytes())
}

/// Opens a file as UTF-8.
fn open(path: &Path, encoding: Option<&'static Encoding>) -> Result<Box<dyn io::BufRead>, ReadError> {
    let failed = |error| ReadError::Io { path: path.to_owned(), error };
    let Some(encoding) = encoding else {
        let file = std::fs::File::open(path).map_err(failed)?;
        return Ok(Box::new(io::BufReader::with_capacity(1 << 16, file)));
    };
    let bytes = std::fs::read(path).map_err(failed)?;
    let (text, _, has_errors) = encoding.decode(&bytes);
    if has_errors {
        let name = encoding.name();
        return Err(ReadError::Whole(format!("{}: it is not written in {name}", path.display())));
    }
    Ok(Box::new(io::Cursor::new(text.into_owned())))
}

/// What to say of bytes that are no UTF-8.
const NOT_UTF8: &str = "it is not UTF-8: name the encoding, for example --encoding windows-1252";
