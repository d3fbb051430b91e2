//! The log: one line an event, readable on a terminal, without a time of its own where the journal has one; as JSON on
//! request.

use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal};

use jiff::{Timestamp, tz::TimeZone};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::shown::Line;

use super::about::{self, Word};

/// The form of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people, and for the journal.
    Text,
    /// One object a line: `time`, `level`, `message`, and what the line speaks of.
    Json,
}

/// Events of this target say everything in their message already; their fields are for JSON alone.
pub const DELIVERY: &str = "delivery";

/// Sends all log lines to standard output. A second call changes nothing.
pub fn start(level: LevelFilter, format: Format) {
    let lines = LogLines {
        format,
        zone: TimeZone::system(),
        // systemd sets it where standard output is the journal, which has times and levels of its own.
        journal: std::env::var_os("JOURNAL_STREAM").is_some(),
        colours: io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    };
    // A database's notices may hold what a document does; its errors reach us as such.
    let filter = Targets::new().with_default(level).with_target("sqlx", LevelFilter::OFF);
    let layer = tracing_subscriber::fmt::layer().event_format(lines).with_writer(io::stdout);
    let _ = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
}

struct LogLines {
    format: Format,
    zone: TimeZone,
    journal: bool,
    colours: bool,
}

impl<S, N> FormatEvent<S, N> for LogLines
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let level = *event.metadata().level();
        if self.format == Format::Json {
            return json(out, event);
        }
        if self.journal {
            out.write_str(syslog_prefix(level))?;
        } else {
            let now = Timestamp::now().to_zoned_datetime(self.zone.clone());
            write!(
                out,
                "{:02}:{:02}:{:02}.{:03} ",
                now.hour(),
                now.minute(),
                now.second(),
                now.millisecond()
            )?;
        }
        let (on, off) = if self.colours { (colour(level), "\u{1b}[0m") } else { ("", "") };
        out.write_str(on)?;
        match level {
            Level::ERROR => out.write_str("error: ")?,
            Level::WARN => out.write_str("warning: ")?,
            _ => {}
        }
        // Texts from outside must not forge a line of their own, or paint the terminal.
        if event.metadata().target() == DELIVERY {
            let mut line = Message { out: &mut out, written: Ok(()) };
            event.record(&mut line);
            line.written?;
            return writeln!(out, "{off}");
        }
        let mut line = Words { text: String::new(), fields: String::new() };
        event.record(&mut line);
        if let Some(about) = about::current() {
            for (name, value) in about.values().filter(|(name, _)| !has(event, name)) {
                let _ = write!(line.fields, " {name}={}", Word(value)); // writing to a String cannot fail
            }
        }
        for part in [line.text, line.fields] {
            write!(out, "{}", Line(part))?;
        }
        writeln!(out, "{off}")
    }
}

/// Whether an event says something by this name itself.
fn has(event: &Event<'_>, name: &str) -> bool {
    event.fields().any(|field| field.name() == name)
}

fn json(mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
    let mut object = Object(serde_json::Map::new());
    let level = event.metadata().level().as_str().to_ascii_lowercase();
    let now =
        Timestamp::now().round(jiff::Unit::Millisecond).map_or_else(|_| String::new(), |t| t.to_string());
    object.0.insert("time".to_owned(), now.into());
    object.0.insert("level".to_owned(), level.into());
    event.record(&mut object);
    if let Some(about) = about::current() {
        for (name, value) in about.values().filter(|(name, _)| !has(event, name)) {
            object.0.insert(name.to_owned(), value.into());
        }
    }
    writeln!(out, "{}", Line(serde_json::Value::Object(object.0)))
}

struct Object(serde_json::Map<String, serde_json::Value>);

impl Visit for Object {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

/// The journal's own way to tell levels (sd-daemon(3)).
fn syslog_prefix(level: Level) -> &'static str {
    match level {
        Level::ERROR => "<3>",
        Level::WARN => "<4>",
        Level::INFO => "<6>",
        _ => "<7>",
    }
}

fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\u{1b}[31m",
        Level::WARN => "\u{1b}[33m",
        Level::INFO => "",
        _ => "\u{1b}[2m",
    }
}

/// The message alone, written as it comes.
struct Message<'o, 'w> {
    out: &'o mut Writer<'w>,
    written: fmt::Result,
}

impl Visit for Message<'_, '_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.written = write!(self.out, "{}", Line(format_args!("{value:?}")));
        }
    }

    // The other kinds would be formatted before they reach `record_debug`.
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.written = write!(self.out, "{}", Line(value));
        }
    }

    fn record_u64(&mut self, _: &Field, _: u64) {}

    fn record_f64(&mut self, _: &Field, _: f64) {}
}

struct Words {
    text: String,
    fields: String,
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let _ = write!(self.text, "{value:?}"); // writing to a String cannot fail
        } else {
            let _ = write!(self.fields, " {}={value:?}", field.name());
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.text.push_str(value);
        } else {
            let _ = write!(self.fields, " {}={}", field.name(), Word(value)); // writing to a String cannot fail
        }
    }
}
