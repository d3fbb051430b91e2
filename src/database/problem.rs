//! What can go wrong with a database, in words that hold no value of a document.

use std::time::Duration;

use crate::unreached::io_words;

/// Why a text is no address of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAddress {
    #[error("this is not an address of a PostgreSQL database")]
    Url,
    #[error("the password is not a text")]
    Secret,
}

#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// It failed several times in a row and is left in peace.
    #[error("it was not asked: it failed before, the next try is in {} s", .0.as_secs() + 1)]
    Down(Duration),
    #[error("it was not asked: its password is not there, as was said at the start")]
    NoPassword,
    #[error("it took too long")]
    TooLong,
    /// Nothing is wrong with the database: queries of ours use all connections.
    #[error(
        "as many queries are under way as may be ({0}): it had no turn in time; `connections` makes them more"
    )]
    Busy(u32),
    #[error("what it found needs more memory than a query may take ({0} MiB)")]
    TooMuch(usize),
    #[error("the text of the field `{0}` is too long: no record is looked up by it")]
    LongText(String),
    #[error("it refuses: {text} (SQLSTATE {code}){}", hint(.code))]
    Refused { code: String, text: String },
    /// A value is none of the type that a query casts it to: the document's, or one of the table's. The server quotes it.
    #[error("a value is not of the type that the query needs (SQLSTATE {code})")]
    Value { code: String, quoted: Option<String> },
    #[error("there is no table {0}, or this user does not see it")]
    NoTable(String),
    #[error("the table {table} has no column {column}")]
    NoColumn { table: String, column: String },
    #[error("{0}")]
    Other(String),
}

/// What to do about an error of PostgreSQL's.
fn hint(code: &str) -> &'static str {
    match code {
        "42883" => "; a field is a text: cast it, as in `WHERE id = :vendor_id::integer`",
        "42501" => "; grant the user SELECT on it",
        "25006" => "; Annex only reads",
        "28P01" | "28000" => "; look at `url` and `password`",
        "53300" => "; lower `connections`, or raise the server's max_connections",
        _ => "",
    }
}

/// Classes of SQLSTATE whose texts name tables, columns, users and limits, and no values.
const SAFE: [&str; 8] = ["08", "25", "28", "3D", "42", "53", "55", "57"];

impl DatabaseError {
    /// Whether it is the database as a whole that does not answer.
    pub fn is_away(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_) | Self::Down(_) | Self::NoPassword | Self::TooLong | Self::Busy(_)
        )
    }

    pub(super) fn of(error: sqlx::Error, is_late: bool) -> Self {
        match error {
            sqlx::Error::Database(error) => {
                let code = error.code().unwrap_or_default().into_owned();
                let class = code.get(..2).unwrap_or_default();
                match code.as_str() {
                    "57014" => Self::TooLong,
                    "57P01" | "57P02" | "57P03" => Self::Unreachable(error.message().to_owned()),
                    _ if class == "08" => Self::Unreachable(error.message().to_owned()),
                    _ if class == "22" => Self::Value { quoted: quoted(error.message()), code },
                    _ if SAFE.contains(&class) => Self::Refused { text: error.message().to_owned(), code },
                    _ => Self::Refused { text: "an error of the server".to_owned(), code },
                }
            }
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::Protocol(_) if is_late => {
                Self::TooLong
            }
            sqlx::Error::Io(error) => Self::Unreachable(io_words(&error)),
            sqlx::Error::Tls(error) => Self::Unreachable(format!("TLS: {error}")),
            sqlx::Error::PoolTimedOut => Self::Unreachable("it did not answer in time".to_owned()),
            sqlx::Error::Protocol(error) => {
                Self::Unreachable(format!("it does not speak PostgreSQL's protocol: {error}"))
            }
            other => Self::Other(other.to_string()),
        }
    }
}

/// Whether a connection was lost, and another may do better.
pub(super) fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| matches!(&*code, "57P01" | "57P02" | "57P03"))
        }
        _ => false,
    }
}

/// What a message of the server has in quotes: the value that it could not take.
fn quoted(message: &str) -> Option<String> {
    let (_, rest) = message.split_once('"')?;
    rest.rsplit_once('"').map(|(value, _)| value.to_owned())
}
