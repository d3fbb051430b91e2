//! `annex data`: the customer's own records, for steps to look things up in.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::clock;
use crate::data::{self, Encoding, FORMATS_OF, Format, Layout, Sheet};
use crate::shown::{Line, counted};
use crate::store::{Allowed, Change, Dataset, Import, Imported, Record, Refused, Store, StoreError};

use super::exit::{self, Failure, Mark, document, print, print_result};
use super::place::Place;
use super::progress::Shown;
use super::spooled::Spooled;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Import a CSV, JSON lines or XLSX file: all of it, or nothing if a line is wrong
    Import(ImportArguments),
    /// List the datasets
    List(Place),
    /// Show a dataset: its columns, size and first records
    Show(ShowArguments),
    /// Write a dataset to standard output
    Export(ExportArguments),
    /// Remove a dataset
    Drop(DropArguments),
}

#[derive(clap::Args)]
pub(super) struct ImportArguments {
    /// The name of the dataset
    name: String,
    /// The file; the first line of a CSV names the columns. `-` is standard input, and needs --format
    file: PathBuf,
    /// The key columns: no two records have the same values in them
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    key: Vec<String>,
    /// Columns to search by value: an index makes this fast
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    index: Vec<String>,
    /// Columns to search for similar texts: case, accents, punctuation and legal forms are ignored
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    near: Vec<String>,
    /// Update records whose key exists and add the others, instead of replacing the whole dataset
    #[arg(long, requires = "key")]
    update: bool,
    /// The format of the file [default: by its name]
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Option<Kind>,
    /// The separator of a CSV: one character, or `tab` [default: found in its first rows]
    #[arg(long, value_name = "CHAR", value_parser = separator)]
    separator: Option<u8>,
    /// The encoding of the text, such as windows-1250 or cp852 [default: from its byte order mark, or utf-8]
    #[arg(long, value_name = "NAME", value_parser = encoding)]
    encoding: Option<Encoding>,
    /// The sheet of a workbook, by name or number [default: the first visible sheet]
    #[arg(long, value_name = "SHEET")]
    sheet: Option<String>,
    /// The number of the line that names the columns [default: the first line with all columns of --key, --index and --near, or with values]
    #[arg(long, value_name = "LINE")]
    head: Option<u64>,
    /// How many rows at the end are not records, such as totals
    #[arg(long, value_name = "ROWS", default_value_t = 0)]
    foot: usize,
    /// Allow a file without records: the dataset becomes empty
    #[arg(long)]
    allow_empty: bool,
    /// Allow a file that has far fewer records than the dataset
    #[arg(long)]
    allow_shrink: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(clap::Args)]
pub(super) struct ShowArguments {
    /// The name of the dataset
    name: String,
    /// How many records to show
    #[arg(long, value_name = "N", default_value_t = 10)]
    limit: u64,
    #[command(flatten)]
    place: Place,
}

#[derive(clap::Args)]
pub(super) struct ExportArguments {
    /// The name of the dataset
    name: String,
    /// The format [default: csv; with --json jsonl]
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Option<Written>,
    #[command(flatten)]
    place: Place,
}

#[derive(clap::Args)]
pub(super) struct DropArguments {
    /// The name of the dataset
    name: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    Csv,
    /// One JSON object a line
    Jsonl,
    Xlsx,
}

/// A format that a dataset is written in.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Written {
    Csv,
    /// One JSON object a line
    Jsonl,
}

/// How standard input is named.
const STDIN: &str = "-";
/// Records that an export holds at a time.
const PAGE: u64 = 1_000;

pub(super) fn run(command: Command) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Import(arguments) => import(arguments).await,
            Command::List(place) => list(place).await,
            Command::Show(arguments) => show(arguments).await,
            Command::Export(arguments) => export(arguments).await,
            Command::Drop(arguments) => {
                let store = Store::existing(&arguments.place.enter()?).await?;
                let store = store.ok_or_else(|| StoreError::NoDataset(arguments.name.clone()))?;
                store.drop(&arguments.name).await?;
                store.close().await;
                let DropArguments { name, place } = arguments;
                let done = json!({"dataset": name, "dropped": true});
                print_result(place.json, done, format_args!("the dataset {name} is removed"))
            }
        }
    })
}

async fn open(place: &Place) -> Result<Store, Failure> {
    Ok(Store::open(&place.enter()?).await?)
}

/// To read only: nothing is made, and nothing changed.
async fn look(place: &Place, name: &str) -> Result<Store, Failure> {
    let store = Store::look(&place.enter()?).await?;
    Ok(store.ok_or_else(|| StoreError::NoDataset(name.to_owned()))?)
}

async fn import(arguments: ImportArguments) -> Result<(), Failure> {
    let layout = layout(&arguments)?;
    let ImportArguments { name, file, key, index, near, update, allow_empty, allow_shrink, place, .. } =
        arguments;
    let mut shown = Shown::begin(if file == Path::new(STDIN) { Path::new("standard input") } else { &file });
    let spooled = if file == Path::new(STDIN) { Some(Spooled::new()?) } else { None };
    let (said, from) = match &spooled {
        Some(spooled) => (Path::new("standard input"), spooled.path()),
        None => (file.as_path(), file.as_path()),
    };
    let read = data::read(from, &layout).map_err(|error| Failure::Because(error.of(said)))?;
    let notes = read.notes;
    let source = said.display().to_string();
    let allowed = Allowed::default();
    let allowed = Allowed { empty: allow_empty, shrink: if allow_shrink { 100 } else { allowed.shrink } };
    let import = Import {
        key,
        indexed: index,
        near,
        change: if update { Change::Update } else { Change::Replace },
        allowed,
        layout: &format!("{layout:?}"),
        notes: &|| notes.texts(),
        ..Import::new(&name, read.columns, &source)
    };
    let store = open(&place).await?;
    let records = read.records.map(|record| record.map_err(|error| StoreError::Source(error.of(said))));
    let done = store.import(&import, records, |progress| shown.tell(progress)).await;
    let done: Imported = match done {
        Ok(done) => done,
        Err(
            error @ (StoreError::Record { .. }
            | StoreError::Empty { .. }
            | StoreError::Shrunk { .. }
            | StoreError::Columns(_)),
        ) => {
            let text = format!("{}: {error}; nothing was changed", said.display());
            return Err(Failure::Because(text));
        }
        Err(StoreError::Source(problem)) => {
            return Err(Failure::Because(format!("{problem}; nothing was changed")));
        }
        Err(error) => return Err(error.into()),
    };
    store.close().await;
    drop(shown);
    if place.json {
        let mut said = json!({"dataset": name, "read": done.read, "records": done.records});
        if let Some(said) = said.as_object_mut().filter(|_| !done.notes.is_empty()) {
            said.insert("notes".to_owned(), json!(done.notes));
        }
        return print(said);
    }
    let with = read.separator.map(|separator| format!(", separated by {}", data::separator_name(separator)));
    let with = with.unwrap_or_default();
    print(format_args!(
        "{name}: {} read from {} ({}{with}); it has {}",
        counted(done.read, "record"),
        said.display(),
        counted(import.columns.len(), "column"),
        done.records
    ))?;
    done.notes.into_iter().try_for_each(|note| print(format_args!("  {} {}", Mark::Warning, Line(note))))
}

fn separator(text: &str) -> Result<u8, String> {
    data::separator(text).ok_or_else(|| "give one ASCII character, or tab".to_owned())
}

fn encoding(name: &str) -> Result<Encoding, String> {
    let why = "give an encoding such as windows-1250, windows-1252, iso-8859-2, cp852 or utf-16le";
    Encoding::of(name).ok_or_else(|| why.to_owned())
}

/// How the file is written, by the arguments.
fn layout(arguments: &ImportArguments) -> Result<Layout, Failure> {
    let ImportArguments { file, key, index, near, format, separator, encoding, sheet, head, foot, .. } =
        arguments;
    let format = match format {
        Some(Kind::Csv) => Format::Csv,
        Some(Kind::Jsonl) => Format::JsonLines,
        Some(Kind::Xlsx) => Format::Workbook,
        None => Format::of(file).ok_or_else(|| {
            let what = match file.to_str() {
                Some(STDIN) => "the format of standard input is not known".to_owned(),
                _ => format!("the name of {} does not show its format", file.display()),
            };
            Failure::usage(what, "add --format csv, --format jsonl or --format xlsx")
        })?,
    };
    let given = [separator.is_some(), encoding.is_some(), sheet.is_some(), head.is_some(), *foot > 0];
    for ((option, formats), _) in FORMATS_OF.iter().zip(given).filter(|(_, given)| *given) {
        if !formats.contains(&format) {
            let what = format!("--{option} is not for {}", format.words());
            return Err(Failure::usage(what, "leave it out, or correct --format"));
        }
    }
    Ok(Layout {
        separator: *separator,
        encoding: *encoding,
        sheet: sheet.as_ref().map(|sheet| match sheet.parse() {
            Ok(number) => Sheet::Number(number),
            Err(_) => Sheet::Name(sheet.clone()),
        }),
        head: *head,
        foot: *foot,
        needs: [key, index, near].into_iter().flatten().cloned().collect(),
        ..Layout::of(format)
    })
}

async fn list(place: Place) -> Result<(), Failure> {
    let (all, refused) = match Store::look(&place.enter()?).await? {
        Some(store) => (store.datasets().await?, store.refused().await?),
        None => (Vec::new(), Vec::new()),
    };
    if place.json {
        let refusal = |name: &str| json!(refused.iter().find(|refused| refused.name == name));
        let with = |dataset: &Dataset| {
            let mut shown = json!(dataset);
            if let Some(shown) = shown.as_object_mut() {
                shown.insert("refused".to_owned(), refusal(&dataset.name));
            }
            shown
        };
        let missing = refused.iter().filter(|refused| all.iter().all(|known| known.name != refused.name));
        let missing =
            missing.map(|refused| json!({"name": refused.name, "records": null, "refused": refused}));
        return print(Value::from(all.iter().map(with).chain(missing).collect::<Vec<_>>()));
    }
    if all.is_empty() && refused.is_empty() {
        return print("there are no datasets; to import one: annex data import NAME FILE");
    }
    for dataset in &all {
        print(line(dataset))?;
        refused.iter().filter(|refused| refused.name == dataset.name).try_for_each(tell)?;
    }
    for refused in refused.iter().filter(|refused| all.iter().all(|known| known.name != refused.name)) {
        print(format_args!("{}  never imported", refused.name))?;
        tell(refused)?;
    }
    Ok(())
}

/// That the file of a dataset is refused.
fn tell(refused: &Refused) -> Result<(), Failure> {
    let since = refused.since.map_or_else(|| "-".to_owned(), clock::display);
    print(format_args!("  {} its file has been refused since {since}: {}", Mark::Bad, Line(&refused.problem)))
}

fn line(dataset: &Dataset) -> String {
    let imported = dataset.imported.map_or_else(|| "-".to_owned(), clock::display);
    let Dataset { name, records, columns, source, .. } = dataset;
    let source = data::source(source);
    let (records, columns) = (counted(*records, "record"), counted(columns.len(), "column"));
    format!("{name}  {records}, {columns}, imported {imported} from {}", Line(source))
}

async fn show(arguments: ShowArguments) -> Result<(), Failure> {
    let store = look(&arguments.place, &arguments.name).await?;
    let dataset = store.known(&arguments.name).await?;
    let records = store.page(&dataset, 0, arguments.limit).await?;
    if arguments.place.json {
        let records: Vec<_> = records.into_iter().map(|(_, record)| object(&dataset, record)).collect();
        return print(json!({"dataset": dataset, "records": records}));
    }
    print(line(&dataset))?;
    store.refused().await?.iter().filter(|refused| refused.name == dataset.name).try_for_each(tell)?;
    for note in &dataset.notes {
        print(format_args!("  {} {}", Mark::Warning, Line(note)))?;
    }
    if !dataset.key.is_empty() {
        print(format_args!("key: {}", Line(dataset.key.join(", "))))?;
    }
    for (what, columns) in [("index", &dataset.indexed), ("similar texts", &dataset.near)] {
        if !columns.is_empty() {
            print(format_args!("{what}: {}", Line(columns.join(", "))))?;
        }
    }
    for (number, record) in records {
        print("")?;
        print(format_args!("#{number}"))?;
        for (column, value) in dataset.columns.iter().zip(record) {
            print(format_args!("  {}: {}", Line(column), Line(value.as_deref().unwrap_or("-"))))?;
        }
    }
    Ok(())
}

async fn export(arguments: ExportArguments) -> Result<(), Failure> {
    let store = look(&arguments.place, &arguments.name).await?;
    let dataset = store.known(&arguments.name).await?;
    let usual = if arguments.place.json { Written::Jsonl } else { Written::Csv };
    let mut out = Records::new(arguments.format.unwrap_or(usual));
    let mut after = 0;
    let mut is_read = exit::is_read(out.head(&dataset))?;
    while is_read {
        let page = store.page(&dataset, after, PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        is_read = exit::is_read(page.into_iter().try_for_each(|(_, record)| out.write(&dataset, record)))?;
    }
    exit::is_read(out.flush()).map(drop)
}

/// Records on their way out.
enum Records {
    Csv(Box<data::Writer<Box<dyn Write>>>),
    JsonLines(Box<dyn Write>),
}

impl Records {
    fn new(format: Written) -> Self {
        match format {
            Written::Csv => Self::Csv(Box::new(data::Writer::new(document()))),
            Written::Jsonl => Self::JsonLines(document()),
        }
    }

    fn head(&mut self, dataset: &Dataset) -> io::Result<()> {
        match self {
            Self::Csv(out) => out.write(dataset.columns.iter().map(String::as_str)),
            Self::JsonLines(_) => Ok(()),
        }
    }

    fn write(&mut self, dataset: &Dataset, record: Record) -> io::Result<()> {
        match self {
            Self::Csv(out) => out.write(record.iter().map(|value| value.as_deref().unwrap_or_default())),
            Self::JsonLines(out) => writeln!(out, "{}", object(dataset, record)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Csv(out) => out.flush(),
            Self::JsonLines(out) => out.flush(),
        }
    }
}

fn object(dataset: &Dataset, record: Record) -> Value {
    let values = record.into_iter().map(|value| value.map_or(Value::Null, Value::String));
    Value::Object(dataset.columns.iter().cloned().zip(values).collect::<Map<_, _>>())
}
