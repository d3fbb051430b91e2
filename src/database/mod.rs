//! PostgreSQL databases of the customer's: a pool, read-only and bounded in time.
//!
//! Connections are made when first needed. A database that is down costs no delivery its time-out for long: see
//! [`Breaker`]. No error here holds a value of a document.

mod checked;
mod problem;
mod record;
mod search;
mod work;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgSslMode};
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::timeout_at;

use crate::breaker::{Breaker, Call};
use crate::secret::Secret;
use crate::slices::{Budget, Spent, sliced};
use crate::store::{Asked, Found, Query};

use work::{Failed, MEMORY, Texts, Work};

pub use checked::{Checked, look_at_all};
pub use problem::{DatabaseError, NoAddress};

/// A database as configured.
#[derive(Debug, Clone)]
pub struct Settings {
    pub name: String,
    /// `postgres://user@host:5432/database`, without a password.
    pub url: String,
    pub password: Option<Secret>,
    /// The CA of the server's certificate, beside those that browsers know.
    pub ca: Option<PathBuf>,
    /// Whether the connection is encrypted and the server's name checked.
    pub tls: bool,
    pub connections: u32,
    /// After which the server itself stops a query.
    pub statement_timeout: Duration,
}

/// A database, connected when first asked.
pub struct Database {
    pub name: String,
    options: PgConnectOptions,
    /// Whether its password is named and not there: then it is not asked.
    lacks_password: bool,
    connections: u32,
    pool: OnceLock<PgPool>,
    /// Queries that may be under way: as many as there are connections.
    turns: Semaphore,
    /// Host and database, for people.
    pub place: String,
    breaker: Breaker,
    has_trigrams: OnceCell<bool>,
    /// Of each table that was searched: its columns, and whether each is a text.
    tables: Mutex<HashMap<String, Vec<Column>>>,
}

impl Database {
    /// Nothing is connected yet.
    pub fn new(settings: &Settings) -> Result<Self, NoAddress> {
        let mut options: PgConnectOptions = settings.url.parse().map_err(|_| NoAddress::Url)?;
        if let Some(password) = &settings.password {
            let text = std::str::from_utf8(password.expose()).map_err(|_| NoAddress::Secret)?;
            options = options.password(text);
        }
        options = options
            .application_name("annex")
            .ssl_mode(if settings.tls { PgSslMode::VerifyFull } else { PgSslMode::Disable })
            .options([
                ("default_transaction_read_only", "on"),
                ("statement_timeout", &settings.statement_timeout.as_millis().to_string()),
            ])
            .disable_statement_logging();
        if let Some(ca) = &settings.ca {
            options = options.ssl_root_cert(ca);
        }
        let place = format!(
            "{} at {}",
            options.get_database().unwrap_or_else(|| options.get_username()),
            options.get_socket().map_or_else(
                || format!("{}:{}", options.get_host(), options.get_port()),
                |socket| socket.display().to_string()
            ),
        );
        Ok(Self {
            name: settings.name.clone(),
            options,
            lacks_password: settings.password.as_ref().is_some_and(Secret::is_absent),
            connections: settings.connections,
            pool: OnceLock::new(),
            turns: Semaphore::new(settings.connections as usize),
            place,
            breaker: Breaker::default(),
            has_trigrams: OnceCell::new(),
            tables: Mutex::default(),
        })
    }

    fn pool(&self) -> &PgPool {
        self.pool.get_or_init(|| {
            PgPoolOptions::new()
                .max_connections(self.connections)
                .idle_timeout(Duration::from_mins(10))
                .test_before_acquire(false) // a query on a connection that was lost is asked once more instead
                .connect_lazy_with(self.options.clone())
        })
    }

    /// Asks with the values of the fields, of an empty one `None`, until `deadline`; at most `most` records.
    pub async fn ask(
        &self,
        asked: &Asked,
        values: &[Option<String>],
        most: usize,
        deadline: Instant,
    ) -> Result<Found, DatabaseError> {
        match asked {
            Asked::Sql(query) => self.find(query, values, most, deadline).await,
            Asked::Search(search) => self.search(search, values, most, deadline).await,
            Asked::Documents(_) => Err(DatabaseError::Other(NO_DOCUMENTS.to_owned())),
        }
    }

    async fn find(
        &self,
        query: &Query,
        values: &[Option<String>],
        most: usize,
        deadline: Instant,
    ) -> Result<Found, DatabaseError> {
        let sql = rows_of(&query.sql, most);
        let values = values.iter().map(Option::as_deref).collect();
        let rows = self.patiently(deadline, &Texts { sql: &sql, values, least: None }).await?;
        Ok(record::found(&rows))
    }

    /// Whether the database answers and takes a query: its tables, columns and types, and this user's rights.
    pub async fn check(&self, asked: &Asked, deadline: Instant) -> Result<(), DatabaseError> {
        let (sql, values) = match asked {
            Asked::Sql(query) => (rows_of(&query.sql, 1), query.fields.len()),
            Asked::Documents(_) => return Err(DatabaseError::Other(NO_DOCUMENTS.to_owned())),
            Asked::Search(search) => {
                self.table(search, deadline).await?;
                (format!("SELECT * FROM {}", search::quoted(&search.dataset)), 0)
            }
        };
        let sql = format!("EXPLAIN {sql}"); // it looks at the rights too, and runs nothing
        self.patiently(deadline, &Texts { sql: &sql, values: vec![None; values], least: None }).await?;
        Ok(())
    }

    /// Whether the database answers, and what it is.
    pub async fn version(&self, deadline: Instant) -> Result<String, DatabaseError> {
        let ask = Texts { sql: "SHOW server_version", values: Vec::new(), least: None };
        Ok(self.patiently(deadline, &ask).await?.pop().unwrap_or_default())
    }

    /// Work with a connection, once more where that was lost meanwhile: it only reads.
    async fn patiently<W: Work>(&self, deadline: Instant, work: &W) -> Result<W::Done, DatabaseError> {
        if self.lacks_password {
            return Err(DatabaseError::NoPassword);
        }
        let asked = Instant::now();
        if let Some(pause) = self.breaker.pause(asked) {
            return Err(DatabaseError::Down(pause));
        }
        // The wait for others of ours comes before the call: it says nothing about the database.
        let turn = timeout_at(deadline.into(), self.turns.acquire()).await;
        let _turn = turn.map_err(|_| DatabaseError::Busy(self.connections))?;
        let call = self.breaker.admit(Instant::now()).map_err(DatabaseError::Down)?;
        let left = deadline.saturating_duration_since(Instant::now());
        let failed = |error, call: Call<'_>| {
            let error = DatabaseError::of(error, Instant::now() >= deadline);
            match error {
                DatabaseError::TooLong => _ = call.timed_out(left, deadline - asked, Instant::now()),
                _ => call.report(!matches!(error, DatabaseError::Unreachable(_)), Instant::now()),
            }
            error
        };
        // After a restart of the server each connection of the pool is lost.
        let mut lost = 0;
        loop {
            let mut connection = match timeout_at(deadline.into(), self.pool().acquire()).await {
                Ok(Ok(connection)) => connection,
                Ok(Err(error)) => return Err(failed(error, call)),
                Err(_) => {
                    let is_away = call.timed_out(left, deadline - asked, Instant::now());
                    return Err(if is_away {
                        DatabaseError::Unreachable("it did not answer in time".to_owned())
                    } else {
                        DatabaseError::Busy(self.connections)
                    });
                }
            };
            let budget = Budget::until(deadline).with_memory(MEMORY);
            let run = sliced(work.run(&mut connection, &budget));
            match timeout_at(deadline.into(), run).await {
                Ok(Ok(done)) => {
                    call.report(true, Instant::now());
                    return Ok(done);
                }
                Ok(Err(Failed::Sqlx(error))) if problem::is_lost(&error) && lost < self.connections => {
                    lost += 1;
                    drop(connection.detach());
                }
                Ok(Err(Failed::Sqlx(error))) => return Err(failed(error, call)),
                Ok(Err(Failed::Spent(Spent::Memory(most)))) => {
                    drop(connection.detach());
                    call.report(true, Instant::now());
                    return Err(DatabaseError::TooMuch(most));
                }
                Ok(Err(Failed::Spent(Spent::Time))) | Err(_) => {
                    // What it still says would be read by the next query.
                    drop(connection.detach());
                    return Err(DatabaseError::TooLong);
                }
            }
        }
    }

    fn known(&self, table: &str) -> Option<Vec<Column>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner).get(table).cloned()
    }

    fn remember(&self, table: &str, columns: &[Column]) {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.insert(table.to_owned(), columns.to_vec());
    }

    fn forget(&self, table: &str) {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner).remove(table);
    }
}

/// The configuration does not let it come so far.
const NO_DOCUMENTS: &str = "MongoDB's language is for datasets";

/// A column of a table.
#[derive(Debug, Clone)]
struct Column {
    name: String,
    is_text: bool,
}

/// Each row as JSON: PostgreSQL writes every type as text. The query may end with a remark.
fn rows_of(sql: &str, most: usize) -> String {
    format!("SELECT row_to_json(r)::text FROM ({sql}\n) r LIMIT {most}")
}
